"""The engine `local`: jobs in processes on this machine, one single-threaded process a core.

`run_jobs` is also what the engine `stacked` uses, whose jobs are stacks of runs.
"""

import ctypes
import multiprocessing
import os
import queue
import signal
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from pathlib import Path

import torch

from stepsize.errors import OutputError, RunError, StepsizeError
from stepsize.lab.directory import ResultDirectory
from stepsize.lab.engines.runs import THREADS, Job, job_name, joined, make_job, one_network, reason, run_title
from stepsize.lab.experiment import Experiment, Plan
from stepsize.lab.watching import Watcher
from stepsize.store.run import Epoch, Point

DEATHS = 3  # of a job's processes without progress, after which its runs have failed

_GUARD = 'put the code of the script under `if __name__ == "__main__":`'
_JOBS_PER_PROCESS = 2  # handed out: the current one and the next; the executor looks at each of them in every turn
_LISTEN = 0.1  # seconds to wait for a job to end before the news is read again


def check(experiment: Experiment) -> None:
    """Every experiment can be run."""


def run_plans(
    numbered: Mapping[int, Plan],
    experiment: Experiment,
    directory: ResultDirectory,
    workers: int | None,
    watcher: Watcher,
) -> None:
    """Make each run in a process, as many at a time as there are cores, or one on a GPU."""
    if workers is None:
        workers = cores() if experiment.device == "cpu" else 1
    jobs = [{number: plan} for number, plan in numbered.items()]
    run_jobs(_make_run, jobs, experiment, directory, workers, watcher, lambda job: directory.checkpoint(min(job)))


@dataclass(frozen=True)
class Channel:
    """How a worker and the parent communicate: the worker's news, and the parent's signal to stop.

    A piece of news is the number of a run and its record; a job starts with its first run and None.
    """

    news: "Queue[tuple[int, Point | Epoch | None]]"
    stop: Event

    def tell(self, number: int, record: Point | Epoch | None) -> None:
        """Send a piece of news."""
        self.news.put((number, record))


def _make_run(job: Job, experiment: Experiment, directory: ResultDirectory, channel: Channel) -> None:
    ((number, plan),) = job.items()
    make_job(
        job,
        [number],
        lambda task, _: one_network(task, plan, experiment),
        run_title(plan, experiment),
        directory.checkpoint(number),
        experiment,
        directory,
        channel.tell,
        channel.stop.is_set,
    )


def cores() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def refuse_in_a_starting_process() -> None:
    """Raise RunError in a worker that imports the script that started it, and would run the script again."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):  # what multiprocessing itself looks at
        raise RunError("each process that trains imports the script that started it", _GUARD)


Work = Callable[[Job, Experiment, ResultDirectory, Channel], None]
"""Makes the runs of a job in a worker; the store has their records and their ends when it returns."""


def run_jobs(
    work: Work,
    jobs: Sequence[Job],
    experiment: Experiment,
    directory: ResultDirectory,
    workers: int,
    watcher: Watcher,
    checkpoint: Callable[[Job], Path],
) -> None:
    """Do the jobs, `workers` at a time, and tell the watcher what their runs log and how they end.

    `checkpoint` gives the checkpoint file of a job; a job whose file has changed has made progress.

    Other jobs continue if one fails; its error is raised at the end. A process that dies is replaced, and its job
    continues from its last checkpoint. A job whose processes die three times without progress has failed, and so have
    all jobs if processes die three times before any job has started. On Ctrl-C, an error of the store or an error of
    the watcher, no new job starts, jobs in progress stop at their next logged point, and the watcher hears of each.
    Processes that die then are not replaced.

    Raises:
        RunError: a job failed.
        OutputError: the store cannot be written to.
    """
    left, deaths, saved = {min(job): job for job in jobs}, Counter[int](), dict[int, int]()
    failures: list[RunError] = []
    early_deaths = 0
    while left:
        # Before its last try a job is alone, so that no job is blamed for the death of another.
        now = next(({first: left[first]} for first in left if deaths[first] == DEATHS - 1), dict(left))
        pool = _Pool(work, now, experiment, directory, workers, watcher, failures)
        try:
            pool.run()
        except BrokenProcessPool:
            suspects = pool.in_progress & pool.left.keys()
            early_deaths = 0 if suspects else early_deaths + 1
            if early_deaths == DEATHS:
                why = "the processes that train die as they start: killed, out of memory, or started by a script"
                raise joined([*failures, RunError(why, _GUARD)]) from None
            for first in suspects:
                job, path = left[first], checkpoint(left[first])
                when = path.stat().st_mtime_ns if path.exists() else 0
                deaths[first] = 1 if when != saved.get(first, when) else deaths[first] + 1
                saved[first] = when
                if deaths[first] < DEATHS:
                    directory.note("process died", f"{job_name(job)} continues from its last checkpoint", first)
                    continue
                died = (
                    f"{job_name(job)} failed: the process that trained it died {DEATHS} times without progress, killed "
                    "or out of memory"
                )
                failures.append(RunError(died))
                del left[first]
                directory.fail(job, died)
                for number in job:
                    watcher.ended(number)
        for first in now.keys() - pool.left.keys():
            left.pop(first, None)
    if failures:
        raise joined(failures) from failures[0]


class _Pool:
    """Worker processes until one of them dies; `left` are the jobs that have not ended."""

    def __init__(
        self,
        work: Work,
        jobs: dict[int, Job],
        experiment: Experiment,
        directory: ResultDirectory,
        workers: int,
        watcher: Watcher,
        failures: list[RunError],
    ) -> None:
        self.in_progress: set[int] = set()
        self.left = dict(jobs)
        self._jobs = jobs
        self._waiting = deque(jobs)
        self._workers = min(workers, len(jobs))
        self._futures: dict[Future[bool], int] = {}
        self._do = partial(_do, work=work, experiment=experiment, directory=directory)
        self._watcher = watcher
        self._failures = failures
        context = multiprocessing.get_context("spawn")
        self._channel = Channel(context.Queue(), context.Event())
        self._executor = ProcessPoolExecutor(self._workers, context, initializer=_start, initargs=(self._channel,))

    def run(self) -> None:
        """Do all jobs.

        Raises:
            BrokenProcessPool: a process died.
        """
        with self._executor:
            try:
                while self._waiting or self._futures:
                    self._hand_out()
                    self._take_news()
            except BrokenProcessPool:
                raise
            except BaseException as error:
                self._channel.stop.set()
                if isinstance(error, KeyboardInterrupt):
                    self._watcher.stopping()
                # Jobs that were handed out are not cancelled; their workers return them at once. If workers die,
                # Python's pool fails on futures that were cancelled.
                with suppress(BrokenProcessPool):  # a process that dies now is not replaced
                    while self._futures:
                        with suppress(StepsizeError):  # the first error is raised
                            self._take_news()
                raise

    def _hand_out(self) -> None:
        """Hand out jobs, so that no process waits for its next."""
        while self._waiting and len(self._futures) < _JOBS_PER_PROCESS * self._workers:
            try:
                # A new process inherits this: the parent handles Ctrl-C, and tells its workers.
                with _interrupts_ignored():
                    future = self._executor.submit(self._do, self._jobs[self._waiting[0]])
            except BrokenProcessPool:
                if self._futures:
                    return  # they raise it too, after their news is read
                raise
            self._futures[future] = self._waiting.popleft()

    def _take_news(self) -> None:
        """Pass the news to the watcher, and take the results of jobs that have ended."""
        ended, _ = wait(self._futures, timeout=_LISTEN, return_when=FIRST_COMPLETED)
        while True:
            try:
                number, record = self._channel.news.get_nowait()
            except queue.Empty:
                break
            if record is None:
                self.in_progress.add(number)
            else:
                self._watcher.logged(number, record)
        broken: BrokenProcessPool | None = None
        for future in ended:
            first = self._futures.pop(future)
            job = self._jobs[first]
            try:
                if not future.result():
                    continue
            except BrokenProcessPool as error:
                broken = error
                continue
            except OutputError:
                raise
            except Exception as error:
                failure = RunError(f"{job_name(job)} failed: {reason(error)}")
                failure.__cause__ = error
                self._failures.append(failure)
            self.left.pop(first, None)
            self.in_progress.discard(first)
            for number in job:
                self._watcher.ended(number)
        if broken is not None:
            raise broken


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread receives them
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


# In a worker:

_channel: Channel


def _start(channel: Channel) -> None:
    global _channel
    _channel = channel
    channel.news.cancel_join_thread()  # do not wait at exit for a parent that no longer listens
    torch.set_num_threads(THREADS)
    _keep_freed_memory()
    threading.Thread(target=_exit_with_parent, daemon=True).start()


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


def _do(job: Job, work: Work, experiment: Experiment, directory: ResultDirectory) -> bool:
    """Do a job, unless the workers are to stop; whether it was started."""
    if _channel.stop.is_set():
        return False
    _channel.tell(min(job), None)
    try:
        work(job, experiment, directory, _channel)
    except OutputError:
        raise
    except BaseException as error:  # an error that cannot be unpickled would count as a death
        raise RunError(reason(error)) from error
    return True
