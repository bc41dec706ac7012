"""The tables of a comparison for a paper: in LaTeX, and as CSV files with all digits."""

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence

from stepsize.errors import one_line
from stepsize.files import spreadsheet_cell
from stepsize.lab.report.latex import LETTERS, escaped
from stepsize.lab.report.tables import Line, Table, heading, last_value
from stepsize.lab.statistics.findings import Terms
from stepsize.plots.curves import printable
from stepsize.store.run import StoredRun

LONGEST = 40  # characters of a name in tables and figures
SHORT, LONG = 9, 25  # characters of a name that leaves room for the numbers in one column, and in two
NARROW = 16  # characters of a metric that is not wider than its values
RESULT_COLUMNS = (
    "metric",
    "schedule",
    "finished",
    "diverged",
    "mean",
    "standard_deviation",
    "pairs",
    "difference",
    "low",
    "high",
    "p",
    "p_holm",
    "verdict",
)


def short_names(names: Iterable[str]) -> dict[str, str]:
    """A different name of at most 40 characters for each name, all of which can be printed."""
    short: dict[str, str] = {}
    for number, name in enumerate(names, start=1):
        plain = printable(name) or f"schedule {number}"
        cut = plain if len(plain) <= LONGEST else f"{plain[:24]}...{plain[-13:]}"
        short[name] = cut if cut not in short.values() else f"{cut[: LONGEST - 8]} ({number})"
    return short


def latex_table(table: Table, names: Mapping[str, str], terms: Terms, *, seeds: int, two_columns: bool) -> str:
    """A table of one metric, which needs the package booktabs: means, differences, intervals, and p-values.

    A row says how many runs it is about if they are not all of the seeds. In one column a long name has a line of its
    own. Numbers are rounded as in the report.
    """
    shown = {
        _title(table) if len(metric_name(table)) <= NARROW else "Mean": [_number(line.value) for line in table.lines],
        "Difference": [_number(line.difference) for line in table.lines] if len(table.lines) > 1 else [],
        r"95\% interval": [_interval(line) for line in table.lines] if table.has_intervals else [],
        "$p$": [_number(line.p) for line in table.lines] if table.has_chances else [],
    }
    columns = {head: cells for head, cells in shown.items() if cells}
    first_cells = [_first_cell(line, names, seeds) for line in table.lines]
    if not two_columns and max(map(len, first_cells)) > SHORT:
        first_cells = [rf"\multicolumn{{{1 + len(columns)}}}{{l}}{{{_wrapped(cell, 0.95)}}} \\" for cell in first_cells]
    else:
        first_cells = [_wrapped(cell, 0.3) for cell in first_cells]
    body = "\n".join(f"    {' & '.join(cells)} \\\\" for cells in zip(first_cells, *columns.values(), strict=True))
    environment = "table*" if two_columns else "table"
    text = rf"""\begin{{{environment}}}
  \centering
  \caption{{{_caption(table, names, terms, seeds)}}}
  \label{{tab:{file_stem(table)}}}
  \smallskip\footnotesize
  \setlength{{\tabcolsep}}{{{6 if two_columns else 2}pt}}
  \begin{{tabular}}{{l{"r" * len(columns)}}}
    \toprule
    Schedule & {" & ".join(columns)} \\
    \midrule
{body}
    \bottomrule
  \end{{tabular}}
\end{{{environment}}}
"""
    return f"% Needs \\usepackage{{booktabs}}.\n{LETTERS if 'stepsizeletter' in text else ''}{text}"


def metric_name(table: Table) -> str:
    """The label of the metric on one line of at most 40 characters."""
    return one_line(printable(table.metric.label), LONGEST)


def file_stem(table: Table) -> str:
    """The name of the metric in lower-case letters, digits and hyphens, for files and references."""
    words = "".join(c if c.isascii() and c.isalnum() else " " for c in table.metric.label.lower()).split()
    return "-".join(words)[:LONGEST].strip("-") or "metric"


def results_csv(found: Sequence[Table]) -> str:
    """A row for each metric and schedule; numbers read back as the same bits, and a cell without a number is empty."""
    return _csv(
        RESULT_COLUMNS,
        (
            (
                *(table.metric.label, each.name, each.finished, each.diverged, each.value.mean, each.value.spread),
                *((d.pairs, d.mean, d.low, d.high, d.p, d.p_holm) if (d := each.difference) else [""] * 6),
                each.verdict,
            )
            for table in found
            for each in table.findings
        ),
    )


def runs_csv(runs: Sequence[StoredRun], found: Sequence[Table]) -> str:
    """A row for each run, with its result in each metric."""
    fields = [table.metric.field for table in found]
    return _csv(
        ("schedule", "text", "seed", "status", *fields),
        ((run.name, run.schedule, run.seed, run.status, *(last_value(run, name) for name in fields)) for run in runs),
    )


def _csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerows([*map(_csv_cell, row)] for row in (columns, *rows))
    return file.getvalue()


def _csv_cell(value: object) -> object:
    """A number as it is, nothing for NaN; a text without signs that cannot be printed."""
    if isinstance(value, float) and math.isnan(value):
        return ""
    return spreadsheet_cell(printable(value)) if isinstance(value, str) else value


def _caption(table: Table, names: Mapping[str, str], terms: Terms, seeds: int) -> str:
    first = escaped(names[table.findings[0].name])
    spread = rf": mean $\pm$ standard deviation over {seeds} seeds" if seeds > 1 else ""
    sentences = [f"{_title(table)} at the end of training{spread} ({table.direction})."]
    if table.has_intervals:
        how = "that hold at every look at the results" if terms.looks else "of Student's $t$"
        sentences.append(f"Differences are to {first}, in pairs of the same seed, with 95\\% intervals {how}.")
    if table.has_chances:
        sentences.append(f"$p$ is corrected for {table.comparisons} comparison{'s' * (table.comparisons > 1)} (Holm).")
    if any(line.finding.diverged for line in table.lines):
        sentences.append("Runs that diverged are left out.")
    if len(table.lines) < len(table.findings):
        sentences.append(f"Of {len(table.findings):,} schedules, the first and the {len(table.lines) - 1} best.")
    return " ".join(sentences)


def _first_cell(line: Line, names: Mapping[str, str], seeds: int) -> str:
    """The name of a schedule, and how many runs it has if they are not all of the seeds."""
    finished = line.finding.finished
    return names[line.finding.name] + (f" ({finished} of {seeds} runs)" if finished != seeds else "")


def _wrapped(name: str, width: float) -> str:
    """A name in LaTeX, in lines of this part of the width of the text if it is long."""
    if len(name) <= LONG:
        return escaped(name)
    return rf"\parbox[t]{{{width}\linewidth}}{{\raggedright {escaped(name)}\strut}}"


def _interval(line: Line) -> str:
    low, _, high = line.interval.partition(" to ")
    return _number(f"[{low}, {high}]") if line.interval else ""


def _number(text: str) -> str:
    if text in ("", "-"):
        return "--" if text else ""
    return f"${text.replace(chr(0x2212), '-').replace('±', chr(92) + 'pm')}$"


def _title(table: Table) -> str:
    """The metric at the beginning of a sentence; a name of the user's stays as it is."""
    return escaped(one_line(printable(heading(table.metric)), LONGEST))
