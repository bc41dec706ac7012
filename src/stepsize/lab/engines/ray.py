"""The engine `ray`: the runs on a Ray cluster, a single-threaded task for each CPU.

A task trains one segment of a run, from checkpoint to checkpoint: it gets the bytes of a checkpoint, and returns what
was logged and the bytes of the next. It touches no file of the experiment, so the machines of the cluster need not
share a disk. Only the process that started the comparison writes records and checkpoints.
"""

import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from stepsize.errors import ArgumentError, MissingExtraError, RunError
from stepsize.files import write_whole
from stepsize.lab.directory import ResultDirectory
from stepsize.lab.engines.local import DEATHS
from stepsize.lab.engines.runs import (
    Job,
    account,
    cores,
    end_branches,
    joined,
    make_run,
    reason,
    single_branches,
    single_jobs,
)
from stepsize.lab.engines.workers import Workers
from stepsize.lab.environment import THREADS
from stepsize.lab.experiment import Experiment
from stepsize.lab.run_spec import RunSpec
from stepsize.lab.run_watcher import RunWatcher
from stepsize.lab.training.checkpoint import Offshoot
from stepsize.lab.training.loop import End
from stepsize.store import Store, load_runs
from stepsize.store.run import FIELDS, Epoch, Point

_STORE_BYTES = 100 * 2**20  # of the object store of a local Ray, which holds the checkpoints of the runs in progress


def check(experiment: Experiment) -> None:
    """Look for Ray.

    Raises:
        ArgumentError: the device is a GPU.
        MissingExtraError: Ray is not installed.
    """
    _ray()
    if experiment.device != "cpu":
        advice = "write {device}, or {engine}"
        raise ArgumentError(
            "Experiment", "device", "a CPU for Ray", experiment.device, advice, device="cpu", engine="stacked"
        )


def train_runs(
    specs: Mapping[int, RunSpec],
    experiment: Experiment,
    directory: ResultDirectory,
    workers: Workers,
    watcher: RunWatcher,
) -> None:
    """Train on the cluster that is running (`RAY_ADDRESS`, or `ray start` here), or on a local Ray."""
    branches = single_branches(specs, experiment, directory)
    watcher.branching(branches)
    jobs = {min(job.runs): job for job in single_jobs(branches, specs, experiment, directory)}
    with cluster(workers.asked) as ray, Store.open(directory.store) as store:
        _Scheduling(ray, jobs, experiment, directory, workers.asked, watcher, store).run()


@dataclass
class Segment:
    """The result of a task: its records, how it ended, and the checkpoint to continue from.

    `stored` are the steps of the records that the store already has of the run. `start` is the step that the segment
    starts at; None if it failed before it started. `branched` has the first checkpoints of runs that branch from it,
    by their files. `error` says why the run failed; `account` has the traceback too.
    """

    stored: NDArray[np.int64] = field(repr=False)
    start: int | None = None
    records: list[Point | Epoch] = field(default_factory=list)
    end: End = field(default_factory=lambda: End("failed", 0.0))
    checkpoint: bytes | None = None
    branched: dict[Path, bytes] = field(default_factory=dict)
    error: str = ""
    account: str = ""

    def rewind(self, number: int, step: int) -> int:
        """Note the step that the segment starts at; return the number of records before it."""
        self.start = step
        return int(np.count_nonzero(self.stored <= step))

    def branch(self, number: int, parent: int, step: int) -> int:
        """Return the number of records so far, of which another run gets copies."""
        return int(np.count_nonzero(self.stored <= (self.start or 0))) + len(self.records)

    def log(self, number: int, records: Sequence[Point | Epoch]) -> None:
        self.records += records


@dataclass
class _Scheduling:
    """The runs that wait and the segments in progress, in the process that writes the store.

    A run that others may wait for comes before them.
    """

    ray: Any
    waiting: dict[int, Job]
    experiment: Experiment
    directory: ResultDirectory
    workers: int | None
    watcher: RunWatcher
    store: Store
    in_progress: dict[Any, tuple[int, Job]] = field(default_factory=dict)
    deaths: Counter[int] = field(default_factory=Counter)
    failures: list[RunError] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.results = load_runs(self.directory.path)
        self.task = self.ray.remote(num_cpus=1, max_retries=0)(_make_segment)  # `_take` handles lost tasks

    def run(self) -> None:
        """Train all runs; if some fail, their errors are raised at the end."""
        try:
            while self.waiting or self.in_progress:
                room = self.workers or int(self.ray.cluster_resources().get("CPU", 1))
                while len(self.in_progress) < room and (number := self._first_ready()) is not None:
                    self._start(number, self.waiting.pop(number))
                ended, _ = self.ray.wait(list(self.in_progress), num_returns=1)
                for segment in ended:
                    self._take(segment, *self.in_progress.pop(segment))
        except KeyboardInterrupt:
            self.watcher.stopping()
            for number, _ in self.in_progress.values():
                self.store.end(number, "interrupted", 0.0)  # its seconds are in its checkpoint
                self.watcher.ended(number)
            raise
        finally:
            for segment in self.in_progress:
                self.ray.cancel(segment, force=True)
        if self.failures:
            raise joined(self.failures)

    def _first_ready(self) -> int | None:
        """The first run that need not wait for another."""
        unfinished = {*self.waiting, *(number for number, _ in self.in_progress.values())}
        return next((number for number, job in self.waiting.items() if job.is_ready(unfinished)), None)

    def _offshoots(self, job: Job) -> list[Offshoot]:
        """The runs that have not begun and branch from that of the job."""
        return [each for each in job.offshoots if self.waiting.keys() >= each.parents.keys()]

    def _start(self, number: int, job: Job, checkpoint: bytes | None = None) -> None:
        if checkpoint is None and job.checkpoint.exists():
            checkpoint = job.checkpoint.read_bytes()
        columns = (self.results.columns("train_loss", table=table, runs=[number])["step"] for table in FIELDS)
        stored = np.concatenate(list(columns))
        left = replace(job, offshoots=[each for each in self._offshoots(job) if not each.path.exists()])
        self.in_progress[self.task.remote(left, self.experiment, checkpoint, stored, sys.path)] = number, job

    def _take(self, task: Any, number: int, job: Job) -> None:
        """Write what a segment returned, and start the next."""
        name = job.in_words()
        try:
            segment: Segment = self.ray.get(task)
        except self.ray.exceptions.RayTaskError as error:
            self._fail(number, f"{name} failed: {reason(error.cause)}", str(error))
            return
        except self.ray.exceptions.RayError as error:
            self.deaths[number] += 1
            if self.deaths[number] == DEATHS:
                first_line = str(error).partition("\n")[0]
                lost = f"its task was lost {DEATHS} times without progress: {first_line}"
                self._fail(number, f"{name} failed: {lost}", str(error))
            else:
                self.store.event("process died", f"the task of {name} was lost", number)
                self._start(number, job)
            return
        self.deaths[number] = 0
        if segment.start is not None:
            self.store.rewind(number, segment.start)
        self.store.log(number, segment.records)
        for record in segment.records:
            self.watcher.logged(number, record)
        for each in job.offshoots:
            if content := segment.branched.get(each.path):
                self.store.branch(min(each.parents), number, each.step)
                write_whole(each.path, content)
        if segment.end.status == "failed":
            self._fail(number, f"{name} failed: {segment.error}", segment.account)
        elif segment.checkpoint is not None:
            write_whole(job.checkpoint, segment.checkpoint)
            self._start(number, job, segment.checkpoint)
        else:
            self._end(number, job, segment.end)
            job.checkpoint.unlink(missing_ok=True)

    def _end(self, number: int, job: Job, end: End) -> None:
        """Record the end of a run; if it has diverged, also of those that would have branched from it later."""
        branches = end_branches(self.store, self._offshoots(job), number, end)
        self.store.end(number, end.status, end.seconds, end.diverged_at)
        self.watcher.ended(number)
        for branch in branches:
            self._end(branch, self.waiting.pop(branch), end)

    def _fail(self, number: int, error: str, event: str) -> None:
        self.failures.append(RunError(error))
        self.directory.fail([number], event)
        self.watcher.ended(number)


def _make_segment(
    job: Job, experiment: Experiment, state: bytes | None, stored: NDArray[np.int64], module_folders: Sequence[str]
) -> Segment:
    """Train a run from a checkpoint to the next, or to its end; in a task, on any machine.

    `state` is the content of the checkpoint, whose path is used in error messages alone. `module_folders` is `sys.path`
    of the process that started the comparison; it finds the user's modules on the same machine or a shared disk.
    """
    sys.path.extend(folder for folder in module_folders if folder not in sys.path)
    torch.set_num_threads(THREADS)
    segment = Segment(stored)
    last = 0

    def observe(number: int, record: Point | Epoch) -> None:
        nonlocal last
        last = record.step

    def should_stop() -> bool:
        return last - (segment.start or 0) >= experiment.checkpoint_every

    with TemporaryDirectory() as folder:
        checkpoint = Path(folder, "checkpoint.pt")
        if state is not None:
            checkpoint.write_bytes(state)
        try:
            here = {each.path: Path(folder, each.path.name) for each in job.offshoots}
            offshoots = [replace(each, path=here[each.path]) for each in job.offshoots]
            there = replace(job, checkpoint=checkpoint, offshoots=offshoots)
            segment.end = make_run(there, experiment, segment, observe, should_stop)
            segment.branched = {path: own.read_bytes() for path, own in here.items() if own.exists()}
        except (Exception, SystemExit) as error:
            ours, theirs = str(checkpoint), str(job.checkpoint)
            segment.error, segment.account = (text(error).replace(ours, theirs) for text in (reason, account))
            return segment  # with what it logged until then
        segment.checkpoint = checkpoint.read_bytes() if segment.end.status == "interrupted" else None
    return segment


@contextmanager
def cluster(workers: int | None) -> Iterator[Any]:
    """Ray, connected to the running cluster or to a local Ray that is shut down at the end."""
    ray = _ray()
    if ray.is_initialized():
        yield ray
        return
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    on_sigterm = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address="auto", **quiet)
    except ConnectionError:
        cpus, memory = workers or cores(), _STORE_BYTES
        ray.init(address="local", num_cpus=cpus, object_store_memory=memory, include_dashboard=False, **quiet)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, on_sigterm)  # Ray sets a handler of its own, which ends the process
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
