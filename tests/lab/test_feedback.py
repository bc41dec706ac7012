"""Plateaus beside the schedules of a comparison: what they follow, the rates they lead to, kills, and refusals."""

import numpy as np
import pytest
import torch
from commands import numbers
from ray_stand_in import stand_in
from silent import Silent
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torch.optim.optimizer import register_optimizer_step_pre_hook

from stepsize.errors import ArgumentError, ParseError
from stepsize.lab import Experiment, compare, read_experiment, resume
from stepsize.lab.engines.choice import chosen
from stepsize.lab.report.tables import grouped
from stepsize.plots.curves import rate_trace
from stepsize.pytorch import Plateau
from stepsize.store import load_runs

SCHEDULES = {"plain": "Constant(0.01)", "flat": "Constant(0.01)", "falling": 'Linear(0.01, 0.0, "100%")'}
PLATEAU = {"factor": 0.5, "patience": 0, "threshold": 0.3}
FEEDBACK = {
    "flat": Plateau(**PLATEAU, metric="train_loss"),
    "falling": "Plateau(factor=0.5, patience=1, threshold=0.5)",
}
SETTINGS = {
    "task": "own_tasks:dropping",
    "epochs": 6,
    "seeds": (0, 1),
    "batch_size": 8,
    "optimizer": "adamw",
    "log_every": 3,
    "checkpoint_every": 5,
    "device": "cpu",
}


def asked(**more):
    return Experiment(**{"schedules": SCHEDULES, "feedback": FEEDBACK, **SETTINGS, **more})


@pytest.fixture
def _here(in_process, one_thread):
    """The jobs are done in this process."""


class Interrupting(Silent):
    """Raises Ctrl-C in the middle of an epoch, after a first reduction."""

    seen = 0

    def logged(self, *_):
        self.seen += 1
        if self.seen == 14:
            raise KeyboardInterrupt


@pytest.mark.usefixtures("_here")
def test_each_update_uses_the_rate_that_pytorchs_plateau_would_and_this_is_drawn(tmp_path):
    used = []
    hook = register_optimizer_step_pre_hook(lambda optimizer, *_: used.append(optimizer.param_groups[0]["lr"]))
    try:
        compare(asked(), tmp_path / "out", display=Silent())
    finally:
        hook.remove()
    runs = load_runs(tmp_path / "out").runs()
    flat = [run for run in runs if run.name == "flat"]
    for run in flat:
        judge = ReduceLROnPlateau(torch.optim.SGD([torch.zeros(1)], lr=0.01), **PLATEAU)
        expected = [0.01]
        for epoch in run.epochs[:-1]:
            judge.step(epoch.train_loss)
            expected += judge.get_last_lr()
        assert [point.lr for point in run.points if point.step % 8 == 0] == expected
    assert all(run.points[-1].lr < 0.01 for run in flat)
    for run, rates in zip(runs, np.split(np.array(used), len(runs)), strict=True):
        trace = rate_trace(run)
        assert np.interp(np.arange(48), trace.x, trace.y) == pytest.approx(rates, rel=1e-12)
    assert {point.lr for run in runs if run.name == "plain" for point in run.points} == {0.01}, "it shares nothing"
    assert flat[0].schedule == f"Constant(0.01) with {FEEDBACK['flat']}"
    assert runs[0].schedule == "Constant(0.01)"
    report = (tmp_path / "out" / "report.html").read_text()
    assert "Constant(0.01) with Plateau(factor=0.5, patience=0" in report
    assert grouped(runs).keys() == SCHEDULES.keys()


@pytest.mark.usefixtures("_here")
def test_interrupted_and_on_ray_the_bits_are_the_same(tmp_path, monkeypatch):
    compare(asked(), tmp_path / "whole", display=Silent())
    with pytest.raises(KeyboardInterrupt):
        compare(asked(), tmp_path / "out", display=Interrupting())
    resume(tmp_path / "out", display=Silent())
    assert numbers(tmp_path / "out") == numbers(tmp_path / "whole")
    stand_in(monkeypatch)
    compare(asked(engine="ray"), tmp_path / "ray", display=Silent())
    assert numbers(tmp_path / "ray") == numbers(tmp_path / "whole")


@pytest.mark.usefixtures("_here")
def test_tuning_and_held_out_samples_go_with_feedback(tmp_path):
    found = compare(asked(tune_peak=2, epochs=2, seeds=(0,)), tmp_path / "tuned", display=Silent())
    assert dict(found.experiment.feedback) == dict(asked().feedback)
    trials = load_runs(tmp_path / "tuned" / "tuning").runs()
    assert {run.name.split(",")[0] for run in trials if " with Plateau(" in run.schedule} == set(FEEDBACK)
    compare(asked(held_out=True, epochs=2), tmp_path / "held_out", display=Silent())


@pytest.mark.parametrize(
    ("feedback", "message"),
    [
        ({"flut": "Plateau()"}, r"feedback\['flut'\].* for a schedule of the experiment.*did you mean \"flat\"\?"),
        ({"flat": "Plateau(metric='test_accuracy')"}, 'higher one is better, so write mode="max"'),
        ({"flat": Plateau("max", metric="train_loss")}, 'lower one is better, so write mode="min"'),
        (
            {"flat": Plateau(metric="val_loss")},
            "must be a Plateau whose metric is one of train_loss, train_accuracy, test_loss, test_accuracy, got "
            "'val_loss'; did you mean \"train_loss\"",
        ),
        ({"flat": Plateau}, "a Plateau or its text, got Plateau"),
        ((("flat", "Plateau()"), ("flat", "Plateau()")), "one Plateau for each schedule, got 'flat'"),
        ("Plateau()", r"plateaus by the names of their schedules.*write e.g. feedback="),
    ],
)
def test_what_cannot_be_feedback_is_refused(feedback, message):
    with pytest.raises(ArgumentError, match=message):
        asked(feedback=feedback)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Plateau(factor=2, patience=-1)", r"factor=\.\.\.\) must be.*\n(.*\n)*.*patience=\.\.\.\) must be"),
        ("Plateau(patience='2ep')", "whole number of at least 0, got '2ep'"),
        ("Plateau(pateince=2)", 'no argument "pateince"; did you mean "patience"'),
        ("ReduceLROnPlateau(factor=0.5)", r"not a Plateau; write e.g. Plateau\(factor=0.5, patience=2\)"),
        ("__import__('os').abort()", "not a Plateau"),
    ],
)
def test_a_text_that_is_no_plateau_is_refused_at_its_place(text, message):
    with pytest.raises(ParseError, match=message) as caught:
        asked(feedback={"flat": text})
    assert "feedback['flat']" in str(caught.value)


def test_a_file_gives_the_line_of_each_problem(tmp_path):
    (file := tmp_path / "e.toml").write_text(
        "[schedules]\na = 'Constant(0.1)'\n[feedback]\na = 'Plateau(1)'\nb = 'Plateau(factor=1)'\n"
    )
    with pytest.raises(ParseError, match=r"(?s)line 4: feedback.a: .*line 5: feedback.b: ") as caught:
        read_experiment(file)
    assert len(caught.value.problems) == 2


def test_runs_with_feedback_are_not_stacked():
    with pytest.raises(ArgumentError, match=r"left out for stacked runs.*engine='local'"):
        chosen(asked(engine="stacked"))
    assert chosen(asked()) == "local"


def test_an_experiment_with_feedback_is_its_dictionary():
    experiment = asked()
    assert Experiment.of_dict(experiment.as_dict()).feedback == experiment.feedback
