"""The training loop: one network, one optimizer, one rate per update, and what was logged on the way."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import Optimizer

from stepsize.arguments import Whole
from stepsize.lab.data import ImageData
from stepsize.lab.rates import LearningRate, Rates, rates_for
from stepsize.lab.samples import Samples, Tally
from stepsize.lab.seeding import sample_order, seeded_draws
from stepsize.records.run import Epoch, Point, Status


@dataclass(frozen=True)
class TrainingLog:
    """What one call of `train` logged, in order, and how it ended.

    `diverged_at` is the step at which a loss was found not to be finite; None where none was.
    """

    points: tuple[Point, ...]
    epochs: tuple[Epoch, ...]
    seconds: float
    status: Status
    diverged_at: int | None


def train(
    model: nn.Module,
    data: ImageData,
    optimizer: Optimizer,
    lr: LearningRate,
    *,
    epochs: int = 10,
    batch_size: int = 256,
    accumulate: int = 1,
    seed: int = 0,
    device: str | torch.device = "cpu",
    log_every: int = 50,
    observe: Callable[[Point | Epoch], object] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> TrainingLog:
    """Train `model` in place on `data`, and return what was logged.

    `lr` gives the rate of the update at `step`: a schedule or any function of the step, a number, or a
    PyTorch scheduler attached to `optimizer`, which is stepped once after each update. `accumulate`
    micro-batches of `batch_size` samples make one update, whose gradient is the mean over all its samples;
    what is left over at the end of an epoch makes one update too.

    A Point is logged after every `log_every` updates of an epoch and after its last, then an Epoch; `observe`
    gets each as it is logged. `should_stop` is asked after each Point: True ends the run as "interrupted". A
    loss that is not finite ends it as "diverged". The order of the samples and what is drawn while training
    depend on `seed` alone, and PyTorch's global random state is left as it was.

    Raises ArgumentError for a setting that cannot be, and where a rate is negative or not finite StepError, or RunError
    if it is an attached scheduler's.
    """
    counts = {"epochs": epochs, "batch_size": batch_size, "accumulate": accumulate, "log_every": log_every}
    epochs, batch_size, accumulate, log_every = (int(Whole(1)("train", *each)) for each in counts.items())
    place = torch.device(device)
    started = time.perf_counter()
    model.to(device=place, memory_format=torch.channels_last)  # type: ignore[call-overload]
    loop = _Loop(
        model,
        optimizer,
        rates_for(optimizer, lr),
        Samples.on(place, data.train_images, data.train_labels),
        Samples.on(place, data.test_images, data.test_labels),
        batch_size,
        accumulate,
        seed,
        log_every,
    )
    points: list[Point] = []
    rows: list[Epoch] = []
    status: Status = "finished"
    with seeded_draws(seed, place):
        for record in loop.records(epochs):
            if isinstance(record, Point):
                points.append(record)
                loss = record.train_loss
            else:
                rows.append(record)
                loss = record.test_loss
            if observe is not None:
                observe(record)
            if not math.isfinite(loss):
                status = "diverged"
                break
            if should_stop is not None and isinstance(record, Point) and should_stop():
                status = "interrupted"
                break
    diverged_at = record.step if status == "diverged" else None
    return TrainingLog(tuple(points), tuple(rows), time.perf_counter() - started, status, diverged_at)


@dataclass(frozen=True)
class _Loop:
    """The loop itself: it yields what there is to log, and leaves to `train` what to do about it."""

    model: nn.Module
    optimizer: Optimizer
    rates: Rates
    training: Samples
    test: Samples
    batch_size: int
    accumulate: int
    seed: int
    log_every: int

    def records(self, epochs: int) -> Iterator[Point | Epoch]:
        step = 0
        self.model.train()
        self.optimizer.zero_grad()
        for epoch in range(epochs):
            whole, recent = Tally(), Tally()
            order = sample_order(len(self.training.labels), self.seed, epoch).to(self.training.labels.device)
            updates = torch.split(order, self.batch_size * self.accumulate)
            for number, chosen in enumerate(updates, start=1):
                rate = self.rates.before_update(step)
                self._add_gradient(chosen, recent)
                self.optimizer.step()
                self.rates.after_update()
                self.optimizer.zero_grad()
                step += 1
                if number % self.log_every == 0 or number == len(updates):
                    yield Point(step, rate, *recent.means())
                    whole.extend(recent)
                    recent = Tally()
            yield Epoch(step, *whole.means(), *self.test.measure(self.model))

    def _add_gradient(self, chosen: Tensor, tally: Tally) -> None:
        """Add the gradient of the mean loss over the chosen samples, a micro-batch at a time."""
        for batch in torch.split(chosen, self.batch_size):
            # Indexed batch by batch: permuting the whole set at once would double its memory.
            labels = self.training.labels.index_select(0, batch)
            scores = self.model(self.training.images.index_select(0, batch))
            loss = cross_entropy(scores, labels)
            share = len(batch) / len(chosen)
            (loss if share == 1 else loss * share).backward()  # type: ignore[no-untyped-call]
            tally.add(loss, scores, labels)
