"""The base of the optimizers: what an update rule is given, and what it gives back."""

import numbers
from abc import ABC, abstractmethod
from dataclasses import fields
from typing import Annotated, Any, Generic, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stepsize.arguments import Choice, NonNegative, Number, apply_field_rules
from stepsize.errors import ArgumentError, shown
from stepsize.schedules.shape import value_text

Floats = NDArray[np.float64]
State = TypeVar("State", bound=tuple[Any, ...])


class Optimizer(ABC, Generic[State]):
    """An update rule as a value: from a state, a point, a gradient and a rate to the next point and state.

    Nothing is kept in the optimizer and nothing that it is given is changed. Every rule works on each coordinate by
    itself, so that points of any shape are taken: `(dimensions,)`, or `(starts, dimensions)` for a thousand descents
    as one array.

    Letters in the formulas: x the point, g the gradient there, eta the rate, t the number of updates with this one.

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
        """The state before the first update of a point, or of points, of this shape: zeros."""
        return self._start(np.zeros(np.shape(x)))

    def update(self, state: State, x: ArrayLike, g: ArrayLike, lr: float) -> tuple[Floats, State]:
        """The next point and the next state.

        Args:
            state: what `init` or the update before gave.
            x: the point or points.
            g: the gradient there, of the same shape.
            lr: the rate eta of this update.

        Raises:
            ArgumentError: the shapes of `x`, `g` and what the state was made for differ, or `lr` is negative or no
                finite number.
        """
        owner = f"{type(self).__name__}.update"
        try:
            x, g = np.asarray(x, dtype=np.float64), np.asarray(g, dtype=np.float64)
        except (TypeError, ValueError):
            raise ArgumentError(f"{owner}() takes x and g made of numbers, got {shown(x)} and {shown(g)}") from None
        if x.shape != g.shape:
            raise ArgumentError(f"{owner}() needs x and g of one shape, got {x.shape} and {g.shape}")
        if type(lr) is not float or not 0.0 <= lr < np.inf:
            lr = Number(least=0.0)(owner, "lr", lr)
        if any(np.shape(part) != x.shape for part in state if not isinstance(part, int)):  # an int counts updates
            raise ArgumentError(f"{owner}() needs the state of points of shape {x.shape}; begin with init(x)")
        return self._step(state, x, g, lr)

    @abstractmethod
    def _start(self, zeros: Floats) -> State:
        """The state before the first update, made of zeros of the points' shape."""

    @abstractmethod
    def _step(self, state: State, x: Floats, g: Floats, lr: float) -> tuple[Floats, State]:
        """The formula."""

    def __repr__(self) -> str:
        shown_fields = fields(self)  # type: ignore[arg-type]
        values = [getattr(self, field.name) for field in shown_fields]
        while values and values[-1] == shown_fields[len(values) - 1].default:
            values.pop()
        return f"{type(self).__name__}({', '.join(map(value_text, values))})"


def _decay(owner: str, name: str, value: Any) -> float:
    """The rule of what a running mean or a velocity keeps at every update."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not 0.0 <= float(value) < 1.0:
        raise ArgumentError(owner, name, "a number >= 0 and < 1", value)
    return float(value)


def any_optimizer(owner: str, name: str, value: Any) -> Optimizer[Any]:
    """The rule of an argument that is an optimizer."""
    if not isinstance(value, Optimizer):
        raise ArgumentError(owner, name, "an optimizer of stepsize.descent", value, "write e.g. Momentum(0.9)")
    return value


Decay = Annotated[float, _decay]
Place = Annotated[str, Choice(("outside", "inside"))]
"""Where a small number stands: beside the root, as in sqrt(s) + eps, or under it, as in sqrt(s + eps)."""
Eps = NonNegative


def root(s: Floats, eps: float, place: str) -> Floats:
    """sqrt(s) + eps, or sqrt(s + eps)."""
    found: Floats = np.sqrt(s) + eps if place == "outside" else np.sqrt(s + eps)
    return found
