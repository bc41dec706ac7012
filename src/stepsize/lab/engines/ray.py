"""The engine `ray`: the runs on a Ray cluster, a single-threaded task for each CPU.

A task trains one segment of a run, from checkpoint to checkpoint: it gets the bytes of a checkpoint, and returns what
was logged and the bytes of the next. It touches no file of the experiment, so the machines of the cluster need not
share a disk. Only the process that started the comparison writes records and checkpoints.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from stepsize.errors import ArgumentError, RunError
from stepsize.files import write_whole
from stepsize.lab.directory import ResultDirectory
from stepsize.lab.engines.failures import account, joined, reason
from stepsize.lab.engines.local import DEATHS
from stepsize.lab.engines.ray_cluster import (
    LOOK,
    Contact,
    check_nodes,
    cluster_address,
    joined_cluster,
    other_versions,
    ray_module,
    this_node,
    versions,
)
from stepsize.lab.engines.ray_code import Code
from stepsize.lab.engines.runs import Job, end_branches, make_run, single_jobs
from stepsize.lab.engines.workers import Training
from stepsize.lab.environment import THREADS
from stepsize.lab.experiment import Experiment
from stepsize.lab.run_spec import RunSpec
from stepsize.lab.standings import RunWatcher
from stepsize.lab.training.checkpoint import Offshoot
from stepsize.lab.training.loop import End
from stepsize.store import Store, load_runs
from stepsize.store.run import FIELDS, Epoch, Point


def check(experiment: Experiment) -> None:
    """Look for Ray, and for the head of its cluster if there is one."""
    ray = ray_module()
    if experiment.device != "cpu":
        advice = "write {device}, or {engine}"
        raise ArgumentError(
            "Experiment", "device", "a CPU for Ray", experiment.device, advice, device="cpu", engine="stacked"
        )
    if not ray.is_initialized():
        cluster_address()


def train_runs(specs: Mapping[int, RunSpec], training: Training) -> None:
    """Train on the cluster that is running (`RAY_ADDRESS`, or `ray start` here), or on a local Ray."""
    experiment, directory, workers, watcher = training
    jobs = {min(job.runs): job for job in single_jobs(specs, experiment, directory, watcher)}
    with joined_cluster(workers.asked, Code.of(experiment)) as (ray, code), Store.open(directory.store) as store:
        contact = Contact(ray)
        check_nodes(contact, experiment, code)
        _Scheduling(contact, jobs, experiment, code, directory, workers.asked, watcher, store).run()


@dataclass
class _InProgress:
    """A run whose segment is trained; the node is "" until the task has said where it is."""

    number: int
    job: Job
    node: str = ""


@dataclass
class _Scheduling:
    """The runs that wait and the segments in progress, in the process that writes the store.

    A run that others may wait for comes before them.
    """

    contact: Contact
    waiting: dict[int, Job]
    experiment: Experiment
    code: Code
    directory: ResultDirectory
    workers: int | None
    watcher: RunWatcher
    store: Store
    in_progress: dict[Any, _InProgress] = field(default_factory=dict)
    deaths: Counter[int] = field(default_factory=Counter)
    failures: list[RunError] = field(default_factory=list)
    lost: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        self.ray = self.contact.ray
        self.results = load_runs(self.directory.path)
        self.lost = self.contact.lost()  # before the runs begin

    def run(self) -> None:
        """Train all runs; if some fail, their errors are raised at the end."""
        try:
            while self.waiting or self.in_progress:
                room = self.workers or int(self.ray.cluster_resources().get("CPU", 1))
                while len(self.in_progress) < room and (number := self._first_ready()) is not None:
                    self._start(number, self.waiting.pop(number))
                heard, _ = self.ray.wait(list(self.in_progress), num_returns=1, timeout=LOOK)
                for task in heard:
                    self._hear(task)
                self._leave_lost_nodes()
        except KeyboardInterrupt:
            self.watcher.stopping()
            for each in self.in_progress.values():
                self.store.end(each.number, "interrupted", 0.0)  # its seconds are in its checkpoint
                self.watcher.ended(each.number)
            raise
        finally:
            for task in self.in_progress:
                self.ray.cancel(task, force=True)
        if self.failures:
            raise joined(self.failures)

    def _first_ready(self) -> int | None:
        unfinished = {*self.waiting, *(each.number for each in self.in_progress.values())}
        return next((number for number, job in self.waiting.items() if job.is_ready(unfinished)), None)

    def _leave_lost_nodes(self) -> None:
        """Start the segments of nodes that were lost again elsewhere, from their checkpoints.

        So are those that have not said where they are: they may be there, and otherwise they have not begun.
        """
        before, self.lost = self.lost, self.contact.lost()
        if not (newly := self.lost - before):
            return
        for name in self.contact.names(newly):
            self.store.event("node lost", f"{name} does not answer; its runs continue elsewhere")
        for task, each in list(self.in_progress.items()):
            if each.node == "" or each.node in self.lost:
                del self.in_progress[task]
                self.ray.cancel(task, force=True)
                self._start(each.number, each.job)

    def _offshoots(self, job: Job) -> list[Offshoot]:
        return [each for each in job.offshoots if self.waiting.keys() >= each.parents.keys()]

    def _start(self, number: int, job: Job, checkpoint: bytes | None = None) -> None:
        if checkpoint is None and job.checkpoint.exists():
            checkpoint = job.checkpoint.read_bytes()
        columns = (self.results.columns("train_loss", table=table, runs=[number])["step"] for table in FIELDS)
        stored = np.concatenate(list(columns))
        left = replace(job, offshoots=[each for each in self._offshoots(job) if not each.path.exists()])
        place = self.contact.elsewhere(self.lost)
        task = self.ray.remote(num_cpus=1, max_retries=0, num_returns="streaming", **place)(
            make_segment
        )  # `_hear` retries
        given = left, self.experiment, checkpoint, stored, self.code, versions()
        self.in_progress[task.remote(*given)] = _InProgress(number, job)

    def _hear(self, task: Any) -> None:
        each = self.in_progress.pop(task)
        number, job, name = each.number, each.job, each.job.in_words()
        try:
            said: str | Segment = self.ray.get(next(task))
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
        if isinstance(said, str):
            self.in_progress[task] = replace(each, node=said)
        else:
            self._take(said, number, job)

    def _take(self, segment: "Segment", number: int, job: Job) -> None:
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
            self._fail(number, f"{job.in_words()} failed: {segment.error}", segment.account)
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


def make_segment(
    job: Job,
    experiment: Experiment,
    state: bytes | None,
    stored: NDArray[np.int64],
    code: Code,
    asked: dict[str, str],
) -> Iterator[str | Segment]:
    """Say on which node this is, and train a run from a checkpoint to the next, or to its end.

    `state` is the content of the checkpoint, whose path is used in error messages alone. `asked` are the versions
    of the process that started the comparison.
    """
    yield this_node()
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
            if others := other_versions(asked):
                raise RunError(f"a node of the Ray cluster has other versions ({others})")
            here = {each.path: Path(folder, each.path.name) for each in job.offshoots}
            offshoots = [replace(each, path=here[each.path]) for each in job.offshoots]
            there = replace(job, checkpoint=checkpoint, offshoots=offshoots)
            segment.end = make_run(there, code.arrived(experiment), segment, observe, should_stop)
            segment.branched = {path: own.read_bytes() for path, own in here.items() if own.exists()}
            segment.checkpoint = checkpoint.read_bytes() if segment.end.status == "interrupted" else None
        except (Exception, SystemExit) as error:  # it is returned with what the run logged until then
            ours, theirs = str(checkpoint), str(job.checkpoint)
            segment.error, segment.account = (
                code.in_our_words(text(error)).replace(ours, theirs) for text in (reason, account)
            )
    yield segment
