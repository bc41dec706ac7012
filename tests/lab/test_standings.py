"""The progress of runs, also if they return to a checkpoint."""

import math
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from silent import Silent

from stepsize.errors import OutputError
from stepsize.lab import Experiment, compare
from stepsize.lab.directory import ResultDirectory
from stepsize.lab.run_spec import Branch
from stepsize.lab.standings import LivePicture, RunWatcher, Standings
from stepsize.lab.statistics.findings import Metric, Terms
from stepsize.plots import Picture
from stepsize.store import Run, Store, load_runs
from stepsize.store.run import Epoch, Point, Value

SPECS = Experiment({"flat": "Constant(0.1)", "down": "Constant(0.2)"}, "digits", seeds=(0, 1)).run_specs(1437)


def point(step):
    return Point(step, 0.1, 1 / step, 0.5)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 9)), max_size=60))
def test_a_repeated_step_replaces_what_was_logged_from_there_on(told):
    standings, expected = Standings(SPECS), {number: [] for number in range(4)}
    for number, step in told:
        assert standings.logged(number, point(step))
        expected[number] = [each for each in expected[number] if each < step] + [step]
    for number, steps in expected.items():
        assert standings[number].points == tuple(map(point, steps))
    assert standings.steps_done == sum(steps[-1] for steps in expected.values() if steps)
    assert [run.seed for run in standings.runs] == [SPECS[number].seed for number in range(4) if expected[number]]


def test_a_run_that_has_ended_has_its_whole_record_and_takes_no_more():
    standings = Standings(SPECS)
    standings.logged(0, point(2))
    run = Run("flat", "Constant(0.1)", 0, (point(2), point(6)), (Epoch(6, 1.0, 0.5, 1.0, 0.5),), 3.0)
    standings.ended(0, run)
    assert not standings.logged(0, point(4))
    assert standings.is_complete(0)
    assert standings.steps_done == 6
    assert standings[0].column("train_loss").tolist() == [1 / 2, 1 / 6]
    assert standings.ended_runs == standings.runs


def test_the_complete_runs_of_a_store_count_from_the_beginning(tmp_path, in_process):
    experiment = Experiment({"flat": "Constant(0.1)", "wild": "Constant(1e30)"}, "own_tasks:line", epochs=2)
    comparison = compare(experiment, tmp_path, display=Silent())
    standings = Standings(experiment.run_specs(64), load_runs(tmp_path))
    assert all(standings.is_complete(number) for number in (0, 1))
    assert standings.steps_done == sum(run.points[-1].step for run in comparison.runs)
    assert [run.status for run in standings.ended_runs] == ["finished", "diverged"]
    assert math.isnan(standings[0].epoch_column("test_accuracy")[-1])


@pytest.fixture
def stored(tmp_path):
    """The store of `SPECS`, open."""
    runs = [(spec.name, spec.text, spec.seed) for spec in SPECS]
    with Store.create(tmp_path / "store.sqlite", {}, {}, runs) as store:
        yield store


def test_what_a_branch_shares_with_its_parent_is_counted_once(stored, tmp_path):
    standings, results = Standings(SPECS), load_runs(tmp_path)
    stored.log(0, [point(2), Epoch(3, 1.0, 0.5, 1.0, 0.5), point(4), point(6)])
    stored.branch(1, 0, 4)
    every = standings.steps_to_do
    standings.branching({1: Branch(0, 4)})
    assert standings.steps_to_do == every - 4
    for step in (6, 8):
        standings.begun(1, results)
        standings.logged(1, point(step))
    assert [each.step for each in standings.points[1]] == [2, 4, 6, 8]
    assert [each.step for each in standings.epochs[1]] == [3]
    assert standings.steps_done == 4
    again = Standings(SPECS, results)
    assert (again.begins, again.steps_done) == ([0, 4, 0, 0], 6)


def test_a_run_that_ends_as_a_branch_counts_from_there_and_is_not_planned_again():
    standings, points = Standings(SPECS), (point(2), point(6))
    standings.ended(1, Run("down", "Constant(0.2)", 0, points, (), 1.0, parent=0, branched_at=4))
    assert (standings.begins[1], standings.steps_done) == (4, 2)
    standings.branching({1: Branch(0, 5)})
    assert standings.begins[1] == 4
    standings.branching({2: Branch(0, 5)})
    standings.logged(2, point(3))
    assert standings.steps_done == 2, "not less, as it repeats what it shares"


def test_metrics_of_ones_own_of_an_interrupted_run_are_read_again(stored, tmp_path):
    stored.log(0, [point(2), Value(2, "f1", 0.5)])
    stored.end(0, "interrupted", 1.0)
    (run,) = Standings(SPECS, load_runs(tmp_path)).runs
    assert [column.tolist() for column in run.metric("f1")] == [[2], [0.5]]


def test_the_picture_has_the_headline_and_says_what_the_runs_were_judged_on():
    for terms, label in (
        (Terms(judged_on="held-out"), "held-out accuracy"),
        (Terms(headline=Metric("f1", "f1", True)), "f1"),
        (Terms(headline=Metric("test_loss", "test loss")), "test loss"),
    ):
        standings = Standings(SPECS, terms=terms)
        for record in (point(2), Value(2, "f1", 0.5), Epoch(2, 1.0, 0.5, 1.0, 0.5)):
            standings.logged(0, record)
        assert label in [axes.get_ylabel() for axes in standings.draw(Picture())]


class Telling(Silent):
    def __init__(self):
        self.told = []

    def ended(self, number, run):
        self.told.append(number)


def test_a_run_that_was_stopped_before_it_logged_is_not_told_of(stored, tmp_path):
    standings, display = Standings(SPECS), Telling()
    watcher = RunWatcher(standings, ResultDirectory(tmp_path), [display], tmp_path)
    stored.log(1, [point(2)])
    for number in (0, 1):
        stored.end(number, "interrupted", 0.0)
        watcher.ended(number)
    assert display.told == [1]
    assert [run.name for run in standings.runs] == ["down"]


def test_a_display_is_told_each_record_once_and_none_of_a_run_that_has_ended(stored, tmp_path):
    display, told = Silent(), []
    display.logged = lambda number, record: told.append((number, record.step))
    display.starting = lambda workers: told.append(workers)
    watcher = RunWatcher(Standings(SPECS), ResultDirectory(tmp_path), [display], tmp_path)
    watcher.starting(3)
    watcher.logged(0, point(2))
    watcher.logged(1, point(3))
    stored.log(0, [point(2)])
    stored.end(0, "finished", 1.0)
    watcher.ended(0)
    watcher.logged(0, point(4))
    watcher.logged(1, point(5))
    assert told == [3, (0, 2), (1, 3), (1, 5)]


def test_a_display_that_cannot_be_written_to_is_dropped_and_the_others_go_on(stored, tmp_path, capsys):
    told = []

    class Display(Silent):
        def __init__(self, error=None):
            self.error = error

        def stopping(self):
            told.append(self.error)
            if self.error:
                raise self.error

    displays = [Display(error) for error in (BrokenPipeError(), None, OutputError("no room", "make some"))]
    watcher = RunWatcher(Standings(SPECS), ResultDirectory(tmp_path), displays, tmp_path)
    watcher.stopping()
    watcher.stopping()
    assert told == [each.error for each in displays] + [None]
    assert capsys.readouterr().err == "warning: no room; make some\n"


def test_an_interrupt_and_a_full_disk_say_how_to_continue(stored, tmp_path):
    def cannot_write():
        raise OutputError("the reports cannot be written", "")

    place = tmp_path / "a b"
    standings = Standings(SPECS)
    watcher = RunWatcher(standings, ResultDirectory(tmp_path), [], place)
    with pytest.raises(KeyboardInterrupt, match=r"^interrupted; no run had begun$"), watcher.watching("", dict):
        raise KeyboardInterrupt
    standings.logged(0, point(2))
    command = f"stepsize compare --resume '{place}'"
    kept = pytest.raises(KeyboardInterrupt, match=f"is kept in {place}; continue with: {command}$")
    with kept, watcher.watching("", cannot_write):
        raise KeyboardInterrupt
    full = pytest.raises(OutputError, match=f"^full; all that was logged before is kept: .* with: {command}$")
    with full, watcher.watching("", cannot_write):
        raise OutputError("full", "")


def test_a_picture_is_drawn_again_after_three_seconds_or_thirty_times_as_long_as_it_took(tmp_path, monkeypatch):
    clock, took, drawn = [100.0], [0.03], []
    monkeypatch.setattr("stepsize.lab.standings.time", SimpleNamespace(monotonic=lambda: clock[0]))
    picture = LivePicture(Standings(SPECS), tmp_path / "comparison")

    def write(*suffixes):
        drawn.append((clock[0], suffixes))
        clock[0] += took[0]

    picture.write = write
    for now in (102.9, 103.0, 105.9, 106.1):
        clock[0] = now
        picture.refresh()
    took[0] = 0.3
    for now in (110.0, 120.2, 120.4):
        clock[0] = now
        picture.refresh()
    assert drawn == [(now, (".png",)) for now in (103.0, 106.1, 110.0, 120.4)]


def test_no_run_fails_because_its_picture_cannot_be_written(tmp_path):
    standings = Standings(SPECS)
    standings.logged(0, point(2))
    picture = LivePicture(standings, tmp_path / "gone" / "comparison")
    picture._next = 0.0
    picture.refresh()
    with pytest.raises(OutputError):
        picture.write(".png")
