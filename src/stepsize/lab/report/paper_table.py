"""The tables of a comparison for a paper: in LaTeX, and as CSV files with all digits."""

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence

from stepsize.lab.report.latex import LETTERS, escaped
from stepsize.lab.report.tables import Line, Table, last_value
from stepsize.lab.terms import Terms
from stepsize.plots.curves import printable
from stepsize.store.run import StoredRun

LONGEST = 40  # characters of a name in tables and figures
NARROW = 18  # characters of a name on a line of a table in one column
RESULT_COLUMNS = (
    *("metric", "schedule", "finished", "diverged", "mean", "standard_deviation"),
    *("pairs", "difference", "low", "high", "p", "p_holm", "verdict"),
)
_FORMULA = ("=", "+", "-", "@", "\N{FULLWIDTH EQUALS SIGN}", "\N{FULLWIDTH PLUS SIGN}", "\N{FULLWIDTH COMMERCIAL AT}")


def short_names(names: Iterable[str]) -> dict[str, str]:
    """A different name of at most 40 characters for each name, all of which can be printed.

    Example:
        >>> from stepsize.lab.report.paper_table import short_names
        >>> list(short_names(["cosine", "cos\u200bine", "W" * 100]).values())
        ['cosine', 'cos ine', 'WWWWWWWWWWWWWWWWWWWWWWWW...WWWWWWWWWWWWW']
    """
    short: dict[str, str] = {}
    for number, name in enumerate(names, start=1):
        plain = printable(name) or f"schedule {number}"
        cut = plain if len(plain) <= LONGEST else f"{plain[:24]}...{plain[-13:]}"
        short[name] = cut if cut not in short.values() else f"{cut[: LONGEST - 8]} ({number})"
    return short


def latex_table(table: Table, names: Mapping[str, str], terms: Terms, *, seeds: int, two_columns: bool) -> str:
    """A table of one metric, which needs the package booktabs: means, differences, intervals, and p-values.

    A row says how many runs it is about if these numbers differ from that of the seeds. Numbers are rounded as in the
    report.
    """
    lines = table.lines
    with_runs = any(line.finding.finished != seeds or line.finding.diverged for line in lines)
    shown = {
        "Schedule": [_name_cell(names[line.finding.name], two_columns) for line in lines],
        "Runs": [escaped(line.runs) for line in lines] if with_runs else [],
        _capital(escaped(table.metric.label)): [_number(line.value) for line in lines],
        "Difference": [_number(line.difference) for line in lines] if len(lines) > 1 else [],
        r"95\% interval": [_interval(line) for line in lines] if table.has_intervals else [],
        "$p$": [_number(line.p) for line in lines] if table.has_chances else [],
    }
    columns = {head: cells for head, cells in shown.items() if cells}
    rows = [" & ".join(cells) for cells in zip(*columns.values(), strict=True)]
    body = "\n".join(f"    {row} \\\\" for row in rows)
    environment = "table*" if two_columns else "table"
    text = rf"""\begin{{{environment}}}
  \centering
  \caption{{{_caption(table, names, terms, seeds)}}}
  \label{{tab:{file_stem(table)}}}
  \footnotesize
  \setlength{{\tabcolsep}}{{{6 if two_columns else 2}pt}}
  \begin{{tabular}}{{l{"r" * (len(columns) - 1)}}}
    \toprule
    {" & ".join(columns)} \\
    \midrule
{body}
    \bottomrule
  \end{{tabular}}
\end{{{environment}}}
"""
    return f"% Needs \\usepackage{{booktabs}}.\n{LETTERS if 'stepsizeletter' in text else ''}{text}"


def file_stem(table: Table) -> str:
    """The name of the metric in lower-case letters, digits and hyphens, for files and references.

    Example:
        >>> from stepsize.lab.report.paper_table import file_stem
        >>> from stepsize.lab.report.tables import Table
        >>> from stepsize.lab.statistics.findings import METRICS, Metric
        >>> file_stem(Table(METRICS[0], (), (), "")), file_stem(Table(Metric("", "../../É=x"), (), (), ""))
        ('test-accuracy', 'x')
    """
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
    """A number as it is, nothing for NaN; a text that a spreadsheet would take for a formula begins with "'"."""
    if isinstance(value, float) and math.isnan(value):
        return ""
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _caption(table: Table, names: Mapping[str, str], terms: Terms, seeds: int) -> str:
    """What the numbers are, in LaTeX."""
    metric, first = table.metric, escaped(names[table.findings[0].name])
    better = "higher" if metric.higher_is_better else "lower"
    spread = rf": mean $\pm$ standard deviation over {seeds} seeds" if seeds > 1 else ""
    sentences = [f"{_capital(escaped(metric.label))} at the end of training{spread} ({better} is better)."]
    if table.has_intervals:
        how = "that hold at every look at the results" if terms.looks else "of Student's $t$"
        sentences.append(f"Differences are to {first}, in pairs of the same seed, with 95\\% intervals {how}.")
    if table.has_chances:
        sentences.append(f"$p$ is corrected for {table.comparisons} comparison{'s' * (table.comparisons > 1)} (Holm).")
    if len(table.lines) < len(table.findings):
        sentences.append(f"Of {len(table.findings):,} schedules, the first and the {len(table.lines) - 1} best.")
    return " ".join(sentences)


def _name_cell(name: str, two_columns: bool) -> str:
    if len(name) <= NARROW or two_columns:
        return escaped(name)
    return rf"\parbox[t]{{0.3\linewidth}}{{\raggedright {escaped(name)}\strut}}"


def _interval(line: Line) -> str:
    return " to ".join(map(_number, line.interval.split(" to "))) if line.interval else ""


def _number(text: str) -> str:
    if text in ("", "-"):
        return "--" if text else ""
    return f"${text.replace(chr(0x2212), '-').replace('±', chr(92) + 'pm')}$"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
