"""Which engine trains the runs, and how it is chosen."""

import multiprocessing
import re
from pathlib import Path

import pytest
import torch
from silent import Silent
from torch import nn
from typer.testing import CliRunner

from stepsize.cli import app
from stepsize.errors import ArgumentError, RunError
from stepsize.lab import Experiment, Task, compare
from stepsize.lab.engines import choice, runs
from stepsize.lab.engines.choice import ENGINES, chosen
from stepsize.lab.engines.failures import joined, reason
from stepsize.lab.engines.workers import refuse_in_a_starting_process
from stepsize.lab.environment import environment
from stepsize.lab.experiment_file import EXAMPLE
from stepsize.lab.tasks import by_name
from stepsize.lab.tasks.images import digits, digits_net, lenet


def test_an_unknown_engine_is_refused():
    with pytest.raises(ArgumentError, match=r'engine=.*"local" or "stacked" or "ray".*did you mean "stacked"'):
        Experiment(task="digits", engine="stackd")


def test_every_engine_has_a_name_in_the_file_and_on_the_command_line():
    help_text = re.sub(r"\s+", "", CliRunner().invoke(app, ["compare", "--help"], env={"COLUMNS": "200"}).output)
    for name in ENGINES:
        assert f'"{name}"' in EXAMPLE
        assert name in help_text


def test_choosing_an_engine_leaves_the_setting_at_auto():
    experiment = Experiment(task="digits", device="cpu")
    assert experiment.engine == "auto"
    assert chosen(experiment) in ENGINES
    assert Experiment.of_dict(experiment.as_dict()).engine == "auto"


TWO = {"flat": "Constant(0.1)", "down": 'Linear(0.2, 0.0, "100%")'}
COOLDOWNS = {f"at {at}": f"Constant(0.1).cooldown({at}, 20)" for at in range(60, 160, 20)}
PLAN = {"plan": 'Plan(lr=Constant(0.1), momentum=Linear(0.9, 0.5, "100%"))'}


@pytest.mark.parametrize(
    ("settings", "engine"),
    [
        ({"task": "digits"}, "stacked"),
        ({"task": "digits", "schedules": TWO, "seeds": range(3)}, "stacked"),
        ({"task": "digits", "schedules": TWO, "seeds": range(2)}, "local"),
        ({"task": "digits", "seeds": (0,), "schedules": dict.fromkeys("abcde", "Constant(0.1)")}, "local"),
        ({"task": "digits", "seeds": range(5), "schedules": {"flat": "Constant(0.1)"}}, "stacked"),
        ({"task": "digits", "optimizer": "rmsprop"}, "local"),
        (
            {"task": "digits", "schedules": {**TWO, **PLAN}, "optimizer_args": {"momentum": 0.9}, "seeds": (0, 1)},
            "local",
        ),
        ({"task": "test_engines:wide"}, "local"),
        ({"task": "test_engines:wide", "engine": "stacked"}, "stacked"),
        ({"task": "test_engines:residual"}, "local"),
        ({"task": "digits", "schedules": COOLDOWNS, "epochs": 30}, "local"),
    ],
)
def test_auto_stacks_what_is_faster_in_a_stack_on_two_cores(monkeypatch, settings, engine):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setattr(choice, "cores", lambda: 2)
    assert chosen(Experiment(device="cpu", **settings)) == engine


def test_more_cores_leave_fewer_runs_for_each(monkeypatch):
    monkeypatch.setattr(choice, "cores", lambda: 4)
    assert chosen(Experiment(task="digits", device="cpu")) == "local"
    assert chosen(Experiment(task="digits", device="cpu", seeds=(0, 1))) == "stacked"


def test_the_multiply_adds_of_the_built_in_networks():
    assert choice.multiply_adds(digits_net(), torch.ones(1, 1, 8, 8)) == 91_776
    assert choice.multiply_adds(lenet(), torch.ones(1, 1, 28, 28)) == 416_520


X, Y = torch.ones(8, 3, 16, 16), torch.zeros(8, dtype=torch.int64)


def wide():
    """A chain that takes longer in a stack."""
    return Task(lambda: nn.Sequential(nn.Flatten(), nn.Linear(768, 700), nn.ReLU(), nn.Linear(700, 2)), (X, Y), (X, Y))


class Residual(nn.Module):
    """No chain: it is vectorised, which is slower from smaller sizes on."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 2, 16)

    def forward(self, x):
        x = self.first(x)
        return self.last(x + x.relu()).flatten(1)


def residual():
    return Task(Residual, (X, Y), (X, Y))


def test_a_worker_that_runs_the_script_again_is_refused(monkeypatch):
    monkeypatch.setattr(multiprocessing.current_process(), "_inheriting", True, raising=False)
    with pytest.raises(
        RunError,
        match=r"each process that trains imports the script that started it; put the code of the script under "
        r'`if __name__ == "__main__":`$',
    ):
        refuse_in_a_starting_process()


def test_a_stack_too_large_for_the_memory_names_a_size_to_try(tmp_path, monkeypatch, in_process):
    def full(*arguments):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(runs, "make_runs", full)
    asked = Experiment(
        {"flat": "Constant(0.1)"}, "own_tasks:dropping", engine="stacked", seeds=range(5), runs_at_once=5
    )
    words = "there is not enough memory for 5 runs at once; start over in another directory with runs_at_once=2"
    with pytest.raises(RunError, match=words):
        compare(asked, tmp_path / "out", display=Silent())


def inner(value):
    return 1 / value


def test_the_reason_of_a_failure_names_the_last_of_the_users_own_lines():
    with pytest.raises(ZeroDivisionError) as caught:
        inner(0)
    line = inner.__code__.co_firstlineno + 1
    assert reason(caught.value) == f"ZeroDivisionError('division by zero') in test_engines.py, line {line}"


def test_failures_of_one_reason_are_told_once_and_five_reasons_in_all():
    many = joined([RunError(f"reason {number // 3}") for number in range(24)])
    assert str(many).splitlines() == [*(f"reason {number}" for number in range(5)), "and 3 more failed"]


def test_without_git_the_revision_is_not_known(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert environment("cpu")["revision"] == ""


def test_digits_stand_in_for_a_data_set_that_cannot_be_had(tmp_path, monkeypatch, in_process):
    monkeypatch.setitem(by_name._BUILT_IN, "fashion-mnist", digits)
    by_name.load_task.cache_clear()
    asked = Experiment({"flat": "Constant(0.1)"}, "fashion-mnist", samples=64, epochs=1, device="cpu")
    assert compare(asked, tmp_path / "out", display=Silent()).experiment.task == "digits"
    by_name.load_task.cache_clear()
