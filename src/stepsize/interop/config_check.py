"""What looks unintended in another tool's config: what it names is compared with what happens at every update."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stepsize.errors import distinct_texts
from stepsize.horizon import Horizon
from stepsize.interop.frameworks import meaning
from stepsize.interop.tool_schedule import AnyHorizon, Run, ToolSchedule

EXACT = 1e-9  # parts of the highest rate that count as none
_ALL = 500_000  # updates of a run that are all looked at; of longer runs, as many, and all near the ends of phases
_NEAR = 2_000
_NOTHING = 1e-15  # of a decay to 0, the last step before its end is more
_SLIGHT = 1e-4  # parts that nobody would notice
_SMALL = 0.01  # parts that are worth a note
_FEW = 20  # updates of a run, or twice those of a warmup, of which a single one matters


@dataclass(frozen=True)
class Finding:
    """Something that looks unintended.

    `kind` is "peak", "rise", "negative", "zero", "minimum", "warmup", "steep", "unused", "length", "epochs" or "jump".
    `mend` is the line of the config, or the schedule, that would mend it; "" if none is known. A `note` costs little,
    or happens only if the run goes on after the end of its schedule.
    """

    kind: str
    sentence: str
    mend: str = ""
    note: bool = False


def check(
    config: Any, tool: str | None = None, *, horizon: AnyHorizon = None, base_lr: float | None = None
) -> tuple[Finding, ...]:
    """What looks unintended in the schedule of another tool's config.

    Args:
        config: as its `from_x` takes it, or the path of a file.
        tool: the name in `from_x`; None if the config shows it.
        horizon: the run, if the config leaves its length open, or to compare the two.
        base_lr: the optimizer's rate, for tools whose schedules are factors.

    Raises:
        ArgumentError: there is no such tool, or the config is not allowed.
        DataError: the tool is not recognized or is another than the one named, or the file cannot be read.

    Example:
        >>> params = {"total_num_steps": 10, "warmup_num_steps": 4, "warmup_type": "linear"}
        >>> config = {"type": "WarmupCosineLR", "params": params}
        >>> [finding.sentence for finding in check({"scheduler": config}, base_lr=0.3)][0]
        'the first 2 updates change nothing: their rate is 0'
    """
    run = Run.of("check", horizon, base_lr)
    return findings(meaning(config, run, tool), run.horizon)


def findings(meaning: ToolSchedule, horizon: Horizon | None = None) -> tuple[Finding, ...]:
    """What looks unintended in a schedule, in the order of the updates at which it shows."""
    course = Course(meaning, horizon)
    return tuple(finding for look in _LOOKS for finding in look(course))


@dataclass(frozen=True)
class Course:
    """The rates of a schedule at the updates of a run, and as many after its end."""

    meaning: ToolSchedule
    horizon: Horizon | None

    @property
    def word(self) -> str:
        return "factor" if self.meaning.relative else "rate"

    @cached_property
    def run(self) -> float:
        """The updates of the run; inf if neither the horizon nor the config says."""
        return self.horizon.steps if self.horizon else self.meaning.total_steps

    @property
    def ends_in_warmup(self) -> bool:
        return 0 < self.meaning.warmup_steps >= self.run

    @property
    def goes_on(self) -> bool:
        """Whether the run is known to be longer than its schedule."""
        return self.run > self.meaning.total_steps

    @cached_property
    def updates(self) -> NDArray[np.int64]:
        lengths = [each for each in (self.run, self.meaning.total_steps, self.meaning.rates.steps) if each < math.inf]
        last = 2 * int(max([*lengths, 10 * self.meaning.warmup_steps, 500]))
        if last <= 2 * _ALL:
            return np.arange(last + 1)
        near = [int(each) + np.arange(-_NEAR, _NEAR) for each in (_NEAR, self.meaning.warmup_steps, *lengths)]
        found = np.unique(np.concatenate([np.linspace(0, last, _ALL).astype(np.int64), *near]))
        return found[found >= 0]

    @cached_property
    def rates(self) -> NDArray[np.float64]:
        return self.meaning.rates(self.updates)

    @cached_property
    def scale(self) -> float:
        """The highest rate of all, regardless of its sign."""
        return float(np.abs(self.rates).max())

    @cached_property
    def highest(self) -> tuple[float, int]:
        return self.top(self.updates < self.run)

    def top(self, places: NDArray[np.bool_]) -> tuple[float, int]:
        top = float(self.rates[places].max())
        return top, self.first(places & (self.rates >= top - EXACT * self.scale))

    def first(self, places: NDArray[np.bool_]) -> int:
        return int(self.updates[np.argmax(places)])

    def at(self, update: float) -> float:
        return float(self.meaning.rates(update))


def _zero(course: Course) -> Iterator[Finding]:
    zeros, run = np.abs(course.rates) <= EXACT * course.scale, course.run
    count = len(zeros) if zeros.all() else course.first(~zeros)
    first = _nothing(course, "first", count)
    if count >= min(run, len(zeros)):
        yield Finding("zero", f"the {course.word} is 0 at every update")
    elif count == 1 and course.meaning.warmup_steps > 0 and run > _FEW:
        yield Finding("zero", first, note=True)
    elif count:
        makes = f", and the run makes {run:,.0f}" if count == 1 and run <= _FEW else ""
        yield _finding(course, "zero", first + makes)
    changing = (course.updates < run) & (np.abs(course.rates) > _NOTHING * course.scale)
    last = course.updates[changing].max(initial=-1) + 1
    if 0 < last < (1 - _SMALL) * min(run, len(zeros)) and run < math.inf:
        yield Finding("zero", _nothing(course, "last", run - last), course.meaning.mends.get("minimum", ""))


def _nothing(course: Course, which: str, count: float) -> str:
    if count == 1:
        return f"the {which} update changes nothing: its {course.word} is 0"
    return f"the {which} {count:,.0f} updates change nothing: their {course.word} is 0"


def _warmup(course: Course) -> Iterator[Finding]:
    if course.ends_in_warmup:
        length, (top, at) = _updates(course.meaning.warmup_steps), course.highest
        takes = f"the warmup takes {length}, and the run makes {course.run:,.0f}"
        yield _finding(course, "warmup", f"{takes}: the highest {{rate}} is {top:.4g}, at update {at:,}")


def _steep(course: Course) -> Iterator[Finding]:
    end = int(course.meaning.warmup_steps)
    if end < _FEW / 2 or end >= course.run:
        return
    first, top = course.at(0), course.at(end)
    half = course.first(course.rates >= (first + top) / 2)
    if top - first > _SMALL * course.scale and half < end / 3:
        sentence = f"the warmup is steep: the {{rate}} is at half of its way at update {half:,} of {end:,}"
        yield _finding(course, "steep", sentence, note="steep" not in course.meaning.mends)


def _unused(course: Course) -> Iterator[Finding]:
    if (unused := course.meaning.unused_lr) is not None:
        own, highest = distinct_texts(unused, course.highest[0])
        used = f"the scheduler's own go up to {highest}"
        yield _finding(course, "unused", f"the optimizer's rate of {own} is never used: {used}")


def _peak(course: Course) -> Iterator[Finding]:
    peak, (top, at) = course.meaning.peak, course.highest
    if peak is None or peak == 0 or course.ends_in_warmup:
        return
    missing = (peak - top) / abs(peak)
    if abs(missing) > _SLIGHT:
        named, reached = distinct_texts(peak, top)
        what = f"is never reached: the highest {{rate}} is {reached}, at update {at:,}"
        if missing < 0:
            what = f"is passed: the {{rate}} is {reached} at update {at:,}"
        yield _finding(course, "peak", f"the peak of {named} {what}", note=abs(missing) < _SMALL)


def _jump(course: Course) -> Iterator[Finding]:
    """The change at the end of the warmup is much larger than the one after it, and not one step of the warmup."""
    end = int(course.meaning.warmup_steps)
    differences = np.diff(course.rates)
    places = np.flatnonzero(np.abs(differences) > EXACT * course.scale)
    changes, after = differences[places], course.updates[places + 1]
    at_end = np.flatnonzero((after == end) | (after == end + 1))  # some tools are one update late
    if end < 2 or end >= course.run or not at_end.size:
        return
    place = int(at_end[np.abs(changes[at_end]).argmax()])
    if place == 0:  # the warmup is a constant
        return
    change, before = changes[place], changes[place - 1]
    usual = [before] if change * before > 0 else []
    others = [abs(each) for each in [*usual, *changes[place + 1 : place + 2]]]
    if abs(change) > _SMALL * course.scale and all(abs(change) / 3 > each for each in others):
        left, right = distinct_texts(*course.rates[[places[place], places[place] + 1]])
        sentence = f"the {{rate}} jumps from {left} to {right} at update {after[place]:,}, after the warmup"
        yield _finding(course, "jump", sentence)


def _minimum(course: Course) -> Iterator[Finding]:
    """The rate does not reach the minimum, or falls below it.

    If the tool has a mend for it and the config names no minimum, the minimum is 0.
    """
    named = course.meaning.minimum
    lowest = 0.0 if named is None and "minimum" in course.meaning.mends else named
    later = course.updates >= course.meaning.warmup_steps
    if lowest is None or course.ends_in_warmup or not later.any():
        return
    until = course.run if course.run >= course.meaning.total_steps else math.inf  # a shorter run is a `length`
    top, least = course.highest[0], float(course.rates[later & (course.updates <= until)].min())
    missing = (least - lowest) / max(abs(top - lowest), 1e-300)
    if missing > _SLIGHT and named != 0:  # a 0 is the default of stairs and endless decays too
        low, reached = distinct_texts(lowest, least)
        what = f"the lowest {{rate}} is {reached}, at update {course.first(later & (course.rates == least)):,}"
        sentence = f"the minimum of {low} is never applied: {what}"
        yield _finding(course, "minimum", sentence, note=missing < _SMALL)
    below = later & (course.rates < lowest - _SLIGHT * abs(top - lowest))
    if below.any() and (least >= 0 or lowest < 0):
        at = course.first(below)
        low, reached = distinct_texts(lowest, course.at(at))
        sentence = f"the {{rate}} falls below the minimum of {low}, to {reached} at update {at:,}"
        yield _finding(course, "minimum", sentence, note=at >= course.run)


def _length(course: Course) -> Iterator[Finding]:
    total, run, horizon = course.meaning.total_steps, course.run, course.horizon
    if horizon is None:
        return
    changes = course.updates[1:][(np.diff(course.rates) != 0) & (course.updates[1:] < run)]
    last_change = int(changes.max(initial=0))
    is_in_epochs = horizon.epochs > 1 and bool((changes % horizon.epoch_steps).any())
    counts_epochs = abs(total - horizon.epochs) < 1 if total < math.inf else 0 < last_change < horizon.epochs
    if is_in_epochs and counts_epochs and last_change > course.meaning.warmup_steps:
        end = _updates(total if total < math.inf else last_change)
        counts = f"it counts epochs, of which the run has {horizon.epochs:g}"
        sentence = f"the schedule ends after {end}, of {run:,}: {counts}"
        yield _finding(course, "epochs", sentence, course.meaning.rates.every(horizon.epoch_steps))
    elif total < run:
        last = f"{course.at(run - 1):.4g}"
        sentence = f"the schedule ends after {_updates(total)}, and the run makes {run:,}: its last {{rate}} is {last}"
        yield _finding(course, "length", sentence, note=run - total < _SMALL * run)
    elif run < total < math.inf:
        rate, at_end = course.at(run - 1), course.at(total)
        rates = f"{rate:.4g} either way" if rate == at_end else "{}, not {}".format(*distinct_texts(rate, at_end))
        ends = f"the run ends after {_updates(run)}, and the schedule takes {total:,.0f}"
        yield _finding(course, "length", f"{ends}: the last {{rate}} is {rates}", note=total - run < _SMALL * run)


def _rise(course: Course) -> Iterator[Finding]:
    total = course.meaning.total_steps
    if total == math.inf or course.ends_in_warmup:
        return
    after, end = course.updates >= total, course.at(total)
    top, at = course.top(after)
    if top > end + _SLIGHT * course.scale:
        begin = course.first(after & (course.rates > end + EXACT * course.scale))
        when = f"after the end at update {total:,.0f} the {{rate}} rises again"
        sentence = f"{when}, from update {begin:,} on, to {top:.4g} at update {at:,}"
        yield _finding(course, "rise", sentence, course.meaning.rates.head(int(total)), note=not course.goes_on)


def _negative(course: Course) -> Iterator[Finding]:
    below, rates, total = course.rates < -EXACT * course.scale, course.meaning.rates, course.meaning.total_steps
    if below.any():
        at = course.first(below)
        mend = rates.head(int(total)) if total <= at else rates.clip(0.0)
        sentence = f"the {{rate}} is negative from update {at:,} on, {course.at(at):.4g} there"
        yield _finding(course, "negative", sentence, mend, note=at >= total and not course.goes_on)


_LOOKS = (_unused, _zero, _warmup, _steep, _peak, _jump, _minimum, _length, _rise, _negative)


def _finding(course: Course, kind: str, sentence: str, mend: Any = "", *, note: bool = False) -> Finding:
    """A finding, with the tool's own way to mend it if it has one, or else a schedule that does what was meant."""
    return Finding(kind, sentence.format(rate=course.word), course.meaning.mends.get(kind) or str(mend), note)


def _updates(count: float) -> str:
    return f"{count:,.0f} update{'' if count == 1 else 's'}"
