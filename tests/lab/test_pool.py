"""Real processes that fail and die while others are at work beside them."""

import pytest
from own_jobs import one_fails_and_one_dies

from stepsize.errors import RunError
from stepsize.lab import Experiment
from stepsize.lab.directory import ResultDirectory
from stepsize.lab.engines.pool import run_jobs
from stepsize.records import Store, load_runs

pytestmark = pytest.mark.usefixtures("own_tasks_found")


class Listener:
    """Keeps what it hears."""

    def __init__(self):
        self.ends = []
        self.stopped = False

    def logged(self, number, record):
        """Not of interest here."""

    def ended(self, number):
        self.ends.append(number)

    def stopping(self):
        self.stopped = True


def place(tmp_path, runs):
    """An experiment of so many runs, the plans of them, and a directory with their store."""
    experiment = Experiment({"flat": "Constant(0.01)"}, "own_tasks:line", seeds=range(runs), device="cpu")
    directory, plans = ResultDirectory.claim(tmp_path / "out"), experiment.plans(64)
    Store.create(directory.store, {}, {}, [(plan.name, str(plan.schedule), plan.seed) for plan in plans]).close()
    return experiment, plans, directory


def test_a_run_that_failed_is_told_though_the_process_of_another_dies_afterwards(tmp_path):
    experiment, plans, directory = place(tmp_path, 2)
    jobs, listener = [{0: plans[0]}, {1: plans[1]}], Listener()
    with pytest.raises(RunError, match=r"'flat' with seed 0 failed: .*no such luck"):
        run_jobs(one_fails_and_one_dies, jobs, experiment, directory, 1, listener)
    assert [outcome.status for outcome in load_runs(directory.path).outcomes()] == ["failed", "finished"]
    assert listener.ends == [0, 1]
