"""The training loop: one network, one optimizer, one rate per update, and what was logged on the way."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer

from stepsize.arguments import Choice, Maybe, Number, Whole
from stepsize.lab.checkpoint import Checkpoint
from stepsize.lab.progress import Progress
from stepsize.lab.rates import LearningRate, Rates, rates_for
from stepsize.lab.samples import Samples, Tally, measure
from stepsize.lab.seeding import sample_order, seeded_draws
from stepsize.lab.task import Task
from stepsize.store.run import Epoch, Point, Status


@dataclass(frozen=True)
class TrainingLog:
    """What one call of `train` logged, in order, and how it ended.

    `diverged_at` is the step at which a loss was found not to be finite, or beyond the limit; None where none was.
    """

    points: tuple[Point, ...]
    epochs: tuple[Epoch, ...]
    seconds: float
    status: Status
    diverged_at: int | None


def train(
    model: nn.Module,
    task: Task,
    optimizer: Optimizer,
    lr: LearningRate,
    *,
    epochs: int = 10,
    batch_size: int = 256,
    accumulation: int = 1,
    seed: int = 0,
    device: str | torch.device = "cpu",
    precision: str = "fp32",
    clip_norm: float | None = None,
    loss_limit: float = math.inf,
    log_every: int = 50,
    observe: Callable[[Point | Epoch], object] | None = None,
    should_stop: Callable[[], bool] | None = None,
    checkpoint: Checkpoint | None = None,
) -> TrainingLog:
    """Train `model` in place on `task`, and return what was logged.

    `lr` gives the rate of the update at `step`: a schedule or any function of the step, a number, or a PyTorch
    scheduler attached to `optimizer`, which is stepped once after each update. One that follows a metric
    (`ReduceLROnPlateau`, or a `Scheduler` with feedback) gets the test loss after each epoch, or the test accuracy if
    its mode is "max". `accumulation` micro-batches of `batch_size` samples make one update, whose gradient is the mean
    over all its samples; what is left over at the end of an epoch makes one update too. `clip_norm` bounds the
    gradient's norm; `precision` is "fp32", or "bf16", in which the network then computes wherever autocasting lets it.

    A Point is logged after every `log_every` updates of an epoch and after its last, then an Epoch; `observe`
    gets each as it is logged. `should_stop` is asked after each: True ends the run as "interrupted", with a
    checkpoint. A loss that is not finite, or beyond `loss_limit`, ends it as "diverged". The order of the samples and
    what is drawn while training depend on `seed` alone, and the global random states are left as they were.

    Where `checkpoint` exists the run goes on from there, and the log begins there; the bits are the same.

    Raises ArgumentError for a setting that cannot be, StateError for a checkpoint that does not fit; and where a rate
    is negative or not finite StepError, or RunError if it is an attached scheduler's. RunError also if a scheduler
    follows the accuracy and the task has none.
    """
    counts = {"epochs": epochs, "batch_size": batch_size, "accumulation": accumulation, "log_every": log_every}
    epochs, batch_size, accumulation, log_every = (int(Whole(1)("train", *each)) for each in counts.items())
    clip_norm = Maybe(Number(above=0.0))("train", "clip_norm", clip_norm)
    in_bf16 = Choice(("fp32", "bf16"))("train", "precision", precision) == "bf16"
    place = torch.device(device)
    started = time.perf_counter()
    model.to(place)
    if all(value.dim() != 5 for value in (*model.parameters(), *model.buffers())):  # kernels over volumes cannot be so
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    rates = rates_for(optimizer, lr)
    loop = _Loop(
        model,
        task,
        optimizer,
        rates,
        Samples.on(place, task.train),
        Samples.on(place, task.test),
        batch_size,
        accumulation,
        seed,
        log_every,
        clip_norm,
        torch.autocast(place.type, torch.bfloat16) if in_bf16 else nullcontext(),
    )
    points: list[Point] = []
    rows: list[Epoch] = []
    status: Status = "finished"
    with seeded_draws(seed, place):
        if checkpoint is not None and (laid_down := checkpoint.load(model, optimizer, rates.scheduler)):
            loop.progress, before = laid_down
            started -= before
        for record in loop.records(epochs):
            if isinstance(record, Point):
                points.append(record)
            else:
                rows.append(record)
            if observe is not None:
                observe(record)
            if has_diverged(record, loss_limit):
                status = "diverged"
                break
            if loop.epoch_to_come:
                continue
            stopping = should_stop is not None and should_stop()
            if checkpoint is not None and (stopping or checkpoint.due(record.step)):
                checkpoint.save(model, optimizer, rates.scheduler, loop.progress, time.perf_counter() - started)
            if stopping:
                status = "interrupted"
                break
    diverged_at = record.step if status == "diverged" else None
    return TrainingLog(tuple(points), tuple(rows), time.perf_counter() - started, status, diverged_at)


def has_diverged(record: Point | Epoch, loss_limit: float) -> bool:
    """Whether the loss, at a Point on the training set and at an Epoch on the test set, is beyond the limit or none."""
    loss = record.train_loss if isinstance(record, Point) else record.test_loss
    return not loss <= loss_limit or not math.isfinite(loss)


@dataclass
class _Loop:
    """The loop itself: it yields what there is to log, and leaves to `train` what to do about it.

    When it yields, `progress` says all that is needed to go on from there.
    """

    model: nn.Module
    task: Task
    optimizer: Optimizer
    rates: Rates
    training: Samples
    test: Samples
    batch_size: int
    accumulation: int
    seed: int
    log_every: int
    clip_norm: float | None
    precision: AbstractContextManager[None]
    progress: Progress = field(default_factory=Progress)
    epoch_to_come: bool = False
    """The record just given was the last point of an epoch, whose own record comes next: no place to stop."""

    def records(self, epochs: int) -> Iterator[Point | Epoch]:
        self.model.train()
        self.optimizer.zero_grad()
        while self.progress.epoch < epochs:
            yield from self._points()
            progress, self.epoch_to_come = self.progress, False
            self.progress = Progress(progress.step, progress.epoch + 1)
            epoch = Epoch(progress.step, *progress.whole.means(), *measure(self.model, self.task, self.test))
            self.rates.logged(epoch)
            yield epoch

    def _points(self) -> Iterator[Point]:
        """What is left of the epoch under way."""
        progress, recent = self.progress, Tally()
        order = sample_order(len(self.training), self.seed, progress.epoch).to(self.training.targets.device)
        updates = torch.split(order, self.batch_size * self.accumulation)
        for chosen in updates[progress.updates :]:
            rate = self.rates.before_update(progress.step)
            self._add_gradient(chosen, recent)
            if self.clip_norm is not None:
                clip_grad_norm_(self.model.parameters(), self.clip_norm)
            self.optimizer.step()
            self.rates.after_update()
            self.optimizer.zero_grad()
            progress.step += 1
            progress.updates += 1
            if progress.updates % self.log_every == 0 or progress.updates == len(updates):
                means = recent.means()
                progress.whole.extend(recent)
                recent = Tally()
                self.epoch_to_come = progress.updates == len(updates)
                point = Point(progress.step, rate, *means)
                self.rates.logged(point)
                yield point

    def _add_gradient(self, chosen: Tensor, tally: Tally) -> None:
        """Add the gradient of the mean loss over the chosen samples, a micro-batch at a time."""
        for batch in torch.split(chosen, self.batch_size):
            # Indexed batch by batch: permuting the whole set at once would double its memory.
            inputs, targets = self.training.chosen(batch)
            with self.precision:
                outputs = self.model(inputs)
                loss = self.task.mean_loss(outputs, targets)
            share = len(batch) / len(chosen)
            (loss if share == 1 else loss * share).backward()  # type: ignore[no-untyped-call]
            tally.add(self.task, loss, outputs, targets)
