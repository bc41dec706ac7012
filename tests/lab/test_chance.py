"""Runs at chance level are pointed out: the rule, and that it finds a rate of 0 and one that is far too large."""

import math
from dataclasses import replace

import pytest
import torch
from silent import Silent
from torch import nn
from torch.nn import functional

from stepsize.errors import ArgumentError
from stepsize.lab import Experiment, Task, compare, resume
from stepsize.lab.report.summary_table import result_line
from stepsize.lab.statistics.findings import Terms
from stepsize.lab.tasks.chance import Chance
from stepsize.store.run import Epoch, Point, Run

X = torch.linspace(-1.0, 1.0, 64)[:, None]
TARGETS = torch.tensor([0] * 32 + [1] * 16 + [2] * 16)
ENTROPY = 0.5 * math.log(2) + 0.5 * math.log(4)


def task_of(loss, targets=TARGETS, correct="auto"):
    return Task(lambda: nn.Linear(1, 3), (X, targets), (X, targets), loss, correct)


def run(*epochs, status="finished"):
    """A run with these test losses and accuracies."""
    rows = tuple(Epoch(place, 1.0, 0.5, *each) for place, each in enumerate(epochs, start=1))
    return Run("a", "Constant(0.1)", 3, (Point(1, 0.1, 1.0, 0.5),), rows, 1.0, status)


def test_chance_is_what_one_prediction_for_every_sample_reaches():
    chance = Chance.of(task_of(functional.cross_entropy))
    assert (chance.accuracy, chance.samples) == (0.5, 64)
    shares = torch.tensor([0.5, 0.25, 0.25]).log().expand(64, 3)
    assert chance.loss == pytest.approx(functional.cross_entropy(shares, TARGETS).item()) == pytest.approx(ENTROPY)
    assert chance.highest == 0.5 + 2 * 0.5 / 8


@pytest.mark.parametrize(
    ("loss", "targets", "expected"),
    [
        (nn.CrossEntropyLoss(), torch.where(TARGETS == 2, -100, TARGETS), math.log(3) - 2 / 3 * math.log(2)),
        (
            nn.CrossEntropyLoss(ignore_index=255),
            torch.where(TARGETS == 2, 255, TARGETS),
            math.log(3) - 2 / 3 * math.log(2),
        ),
        (nn.CrossEntropyLoss(label_smoothing=0.1), TARGETS, None),
        (nn.NLLLoss(weight=torch.ones(3)), TARGETS, None),
        (nn.BCEWithLogitsLoss(pos_weight=torch.ones(1)), (TARGETS[:, None] > 0).float(), None),
        (functional.binary_cross_entropy_with_logits, (TARGETS[:, None] > 0).float(), math.log(2)),
        (nn.BCELoss(), (TARGETS[:, None] > 0).float(), math.log(2)),
        (lambda outputs, targets: functional.cross_entropy(outputs, targets), TARGETS, None),
    ],
)
def test_the_loss_counts_only_if_it_is_a_plain_cross_entropy(loss, targets, expected):
    chance = Chance.of(task_of(loss, targets))
    assert chance.loss == (expected if expected is None else pytest.approx(expected))
    assert chance.samples == 64


def test_there_is_no_chance_level_without_classes():
    assert Chance.of(task_of(functional.mse_loss, X)) is None
    batches = [(X, TARGETS)]
    assert Chance.of(Task(lambda: nn.Linear(1, 3), batches, batches)) is None
    assert Chance.of(task_of(functional.cross_entropy, torch.zeros_like(TARGETS))) is None
    assert Chance.of(task_of(functional.cross_entropy, correct=lambda outputs, targets: targets.sum())) is None


@pytest.mark.parametrize(
    ("logged", "expected"),
    [
        (run((0.9, 0.6), (0.8, 0.62)), True),  # not above the highest, 0.625
        (run((0.9, 0.6), (0.8, 0.7)), False),
        (run((0.9, 0.7), (0.8, 0.6)), True),  # it was above, and came down again
        (run((1.1, 0.7), (1.2, 0.8)), True),  # its loss was never below the entropy, 1.04
        (run((0.9, 0.7), (1.2, 0.8)), False),  # it overfits
        (run((0.9, math.nan)), False),
        (run((9.0, 0.1), status="diverged"), False),
    ],
)
def test_a_run_is_at_chance_level_by_its_accuracy_or_by_its_loss(logged, expected):
    chance = Chance.of(task_of(functional.cross_entropy))
    assert chance.holds(logged) is expected
    assert bool(chance.notes([logged])) is expected
    assert ("at chance level" in result_line(logged, Terms(chance=chance))) is expected


def test_many_runs_make_one_note_with_the_rule():
    chance = Chance.of(task_of(functional.cross_entropy))
    runs = [replace(run((2.0, 0.1)), name=name, seed=seed) for name in "abcdefghi" for seed in (0, 1)]
    (note,) = chance.notes(runs, "held-out")
    assert note.startswith('2 of 2 runs of "a", 2 of 2 runs of "b",')
    assert 'of "f" and 3 more stayed at chance: held-out accuracy at most 0.6250 (the share of the most common' in note
    assert note.endswith("or held-out loss never below 1.0397 (that of predicting the share of each class).")


@pytest.mark.usefixtures("in_process", "one_thread")
def test_a_rate_of_0_and_one_far_too_large_stay_at_chance_level(tmp_path, capsys):
    schedules = {"good": "Constant(0.5)", "zero": "Constant(0.0)", "huge": "Constant(30.0)"}
    experiment = Experiment(schedules, "digits", epochs=6, batch_size=64, held_out=True, device="cpu")
    found = compare(experiment, tmp_path / "out")
    ends = {line.split(",")[0].split()[-1]: line for line in capsys.readouterr().out.splitlines() if "] " in line}
    assert {name: "at chance level" in line for name, line in ends.items()} == {
        "good": False,
        "zero": True,
        "huge": True,
    }
    note = found.table.notes[-1]
    assert note.startswith('"zero", "huge" stayed at chance: held-out accuracy at most')
    html, text = ((tmp_path / "out" / f"report.{kind}").read_text() for kind in ("html", "md"))
    assert "&#34;zero&#34;, &#34;huge&#34; stayed at chance.</p>" in html
    assert html.count(">1, 1 at chance<") == 2
    assert html.count("finished, at chance") == 2
    assert "<h1>Held-out accuracy of digits_net on digits under 3 schedules</h1>" in html
    assert "<title>Held-out accuracy of digits_net on digits under 3 schedules</title>" in html
    assert text.startswith("# Held-out accuracy of digits\\_net on digits under 3 schedules\n")
    assert note in text
    assert resume(tmp_path / "out", display=Silent()).table.notes[-1] == note


@pytest.mark.usefixtures("in_process", "one_thread")
def test_the_runs_are_judged_on_the_metric_that_the_task_names(tmp_path, monkeypatch):
    task = replace(task_of(functional.cross_entropy), metric="test_loss")
    monkeypatch.setattr("stepsize.lab.comparing.task_of", lambda experiment: task)
    monkeypatch.setattr("stepsize.lab.tasks.by_name.load_task", lambda name: task)
    experiment = Experiment({"a": "Constant(0.1)", "b": "Constant(0.2)"}, "digits", epochs=1, device="cpu")
    found = compare(experiment, tmp_path / "named", display=Silent())
    assert found.experiment.metric == "test_loss"
    assert "Test loss of Linear on" in (tmp_path / "named" / "report.md").read_text()
    asked = compare(replace(experiment, metric="train_loss"), tmp_path / "asked", display=Silent())
    assert asked.experiment.metric == "train_loss"
    with pytest.raises(ArgumentError, match="metric"):
        replace(task, metric="own")
