"""`export`: the figures, tables and methods of a comparison for a paper."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from textwrap import wrap

from stepsize.errors import DataError, OutputError, first_few
from stepsize.files import write_whole
from stepsize.lab.comparison import stored_experiment
from stepsize.lab.report.content import ReportContent
from stepsize.lab.report.html import MOST_CURVES
from stepsize.lab.report.methods import methods
from stepsize.lab.report.paper_table import file_stem, latex_table, metric_name, results_csv, runs_csv, short_names
from stepsize.lab.report.tables import Table, first_and_best, grouped, no_comparison, tables
from stepsize.lab.statistics.differences import Difference
from stepsize.plots.comparison import plot_differences
from stepsize.plots.figures import without_glyph_warnings
from stepsize.plots.paper import COLUMN, PAGE, SIDE_BY_SIDE, PaperPicture, paper_picture, plot_comparison_on_paper
from stepsize.sqlite_files import refuse_links
from stepsize.store import Results, load_runs, stored_runs

LETTERS = 13  # of 8 points that stand on an inch


@dataclass(frozen=True)
class Exported:
    """The files that `export` has written, and sentences about what it left out."""

    files: tuple[Path, ...]
    notes: tuple[str, ...] = ()


def export(
    directory: str | Path,
    out: str | Path | None = None,
    *,
    two_columns: bool = False,
    width: float | None = None,
    font: str = "serif",
    font_size: float = 8.0,
    overwrite: bool = False,
) -> Exported:
    """Write the figures, tables and methods of a comparison for a paper.

    - `curves.pdf` and `.svg`: rate, train loss and headline metric over steps.
    - `differences.pdf` and `.svg`: the differences to the first schedule with their intervals, if there are any.
    - `table-<metric>.tex`: means, differences, intervals and corrected p-values, with LaTeX's booktabs.
    - `results.csv` and `runs.csv`: the same with all digits, and the results of every run.
    - `methods.md` and `.tex`: how the runs were made and compared, with every setting and version.

    No code that the results name is imported or run, and no name in them becomes the name of a file.

    Args:
        directory: that of a comparison, or its store.
        out: a folder, made if needed; `paper` in the directory by default.
        two_columns: make figures and tables for the width of two columns instead of one.
        width: of the figures, in inches; by default 3.3, or 6.75 for two columns.
        font: of the figures: "serif", "sans-serif", "monospace", or the name of an installed font.
        font_size: of all letters in the figures, in points.
        overwrite: replace the files of an earlier export.

    Raises:
        DataError: there is no store, it is damaged or has no experiment, or no run has a result.
        OutputError: a file exists and `overwrite` is not given, or cannot be written.
        ArgumentError: the font is not installed, or a size is out of range.
    """
    results = load_runs(directory)
    paper = _paper(results)
    folder = results.path.parent / "paper" if out is None else Path(out)
    if out is None:
        refuse_links(folder)
    width = (PAGE if two_columns else COLUMN) if width is None else width
    contents = dict(_figures(paper, width, font, font_size))
    contents |= {name: text.encode() for name, text in _texts(paper, two_columns)}
    existing = [name for name in contents if (folder / name).exists()]
    if existing and not overwrite:
        reason = f"{folder} already has {first_few(existing, 3)}, and files are replaced only on request"
        raise OutputError(reason, "write {overwrite}, or name another folder with {out}", overwrite=True, out=...)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {folder}: {(error.strerror or str(error)).lower()}") from error
    for name, content in contents.items():
        write_whole(folder / name, content)
    return Exported(tuple(folder / name for name in contents), tuple(_notes(paper)))


@dataclass(frozen=True)
class _Paper:
    """A comparison in a paper: its tables, the names of its schedules there, and the schedules that are drawn."""

    content: ReportContent
    tables: tuple[Table, ...]
    names: Mapping[str, str]
    drawn: tuple[str, ...]


def _paper(results: Results) -> _Paper:
    content = ReportContent.of(results, stored_experiment(results), stored_runs(results))
    groups = grouped(content.runs, content.terms.names)
    compared = tables(groups, content.terms)
    if not compared:
        raise DataError(f"no run in {results.path} has finished with a result", "finish the comparison first")
    drawn = first_and_best(compared[0].metric, compared[0].findings, MOST_CURVES)
    return _Paper(content, compared, short_names(groups), drawn)


def _notes(paper: _Paper) -> Iterator[str]:
    content = paper.content
    if content.missing:
        unfinished = "has not finished and is" if content.missing == 1 else "have not finished and are"
        yield f"{content.missing} of {content.planned} runs {unfinished} left out."
    if len(paper.drawn) < len(paper.names):
        yield f"Of {len(paper.names)} schedules, the first and the best are drawn."
    if reason := no_comparison(paper.tables[0], len(content.experiment.seeds)):
        yield reason


def _figures(paper: _Paper, width: float, font: str, size: float) -> Iterator[tuple[str, bytes]]:
    headline, drawn, every = paper.tables[0].metric, paper.drawn, paper.content.runs
    shown_runs = sorted((run for run in every if run.name in drawn), key=lambda run: drawn.index(run.name))
    runs = [replace(run, name=paper.names[run.name]) for run in shown_runs]
    with paper_picture(width, font, size) as picture:
        plot_comparison_on_paper(runs, picture, judged_on=paper.content.terms.judged_on, metric=headline.field)
    yield from _files("curves", picture)
    shown = [table for table in paper.tables if table.has_intervals]
    if not shown:
        return
    with paper_picture(width, font, size) as picture:
        shown = shown if width >= SIDE_BY_SIDE else shown[:1]
        for table, axes in zip(shown, picture.subplots(1, len(shown), squeeze=False, sharey=True)[0], strict=True):
            found = {paper.names[each.name]: each.difference for each in table.findings if each.name in drawn}
            rows = {name: difference or Difference(0, 0.0) for name, difference in found.items()}
            label = f"difference in {metric_name(table)}"
            plot_differences(rows, axes, label="\n".join(wrap(label, int(LETTERS * width / len(shown)))))
    yield from _files("differences", picture)


def _texts(paper: _Paper, two_columns: bool) -> Iterator[tuple[str, str]]:
    content, runs, names = paper.content, paper.content.runs, paper.names
    for table in paper.tables:
        seeds = len(content.experiment.seeds)
        text = latex_table(table, names, content.terms, seeds=seeds, two_columns=two_columns)
        yield f"table-{file_stem(table)}.tex", text
    yield "results.csv", results_csv(paper.tables)
    yield "runs.csv", runs_csv(runs, paper.tables)
    schedules = {run.name: run.schedule for run in runs}
    texts = {short: schedules[name] for name, short in names.items() if name in schedules}
    described = methods(content, texts, paper.tables)
    yield "methods.md", described.markdown()
    yield "methods.tex", described.latex()


def _files(name: str, picture: PaperPicture) -> Iterator[tuple[str, bytes]]:
    for kind in ("pdf", "svg"):
        content = BytesIO()
        with without_glyph_warnings():
            picture.savefig(content, format=kind)
        picture.set_layout_engine("none")  # the next kind has the same layout
        yield f"{name}.{kind}", content.getvalue()
