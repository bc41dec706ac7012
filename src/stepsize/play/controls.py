"""The numbers in a text, and the slider of each: its label, its place in the text, its range and its step."""

import inspect
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

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

    The slider goes from `low` to `high` in steps of `step`. `unit` is what follows the number in quotes, as in "10%".
    """

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
        [('Linear start', 0.0), ('Linear end', 0.3), ('Linear steps', 500.0)]
    """
    found = _settings(text) if is_config else sorted(_numbers(Reader(text).tree(), text), key=lambda each: each.start)
    return [each.control(text, found) for each in found[:MOST]]


@dataclass(frozen=True)
class _Number:
    """A number in a text, the argument that it sets, the rule of that, and the call that it is in."""

    start: int
    end: int
    label: str = ""
    rule: Rule | None = None
    call: int = -1
    unit: str = ""

    def value(self, text: str) -> float:
        return float(text[self.start : self.end].replace("_", "").replace(" ", ""))

    def control(self, text: str, others: Sequence["_Number"]) -> Control:
        """The control; a number that is 0 has the range of the others in the same call."""
        value = self.value(text)
        near = [abs(each.value(text)) for each in others if each.call == self.call and each.is_like(self)]
        low, high, step = _range(value, max(near, default=0.0), self)
        return Control(self.label, self.start, self.end, value, low, high, step, self.unit)

    @property
    def whole(self) -> bool:
        """Whether it is a whole number."""
        return isinstance(self.rule, Whole) and not self.unit

    def is_like(self, other: "_Number") -> bool:
        """Whether both have the same unit."""
        return (self.whole, self.unit) == (other.whole, other.unit)


def _range(value: float, near: float, number: _Number) -> tuple[float, float, float]:
    """The least and the largest value of a slider, and its step."""
    if number.unit == "%":
        return 0.0, max(100.0, value), 0.5
    least, most = (getattr(number.rule, name, None) for name in ("least", "most"))
    if least is not None and most is not None:
        return least, most, (most - least) / 200
    high = _round_up(ROOM * (abs(value) or near or 1.0))
    if number.whole:
        step = max(1, 10 ** math.floor(math.log10(high / PARTS)))
        return float(step if least else 0), max(high, 10.0), float(step)
    step = _round_up(high / PARTS / 2.5)
    low = -high if value < 0 else step if getattr(number.rule, "above", None) == 0 else 0.0
    return low, high, step


def _round_up(value: float) -> float:
    """The least 1, 2 or 5 times a power of ten that is not below the value."""
    if not 1e-300 < value < 1e300:
        return min(max(value, 1e-300), 1e300)
    power = math.floor(math.log10(value))
    return next(each for digit in (1, 2, 5, 10) if (each := float(f"{digit}e{power}")) >= value * (1 - 1e-9))


def _numbers(node: Node, text: str) -> Iterator[_Number]:
    """The numbers in a tree; those that are no arguments have the label of the operator before them."""
    match node:
        case Call():
            yield from _arguments(node, text)
        case Infix():
            for sign, operand in zip(("", *node.signs), node.operands, strict=True):
                yield from _labelled(operand, text, f"{sign or node.signs[0]} number")
        case Power():
            for place, operand in enumerate(node.operands):
                yield from _labelled(operand, text, "** power" if place else "** number")
        case Items():
            for item in node.items:
                yield from _numbers(item, text)
        case Named():
            for name, value in node.items:
                yield from _labelled(value, text, name)
        case Negative():
            yield from _labelled(node, text, "number")
        case Literal():
            yield from _labelled(node, text, "number")


def _arguments(call: Call, text: str) -> Iterator[_Number]:
    if call.target is not None:
        yield from _numbers(call.target, text)
    known: Any = (CALLABLE if call.target is None else METHODS).get(call.name)
    names, of_arguments = _parameters(known)
    pairs = [*zip([*names, *[""] * len(call.arguments)], call.arguments, strict=False), *call.keywords]
    for name, node in pairs:
        label = f"{'.' if call.target else ''}{call.name} {name}".rstrip()
        yield from _labelled(node, text, label, of_arguments.get(name), call.position)


def _parameters(known: Callable[..., Any] | None) -> tuple[list[str], dict[str, Rule]]:
    if known is None:
        return [], {}
    named = [each for each in inspect.signature(known).parameters.values() if each.kind is not each.VAR_POSITIONAL]
    return [each.name for each in named if each.name != "self"], rules(known)


def _labelled(node: Node, text: str, label: str, rule: Rule | None = None, call: int = -1) -> Iterator[_Number]:
    """The number that a node is, or those in the items of an argument; other nodes have labels of their own."""
    match node:
        case Literal(kind="number"):
            yield _Number(node.position, _end(text, node.position), label, rule, call)
        case Negative(operand=Literal(kind="number") as operand) if text[node.position] == "-":
            if not text[node.position + 1 : operand.position].strip():
                yield _Number(node.position, _end(text, operand.position), label, rule, call)
        case Literal(kind="string"):
            if match := _LENGTH.match(text, node.position):
                yield _Number(match.start(1), match.end(1), label, rule, call, match[2])
        case Items():
            for place, item in enumerate(node.items):
                here = f"{label}[{place}]"
                if isinstance(item, Items) and len(item.items) == 2:  # a point of Knots
                    yield from _labelled(item.items[0], text, f"{here} step", Whole(0), call)
                    yield from _labelled(item.items[1], text, f"{here} value", None, call)
                else:
                    yield from _labelled(item, text, here, getattr(rule, "each", None), call)
        case _:
            yield from _numbers(node, text)


def _end(text: str, position: int) -> int:
    match = _NUMBER.match(text, position)
    return match.end() if match else position


def _settings(text: str) -> list[_Number]:
    """The numbers that a config assigns to names."""
    found = []
    for match in _SETTING.finditer(text):
        whole = Whole(0) if re.fullmatch(r"\d+", match[2]) else None
        found.append(_Number(match.start(2), match.end(2), match[1].strip("-"), whole, match.start(2)))
    return found
