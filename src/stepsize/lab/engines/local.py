"""Runs side by side: one single-threaded process a core, and their news on one queue."""

import multiprocessing
import os
import queue
import signal
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from typing import Any

import torch

from stepsize.errors import OutputError, RunError, StepsizeError
from stepsize.lab.checkpoint import Checkpoint
from stepsize.lab.directory import ResultDirectory
from stepsize.lab.experiment import Experiment, Plan
from stepsize.lab.journal import Journal
from stepsize.lab.optimizers import make_optimizer
from stepsize.lab.tasks import experiment_task
from stepsize.lab.training import TrainingLog, train
from stepsize.lab.watching import Watcher
from stepsize.pytorch.scheduler import Scheduler
from stepsize.records import Epoch, Point, Store

THREADS = 1
"""PyTorch's threads in each process: on small networks several processes do more than several threads."""

DEATHS = 3
"""So many times a run's process may die before the run has failed."""

_LISTEN = 0.1  # seconds to wait for a run to end before looking at the news again


@dataclass(frozen=True)
class _Channel:
    """What a worker holds: where its news go, as (number of the run, record), and the sign to stop.

    As a run begins, None stands for the record.
    """

    news: "Queue[tuple[int, Point | Epoch | None]]"
    stop: Event


def cores() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_plans(
    numbered: Mapping[int, Plan], experiment: Experiment, directory: ResultDirectory, workers: int, watcher: Watcher
) -> None:
    """Make the runs, `workers` at a time, and tell the watcher what they log and how they end.

    Each writes its records into the directory's store, and goes on from its checkpoint if there is one. The numbers do
    not depend on `workers`. A run that fails does not keep the others from being made; its error is raised at the end.
    A process that dies is replaced, and its run goes on from its last checkpoint; a run whose process has died three
    times has failed. On Ctrl-C, a store that cannot be written to, or an error of the watcher, no further run is begun,
    and those under way stop at their next logged point; the watcher still hears of every one that ended.

    Raises:
        RunError: a run failed.
        OutputError: the store cannot be written to.
    """
    left, deaths = dict(numbered), Counter[int]()
    failures: list[RunError] = []
    while left:
        pool = _Pool(left, experiment, directory, workers, watcher)
        try:
            failures += pool.run()
        except BrokenProcessPool:
            suspects = pool.under_way & left.keys()
            if not suspects:
                raise RunError(
                    "the processes that train die as they start: killed, out of memory, or started by a script that "
                    'calls compare outside of `if __name__ == "__main__":`'
                ) from None
            deaths.update(suspects)
            for number in suspects:
                name = f"the run {left[number].name!r} with seed {left[number].seed}"
                if deaths[number] < DEATHS:
                    directory.note("process died", f"{name} goes on from its last checkpoint", number)
                else:
                    died = f"{name} failed: the process that trained it died {DEATHS} times, killed or out of memory"
                    failures.append(RunError(died))
                    directory.fail(number, died)
                    del left[number]
                    watcher.ended(number)
    if failures:
        raise failures[0]


class _Pool:
    """The processes of one generation, and what is under way in them; the runs that end are struck off `left`."""

    def __init__(
        self,
        left: dict[int, Plan],
        experiment: Experiment,
        directory: ResultDirectory,
        workers: int,
        watcher: Watcher,
    ) -> None:
        self.under_way: set[int] = set()
        self._left = left
        self._plans = dict(left)
        self._watcher = watcher
        context = multiprocessing.get_context("spawn")
        self._channel = _Channel(context.Queue(), context.Event())
        self._executor = ProcessPoolExecutor(
            min(workers, len(left)), context, initializer=_begin, initargs=(self._channel,)
        )
        with _interrupts_ignored():  # the workers inherit this: Ctrl-C is for the parent, which tells them to stop
            self._futures = {
                self._executor.submit(_run, number, plan, experiment, directory): number
                for number, plan in left.items()
            }

    def run(self) -> list[RunError]:
        """Wait for all of them; the errors of those that failed."""
        failures: list[RunError] = []
        with self._executor:
            try:
                while self._futures:
                    failures += self._hand_over()
            except BrokenProcessPool:
                raise
            except BaseException as error:
                self._channel.stop.set()
                if isinstance(error, KeyboardInterrupt):
                    self._watcher.stopping()
                for future in [future for future in self._futures if future.cancel()]:
                    del self._futures[future]
                while self._futures:
                    with suppress(StepsizeError):  # the first error is the one to tell
                        self._hand_over()
                raise
        return failures

    def _hand_over(self) -> list[RunError]:
        """Tell the watcher what has come in, strike off the runs that have ended, return the errors of those failed."""
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
        failures = []
        broken: BrokenProcessPool | None = None
        for future in ended:
            number = self._futures.pop(future)
            plan = self._plans[number]
            try:
                future.result()
            except BrokenProcessPool as error:
                broken = error
                continue
            except OutputError:
                raise
            except Exception as error:
                failure = RunError(f"the run {plan.name!r} with seed {plan.seed} failed: {error}")
                failure.__cause__ = error
                failures.append(failure)
            self._left.pop(number, None)
            self.under_way.discard(number)
            self._watcher.ended(number)
        if broken is not None:
            raise broken
        return failures


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

_channel: _Channel


def _begin(channel: _Channel) -> None:
    global _channel
    _channel = channel
    channel.news.cancel_join_thread()  # do not wait at exit for a parent that no longer listens
    torch.set_num_threads(THREADS)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A parent that is killed cannot tell its workers, and nobody would hear of what they do."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _run(number: int, plan: Plan, experiment: Experiment, directory: ResultDirectory) -> None:
    """Make a run, or what is left of it; its records and its end are in the store when this returns."""
    if _channel.stop.is_set():  # it was handed out just before
        return
    _channel.news.put((number, None))
    with Store.open(directory.store) as store:
        try:
            log = _trained(number, plan, experiment, directory, store)
        except OutputError:
            raise
        except Exception as error:
            store.end(number, "failed", 0.0)
            store.event("failed", str(error), number)
            raise
        store.end(number, log.status, log.seconds, log.diverged_at)
    if log.status != "interrupted":
        directory.checkpoint(number).unlink(missing_ok=True)


def _trained(number: int, plan: Plan, experiment: Experiment, directory: ResultDirectory, store: Store) -> TrainingLog:
    task = experiment_task(experiment)
    model = task.initial_model(plan.seed).to(experiment.device)
    settings = dict(experiment.optimizer_args)
    optimizer = make_optimizer(experiment.optimizer, model.parameters(), 0.1, settings)  # the rate is overwritten
    decay: dict[str, Any] = {} if plan.weight_decay is None else {"weight_decay": plan.weight_decay}
    scheduler = Scheduler(optimizer, plan.schedule, relative=False, **decay)
    journal = Journal(store, number)
    name = f"{plan.name}, seed {plan.seed}, {experiment.task}, {plan.schedule}"
    checkpoint = Checkpoint(directory.checkpoint(number), experiment.checkpoint_every, name, journal)
    if not checkpoint.exists():
        journal.rewind(0)

    def observe(record: Point | Epoch) -> None:
        journal.add(record)
        _channel.news.put((number, record))

    log = train(
        model,
        task,
        optimizer,
        scheduler,
        epochs=experiment.epochs,
        batch_size=experiment.batch_size,
        accumulate=experiment.accumulate,
        seed=plan.seed,
        device=experiment.device,
        bf16=experiment.precision == "bf16",
        clip_norm=experiment.clip_norm,
        loss_limit=experiment.loss_limit,
        log_every=experiment.log_every,
        observe=observe,
        should_stop=_channel.stop.is_set,
        checkpoint=checkpoint,
    )
    journal.flush()
    return log
