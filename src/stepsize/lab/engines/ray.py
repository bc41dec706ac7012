"""The engine `ray`: the runs on a Ray cluster, a single-threaded task for each CPU that it has.

A task makes one leg of a run, from checkpoint to checkpoint: it is given the bytes of a checkpoint, and returns what
was logged, and the bytes of the next. It touches no file of the experiment, so the machines of the cluster need not
share a disk; records and checkpoints are written here, by the one process that the directory belongs to.
"""

import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from stepsize.errors import ArgumentError, MissingExtraError, RunError
from stepsize.files import write_whole
from stepsize.lab.directory import ResultDirectory
from stepsize.lab.engines.failures import account, reason, several
from stepsize.lab.engines.one_run import THREADS, make_run
from stepsize.lab.engines.pool import DEATHS, cores, named
from stepsize.lab.experiment import Experiment, RunSpec
from stepsize.lab.standings import Watcher
from stepsize.store import Store, load_runs
from stepsize.store.run import FIELDS, Epoch, Point, Status

_STORE_BYTES = 100 * 2**20
"""The object store of a Ray of our own: it holds the checkpoints of the runs under way."""


def check(experiment: Experiment) -> None:
    """Look for Ray.

    Raises:
        ArgumentError: the device is a GPU.
        MissingExtraError: Ray is not installed.
    """
    _ray()
    if experiment.device != "cpu":
        raise ArgumentError(
            f'the engine "ray" trains on CPUs, not on {experiment.device!r}; write device = "cpu" or engine = "stacked"'
        )


def run_plans(
    numbered: Mapping[int, RunSpec],
    experiment: Experiment,
    directory: ResultDirectory,
    workers: int | None,
    watcher: Watcher,
) -> None:
    """Make the runs on the cluster that runs already (`RAY_ADDRESS`, or `ray start` here), or on one of our own."""
    with _cluster(workers) as ray, Store.open(directory.store) as store:
        _Legs(ray, dict(numbered), experiment, directory, workers, watcher, store).run()


@dataclass
class Leg:
    """What a task returns: where it began, what was logged, how it ended, and the checkpoint to go on from.

    `stored` are the steps of the records that the store has of the run; `began` is None where it failed before it was
    known where it begins; `error` says why the run failed, `account` where as well.
    """

    stored: NDArray[np.int64] = field(repr=False)
    began: int | None = None
    records: list[Point | Epoch] = field(default_factory=list)
    status: Status = "failed"
    seconds: float = 0.0
    diverged_at: int | None = None
    state: bytes | None = None
    error: str = ""
    account: str = ""

    def rewind(self, number: int, step: int) -> int:
        """Take note of where it began, and say how many records lie before."""
        self.began = step
        return int(np.count_nonzero(self.stored <= step))

    def log(self, number: int, records: Sequence[Point | Epoch]) -> None:
        """Take note of what was logged."""
        self.records += records


class _Legs:
    """The runs that are left, and the legs under way; all of it here, in the process that writes the store."""

    def __init__(
        self,
        ray: Any,
        left: dict[int, RunSpec],
        experiment: Experiment,
        directory: ResultDirectory,
        workers: int | None,
        watcher: Watcher,
        store: Store,
    ) -> None:
        self._ray = ray
        self._waiting = left
        self._experiment = experiment
        self._directory = directory
        self._workers = workers
        self._watcher = watcher
        self._store = store
        self._results = load_runs(directory.path)
        self._task = ray.remote(num_cpus=1, max_retries=0)(_leg)  # what to do when one dies is decided here
        self._under_way: dict[Any, tuple[int, RunSpec]] = {}
        self._deaths = Counter[int]()
        self._failures: list[RunError] = []

    def run(self) -> None:
        """Make them all; the first error of those that failed is raised at the end."""
        try:
            while self._waiting or self._under_way:
                room = self._workers or int(self._ray.cluster_resources().get("CPU", 1))
                while self._waiting and len(self._under_way) < room:
                    number = min(self._waiting)
                    self._begin(number, self._waiting.pop(number))
                ended, _ = self._ray.wait(list(self._under_way), num_returns=1)
                for leg in ended:
                    self._take(leg, *self._under_way.pop(leg))
        except KeyboardInterrupt:
            self._watcher.stopping()
            for number, _ in self._under_way.values():
                self._store.end(number, "interrupted", 0.0)  # its seconds are in its checkpoint
                self._watcher.ended(number)
            raise
        finally:
            for leg in self._under_way:
                self._ray.cancel(leg, force=True)
        if self._failures:
            raise several(self._failures)

    def _begin(self, number: int, plan: RunSpec, state: bytes | None = None) -> None:
        path = self._directory.checkpoint(number)
        if state is None and path.exists():
            state = path.read_bytes()
        columns = (self._results.columns("train_loss", table=table, runs=[number])["step"] for table in FIELDS)
        stored = np.concatenate(list(columns))
        self._under_way[self._task.remote(number, plan, self._experiment, state, stored, path, sys.path)] = number, plan

    def _take(self, reference: Any, number: int, plan: RunSpec) -> None:
        """Write down what a leg brought, and begin the next."""
        try:
            leg: Leg = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            self._fail(number, f"{named({number: plan})} failed: {reason(error.cause)}", str(error))
            return
        except self._ray.exceptions.RayError as error:
            self._deaths[number] += 1
            if self._deaths[number] == DEATHS:
                lost = f"its task was lost {DEATHS} times without getting further: {_line(error)}"
                self._fail(number, f"{named({number: plan})} failed: {lost}", str(error))
            else:
                self._store.event("process died", f"the task of {named({number: plan})} was lost", number)
                self._begin(number, plan)
            return
        self._deaths[number] = 0  # it got further
        if leg.began is not None:
            self._store.rewind(number, leg.began)
        self._store.log(number, leg.records)
        for record in leg.records:
            self._watcher.logged(number, record)
        if leg.status == "failed":
            self._fail(number, f"{named({number: plan})} failed: {leg.error}", leg.account)
            return
        path = self._directory.checkpoint(number)
        if leg.state is not None:
            write_whole(path, leg.state)
            self._begin(number, plan, leg.state)
        else:
            self._store.end(number, leg.status, leg.seconds, leg.diverged_at)
            path.unlink(missing_ok=True)
            self._watcher.ended(number)

    def _fail(self, number: int, told: str, kept: str) -> None:
        self._failures.append(RunError(told))
        self._directory.fail([number], kept)
        self._watcher.ended(number)


def _leg(
    number: int,
    plan: RunSpec,
    experiment: Experiment,
    state: bytes | None,
    stored: NDArray[np.int64],
    path: Path,
    module_folders: Sequence[str],
) -> Leg:
    """Make a run from a checkpoint to the next, or to its end; in a task, anywhere.

    `path` is the file that `state` was read from, used only in error messages. `module_folders` is `sys.path` of the
    process that started Ray; it finds the user's modules on the same machine or a shared disk.
    """
    sys.path.extend(folder for folder in module_folders if folder not in sys.path)
    torch.set_num_threads(THREADS)
    leg = Leg(stored)
    last = 0

    def observe(record: Point | Epoch) -> None:
        nonlocal last
        last = record.step

    def far_enough() -> bool:
        return last - (leg.began or 0) >= experiment.checkpoint_every

    with TemporaryDirectory() as folder:
        checkpoint = Path(folder, "checkpoint.pt")
        if state is not None:
            checkpoint.write_bytes(state)
        try:
            log = make_run(number, plan, experiment, leg, checkpoint, observe, far_enough)
        except (Exception, SystemExit) as error:
            here, there = str(checkpoint), str(path)
            leg.error, leg.account = (told(error).replace(here, there) for told in (reason, account))
            return leg  # what it logged until then goes back with it
        leg.status, leg.seconds, leg.diverged_at = log.status, log.seconds, log.diverged_at
        leg.state = checkpoint.read_bytes() if log.status == "interrupted" else None
    return leg


@contextmanager
def _cluster(workers: int | None) -> Iterator[Any]:
    """Ray, connected to the cluster that is there, or to one of our own, which ends with this."""
    ray = _ray()
    if ray.is_initialized():
        yield ray
        return
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    terminated = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address="auto", **quiet)
    except ConnectionError:
        ray.init(
            address="local",
            num_cpus=workers or cores(),
            object_store_memory=_STORE_BYTES,
            include_dashboard=False,
            **quiet,
        )
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, terminated)  # Ray has put a handler of its own there, which ends the process
    try:
        yield ray
    finally:
        ray.shutdown()


def _ray() -> Any:
    try:
        import ray
    except ModuleNotFoundError as error:
        raise MissingExtraError.naming("Ray", "ray") from error
    return ray


def _line(error: Exception) -> str:
    return str(error).partition("\n")[0]
