"""An optimizer as a value: the base class of the update rules, and how a text names a rule."""

import ast
import inspect
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import fields
from typing import Annotated, Any, Generic, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from stepsize.arguments import Instance, Number, apply_field_rules, listed, nearest
from stepsize.checked_calls import CallChecked
from stepsize.descent.formula import UNREADABLE, expression
from stepsize.descent.surface import Floats, array_of
from stepsize.errors import ArgumentError, ParseError, quoted
from stepsize.schedules.grammar import decimal_comma

State = TypeVar("State", bound=tuple[Any, ...])
_EXAMPLE = "expected the name of an optimizer, such as Momentum(0.9)"
_OTHER_NAMES = {"sgd": "gradientdescent"}


class Optimizer(CallChecked, ABC, Generic[State]):
    """An update rule as a value: it maps a state, a point, a gradient and a rate to the next point and state.

    A rule stores nothing and changes none of its arguments. It treats each coordinate on its own, so points may have
    any shape: `(dimensions,)`, or `(starts, dimensions)` for many descents at once.

    A new rule is a frozen dataclass with the methods `_start` and `_step`; `optimizer_from` finds it by its name.

    Letters in the formulas: x the point, g its gradient, eta the rate, t the number of updates including this one.

    Example:
        >>> from stepsize.descent import Momentum
        >>> rule, x = Momentum(0.5), [1.0, 2.0]
        >>> state = rule.init(x)
        >>> for _ in range(2):
        ...     x, state = rule.update(state, x, [1.0, 1.0], lr=0.1)
        >>> x
        array([0.75, 1.75])
    """

    def __post_init__(self) -> None:
        apply_field_rules(self)

    def init(self, x: ArrayLike) -> State:
        """The state before the first update of points of this shape."""
        return self._start(np.zeros(np.shape(x)))

    def update(self, state: State, x: ArrayLike, g: ArrayLike, lr: float) -> tuple[Floats, State]:
        """The next point and the next state.

        Args:
            state: the result of `init` or of the previous update.
            x: the point or points.
            g: the gradient at x, of the same shape.
            lr: the rate eta of this update.

        Raises:
            ArgumentError: the shapes of `state`, `x` and `g` differ, or `lr` is negative or not finite.
        """
        owner = f"{type(self).__name__}.update"
        x, g = array_of(owner, "x", x), array_of(owner, "g", g)
        if x.shape != g.shape:
            raise ArgumentError(owner, "g", f"of the shape of x, {x.shape}", g.shape)
        if type(lr) is not float or not 0.0 <= lr < np.inf:
            lr = Number(least=0.0)(owner, "lr", lr)
        shapes = {np.shape(part) for part in state if not isinstance(part, int)}  # an int counts updates
        if shapes - {x.shape}:
            raise ArgumentError(
                owner, "state", f"made for the shape of x, {x.shape}", shapes.pop(), "start with init(x)"
            )
        return self._step(state, x, g, lr)

    @abstractmethod
    def _start(self, zeros: Floats) -> State:
        """The state before the first update, from zeros of the points' shape."""

    @abstractmethod
    def _step(self, state: State, x: Floats, g: Floats, lr: float) -> tuple[Floats, State]:
        """The formula of the update."""

    def __repr__(self) -> str:
        values = [(getattr(self, field.name), field.default) for field in fields(self)]  # type: ignore[arg-type]
        while values and values[-1][0] == values[-1][1]:
            values.pop()
        texts = [json.dumps(value) if isinstance(value, str) else repr(value) for value, _ in values]
        return f"{type(self).__name__}({', '.join(texts)})"


AnyOptimizer = Annotated[
    Optimizer[Any], Instance(Optimizer, "an optimizer of stepsize.descent", "write, for example, Momentum(0.9)")
]


def optimizer_from(text: str) -> Optimizer[Any]:
    """The optimizer that a text names, with or without arguments: the inverse of `str`.

    Upper and lower case do not matter.

    Raises:
        ParseError: the text does not name an optimizer, or has arguments that it does not take; points at the place.

    Example:
        >>> from stepsize.descent import optimizer_from
        >>> optimizer_from("momentum"), optimizer_from("Adam(0.9, beta2=0.99)")
        (Momentum(), Adam(0.9, 0.99))
    """
    if not isinstance(text, str):
        raise ArgumentError("optimizer_from", "text", "a text", text)
    start = len(text) - len(text.lstrip())
    if not text.strip():
        raise ParseError(f"{_EXAMPLE}, found nothing", text, 0)
    try:
        node = expression(text)
    except UNREADABLE as error:
        offset = getattr(error, "offset", None) or 1
        raise ParseError(getattr(error, "msg", None) or "this cannot be read", text, start + offset - 1) from None
    if isinstance(node, ast.Name):
        node = ast.Call(node, [], [], lineno=node.lineno, col_offset=node.col_offset)
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        raise ParseError(_EXAMPLE, text, start)
    known = {kind.__name__.lower(): kind for kind in _kinds(Optimizer)}  # type: ignore[type-abstract]
    name = node.func.id
    kind = known.get(_OTHER_NAMES.get(name.lower(), name.lower()))
    if kind is None:
        names = [each.__name__ for each in known.values()]
        raise ParseError(f"{quoted(name)} is not an optimizer; {nearest(name, names) or listed(names)}", text, start)
    try:
        return kind(**_arguments(text, start, node, kind))
    except ArgumentError as error:
        raise ParseError(str(error), text, start, decimal_comma(text)) from None


def _kinds(base: type[Optimizer[Any]]) -> Iterator[type[Optimizer[Any]]]:
    for kind in base.__subclasses__():
        if not inspect.isabstract(kind):
            yield kind
        yield from _kinds(kind)


def _arguments(text: str, start: int, call: ast.Call, kind: type[Optimizer[Any]]) -> dict[str, Any]:
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    takes = f"{kind.__name__} takes {', '.join(names) or 'no arguments'}"
    given: dict[str, Any] = {}
    pairs = [
        *zip([*names, *[None] * len(call.args)], call.args, strict=False),
        *((each.arg, each.value) for each in call.keywords),
    ]
    for name, node in pairs:
        place = start + node.col_offset
        if name == "lr":
            raise ParseError("the rate is not part of an optimizer; give it separately, as lr", text, place)
        if name is None:
            raise ParseError(f"too many arguments; {decimal_comma(text) or takes}", text, place)
        if name not in names:
            raise ParseError(
                f"{kind.__name__} has no argument {quoted(name)}; {nearest(name, names) or takes}", text, place
            )
        if name in given:
            raise ParseError(f"{quoted(name)} is given twice", text, place)
        if isinstance(node, ast.Name):
            advice = nearest(node.id, ("True", "False")) or "write texts in quotes"
            raise ParseError(f"{quoted(node.id)} is not a number; {advice}", text, place)
        try:
            given[name] = ast.literal_eval(node)
        except ValueError:
            raise ParseError("an optimizer's argument is a number, a text, True or False", text, place) from None
    return given
