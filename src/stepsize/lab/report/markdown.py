"""The report of a comparison in Markdown, its title, and its settings in words; and texts that are no markup."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath

from stepsize.errors import one_line
from stepsize.lab.experiment import Experiment
from stepsize.lab.own_loops.task import OF_OUR_LOOP
from stepsize.lab.report.content import ReportContent
from stepsize.lab.report.summary_table import Runs, SummaryTable, summary_table
from stepsize.lab.report.tables import LONGEST, Table, grouped, heading, judged_label, tables
from stepsize.lab.tasks.by_name import AnyTask
from stepsize.lab.tuning import HOW_TUNED, TRIAL_COLUMNS
from stepsize.plots.curves import printable

HELD_OUT = (
    "The runs were judged on a fifth of the training set, which was held out and not trained on; the test set was not "
    "looked at."
)

UNNAMED = "task"  # the default name of a Task

# The settings that the report lists if they are not the defaults; the others have a place of their own in it, or do not
# change what is trained.
_LISTED = (
    "samples",
    "drop_last",
    "weight_decay",
    "feedback",
    "clip_norm",
    "precision",
    "loss_limit",
    "metric",
    "mode",
    "timeout",
)


def markdown_report(content: ReportContent, title: str) -> str:
    """The report of a comparison: what was compared, on which data, the table, the picture, the trials."""
    experiment, runs, terms, steps = content.experiment, content.runs, content.terms, content.steps
    table = summary_table(runs, terms, content.remarks)
    accurate = f"{terms.judged_on} accuracy" in table.columns
    judged = f"{terms.judged_on} {'accuracy' if accurate else 'loss'}"
    if terms.headline is not None:
        judged = judged_label(terms.headline, terms.judged_on)
    if content.trains_itself:
        how, which = f"{steps} steps", "Each metric is the last value that a run logged."
    else:
        how = f"{_training(experiment)}, epochs: {experiment.epochs} ({steps} steps)"
        which = f"{'Losses and accuracies' if accurate else 'Losses'} are those of the last epoch."
    if len(experiment.seeds) > 1:
        which += " Spread is the standard deviation over seeds."
    if content.accuracy:
        which += f" Accuracy: {_cell(content.accuracy)}."
    others = tables(grouped(runs, terms.names), terms)[1:]
    missing, verb = content.missing, "is" if content.missing == 1 else "are"
    paragraphs = [
        f"# {_cell(title)}",
        _cell(content.source),
        f"{how}, seeds: {', '.join(map(str, experiment.seeds))}, on {experiment.device}{_others(experiment)}.",
        which,
        *([HELD_OUT] if experiment.held_out else []),
        *([f"**{missing} of {content.planned} runs did not finish and {verb} left out.**"] if missing else []),
        markdown_table(table, runs),
        f"![rate, train loss and {_cell(judged)} over steps](comparison.png)",
        *_others_table([each for each in others if each.metric.label not in table.columns]),
    ]
    if trials := content.trials:
        paragraphs += ["## Peak rates", HOW_TUNED, _grid(TRIAL_COLUMNS, [trial.cells() for trial in trials])]
    return "\n\n".join(paragraphs) + "\n"


def report_title(content: ReportContent, task: AnyTask) -> str:
    """`Test accuracy of lenet on fashion-mnist under 6 schedules`, as far as it is known."""
    experiment, terms = content.experiment, content.terms
    found = tables(grouped(content.runs, terms.names), terms)
    metric = heading(found[0].metric) if found else "Results"
    named = experiment.task if task.name == UNNAMED else task.name
    name = named if experiment.command else PurePath(named).name  # the file of a function, without its folder
    name, network = (one_line(printable(text), LONGEST) for text in (name, task.network))
    count = len(experiment.schedules)
    under = f"{count} schedules" if count > 1 else "one schedule"
    return f"{metric} of {f'{network} on ' if network else ''}{name} under {under}"


def markdown_table(table: SummaryTable, runs: Runs) -> str:
    """The summary table of some runs in Markdown, with its notes and the text of each schedule."""
    schedules = {run.name: run.schedule for run in runs}
    listed = "\n".join(f"- {_cell(name)}: {in_markdown(Code(schedule))}" for name, schedule in schedules.items())
    return "\n\n".join([_grid(table.columns, table.lines), *map(_cell, table.notes), listed])


def _others_table(found: Sequence[Table]) -> list[str]:
    """The means of the other metrics; nothing if there are none."""
    if not found:
        return []
    columns = ("schedule", *(table.metric.label for table in found))
    lines = [
        (each[0].finding.name, *(line.value for line in each))
        for each in zip(*(table.lines for table in found), strict=True)
    ]
    return ["## Other metrics", _grid(columns, lines)]


def settings_shown(content: ReportContent) -> dict[str, object]:
    """The settings of a comparison, without those that its task does not get.

    What is off is left out, and so is the device, which the environment names.
    """
    experiment = content.experiment
    unused = {"device"}
    if content.trains_itself:
        unused |= {*OF_OUR_LOOP, "epochs", "batch_size", "accumulation"}
    if experiment.command is not None:
        unused.add("task")  # which it takes the place of
    if not experiment.until_told:
        unused.add("most_seeds")
    values = experiment.as_dict() | {"steps": content.steps}
    off = (None, False, "", 0, "inf")
    return {name: value for name, value in values.items() if name not in unused and value not in (*off, [], {})}


def _training(experiment: Experiment) -> str:
    optimizer = f"{experiment.optimizer} {_listed(in_words(dict(experiment.optimizer_args)), '({})')}".rstrip()
    batches = f"batch size {experiment.batch_size}" if experiment.batch_size else "batches of the task's own"
    return f"{optimizer}, {batches}" + (
        f" x {experiment.accumulation} accumulated" if experiment.accumulation > 1 else ""
    )


def _others(experiment: Experiment) -> str:
    values, defaults = experiment.as_dict(), Experiment().as_dict()
    return _listed(in_words({name: values[name] for name in _LISTED if values[name] != defaults[name]}), "; {}")


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
    """A text that is a cell, a heading or a paragraph, on one line."""
    return in_markdown(printable(text))


class Code(str):
    """A piece of text that is set in the letters of a typewriter."""


def in_markdown(piece: str) -> str:
    """A piece of a sentence, or of code if it is `Code`; characters that cannot be printed become blanks."""
    text = "".join(sign if sign.isprintable() else " " for sign in piece)
    if isinstance(piece, Code):
        fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
        return f"{fence} {text} {fence}" if "`" in text else f"`{text}`" if text else ""
    return re.sub(r"([\\`*_\[\]<>#|$~&])", r"\\\1", text)
