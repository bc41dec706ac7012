"""The numbers in a text, and the slider of each: its label, its place in the text, its range and its step."""

import inspect
import math
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from stepsize.arguments import Rule, Whole, rules
from stepsize.schedules.grammar import Call, Infix, Items, Literal, Named, Negative, Node, Power, Reader
from stepsize.schedules.names import CALLABLE, METHODS

ROOM = 2.5  # a slider reaches at least to this multiple of the number
PARTS = 250  # of a slider, at least
MOST = 60  # sliders of a text
_NUMBER = re.compile(r"(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d+)?", re.ASCII)
_LENGTH = re.compile(rf"""["'] *({_NUMBER.pattern}) *([A-Za-z%]*) *["']""", re.ASCII)
_SETTING = re.compile(rf"""([A-Za-z_][\w-]*)["']?(?:\s*[:=]\s*|\s+)(-?{_NUMBER.pattern})(?![\w.])""", re.ASCII)


@dataclass(frozen=True)
class Control:
    """A number that stands in a text from `start` to before `end`, and the slider for it.

    `part` is the shape, recipe or method that it belongs to, `label` its argument. The slider goes from `low` to `high`
    in steps of `step`. `unit` is what follows the number in quotes, as in "10%".
    """

    part: str
    label: str
    start: int
    end: int
    value: float
    low: float
    high: float
    step: float
    unit: str = ""


def controls(text: str, is_config: bool) -> list[Control]:
    """The controls of a schedule's text, or of another tool's config, in the order of the numbers.

    Raises:
        ParseError: the text of a schedule cannot be read.

    Example:
        >>> [(each.label, each.value) for each in controls("Linear(0, 0.3, steps=500)", is_config=False)]
        [('start', 0.0), ('end', 0.3), ('steps', 500.0)]
    """
    found = (
        _settings(text)
        if is_config
        else sorted(_numbers(Reader(text).tree(), text, _Argument()), key=lambda each: each.start)
    )
    return [each.control(text, found) for each in found[:MOST]]


class _Argument(NamedTuple):
    """What a number sets: an argument of a call, which has its place in the text, or an operand of an operator."""

    part: str = ""
    label: str = "number"
    rule: Rule | None = None
    call: int = -1

    def item(self, place: int, of_point: str = "", rule: Rule | None = None) -> "_Argument":
        return self._replace(label=f"{self.label}[{place}]{of_point}", rule=rule)


@dataclass(frozen=True)
class _Number:
    start: int
    end: int
    argument: _Argument
    unit: str = ""

    def value(self, text: str) -> float:
        return float(text[self.start : self.end].replace("_", "").replace(" ", ""))

    def control(self, text: str, others: Sequence["_Number"]) -> Control:
        """The control; a number that is 0 has the range of the nearest in the same call."""
        value, argument = self.value(text), self.argument
        kind = argument.call, self.whole, self.unit
        alike = [each for each in others if (each.argument.call, each.whole, each.unit) == kind]
        sizes = (abs(each.value(text)) for each in sorted(alike, key=lambda each: abs(each.start - self.start)))
        low, high, step = _range(value, next(filter(None, sizes), 1.0), self)
        return Control(argument.part, argument.label, self.start, self.end, value, low, high, step, self.unit)

    @property
    def whole(self) -> bool:
        return isinstance(self.argument.rule, Whole) and not self.unit


def _range(value: float, near: float, number: _Number) -> tuple[float, float, float]:
    if number.unit == "%":
        return 0.0, max(100.0, value), 0.5
    least, most = (getattr(number.argument.rule, name, None) for name in ("least", "most"))
    if least is not None and most is not None:
        return least, most, (most - least) / 200
    high = _round_up(ROOM * (abs(value) or near))
    if number.whole:
        step = max(1, 10 ** math.floor(math.log10(high / PARTS)))
        return float(step if least else 0), max(high, 10.0), float(step)
    step = _round_up(high / PARTS / 2.5)
    low = -high if value < 0 else step if getattr(number.argument.rule, "above", None) == 0 else 0.0
    return low, high, step


def _round_up(value: float) -> float:
    """The least 1, 2 or 5 times a power of ten that is not below the value."""
    if not 1e-300 < value < 1e300:
        return 1e-300 if value < 1 else sys.float_info.max
    power = math.floor(math.log10(value))
    return next(each for digit in (1, 2, 5, 10) if (each := float(f"{digit}e{power}")) >= value * (1 - 1e-9))


def _numbers(node: Node, text: str, argument: _Argument) -> Iterator[_Number]:
    match node:
        case Literal(kind="number"):
            yield _Number(node.position, _end(text, node.position), argument)
        case Literal(kind="string") if match := _LENGTH.match(text, node.position):
            yield _Number(match.start(1), match.end(1), argument, match[2])
        case Negative(Literal(kind="number") as number) if text[node.position : number.position].strip() == "-":
            yield _Number(node.position, _end(text, number.position), argument)
        case Negative():
            yield from _numbers(node.operand, text, argument)
        case Call():
            yield from _of_call(node, text)
        case Infix():
            for sign, operand in zip((node.signs[0], *node.signs), node.operands, strict=True):
                yield from _numbers(operand, text, _Argument(label=f"{sign} number"))
        case Power():
            for place, operand in enumerate(node.operands):
                yield from _numbers(operand, text, _Argument(label="power" if place else "number"))
        case Named():
            for _, value in node.items:
                yield from _numbers(value, text, argument)
        case Items():
            each = getattr(argument.rule, "each", None)
            for place, item in enumerate(node.items):
                if isinstance(item, Items) and len(item.items) == 2:  # a point of Knots
                    yield from _numbers(item.items[0], text, argument.item(place, " step", Whole(0)))
                    yield from _numbers(item.items[1], text, argument.item(place, " value"))
                else:
                    yield from _numbers(item, text, argument.item(place, rule=each))


def _of_call(call: Call, text: str) -> Iterator[_Number]:
    """The numbers of what a method is called on, and those of the arguments that the function has."""
    if call.target is not None:
        yield from _numbers(call.target, text, _Argument())
    known = (CALLABLE if call.target is None else METHODS).get(call.name)
    names, of_arguments, others = ([], {}, "") if known is None else _parameters(known)
    part = call.name if call.target is None else f".{call.name}"
    pairs = [*zip([*names, *[others] * len(call.arguments)], call.arguments, strict=False), *call.keywords]
    for name, node in pairs:
        found = _numbers(node, text, _Argument(part, name, of_arguments.get(name), call.position))
        is_known = name in names or name == others != ""
        yield from (each for each in found if is_known or each.argument.call != call.position)


def _parameters(known: Callable[..., Any]) -> tuple[list[str], dict[str, Rule], str]:
    """The names of the parameters, their rules, and what any number of further arguments are called."""
    every = inspect.signature(known).parameters.values()
    named = [each.name for each in every if each.kind is not each.VAR_POSITIONAL and each.name != "self"]
    return named, rules(known), "number" if any(each.kind is each.VAR_POSITIONAL for each in every) else ""


def _end(text: str, position: int) -> int:
    match = _NUMBER.match(text, position)
    return match.end() if match else position


def _settings(text: str) -> list[_Number]:
    """The numbers that a config assigns to names."""
    found = []
    for match in _SETTING.finditer(text):
        whole = Whole(0) if re.fullmatch(r"\d+", match[2]) else None
        found.append(_Number(match.start(2), match.end(2), _Argument("", match[1], whole, match.start(2))))
    return found
