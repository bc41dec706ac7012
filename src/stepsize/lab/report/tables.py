"""The tables of the report: each schedule's mean and its difference to the first or to every other, and all endings."""

import math
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from stepsize.errors import first_few, one_line, quoted
from stepsize.lab.statistics.differences import Difference
from stepsize.lab.statistics.findings import (
    KNOWN,
    METRICS,
    Finding,
    Metric,
    Pair,
    Terms,
    Verdict,
    all_pairs,
    decimals,
    findings,
)
from stepsize.lab.tasks.chance import Chance
from stepsize.plots.curves import printable
from stepsize.plots.scales import MOST_STRETCHED, in_trouble
from stepsize.store.run import Logged

MOST_NAMED = 6
LONGEST = 60  # letters of the name of a metric in a sentence
MOST_LINES = 200
VIEW = 4  # intervals are drawn up to this many times the largest difference
MOST_PAIRED = 32  # schedules that are compared with each other
VERDICTS: dict[Verdict, str] = {
    "first": "",
    "better": "better",
    "worse": "worse",
    "higher": "higher",
    "lower": "lower",
    "small": "within the margin",
    "open": "not told apart",
    "unknown": "not judged",
}

L = TypeVar("L", bound=Logged)


@dataclass(frozen=True)
class Whisker:
    """An interval in percent of the width it is drawn on; ends that do not fit are cut, and a mean is then left out."""

    zero: float
    mean: float | None
    low: float
    high: float
    cut_low: bool = False
    cut_high: bool = False


@dataclass(frozen=True)
class Line:
    """A schedule's line: texts, its interval as a drawing, and the finding behind them."""

    finding: Finding
    value: str
    runs: str
    difference: str = ""
    interval: str = ""
    whisker: Whisker | None = None
    p: str = ""

    @property
    def verdict(self) -> str:
        return VERDICTS[self.finding.verdict] if self.difference else ""


@dataclass(frozen=True)
class PairLine:
    """The line of a pair of schedules, as texts, and the pair behind them."""

    pair: Pair
    difference: str
    interval: str
    p: str

    @property
    def verdict(self) -> str:
        return VERDICTS[self.pair.verdict]


@dataclass(frozen=True)
class Table:
    """The results in one metric: the findings of all schedules, a line for each that is shown, and notes on them.

    `pairs` has a line for every two schedules in the first metric; none if there are more than 32, or no intervals.
    """

    metric: Metric
    findings: tuple[Finding, ...]
    lines: tuple[Line, ...]
    notes: tuple[str, ...]
    pairs: tuple[PairLine, ...] = ()

    @property
    def has_intervals(self) -> bool:
        return any(line.whisker for line in self.lines)

    @property
    def has_chances(self) -> bool:
        return any(line.p for line in self.lines)

    @property
    def comparisons(self) -> int:
        """The number of p-values that are corrected for each other."""
        return sum(not math.isnan(each.difference.p) for each in self.findings if each.difference)

    @property
    def correction_of_pairs(self) -> str:
        """What the p-values of `pairs` are corrected for, as a sentence; empty if there are none."""
        judged = sum(bool(each.p) for each in self.pairs)
        return f"p is corrected for {judged} pair{'s' * (judged > 1)} (Holm)." if judged else ""

    @property
    def direction(self) -> str:
        if self.metric.higher_is_better is None:
            return "whether higher or lower is better is not known"
        return f"{'higher' if self.metric.higher_is_better else 'lower'} is better"


@dataclass(frozen=True)
class Ending:
    """How one run ended: its name and seed, its status also in words, and its metrics."""

    name: str
    seed: int
    status: str
    words: str
    metrics: tuple[str, ...]


def grouped(runs: Sequence[L], names: Sequence[str] = ()) -> dict[str, list[L]]:
    """The runs by their schedules: first those of `names`, in this order and even without runs, then others."""
    groups: dict[str, list[L]] = {name: [] for name in names}
    for run in runs:
        groups.setdefault(run.name, []).append(run)
    return groups


def tables(groups: Mapping[str, Sequence[Logged]], terms: Terms) -> tuple[Table, ...]:
    """A table for every metric of which a finished run has a finite value, each with the same schedules.

    The headline comes first, if one is named. The margin of the looks is one of the first metric.
    """
    headline, looks = terms.headline, terms.looks
    metrics = METRICS if headline is None else (headline, *(each for each in METRICS if each.field != headline.field))
    diverged = {name: sum(run.status == "diverged" for run in group) for name, group in groups.items()}
    every = [run for group in groups.values() for run in group]
    found = list[tuple[Metric, tuple[Finding, ...], tuple[Pair, ...]]]()
    for metric in [replace(each, label=judged_label(each, terms.judged_on)) for each in (*metrics, *terms.others)]:
        values = {
            name: {run.seed: last_value(run, metric.field) for run in group if run.status == "finished"}
            for name, group in groups.items()
        }
        if any(math.isfinite(value) for column in values.values() for value in column.values()):
            pairs = all_pairs(metric, values, looks) if not found and 2 < len(groups) <= MOST_PAIRED else ()
            found.append((metric, findings(metric, values, diverged, looks), pairs))
            looks = None if looks is None else replace(looks, margin=None)
    shown = set(first_and_best(*found[0][:2], MOST_LINES)) if found else set()
    calm = {name for name, group in groups.items() if not in_trouble(group)}
    at_chance = terms.chance.counts(every) if terms.chance else {}
    return tuple(
        _table(*each, shown, calm, at_chance, terms.seeds or len({run.seed for run in every})) for each in found
    )


def first_and_best(metric: Metric, found: Sequence[Finding], most: int) -> tuple[str, ...]:
    """The names of the first schedule and the best others, in their order; of all if there are not more than `most`."""
    names = [each.name for each in found]
    if len(found) <= most:
        return tuple(names)
    sign = -1 if metric.higher_is_better else 1
    rank = {each.name: math.inf if math.isnan(each.value.mean) else sign * each.value.mean for each in found}
    chosen = {names[0], *sorted(names[1:], key=rank.__getitem__)[: most - 1]}
    return tuple(name for name in names if name in chosen)


def endings(runs: Sequence[Logged], shown: Sequence[Table], chance: Chance | None = None) -> tuple[Ending, ...]:
    """How every run ended, with the metrics of the tables."""
    metrics = [(table.metric, decimals([finding.value for finding in table.findings])) for table in shown]
    found = []
    for run in runs:
        steps = run.column("step")
        end = run.diverged_at if run.diverged_at is not None else int(steps[-1]) if steps.size else 0
        words = run.status if run.status == "finished" else f"{run.status} at step {end:,}"
        if chance is not None and chance.holds(run):
            words += ", at chance"
        values = [(last_value(run, metric.field), digits) for metric, digits in metrics]
        texts = tuple(f"{value:z.{digits}f}" if math.isfinite(value) else "-" for value, digits in values)
        found.append(Ending(run.name, run.seed, run.status, words, texts))
    return tuple(found)


def no_comparison(table: Table, seeds: int) -> str:
    """Why no difference to the first schedule can be judged, in a sentence, or ""; `seeds` were planned."""
    first, *others = table.findings
    most = max((each.difference.pairs for each in others if each.difference), default=0)
    if most >= 2 or not others:
        return ""
    if not first.finished:
        return f"{quoted(first.name)}, the first schedule, has no finished run, so none can be compared with it."
    if seeds == 1:
        return "One seed says nothing about which schedule is better; give several."
    if most == 1:
        return "Only one seed has finished under both, and one seed says nothing about which schedule is better."
    return f"No seed has finished under both {quoted(first.name)} and another, so they cannot be compared."


def summary(table: Table, seeds: int) -> str:
    """What the differences to the first schedule show, in one to three sentences; `seeds` were planned."""
    first, *others = table.findings
    if not others:
        return ""
    against = f"{heading(table.metric)} at the end, against {quoted(first.name)}"
    if reason := no_comparison(table, seeds):
        return f"{against}: {reason[0].lower()}{reason[1:]}"
    pairs = sorted({each.difference.pairs for each in others if each.difference and each.difference.pairs})
    over = f"{pairs[0]} to {pairs[-1]}" if len(pairs) > 1 else f"{pairs[0]}"
    if len(pairs) == 1 and pairs[0] != seeds:
        over += f" of {seeds}"
    turned = [each.name for each in others if _contradicts_means(each, first)]
    others.sort(key=lambda each: -abs(each.difference.mean) if each.difference and each.difference.pairs else 0)
    kinds = VERDICTS | {"small": "smaller than the margin", "unknown": "cannot be judged"}
    names = {verdict: [each.name for each in others if each.verdict == verdict] for verdict in kinds}
    verdicts = "; ".join(f"{kinds[verdict]}: {_names(group)}" for verdict, group in names.items() if group)
    but = f" The means, over more runs, say the opposite of {_names(turned)}." if turned else ""
    return f"{against}, over {over} seeds — {verdicts}.{but}"


def _contradicts_means(found: Finding, first: Finding) -> bool:
    """Whether the means, over more runs than the difference, say the opposite of it."""
    difference = found.difference
    if difference is None or difference.pairs == found.finished == first.finished:
        return False
    return difference.mean * (found.value.mean - first.value.mean) < 0


def _table(
    metric: Metric,
    found: tuple[Finding, ...],
    pairs: tuple[Pair, ...],
    shown: Container[str],
    calm: Container[str],
    at_chance: Mapping[str, int],
    seeds: int,
) -> Table:
    visible = [finding for finding in found if finding.name in shown]
    digits = decimals([finding.value for finding in visible])
    known = {each.name: each.difference for each in visible if each.difference and each.difference.pairs}
    largest = max((abs(each.mean) for each in known.values()), default=0.0)
    of_calm = max((abs(each.mean) for name, each in known.items() if name in calm), default=largest)
    if largest > MOST_STRETCHED * of_calm > 0:
        largest, known = of_calm, {name: each for name, each in known.items() if name in calm}
    ends = [end for each in known.values() for end in (each.low, each.high, each.mean) if not math.isnan(end)]
    far = VIEW * largest or max(map(abs, ends), default=0.0)
    low, high = max(-far, min([0.0, *ends])), min(far, max([0.0, *ends]))
    lines = tuple(_line(finding, digits, low, high, at_chance.get(finding.name, 0)) for finding in visible)
    judged = any(line.whisker for line in lines)
    paired = tuple(_pair_line(pair, digits) for pair in pairs) if judged else ()
    table = Table(metric, found, lines, (), paired)
    return replace(table, notes=tuple(_notes(visible, bool(no_comparison(table, seeds)))))


def _notes(found: Sequence[Finding], without_comparison: bool) -> Iterator[str]:
    """What qualifies the verdicts, each once with the schedules that it is about."""
    about = dict[str, list[str]]()
    for each in found:
        qualifying = each.words[1:]  # without the verdict, which has its own place
        if each.verdict == "first" or (each.verdict == "unknown" and not without_comparison):
            qualifying = each.words  # the first has no verdict, and others say why theirs is unknown
        for sentence in qualifying:
            about.setdefault(sentence, []).append(each.name)
    for sentence, names in about.items():
        yield f"{_names(names)}: {sentence}"


def _line(finding: Finding, digits: int, low: float, high: float, at_chance: int) -> Line:
    lost = [f"{count} {what}" for count, what in ((finding.diverged, "diverged"), (at_chance, "at chance")) if count]
    runs, value, difference = ", ".join([f"{finding.finished}", *lost]), finding.value.text(digits), finding.difference
    if difference is None or not difference.pairs:
        return Line(finding, value, runs)
    if math.isnan(difference.low):
        return Line(finding, value, runs, _signed(difference.mean, digits))

    def place(end: float) -> float:
        return round(4 + 92 * (min(max(end, low), high) - low) / ((high - low) or 1.0), 2)

    whisker = Whisker(
        place(0.0),
        place(difference.mean) if low <= difference.mean <= high else None,
        place(difference.low),
        place(difference.high),
        difference.low < low,
        difference.high > high,
    )
    interval, p = _interval(difference, digits), _chance(difference)
    return Line(finding, value, runs, _signed(difference.mean, digits), interval, whisker, p)


def _pair_line(pair: Pair, digits: int) -> PairLine:
    difference = pair.difference
    size = _signed(difference.mean, digits) if difference.pairs else "-"
    return PairLine(pair, size, _interval(difference, digits), _chance(difference))


def _interval(difference: Difference, digits: int) -> str:
    if math.isnan(difference.low):
        return ""
    return f"{_signed(difference.low, digits)} to {_signed(difference.high, digits)}"


def _chance(difference: Difference) -> str:
    return "< 0.001" if difference.p_holm < 0.001 else "" if math.isnan(difference.p) else f"{difference.p_holm:.3f}"


def _names(names: Sequence[str]) -> str:
    return first_few([*map(quoted, names)], MOST_NAMED)


def judged_label(metric: Metric, judged_on: str) -> str:
    """The label of a metric: with the samples that the runs were judged on, or the user's name on one short line."""
    if metric.field in KNOWN:
        return metric.label.replace("test", judged_on)
    return one_line(printable(metric.label), LONGEST)


def heading(metric: Metric) -> str:
    """The label of a metric at the beginning of a sentence; a name of the user's stays as it is."""
    return metric.label.capitalize() if metric.field in KNOWN else metric.label


def last_value(run: Logged, field: str) -> float:
    """The last value of a metric, NaN if there is none; a finished run may not have logged it at its last steps."""
    values = run.epoch_column(field) if field in KNOWN else run.metric(field)[1]
    if run.status == "finished":
        values = values[np.isfinite(values)]
    return float(values[-1]) if values.size else math.nan


def _signed(value: float, digits: int) -> str:
    text = f"{value:+z.{digits}f}"
    return (text if float(text) else text[1:]).replace("-", "\N{MINUS SIGN}")
