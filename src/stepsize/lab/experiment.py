"""An experiment as a value: which schedules, on which task, how trained; and the runs it asks for."""

import hashlib
import json
import math
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from typing import Annotated, Any

import torch

from stepsize.arguments import (
    SEEDS,
    Choice,
    Count,
    Flag,
    Many,
    Maybe,
    Number,
    Whole,
    apply_field_rules,
    refuse_unknown,
)
from stepsize.errors import ArgumentError, ParseError, StepsizeError, gathered, raise_together, shown
from stepsize.horizon import Horizon
from stepsize.lab.task import held_out_of
from stepsize.schedules import Constant, Schedule, parse

SIX_SCHEDULES = {
    "fixed": "Constant(0.3)",
    "square-root": 'InversePower(0.1).every("1ep")',
    "factor": 'Exponential(0.6, 0.8).every("1ep").clip(0.01, 0.6)',
    "multi-factor": 'MultiStep(0.5, 0.5, ("30%", "80%"))',
    "cosine": 'Cosine(0.2, 0.02, "100%")',
    "warmup-cosine": 'Linear(0.0, 0.2, "30%") >> Cosine(0.2, 0.02, "rest")',
}
"""What is compared unless something else is asked for; lengths are read against the run's horizon."""

NamedSchedules = tuple[tuple[str, str | Schedule], ...]

_EXAMPLE = {"schedules": {"cosine": "Cosine(0.2, 0.02, 1000)"}, "optimizer_args": {"momentum": 0.9}}


def _named(owner: str, name: str, value: Any) -> NamedSchedules:
    """The rule of named schedules: a mapping, or pairs, of names to texts or schedules."""
    try:
        pairs = [(str(label).strip(), given) for label, given in dict(value).items()]
        labels = [str(label).strip() for label, _ in (value.items() if isinstance(value, Mapping) else value)]
    except (TypeError, ValueError):
        rule = "schedules by their names"
        raise ArgumentError(owner, name, rule, value, "write e.g. {schedules}", **_EXAMPLE) from None
    if not pairs:
        raise ArgumentError(owner, name, "at least one schedule", value, "write e.g. {schedules}", **_EXAMPLE)
    errors: list[StepsizeError] = []
    for label, given in pairs:
        with gathered(errors):
            _check_named(owner, f"{name}[{label!r}]", label, given)
    for label in dict.fromkeys(label for label in labels if labels.count(label) > 1):
        errors.append(ArgumentError(owner, name, "given different names", label))
    raise_together(errors)
    return tuple(pairs)


def _check_named(owner: str, name: str, label: str, given: Any) -> None:
    if not label or not label.isprintable():
        raise ArgumentError(owner, name, "a name of printable characters", label)
    if not isinstance(given, str | Schedule):
        number = isinstance(given, int | float) and not isinstance(given, bool)
        advice = f'write "Constant({given})" for a constant rate' if number else ""
        raise ArgumentError(owner, name, "a schedule or its text", given, advice)


def _word(owner: str, name: str, value: Any) -> str:
    """The rule of a name or a path; a torch.device has one too."""
    if not isinstance(value, str | os.PathLike | torch.device):
        raise ArgumentError(owner, name, "a name", value)
    return os.fsdecode(value) if isinstance(value, os.PathLike) else str(value)


def _settings(owner: str, name: str, value: Any) -> tuple[tuple[str, Any], ...]:
    """The rule of an optimizer's further arguments: a mapping, stored as pairs."""
    given = dict(value) if isinstance(value, Mapping | tuple | list) else None
    if given is None or not all(isinstance(key, str) for key in given):
        raise ArgumentError(owner, name, "arguments by name", value, "write e.g. {optimizer_args}", **_EXAMPLE)
    for key, item in given.items():
        try:
            json.dumps(item, allow_nan=False)  # as the store keeps it
        except (TypeError, ValueError):
            advice = 'write a plain one such as 0.9, or name a factory of yours, optimizer="package.module:function"'
            raise ArgumentError(
                owner, f"{name}[{key!r}]", "a text, a finite number or a list of them", item, advice
            ) from None
    return tuple((key, tuple(item) if isinstance(item, list) else item) for key, item in given.items())


def _maybe_schedule(owner: str, name: str, value: Any) -> Schedule | str | None:
    """The rule of a hyperparameter's schedule, its text, a number, or nothing."""
    if value is None or isinstance(value, Schedule | str):
        return value
    return Constant(Number(least=0.0)(owner, name, value))


def _limit(owner: str, name: str, value: Any) -> float:
    """The rule of a limit, or its text."""
    return Number(above=0.0, infinite=True)(owner, name, float(value) if value == "inf" else value)


@dataclass(frozen=True)
class Experiment:
    """Schedules compared on equal terms: same data order and same initial weights for the same seed.

    Args:
        schedules: name to schedule, or to its text, in which lengths may have a unit.
        task: "fashion-mnist", "digits", "stdlib-lm", a folder with Fashion-MNIST's four files, or
            "package.module:function", an importable function that returns a `Task`.
        epochs: passes over the training set.
        samples: train on the first so many samples only; all of them if None.
        seeds: one run of every schedule for each.
        batch_size: samples in a micro-batch.
        accumulation: micro-batches to an update.
        optimizer: an optimizer of torch.optim by its name, or an importable factory, "package.module:function", which
            is called with the parameters and lr=1; groups whose rates differ keep their ratios.
        optimizer_args: what else it is given, such as {"momentum": 0.9}.
        weight_decay: a schedule of it, or its text, or a number; the optimizer's own if None. Groups that have none
            are left so where others have one.
        clip_norm: bound on the gradient's norm; none if None.
        precision: "fp32", or "bf16" for autocasting.
        device: "auto" (a GPU if there is one), "cpu", "cuda" or another that PyTorch knows.
        engine: what makes the runs: "local", a process for each; "stacked", many in one program; "ray", a Ray cluster;
            "auto" stacks them on a GPU where that can be done.
        runs_at_once: how many runs "stacked" puts in one program; all of them on a GPU and three on a CPU if None.
        log_every: updates between two logged points.
        checkpoint_every: updates between two checkpoints, from which an experiment is resumed.
        loss_limit: a run whose loss goes beyond has diverged.
        tune_peak: before they are compared, each schedule gets its own best peak rate, found in so many trials; 0
            compares them as they are.
        held_out: judge on a fifth of the training samples, which are then not trained on, instead of the test set.
        functions: let texts name functions, `Function("package.module:name")`, whose code is then imported and run;
            so it is where a schedule that is given as a value has one.
        digests: those of the task's data, which `compare` puts here, so that no run is made on others.

    Raises:
        ArgumentError: an argument cannot be; says what can.

    Example:
        >>> from stepsize.lab import Experiment
        >>> experiment = Experiment({"cosine": 'Cosine(0.2, 0.02, "100%")'}, task="digits", epochs=2)
        >>> [str(plan.schedule) for plan in experiment.plans(samples=1437)]
        ['Cosine(0.2, 0.02, 12)']
    """

    schedules: Annotated[NamedSchedules, _named] = tuple(SIX_SCHEDULES.items())
    task: Annotated[str, _word] = "fashion-mnist"
    epochs: Count = 3
    samples: Annotated[int | None, Maybe(Whole(1))] = None
    seeds: Annotated[tuple[int, ...], SEEDS] = (0,)
    batch_size: Count = 256
    accumulation: Count = 1
    optimizer: Annotated[str, _word] = "sgd"
    optimizer_args: Annotated[tuple[tuple[str, Any], ...], _settings] = ()
    weight_decay: Annotated[Schedule | str | None, _maybe_schedule] = None
    clip_norm: Annotated[float | None, Maybe(Number(above=0.0))] = None
    precision: Annotated[str, Choice(("fp32", "bf16"))] = "fp32"
    device: Annotated[str, _word] = "auto"
    engine: Annotated[str, Choice(("auto", "local", "stacked", "ray"))] = "auto"
    runs_at_once: Annotated[int | None, Maybe(Whole(1))] = None
    log_every: Count = 50
    checkpoint_every: Count = 500
    loss_limit: Annotated[float, _limit] = math.inf
    tune_peak: Annotated[int, Whole(0)] = 0
    held_out: Annotated[bool, Flag()] = False
    functions: Annotated[bool, Flag()] = False
    digests: Annotated[tuple[str, ...], Many(_word, empty=True)] = field(default=(), repr=False, kw_only=True)

    def __post_init__(self) -> None:
        apply_field_rules(self)
        for name, given in (*self.schedules, ("weight_decay", self.weight_decay)):
            if isinstance(given, Schedule) and _has_functions(name, given):
                object.__setattr__(self, "functions", True)  # or its text could not be read when it is resumed

    @property
    def judged_on(self) -> str:
        """What the runs are judged on after each epoch: "test" or "held-out"."""
        return "held-out" if self.held_out else "test"

    def horizon(self, samples: int) -> Horizon:
        """How long a run is on a training set of so many samples."""
        samples = min(samples, self.samples or samples)
        if self.held_out:
            samples -= held_out_of(samples)
        return Horizon(samples, self.batch_size, self.epochs, self.accumulation)

    def plans(self, samples: int) -> tuple["Plan", ...]:
        """The runs, seed by seed, on a training set of so many samples.

        Raises:
            ParseError: texts are not schedules; names each.
        """
        horizon = self.horizon(samples)
        schedules: dict[str, Schedule] = {}
        decay: Schedule | None = None
        errors: list[StepsizeError] = []
        for name, given in self.schedules:
            with gathered(errors):
                schedules[name] = self._read(f"schedules[{name!r}]", given, horizon)
        if self.weight_decay is not None:
            with gathered(errors):
                decay = self._read("weight_decay", self.weight_decay, horizon)
        raise_together(errors)
        return tuple(
            Plan(name, schedule, seed, self.epochs, horizon.steps, decay)
            for seed in self.seeds
            for name, schedule in schedules.items()
        )

    def _read(self, argument: str, given: Schedule | str, horizon: Horizon) -> Schedule:
        try:
            return given if isinstance(given, Schedule) else parse(given, horizon, functions=self.functions)
        except ParseError as error:
            raise error.about("Experiment", argument) from None

    def as_dict(self) -> dict[str, Any]:
        """The fields by name, as strings, numbers, lists and dictionaries."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {
            **values,
            "schedules": {name: str(given) for name, given in self.schedules},
            "seeds": list(self.seeds),
            "digests": list(self.digests),
            "optimizer_args": dict(self.optimizer_args),
            "weight_decay": None if self.weight_decay is None else str(self.weight_decay),
            "loss_limit": "inf" if self.loss_limit == math.inf else self.loss_limit,  # JSON has no infinity
        }

    @classmethod
    def of_dict(cls, form: Mapping[str, Any]) -> "Experiment":
        """The experiment that `as_dict` wrote, its schedules as texts.

        Raises:
            ArgumentError: an argument cannot be, or there is one too many.
        """
        known = [each.name for each in fields(cls)]
        given: dict[str, Any] = {name: value for name, value in form.items() if name in known}
        errors: list[StepsizeError] = []
        with gathered(errors):
            refuse_unknown("Experiment", form, known)
        with gathered(errors):
            experiment = cls(**given)
        raise_together(errors)
        return experiment


def _has_functions(name: str, schedule: Schedule) -> bool:
    """Whether a schedule's text names functions; ArgumentError where the text does not bring the schedule back."""
    text = str(schedule)
    for functions in (False, True):
        with suppress(ParseError):
            if parse(text, functions=functions) == schedule:
                return functions
    raise ArgumentError(
        f"the schedule {name!r}, {shown(schedule)}, has a part without a name, and a resume has only its text; write "
        'a function of yours in a module and name it: Function("package.module:name")'
    )


def fingerprint(experiment: Experiment, *without: str) -> str:
    """Twelve characters that are others where any setting is another, but for the fields named and the digests.

    Example:
        >>> from stepsize.lab import Experiment
        >>> one, other = Experiment(seeds=(0,)), Experiment(seeds=(1,))
        >>> fingerprint(one) == fingerprint(other), fingerprint(one, "seeds") == fingerprint(other, "seeds")
        (False, True)
    """
    form = {name: value for name, value in experiment.as_dict().items() if name not in (*without, "digests")}
    return hashlib.sha256(json.dumps(form).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Plan:
    """One run to be made: its name, its schedule, its seed, and how many epochs and updates it will take."""

    name: str
    schedule: Schedule
    seed: int
    epochs: int
    steps: int
    weight_decay: Schedule | None = None
