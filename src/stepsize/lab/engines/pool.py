"""Processes that train, a job each at a time: their news on one queue, and what follows when one of them dies."""

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
from stepsize.lab.engines.allocation import keep_freed_memory
from stepsize.lab.engines.failures import reason, several
from stepsize.lab.engines.one_run import THREADS
from stepsize.lab.experiment import Experiment, RunSpec
from stepsize.lab.standings import Watcher
from stepsize.store.run import Epoch, Point

DEATHS = 3
"""So many times a job's process may die without getting further before its runs have failed."""

_GUARD = 'put what it does under `if __name__ == "__main__":`'

_HANDED_OUT = 2  # jobs a process: the one that it does, and the next; each of them is looked at in every turn

_LISTEN = 0.1  # seconds to wait for a job to end before looking at the news again

Job = Mapping[int, RunSpec]
"""Runs by their numbers that one process makes together; one at least."""


@dataclass(frozen=True)
class Channel:
    """What a worker holds: where its news go, as (number of a run, record), and the sign to stop.

    As a job begins, None stands for the record, and its first run for the job.
    """

    news: "Queue[tuple[int, Point | Epoch | None]]"
    stop: Event


Work = Callable[[Job, Experiment, ResultDirectory, Channel], None]
"""Makes the runs of a job, in a worker; their records and their ends are in the store when it returns."""


def cores() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def refuse_in_a_starting_process() -> None:
    """Raise RunError where a worker that starts imports the script that started it, and the script begins anew."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):  # what multiprocessing itself looks at
        raise RunError(f"a script that trains in several processes is imported by each of them; {_GUARD}")


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

    `checkpoint` says where the checkpoint of a job lies: another one there means that the job has got further.

    A job that fails does not keep the others from being done; its error is raised at the end. A process that dies is
    replaced, and its job goes on from its last checkpoint; when it has died three times without getting further, the
    job has failed, and all have when processes have died three times before any job had begun. On Ctrl-C, a store that
    cannot be written to, or an error of the watcher, no further job is begun, and those under way stop at their next
    logged point; the watcher still hears of every one that ended. A process that dies then is not replaced.

    Raises:
        RunError: a job failed.
        OutputError: the store cannot be written to.
    """
    left, deaths, marks = {min(job): job for job in jobs}, Counter[int](), dict[int, int]()
    failures: list[RunError] = []
    stillborn = 0
    while left:
        # Before its last try a job is alone, so that no other is blamed for its death, nor it for another's.
        now = next(({first: left[first]} for first in left if deaths[first] == DEATHS - 1), dict(left))
        pool = _Pool(work, now, experiment, directory, workers, watcher, failures)
        try:
            pool.run()
        except BrokenProcessPool:
            suspects = pool.under_way & pool.left.keys()
            stillborn = 0 if suspects else stillborn + 1
            if stillborn == DEATHS:
                stuck = RunError(
                    "the processes that train die as they start: killed, out of memory, or started by a script; "
                    + _GUARD
                )
                raise several([*failures, stuck]) from None
            for first in suspects:
                job = left[first]
                reached = _laid_down(checkpoint(job))
                deaths[first] = 1 if reached != marks.get(first, reached) else deaths[first] + 1
                marks[first] = reached
                if deaths[first] < DEATHS:
                    directory.note("process died", f"{named(job)} goes on from its last checkpoint", first)
                else:
                    died = (
                        f"{named(job)} failed: the process that trained it died {DEATHS} times without getting "
                        "further, killed or out of memory"
                    )
                    failures.append(RunError(died))
                    del left[first]
                    directory.fail(job, died)
                    for number in job:
                        watcher.ended(number)
        for first in now.keys() - pool.left.keys():
            left.pop(first, None)
    if failures:
        raise several(failures) from failures[0]


def _laid_down(checkpoint: Path) -> int:
    """When it was; 0 if it was not."""
    return checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0


def named(job: Job) -> str:
    """A job in words."""
    plan = job[min(job)]
    one = f"the run {plan.name!r} with seed {plan.seed}"
    return one if len(job) == 1 else f"the stack of {len(job)} runs that begins with {one}"


class _Pool:
    """The processes of one generation, and what is under way in them; the jobs that end are struck off `left`."""

    def __init__(
        self,
        work: Work,
        left: dict[int, Job],
        experiment: Experiment,
        directory: ResultDirectory,
        workers: int,
        watcher: Watcher,
        failures: list[RunError],
    ) -> None:
        """`failures` is where the errors of jobs that fail go, whatever becomes of the processes."""
        self.under_way: set[int] = set()
        self.left = dict(left)
        self._jobs = left
        self._waiting = deque(left)
        self._workers = min(workers, len(left))
        self._futures: dict[Future[bool], int] = {}
        self._do = partial(_do, work=work, experiment=experiment, directory=directory)
        self._watcher = watcher
        self._failures = failures
        context = multiprocessing.get_context("spawn")
        self._channel = Channel(context.Queue(), context.Event())
        self._executor = ProcessPoolExecutor(self._workers, context, initializer=_begin, initargs=(self._channel,))

    def run(self) -> None:
        """Wait for all of them."""
        with self._executor:
            try:
                while self._waiting or self._futures:
                    self._hand_out()
                    self._hand_over()
            except BrokenProcessPool:
                raise
            except BaseException as error:
                self._channel.stop.set()
                if isinstance(error, KeyboardInterrupt):
                    self._watcher.stopping()
                # What was handed out is not cancelled but given back undone: where workers die, Python's pool stumbles
                # over futures that were cancelled.
                with suppress(BrokenProcessPool):  # who kills workers that are to stop has them stopped
                    while self._futures:
                        with suppress(StepsizeError):  # the first error is the one to tell
                            self._hand_over()
                raise

    def _hand_out(self) -> None:
        """See to it that no process waits for its next job."""
        while self._waiting and len(self._futures) < _HANDED_OUT * self._workers:
            try:
                # A process that begins inherits this: Ctrl-C is for the parent, which tells it.
                with _interrupts_ignored():
                    future = self._executor.submit(self._do, self._jobs[self._waiting[0]])
            except BrokenProcessPool:
                if self._futures:
                    return  # they say so too, when what came in before has been heard
                raise
            self._futures[future] = self._waiting.popleft()

    def _hand_over(self) -> None:
        """Tell the watcher what has come in, strike off the jobs that have ended, keep the errors of those failed."""
        ended, _ = wait(self._futures, timeout=_LISTEN, return_when=FIRST_COMPLETED)
        while True:
            try:
                number, record = self._channel.news.get_nowait()
            except queue.Empty:
                break
            if record is None:
                self.under_way.add(number)
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
                failure = RunError(f"{named(job)} failed: {reason(error)}")
                failure.__cause__ = error
                self._failures.append(failure)
            self.left.pop(first, None)
            self.under_way.discard(first)
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


# In a worker.

_channel: Channel


def _begin(channel: Channel) -> None:
    global _channel
    _channel = channel
    channel.news.cancel_join_thread()  # do not wait at exit for a parent that no longer listens
    torch.set_num_threads(THREADS)
    keep_freed_memory()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A parent that is killed cannot tell its workers, and nobody would hear of what they do."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _do(job: Job, work: Work, experiment: Experiment, directory: ResultDirectory) -> bool:
    """Whether it was begun: not after the sign to stop."""
    if _channel.stop.is_set():
        return False
    _channel.news.put((min(job), None))
    try:
        work(job, experiment, directory, _channel)
    except OutputError:
        raise
    except BaseException as error:  # another's may not come through the pipe, and would pass for a death
        raise RunError(reason(error)) from error
    return True
