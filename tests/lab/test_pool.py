"""Processes that fail and die while others train."""

import multiprocessing
import os
from types import SimpleNamespace

import pytest
from own_jobs import a_stack_that_dies, deaths, nothing, one_fails, one_fails_and_one_dies
from silent import Silent

from stepsize.errors import RunError
from stepsize.lab import Experiment, compare, resume
from stepsize.lab.directory import ResultDirectory
from stepsize.lab.engines import stacked
from stepsize.lab.engines.failures import joined
from stepsize.lab.engines.local import run_jobs
from stepsize.lab.engines.runs import Job
from stepsize.lab.engines.workers import Training, Worker, Workers
from stepsize.processes import start_process
from stepsize.store import Store, load_runs


class Listener:
    """A watcher that records which runs have ended."""

    def __init__(self):
        self.ends = []
        self.stopped = False

    def starting(self, workers):
        self.started = workers

    def logged(self, number, record):
        """Ignore the record."""

    def ended(self, number):
        self.ends.append(number)

    def stopping(self):
        self.stopped = True


def place(tmp_path, runs):
    """An experiment, its runs, and a directory with their store."""
    experiment = Experiment({"flat": "Constant(0.01)"}, "own_tasks:line", seeds=range(runs), device="cpu")
    directory, plans = ResultDirectory.claim(tmp_path / "out"), experiment.run_specs(64)
    Store.create(directory.store, {}, {}, [(plan.name, str(plan.schedule), plan.seed) for plan in plans]).close()
    return experiment, plans, directory


def test_a_failure_is_reported_even_if_the_process_of_another_run_dies_afterwards(tmp_path):
    experiment, plans, directory = place(tmp_path, 2)
    jobs, listener = [Job({number: plan}, "", tmp_path / "nowhere") for number, plan in enumerate(plans)], Listener()
    with (
        pytest.raises(RunError, match=r"'flat' with seed 0 failed: WrongShapeError\('7.bin: wrong shape, code 3'\)"),
        Workers(1) as pool,
    ):
        run_jobs(one_fails_and_one_dies, jobs, Training(experiment, directory, pool, listener))
    assert [outcome.status for outcome in load_runs(directory.path).outcomes()] == ["failed", "finished"]
    assert listener.ends == [0, 1]
    assert deaths(directory) == 1, "an error is none"


def test_the_process_of_a_run_that_failed_trains_the_next_without_its_error(tmp_path):
    experiment, plans, directory = place(tmp_path, 3)
    jobs = [Job({number: plan}, "", tmp_path / "nowhere") for number, plan in enumerate(plans)]
    with pytest.raises(RunError) as caught, Workers(1) as pool:
        run_jobs(one_fails, jobs, Training(experiment, directory, pool, Listener()))
    assert str(caught.value).count("failed: ") == 1
    assert [outcome.status for outcome in load_runs(directory.path).outcomes()] == ["failed", "finished", "finished"]


class Hasty(Listener):
    """Raises Ctrl-C when a number of runs have ended."""

    def __init__(self, ends):
        super().__init__()
        self._patience = ends

    def ended(self, number):
        super().ended(number)
        if len(self.ends) == self._patience:
            raise KeyboardInterrupt


def test_no_job_starts_after_a_stop_is_asked_for(tmp_path):
    experiment, plans, directory = place(tmp_path, 30)
    jobs, listener = [Job({number: plan}, "", tmp_path / "nowhere") for number, plan in enumerate(plans)], Hasty(20)
    with pytest.raises(KeyboardInterrupt), Workers(1) as pool:
        run_jobs(nothing, jobs, Training(experiment, directory, pool, listener))
    assert listener.stopped
    assert 20 <= len(set(listener.ends)) == len(listener.ends) <= 21


def test_a_stack_that_makes_progress_may_die_more_often_and_diverged_runs_stay_diverged(tmp_path):
    experiment, plans, directory = place(tmp_path, 2)
    job, listener = Job(dict(enumerate(plans)), "", directory.path / "checkpoint"), Listener()
    with pytest.raises(RunError, match=r"the stack of 2 runs .* died 3 times without progress"), Workers(1) as pool:
        run_jobs(a_stack_that_dies, [job], Training(experiment, directory, pool, listener))
    results = load_runs(directory.path)
    assert [(run.status, run.diverged_at) for run in results.outcomes()] == [("diverged", 1), ("failed", None)]
    assert [(event.kind, event.number) for event in results.events()] == [("process died", 0)] * 3 + [("failed", 1)]
    assert listener.ends == [0, 1]


def test_a_stack_whose_processes_die_keeps_its_checkpoint_for_a_resume(tmp_path, monkeypatch):
    """The work runs in this process, and ends as if its process had died for the last time."""
    steps = []

    def here(work, jobs, training):
        (job,), stop = jobs, []
        experiment, directory, _, watcher = training

        def tell(number, record):
            watcher.logged(number, record)
            steps.append(record.step)
            if steps[-1] == 100:
                stop.append(True)

        work(job, experiment, directory, SimpleNamespace(tell=tell, should_stop=lambda: bool(stop)))
        if stop:
            assert job.checkpoint.exists()
            directory.fail(job.runs, "died")
            raise RunError("died")

    monkeypatch.setattr(stacked, "run_jobs", here)
    schedules = {"wild": "Constant(0.01, 2) >> Constant(1e30)", "calm": "Constant(0.01)"}
    settings = {"epochs": 20, "batch_size": 8, "log_every": 1, "runs_at_once": 2, "device": "cpu", "engine": "stacked"}
    asked = Experiment(schedules, "own_tasks:dropping", **settings)
    with pytest.raises(RunError, match="died"):
        compare(asked, tmp_path, workers=1, display=Silent())
    assert [run.status for run in load_runs(tmp_path).outcomes()] == ["diverged", "failed"]
    steps.clear()
    runs = resume(tmp_path, workers=1, display=Silent()).runs
    assert [run.status for run in runs] == ["diverged", "finished"]
    assert steps[0] > 100, "it continues from its checkpoint"


class Refused(Workers):
    """Workers that cannot be started."""

    starts = 0

    def start(self):
        self.starts += 1
        raise EOFError


class Short(Workers):
    """Workers that die before they ask for a job."""

    starts = 0

    def start(self):
        self.starts += 1
        ours, theirs = multiprocessing.Pipe()
        process = start_process(os._exit, 1)
        theirs.close()
        self.by_connection[ours] = Worker(process)


@pytest.mark.parametrize("kind", [Refused, Short])
def test_processes_that_die_as_they_start_end_the_comparison_after_the_third(kind, tmp_path):
    experiment, plans, directory = place(tmp_path, 1)
    job, words = (
        Job({0: plans[0]}, "", tmp_path / "nowhere"),
        "the processes that train die as they start: killed, out of memory, or started by a script",
    )
    with pytest.raises(RunError, match=words) as caught, kind(1) as pool:
        run_jobs(nothing, [job], Training(experiment, directory, pool, Listener()))
    assert 'if __name__ == "__main__":' in str(caught.value)
    assert pool.starts == 3


def test_five_reasons_are_told_and_the_others_are_counted():
    failures = [RunError(f"reason {number}") for number in (1, 1, 2, 3, 4, 5)]
    assert str(joined(failures)).splitlines() == [f"reason {number}" for number in range(1, 6)]
    assert str(joined([*failures, RunError("reason 6")])).splitlines()[4:] == ["reason 5", "and 1 more failed"]
