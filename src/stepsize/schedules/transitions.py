"""The shape of a warmup or a decay, given by a word, a class or a function of (start, end, steps)."""

import functools
import inspect
import re
from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING, Annotated, Any

from stepsize.arguments import nearest
from stepsize.errors import ArgumentError, raise_together, shown

if TYPE_CHECKING:
    from stepsize.schedules.base import Schedule

_CLASSES = {
    "linear": "Linear",
    "cosine": "Cosine",
    "1-sqrt": "OneMinusSqrt",
    "exponential": "Geometric",
    "rex": "Rex",
    "polynomial": "Polynomial",
}
WORDS = ("linear", "cosine", "1-sqrt", "exponential", "rex", "rex(0.7)", "polynomial(2)")
"""Every way to write a shape as a word; `rex` and `polynomial` take the fourth argument of their class."""

Make = Callable[[float, float, int], Any]


def shape_rule(owner: str, name: str, value: Any) -> Any:
    """The rule of a shape; a word stays a word."""
    _made_by(owner, name, value)
    return value


AnyShape = Annotated[str | Make, shape_rule]
"""A word, the class of a shape, or a function that makes a schedule of (start, end, steps)."""


def _made_by(owner: str, name: str, shape: Any) -> Make:
    if isinstance(shape, str):
        return _of_word(owner, name, shape)
    if callable(shape) and _takes_start_end_steps(shape):
        return shape  # type: ignore[no-any-return]
    raise _not_a_shape(owner, name, shape, getattr(shape, "__name__", ""))


@functools.lru_cache(maxsize=64)
def _of_word(owner: str, name: str, text: str) -> Make:
    from stepsize.schedules import formulas  # late: it imports the base of schedules, which imports this module

    match = re.fullmatch(r"([a-z0-9-]+)(?:\(([^()]*)\))?", text)
    if match is None or match[1] not in _CLASSES:
        raise _not_a_shape(owner, name, text, text)
    word, number = match.groups()
    cls: Any = getattr(formulas, _CLASSES[word])
    more = [field.name for field in fields(cls)[3:]]
    try:
        make: Make = cls if number is None else functools.partial(cls, **{more[0]: float(number)})
        make(1.0, 1.0, 1)
    except ArgumentError as error:
        if number is None:
            raise _not_a_shape(owner, name, text, text) from None
        raise ArgumentError(owner, name, f"{word}({more[0]}) with {more[0]} {error.rule}", text) from None
    except (IndexError, TypeError, ValueError):  # it takes no number, or has something else
        raise _not_a_shape(owner, name, text, text) from None
    return make


def _takes_start_end_steps(make: Callable[..., Any]) -> bool:
    try:
        inspect.signature(make).bind(1.0, 1.0, 1)
    except (TypeError, ValueError):  # it takes other arguments, or is a built-in function of unknown ones
        return False
    return True


def _not_a_shape(owner: str, name: str, value: Any, word: str) -> ArgumentError:
    listed = ", ".join(f'"{each}"' for each in WORDS)
    return ArgumentError(owner, name, f"{listed} or a function of (start, end, steps)", value, nearest(word, WORDS))


def transition(
    owner: str, steps: int, shape: tuple[str, Any], start: tuple[str, float], end: tuple[str, float]
) -> "Schedule":
    """The way between two values; each comes with the argument of `owner` that it is, or "" if it is none."""
    from stepsize.schedules.base import Schedule

    argument, given = shape
    try:
        made = _made_by(owner, argument, given)(start[1], end[1], steps)
    except ArgumentError as error:
        values = {"start": (start, end[1]), "end": (end, start[1])}
        problems = [
            _impossible(owner, f"{each.rule} for {argument}={shown(given)}", *values[each.argument])
            for each in error.problems
            if isinstance(each, ArgumentError) and each.argument in values
        ]
        raise_together(problems)
        raise
    if not isinstance(made, Schedule):
        rule, advice = "a shape that makes a schedule", "build it from shapes or a Function"
        raise ArgumentError(owner, argument, rule, made, advice)
    if made.steps != steps:
        rule = f"a shape that makes a schedule of the given length, here {steps}"
        raise ArgumentError(owner, argument, rule, made, nearest(getattr(given, "__name__", ""), WORDS))
    return made


def _impossible(owner: str, rule: str, value: tuple[str, float], other: float) -> ArgumentError:
    name, number = value
    if not name:
        return ArgumentError("the value of the schedule there", "", rule, number, "choose another shape")
    if other <= 0.0:
        return ArgumentError(owner, name, rule, number)
    return ArgumentError(owner, name, rule, number, f"write {{{name}}}", **{name: float(f"{other / 100:.1g}")})
