"""The record of a range test: the losses of a short run whose rate rises, and why it stopped."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal

import numpy as np

from stepsize.arguments import Choice, Flag, Many, Maybe, Number, Whole, apply_field_rules, nearest
from stepsize.curves.loss_curve import Floats
from stepsize.curves.suggestions import Suggestions, suggest
from stepsize.errors import ArgumentError, FormatError, StepsizeError, shown
from stepsize.schedules import Schedule, parse
from stepsize.schedules.base import Nested, nested

Stop = Literal["end", "diverged", "not finite"]
VERSION = 2
SMOOTHING = 0.7
"""The share of a loss's weight that is left one update further on."""


def _some_runs(owner: str, name: str, value: Any) -> tuple["RangeRun", ...]:
    runs = tuple(value) if isinstance(value, Sequence) else ()
    if not runs or not all(isinstance(run, RangeRun) for run in runs):
        raise ArgumentError(owner, name, "one RangeRun or several", value)
    return runs


@dataclass(frozen=True)
class RangeRun:
    """One run through the rates, up to the last of them or to where it went wrong.

    Args:
        losses: of the updates in order, each the mean over its micro-batches, taken before the update.
        stopped: "end": all rates were used; "diverged": the loss rose far above its lowest; "not finite": the next
            loss was no finite number.
        seed: what its random draws began with; None where they went on from where they stood.
        validation_losses: after each update; empty where none were asked for.

    Raises:
        ArgumentError: a loss is no finite number, or there are not as many validation losses as losses.
    """

    losses: Annotated[tuple[float, ...], Many(Number(), empty=True)]
    stopped: Annotated[Stop, Choice(("end", "diverged", "not finite"))]
    seed: Annotated[int | None, Maybe(Whole(0))] = None
    validation_losses: Annotated[tuple[float, ...], Many(Number(), empty=True)] = ()

    def __post_init__(self) -> None:
        apply_field_rules(self)
        if self.validation_losses and len(self.validation_losses) != len(self.losses):
            advice = f"there are {len(self.losses)} losses"
            raise ArgumentError("RangeRun", "validation_losses", "one for each loss", self.validation_losses, advice)

    @property
    def curve(self) -> tuple[float, ...]:
        """The losses to judge by: those of the validation batches, where there are some."""
        return self.validation_losses or self.losses


@dataclass(frozen=True)
class RangeTest:
    """What a range test saw: one run through rising rates, or several with different seeds.

    Update i was made at the rate `schedule(i)`. The arrays below go as far as all of the runs did.

    Args:
        schedule: the rates, from the first to the last; there is one more of them than it has steps.
        runs: what was seen, one for each seed.
        groups: the rates of each parameter group; those of `schedule` if left out.
        smoothing: beta, the weight of a loss relative to that of the next update's.
        fixed_order: the batches came from a DataLoader that does not shuffle.

    Raises:
        ArgumentError: an argument cannot be, or a run has more losses than there are rates.

    Example:
        >>> from stepsize.curves import RangeRun, RangeTest
        >>> test = RangeTest(Geometric(1e-4, 1.0, 4), [RangeRun((2.0, 2.0, 1.0, 0.8), "diverged")])
        >>> test.rates
        array([0.0001, 0.001 , 0.01  , 0.1   ])
        >>> RangeTest.of_dict(test.as_dict()) == test
        True
    """

    schedule: Nested
    runs: Annotated[tuple[RangeRun, ...], _some_runs]
    groups: Annotated[tuple[Schedule, ...], Many(nested, empty=True)] = ()
    smoothing: Annotated[float, Number(least=0.0, most=0.999)] = SMOOTHING
    fixed_order: Annotated[bool, Flag()] = False

    def __post_init__(self) -> None:
        apply_field_rules(self)
        object.__setattr__(self, "groups", self.groups or (self.schedule,))
        longest = max(len(run.losses) for run in self.runs)
        if self.schedule.steps == math.inf or longest > self.schedule.steps + 1:
            advice = f"a run has {longest} losses"
            raise ArgumentError("RangeTest", "schedule", "as long as its runs, and end", self.schedule, advice)
        rates = self.schedule.sample(int(self.schedule.steps) + 1)
        if not (rates.size > 1 and rates[0] > 0.0 and (np.diff(rates) > 0.0).all()):
            raise ArgumentError("RangeTest", "schedule", "rising, from above 0", self.schedule)

    @property
    def rates(self) -> Floats:
        """The rates of the updates, shape (updates,)."""
        return self.schedule.sample(self._updates) if self._updates else np.zeros(0)

    @property
    def losses(self) -> Floats:
        """The losses to judge by, the mean over the runs, shape (updates,)."""
        mean: Floats = self._curves.mean(axis=0)
        return mean

    @property
    def band(self) -> tuple[Floats, Floats]:
        """The lowest and the highest loss of any run, shape (updates,) each."""
        curves = self._curves
        return curves.min(axis=0), curves.max(axis=0)

    @property
    def smoothed(self) -> Floats:
        """The losses l, smoothed from both sides, as far as they are of use, shape (n,) with n <= updates.

            s_i = sum_k w_ik l'_k / sum_k w_ik,    w_ik = beta^|i - k|,    l'_k = min(median(l_k-1, l_k, l_k+1), c)

        Dividing by the weights there are corrects the bias at both ends: a constant stays what it is. From both sides,
        the curve does not lag behind the rates. It ends with the last loss that is not above the first ones: what
        follows is divergence, and would be seen in the curve long before it happened. For the same reason medians take
        out single leaps, and others are cut off at c, as far above the first losses as the lowest is below them.
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
        """Why the run that came least far did not come further."""
        return min(self.runs, key=lambda run: len(run.losses)).stopped

    def suggest(self) -> Suggestions:
        """The rates that the losses speak for, or the reason why they speak for none.

        Example:
            >>> import numpy as np
            >>> from stepsize.curves import RangeRun, RangeTest
            >>> x = np.linspace(-6.0, 1.0, 101)  # the loss falls around 1e-2, and rises around 1
            >>> losses = 1.0 + 1.0 / (1.0 + np.exp(4.0 * (x + 2.0))) + np.exp(6.0 * (x - 0.5))
            >>> found = RangeTest(Geometric(1e-6, 10.0, 100), [RangeRun(losses, "end")]).suggest()
            >>> round(found.steepest, 3), round(found.largest_stable, 1)
            (0.01, 1.0)
        """
        return suggest(self)

    def group_rates(self, rate: float) -> tuple[float, ...]:
        """Each parameter group's rate where the schedule's was `rate`.

        Raises:
            ArgumentError: the schedule does not come by that rate.

        Example:
            >>> from stepsize.curves import RangeRun, RangeTest
            >>> sweep = Geometric(1e-4, 1.0, 4)
            >>> test = RangeTest(sweep, [RangeRun((2.0, 1.0), "diverged")], groups=[sweep, 0.5 * sweep])
            >>> [round(rate, 6) for rate in test.group_rates(0.01)]
            [0.01, 0.005]
        """
        number = Number(above=0.0)("group_rates", "rate", rate)
        steps = np.arange(self.schedule.steps + 1)
        rates = self.schedule(steps)
        if not rates[0] <= number <= rates[-1]:
            raise ArgumentError("group_rates", "rate", f"from {rates[0]:g} to {rates[-1]:g}", rate)
        low = min(int(np.searchsorted(rates, number, side="right")), len(rates) - 1) - 1.0
        high = low + 1.0
        for _ in range(60):  # halved until no number lies between
            middle = (low + high) / 2.0
            low, high = (middle, high) if self.schedule(middle) <= number else (low, middle)
        return tuple(group(low) for group in self.groups)

    def as_dict(self) -> dict[str, Any]:
        """The fields by name, as strict JSON has them; schedules are texts."""
        return {
            "version": VERSION,
            "schedule": str(self.schedule),
            "groups": [str(group) for group in self.groups],
            "smoothing": self.smoothing,
            "fixed_order": self.fixed_order,
            "runs": [{each.name: _plain(getattr(run, each.name)) for each in fields(run)} for run in self.runs],
        }

    @classmethod
    def of_dict(cls, form: Mapping[str, Any]) -> "RangeTest":
        """The range test that `as_dict` wrote.

        Raises:
            FormatError: it is of another version, or something is missing, unknown or of the wrong kind.
        """
        if not isinstance(form, Mapping):
            raise FormatError(f"a range test is a dictionary, got {shown(form)}")
        given: dict[str, Any] = dict(form)
        if given.pop("version", None) != VERSION:
            raise FormatError(f"a range test of version {VERSION} was expected, got {shown(form)}")
        _check_names("a range test", given, cls)
        runs = given["runs"]
        if not isinstance(runs, list) or not all(isinstance(run, Mapping) for run in runs):
            raise FormatError(f'"runs" of a range test must be a list of dictionaries, got {shown(runs)}')
        for run in runs:
            _check_names("a run of a range test", run, RangeRun)
        try:
            schedule, groups = parse(given["schedule"]), [parse(text) for text in given["groups"]]
            given |= {"schedule": schedule, "groups": tuple(groups), "runs": tuple(RangeRun(**run) for run in runs)}
            return cls(**given)
        except (StepsizeError, TypeError) as error:
            raise FormatError(f"this is no range test: {error}") from error

    @property
    def _updates(self) -> int:
        """As many as all runs made."""
        return min(len(run.curve) for run in self.runs)

    @property
    def _curves(self) -> Floats:
        """One line for each run, shape (runs, updates)."""
        return np.array([run.curve[: self._updates] for run in self.runs], dtype=np.float64)


def two_sided_average(values: Floats, beta: float) -> Floats:
    """Each value's mean with its neighbours, those k places away weighing beta^k as much, shape (n,).

    Example:
        >>> from stepsize.curves.range_test import two_sided_average
        >>> import numpy as np
        >>> two_sided_average(np.array([0.0, 0.0, 9.0, 0.0]), 0.5)
        array([1.2, 2. , 4. , 2.4])
    """

    def both_ways(items: Floats) -> Floats:
        return _discounted(items, beta) + _discounted(items[::-1], beta)[::-1] - items

    return both_ways(values) / both_ways(np.ones_like(values))


def _discounted(values: Floats, beta: float) -> Floats:
    """The sums of each value and all before it, with weights 1, beta, beta^2, ..."""
    sums, total = np.empty_like(values), 0.0
    for index, value in enumerate(values.tolist()):
        total = total * beta + value
        sums[index] = total
    return sums


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _check_names(what: str, form: Mapping[str, Any], record: type[RangeRun | RangeTest]) -> None:
    known = [each.name for each in fields(record)]
    for name in form:
        if name not in known:
            raise FormatError(f"{what} has no {shown(name)}; {nearest(name, known) or ', '.join(known)}")
    for name in known:
        if name not in form:
            raise FormatError(f'{what} lacks "{name}"')
