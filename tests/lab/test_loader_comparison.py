"""Comparisons of tasks whose samples come in loaders."""

from dataclasses import replace

import pytest
from commands import numbers
from silent import Silent

from stepsize.errors import ArgumentError, StateError
from stepsize.lab import Experiment, compare, load_task, resume
from stepsize.store import load_runs

TWO = {"flat": "Constant(0.1)", "down": 'Linear(0.2, 0.0, "100%")'}
SETTINGS = {"device": "cpu", "log_every": 1, "seeds": (0, 1), "epochs": 3}


class Impatient(Silent):
    """Raises Ctrl-C at a record."""

    def __init__(self, records):
        self.left = records

    def logged(self, *_):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize(("task", "more"), [("noisy", {"epochs": 2, "seeds": (0,)}), ("streaming", {"steps": 15})])
def test_an_interrupted_comparison_goes_on_in_the_same_bits(tmp_path, task, more):
    asked = Experiment(TWO, f"loader_tasks:{task}", **(SETTINGS | more))
    compare(asked, tmp_path / "whole", display=Silent())
    with pytest.raises(KeyboardInterrupt):
        compare(asked, tmp_path / "stopped", display=Impatient(7))
    resume(tmp_path / "stopped", display=Silent())
    assert numbers(tmp_path / "stopped") == numbers(tmp_path / "whole")
    said = [event.text for event in load_runs(tmp_path / "stopped").events() if "a stream" in event.text]
    assert len(said) == (task == "streaming")


@pytest.mark.usefixtures("in_process")
def test_runs_on_a_data_loader_branch_in_the_same_bits_and_those_on_a_stream_are_trained_apart(tmp_path):
    down = {"down": 'Constant(0.1).head("60%") >> Linear(0.1, 0.0, "rest")'}
    settings = {"device": "cpu", "log_every": 1, "epochs": 2}
    both = Experiment({"flat": "Constant(0.1)", **down}, "loader_tasks:noisy", **settings)
    together = compare(both, tmp_path / "both", display=Silent())
    assert [run.branched_at for run in together.runs] == [None, 6]
    compare(replace(both, schedules=tuple(down.items())), tmp_path / "alone", display=Silent())
    assert numbers(tmp_path / "both")[1:] == numbers(tmp_path / "alone")
    apart = compare(replace(both, task="loader_tasks:streaming", steps=8), tmp_path / "apart", display=Silent())
    assert [run.branched_at for run in apart.runs] == [None, None]


@pytest.mark.usefixtures("in_process")
def test_the_report_names_how_right_samples_are_counted_and_whose_the_batches_are(tmp_path):
    compare(Experiment(TWO, "loader_tasks:classes", **SETTINGS), tmp_path / "out", display=Silent())
    text = (tmp_path / "out" / "report.md").read_text()
    assert "sgd, batches of the task's own, epochs: 3 (12 steps)" in text
    assert "Accuracy: highest of 2 class scores." in text
    assert "highest of 2 class scores" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.usefixtures("in_process")
def test_peaks_are_tuned_on_samples_held_out_from_a_data_loader(tmp_path):
    asked = Experiment(TWO, "loader_tasks:classes", tune_peak=2, **SETTINGS)
    tuned = compare(asked, tmp_path / "out", display=Silent())
    assert len(tuned.trials) == 4
    assert {run.epochs[-1].step for run in tuned.runs} == {12}
    assert {each.step for each in load_runs(tmp_path / "out" / "tuning").runs()[0].epochs} == {4, 8, 12}
    with pytest.raises(
        ArgumentError, match=r"tune_peak=.* must be 0, since it needs held-out samples, which cannot be"
    ):
        compare(replace(asked, task="loader_tasks:streaming", steps=9), tmp_path / "none", display=Silent())
    assert not (tmp_path / "none").exists()


@pytest.mark.usefixtures("in_process")
def test_a_resume_on_a_loader_of_another_size_is_refused(tmp_path, monkeypatch):
    asked = Experiment(TWO, "loader_tasks:classes", **SETTINGS)
    with pytest.raises(KeyboardInterrupt):
        compare(asked, tmp_path / "out", display=Impatient(4))
    monkeypatch.setattr("loader_tasks.BATCH", 8)
    load_task.cache_clear()
    with pytest.raises(StateError, match="train batches: 4 with 64 samples, and here 8 with 64 samples"):
        resume(tmp_path / "out", display=Silent())
    load_task.cache_clear()


def test_workers_of_a_loader_start_in_a_training_process_as_they_do_in_a_script(tmp_path):
    asked = Experiment({"flat": "Constant(0.1)"}, "loader_tasks:noisy", device="cpu", epochs=1)
    assert compare(asked, tmp_path / "out", display=Silent()).runs[0].status == "finished"
