"""The summary table of a comparison: as numbers (`Row`), as texts (`SummaryTable`), and in the Markdown report.

It has a row of means for each schedule, and the differences to the first schedule.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from stepsize.lab.experiment import Experiment
from stepsize.lab.own_loops.task import OURS, OwnLoop
from stepsize.lab.report.tables import Line, grouped, judged_label, last_value, no_comparison, tables
from stepsize.lab.statistics.findings import Mean, Metric, decimals
from stepsize.lab.statistics.sequential import Looks
from stepsize.lab.tasks.by_name import task_of
from stepsize.lab.tasks.chance import Chance
from stepsize.lab.tuning import HOW_TUNED, TRIAL_COLUMNS, Trial
from stepsize.store import Run
from stepsize.store.run import COMPLETE, StoredRun

Runs = Sequence[Run | StoredRun]

HELD_OUT = (
    "The runs were judged on a fifth of the training set, which was held out and not trained on; the test set was not "
    "looked at."
)

_WITH_ACCURACY = ("train loss", "train accuracy", "test accuracy", "seconds")
_WITHOUT_ACCURACY = ("train loss", "test loss", "seconds")
_WITHOUT_TEST = ("train loss", "seconds")
_DIGITS = {"train loss": 3, "train accuracy": 4, "test loss": 4, "test accuracy": 4, "seconds": 1}
_LEFT_OUT_IF_NARROW = ("train accuracy", "seconds")

# These settings have their own place in the report, or do not change what is trained.
_SHOWN_ELSEWHERE = (
    *("schedules", "task", "epochs", "seeds", "batch_size", "accumulation", "optimizer", "optimizer_args", "device"),
    *("steps", "command", "engine", "runs_at_once", "log_every", "checkpoint_every", "until_told", "most_seeds"),
    *("margin", "tune_peak", "held_out", "functions", "digests"),
)


@dataclass(frozen=True)
class Row:
    """The row of one schedule: means over its finished runs, after their last epoch."""

    name: str
    schedule: str
    finished: int
    diverged: int
    train_loss: Mean
    train_accuracy: Mean
    test_loss: Mean
    test_accuracy: Mean
    seconds: Mean
    headline: Mean

    def cells(self, columns: Sequence[str]) -> tuple[str, ...]:
        """The name and, as texts, the means of these columns."""
        note = f" ({self.diverged} of {self.finished + self.diverged} diverged)" if self.diverged else ""
        return (self.name + note, *map(self._text, columns))

    def _text(self, column: str) -> str:
        if column in _DIGITS:
            mean: Mean = getattr(self, column.replace(" ", "_"))
            return mean.text(_DIGITS[column])
        return self.headline.text(decimals([self.headline]))


def rows(runs: Runs, headline: Metric | None = None) -> tuple[Row, ...]:
    """A row for each schedule, in the order of the runs; diverged runs are counted, but not averaged."""
    return tuple(_row(group, headline) for group in grouped(runs).values())


def _row(runs: Runs, headline: Metric | None) -> Row:
    """The row of one schedule with these runs."""
    finished = [run for run in runs if run.status == "finished"]
    fields = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
    means = {field: Mean.of([last_value(run, field) for run in finished]) for field in fields}
    first = Mean.of([last_value(run, headline.field) for run in finished] if headline else [])
    diverged = sum(run.status == "diverged" for run in runs)
    seconds = Mean.of([run.seconds for run in finished])
    return Row(runs[0].name, runs[0].schedule, len(finished), diverged, **means, seconds=seconds, headline=first)


def _columns(rows: Iterable[Row], headline: Metric | None) -> tuple[str, ...]:
    """The columns of means: the headline, or the test loss if no row has an accuracy, in place of the accuracies."""
    if headline is not None:
        return tuple(dict.fromkeys(("train loss", headline.label, "seconds")))
    held = tuple(rows)
    columns = {"test_accuracy": _WITH_ACCURACY, "test_loss": _WITHOUT_ACCURACY, "train_loss": _WITHOUT_TEST}
    logged = (field for field in columns if any(math.isfinite(getattr(row, field).mean) for row in held))
    return columns[next(logged, "test_accuracy")]


def result_line(run: Run, judged_on: str = "test", headline: Metric | None = None, chance: Chance | None = None) -> str:
    """How a run ended, in one line, and whether it is at chance level."""
    name = f"{run.name}, seed {run.seed}"
    if run.status != "finished":
        return f"{name}: {run.status} at step {run.points[-1].step if run.points else 0}"
    row = _row([run], headline)
    columns = _columns([row], headline)[:-1]
    cells = [f"{_head(column, judged_on)} {cell}" for column, cell in zip(columns, row.cells(columns)[1:], strict=True)]
    at_chance = ", at chance level" if chance is not None and chance.holds(run) else ""
    return f"{name}: {', '.join(cells)}{at_chance} ({run.seconds:.1f} s)"


@dataclass(frozen=True)
class SummaryTable:
    """Column heads, a line for each schedule, and notes below.

    The test loss takes the place of the accuracies if there are none. If at least two seeds can be paired, the last
    column is the difference to the first schedule with its 95% interval, in the test accuracy or else the test loss.
    """

    columns: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]

    def narrow(self) -> "SummaryTable":
        """The same in 78 characters: if there are differences, other columns make room for them."""
        if self.columns[-1] == "seconds":
            return self
        kept = [index for index, column in enumerate(self.columns) if column not in _LEFT_OUT_IF_NARROW]
        lines = tuple(tuple(line[index] for index in kept) for line in self.lines)
        return SummaryTable(tuple(self.columns[index] for index in kept), lines, self.notes)

    def _repr_html_(self) -> str:
        """The table, in a notebook."""
        head = "".join(f"<th>{escape(column)}</th>" for column in self.columns)
        body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in line)}</tr>" for line in self.lines)
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.notes)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{notes}"


def _head(column: str, judged_on: str) -> str:
    return column.replace("test", judged_on) if column in _DIGITS else column


def summary_table(
    runs: Runs,
    names: Sequence[str] = (),
    seeds: int | None = None,
    judged_on: str = "test",
    looks: Looks | None = None,
    remarks: Sequence[str] = (),
    headline: Metric | None = None,
) -> SummaryTable:
    """The table of some runs of a comparison that planned the schedules `names`, in this order, with `seeds` seeds.

    A schedule without runs has a line too; if it is the first, no other takes its place in the differences.
    `judged_on` names the samples that the runs were judged on: "test" or "held-out". `looks` are those of
    `stepsize.lab.findings`, and `remarks` on the seeds and on odd runs are the last notes. The differences are in the
    `headline`, if one is named.

    Example:
        >>> from stepsize.lab.report.summary_table import summary_table
        >>> from stepsize.store import Run
        >>> from stepsize.store.run import Epoch
        >>> runs = [
        ...     Run(name, "Constant(0.1)", seed, (), (Epoch(9, 1.0, 0.5, 1.0, better + 0.01 * seed),), 1.0)
        ...     for seed in range(3) for name, better in (("flat", 0.7), ("warm", 0.8 + 0.001 * seed))
        ... ]
        >>> summary_table(runs).narrow().columns
        ('schedule', 'train loss', 'test accuracy', 'against flat')
        >>> summary_table(runs).narrow().lines[1][-1]
        '+0.101 (0.099 to 0.103)'
    """
    remarks = [*remarks, *filter(None, [shared_updates(runs)])]
    groups, by_name = grouped(runs, names), {row.name: row for row in rows(runs, headline)}
    columns = _columns(by_name.values(), headline)
    lines = [by_name[name].cells(columns) if name in by_name else (name, *["-"] * len(columns)) for name in groups]
    heads = ("schedule", *(_head(column, judged_on) for column in columns))
    compared = tables(groups, judged_on, looks, headline)
    if not compared or len(groups) < 2:
        return SummaryTable(heads, tuple(lines), tuple(remarks))
    main = compared[0]
    if reason := no_comparison(main, seeds or len({run.seed for run in runs})):
        return SummaryTable(heads, tuple(lines), (reason, *remarks))
    line_of = {line.finding.name: line for line in main.lines}
    metric = "" if main.metric.field == "test_accuracy" else f"{main.metric.label} "
    return SummaryTable(
        (*heads, f"{metric}against {main.findings[0].name}"),
        tuple((*line, _difference(line_of.get(name))) for line, name in zip(lines, groups, strict=True)),
        (
            *(f"{name}: {' '.join(notes)}" for name, line in line_of.items() if (notes := _notes(line))),
            *remarks,
        ),
    )


def shared_updates(runs: Runs) -> str:
    """What the runs that branch from others have saved, in a sentence; "" if there are none.

    Example:
        >>> from dataclasses import replace
        >>> from stepsize.lab.report.summary_table import shared_updates
        >>> from stepsize.store import Run
        >>> from stepsize.store.run import Point
        >>> run = Run("flat", "Constant(0.1)", 0, (Point(1000, 0.1, 1.0, 0.5),), (), 1.0)
        >>> shared_updates([run, replace(run, parent=0, branched_at=800)])
        '1 of 2 runs branches from another: 1,200 of 2,000 updates were trained (40% saved).'
    """
    branched = [run.branched_at for run in runs if run.branched_at is not None]
    if not branched:
        return ""
    every = sum(int(run.column("step")[-1]) for run in runs if run.column("step").size)
    share = 100 * sum(branched) / every
    saved = f"{every - sum(branched):,} of {every:,} updates were trained ({share:.0f}% saved)"
    verb = "branch from others" if len(branched) > 1 else "branches from another"
    return f"{len(branched)} of {len(runs)} runs {verb}: {saved}."


def _difference(line: Line | None) -> str:
    if line is None or line.finding.verdict in ("first", "unknown"):
        return "-"
    cells = {"open": "not told apart", "small": f"small ({line.interval})"}
    return cells.get(line.finding.verdict, f"{line.difference} ({line.interval.replace('+', '')})")


def _notes(line: Line) -> tuple[str, ...]:
    """The sentences that the cell does not say."""
    words = line.finding.words
    return words[1:] if line.finding.verdict in ("better", "worse", "small", "open") else words


def markdown_report(
    experiment: Experiment,
    source: str,
    steps: int,
    runs: Runs,
    trials: Sequence[Trial] = (),
    looks: Looks | None = None,
    remarks: Sequence[str] = (),
    accuracy: str = "",
) -> str:
    """The report of runs of `steps` steps: what was compared, on which data, the table, the picture, the trials.

    `accuracy` says how right samples were counted.
    """
    headline = experiment.headline
    accurate = headline is None and "test accuracy" in _columns(rows(runs), None)
    judged = f"{experiment.judged_on} {'accuracy' if accurate else 'loss'}"
    if headline is not None:
        judged = judged_label(headline, experiment.judged_on)
    optimizer = f"{experiment.optimizer} {_listed(in_words(dict(experiment.optimizer_args)), '({})')}".rstrip()
    defaults = Experiment().as_dict()
    others = {
        name: value
        for name, value in experiment.as_dict().items()
        if name not in _SHOWN_ELSEWHERE and value != defaults[name]
    }
    by_itself = isinstance(task_of(experiment), OwnLoop)
    accumulated = f" x {experiment.accumulation} accumulated" if experiment.accumulation > 1 else ""
    batches = f"batch size {experiment.batch_size}" if experiment.batch_size else "batches of the task's own"
    how = (
        f"{optimizer}, {batches}{accumulated}, epochs: {experiment.epochs} ({steps} steps)"
        if not by_itself
        else f"{steps} steps"
    )
    planned = len(experiment.schedules) * len(experiment.seeds)
    missing = planned - sum(run.status in COMPLETE for run in runs)
    paragraphs = [
        f"# Comparison of {len(experiment.schedules)} schedules",
        source,
        f"{how}, seeds: {', '.join(map(str, experiment.seeds))}, on {experiment.device}"
        f"{_listed(in_words(others), '; {}')}.",
        "Each metric is the last value that a run logged."
        if by_itself
        else f"{'Losses and accuracies' if accurate else 'Losses'} are those of the last epoch."
        + (" Spread is the standard deviation over seeds." if len(experiment.seeds) > 1 else "")
        + (f" Accuracy: {_cell(accuracy)}." if accuracy else ""),
        *([HELD_OUT] if experiment.held_out else []),
        *([f"**{missing} of {planned} runs did not finish and are left out.**"] if missing else []),
        markdown_table(
            runs,
            [name for name, _ in experiment.schedules],
            len(experiment.seeds),
            experiment.judged_on,
            looks,
            remarks,
            headline,
        ),
        f"![rate, train loss and {judged} over steps](comparison.png)",
    ]
    if trials:
        paragraphs += ["## Peak rates", HOW_TUNED, _grid(TRIAL_COLUMNS, [trial.cells() for trial in trials])]
    return "\n\n".join(paragraphs) + "\n"


def markdown_table(
    runs: Runs,
    names: Sequence[str] = (),
    seeds: int | None = None,
    judged_on: str = "test",
    looks: Looks | None = None,
    remarks: Sequence[str] = (),
    headline: Metric | None = None,
) -> str:
    """The summary table in Markdown, with its notes and the text of each schedule."""
    table = summary_table(runs, names, seeds, judged_on, looks, remarks, headline)
    schedules = {run.name: run.schedule for run in runs}
    listed = "\n".join(f"- {_cell(name)}: `{schedule}`" for name, schedule in schedules.items())
    return "\n\n".join([_grid(table.columns, table.lines), *map(_cell, table.notes), listed])


def settings_shown(experiment: Experiment, steps: int) -> dict[str, object]:
    """The settings of a comparison whose runs have this many steps, without those that its task does not get."""
    unused = (*OURS, "epochs", "batch_size", "accumulation") if isinstance(task_of(experiment), OwnLoop) else ()
    values = {**experiment.as_dict(), "steps": steps}
    return {"steps": steps, **{name: value for name, value in values.items() if name not in unused}}


def in_words(values: Mapping[str, object]) -> dict[str, str]:
    """Names and values of settings as texts, without the schedules, which have their own place in a report."""
    return {name.replace("_", " "): _plain(value) for name, value in values.items() if name != "schedules"}


def _plain(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_plain(item)}" for name, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_plain, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None or value == "" else str(value)


def _grid(columns: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    head, *rest = [f"| {' | '.join(map(_cell, line))} |" for line in (columns, *lines)]
    return "\n".join([head, f"|---|{'---:|' * (len(columns) - 1)}", *rest])


def _listed(values: Mapping[str, str], within: str) -> str:
    return within.format(", ".join(f"{name} {value}" for name, value in values.items())) if values else ""


def _cell(text: str) -> str:
    """The text on one line, with Markdown's special characters escaped."""
    return re.sub(r"([\\`*_\[\]<>#|$])", r"\\\1", " ".join(text.split()))
