"""The size of a loader: the length of a run in updates, its number of samples, and a loader of some of them."""

import math
from collections.abc import Sequence, Sized
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch.utils.data import DataLoader, RandomSampler, SequentialSampler, Subset

from stepsize.errors import ArgumentError, StepsizeError, gathered, raise_together
from stepsize.horizon import Horizon
from stepsize.lab.tasks.loaders import Loader, is_stream, length_of

if TYPE_CHECKING:
    from fractions import Fraction


# The settings of a DataLoader that do not depend on the number of samples.
_SETTINGS = (
    *("batch_size", "num_workers", "collate_fn", "pin_memory", "timeout", "worker_init_fn"),
    *("multiprocessing_context", "generator", "prefetch_factor", "persistent_workers"),
)


def samples_of(loader: Loader) -> int | None:
    """The number of samples in a pass, if a DataLoader says it."""
    if not isinstance(loader, DataLoader) or loader.batch_size is None or length_of(loader) is None:
        return None
    counted: Any = loader.dataset if is_stream(loader) else loader.sampler
    return len(counted) if isinstance(counted, Sized) else None


def size_in_words(loader: Loader) -> str:
    """`23 with 1437 samples`, as far as the loader says it."""
    length, samples = length_of(loader), samples_of(loader)
    of = "" if samples is None else f" with {samples} samples"
    return "any number" if length is None else f"{length}{of}"


@dataclass(frozen=True)
class HorizonInBatches(Horizon):
    """The horizon of a loader that does not say its number of samples: its `samples` are batches."""

    def _unit(self, unit: str, clock: str, length: str) -> "Fraction":
        if unit.endswith(("sp", "tok")):
            rule = "in steps, epochs or percent, since the loader does not say its number of samples"
            raise ArgumentError("a length", "", rule, length, "give the task a DataLoader with a batch_size")
        return super()._unit(unit, clock, length)


def loader_horizon(
    loader: Loader,
    owner: str,
    epochs: int,
    steps: int | None,
    accumulation: int,
    batch_size: int | None,
    drop_last: bool,
) -> Horizon:
    """The length of a run over the passes of a loader; without a length of the loader, `steps` divided by the epochs.

    Raises:
        ArgumentError: `owner` was given a setting that is the loader's, or `steps` that do not fit.
    """
    errors: list[StepsizeError] = []
    if batch_size is not None:
        errors.append(loader_setting(owner, "batch_size", batch_size))
    if drop_last:
        errors.append(loader_setting(owner, "drop_last", drop_last))
    length = length_of(loader)
    with gathered(errors):
        if length is None:
            length = _share(owner, steps, epochs) * accumulation
        elif steps is not None:
            rule = f"left out, since the loader has {length} batches in a pass"
            raise ArgumentError(owner, "steps", rule, steps, "write {epochs}", epochs=...)
    raise_together(errors)
    samples = samples_of(loader)
    if isinstance(loader, DataLoader) and loader.batch_size and samples:
        return Horizon(samples, loader.batch_size, epochs, accumulation, drop_last=loader.drop_last)
    return HorizonInBatches(length, 1, epochs, accumulation)


def loader_setting(owner: str, name: str, given: object) -> ArgumentError:
    """The error of a setting that is the loader's."""
    rule = "left out, since the task's loader has its own"
    return ArgumentError(owner, name, rule, given, f"set it there: DataLoader(..., {name}={given})")


def _share(owner: str, steps: int | None, epochs: int) -> int:
    """The updates of an epoch, an equal part of all steps."""
    if steps is None:
        rule = "given, since the loader has no length"
        raise ArgumentError(owner, "steps", rule, steps, "write e.g. {steps}", steps=1000 * epochs)
    if steps % epochs:
        rule = f"a multiple of epochs={epochs}"
        raise ArgumentError(owner, "steps", rule, steps, "write {steps}", steps=math.ceil(steps / epochs) * epochs)
    return steps // epochs


def divisible(loader: Loader, setting: str, value: object) -> tuple["DataLoader[Any]", int]:
    """A DataLoader whose samples can be chosen, and their number: it reads its data set in order or shuffled.

    Raises:
        ArgumentError: the loader is another; names the `setting` of the experiment that asks.
    """
    if type(loader) is DataLoader and loader.batch_size is not None:
        data_set: Any = loader.dataset
        sampler = loader.sampler
        shuffled = type(sampler) is RandomSampler and not sampler.replacement and len(sampler) == len(data_set)
        if shuffled or type(sampler) is SequentialSampler:
            return loader, len(data_set)
    rule = "left out, since the task's loader is not a DataLoader with a batch_size, in order or shuffled"
    raise ArgumentError("Experiment", setting, rule, value, "choose the samples in the task")


def part_of(loader: "DataLoader[Any]", chosen: Sequence[int], training: bool = True) -> "DataLoader[Any]":
    """A DataLoader of the chosen samples; of all of them and in order if not for training."""
    settings = {name: getattr(loader, name) for name in _SETTINGS}
    if training:
        settings |= {"shuffle": isinstance(loader.sampler, RandomSampler), "drop_last": loader.drop_last}
    return DataLoader(Subset(loader.dataset, chosen), **settings)
