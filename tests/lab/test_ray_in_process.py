"""The engine on Ray with a stand-in for Ray."""

import re
from contextlib import nullcontext
from dataclasses import replace

import pytest
from ray_stand_in import Here, Remote, Watched, stand_in
from silent import Silent
from test_resume import Impatient

from stepsize.errors import RunError
from stepsize.lab import Experiment, compare, resume
from stepsize.lab.engines.ray_cluster import versions
from stepsize.store import load_runs

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def _here(monkeypatch):
    stand_in(monkeypatch)


ASKED = Experiment(
    {"flat": "Constant(0.01)"},
    "own_tasks:dropping",
    engine="ray",
    epochs=10,
    batch_size=8,
    log_every=1,
    checkpoint_every=20,
    device="cpu",
)


@pytest.mark.parametrize(
    ("task", "words"), [("demanding", r"AssertionError\(\)"), ("left", r"SystemExit\('that will do'\)")]
)
def test_an_error_of_the_network_is_reported_with_its_type_and_line(tmp_path, task, words):
    with pytest.raises(RunError, match=rf"'flat' with seed 0 failed: {words} in own_tasks.py, line \d+$"):
        compare(replace(ASKED, task=f"own_tasks:{task}"), tmp_path, display=Silent())


@pytest.mark.parametrize(("workers", "most"), [(2, 2), (None, 3)])
def test_no_more_runs_are_trained_at_a_time_than_there_are_workers_or_else_processors(
    tmp_path, monkeypatch, workers, most
):
    begun = []

    class Three(Here):
        def cluster_resources(self):
            return {"CPU": 3}

        def wait(self, tasks, num_returns, timeout):
            begun.append(len(tasks))
            return super().wait(tasks, num_returns, timeout)

    stand_in(monkeypatch, Three)
    compare(replace(ASKED, seeds=range(4), epochs=1), tmp_path, display=Silent(), workers=workers)
    assert max(begun) == most


def test_a_damaged_checkpoint_is_named_and_no_record_is_lost(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        compare(ASKED, tmp_path, display=Impatient(60))
    (checkpoint,) = (tmp_path / "checkpoints").glob("*.pt")
    saved = checkpoint.read_bytes()
    checkpoint.write_bytes(saved[:-200])
    with pytest.raises(RunError, match=rf"{checkpoint} is damaged, or is not a checkpoint; delete it"):
        resume(tmp_path, display=Silent())
    (failed,) = load_runs(tmp_path).runs()
    assert (failed.status, [point.step for point in failed.points]) == ("failed", list(range(1, 61)))
    checkpoint.write_bytes(saved)
    heard = []
    display = Silent()
    display.logged = lambda number, record: heard.append(record.step)
    (run,) = resume(tmp_path, display=display).runs
    assert heard[0] == 41, "it continues from its checkpoint"
    assert [point.step for point in run.points] == list(range(1, 81))


def test_a_segment_on_a_lost_node_is_made_again_elsewhere_from_its_checkpoint(tmp_path, monkeypatch):
    compare(ASKED, tmp_path / "undisturbed", display=Silent())
    looks = iter([frozenset()] * 3)
    monkeypatch.setattr(Watched, "lost", lambda self: next(looks, frozenset({"here"})))
    compare(ASKED, tmp_path / "lost", display=Silent())
    (event,) = load_runs(tmp_path / "lost").events()
    assert (event.kind, event.text) == ("node lost", "here does not answer; its runs continue elsewhere")
    before, after = (load_runs(tmp_path / name).runs()[0] for name in ("undisturbed", "lost"))
    assert (before.points, before.epochs) == (after.points, after.epochs)


def test_a_run_on_a_node_that_answers_goes_on_if_another_is_lost(tmp_path, monkeypatch):
    begun, cancelled = [], []

    class Counting(Here):
        def remote(self, **options):
            def begin(*given):
                begun.append(options)
                return given[0]

            return lambda function: Remote(lambda *given: begin(function(*given)))

        def cancel(self, task, force):
            cancelled.append(task)

    stand_in(monkeypatch, Counting)
    looks = iter([frozenset()] * 3)
    monkeypatch.setattr(Watched, "lost", lambda self: next(looks, frozenset({"elsewhere"})))
    compare(ASKED, tmp_path, display=Silent())
    assert [(event.kind, event.text) for event in load_runs(tmp_path).events()] == [
        ("node lost", "elsewhere does not answer; its runs continue elsewhere")
    ]
    assert begun == [{"num_cpus": 1, "max_retries": 0, "num_returns": "streaming"}] * 5
    assert cancelled == []


def test_a_run_fails_on_a_node_that_has_other_versions(tmp_path, monkeypatch):
    ours = versions()
    monkeypatch.setattr("stepsize.lab.engines.ray.versions", lambda: ours | {"numpy": "0", "torch": "1"})
    others = f"torch {ours['torch']} instead of 1, numpy {ours['numpy']} instead of 0"
    words = f"the run 'flat' with seed 0 failed: a node of the Ray cluster has other versions ({others})"
    with pytest.raises(RunError, match=f"^{re.escape(words)}$"):
        compare(ASKED, tmp_path, display=Silent())


class LostTasks(Here):
    """The first task says where it is and gives its segment, and the next ones are lost."""

    def __init__(self, losses):
        self.heard, self.losses = 0, losses

    def get(self, said):
        self.heard += 1
        if 2 < self.heard <= 2 + self.losses:
            raise self.exceptions.RayError("the worker died\nits log is elsewhere")
        return said


@pytest.mark.parametrize(("losses", "status"), [(2, "finished"), (3, "failed")])
def test_a_run_whose_task_is_lost_three_times_without_progress_has_failed(losses, status, tmp_path, monkeypatch):
    stand_in(monkeypatch, lambda: LostTasks(losses))
    failed = "the run 'flat' with seed 0 failed: its task was lost 3 times without progress: the worker died"
    with nullcontext() if status == "finished" else pytest.raises(RunError, match=f"^{failed};? ?"):
        compare(ASKED, tmp_path, display=Silent())
    results = load_runs(tmp_path)
    assert [run.status for run in results.outcomes()] == [status]
    assert {event.number for event in results.events()} == {0}
    events = [(event.kind, event.text) for event in results.events()]
    assert events[:2] == [("process died", "the task of the run 'flat' with seed 0 was lost")] * 2
    assert events[2:] == ([("failed", "the worker died\nits log is elsewhere")] if status == "failed" else [])


def test_an_interrupt_stops_the_runs_in_progress(tmp_path, monkeypatch):
    cancelled = []

    class Interrupted(Here):
        looks = 0

        def wait(self, tasks, num_returns, timeout):
            self.looks += 1
            if self.looks > 4:
                raise KeyboardInterrupt
            return super().wait(tasks, num_returns, timeout)

        def cancel(self, task, force):
            cancelled.append(force)

    stand_in(monkeypatch, Interrupted)
    display, told = Silent(), []
    display.stopping = lambda: told.append("stopping")
    display.ended = lambda number, run: told.append((number, run.status))
    with pytest.raises(KeyboardInterrupt):
        compare(replace(ASKED, seeds=(0, 1, 2)), tmp_path, display=display, workers=2)
    assert told == ["stopping", (0, "interrupted"), (1, "interrupted")]
    assert [run.status for run in load_runs(tmp_path).outcomes()] == ["interrupted", "interrupted", "waiting"]
    assert cancelled == [True, True]


def test_a_stream_cannot_be_cut_into_segments(tmp_path):
    words = "the training samples are a stream, and each part of a run would begin it again; write engine='local'"
    with pytest.raises(RunError, match=words):
        compare(Experiment(ASKED.schedules, "loader_tasks:streaming", engine="ray", steps=9), tmp_path / "out")
