"""An optimizer as a value: the base class of the update rules, and how a text names a rule."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Annotated, Any, Generic, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from stepsize.arguments import Instance, Number, apply_field_rules, listed, nearest
from stepsize.checked_calls import CallChecked, checked
from stepsize.descent.surface import Floats, array_of
from stepsize.errors import ArgumentError, ParseError, StepsizeError, quoted
from stepsize.schedules.grammar import Call, Infix, Items, Literal, Named, Node, decimal_comma
from stepsize.schedules.shape import arguments_text
from stepsize.schedules.text import Evaluation, Text

State = TypeVar("State", bound=tuple[Any, ...])
_EXAMPLE = "expected the name of an optimizer, such as Momentum(0.9)"
_WORDS = {"True": True, "False": False, "None": None}
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
            rule, advice = f"made for the shape of x, {x.shape}", "start with init(x)"
            raise ArgumentError(owner, "state", rule, shapes.pop(), advice)
        return self._step(state, x, g, lr)

    @abstractmethod
    def _start(self, zeros: Floats) -> State:
        """The state before the first update, from zeros of the points' shape."""

    @abstractmethod
    def _step(self, state: State, x: Floats, g: Floats, lr: float) -> tuple[Floats, State]:
        """The formula of the update."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({arguments_text(self)})"


AnyOptimizer = Annotated[
    Optimizer[Any], Instance(Optimizer, "an optimizer of stepsize.descent", "write, for example, Momentum(0.9)")
]


@checked
def optimizer_from(text: Text) -> Optimizer[Any]:
    """The optimizer that a text names, with or without arguments: the inverse of `str`.

    Upper and lower case do not matter.

    Raises:
        ParseError: the text does not name an optimizer, or has arguments that it does not take; points at the place.

    Example:
        >>> from stepsize.descent import optimizer_from
        >>> optimizer_from("momentum"), optimizer_from("Adam(0.9, beta2=0.99)")
        (Momentum(), Adam(0.9, 0.99))
    """
    if not text.strip():
        raise ParseError(f"{_EXAMPLE}, found nothing", text, 0)
    return _OptimizerText.of(text).optimizer()


class _OptimizerText(Evaluation):
    operand = "a number"
    more = "the end"

    def optimizer(self) -> Optimizer[Any]:
        call = self.tree
        if isinstance(call, Literal) and call.kind == "name":
            call = Call(str(call.value), None, (), (), call.position)
        if not isinstance(call, Call) or call.target is not None:
            raise self.error(_EXAMPLE, call.position)
        known = {kind.__name__.lower(): kind for kind in _kinds(Optimizer)}  # type: ignore[type-abstract]
        kind = known.get(_OTHER_NAMES.get(call.name.lower(), call.name.lower()))
        if kind is None:
            names = [each.__name__ for each in known.values()]
            advice = nearest(call.name, names) or listed(names)
            raise self.error(f"{quoted(call.name)} is not an optimizer", call.position, advice)
        for name, node in call.keywords:
            if name == "lr":
                raise self.error("the rate is not part of an optimizer", node.position, "give it separately, as lr")
        optimizer: Optimizer[Any] = self._made(call, kind, (), self._value)
        return optimizer

    def _value(self, node: Node) -> Any:
        is_list = isinstance(node, Items) and node.bracket == "["
        if is_list or isinstance(node, Call | Named) or (isinstance(node, Infix) and node.signs[0] == ">>"):
            raise self.error("an optimizer's argument is a number, a text, True, False or None", node.position)
        return super()._value(node)

    def _literal(self, node: Literal) -> Any:
        if node.kind != "name":
            return node.value
        if node.value in _WORDS:
            return _WORDS[str(node.value)]
        advice = nearest(node.value, _WORDS) or "write texts in quotes"
        raise self.error(f"{quoted(str(node.value))} is not a number", node.position, advice)

    def _located(self, problem: StepsizeError, node: Call, given: dict[str, Node]) -> ParseError:
        error = super()._located(problem, node, given)
        error.advice = decimal_comma(error.text)
        return error


def _kinds(base: type[Optimizer[Any]]) -> Iterator[type[Optimizer[Any]]]:
    for kind in base.__subclasses__():
        if not inspect.isabstract(kind):
            yield kind
        yield from _kinds(kind)
