"""The engine `local`: jobs in processes on this machine, one single-threaded process a core.

`run_jobs` is also what the engine `stacked` uses, whose jobs are stacks of runs.
"""

import ctypes
import multiprocessing
import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch

from stepsize.errors import OutputError, RunError, StepsizeError
from stepsize.lab.directory import ResultDirectory
from stepsize.lab.engines.runs import Job, cores, job_name, joined, make_job, one_network, reason, run_title
from stepsize.lab.environment import THREADS
from stepsize.lab.experiment import Experiment
from stepsize.lab.one_network import OneNetwork
from stepsize.lab.run_spec import RunSpec
from stepsize.lab.run_watcher import RunWatcher
from stepsize.lab.task import Task
from stepsize.store.run import Epoch, Point

DEATHS = 3  # of a job's processes without progress, after which its runs have failed

_GUARD = 'put the code of the script under `if __name__ == "__main__":`'


def check(experiment: Experiment) -> None:
    """This engine can train every experiment."""


def train_runs(
    specs: Mapping[int, RunSpec],
    experiment: Experiment,
    directory: ResultDirectory,
    workers: int | None,
    watcher: RunWatcher,
) -> None:
    """Train each run in a process, as many at a time as there are cores, or one on a GPU."""
    if workers is None:
        workers = cores() if experiment.device == "cpu" else 1
    jobs = [{number: spec} for number, spec in specs.items()]
    run_jobs(_make_run, jobs, experiment, directory, workers, watcher, lambda job: directory.checkpoint(min(job)))


@dataclass(frozen=True)
class Channel:
    """A worker's connection to its parent."""

    connection: Connection

    def tell(self, number: int, record: Point | Epoch) -> None:
        """Report what a run logged; exit if the parent was killed."""
        try:
            self.connection.send((number, record))
        except OSError:
            os._exit(1)

    def should_stop(self) -> bool:
        """Whether the parent asks for a stop, which is all that it sends during a job."""
        return self.connection.poll()


def _make_run(job: Job, experiment: Experiment, directory: ResultDirectory, channel: Channel) -> None:
    ((number, spec),) = job.items()
    title, checkpoint = run_title(spec, experiment), directory.checkpoint(number)

    def build(task: Task, _: Sequence[RunSpec | None]) -> OneNetwork:
        return one_network(task, spec, experiment)

    make_job(job, [number], build, title, checkpoint, experiment, directory, channel.tell, channel.should_stop)


def refuse_in_a_starting_process() -> None:
    """Raise RunError in a worker that imports the script that started it, and would run the script again."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):  # what multiprocessing itself looks at
        raise RunError("each process that trains imports the script that started it", _GUARD)


Work = Callable[[Job, Experiment, ResultDirectory, Channel], None]
"""Trains the runs of a job in a worker; the store has their records and their ends when it returns."""


def run_jobs(
    work: Work,
    jobs: Sequence[Job],
    experiment: Experiment,
    directory: ResultDirectory,
    workers: int,
    watcher: RunWatcher,
    checkpoint: Callable[[Job], Path],
) -> None:
    """Do the jobs, `workers` at a time, and tell the watcher what their runs log and how they end.

    `checkpoint` gives the checkpoint file of a job; a job whose file has changed has made progress.

    Other jobs continue if one fails; its error is raised at the end. A process that dies is replaced, and its job
    continues from its last checkpoint. A job whose processes die three times without progress has failed, and so have
    all jobs if three processes in succession die as they start. On Ctrl-C, an error of the store or an error of the
    watcher, no new job starts, jobs in progress stop at their next logged point, and the watcher hears of each.

    Raises:
        RunError: a job failed.
        OutputError: the store cannot be written to.
    """
    _Parent(work, experiment, directory, watcher, checkpoint, deque(jobs)).run(workers)


@dataclass
class _Worker:
    """A process, and its job; None as it starts and between two jobs."""

    process: BaseProcess
    ready: bool = False
    job: Job | None = None


@dataclass
class _Parent:
    """The process that gives out the jobs, with a connection to each worker."""

    work: Work
    experiment: Experiment
    directory: ResultDirectory
    watcher: RunWatcher
    checkpoint: Callable[[Job], Path]
    waiting: deque[Job]
    workers: dict[Connection, _Worker] = field(default_factory=dict)
    failures: list[RunError] = field(default_factory=list)
    early_deaths: int = 0
    deaths: Counter[int] = field(default_factory=Counter)
    saved: dict[int, int] = field(default_factory=dict)
    stopping: bool = False

    def run(self, workers: int) -> None:
        try:
            while self.waiting or self._jobs:
                self._hand_out(workers)
                self._listen()
        except BaseException as error:
            self.stopping = True
            if isinstance(error, KeyboardInterrupt):
                self.watcher.stopping()
            for connection in self.workers:
                with suppress(OSError):  # it has died
                    connection.send(None)
            while self._jobs:
                with suppress(StepsizeError):  # the first error is raised
                    self._listen()
            raise
        finally:
            for connection in self.workers:
                connection.close()  # the worker exits
            for worker in self.workers.values():
                worker.process.join()
        if self.failures:
            raise joined(self.failures) from self.failures[0]

    @property
    def _jobs(self) -> int:
        """The number of jobs in progress."""
        return sum(worker.job is not None for worker in self.workers.values())

    def _hand_out(self, workers: int) -> None:
        """Give jobs to workers that wait for one, and start workers if there are too few."""
        for connection, worker in self.workers.items():
            if worker.ready and worker.job is None and self.waiting:
                worker.job = self.waiting.popleft()
                with suppress(OSError):  # it has died, as `_listen` finds out
                    connection.send(worker.job)
        while len(self.workers) < min(workers, len(self.waiting) + self._jobs):
            self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self.work, self.experiment, self.directory))
        with _on_interrupt(signal.SIG_IGN):  # the process inherits this: the parent handles Ctrl-C
            process.start()
        theirs.close()  # so that `ours` ends when the process does
        self.workers[ours] = _Worker(process)

    def _listen(self) -> None:
        """Take a message from each worker that has sent one, or has died."""
        waiting, interrupts = wait(list(self.workers)), list[int]()
        for connection, worker in list(self.workers.items()):
            if connection not in waiting:
                continue
            try:
                # A message that is interrupted halfway would be lost, and the connection with it.
                with _on_interrupt(lambda number, _: interrupts.append(number)):
                    message = connection.recv()
            except (EOFError, OSError):
                del self.workers[connection]
                self._died(worker)
            else:
                if isinstance(message, tuple):
                    self.watcher.logged(*message)
                else:
                    self._ended(worker, message)
        for number in interrupts[:1]:
            signal.raise_signal(number)

    def _ended(self, worker: _Worker, error: Exception | None) -> None:
        """Note that a worker waits for a job, and how its last one ended."""
        job, worker.job, worker.ready, self.early_deaths = worker.job, None, True, 0
        if isinstance(error, OutputError):
            raise error
        if job is not None:
            if error is not None:
                self.failures.append(RunError(f"{job_name(job)} failed: {error}"))
            for number in job:
                self.watcher.ended(number)

    def _died(self, worker: _Worker) -> None:
        """Put the job of a process that died back, unless it has died too often."""
        if worker.job is None:
            self.early_deaths += not worker.ready
            if self.early_deaths == DEATHS:
                why = "the processes that train die as they start: killed, out of memory, or started by a script"
                raise joined([*self.failures, RunError(why, _GUARD)])
            return
        if self.stopping:
            return
        job, path = worker.job, self.checkpoint(worker.job)
        first, when = min(job), path.stat().st_mtime_ns if path.exists() else 0
        self.deaths[first] = 1 if when != self.saved.get(first, when) else self.deaths[first] + 1
        self.saved[first] = when
        if self.deaths[first] < DEATHS:
            self.directory.note("process died", f"{job_name(job)} continues from its last checkpoint", first)
            self.waiting.appendleft(job)
            return
        why = f"the process that trained it died {DEATHS} times without progress, killed or out of memory"
        died = f"{job_name(job)} failed: {why}"
        self.failures.append(RunError(died))
        self.directory.fail(job, died)
        for number in job:
            self.watcher.ended(number)


@contextmanager
def _on_interrupt(handler: Any) -> Iterator[None]:
    """Handle Ctrl-C with this handler, in the main thread, which alone receives it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _serve(connection: Connection, work: Work, experiment: Experiment, directory: ResultDirectory) -> None:
    """Do jobs in a worker until the parent closes the connection. Sending an error, or None, asks for a job."""
    torch.set_num_threads(THREADS)
    _keep_freed_memory()
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    error: Exception | None = None
    with suppress(EOFError, OSError):
        connection.send(error)
        while job := connection.recv():
            try:
                error = None
                work(job, experiment, directory, Channel(connection))
            except OutputError as failure:
                error = failure
            except BaseException as failure:  # some errors cannot be pickled
                error = RunError(reason(failure))
            connection.send(error)


def _keep_freed_memory() -> None:
    """Let glibc keep what this process frees, if glibc is its C library.

    Otherwise blocks as large as the activations of a batch go back to the system, and each update fetches them again,
    page by page.
    """
    mmap_threshold, trim_threshold = -3, -1  # the numbers of mallopt(3)
    with suppress(OSError, TypeError, AttributeError):  # another C library
        libc = ctypes.CDLL(None)
        libc.mallopt(mmap_threshold, 32 * 2**20)  # the largest that glibc accepts
        libc.mallopt(trim_threshold, 2**31 - 1)


def _exit_with_parent() -> None:
    """Exit if the parent was killed, since nobody would hear of what this process does."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
