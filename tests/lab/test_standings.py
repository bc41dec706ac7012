"""The progress of runs, also if they return to a checkpoint."""

import math

from hypothesis import given
from hypothesis import strategies as st
from silent import Silent

from stepsize.lab import Experiment, compare
from stepsize.lab.standings import Standings
from stepsize.store import Run, load_runs
from stepsize.store.run import Epoch, Point

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
