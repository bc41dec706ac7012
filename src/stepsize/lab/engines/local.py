"""The engine `local`: jobs in processes on this machine, one single-threaded process a core.

`run_jobs` is also what the engine `stacked` uses, whose jobs are stacks of runs.
"""

import signal
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import wait

from stepsize.errors import OutputError, RunError, StepsizeError
from stepsize.lab.engines.failures import joined
from stepsize.lab.engines.runs import Job, make_job, one_network, single_jobs
from stepsize.lab.engines.workers import GUARD, Training, Work, Worker
from stepsize.lab.experiment import Experiment
from stepsize.lab.run_spec import RunSpec
from stepsize.processes import on_interrupt

DEATHS = 3  # of a job's processes without progress, after which its runs have failed


def check(experiment: Experiment) -> None:
    """This engine can train every experiment."""


def train_runs(specs: Mapping[int, RunSpec], training: Training) -> None:
    """Train each run in a process, as many at a time as there are cores, or one on a GPU."""
    experiment, directory, _, watcher = training
    run_jobs(partial(make_job, one_network), single_jobs(specs, experiment, directory, watcher), training)


def run_jobs(work: Work, jobs: Sequence[Job], training: Training) -> None:
    """Do the jobs, one in each worker at a time, and tell the watcher what their runs log and how they end.

    A job whose checkpoint has changed has made progress. A job whose runs branch from others begins when its checkpoint
    is there, or when the others have ended.

    Other jobs continue if one fails; its error is raised at the end. A process that dies is replaced, and its job
    continues from its last checkpoint. A job whose processes die three times without progress has failed, and so have
    all jobs if three processes in succession die as they start. On Ctrl-C, an error of the store or an error of the
    watcher, no new job starts, jobs in progress stop at their next logged point, and the watcher hears of each.
    """
    _Parent(work, deque(jobs), training).run()


@dataclass
class _Parent:
    """The process that gives out the jobs, with a connection to each worker."""

    work: Work
    waiting: deque[Job]
    training: Training
    failures: list[RunError] = field(default_factory=list)
    early_deaths: int = 0
    deaths: Counter[int] = field(default_factory=Counter)
    saved: dict[int, int] = field(default_factory=dict)
    stopping: bool = False

    def run(self) -> None:
        try:
            while self.waiting or self._jobs:
                self._hand_out()
                self._listen()
        except BaseException as error:
            self.stopping = True
            if isinstance(error, KeyboardInterrupt):
                self.training.watcher.stopping()
            for connection in self.training.workers.by_connection:
                with suppress(OSError):  # it has died
                    connection.send(None)
            while self._jobs:
                with suppress(StepsizeError):  # the first error is raised
                    self._listen()
            raise
        if self.failures:
            raise joined(self.failures) from self.failures[0]

    @property
    def _jobs(self) -> int:
        return sum(worker.job is not None for worker in self.training.workers.by_connection.values())

    def _hand_out(self) -> None:
        experiment, directory, workers, watcher = self.training
        for connection, worker in workers.by_connection.items():
            if worker.ready and worker.job is None and (job := self._first_ready()):
                self.waiting.remove(job)
                worker.job = job
                with suppress(OSError):  # it has died, as `_listen` finds out
                    connection.send((self.work, worker.job, experiment, directory))
        number = min(workers.number(experiment.device), len(self.waiting) + self._jobs)
        if len(workers.by_connection) < number:
            watcher.starting(number)
        while len(workers.by_connection) < number:
            try:
                workers.start()
            except (OSError, EOFError):
                self._died_early()

    def _first_ready(self) -> Job | None:
        in_progress = [worker.job for worker in self.training.workers.by_connection.values() if worker.job is not None]
        unfinished = {number for job in (*self.waiting, *in_progress) for number in job.runs}
        return next((job for job in self.waiting if job.is_ready(unfinished)), None)

    def _listen(self) -> None:
        """Take a message from each worker that has sent one, or has died."""
        workers, interrupts = self.training.workers.by_connection, list[int]()
        waiting = wait(list(workers))
        for connection, worker in list(workers.items()):
            if connection not in waiting:
                continue
            try:
                # A message that is interrupted halfway would be lost, and the connection with it.
                with on_interrupt(lambda number, _: interrupts.append(number)):
                    message = connection.recv()
            except (EOFError, OSError):
                del workers[connection]
                self._died(worker)
            else:
                if isinstance(message, tuple):
                    self.training.watcher.logged(*message)
                else:
                    self._ended(worker, message)
        for number in interrupts[:1]:
            signal.raise_signal(number)

    def _ended(self, worker: Worker, error: Exception | None) -> None:
        """Note that a worker waits for a job, and how its last one ended."""
        job, worker.job, worker.ready, self.early_deaths = worker.job, None, True, 0
        if isinstance(error, OutputError):
            raise error
        if job is not None:
            if error is not None:
                self.failures.append(RunError(f"{job.in_words()} failed: {error}"))
            for number in job.runs:
                self.training.watcher.ended(number)

    def _died(self, worker: Worker) -> None:
        """Put the job of a process that died back, unless it has died too often."""
        if worker.job is None:
            if not worker.ready:
                self._died_early()
            return
        if self.stopping:
            return
        job, path = worker.job, worker.job.checkpoint
        first, when = min(job.runs), path.stat().st_mtime_ns if path.exists() else 0
        self.deaths[first] = 1 if when != self.saved.get(first, when) else self.deaths[first] + 1
        self.saved[first] = when
        if self.deaths[first] < DEATHS:
            self.training.directory.note("process died", f"{job.in_words()} continues from its last checkpoint", first)
            self.waiting.appendleft(job)
            return
        why = f"the process that trained it died {DEATHS} times without progress, killed or out of memory"
        died = f"{job.in_words()} failed: {why}"
        self.failures.append(RunError(died))
        self.training.directory.fail(job.runs, died)
        for number in job.runs:
            self.training.watcher.ended(number)

    def _died_early(self) -> None:
        """Note that a process died as it started; raise RunError if that happens again and again."""
        self.early_deaths += 1
        if self.early_deaths == DEATHS:
            why = "the processes that train die as they start: killed, out of memory, or started by a script"
            raise joined([*self.failures, RunError(why, GUARD)])
