"""A range test: the losses of a short run whose rate rises, and why it stopped."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, Literal

import numpy as np

from stepsize.arguments import Choice, Flag, Instance, Many, Maybe, Number, Whole, apply_field_rules, refuse_unknown
from stepsize.checked_calls import CallChecked
from stepsize.curves.loss_curve import Floats
from stepsize.curves.suggestions import Suggestions, suggest
from stepsize.errors import ArgumentError, FormatError, StepsizeError, shown
from stepsize.schedules import Schedule, parse
from stepsize.schedules.base import Nested, nested

Stop = Literal["end", "diverged", "not finite"]
MOST_UPDATES = 1_000_000
VERSION = 2
SMOOTHING = 0.7  # the weight of a loss relative to that of the next update


@dataclass(frozen=True)
class RangeRun(CallChecked):
    """One run of a range test, up to the last rate or to where it failed.

    Args:
        losses: of the updates in order, each the mean over its micro-batches, taken before the update.
        stopped: "end": all rates were used; "diverged": the loss rose far above its lowest; "not finite": the next
            loss was infinite or NaN.
        seed: of its random draws; None if they continued from the current state.
        validation_losses: after each update; empty if there is no validation.

    Raises:
        ArgumentError: a loss is not finite, or the numbers of losses and validation losses differ.
    """

    losses: Annotated[tuple[float, ...], Many(Number(), empty=True)] = field(repr=False)
    stopped: Annotated[Stop, Choice(("end", "diverged", "not finite"))]
    seed: Annotated[int | None, Maybe(Whole(0))] = None
    validation_losses: Annotated[tuple[float, ...], Many(Number(), empty=True)] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        apply_field_rules(self)
        if self.validation_losses and len(self.validation_losses) != len(self.losses):
            advice = f"there are {len(self.losses)} losses"
            raise ArgumentError("RangeRun", "validation_losses", "one for each loss", self.validation_losses, advice)

    @property
    def curve(self) -> tuple[float, ...]:
        """The losses by which the test judges: the validation losses if there are any."""
        return self.validation_losses or self.losses


@dataclass(frozen=True)
class RangeTest(CallChecked):
    """The result of a range test: one run through rising rates, or several with different seeds.

    Update i used the rate `schedule(i)`. The arrays below end with the shortest run.

    Args:
        schedule: the rates, from the first to the last; there is one more of them than it has steps.
        runs: one for each seed.
        groups: the rates of each parameter group; those of `schedule` if left out.
        smoothing: beta, the weight of a loss relative to that of the next update.
        fixed_order: the batches came from a DataLoader that does not shuffle.

    Raises:
        ArgumentError: an argument is not allowed, or a run has more losses than there are rates.

    Example:
        >>> from stepsize.curves.range_test import RangeRun, RangeTest
        >>> test = RangeTest(Geometric(1e-4, 1.0, 4), [RangeRun((2.0, 2.0, 1.0, 0.8), "diverged")])
        >>> test.rates
        array([0.0001, 0.001 , 0.01  , 0.1   ])
        >>> RangeTest.of_dict(test.as_dict()) == test
        True
    """

    schedule: Nested
    runs: Annotated[tuple[RangeRun, ...], Many(Instance(RangeRun, "a RangeRun"))]
    groups: Annotated[tuple[Schedule, ...], Many(nested, empty=True)] = ()
    smoothing: Annotated[float, Number(least=0.0, most=0.999)] = SMOOTHING
    fixed_order: Annotated[bool, Flag()] = False

    def __post_init__(self) -> None:
        apply_field_rules(self)
        object.__setattr__(self, "groups", self.groups or (self.schedule,))
        longest = max(len(run.losses) for run in self.runs)
        if self.schedule.steps == math.inf or longest > self.schedule.steps + 1:
            advice = f"a run has {longest} losses"
            raise ArgumentError("RangeTest", "schedule", "finite and as long as its runs", self.schedule, advice)
        if self.schedule.steps > MOST_UPDATES:
            rule = f"at most {MOST_UPDATES} steps long, as all its rates are listed"
            raise ArgumentError("RangeTest", "schedule", rule, self.schedule)
        rates = self.schedule.sample(int(self.schedule.steps) + 1)
        if not (rates.size > 1 and rates[0] > 0.0 and (np.diff(rates) > 0.0).all()):
            raise ArgumentError("RangeTest", "schedule", "rising, from above 0", self.schedule)

    @property
    def rates(self) -> Floats:
        """The rates of the updates, shape (updates,)."""
        return self.schedule.sample(self._updates) if self._updates else np.zeros(0)

    @property
    def losses(self) -> Floats:
        """The losses by which the test judges, as means over the runs, shape (updates,)."""
        return np.asarray(self._curves.mean(axis=0))

    @property
    def band(self) -> tuple[Floats, Floats]:
        """The lowest and the highest loss of any run, shape (updates,) each."""
        return self._curves.min(axis=0), self._curves.max(axis=0)

    @property
    def smoothed(self) -> Floats:
        """The losses l, smoothed from both sides, up to divergence, shape (n,) with n <= updates.

            s_i = sum_k w_ik l'_k / sum_k w_ik,    w_ik = beta^|i - k|,    l'_k = min(median(l_k-1, l_k, l_k+1), c)

        Dividing by the sum of the weights corrects the bias at both ends, and smoothing from both sides avoids a lag
        behind the rates. The curve ends with the last loss that is not above the first ones: later losses are
        divergence, which smoothing would spread to earlier updates. For the same reason medians remove single spikes,
        and losses are capped at c, which is as far above the first losses as the lowest is below them.
        """
        losses = self.losses
        if losses.size < 3:
            return losses
        first = float(np.median(losses[:3]))
        used = losses[: np.flatnonzero(losses <= first)[-1] + 1]
        padded = np.pad(used, 1, mode="edge")
        steady = np.median([padded[:-2], padded[1:-1], padded[2:]], axis=0)
        return two_sided_average(np.minimum(steady, 2.0 * first - used.min()), self.smoothing)

    @property
    def stopped(self) -> Stop:
        """Why the shortest run stopped."""
        return min(self.runs, key=lambda run: len(run.losses)).stopped

    def suggest(self) -> Suggestions:
        """The suggested rates, or the reason why there are none.

        Example:
            >>> import numpy as np
            >>> from stepsize.curves.range_test import RangeRun, RangeTest
            >>> x = np.linspace(-6.0, 1.0, 101)  # the loss falls around 1e-2, and rises around 1
            >>> losses = 1.0 + 1.0 / (1.0 + np.exp(4.0 * (x + 2.0))) + np.exp(6.0 * (x - 0.5))
            >>> found = RangeTest(Geometric(1e-6, 10.0, 100), [RangeRun(losses, "end")]).suggest()
            >>> round(found.steepest, 3), round(found.largest_stable, 1)
            (0.01, 1.0)
        """
        return suggest(self)

    def group_rates(self, rate: float) -> tuple[float, ...]:
        """The rate of each parameter group at the update where the schedule has `rate`.

        Raises:
            ArgumentError: the schedule never has that rate.

        Example:
            >>> from stepsize.curves.range_test import RangeRun, RangeTest
            >>> sweep = Geometric(1e-4, 1.0, 4)
            >>> test = RangeTest(sweep, [RangeRun((2.0, 1.0), "diverged")], groups=[sweep, 0.5 * sweep])
            >>> [round(rate, 6) for rate in test.group_rates(0.01)]
            [0.01, 0.005]
        """
        number = Number()("group_rates", "rate", rate)
        rates = self.schedule(np.arange(self.schedule.steps + 1))
        if not rates[0] <= number <= rates[-1]:
            raise ArgumentError("group_rates", "rate", f"from {rates[0]:g} to {rates[-1]:g}", rate)
        low = min(int(np.searchsorted(rates, number, side="right")), len(rates) - 1) - 1.0
        high = low + 1.0
        for _ in range(60):  # bisection to the last bit
            middle = (low + high) / 2.0
            low, high = (middle, high) if self.schedule(middle) <= number else (low, middle)
        return tuple(group(low) for group in self.groups)

    def as_dict(self) -> dict[str, Any]:
        """The fields by name, for strict JSON; schedules are texts."""
        runs = [{k: list(v) if isinstance(v, tuple) else v for k, v in vars(run).items()} for run in self.runs]
        texts = {"schedule": str(self.schedule), "groups": [str(group) for group in self.groups]}
        return {"version": VERSION, **vars(self), **texts, "runs": runs}

    @classmethod
    def of_dict(cls, form: Mapping[str, Any]) -> "RangeTest":
        """The range test that `as_dict` wrote.

        Raises:
            FormatError: it has another version, or an entry is missing, unknown or of the wrong kind.
        """
        if not isinstance(form, Mapping):
            raise FormatError(f"a range test must be a dictionary, got {shown(form)}")
        given: dict[str, Any] = dict(form)
        if given.pop("version", None) != VERSION:
            raise FormatError(f"a range test must have version {VERSION}, got {shown(form)}")
        try:
            _check_names("a range test", given, cls)
            runs = given["runs"]
            if not isinstance(runs, list) or not all(isinstance(run, Mapping) for run in runs):
                raise ArgumentError("RangeTest", "runs", "a list of dictionaries", runs)
            for run in runs:
                _check_names("a run of a range test", run, RangeRun)
            given["schedule"], given["groups"] = parse(given["schedule"]), [parse(text) for text in given["groups"]]
            return cls(**{**given, "runs": [RangeRun(**run) for run in runs]})
        except (StepsizeError, TypeError) as error:
            raise FormatError(f"this is not a range test: {error}") from error

    @property
    def _updates(self) -> int:
        return min(len(run.curve) for run in self.runs)

    @property
    def _curves(self) -> Floats:
        """One row for each run, shape (runs, updates)."""
        return np.array([run.curve[: self._updates] for run in self.runs], dtype=np.float64)


def two_sided_average(values: Floats, beta: float) -> Floats:
    """The weighted mean of each value and its neighbours, with weight beta^k at distance k, shape (n,).

    Example:
        >>> from stepsize.curves.range_test import two_sided_average
        >>> import numpy as np
        >>> two_sided_average(np.array([0.0, 0.0, 9.0, 0.0]), 0.5)
        array([1.2, 2. , 4. , 2.4])
    """
    weights = beta ** np.abs(np.arange(1.0 - len(values), len(values)))
    return np.convolve(weights, values, "valid") / np.convolve(weights, np.ones_like(values), "valid")


def _check_names(what: str, form: Mapping[str, Any], record: type[RangeRun | RangeTest]) -> None:
    known = [each.name for each in fields(record)]
    refuse_unknown(what, form, known)
    for name in known:
        if name not in form:
            raise FormatError(f'{what} lacks "{name}"')
