"""The base of every schedule: how it is called, combined, compared, written and shown."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import FrozenInstanceError
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, overload

import numpy as np

from stepsize.arguments import (
    LONGEST,
    BatchSize,
    EndlessCount,
    Number,
    Phase,
    Positive,
    Real,
    Steps,
    apply_field_rules,
    rules,
)
from stepsize.checked_calls import CallChecked, checked
from stepsize.errors import ArgumentError, StepsizeError
from stepsize.schedules.evaluation import evaluated
from stepsize.schedules.maths import SCALAR, Floats, Maths, Value
from stepsize.schedules.transitions import AnyShape, transition

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

MAX_DEPTH = 100
"""How deep schedules may be nested; their length is not limited."""


class Schedule(CallChecked, ABC):
    """The value of a hyperparameter at every step: immutable, comparable, a pure function of the step.

    `step` is the number of optimizer updates already done: 0 for the first update. A schedule covers the steps
    0 .. `steps` - 1 and holds its end value, exactly, from step `steps` on; `steps` is `math.inf` if it never ends.

    Combine schedules with `>>` (then), `+`, `-`, `*`, `/` (pointwise) and the methods below; each returns a new value
    and does not change its operands. `str(schedule)` is the text that `parse` reads back.

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

    __array_ufunc__ = None  # so that np.ones(3) * schedule calls __rmul__, which refuses it

    # What each class defines.

    @abstractmethod
    def _at(self, t: Value, m: Maths) -> Value:
        """The value at t >= 0: a float if m is SCALAR, an array of t's shape if m is ARRAY; holds the end."""

    @abstractmethod
    def _text(self) -> str:
        """The text form."""

    @property
    @abstractmethod
    def _children(self) -> Sequence["Schedule"]:
        """The schedules inside this one, for code of the package that goes through a schedule."""

    _binds = 5  # how tightly the text form binds: 1 for >>, 2 for + and -, 3 for * and /, 4 for **, 5 for a call

    def _validate(self) -> None:
        """Raise ArgumentError for arguments that do not fit together."""

    _depth: int

    def __post_init__(self) -> None:
        apply_field_rules(self)
        self._validate()
        depth = 1 + max((child._depth for child in self._children), default=0)
        if depth > MAX_DEPTH:
            advice = "chain them with >> instead"
            raise ArgumentError("the nesting of schedules", "", f"at most {MAX_DEPTH} levels deep", depth, advice)
        object.__setattr__(self, "_depth", depth)
        if LONGEST < self.steps < math.inf:
            raise ArgumentError("the length of a schedule", "", f"at most 2**53 = {LONGEST} steps", self.steps)

    # Frozen dataclasses refuse new values for their own fields; this refuses those of classes that add no field too.

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> NoReturn:
        raise FrozenInstanceError(f"cannot delete field {name!r}")

    # Calling.

    @overload
    def __call__(self, step: float) -> float: ...
    @overload
    def __call__(self, step: "Sequence[float] | np.ndarray[Any, Any]") -> Floats: ...
    @overload
    def __call__(self, step: Any) -> Any: ...
    def __call__(self, step: "ArrayLike") -> float | Floats:
        """The value at a step (a float), or at every step of an array or list (an array of its shape).

        Steps may be fractional, come in any order and repeat. Those of JAX, MLX, PyTorch and TensorFlow give an array
        of that library, also inside its compiler. Their values are not checked: a negative or NaN step counts as 0.

        Raises:
            StepError: a step is negative, NaN, infinite or not a number, or the value there overflows or is not real.
        """
        kind = type(step)
        if (kind is int or kind is float) and 0 <= step <= LONGEST:  # type: ignore[operator]
            value: float = self._at(step, SCALAR)
            if math.isfinite(value):
                return value
        return evaluated(self, step)  # type: ignore[no-any-return]

    def sample(self, n: int | None = None) -> Floats:
        """The array f(0), ..., f(n - 1); n defaults to the length of the schedule.

        Raises:
            ArgumentError: n is left out and the schedule never ends.

        Example:
            >>> Linear(0.0, 1.0, 4).sample()
            array([0.  , 0.25, 0.5 , 0.75])
        """
        if n is None:
            n = self._finite("sample", "write .sample(n)")
        return self(np.arange(rules(Schedule.head)["n"]("sample", "n", n), dtype=np.float64))

    def _finite(self, method: str, advice: str) -> int:
        """The length, for a method that needs a schedule with an end."""
        if self.steps == math.inf:
            raise ArgumentError(f"the schedule of .{method}()", "", "one that ends", self, advice)
        return int(self.steps)

    # Writing.

    def __repr__(self) -> str:
        return self._text()

    # Combining. The classes of the results are in modules that import this one, so they are imported late.

    def __rshift__(self, after: "Schedule") -> "Schedule":
        """`a >> b`: a, then b on its own clock. Its length is the sum; an endless a is an error."""
        from stepsize.schedules.clock import Chain

        if not isinstance(after, Schedule):
            advice = _advice_for_text(after) or "write >> Constant(0.01) to stay at a number"
            raise ArgumentError("the right of >>", "", "a schedule", after, advice)
        return Chain((self, after))

    def __rrshift__(self, before: object) -> "Schedule":
        advice = _advice_for_text(before) or "write Constant(0.1, steps) >> ... to start at a number"
        raise ArgumentError("the left of >>", "", "a schedule", before, advice)

    def __add__(self, other: "Schedule | float") -> "Schedule":
        """`a + b`: the sum at every step; as long as the longer."""
        return _pointwise("+", self, other)

    def __radd__(self, other: float) -> "Schedule":
        return _pointwise("+", other, self)

    def __sub__(self, other: "Schedule | float") -> "Schedule":
        """`a - b`: the difference at every step; the same value as `a + -1 * b`."""
        return _pointwise("+", self, -operand_of("-", other))

    def __rsub__(self, other: float) -> "Schedule":
        return _pointwise("+", operand_of("-", other), -self)

    def __mul__(self, other: "Schedule | float") -> "Schedule":
        """`a * b`: the product at every step; as long as the longer."""
        return _pointwise("*", self, other)

    def __rmul__(self, other: float) -> "Schedule":
        return _pointwise("*", other, self)

    def __neg__(self) -> "Schedule":
        return -1.0 * self

    def __truediv__(self, divisor: float) -> "Schedule":
        """`a / 2`: divided by a number at every step."""
        from stepsize.schedules.arithmetic import Quotient

        if isinstance(divisor, Schedule):
            raise ArgumentError("the right of /", "", "a number", divisor)
        return Quotient(self, divisor)

    def __rtruediv__(self, numerator: object) -> "Schedule":
        raise ArgumentError("the right of /", "", "a number", self, "a number cannot be divided by a schedule")

    def __pow__(self, exponent: float) -> "Schedule":
        """`a ** p`: raised to a power at every step.

        Example:
            >>> (Cosine(1.0, 0.0, 4) ** 2).sample()
            array([1.        , 0.72855339, 0.25      , 0.02144661])
        """
        from stepsize.schedules.arithmetic import Power

        if isinstance(exponent, Schedule):
            raise ArgumentError("the right of **", "", "a number", exponent)
        return Power(self, exponent)

    def __rpow__(self, base: object) -> "Schedule":
        raise ArgumentError("the right of **", "", "a number", self, "a number cannot be raised to a schedule")

    def clip(self, low: Real, high: Annotated[float, Number(infinite=True)] = math.inf) -> "Schedule":
        """The schedule bounded below by `low` and above by `high`.

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
        """f(floor(t / n)): a schedule that is written per epoch, with n steps in an epoch; n times as long.

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

    def warp(self, power: Positive) -> "Schedule":
        """Bend the clock: f(T (t / T)^power), with T the length; a power above 1 is slow at first.

        Example:
            >>> Linear(0.0, 1.0, 4).warp(2).sample()
            array([0.    , 0.0625, 0.25  , 0.5625])
        """
        from stepsize.schedules.clock import Warp

        return Warp(self, power)

    def repeat(self, times: EndlessCount, scale: Real = 1.0, stretch: Positive = 1.0) -> "Schedule":
        """Restart: cycle i multiplies the values by scale^i and takes floor(steps stretch^i + 1/2) steps.

        `times` may be inf.

        Example:
            >>> Cosine(0.1, 0.0, 10).repeat(3, 0.5)([0, 10, 20])
            array([0.1  , 0.05 , 0.025])
        """
        from stepsize.schedules.clock import Repeat

        return Repeat(self, times, scale, stretch)

    def head(self, n: Phase) -> "Schedule":
        """The first n steps, then the value at step n: f(min(t, n))."""
        from stepsize.schedules.clock import Head

        return Head(self, n)

    def tail(self, n: Phase) -> "Schedule":
        """The schedule without its first n steps: f(t + n)."""
        from stepsize.schedules.clock import Tail

        return Tail(self, n)

    def reclock(self, batch: "Batch") -> "Schedule":
        """A schedule written in samples as one in steps, under a batch size that may be a schedule of samples too.

        Step t reads the schedule at s(t), the samples used before it; all of it may be in tokens instead:

            s(0) = 0,    s(t + 1) = s(t) + batch(s(t))

        Args:
            batch: the samples in an update: a number, or a schedule of the samples used before it. If it is constant
                between jumps (Constant, Piecewise, MultiStep, and chains, sums and products of these), the run may
                have any length; otherwise, the batch or this schedule must end within a million updates.

        Raises:
            ArgumentError: the batch is not a whole number of at least 1 at some sample.

        Example:
            >>> batch = Piecewise((100, 200), (1000,))
            >>> Linear(1.0, 0.0, 2000).reclock(batch)([0, 10, 11, 15])
            array([1. , 0.5, 0.4, 0. ])
            >>> batch.reclock(batch)([9, 10])
            array([100., 200.])
        """
        from stepsize.schedules.batches import Reclock

        return Reclock(self, batch)  # type: ignore[arg-type]

    @checked
    def cooldown(self, at: Phase, steps: Steps, end: Real = 0.0, shape: AnyShape = "linear") -> "Schedule":
        """Leave the schedule at step `at` and go from its value there to `end` in `steps` steps.

        `shape` is a word, a class or a function, as for `wsd`.

        Example:
            >>> Constant(0.3).cooldown(800, 200)
            Constant(0.3).head(800) >> Linear(0.3, 0.0, 200)
        """
        return self.head(at) >> transition("cooldown", steps, ("shape", shape), ("", self(at)), ("end", end))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from stepsize.schedules.pydantic_field import field_schema

        return field_schema(cls)

    # Showing.

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the schedule over its steps on `ax` (a new figure if None) and return the axes; needs matplotlib."""
        from stepsize.plots import plot_schedules  # the one import that goes upward

        return plot_schedules([self], ax=ax)

    def _repr_svg_(self) -> str | None:
        """The curve that a notebook shows; None, so that it shows the text, if a value is not finite."""
        from stepsize.schedules.svg import svg

        try:
            return svg(self)
        except StepsizeError:
            return None


def _advice_for_text(value: Any) -> str:
    return 'write parse("...")' if isinstance(value, str) else ""


def nested(owner: str, name: str, value: Any) -> Schedule:
    """The rule of a schedule inside another."""
    if not isinstance(value, Schedule):
        advice = _advice_for_text(value) or "write a schedule such as Constant(0.1)"
        raise ArgumentError(owner, name, "a schedule", value, advice)
    return value


Nested = Annotated[Schedule, nested]


def batch_size(owner: str, name: str, value: Any) -> Schedule:
    """The rule of a batch size: a number becomes a Constant."""
    from stepsize.schedules.formulas import Constant

    return value if isinstance(value, Schedule) else Constant(BatchSize()(owner, name, value))


Batch = Annotated[Schedule | float, batch_size]
"""The samples in an update: a number, or a schedule of the samples used before it."""


def _pointwise(sign: str, left: Any, right: Any) -> Schedule:
    from stepsize.schedules.arithmetic import Product, Sum

    return (Sum if sign == "+" else Product)((operand_of(sign, left), operand_of(sign, right)))


def operand_of(sign: str, other: Any) -> Any:
    """A schedule, or a number in its stored form; `sign` is the operator or function that it is for."""
    if isinstance(other, Schedule):
        return other
    try:
        return Number()("schedule", sign, other)
    except ArgumentError:
        rule = "a schedule or a finite number"
        raise ArgumentError(f"an operand of {sign}", "", rule, other, _advice_for_text(other)) from None
