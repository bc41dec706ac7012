"""The report of a comparison, finished or under way, as far as its runs have come."""

from pathlib import Path
from typing import Any

from stepsize.sqlite_files import refuse_links
from stepsize.store import load_runs
from stepsize.store.database import FILE_NAME
from stepsize.store.run import COMPLETE


def is_comparison(path: Path) -> bool:
    """Whether a path is the directory of a comparison."""
    return (path / FILE_NAME).is_file()


def progress(directory: Path) -> dict[str, Any]:
    """How far the comparison has come; `mark` changes with its store and its report."""
    outcomes = load_runs(directory).outcomes()
    done = sum(run.status in COMPLETE for run in outcomes)
    files = [file.stat() for name in (f"{FILE_NAME}*", "report.html") for file in sorted(directory.glob(name))]
    sentence = f"{done} of {len(outcomes)} runs have finished"
    return {"mark": repr([(each.st_size, each.st_mtime_ns) for each in files]), "progress": sentence}


def report(directory: Path) -> str:
    """The page of the report. Runs that have not ended are drawn as far as they have come.

    Raises:
        DataError: the store is damaged, or the report of a finished comparison is a link.
        MissingExtraError: the extra `lab` is not installed.
    """
    from stepsize.lab import html_report  # late: it loads PyTorch
    from stepsize.store import stored_runs

    finished = directory / "report.html"
    results = load_runs(directory)
    outcomes = results.outcomes()
    refuse_links(finished)
    if all(run.status in COMPLETE for run in outcomes) and finished.is_file():
        return finished.read_text("utf-8")
    settings = results.settings
    names = tuple(dict.fromkeys(run.name for run in outcomes))
    return html_report(
        stored_runs(results),
        f"Comparison of {len(names)} schedules, under way",
        source=str(settings.get("data", "")),
        environment=results.environment,
        planned=len(outcomes),
        names=names,
        seeds=len({run.seed for run in outcomes}),
    )
