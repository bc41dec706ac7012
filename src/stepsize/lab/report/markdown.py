"""The report of a comparison, in Markdown."""

import re
from collections.abc import Iterable, Mapping, Sequence

from stepsize.lab.experiment import Experiment
from stepsize.lab.report.closing import Timed, closing_table, columns, table
from stepsize.lab.report.settings import HELD_OUT, in_words, unusual
from stepsize.lab.tuning import HOW_TUNED, TRIAL_COLUMNS, Trial
from stepsize.lab.watching import COMPLETE


def report(experiment: Experiment, source: str, steps: int, runs: Sequence[Timed], trials: Sequence[Trial] = ()) -> str:
    """What was compared, on which data (in a sentence), for how many steps; the table, the picture, the trials."""
    accurate = "test accuracy" in columns(table(runs))
    judged = f"{experiment.judged_on} {'accuracy' if accurate else 'loss'}"
    optimizer = f"{experiment.optimizer} {_listed(in_words(dict(experiment.optimizer_args)), '({})')}".rstrip()
    others = _listed(unusual(experiment), "; {}")
    seeds = ", ".join(str(seed) for seed in experiment.seeds)
    accumulated = f" x {experiment.accumulation} accumulated" if experiment.accumulation > 1 else ""
    paragraphs = [
        f"# Comparison of {len(experiment.schedules)} schedules",
        source,
        f"{optimizer}, batch size {experiment.batch_size}{accumulated}, "
        f"epochs: {experiment.epochs} ({steps} steps), seeds: {seeds}, on {experiment.device}{others}.",
        f"{'Losses and accuracies' if accurate else 'Losses'} are those of the last epoch."
        + (" Spread is the standard deviation over seeds." if len(experiment.seeds) > 1 else ""),
        *([HELD_OUT] if experiment.held_out else []),
        *_unfinished(experiment, runs),
        markdown(runs, [name for name, _ in experiment.schedules], len(experiment.seeds), experiment.judged_on),
        f"![rate, train loss and {judged} over steps](comparison.png)",
    ]
    if trials:
        paragraphs += ["## Peak rates", HOW_TUNED, _grid(TRIAL_COLUMNS, [trial.cells() for trial in trials])]
    return "\n\n".join(paragraphs) + "\n"


def markdown(
    runs: Sequence[Timed], names: Sequence[str] = (), seeds: int | None = None, judged_on: str = "test"
) -> str:
    """The table, as `closing_table` has it; below it what is to be said of it, and each schedule in its own words."""
    closing = closing_table(runs, names, seeds, judged_on)
    schedules = {run.name: run.schedule for run in runs}
    paragraphs = [
        _grid(closing.columns, closing.lines),
        *map(_cell, closing.notes),
        "\n".join(f"- {_cell(name)}: `{schedule}`" for name, schedule in schedules.items()),
    ]
    return "\n\n".join(paragraphs)


def _grid(columns: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [f"| {' | '.join(map(_cell, line))} |" for line in (columns, *lines)]
    return "\n".join([rows[0], f"|---|{'---:|' * (len(columns) - 1)}", *rows[1:]])


def _unfinished(experiment: Experiment, runs: Sequence[Timed]) -> list[str]:
    planned = len(experiment.schedules) * len(experiment.seeds)
    ended = sum(run.status in COMPLETE for run in runs)
    return [] if ended == planned else [f"**{planned - ended} of {planned} runs did not finish and are left out.**"]


def _listed(values: Mapping[str, str], within: str) -> str:
    return within.format(", ".join(f"{name} {value}" for name, value in values.items())) if values else ""


def _cell(text: str) -> str:
    """The text on one line, with nothing in it that Markdown would read as more."""
    return re.sub(r"([\\`*_\[\]<>#|$])", r"\\\1", " ".join(text.split()))
