"""Runs in this process, to save the seconds that other processes take to start."""

import pytest
from fickle_rate import training as trained_here

from stepsize.errors import OutputError, RunError
from stepsize.lab.engines import local, stacked
from stepsize.lab.engines.failures import joined, reason
from stepsize.lab.own_loops import engine
from stepsize.lab.own_loops.processes import make_run
from stepsize.lab.own_loops.training_run import Journal, TrainingRun


class Channel:
    """A channel that passes records to the watcher at once; it stops after the watcher has raised Ctrl-C."""

    def __init__(self, watcher):
        self.watcher = watcher
        self.interrupt = None

    def tell(self, number, record):
        try:
            self.watcher.logged(number, record)
        except KeyboardInterrupt as interrupt:
            self.interrupt = interrupt
            self.watcher.stopping()

    def should_stop(self):
        return self.interrupt is not None


def run_jobs(work, jobs, training):
    """As `stepsize.lab.engines.local.run_jobs`, one job after another."""
    experiment, directory, _, watcher = training
    channel, failures, waiting = Channel(watcher), [], list(jobs)
    while waiting and not channel.should_stop():
        unfinished = {number for job in waiting for number in job.runs}
        job = next(job for job in waiting if job.is_ready(unfinished))
        waiting.remove(job)
        try:
            with trained_here():
                work(job, experiment, directory, channel)
        except OutputError:
            raise
        except Exception as error:
            failures.append(RunError(f"{job.in_words()} failed: {reason(error)}"))
        for number in job.runs:
            watcher.ended(number)
    if channel.interrupt:
        raise channel.interrupt
    if failures:
        raise joined(failures)


class OwnLoop:
    """The process of a training loop of the user's own: this one, in which the loop returns before the next line."""

    def __init__(self, place):
        place.folder.mkdir(parents=True)
        journal = Journal(place.journal)
        make_run(place, TrainingRun(place, journal))
        journal.end()

    def exit_code(self):
        return 0

    def kill(self): ...


@pytest.fixture
def in_process(monkeypatch):
    """The engines `local` and `stacked` and loops of the user's own train in this process, and nothing is drawn."""
    train_here(monkeypatch)


def train_here(monkeypatch):
    """As the fixture, for fixtures of modules."""
    for each in (local, stacked):
        monkeypatch.setattr(each, "run_jobs", run_jobs)
    monkeypatch.setattr(engine, "LocalProcess", OwnLoop)
    monkeypatch.setattr("stepsize.lab.standings.LivePicture.write", lambda *_: None)
