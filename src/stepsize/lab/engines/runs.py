"""Making the runs of a job, from their checkpoint if there is one."""

import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path

import torch

from stepsize.errors import OutputError, RunError
from stepsize.lab.directory import ResultDirectory
from stepsize.lab.engines.failures import account, run_in_words
from stepsize.lab.experiment import Experiment
from stepsize.lab.optimizers import experiment_optimizer
from stepsize.lab.run_spec import Branches, RunSpec, shared_beginnings
from stepsize.lab.standings import RunWatcher
from stepsize.lab.tasks.by_name import experiment_task
from stepsize.lab.tasks.loaders import STREAM_RESUMED
from stepsize.lab.tasks.task import Task
from stepsize.lab.training.checkpoint import Checkpoint, Offshoot, RecordBuffer, RecordStore
from stepsize.lab.training.loop import End, Networks, TrainingLoop
from stepsize.lab.training.one_network import OneNetwork
from stepsize.lab.training.samples import data_on
from stepsize.store import Store, load_runs
from stepsize.store.run import COMPLETE, Epoch, Outcome, Point

WHICH_RUNS = ("schedules", "feedback", "seeds", "until_told", "most_seeds", "margin")
"""The settings that say which runs are made: runs that are added later change nothing for those that have begun."""


@dataclass(frozen=True)
class Job:
    """The runs that one process makes together, by number, and the title and the file of their checkpoint.

    They branch from the runs `parents`, and `offshoots` branch from them. A stack has the seeds of all its runs, in the
    order of its rows: runs that are complete are trained on with the others.
    """

    runs: Mapping[int, RunSpec]
    title: str
    checkpoint: Path
    offshoots: Sequence[Offshoot] = ()
    parents: Set[int] = frozenset()
    seeds: Mapping[int, int] = field(default_factory=dict)

    def is_ready(self, unfinished: Set[int]) -> bool:
        """Whether it can begin: its checkpoint is there, or no run that it branches from is unfinished."""
        return self.parents.isdisjoint(unfinished) or self.checkpoint.exists()

    def in_words(self) -> str:
        name = run_in_words(self.runs[min(self.runs)])
        return name if len(self.runs) == 1 else f"the stack of {len(self.runs)} runs that begins with {name}"


Listener = Callable[[int, Point | Epoch], object]
"""Called with the number of a run and what it logged."""


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


Build = Callable[[Task, Job, Experiment, Sequence[RunSpec | None]], Networks]
"""Makes the networks of a job; rows whose runs are complete, or not in the job, have no spec."""


def make_job(build: Build, job: Job, experiment: Experiment, directory: ResultDirectory, channel: Channel) -> None:
    """Make the runs of a job that are not complete; when this returns or raises, the store says how each ended.

    If a run diverges before another branches from it, so does the other.
    """
    with Store.open(directory.store) as store:
        outcomes = load_runs(directory.path).outcomes()
        complete = {number for number, outcome in enumerate(outcomes) if outcome.status in COMPLETE}
        left = {number: spec for number, spec in job.runs.items() if number not in complete}
        specs, statuses = {number: left.get(number) for number in job.seeds or job.runs}, set[str]()
        job = replace(job, offshoots=[each for each in job.offshoots if not complete.issuperset(each.parents)])

        def ended(number: int, end: End) -> None:
            end_branches(store, job.offshoots, number, end)
            del left[number]
            statuses.add(end.status)
            store.end(number, end.status, end.seconds, end.diverged_at)

        for number in job.runs.keys() & complete:
            end_branches(store, job.offshoots, number, outcomes[number])
        try:
            if left:
                task = experiment_task(experiment)
                if task.reads_a_stream and job.checkpoint.exists():
                    store.event("resumed", STREAM_RESUMED, min(left))
                networks = build(task, job, experiment, list(specs.values()))
                make_runs(job, networks, specs, task, experiment, store, channel.tell, channel.should_stop, ended)
        except OutputError:
            raise
        except BaseException as error:
            for number in left:
                store.end(number, "failed", 0.0)
                store.event("failed", account(error), number)
            if isinstance(error, torch.OutOfMemoryError) and job.seeds:
                raise RunError(
                    f"there is not enough memory for {len(job.runs)} runs at once",
                    "start over in another directory with {runs_at_once}",
                    runs_at_once=max(1, len(job.runs) // 2),
                ) from error
            raise
    if "interrupted" not in statuses:
        job.checkpoint.unlink(missing_ok=True)


def make_runs(
    job: Job,
    networks: Networks,
    specs: Mapping[int, RunSpec | None],
    task: Task,
    experiment: Experiment,
    store: RecordStore,
    observe: Listener,
    should_stop: Callable[[], bool],
    ended: Callable[[int, End], object] = lambda number, end: None,
) -> dict[int, End]:
    """Train the networks and record the runs that have a spec; return how each ended.

    All that the runs logged is in the store when this returns or raises, and before `ended` is called.
    """
    numbers = list(specs)
    buffers = {number: RecordBuffer(store, number) for number, spec in specs.items() if spec is not None}

    def log(row: int, record: Point | Epoch) -> None:
        buffers[numbers[row]].add(record)
        observe(numbers[row], record)

    def end(row: int, how: End) -> None:
        buffers.pop(numbers[row]).flush()
        ended(numbers[row], how)

    loop, rows = training_loop(networks, task, experiment), [numbers.index(number) for number in buffers]
    saved = Checkpoint(job.checkpoint, experiment.checkpoint_every, job.title, buffers, job.offshoots)
    try:
        ends = loop.run(log, should_stop, saved, experiment.loss_limit, rows, end)
    finally:
        for buffer in buffers.values():
            buffer.flush()
    return {numbers[row]: how for row, how in ends.items()}


def end_branches(store: Store, offshoots: Sequence[Offshoot], number: int, end: End | Outcome) -> list[int]:
    """If a run has diverged, end the runs that branch from it later: they would have diverged at the same step."""
    if (at := end.diverged_at) is None:
        return []
    late = [each for each in offshoots if at <= each.step]
    branches = [branch for each in late for branch, parent in each.parents.items() if parent == number]
    for branch in branches:
        store.branch(branch, number, at)
        store.end(branch, end.status, end.seconds, at)
    return branches


def single_jobs(
    specs: Mapping[int, RunSpec], experiment: Experiment, directory: ResultDirectory, watcher: RunWatcher
) -> list[Job]:
    """A job for each run; those that others branch from come first, and the watcher hears of the branches.

    Runs with a checkpoint continue from it. Runs on a stream do not branch: they might read other samples then.
    """
    branches: Branches = {}
    if not experiment_task(experiment).reads_a_stream:
        branches = shared_beginnings(specs, {number for number in specs if directory.checkpoint(number).exists()})
    watcher.branching(branches)
    places = {number: (run_title(spec, experiment), directory.checkpoint(number)) for number, spec in specs.items()}
    offshoots, parents = defaultdict(list), defaultdict(set)
    for number, (parent, step) in branches.items():
        title, path = places[number]
        offshoots[parent].append(Offshoot(step, {number: parent}, (0,), path, title))
        parents[number].add(parent)
    ordered = sorted(specs, key=branches.__contains__)
    return [Job({number: specs[number]}, *places[number], offshoots[number], parents[number]) for number in ordered]


def training_loop(networks: Networks, task: Task, experiment: Experiment) -> TrainingLoop:
    """The loop that trains the networks as the experiment asks; the task has only the experiment's samples."""
    horizon = task.horizon(replace(experiment, samples=None, held_out=False))
    data = data_on(networks.device, task, horizon, networks.seeds)
    return TrainingLoop(networks, *data, experiment.epochs, experiment.log_every)


def make_run(
    job: Job, experiment: Experiment, store: RecordStore, observe: Listener, should_stop: Callable[[], bool]
) -> End:
    """Train the one run of a job, as `make_runs`; RunError if its samples are a stream, which begins again."""
    task = experiment_task(experiment)
    if task.reads_a_stream:
        why = "the training samples are a stream, and each part of a run would begin it again"
        raise RunError(why, "write {engine}", engine="local")
    network = one_network(task, job, experiment)
    return make_runs(job, network, job.runs, task, experiment, store, observe, should_stop)[min(job.runs)]


def one_network(task: Task, job: Job, experiment: Experiment, _: Sequence[RunSpec | None] = ()) -> OneNetwork:
    """The network of a job with one run, with its optimizer and its schedules."""
    (spec,) = job.runs.values()
    model, device = task.initial_model(spec.seed), torch.device(experiment.device)
    optimizer = experiment_optimizer(experiment, model.to(device))
    scheduler = spec.scheduler(optimizer)
    return OneNetwork(model, task, optimizer, scheduler, spec.seed, device, experiment.precision, experiment.clip_norm)


def run_title(spec: RunSpec, experiment: Experiment) -> str:
    """Text that identifies a run by all that decides its numbers."""
    settings = fingerprint(experiment, *WHICH_RUNS)
    return f"{spec.name}, seed {spec.seed}, {experiment.task}, {spec.text}, settings {settings}"


def fingerprint(experiment: Experiment, *without: str, runs: Sequence[object] = ()) -> str:
    """Twelve characters that depend on the runs, and on every setting except the fields named and the digests."""
    form = {name: value for name, value in experiment.as_dict().items() if name not in (*without, "digests")}
    return hashlib.sha256(json.dumps([form, runs]).encode()).hexdigest()[:12]
