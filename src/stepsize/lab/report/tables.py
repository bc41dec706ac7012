"""The tables of the report: each schedule's mean and its difference to the first, and how every run ended."""

import math
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from stepsize.errors import first_few, quoted
from stepsize.lab.statistics.findings import KNOWN, METRICS, Finding, Metric, decimals, findings
from stepsize.lab.terms import Terms
from stepsize.store.run import Logged

MOST_NAMED = 6
MOST_LINES = 200
VIEW = 4  # intervals are drawn up to this many times the largest difference

L = TypeVar("L", bound=Logged)


@dataclass(frozen=True)
class Whisker:
    """An interval in percent of the width it is drawn on."""

    zero: float
    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Line:
    """A schedule's line: texts, its interval as a drawing, and the finding behind them."""

    finding: Finding
    value: str
    runs: str
    difference: str = "-"
    interval: str = ""
    whisker: Whisker | None = None
    p: str = ""


@dataclass(frozen=True)
class Table:
    """The results in one metric: the findings of all schedules, and a line for each that is shown.

    `remark` holds the sentences that are the same for every difference, to be shown once; "" if they differ.
    """

    metric: Metric
    findings: tuple[Finding, ...]
    lines: tuple[Line, ...]
    remark: str

    @property
    def has_intervals(self) -> bool:
        """Whether any line has an interval."""
        return any(line.whisker for line in self.lines)

    @property
    def has_chances(self) -> bool:
        """Whether any line has a p-value."""
        return any(line.p for line in self.lines)


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
    found = []
    for metric in [replace(each, label=judged_label(each, terms.judged_on)) for each in metrics]:
        values = {
            name: {run.seed: last_value(run, metric.field) for run in group if run.status == "finished"}
            for name, group in groups.items()
        }
        if any(math.isfinite(value) for column in values.values() for value in column.values()):
            found.append((metric, findings(metric, values, diverged, looks)))
            looks = None if looks is None else replace(looks, margin=None)
    shown = set(first_and_best(*found[0], MOST_LINES)) if found else set()
    return tuple(_table(*each, shown) for each in found)


def first_and_best(metric: Metric, found: Sequence[Finding], most: int) -> tuple[str, ...]:
    """The names of the first schedule and the best others, in their order; of all if there are not more than `most`."""
    names = [each.name for each in found]
    if len(found) <= most:
        return tuple(names)
    sign = -1 if metric.higher_is_better else 1
    rank = {each.name: math.inf if math.isnan(each.value.mean) else sign * each.value.mean for each in found}
    chosen = {names[0], *sorted(names[1:], key=rank.__getitem__)[: most - 1]}
    return tuple(name for name in names if name in chosen)


def endings(runs: Sequence[Logged], shown: Sequence[Table]) -> tuple[Ending, ...]:
    """How every run ended, with the metrics of the tables."""
    metrics = [(table.metric, decimals([finding.value for finding in table.findings])) for table in shown]
    found = []
    for run in runs:
        steps = run.column("step")
        end = run.diverged_at if run.diverged_at is not None else int(steps[-1]) if steps.size else 0
        words = run.status if run.status == "finished" else f"{run.status} at step {end:,}"
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
    against = f"{table.metric.label.capitalize()} at the end, against {quoted(first.name)}"
    if reason := no_comparison(table, seeds):
        return f"{against}: {reason[0].lower()}{reason[1:]}"
    pairs = sorted({each.difference.pairs for each in others if each.difference and each.difference.pairs})
    over = f"{pairs[0]} to {pairs[-1]}" if len(pairs) > 1 else f"{pairs[0]}"
    if len(pairs) == 1 and pairs[0] != seeds:
        over += f" of {seeds}"
    turned = [each.name for each in others if _contradicts_means(each, first)]
    others.sort(key=lambda each: -abs(each.difference.mean) if each.difference and each.difference.pairs else 0)
    kinds = {
        "better": "better",
        "worse": "worse",
        "small": "smaller than the margin",
        "open": "not told apart",
        "unknown": "cannot be judged",
    }
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


def _table(metric: Metric, found: tuple[Finding, ...], shown: Container[str]) -> Table:
    visible = [finding for finding in found if finding.name in shown]
    digits = decimals([finding.value for finding in visible])
    known = [finding.difference for finding in visible if finding.difference and finding.difference.pairs]
    ends = [end for each in known for end in (each.low, each.high, each.mean) if not math.isnan(end)]
    far = VIEW * max((abs(each.mean) for each in known), default=0.0) or max(map(abs, ends), default=0.0)
    low, high = max(-far, min([0.0, *ends])), min(far, max([0.0, *ends]))
    words = {finding.words for finding in visible[1:]}
    alike = len(words) == 1 and len(visible) > 2 and not visible[0].words
    lines = tuple(_line(finding, digits, low, high) for finding in visible)
    return Table(metric, found, lines, " ".join(words.pop()) if alike else "")


def _line(finding: Finding, digits: int, low: float, high: float) -> Line:
    runs = f"{finding.finished}" + (f", {finding.diverged} diverged" if finding.diverged else "")
    value, difference = finding.value.text(digits), finding.difference
    if difference is None:
        return Line(finding, value, runs, "")
    if not difference.pairs:
        return Line(finding, value, runs)
    if math.isnan(difference.low):
        return Line(finding, value, runs, _signed(difference.mean, digits))

    def place(end: float) -> float:
        return round(4 + 92 * (min(max(end, low), high) - low) / ((high - low) or 1.0), 2)

    return Line(
        finding,
        value,
        runs,
        _signed(difference.mean, digits),
        f"{_signed(difference.low, digits)} to {_signed(difference.high, digits)}",
        Whisker(*(place(end) for end in (0.0, difference.mean, difference.low, difference.high))),
        "< 0.001" if difference.p_holm < 0.001 else "" if math.isnan(difference.p) else f"{difference.p_holm:.3f}",
    )


def _names(names: Sequence[str]) -> str:
    return first_few([*map(quoted, names)], MOST_NAMED)


def judged_label(metric: Metric, judged_on: str) -> str:
    """The label of a metric, with the samples that the runs were judged on."""
    return metric.label.replace("test", judged_on) if metric.field in KNOWN else metric.label


def last_value(run: Logged, field: str) -> float:
    """The last value of a metric, NaN if there is none; a finished run may not have logged it at its last steps."""
    values = run.epoch_column(field) if field in KNOWN else run.metric(field)[1]
    if run.status == "finished":
        values = values[np.isfinite(values)]
    return float(values[-1]) if values.size else math.nan


def _signed(value: float, digits: int) -> str:
    return f"{value:+z.{digits}f}".replace("-", "\N{MINUS SIGN}")
