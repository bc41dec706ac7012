"""The report of a comparison, in Markdown."""

from collections.abc import Sequence

from stepsize.lab.experiment import Experiment
from stepsize.lab.table import COLUMNS, Row, table
from stepsize.records.run import Run


def report(experiment: Experiment, source: str, steps: int, runs: Sequence[Run]) -> str:
    """What was compared, on which data (in a sentence), for how many steps; the table of the runs; the picture."""
    seeds = ", ".join(str(seed) for seed in experiment.seeds)
    accumulated = f" x {experiment.accumulate} accumulated" if experiment.accumulate > 1 else ""
    paragraphs = [
        f"# Comparison of {len(experiment.schedules)} schedules",
        source,
        f"{experiment.optimizer}, batch size {experiment.batch_size}{accumulated}, "
        f"epochs: {experiment.epochs} ({steps} steps), seeds: {seeds}, on {experiment.device}.",
        "Losses and accuracies are those of the last epoch."
        + (" Spread is the standard deviation over seeds." if len(experiment.seeds) > 1 else ""),
        *_unfinished(experiment, runs),
        markdown(table(runs)),
        "![rate, train loss and test accuracy over steps](comparison.png)",
    ]
    return "\n\n".join(paragraphs) + "\n"


def markdown(rows: Sequence[Row]) -> str:
    """The table, and below it each schedule in its own words."""
    lines = [
        f"| {' | '.join(COLUMNS)} |",
        f"|---|{'---:|' * (len(COLUMNS) - 1)}",
        *(f"| {' | '.join(_cell(cell) for cell in row.cells())} |" for row in rows),
        "",
        *(f"- {_cell(row.name)}: `{row.schedule}`" for row in rows),
    ]
    return "\n".join(lines)


def _unfinished(experiment: Experiment, runs: Sequence[Run]) -> list[str]:
    planned = len(experiment.schedules) * len(experiment.seeds)
    ended = sum(run.status != "interrupted" for run in runs)
    return [] if ended == planned else [f"**{planned - ended} of {planned} runs did not finish and are left out.**"]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
