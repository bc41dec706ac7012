"""Runs of training loops of the user's own: a fresh process for each, on this machine or on a Ray cluster.

The process of a run appends what it logs to a journal. The process of the comparison reads the journals, writes the
store, and decides how each run ended; it is the only one that writes the store.
"""

import math
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial

from stepsize.errors import ArgumentError, RunError
from stepsize.lab.directory import OUTPUT, ResultDirectory
from stepsize.lab.engines import ray
from stepsize.lab.engines.failures import joined, run_in_words
from stepsize.lab.engines.ray_cluster import Contact, check_nodes, joined_cluster
from stepsize.lab.engines.ray_code import Code
from stepsize.lab.engines.workers import Training
from stepsize.lab.environment import cores
from stepsize.lab.experiment import Experiment
from stepsize.lab.own_loops.command import last_lines
from stepsize.lab.own_loops.journal_records import JournalRecords
from stepsize.lab.own_loops.processes import LocalProcess, Process, RayTask, visible_gpus
from stepsize.lab.own_loops.training_run import RunPlace
from stepsize.lab.run_spec import RunSpec
from stepsize.lab.standings import RunWatcher
from stepsize.store import Store
from stepsize.store.run import Status

_LOOK = 0.05  # seconds between two looks at the journals
_GRACE = 30.0  # seconds for a process to end after its loop has, or after it was asked to stop


def check(experiment: Experiment) -> None:
    """Refuse Windows, and look for Ray if it is to start the processes."""
    if sys.platform == "win32":
        rule = "a task with data, as training loops of your own need process groups, which Windows does not have"
        raise ArgumentError("Experiment", "task", rule, experiment.command or experiment.task)
    if experiment.engine == "ray":
        ray.check(experiment)


def train_runs(specs: Mapping[int, RunSpec], training: Training) -> None:
    """Make the runs, `workers` at a time; by default one on each core, or one on each GPU.

    A run that raises an error, is killed, or logs nothing for the experiment's `timeout` has failed; the others
    continue. A run in progress continues from what its loop has saved in `run.checkpoint`.
    """
    experiment, directory, workers, watcher = training
    gpus = visible_gpus(experiment.device)
    with ExitStack() as stack:
        begin: Callable[[RunPlace], Process] = LocalProcess
        most = workers.asked or len(gpus) or cores()
        if experiment.engine == "ray":
            here = Code(None, tuple(sys.path))  # all machines share a disk
            cluster, code = stack.enter_context(joined_cluster(workers.asked, here))
            check_nodes(Contact(cluster), experiment, code)
            begin = partial(RayTask, cluster)
            most = workers.asked or int(cluster.cluster_resources().get("CPU", 1))
        store = stack.enter_context(Store.open(directory.store))
        _Driver(experiment, directory, watcher, store, begin, gpus, dict(specs)).run(most)


@dataclass
class _InProgress:
    """A run, its process and its records; `ended_at` is when its loop ended."""

    number: int
    place: RunPlace
    process: Process
    records: JournalRecords
    started: float
    ended_at: float = math.inf


@dataclass
class _Driver:
    """The process of the comparison, with the runs in progress."""

    experiment: Experiment
    directory: ResultDirectory
    watcher: RunWatcher
    store: Store
    begin: Callable[[RunPlace], Process]
    gpus: list[str]
    waiting: dict[int, RunSpec]
    running: list[_InProgress] = field(default_factory=list)
    failures: list[RunError] = field(default_factory=list)

    def run(self, most: int) -> None:
        """Make all runs; if some fail, their errors are raised at the end."""
        try:
            while self.waiting or self.running:
                while self.waiting and len(self.running) < most:
                    number = min(self.waiting)
                    self._start(number, self.waiting.pop(number))
                self._look()
        except BaseException as error:
            with suppress(KeyboardInterrupt):  # a second Ctrl-C does not wait
                self._stop(isinstance(error, KeyboardInterrupt))
            raise
        finally:
            for each in self.running:
                each.process.kill()
        if self.failures:
            raise joined(self.failures)

    def _start(self, number: int, spec: RunSpec) -> None:
        place = self._place(number, spec)
        place.journal.parent.mkdir(exist_ok=True)
        place.stop.unlink(missing_ok=True)
        records = self._records_of(number, place)
        records.read()  # what earlier processes have logged
        self.running.append(_InProgress(number, place, self.begin(place), records, time.time()))

    def _place(self, number: int, spec: RunSpec) -> RunPlace:
        gpu = [self.gpus[number % len(self.gpus)]] if self.gpus else []
        checkpoint = self.directory.checkpoint(number)
        return RunPlace(
            spec,
            self.experiment.task,
            self.experiment.command,
            self.directory.run_folder(spec.name, spec.seed).absolute(),
            checkpoint.with_suffix(".jsonl").absolute(),
            checkpoint.with_suffix(".stop").absolute(),
            "cuda" if gpu else self.experiment.device,
            ",".join(gpu),
        )

    def _records_of(self, number: int, place: RunPlace) -> JournalRecords:
        return JournalRecords(number, place.spec, place.journal, self.experiment, self.store, self.watcher)

    def _look(self) -> None:
        time.sleep(_LOOK)
        for each in tuple(self.running):
            try:
                code = each.process.exit_code()  # before the journal is read for the last time
            except RunError as error:
                each.records.close()
                self._ended(each, "failed", str(error))
                continue
            each.records.read() if code is None else each.records.close()
            if each.records.diverged_at is not None:
                each.process.kill()
                self._ended(each, "diverged")
            elif code is not None:
                self._ended(each, *_how(each, code))
            elif why := self._overdue(each):
                each.process.kill()
                each.records.close()
                self._ended(each, "failed", why)

    def _overdue(self, each: _InProgress) -> str:
        """Why a run is not waited for any longer, or ""."""
        limit, now = self.experiment.timeout, time.time()
        if each.records.error is not None:
            each.ended_at = min(each.ended_at, now)
            if now - each.ended_at > _GRACE:
                each.process.kill()  # a thread of the user's keeps it: it has done its work
        elif limit is not None and now - max(each.started, each.records.journal.news_at()) > limit:
            return f"it logged nothing for {limit:g} s"
        return ""

    def _ended(self, each: _InProgress, status: Status, why: str = "", account: str = "") -> None:
        self.running.remove(each)
        if status == "finished":
            each.records.note_oddities()
        self.store.end(each.number, status, each.records.seconds, each.records.diverged_at)
        if status == "failed":
            each.process.kill()  # and what it has started
            output = each.place.folder / OUTPUT
            advice = f"its output is in {output}" if output.exists() else ""
            self.failures.append(RunError(f"{run_in_words(each.place.spec)} failed: {why}", advice))
            self.store.event("failed", account or str(self.failures[-1]), each.number)
        self.watcher.ended(each.number)

    def _stop(self, by_user: bool) -> None:
        if by_user:
            self.watcher.stopping()
        for each in self.running:
            each.place.stop.touch()
        until = time.time() + _GRACE
        while self.running and time.time() < until:
            time.sleep(_LOOK)
            for each in tuple(self.running):
                with suppress(RunError):  # it could not be started, so it has ended too
                    if each.process.exit_code() is None:
                        continue
                self._stopped(each)
        for each in tuple(self.running):
            each.process.kill()
            self._stopped(each)

    def _stopped(self, each: _InProgress) -> None:
        """Record how a run ended that was asked to stop: it may have been at its end.

        Its journal is read again from the beginning, since an interrupt may come between two writes of a record.
        """
        each.records = self._records_of(each.number, each.place)
        each.records.close()
        done = each.records.error == "" and each.records.last_step >= each.place.spec.steps
        self._ended(each, "finished" if done else "interrupted")


def _how(each: _InProgress, code: int) -> tuple[Status, str, str]:
    """How a run ended whose process has: the status, why it failed, and the traceback too."""
    records = each.records
    if records.error == "":
        why = records.unjudged()
        return ("failed" if why else "finished"), why, ""
    if records.error:
        return "failed", records.error, records.account
    how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"exited with {code} before its loop returned"
    return "failed", f"its process {how}{last_lines(each.place.folder / OUTPUT)}", ""
