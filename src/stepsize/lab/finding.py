"""Finding a rate for a task: by a range test, or by training at each rate of a grid."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import torch
from torch import Tensor

from stepsize.arguments import SEEDS, Count, Many, Number, checked
from stepsize.curves import RangeTest
from stepsize.errors import ArgumentError
from stepsize.lab.comparison import Comparison, compare
from stepsize.lab.environment import resolved_device
from stepsize.lab.experiment import Experiment
from stepsize.lab.optimizers import make_optimizer
from stepsize.lab.samples import Samples
from stepsize.lab.seeding import sample_order, seeded_draws
from stepsize.lab.task import Task
from stepsize.pytorch import range_test
from stepsize.schedules import Constant
from stepsize.store import Run

AROUND = tuple(10.0 ** (half / 2) for half in range(-3, 4))
"""The factors of a grid around a suggestion: half a decade apart, from a thirtieth to thirty times."""


@checked
def find_rate(
    task: Task,
    optimizer: str = "sgd",
    *,
    optimizer_args: Mapping[str, Any] | None = None,
    batch_size: Count = 256,
    seeds: Annotated[Sequence[int], SEEDS] = (0,),
    device: str = "auto",
    observe: Callable[[int, float, float], object] | None = None,
    **settings: Any,
) -> RangeTest:
    """A range test of a task: for each seed, its initial network on its order of the samples.

    Network, order and draws are those of a run of `compare` with the same seed.

    Args:
        task: what to train.
        optimizer: an optimizer of torch.optim by its name, or an importable factory, "package.module:function".
        optimizer_args: what else it is given, such as {"momentum": 0.9}.
        batch_size: samples in a micro-batch.
        seeds: one run for each.
        device: "auto" (a GPU if there is one), "cpu", "cuda" or another that PyTorch knows.
        observe: called after each update with its number, its rate and its loss.
        settings: those of `stepsize.pytorch.range_test`: start_lr, end_lr, steps, shape, accumulation and others.

    Raises:
        ArgumentError: an argument cannot be.
        RunError: the task makes no network that can be trained.

    Example:
        >>> from stepsize.lab import find_rate, load_task
        >>> test = find_rate(load_task("digits"), "adamw", steps=60)
        >>> 1e-4 < test.suggest().rate < 1e-1
        True
    """
    place = torch.device(resolved_device(device, "find_rate"))
    samples = Samples.on(place, task.train)
    tests = []
    for seed in seeds:
        model = task.initial_model(seed)
        model.to(device=place, memory_format=torch.channels_last)  # type: ignore[call-overload]
        driven = make_optimizer(optimizer, model.parameters(), 0.1, optimizer_args, "find_rate")
        with seeded_draws(seed, place):
            test = range_test(model, driven, task.loss, Batches(samples, batch_size, seed), observe=observe, **settings)
        tests.append(replace(test, runs=(replace(test.runs[0], seed=seed),)))
    return replace(tests[0], runs=tuple(run for test in tests for run in test.runs))


@dataclass(frozen=True)
class Batches:
    """The training set in batches, epoch after epoch without end, in the order that the seed gives each."""

    samples: Samples
    size: int
    seed: int

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        epoch = 0
        while True:
            order = sample_order(len(self.samples), self.seed, epoch).to(self.samples.targets.device)
            for chosen in torch.split(order, self.size):
                yield self.samples.chosen(chosen)
            epoch += 1


@dataclass(frozen=True)
class Grid:
    """What training at each rate of a grid came to.

    `losses` has, for each rate, the loss after the last epoch on samples that were held out, one for each seed; NaN
    where the run diverged.
    """

    losses: dict[float, tuple[float, ...]]
    comparison: Comparison = field(repr=False)

    @property
    def best(self) -> float | None:
        """The rate with the lowest mean loss; None where every rate has a run that diverged."""
        means = {rate: sum(losses) / len(losses) for rate, losses in self.losses.items()}
        finite = {rate: mean for rate, mean in means.items() if math.isfinite(mean)}
        return min(finite, key=finite.__getitem__) if finite else None


def train_grid(rates: Sequence[float], out: str | Path | None = None, **settings: Any) -> Grid:
    """Train at each rate, constant, side by side, judged on a fifth of the training samples that is held out.

    Args:
        rates: at least one; equal ones count once.
        out: a new or empty directory for the comparison; `runs/<date and time>` if left out.
        settings: those of an `Experiment`: task, optimizer, epochs, seeds, batch_size and others.

    Raises:
        ArgumentError: a rate is not positive, or a setting cannot be.
        DataError, OutputError, RunError, KeyboardInterrupt: as for `compare`.
    """
    if "schedules" in settings:
        raise ArgumentError("train_grid(schedules=...) is made of the rates; give none")
    given = sorted(set(Many(Number(above=0.0))("train_grid", "rates", rates)))
    named = {f"{rate:.6g}": rate for rate in given}
    experiment = Experiment(**{"held_out": True, **settings, "schedules": {n: Constant(r) for n, r in named.items()}})
    comparison = compare(experiment, out)
    losses = {
        rate: tuple(_last_loss(run) for run in comparison.runs if run.name == name) for name, rate in named.items()
    }
    return Grid(losses, comparison)


def _last_loss(run: Run) -> float:
    return run.epochs[-1].test_loss if run.status == "finished" else math.nan
