"""Settings as whole values: those of an experiment by default, those that a store keeps, and names of tasks."""

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from silent import Silent

import stepsize as ss
from stepsize.errors import ArgumentError, DataError
from stepsize.lab import SIX_SCHEDULES, Experiment, compare, load_task
from stepsize.lab.environment import environment, resolved_device
from stepsize.lab.names import is_folder, task_name
from stepsize.lab.tasks.by_name import lasting_name
from stepsize.pytorch import Plateau
from stepsize.store import load_runs

RATES = {  # at the beginning, the middle and the last update of ten epochs of 100 updates
    "fixed": (0.3, 0.3, 0.3),
    "square-root": (0.1, 0.1 / math.sqrt(6), 0.1 / math.sqrt(10)),
    "factor": (0.6, 0.6 * 0.8**5, 0.6 * 0.8**9),
    "multi-factor": (0.5, 0.25, 0.125),
    "cosine": (0.2, 0.11, 0.02),
    "warmup-cosine": (0.0, 0.02 + 0.09 * (1 + math.cos(math.pi * 2 / 7)), 0.02),
}


def test_the_six_schedules_of_a_comparison_have_the_rates_of_their_names():
    horizon = ss.Horizon(samples=1000, batch=10, epochs=10)
    for name, text in SIX_SCHEDULES.items():
        rates = ss.parse(text, horizon)([0, 500, 999])
        np.testing.assert_allclose(rates, RATES[name], rtol=1e-12, atol=2e-6, err_msg=name)


DEFAULTS = {
    "schedules": SIX_SCHEDULES,
    "task": "fashion-mnist",
    "epochs": 3,
    "steps": None,
    "samples": None,
    "seeds": [0],
    "batch_size": None,
    "accumulation": 1,
    "drop_last": False,
    "optimizer": "sgd",
    "optimizer_args": {},
    "weight_decay": None,
    "feedback": {},
    "clip_norm": None,
    "precision": "fp32",
    "device": "auto",
    "engine": "auto",
    "runs_at_once": None,
    "log_every": 50,
    "checkpoint_every": 500,
    "loss_limit": "inf",
    "until_told": False,
    "most_seeds": 20,
    "margin": None,
    "tune_peak": 0,
    "metric": None,
    "mode": None,
    "command": None,
    "timeout": None,
    "held_out": False,
    "functions": False,
    "digests": [],
}


def test_the_default_experiment_setting_by_setting():
    assert Experiment().as_dict() == DEFAULTS
    assert Experiment().loss_limit == math.inf


def test_every_setting_is_kept_as_it_was_given():
    given = {
        "schedules": {"a": "Constant(0.1)", "b": ss.Linear(0.2, 0.0, 20)},
        "task": Path("own.py:train"),
        "epochs": 4,
        "steps": 21,
        "samples": 22,
        "seeds": (3, 5),
        "batch_size": 23,
        "accumulation": 2,
        "drop_last": True,
        "optimizer": "adamw",
        "optimizer_args": {"betas": [0.5, 0.75], "eps": 1e-7},
        "weight_decay": 0.25,
        "feedback": {"b": Plateau("max", metric="test_accuracy")},
        "clip_norm": 1.5,
        "precision": "bf16",
        "device": torch.device("cpu"),
        "engine": "ray",
        "runs_at_once": 6,
        "log_every": 7,
        "checkpoint_every": 8,
        "loss_limit": 9.5,
        "until_told": True,
        "most_seeds": 10,
        "margin": 0.125,
        "tune_peak": 11,
        "metric": "f1",
        "mode": "max",
        "timeout": 12,
        "held_out": True,
        "functions": True,
        "digests": ["train inputs: ..."],
    }
    kept = Experiment(**given).as_dict()
    texts = {
        "schedules": {"a": "Constant(0.1)", "b": "Linear(0.2, 0.0, 20)"},
        "task": "own.py:train",
        "device": "cpu",
        "seeds": [3, 5],
        "optimizer_args": {"betas": (0.5, 0.75), "eps": 1e-7},
        "weight_decay": "Constant(0.25)",
        "feedback": {"b": str(Plateau("max", metric="test_accuracy"))},
        "command": None,
    }
    assert kept == {**given, **texts}
    assert Experiment.of_dict(kept).as_dict() == kept


@pytest.mark.usefixtures("in_process", "one_thread")
@pytest.mark.parametrize("more", [{}, {"until_told": True, "most_seeds": 2, "margin": 9.0}])
def test_a_store_keeps_the_settings_and_what_its_reports_need(tmp_path, more):
    schedules = {"low": "Constant(0.01)", "high": 'Linear(0.2, 0.0, "100%")'}
    asked = Experiment(schedules, "own_tasks:line", epochs=2, batch_size=16, accumulation=2, device="cpu", **more)
    comparison = compare(asked, tmp_path / "out", display=Silent())
    seeds = (0, 1) if more else (0,)
    settled = replace(asked, engine="local", seeds=seeds, digests=load_task("own_tasks:line").digests)
    assert comparison.experiment == settled
    looks = {"looks": [2]} if more else {}
    assert load_runs(tmp_path / "out").settings == {
        "experiment": settled.as_dict(),
        "data": "The data are the task's own.",
        "accuracy": "none: the task has correct=None",
        "network": "Linear",
        "steps": 4,
        "trains_itself": False,
        "trials": [],
        "chance": None,
        **looks,
    }
    assert [(run.name, run.schedule, run.seed) for run in load_runs(tmp_path / "out").outcomes()] == [
        line for seed in seeds for line in (("low", "Constant(0.01)", seed), ("high", "Linear(0.2, 0.0, 4)", seed))
    ]


def test_the_environment_has_the_versions_and_the_machine():
    found = environment("cpu")
    assert list(found) == [
        *("time", "stepsize", "revision", "python", "numpy", "torch", "system", "cpu_capability", "device", "threads"),
    ]
    assert (found["stepsize"], found["torch"], found["numpy"]) == (ss.__version__, torch.__version__, np.__version__)
    assert (found["device"], found["threads"]) == ("cpu", "1")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", found["time"])


@pytest.mark.parametrize(
    ("gpu", "available"), [(True, '"auto", "cpu" or "cuda"'), (False, '"auto" or "cpu" on this machine')]
)
def test_a_device_that_is_not_here_is_refused_with_those_that_are(monkeypatch, gpu, available):
    monkeypatch.setattr("torch.cuda.is_available", lambda: gpu)
    assert resolved_device("auto") == ("cuda" if gpu else "cpu")
    assert resolved_device(torch.device("cpu")) == "cpu"
    with pytest.raises(ArgumentError) as refused:
        resolved_device("xpu:3", "train")
    assert str(refused.value) == f"train(device=...) must be {available}, got 'xpu:3'"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working directory with a folder, a module in a package, and a file."""
    monkeypatch.chdir(tmp_path)
    for name in ("data/images", "digits/images", "own/module.py", "alone.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def test_a_name_is_that_of_a_task_of_ours_a_function_or_a_folder(here, monkeypatch):
    monkeypatch.setenv("HOME", str(here))
    names = ("fashion-mnist", "digits", "stdlib-lm", "own.module:make", "own/alone.py:make", "data", "~/data")
    assert [task_name("load_task", "task", name) for name in names] == [*names]
    assert [name for name in names if is_folder(name)] == ["data", "~/data"]
    assert [lasting_name(name) for name in names] == [
        *("fashion-mnist", "digits", "stdlib-lm", "own.module:make"),
        *(f"{here}/own/alone.py:make", f"{here}/data", f"{here}/data"),
    ]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("digts", 'no task is called "digts"; did you mean "digits"?'),
        (
            "zzz",
            'no task is called "zzz"; write fashion-mnist, digits, stdlib-lm, a folder that exists, '
            "package.module:function or file.py:function",
        ),
        (
            "data/none",
            'the task "data/none" is not a folder that exists; write fashion-mnist, digits, stdlib-lm, a folder that '
            "exists, package.module:function or file.py:function",
        ),
        ("alone.py", "alone.py names no function; write alone.py:FUNCTION"),
        ("own.module.make", 'no task is called "own.module.make"; write own.module:make'),
        ("alone.make", 'no task is called "alone.make"; write alone:make'),
    ],
)
def test_a_name_of_no_task_is_refused_with_what_to_write(here, name, words):
    with pytest.raises(DataError) as refused:
        task_name("load_task", "task", name)
    assert str(refused.value) == f"load_task(task=...): {words}"


@pytest.mark.parametrize(
    ("settings", "samples", "size", "steps"),
    [
        ({}, 1000, 1000, 12),
        ({"epochs": 2, "batch_size": 100}, 1000, 1000, 20),
        ({"epochs": 2, "batch_size": 100, "accumulation": 3}, 1000, 1000, 8),
        ({"epochs": 2, "batch_size": 300, "drop_last": True}, 1000, 1000, 6),
        ({"batch_size": 100, "samples": 400}, 1000, 400, 12),
        ({"batch_size": 100, "samples": 4000}, 1000, 1000, 30),
        ({"batch_size": 100, "held_out": True}, 1000, 800, 24),
        ({"batch_size": 100, "held_out": True, "samples": 404}, 1000, 324, 12),
        ({"batch_size": 100, "samples": 400}, None, 400, 12),
        ({"steps": 20}, None, 7 * 256, 20),
        ({"steps": 20, "batch_size": 10, "accumulation": 2, "epochs": 4}, None, 100, 20),
    ],
)
def test_the_length_of_a_run_follows_from_the_samples_and_the_settings(settings, samples, size, steps):
    horizon = Experiment(**settings).horizon(samples)
    assert (horizon.samples, horizon.steps) == (size, steps)
