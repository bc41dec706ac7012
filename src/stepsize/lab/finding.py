"""Finding a rate for a task: by a range test, or by training at each rate of a grid."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import chain, count
from pathlib import Path
from typing import Annotated, Any

import torch
from torch import Tensor, nn

from stepsize.arguments import SEEDS, Many, MaybeCount, Number
from stepsize.checked_calls import checked
from stepsize.curves import RangeTest
from stepsize.errors import ArgumentError, raise_together
from stepsize.lab.comparing import compare
from stepsize.lab.comparison import Comparison
from stepsize.lab.environment import resolved_device
from stepsize.lab.experiment import Experiment
from stepsize.lab.optimizers import make_optimizer
from stepsize.lab.seeding import seeded_draws
from stepsize.lab.tasks.loaders import all_passes, loader_setting
from stepsize.lab.tasks.task import Task
from stepsize.lab.training.samples import BATCH_SIZE, Batch, Batches, Samples, move_model, weighted
from stepsize.pytorch import range_test
from stepsize.pytorch.snapshot import Snapshot
from stepsize.schedules import Constant

# The factors of a grid around a suggestion, half a decade apart.
AROUND = tuple(10.0 ** (half / 2) for half in range(-3, 4))

# The arguments of a range test that come from the task.
_OF_THE_TASK = ("model", "loss_fn", "batches", "closure")


@checked
def find_rate(
    task: Task,
    optimizer: str = "sgd",
    *,
    optimizer_args: Mapping[str, Any] | None = None,
    batch_size: MaybeCount = None,
    seeds: Annotated[Sequence[int], SEEDS] = (0,),
    device: str = "auto",
    observe: Callable[[int, float, float], object] | None = None,
    **settings: Any,
) -> RangeTest:
    """A range test of a task, with one run for each seed.

    The initial network, the order of the samples and the random draws are those of a run of `compare` with the same
    seed. The state of the task's loss is restored after each.

    Args:
        task: what to train.
        optimizer: an optimizer of torch.optim by its name, or an importable factory, "package.module:function".
        optimizer_args: further arguments of the optimizer, such as {"momentum": 0.9}.
        batch_size: samples in a micro-batch, 256 if None; a loader has its own.
        seeds: a run for each.
        device: "auto" (a GPU if there is one), "cpu", "cuda" or another that PyTorch knows.
        observe: called after each update with its step, its rate and its loss.
        settings: further arguments of `stepsize.pytorch.range_test`: start_lr, end_lr, steps, shape and others.

    Raises:
        ArgumentError: an argument is not allowed.
        RunError: the task cannot be trained.

    Example:
        >>> from stepsize.lab import find_rate, load_task
        >>> test = find_rate(load_task("digits"), "adamw", steps=60)
        >>> 1e-4 < test.suggest().rate < 1e-1
        True
    """
    advice = "the task has its own"
    raise_together([ArgumentError("find_rate", each, "", None, advice) for each in _OF_THE_TASK if each in settings])
    place = torch.device(resolved_device(device, "find_rate"))
    if task.has_loaders and batch_size is not None:
        raise loader_setting("find_rate", "batch_size", batch_size)
    samples = None if task.has_loaders else Samples.on(place, task.train)
    tests = []

    def closure(model: nn.Module, batch: Batch) -> Tensor:
        return task.mean_loss(task.outputs(model, batch.inputs), batch.targets)

    for seed in seeds:
        model = task.initial_model(seed)
        move_model(model, task, place)
        driven = make_optimizer(optimizer, model.parameters(), 0.1, optimizer_args, "find_rate")
        batches: EndlessBatches | EndlessPasses
        if samples is None:
            batches = EndlessPasses(task, seed, place)
        else:
            batches = EndlessBatches(Batches(samples, (seed,), batch_size or BATCH_SIZE))
        with seeded_draws(seed, place), ExitStack() as at_the_end:
            at_the_end.callback(Snapshot(task.loss).restore)
            test = range_test(model, driven, None, batches, closure=closure, observe=observe, **settings)
        tests.append(replace(test, runs=(replace(test.runs[0], seed=seed),)))
    return replace(tests[0], runs=tuple(run for test in tests for run in test.runs))


@dataclass(frozen=True)
class EndlessBatches:
    """The batches of samples, epoch after epoch without end, in the order of a run."""

    batches: Batches

    def __iter__(self) -> Iterator[Batch]:
        return chain.from_iterable(chain.from_iterable(map(self.batches.epoch, count())))


@dataclass(frozen=True)
class EndlessPasses:
    """The batches of a task's loader, pass after pass without end, with the draws of a run.

    A pass may have any number of batches, since the length of a range test does not depend on it.
    """

    task: Task
    seed: int
    device: torch.device

    def __iter__(self) -> Iterator[Batch]:
        for batch in all_passes(self.task.train, self.seed):
            yield from weighted([batch], self.task.weight_of, self.device)


@dataclass(frozen=True)
class Grid:
    """The result of training at each rate of a grid.

    `losses` has, for each rate, the loss on held-out samples after the last epoch, one for each seed; NaN if the run
    diverged. `comparison` has the runs.
    """

    losses: dict[float, tuple[float, ...]]
    comparison: Comparison = field(repr=False)

    @property
    def best(self) -> float | None:
        """The rate with the lowest mean loss; None if every rate has a run that diverged."""
        means = {rate: sum(losses) / len(losses) for rate, losses in self.losses.items()}
        finite = {rate: mean for rate, mean in means.items() if math.isfinite(mean)}
        return min(finite, key=finite.__getitem__) if finite else None


def train_grid(rates: Sequence[float], out: str | Path | None = None, **settings: Any) -> Grid:
    """Train at each of several constant rates, judged on a held-out fifth of the training samples.

    Args:
        rates: at least one; rates that agree in six digits count once.
        out: a new or empty directory for the comparison; `runs/<date and time>` by default.
        settings: those of an `Experiment`: task, optimizer, epochs, seeds, batch_size and others.

    Raises:
        ArgumentError: a rate is not positive, or a setting is not allowed.
        DataError, OutputError, RunError, KeyboardInterrupt: as for `compare`.
    """
    if "schedules" in settings:
        raise ArgumentError("train_grid", "schedules", "", None, "the rates are its schedules")
    given = sorted(Many(Number(above=0.0))("train_grid", "rates", rates))
    named = {f"{rate:.6g}": rate for rate in given}
    experiment = Experiment(**{"held_out": True, **settings, "schedules": {n: Constant(r) for n, r in named.items()}})
    comparison = compare(experiment, out)
    losses: dict[float, list[float]] = {rate: [] for rate in named.values()}
    for run in comparison.runs:
        losses[named[run.name]].append(run.epochs[-1].test_loss if run.status == "finished" else math.nan)
    return Grid({rate: tuple(each) for rate, each in losses.items()}, comparison)
