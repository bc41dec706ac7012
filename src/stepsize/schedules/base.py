"""The base of every schedule: how it is called, combined, compared, written and shown."""

import functools
import math
import numbers
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Annotated, Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stepsize.arguments import (
    LONGEST,
    Choice,
    EndlessCount,
    F,
    Number,
    Phase,
    Positive,
    Real,
    Steps,
    apply_field_rules,
    checked,
    rules,
)
from stepsize.errors import ArgumentError, StepError, StepsizeError, shown
from stepsize.schedules.maths import ARRAY, SCALAR, Maths, Value

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_DEPTH = 100
"""Schedules may be nested this deep (and be as long as you like)."""

_BLOCK = 8192
"""How many steps are evaluated at once."""

DecayShape = Annotated[str, Choice(("linear", "cosine", "1-sqrt"))]
"""The ways down that recipes and `cooldown` know by a word."""


class Schedule(ABC):
    """A value that says what a hyperparameter is at every step: immutable, comparable, a pure function.

    `step` is the number of optimizer updates already done: 0 for the first. A schedule covers the steps
    0 .. `steps` - 1 and holds its end value, exactly, from step `steps` on; `steps` is `math.inf` for one that
    never ends.

    Schedules are combined with `>>` (then), `+`, `-`, `*`, `/` (pointwise) and the methods below; each makes a new
    value and leaves its operands alone. `str(schedule)` is the text that `parse` reads back.

    Example:
        >>> plan = Linear(0.0, 0.3, 500) >> Cosine(0.3, 0.01, 9500)
        >>> plan(0), plan(500), plan(20_000)
        (0.0, 0.3, 0.01)
        >>> plan([0, 250, 500])
        array([0.  , 0.15, 0.3 ])
        >>> plan.steps
        10000
    """

    steps: float
    """The length: a whole number of steps, or `math.inf`."""

    __array_ufunc__ = None  # so that np.ones(3) * schedule asks this class, and is refused in words

    # What a class of schedules says of itself.

    @abstractmethod
    def _at(self, t: Value, m: Maths) -> Value:
        """The value at t >= 0: a float if m is SCALAR, an array of t's shape if m is ARRAY; holds the end."""

    @abstractmethod
    def _text(self) -> str:
        """The text form."""

    @property
    @abstractmethod
    def _children(self) -> Sequence["Schedule"]:
        """The schedules this one is made of."""

    _binds = 4
    """How tightly the text form holds together: 1 `>>`, 2 `+ -`, 3 `* /`, 4 a call."""

    def _validate(self) -> None:  # noqa: B027  (most classes have nothing to add)
        """Raise ArgumentError for what no rule of a single field can tell; a place to refuse, not to compute."""

    def __post_init__(self) -> None:
        apply_field_rules(self, argument_name)
        self._validate()
        depth = 1 + max((child._depth for child in self._children), default=0)
        if depth > MAX_DEPTH:
            raise ArgumentError(f"schedules cannot be nested deeper than {MAX_DEPTH}; chain them with >> instead")
        object.__setattr__(self, "_depth", depth)
        if LONGEST < self.steps < math.inf:
            raise ArgumentError(f"{shown(self)} would last more than 2**53 = {LONGEST} steps")

    _depth: int

    # Calling.

    @overload
    def __call__(self, step: float) -> float: ...
    @overload
    def __call__(self, step: Sequence[float] | NDArray[Any]) -> NDArray[np.float64]: ...
    def __call__(self, step: ArrayLike) -> float | NDArray[np.float64]:
        """The value at a step (a float), or at every step of an array or list (an array of its shape).

        Steps may be fractional, come in any order and repeat.

        Raises:
            StepError: a step is negative, NaN, infinite or no number, or the value overflows there.
        """
        kind = type(step)
        if (kind is int or kind is float) and 0 <= step <= LONGEST:  # type: ignore[operator]
            value: float = self._at(step, SCALAR)
            if math.isfinite(value):
                return value
        return self._checked_call(step)

    def _checked_call(self, step: ArrayLike) -> float | NDArray[np.float64]:
        """The same, slowly: for arrays, NumPy's scalars, and whatever must be refused."""
        try:
            given = np.asarray(step)
            if given.dtype.kind not in "iuf" and not all(isinstance(item, numbers.Real) for item in given.flat):
                raise TypeError
            steps = given.astype(np.float64)
        except (TypeError, ValueError, OverflowError):
            raise StepError(f"a step is a finite number >= 0 (or an array of them), got {shown(step)}") from None
        wrong = np.flatnonzero(~((steps >= 0) & np.isfinite(steps)))
        if wrong.size:
            place = "" if steps.ndim == 0 else f" at place {_place(steps, wrong[0])}"
            raise StepError(f"a step is a finite number >= 0, got {steps.flat[wrong[0]]:g}{place}")
        if steps.ndim == 0 and not isinstance(step, np.ndarray):
            number = float(steps)
            scalar: float = self._at(number, SCALAR)
            if not math.isfinite(scalar):
                raise self._overflow(number, scalar)
            return scalar
        with np.errstate(all="ignore"):
            values = self._many(steps)
        wrong = np.flatnonzero(~np.isfinite(values))
        if wrong.size:
            raise self._overflow(float(steps.flat[wrong[0]]), float(values.flat[wrong[0]]))
        return values

    def _many(self, steps: NDArray[np.float64]) -> NDArray[np.float64]:
        """The values at an array of steps, a block at a time: what stays in the cache is several times as fast."""
        flat, values = steps.ravel(), np.empty(steps.size)
        for begin in range(0, flat.size, _BLOCK):
            block = slice(begin, begin + _BLOCK)
            values[block] = self._at(flat[block], ARRAY)
        return values.reshape(steps.shape)

    def _overflow(self, step: float, value: float) -> StepError:
        return StepError(
            f"{shown(self)} is {value} at step {step:g}; bound it with .clip(low, high) or end it with .head(n)"
        )

    def sample(self, n: int | None = None) -> NDArray[np.float64]:
        """The array f(0), ..., f(n - 1); n is the schedule's own length if left out.

        Raises:
            ArgumentError: n is left out and the schedule never ends.

        Example:
            >>> Linear(0.0, 1.0, 4).sample()
            array([0.  , 0.25, 0.5 , 0.75])
        """
        if n is None:
            n = self._finite("sample", "write .sample(n)")
        return self(np.arange(rules(Schedule.head)["n"]("sample", "n", n), dtype=np.float64))

    def _finite(self, what: str, advice: str) -> int:
        """The length, or an error: `what` needs one that ends."""
        if self.steps == math.inf:
            raise ArgumentError(f".{what}() needs a schedule that ends, and {shown(self)} does not; {advice}")
        return int(self.steps)

    # Writing.

    def __repr__(self) -> str:
        return self._text()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), tuple(getattr(self, field.name) for field in fields(self))  # type: ignore[arg-type]

    # Combining. The classes stand in the modules beside this one, which import it: hence the late imports.

    def __rshift__(self, after: "Schedule") -> "Schedule":
        """`a >> b`: a, then b on its own clock. Its length is the sum; an endless a is an error."""
        from stepsize.schedules.chain import Chain

        if not isinstance(after, Schedule):
            raise _no_operand(">>", after, "write >> Constant(0.01) to stay at a number")
        return Chain((self, after))

    def __rrshift__(self, before: object) -> "Schedule":
        raise _no_operand(">>", before, "write Constant(0.1, steps) >> ... to start at a number")

    def __add__(self, other: "Schedule | float") -> "Schedule":
        """`a + b`: the sum at every step; as long as the longer."""
        from stepsize.schedules.arithmetic import Sum

        return Sum((self, _operand("+", other)))

    def __radd__(self, other: float) -> "Schedule":
        from stepsize.schedules.arithmetic import Sum

        return Sum((_operand("+", other), self))

    def __sub__(self, other: "Schedule | float") -> "Schedule":
        """`a - b`: the difference at every step; the same value as `a + -1 * b`."""
        return self.__add__(-_operand("-", other))

    def __rsub__(self, other: float) -> "Schedule":
        return (-self).__radd__(_operand("-", other))

    def __mul__(self, other: "Schedule | float") -> "Schedule":
        """`a * b`: the product at every step; as long as the longer."""
        from stepsize.schedules.arithmetic import Product

        return Product((self, _operand("*", other)))

    def __rmul__(self, other: float) -> "Schedule":
        from stepsize.schedules.arithmetic import Product

        return Product((_operand("*", other), self))

    def __neg__(self) -> "Schedule":
        return -1.0 * self

    def __truediv__(self, divisor: float) -> "Schedule":
        """`a / 2`: divided by a number at every step."""
        from stepsize.schedules.arithmetic import Quotient

        if isinstance(divisor, Schedule):
            raise _no_operand("/", divisor, "a schedule is divided by a number only")
        return Quotient(self, divisor)

    def __rtruediv__(self, numerator: object) -> "Schedule":
        raise _no_operand("/", numerator, "a schedule can be divided by a number, not a number by a schedule")

    def clip(self, low: Real, high: Annotated[float, Number(infinite=True)] = math.inf) -> "Schedule":
        """The same, never below `low` nor above `high`.

        Example:
            >>> Exponential(0.6, 0.8).clip(0.01)(1000)
            0.01
        """
        from stepsize.schedules.arithmetic import Clip

        return Clip(self, low, high)

    def shift(self, n: Phase) -> "Schedule":
        """Hold the first value for n steps, then start."""
        from stepsize.schedules.clock import Shift

        return Shift(self, n)

    def every(self, n: Steps) -> "Schedule":
        """f(floor(t / n)): a schedule written per epoch of n steps; n times as long.

        Example:
            >>> Linear(0.3, 0.1, 2).every(235)([0, 234, 235, 470])
            array([0.3, 0.3, 0.2, 0.1])
        """
        from stepsize.schedules.clock import Every

        return Every(self, n)

    def stretch(self, n: Steps) -> "Schedule":
        """The same shape over n steps: f(t steps / n)."""
        from stepsize.schedules.clock import Stretch

        return Stretch(self, n)

    def repeat(self, times: EndlessCount, scale: Real = 1.0, stretch: Positive = 1.0) -> "Schedule":
        """Restart: cycle i has its values times scale^i, in floor(steps stretch^i + 1/2) steps. `times` may be inf.

        Example:
            >>> Cosine(0.1, 0.0, 10).repeat(3, 0.5)([0, 10, 20])
            array([0.1  , 0.05 , 0.025])
        """
        from stepsize.schedules.repeat import Repeat

        return Repeat(self, times, scale, stretch)

    def head(self, n: Phase) -> "Schedule":
        """The first n steps, then the value at step n: f(min(t, n))."""
        from stepsize.schedules.clock import Head

        return Head(self, n)

    def tail(self, n: Phase) -> "Schedule":
        """What is left after the first n steps, on a clock of its own: f(t + n)."""
        from stepsize.schedules.clock import Tail

        return Tail(self, n)

    @checked
    def cooldown(self, at: Phase, steps: Steps, end: Real = 0.0, shape: DecayShape = "linear") -> "Schedule":
        """Leave the schedule at step `at` and go down from its value there to `end` in `steps` steps.

        Example:
            >>> Constant(0.3).cooldown(800, 200)
            Constant(0.3).head(800) >> Linear(0.3, 0.0, 200)
        """
        from stepsize.schedules.recipes import DECAYS

        return self.head(at) >> DECAYS[shape](self(at), end, steps)

    # Showing.

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the schedule over its steps on `ax` (a new figure if None) and return the axes; needs matplotlib."""
        from stepsize.plots import plot_schedules  # the one import that goes upward

        return plot_schedules([self], ax=ax)

    def _repr_svg_(self) -> str | None:
        """A notebook shows the schedule as a curve; None, and so its text, where it has no value to show."""
        from stepsize.schedules.svg import svg

        try:
            return svg(self)
        except StepsizeError:
            return None


def argument_name(field: str) -> str:
    """The constructor's word for a field; one that would hide a method of the same name is stored with a `_`."""
    return field.rstrip("_")


def either_name(constructor: F) -> F:
    """Let a constructor take its arguments by their fields' names too, which is how `dataclasses.replace` gives them.

    An argument under both names is a change by the constructor's own word, beside the old value under the field's.
    """

    @functools.wraps(constructor)
    def construct(self: Schedule, *args: Any, **named: Any) -> None:
        stored = {argument_name(name): named.pop(name) for name in list(named) if name != argument_name(name)}
        constructor(self, *args, **(stored | named))

    return construct  # type: ignore[return-value]


def _operand(sign: str, other: Any) -> Any:
    if isinstance(other, Schedule):
        return other
    try:
        return Number()("schedule", sign, other)
    except ArgumentError:
        raise _no_operand(sign, other, "write a schedule or a finite number") from None


def _no_operand(sign: str, other: object, advice: str) -> ArgumentError:
    return ArgumentError(f"{sign} cannot take {shown(other)} ({type(other).__name__}) beside a schedule; {advice}")


def _place(steps: NDArray[Any], flat: int) -> str:
    place = tuple(int(i) for i in np.unravel_index(flat, steps.shape))
    return str(place[0]) if len(place) == 1 else str(place)


def nested(owner: str, name: str, value: Any) -> Schedule:
    """The rule of an argument that is a schedule."""
    if not isinstance(value, Schedule):
        raise ArgumentError(owner, name, "a schedule", value, "write e.g. Constant(0.1)")
    return value


Nested = Annotated[Schedule, nested]
