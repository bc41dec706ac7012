"""Runs side by side: one single-threaded process a core, and their news on one queue."""

import multiprocessing
import os
import pickle
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

import torch

from stepsize.errors import ArgumentError, RunError
from stepsize.lab.data import load
from stepsize.lab.experiment import Experiment, Plan
from stepsize.lab.optimizers import make_optimizer
from stepsize.lab.seeding import initial_model
from stepsize.lab.training import train
from stepsize.lab.watching import Watcher
from stepsize.records.run import Epoch, Point, Run

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

    The numbers do not depend on `workers`. On an error or Ctrl-C no further run is begun, and those under way stop at
    their next logged point; the watcher still hears of every one that ended, and the error is raised at the end.

    Raises:
        RunError: a run failed, or a worker process died.
    """
    context = multiprocessing.get_context("spawn")
    channel = _Channel(context.Queue(), context.Event())
    with ProcessPoolExecutor(min(workers, len(plans)), context, initializer=_begin, initargs=(channel,)) as pool:
        with _interrupts_ignored():  # the workers inherit this: Ctrl-C is for the parent, which tells them to stop
            left = {pool.submit(_run, number, plan, experiment): number for number, plan in enumerate(plans)}
        try:
            while left:
                _hand_over(left, plans, channel, watcher)
        except BaseException:
            channel.stop.set()
            for future in [future for future in left if future.cancel()]:
                del left[future]
            while left:
                with suppress(RunError):  # the first error is the one to tell
                    _hand_over(left, plans, channel, watcher)
            raise


def _hand_over(left: dict[Future[Run], int], plans: Sequence[Plan], channel: _Channel, watcher: Watcher) -> None:
    """Tell the watcher what has come in, and strike the runs that have ended off what is left."""
    ended, _ = wait(left, timeout=_LISTEN, return_when=FIRST_COMPLETED)
    while True:
        try:
            watcher.logged(*channel.news.get_nowait())
        except queue.Empty:
            break
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
            del left[future]
            plan = plans[number]
            raise RunError(f"the run {plan.name!r} with seed {plan.seed} failed: {error}") from error
        watcher.ended(number, run)
        del left[future]


def require_portable(plan: Plan) -> None:
    """Raise ArgumentError if the plan's schedule cannot be sent to another process."""
    try:
        pickle.dumps(plan.schedule)
    except (pickle.PicklingError, AttributeError, TypeError):
        advice = 'write it in a module and name it: Function("package.module:name")'
        raise ArgumentError(f"{plan.schedule} cannot be sent to the processes that train; {advice}") from None


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
    torch.set_num_threads(1)


def _run(number: int, plan: Plan, experiment: Experiment) -> Run:
    data = load(experiment.data)
    model = initial_model(data, plan.seed).to(experiment.device)
    optimizer = make_optimizer(experiment.optimizer, model.parameters(), lr=0.1)  # overwritten before every update
    log = train(
        model,
        data,
        optimizer,
        plan.schedule,
        epochs=experiment.epochs,
        batch_size=experiment.batch_size,
        accumulate=experiment.accumulate,
        seed=plan.seed,
        device=experiment.device,
        observe=lambda record: _channel.news.put((number, record)),
        should_stop=_channel.stop.is_set,
    )
    return Run(plan.name, str(plan.schedule), plan.seed, log.points, log.epochs, log.seconds, log.status)
