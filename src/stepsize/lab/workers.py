"""Runs side by side: one single-threaded process a core, and their news on one queue."""

import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from typing import Any

import torch

from stepsize.errors import RunError
from stepsize.lab.experiment import Experiment, Plan
from stepsize.lab.optimizers import make_optimizer
from stepsize.lab.tasks import experiment_task
from stepsize.lab.training import train
from stepsize.lab.watching import Watcher
from stepsize.pytorch.scheduler import Scheduler
from stepsize.records.run import Epoch, Point, Run

THREADS = 1
"""PyTorch's threads in each process: on small networks several processes do more than several threads."""

_LISTEN = 0.1  # seconds to wait for a run to end before looking at the news again


@dataclass(frozen=True)
class _Channel:
    """What a worker holds: where its news go, as (number of the plan, record), and the sign to stop."""

    news: "Queue[tuple[int, Point | Epoch]]"
    stop: Event


def cores() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_plans(plans: Sequence[Plan], experiment: Experiment, workers: int, watcher: Watcher) -> None:
    """Make the runs, `workers` at a time, and tell the watcher what they log and how they end.

    The numbers do not depend on `workers`. A run that fails does not keep the others from being made; its error is
    raised at the end. On Ctrl-C, or an error of the watcher, no further run is begun, and those under way stop at their
    next logged point; the watcher still hears of every one that ended.

    Raises:
        RunError: a run failed, or a worker process died.
    """
    context = multiprocessing.get_context("spawn")
    channel = _Channel(context.Queue(), context.Event())
    failures: list[RunError] = []
    with ProcessPoolExecutor(min(workers, len(plans)), context, initializer=_begin, initargs=(channel,)) as pool:
        with _interrupts_ignored():  # the workers inherit this: Ctrl-C is for the parent, which tells them to stop
            left = {pool.submit(_run, number, plan, experiment): number for number, plan in enumerate(plans)}
        try:
            while left:
                failures += _hand_over(left, plans, channel, watcher)
        except BaseException as error:
            channel.stop.set()
            if isinstance(error, KeyboardInterrupt):
                watcher.stopping()
            for future in [future for future in left if future.cancel()]:
                del left[future]
            while left:
                with suppress(RunError):  # the first error is the one to tell
                    _hand_over(left, plans, channel, watcher)
            raise
    if failures:
        raise failures[0]


def _hand_over(
    left: dict[Future[Run], int], plans: Sequence[Plan], channel: _Channel, watcher: Watcher
) -> list[RunError]:
    """Tell the watcher what has come in, strike the runs that have ended off what is left, return those that failed."""
    ended, _ = wait(left, timeout=_LISTEN, return_when=FIRST_COMPLETED)
    while True:
        try:
            watcher.logged(*channel.news.get_nowait())
        except queue.Empty:
            break
    failures = []
    for future in ended:
        number = left[future]
        try:
            run = future.result()
        except BrokenProcessPool as error:
            left.clear()
            raise RunError(
                "a process that trains died without a word: killed, out of memory, or started by a script that calls "
                'compare outside of `if __name__ == "__main__":`'
            ) from error
        except Exception as error:
            failure = RunError(f"the run {plans[number].name!r} with seed {plans[number].seed} failed: {error}")
            failure.__cause__ = error
            failures.append(failure)
        else:
            watcher.ended(number, run)
        del left[future]
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


def _run(number: int, plan: Plan, experiment: Experiment) -> Run:
    if _channel.stop.is_set():  # it was handed out just before
        return Run(plan.name, str(plan.schedule), plan.seed, (), (), 0.0, "interrupted")
    task = experiment_task(experiment)
    model = task.initial_model(plan.seed).to(experiment.device)
    settings = dict(experiment.optimizer_args)
    optimizer = make_optimizer(experiment.optimizer, model.parameters(), 0.1, settings)  # the rate is overwritten
    decay: dict[str, Any] = {} if plan.weight_decay is None else {"weight_decay": plan.weight_decay}
    log = train(
        model,
        task,
        optimizer,
        Scheduler(optimizer, plan.schedule, relative=False, **decay),
        epochs=experiment.epochs,
        batch_size=experiment.batch_size,
        accumulate=experiment.accumulate,
        seed=plan.seed,
        device=experiment.device,
        bf16=experiment.precision == "bf16",
        clip_norm=experiment.clip_norm,
        loss_limit=experiment.loss_limit,
        log_every=experiment.log_every,
        observe=lambda record: _channel.news.put((number, record)),
        should_stop=_channel.stop.is_set,
    )
    return Run(plan.name, str(plan.schedule), plan.seed, log.points, log.epochs, log.seconds, log.status)
