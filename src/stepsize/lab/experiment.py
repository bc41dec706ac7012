"""An experiment as a value: which schedules, on which data, how trained; and the runs it asks for."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any

import torch

from stepsize.arguments import Count, Many, Whole, refusal, rules, shown
from stepsize.errors import ArgumentError, ParseError
from stepsize.horizon import Horizon
from stepsize.schedules import Schedule, parse

SIX_SCHEDULES = {
    "fixed": "Constant(0.3)",
    "square-root": 'InversePower(0.1).every("1ep")',
    "factor": 'Exponential(0.6, 0.8).every("1ep").clip(0.01, 0.6)',
    "multi-factor": 'MultiStep(0.5, 0.5, ("30%", "80%"))',
    "cosine": 'Cosine(0.2, 0.02, "100%")',
    "warmup-cosine": 'Linear(0.0, 0.2, "30%") >> Cosine(0.2, 0.02, "rest")',
}
"""What is compared unless something else is asked for; lengths are read against the run's horizon."""

Named = tuple[tuple[str, str | Schedule], ...]


def _named(owner: str, name: str, value: Any) -> Named:
    """The rule of named schedules: a mapping, or pairs, of names to texts or schedules."""
    pairs = value.items() if isinstance(value, Mapping) else value
    known: dict[str, str | Schedule] = {}
    for pair in Many(lambda _owner, _name, item: item)(owner, name, pairs):
        if not (isinstance(pair, tuple | list) and len(pair) == 2 and isinstance(pair[1], str | Schedule)):
            raise refusal(owner, name, "names with a schedule or its text each", pair)
        label, schedule = str(pair[0]).strip(), pair[1]
        if not label:
            raise refusal(owner, name, "named", pair, 'write e.g. {"cosine": "Cosine(0.2, 0.02, 1000)"}')
        if not label.isprintable():
            raise refusal(owner, name, "named in characters that can be printed", label)
        if label in known:
            raise refusal(owner, name, "named differently", label, "this name is given twice")
        known[label] = schedule
    return tuple(known.items())


def _data(owner: str, name: str, value: Any) -> str:
    """The rule of a data set's name, or of the path of a folder."""
    if not isinstance(value, str | os.PathLike):
        raise refusal(owner, name, '"fashion-mnist", "digits" or a folder', value)
    return os.fsdecode(value)


def _word(owner: str, name: str, value: Any) -> str:
    """The rule of a name; a torch.device has one."""
    if not isinstance(value, str | torch.device):
        raise refusal(owner, name, "a name", value)
    return str(value)


def _flag(owner: str, name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise refusal(owner, name, "True or False", value)
    return value


@dataclass(frozen=True)
class Experiment:
    """Schedules compared on equal terms: same data order and same initial weights for the same seed.

    Args:
        schedules: name to schedule, or to its text, in which lengths may have a unit.
        data: "fashion-mnist", "digits", or a folder with Fashion-MNIST's four files.
        epochs: passes over the training set.
        seeds: one run of every schedule for each.
        batch_size: samples in a micro-batch.
        accumulate: micro-batches to an update.
        optimizer: an optimizer of torch.optim by its name.
        device: "auto" (a GPU if there is one), "cpu", "cuda" or another that PyTorch knows.
        functions: let texts name functions, `Function("package.module:name")`, whose code is then imported and run.

    Raises:
        ArgumentError: an argument cannot be; says what can.

    Example:
        >>> from stepsize.lab import Experiment
        >>> experiment = Experiment({"cosine": 'Cosine(0.2, 0.02, "100%")'}, data="digits", epochs=2)
        >>> [str(plan.schedule) for plan in experiment.plans(samples=1437)]
        ['Cosine(0.2, 0.02, 12)']
    """

    schedules: Annotated[Named, _named] = tuple(SIX_SCHEDULES.items())
    data: Annotated[str, _data] = "fashion-mnist"
    epochs: Count = 3
    seeds: Annotated[tuple[int, ...], Many(Whole(0))] = (0,)
    batch_size: Count = 256
    accumulate: Count = 1
    optimizer: Annotated[str, _word] = "sgd"
    device: Annotated[str, _word] = "auto"
    functions: Annotated[bool, _flag] = False

    def __post_init__(self) -> None:
        for name, rule in rules(Experiment).items():
            object.__setattr__(self, name, rule("Experiment", name, getattr(self, name)))
        if len(set(self.seeds)) < len(self.seeds):
            raise refusal("Experiment", "seeds", "different from one another", self.seeds)

    def horizon(self, samples: int) -> Horizon:
        """How long a run is on a training set of so many samples."""
        return Horizon(samples, self.batch_size, self.epochs, self.accumulate)

    def plans(self, samples: int) -> tuple["Plan", ...]:
        """The runs, seed by seed, on a training set of so many samples.

        Raises:
            ArgumentError: the text of a schedule cannot be read; says which.
        """
        horizon = self.horizon(samples)
        schedules = {}
        for name, given in self.schedules:
            try:
                schedules[name] = (
                    given if isinstance(given, Schedule) else parse(given, horizon, functions=self.functions)
                )
            except ParseError as error:
                raise ArgumentError(f"schedule {shown(name)}: {error}") from None
        return tuple(
            Plan(name, schedule, seed, self.epochs, horizon.steps)
            for seed in self.seeds
            for name, schedule in schedules.items()
        )

    def as_dict(self) -> dict[str, Any]:
        """The fields by name, as strings, numbers, lists and dictionaries."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        texts = {name: str(given) for name, given in self.schedules}
        return {**values, "schedules": texts, "seeds": list(self.seeds)}


@dataclass(frozen=True)
class Plan:
    """One run to be made: its name, its schedule, its seed, and how many epochs and updates it will take."""

    name: str
    schedule: Schedule
    seed: int
    epochs: int
    steps: int
