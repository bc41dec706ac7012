"""The training loop of a stack: as the loop of one run, with a rate and an order of the samples for each row."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from stepsize.errors import RunError
from stepsize.lab.engines.stack import Named, Stack, row_means
from stepsize.lab.engines.stack_updates import UpdateRule, clip_rows
from stepsize.lab.experiment import Experiment, RunSpec
from stepsize.lab.progress import Progress
from stepsize.lab.samples import Samples, Tally
from stepsize.lab.seeding import sample_order
from stepsize.store.run import Epoch, Point


@dataclass
class StackLoop:
    """It yields what there is to log, a record a row, and leaves to others what to do about it.

    When it yields, `progress` says all that is needed to go on from there. A row whose plan is None takes part in the
    computing and stays as it is.
    """

    stack: Stack
    rule: UpdateRule
    plans: Sequence[RunSpec | None]
    experiment: Experiment
    training: Samples
    test: Samples
    progress: Progress = field(default_factory=Progress)
    epoch_to_come: bool = False
    """The records just given were the last points of an epoch, whose own records come next: no place to stop."""

    def records(self) -> Iterator[Sequence[Point | Epoch]]:
        """What is left of the training."""
        while self.progress.epoch < self.experiment.epochs:
            yield from self._points()
            progress, self.epoch_to_come = self.progress, False
            self.progress = Progress(progress.step, progress.epoch + 1)
            means, tests = row_means(progress.whole), self.stack.measure(self.test)
            yield [Epoch(progress.step, *mean, *test) for mean, test in zip(means, tests, strict=True)]

    def _points(self) -> Iterator[list[Point]]:
        """What is left of the epoch under way."""
        progress, recent = self.progress, Tally()
        orders = self._orders(progress.epoch)
        updates = torch.split(orders, self.experiment.batch_size * self.experiment.accumulation, dim=-1)
        rates = self._rates(progress.step, len(updates) - progress.updates)
        for chosen, rate in zip(updates[progress.updates :], rates, strict=True):
            gradients = self._gradients(chosen, recent)
            if self.experiment.clip_norm is not None:
                clip_rows(gradients, self.experiment.clip_norm)
            self.rule.update(self.stack.parameters, gradients, rate, self._decay(progress.step))
            progress.step += 1
            progress.updates += 1
            if progress.updates % self.experiment.log_every == 0 or progress.updates == len(updates):
                means = row_means(recent)
                progress.whole.extend(recent)
                recent = Tally()
                self.epoch_to_come = progress.updates == len(updates)
                yield [
                    Point(progress.step, 0.0 if plan is None else float(plan.schedule(progress.step - 1)), *mean)
                    for plan, mean in zip(self.plans, means, strict=True)
                ]

    def _gradients(self, chosen: Tensor, tally: Tally) -> Named:
        """The gradients of the mean losses over the chosen samples, as `_orders` has them, a micro-batch at a time."""
        total: Named = {}
        for batch in torch.split(chosen, self.experiment.batch_size, dim=-1):
            inputs, targets = (
                part.reshape(*batch.shape, *part.shape[1:]) for part in self.training.chosen(batch.flatten())
            )
            gradients = self.stack.gradients(inputs, targets, tally)
            share = batch.shape[-1] / chosen.shape[-1]
            if share == 1:
                return gradients
            for name, gradient in gradients.items():
                total[name] = total[name].add_(gradient, alpha=share) if name in total else gradient * share
        return total

    def _orders(self, epoch: int) -> Tensor:
        """The order of the samples in each row, (rows, samples); or (samples,) where they share it."""
        seeds = self.stack.seeds
        drawn = {seed: sample_order(len(self.training), seed, epoch) for seed in set(seeds)}
        order = drawn[seeds[0]] if self.stack.shared else torch.stack([drawn[seed] for seed in seeds])
        return order.to(self.training.targets.device)

    def _rates(self, step: int, steps: int) -> Tensor:
        """The rates of the updates from `step` on: (steps, rows)."""
        span = np.arange(step, step + steps)
        rates = np.stack([np.zeros(steps) if plan is None else plan.schedule(span) for plan in self.plans], axis=1)
        wrong = np.argwhere(~(np.isfinite(rates) & (rates >= 0.0)))
        if wrong.size:
            at, row = wrong[0]
            raise RunError(
                f"row {row} got the rate {rates[at, row]} at step {step + at}; a rate is finite and not negative"
            )
        some = next(iter(self.stack.parameters.values()))
        return torch.from_numpy(rates).to(some.device, some.dtype)

    def _decay(self, step: int) -> float | None:
        decay = next(plan.weight_decay for plan in self.plans if plan is not None)  # one for all
        return None if decay is None else float(decay(step))
