"""The training loop, of one network or of several as one, and `train`, which runs it on one network."""

import math
import time
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from stepsize.arguments import Choice, Count, Flag, Maybe, MaybeCount, MaybePositive, Whole
from stepsize.checked_calls import checked
from stepsize.horizon import Horizon
from stepsize.lab.environment import resolved_device
from stepsize.lab.seeding import seeded_draws
from stepsize.lab.tasks.loaders import STREAM_RESUMED, loader_horizon
from stepsize.lab.tasks.task import Task
from stepsize.lab.training.checkpoint import Checkpoint, Progress
from stepsize.lab.training.one_network import METRICS, LearningRate, OneNetwork, warn_if_too_fast
from stepsize.lab.training.samples import BATCH_SIZE, Batch, Batches, EvaluationSet, LoaderBatches, Tally, data_on
from stepsize.pytorch.warnings import caution
from stepsize.schedules import Plan, Schedule
from stepsize.schedules.plan_text import parse_either
from stepsize.store.run import Epoch, Point, Status


@dataclass(frozen=True)
class TrainingLog:
    """What one call of `train` logged, in order, and how it ended.

    `diverged_at` is the step at which a loss was found that is not finite or exceeds the limit, or None.
    """

    points: tuple[Point, ...]
    epochs: tuple[Epoch, ...]
    seconds: float
    status: Status
    diverged_at: int | None


@checked
def train(
    model: nn.Module,
    task: Task,
    optimizer: Optimizer,
    lr: LearningRate | str,
    *,
    epochs: Count = 10,
    steps: MaybeCount = None,
    batch_size: MaybeCount = None,
    accumulation: Count = 1,
    drop_last: Annotated[bool, Flag()] = False,
    seed: Annotated[int, Whole(0)] = 0,
    device: str | torch.device = "auto",
    precision: Annotated[str, Choice(("fp32", "bf16"))] = "fp32",
    clip_norm: MaybePositive = None,
    step_every: Annotated[str, Choice(("update", "epoch"))] = "update",
    metric: Annotated[str | None, Maybe(Choice(METRICS))] = None,
    loss_limit: float = math.inf,
    log_every: Count = 50,
    observe: Callable[[Point | Epoch], object] | None = None,
    should_stop: Callable[[], bool] | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_every: Count = 500,
) -> TrainingLog:
    """Train `model` in place on `task`, and return what was logged.

    The order of the samples and what is drawn while training depend on `seed` alone. The global random states are
    left as they were.

    Args:
        model: the network.
        task: its data and its loss.
        optimizer: any that a plain `step()` drives.
        lr: the rate of the update at each step: a schedule, its text or any function of the step, a number, a `Plan`
            or its text, or a PyTorch scheduler attached to `optimizer`. Units in a text refer to this run. A scheduler
            that follows a metric (`ReduceLROnPlateau`, or a `Scheduler` with feedback) gets it after each epoch.
        epochs: passes over the training set.
        steps: updates in all, if the training set is a loader without a length; an epoch is then an equal part of them.
        batch_size: samples in a micro-batch, 256 if None; a loader has its own.
        accumulation: micro-batches in an update, whose gradient is the mean over all their samples. Samples left over
            at the end of an epoch make one more update.
        drop_last: leave out the samples at the end of an epoch that do not fill a micro-batch.
        seed: decides the order of the samples, and what dropout draws.
        device: where the network and the data are put: "auto" is a GPU if there is one.
        precision: "fp32", or "bf16" for autocasting.
        clip_norm: the bound on the gradient's norm.
        step_every: what `lr` counts: "update", or "epoch" for schedules and functions of the epoch, and for a scheduler
            that is stepped after each epoch.
        metric: what a scheduler follows: "test_loss", "test_accuracy", "train_loss" or "train_accuracy". By default
            that of its `Plateau`, else the test loss, or the test accuracy if its mode is "max".
        loss_limit: a loss that is not finite, or exceeds this limit, ends the run as "diverged".
        log_every: updates between two points. The last update of an epoch makes a point too, followed by an Epoch.
        observe: called with each Point and Epoch as it is logged.
        should_stop: asked after each record; True saves a checkpoint and ends the run as "interrupted".
        checkpoint: the file that the run is saved to. If it exists, the run continues from it with the same bits, and
            the log begins there.
        checkpoint_every: updates between two checkpoints.

    Warns:
        UserWarning: an attached scheduler counts updates, and has done all its work after a part of the first epoch.

    Raises:
        ArgumentError: a setting is not allowed, or a scheduler follows a metric that its mode does not fit, or that
            nothing names.
        StateError: the checkpoint does not fit this run.
        StepError: the schedule gives a rate that is negative or not finite.
        RunError: an attached scheduler gives such a rate, or follows an accuracy that the task does not have.
    """
    place = torch.device(resolved_device(device, "train"))
    if task.has_loaders:
        horizon = loader_horizon(task.train, "train", epochs, steps, accumulation, batch_size, drop_last)
    else:
        batch_size = BATCH_SIZE if batch_size is None else batch_size
        horizon = Horizon(len(task.train[1]), batch_size, epochs, accumulation, drop_last=drop_last)
    if isinstance(lr, str):
        whole = replace(horizon, batch=horizon.samples, accumulation=1, drop_last=False)  # whose steps are epochs
        lr = parse_either(lr, whole if step_every == "epoch" else horizon)
    saved = None
    if checkpoint is not None:
        rate = str(lr) if isinstance(lr, Schedule | Plan | float | int) else type(lr).__name__
        batches = f"batches of {batch_size or 'its loader'} x {accumulation}{', whole ones' if drop_last else ''}"
        run = f"{task.name}, seed {seed}, {batches}, {precision}, {rate}"
        run += ", stepped after each epoch" if step_every == "epoch" else ""
        saved = Checkpoint(Path(checkpoint), checkpoint_every, run)
        if task.reads_a_stream and Path(checkpoint).exists():
            caution(STREAM_RESUMED)
    network = OneNetwork(model, task, optimizer, lr, seed, place, precision, clip_norm, step_every == "epoch", metric)
    loop = TrainingLoop(network, *data_on(place, task, horizon, (seed,)), epochs, log_every)
    if isinstance(lr, LRScheduler) and step_every == "update" and epochs > 1:
        warn_if_too_fast(lr, horizon.epoch_steps, epochs)
    records: list[Point | Epoch] = []

    def log(_: int, record: Point | Epoch) -> None:
        records.append(record)
        if observe is not None:
            observe(record)

    end = loop.run(log, should_stop, saved, loss_limit)[0]
    points = tuple(each for each in records if isinstance(each, Point))
    rows = tuple(each for each in records if isinstance(each, Epoch))
    return TrainingLog(points, rows, end.seconds, end.status, end.diverged_at)


class Networks(Protocol):
    """What a loop trains, with optimizers and rates: one network, or several of one shape that are computed as one."""

    @property
    def device(self) -> torch.device:
        """Where they are."""

    @property
    def seeds(self) -> Sequence[int]:
        """The seed of each network."""

    @property
    def rates(self) -> Sequence[float]:
        """The rate of each network's last update."""

    def begin_epoch(self, step: int, updates: int) -> None:
        """Prepare for `updates` updates, the first of them at `step`."""

    def add_gradient(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """Add a batch to the gradients of the next update; return its mean losses, and how many samples are right."""

    def update(self, step: int) -> None:
        """Update the weights with the gradients and the rates of this step."""

    def measure(self, samples: EvaluationSet) -> list[tuple[float, float]]:
        """Mean loss and accuracy of each network over all samples."""

    def logged(self, records: Sequence[Point | Epoch]) -> None:
        """Take the new record of each network, for schedulers that follow a metric."""

    def state(self, rows: Sequence[int] | None = None) -> dict[str, Any]:
        """All that training has changed, as tensors and plain values; of `rows`, for other runs to branch from.

        The state of a scheduler is left out then, since these runs have schedules of their own.
        """

    def load(self, state: dict[str, Any], step: int) -> None:
        """Restore a `state` of this step; raises RuntimeError, ValueError or KeyError if it is of another network."""


@dataclass(frozen=True)
class End:
    """How the training of one network ended; its seconds are its share of the loop's."""

    status: Status
    seconds: float
    diverged_at: int | None = None


@dataclass
class TrainingLoop:
    """Trains networks over the same batches, and logs a record of each at the same steps.

    `batches` may be anything that has the number of `updates` in an epoch and gives the batches of an `epoch`.
    """

    networks: Networks
    batches: Batches | LoaderBatches
    test: EvaluationSet
    epochs: int
    log_every: int
    progress: Progress = field(default_factory=Progress)

    def run(
        self,
        log: Callable[[int, Point | Epoch], object],
        should_stop: Callable[[], bool] | None = None,
        checkpoint: Checkpoint | None = None,
        loss_limit: float = math.inf,
        rows: Sequence[int] | None = None,
        ended: Callable[[int, End], object] | None = None,
    ) -> dict[int, End]:
        """Train until the last epoch, or until every network has diverged or `should_stop` returns True.

        `log` is called with the position of a network and its record, and `ended` as soon as the training of a network
        has ended, for the networks at the positions `rows`, or for all if None. The arguments in between are those of
        `train`. Returns how each network ended.
        """
        started, ends = time.perf_counter(), dict[int, End]()
        left = list(range(len(self.networks.seeds)) if rows is None else rows)

        def end(row: int, status: Status, diverged_at: int | None = None) -> None:
            seconds = (time.perf_counter() - started) / len(self.networks.seeds)
            ends[row] = End(status, seconds, diverged_at)
            left.remove(row)
            if ended is not None:
                ended(row, ends[row])

        status: Status = "finished"
        with seeded_draws(self.networks.seeds[0], self.networks.device):
            if checkpoint is not None and (saved := checkpoint.load(self.networks)):
                self.progress, before = saved
                started -= before
            for records in self.records(frozenset() if checkpoint is None else checkpoint.branch_steps):
                if checkpoint is not None and not records:
                    checkpoint.branch(self.networks, self.progress, time.perf_counter() - started)
                    continue
                for row in tuple(left):
                    record = records[row]
                    log(row, record)
                    loss = record.train_loss if isinstance(record, Point) else record.test_loss
                    if not (math.isfinite(loss) and loss <= loss_limit):
                        end(row, "diverged", record.step)
                if not left:
                    break
                if isinstance(records[0], Point) and self.progress.updates == self.batches.updates:
                    continue  # the records of the epoch come next
                stopping = should_stop is not None and should_stop()
                if checkpoint is not None and (stopping or checkpoint.due(self.progress.step)):
                    checkpoint.save(self.networks, self.progress, time.perf_counter() - started)
                if stopping:
                    status = "interrupted"
                    break
            for row in tuple(left):
                end(row, status)
        return ends

    def records(self, branch_steps: Container[int] = ()) -> Iterator[Sequence[Point | Epoch]]:
        """The records of all networks, as they are made; `progress` then says where the loop continues.

        They are empty before the update of each of `branch_steps`.
        """
        while self.progress.epoch < self.epochs:
            yield from self._points(branch_steps)
            progress, self.progress = self.progress, Progress(self.progress.step, self.progress.epoch + 1)
            means, tests = progress.whole.means(), self.networks.measure(self.test)
            epochs = [Epoch(progress.step, *mean, *test) for mean, test in zip(means, tests, strict=True)]
            self.networks.logged(epochs)
            yield epochs

    def _points(self, branch_steps: Container[int]) -> Iterator[Sequence[Point]]:
        progress, updates = self.progress, self.batches.updates
        self.networks.begin_epoch(progress.step, updates - progress.updates)
        for batches in self.batches.epoch(progress.epoch, progress.updates):
            if progress.step in branch_steps:
                yield ()
            for batch in batches:
                progress.recent.add(*self.networks.add_gradient(batch), batch.size)
            self.networks.update(progress.step)
            progress.step += 1
            progress.updates += 1
            if progress.updates % self.log_every == 0 or progress.updates == updates:
                rates, means = self.networks.rates, progress.recent.means()
                points = [Point(progress.step, rate, *mean) for rate, mean in zip(rates, means, strict=True)]
                progress.whole.extend(progress.recent)
                progress.recent = Tally()
                self.networks.logged(points)
                yield points
