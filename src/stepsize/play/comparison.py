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
    """The page of the report. Runs that have not ended are drawn as far as they have come."""
    from stepsize.lab.comparison import stored_experiment  # late: it loads PyTorch
    from stepsize.lab.report.content import ReportContent
    from stepsize.lab.report.html import content_page
    from stepsize.store import stored_runs

    finished = directory / "report.html"
    results = load_runs(directory)
    outcomes = results.outcomes()
    refuse_links(finished)
    if all(run.status in COMPLETE for run in outcomes) and finished.is_file():
        return finished.read_text("utf-8")
    content = ReportContent.of(results, stored_experiment(results), stored_runs(results))
    count = len(content.experiment.schedules)
    return content_page(content, f"Comparison of {count} schedule{'s' * (count > 1)}, under way")
