"""The rules of an experiment's fields: what is allowed, and in which form it is stored."""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import torch

from stepsize.arguments import Instance, Number
from stepsize.errors import ArgumentError, ParseError, StepsizeError, gathered, raise_together
from stepsize.lab.names import check_text, named_items
from stepsize.lab.training.one_network import followed_metric
from stepsize.pytorch.plateau import Plateau
from stepsize.schedules import Constant, Plan, Schedule
from stepsize.schedules.plan_text import parse_either
from stepsize.schedules.text import parse_entry


def named_feedback(owner: str, name: str, value: Any) -> tuple[tuple[str, Plateau], ...]:
    """The rule of feedback: a mapping, or pairs, of the names of schedules to plateaus or their texts."""
    example = {"feedback": {"cosine": "Plateau()"}}
    items = named_items(owner, name, value, "plateaus by the names of their schedules", example)
    plateaus: dict[str, Plateau] = {}
    errors: list[StepsizeError] = []
    for label, given in items:
        argument = f"{name}[{label!r}]"
        with gathered(errors):
            if label in plateaus:
                raise ArgumentError(owner, name, "given one Plateau for each schedule", label)
            try:
                plateaus[label] = Plateau.parse(given) if isinstance(given, str) else given
            except ParseError as error:
                raise error.about(owner, argument) from None
            Instance(Plateau, "a Plateau or its text")(owner, argument, plateaus[label])
            followed_metric(owner, argument, plateaus[label])
    raise_together(errors)
    return tuple(plateaus.items())


def device(owner: str, name: str, value: Any) -> str:
    """The rule of a device; whether this machine has it is another question."""
    given = word(owner, name, value)
    try:
        torch.device("cpu" if given == "auto" else given)
    except RuntimeError:
        raise ArgumentError(owner, name, '"auto", "cpu", "cuda" or another device of PyTorch', given) from None
    return given


def word(owner: str, name: str, value: Any) -> str:
    """The rule of a name or a path; also of a torch.device."""
    if not isinstance(value, str | os.PathLike | torch.device):
        raise ArgumentError(owner, name, "a name", value)
    return os.fsdecode(value) if isinstance(value, os.PathLike) else str(value)


def optimizer_args(owner: str, name: str, value: Any) -> tuple[tuple[str, Any], ...]:
    """The rule of an optimizer's further arguments: a mapping, stored as pairs."""
    given: dict[Any, Any] | None = None
    if isinstance(value, Mapping | tuple | list):
        with suppress(TypeError, ValueError):  # a sequence of something else than pairs
            given = dict(value)
    if given is None or not all(isinstance(key, str) for key in given):
        raise ArgumentError(
            owner, name, "arguments by name", value, "write e.g. {optimizer_args}", optimizer_args={"momentum": 0.9}
        )
    for key, item in given.items():
        try:
            json.dumps(item, allow_nan=False)  # the store keeps it as JSON
        except (TypeError, ValueError):
            rule = "a text, a finite number or a list of these"
            advice = 'write a plain one such as 0.9, or name your own factory, optimizer="package.module:function"'
            raise ArgumentError(owner, f"{name}[{key!r}]", rule, item, advice) from None
    return tuple((key, tuple(item) if isinstance(item, list) else item) for key, item in given.items())


def schedule_or_number(owner: str, name: str, value: Any) -> Schedule | str:
    """The rule of a schedule, its text or a number."""
    check_text(owner, name, value, parse_entry)
    return value if isinstance(value, Schedule | str) else Constant(Number(least=0.0)(owner, name, value))


def limit(owner: str, name: str, value: Any) -> float:
    """The rule of a limit, which may be infinite."""
    return Number(above=0.0, infinite=True)(owner, name, float(value) if value == "inf" else value)


def has_functions(argument: str, schedule: Schedule | Plan) -> bool:
    """Whether a schedule's text names functions; an ArgumentError if the schedule cannot be read from its text."""
    text = str(schedule)
    for functions in (False, True):
        with suppress(ParseError):
            if parse_either(text, functions=functions) == schedule:
                return functions
    rule = "a schedule that can be read from its text, since a resume has only the text"
    advice = 'write your function in a module and name it: Function("package.module:name")'
    raise ArgumentError("Experiment", argument, rule, schedule, advice)
