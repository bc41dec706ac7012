"""`export`: the figures, tables and methods of a comparison for a paper."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from textwrap import wrap

from stepsize.errors import DataError, OutputError, first_few
from stepsize.files import write_whole
from stepsize.lab.experiment import Experiment
from stepsize.lab.report.html import MOST_CURVES
from stepsize.lab.report.methods import Methods, methods
from stepsize.lab.report.paper_table import file_stem, latex_table, metric_name, results_csv, runs_csv, short_names
from stepsize.lab.report.tables import Table, first_and_best, grouped, no_comparison, tables
from stepsize.lab.statistics.differences import Difference
from stepsize.lab.statistics.findings import Terms
from stepsize.lab.stored_settings import StoredSettings, stored_experiment
from stepsize.plots.differences import plot_differences
from stepsize.plots.figures import without_glyph_warnings
from stepsize.plots.paper import COLUMN, PAGE, SIDE_BY_SIDE, PaperPicture, paper_picture, plot_comparison_on_paper
from stepsize.sqlite_files import refuse_links
from stepsize.store import Results, load_runs
from stepsize.store.results import stored_runs
from stepsize.store.run import StoredRun

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
    comparison = _Comparison.of(results)
    folder = results.path.parent / "paper" if out is None else Path(out)
    if out is None:
        refuse_links(folder)
    width = (PAGE if two_columns else COLUMN) if width is None else width
    contents = dict(_figures(comparison, width, font, font_size))
    contents |= {name: text.encode() for name, text in _texts(comparison, two_columns)}
    existing = [name for name in contents if (folder / name).exists()]
    if existing and not overwrite:
        reason = f"{folder} already has {first_few(existing, 3)}, and nothing is overwritten without being asked"
        raise OutputError(reason, "write {overwrite}, or name another folder with {out}", overwrite=True, out=...)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {folder}: {(error.strerror or str(error)).lower()}") from error
    for name, content in contents.items():
        write_whole(folder / name, content)
    return Exported(tuple(folder / name for name in contents), comparison.notes)


@dataclass(frozen=True)
class _Comparison:
    """What a paper has of a comparison; `names` are those of the schedules in the paper."""

    experiment: Experiment
    terms: Terms
    runs: tuple[StoredRun, ...]
    tables: tuple[Table, ...]
    names: Mapping[str, str]
    methods: Methods

    @classmethod
    def of(cls, results: Results) -> "_Comparison":
        experiment, settings = stored_experiment(results), StoredSettings.of(results)
        runs = stored_runs(results)
        terms, remarks = settings.terms_and_remarks(experiment, results, runs)
        if terms.chance is not None:
            remarks = (*terms.chance.notes(runs, terms.judged_on), *remarks)
        groups = grouped(runs, terms.names)
        compared = tables(groups, terms)
        if not compared:
            raise DataError(f"no run in {results.path} has finished with a result", "finish the comparison first")
        names = short_names(groups)
        described = methods(
            experiment,
            settings.source,
            max(int(run.column("step").max(initial=0)) for run in runs),
            {names[name]: group[0].schedule for name, group in groups.items() if group},
            results.environment,
            compared,
            trials=settings.trials,
            looks=terms.looks,
            remarks=remarks,
            accuracy=settings.accuracy,
            trains_itself=results.settings.get("trains_itself", experiment.command is not None),
        )
        return cls(experiment, terms, runs, compared, names, described)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the files must know."""
        waiting = len(self.experiment.schedules) * len(self.experiment.seeds) - sum(
            run.status in ("finished", "diverged") for run in self.runs
        )
        drawn = len(_drawn(self))
        return (
            *((f"{waiting} runs have not finished and are left out.",) if waiting else ()),
            *(
                (f"Of {len(self.names)} schedules, the first and the best are drawn.",)
                if drawn < len(self.names)
                else ()
            ),
            *((reason,) if (reason := no_comparison(self.tables[0], len(self.experiment.seeds))) else ()),
        )


def _figures(comparison: _Comparison, width: float, font: str, size: float) -> Iterator[tuple[str, bytes]]:
    headline, drawn = comparison.tables[0].metric, _drawn(comparison)
    shown_runs = sorted((run for run in comparison.runs if run.name in drawn), key=lambda run: drawn.index(run.name))
    runs = [replace(run, name=comparison.names[run.name]) for run in shown_runs]
    with paper_picture(width, font, size) as picture:
        plot_comparison_on_paper(runs, picture, judged_on=comparison.terms.judged_on, metric=headline.field)
    yield from _files("curves", picture)
    shown = [table for table in comparison.tables if table.has_intervals]
    if not shown:
        return
    with paper_picture(width, font, size) as picture:
        shown = shown if width >= SIDE_BY_SIDE else shown[:1]
        for table, axes in zip(shown, picture.subplots(1, len(shown), squeeze=False, sharey=True)[0], strict=True):
            found = {comparison.names[each.name]: each.difference for each in table.findings if each.name in drawn}
            rows = {name: difference or Difference(0, 0.0) for name, difference in found.items()}
            label = f"difference in {metric_name(table)}"
            plot_differences(rows, axes, label="\n".join(wrap(label, int(LETTERS * width / len(shown)))))
    yield from _files("differences", picture)


def _texts(comparison: _Comparison, two_columns: bool) -> Iterator[tuple[str, str]]:
    seeds, names = len(comparison.experiment.seeds), comparison.names
    for table in comparison.tables:
        text = latex_table(table, names, comparison.terms, seeds=seeds, two_columns=two_columns)
        yield f"table-{file_stem(table)}.tex", text
    yield "results.csv", results_csv(comparison.tables)
    yield "runs.csv", runs_csv(comparison.runs, comparison.tables)
    yield "methods.md", comparison.methods.markdown()
    yield "methods.tex", comparison.methods.latex()


def _drawn(comparison: _Comparison) -> tuple[str, ...]:
    """The schedules whose curves are drawn."""
    return first_and_best(comparison.tables[0].metric, comparison.tables[0].findings, MOST_CURVES)


def _files(name: str, picture: PaperPicture) -> Iterator[tuple[str, bytes]]:
    for kind in ("pdf", "svg"):
        content = BytesIO()
        with without_glyph_warnings():
            picture.savefig(content, format=kind)
        yield f"{name}.{kind}", content.getvalue()
