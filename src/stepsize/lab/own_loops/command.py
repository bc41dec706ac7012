"""A command that trains: the rule for its text, its process, and the logs that it leaves in the folder of the run."""

import csv
import math
import os
import re
import shlex
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from stepsize.curves.columns import quoted_list
from stepsize.curves.delimited import read_delimited
from stepsize.curves.tensorboard_logs import event_folders, scalars
from stepsize.errors import ArgumentError, DataError, RunError, StepsizeError, one_line, raise_together
from stepsize.lab.directory import OUTPUT
from stepsize.lab.own_loops.training_run import RunPlace, TrainingRun

EXAMPLE = "python train.py --rates {rates} --seed {seed} --out {folder}"
PLACEHOLDERS = ("schedule", "name", "seed", "steps", "folder", "rates")
_WORD = re.compile(r"\{(\w+)\}")
_LAST_LINES = 5  # of the output, in the message of a failure
_LOOK = 1.0  # seconds between two looks for signs of life

# The names of metrics in other programs' logs, by ours.
_OTHER_NAMES = {
    "lr": ("learning_rate", "learning-rate", "rate", "train/lr", "train/learning_rate"),
    "train_loss": ("loss", "train/loss"),
    "train_accuracy": ("train/accuracy", "train/acc", "train_acc"),
    "test_loss": ("test/loss",),
    "test_accuracy": ("test/accuracy", "test/acc", "test_acc"),
}
_OUR_NAMES = {other: ours for ours, others in _OTHER_NAMES.items() for other in others}


def command_rule(owner: str, name: str, value: object) -> str:
    """The rule of a command: words of a shell, with known placeholders."""
    try:
        if not isinstance(value, str) or not shlex.split(value):
            raise ArgumentError(owner, name, "a command", value, "write e.g. {command}", command=EXAMPLE)
    except ValueError as error:  # a quote without its partner
        raise ArgumentError(owner, name, "a command", value, str(error).lower()) from None
    if unknown := sorted(placeholders(value) - {*PLACEHOLDERS}):
        known, others = (", ".join(f"{{{each}}}" for each in words) for words in (PLACEHOLDERS, unknown))
        raise ArgumentError(owner, name, f"a command with no other placeholders than {known}", others)
    return value


def placeholders(command: str) -> set[str]:
    """The words in braces."""
    return set(_WORD.findall(command))


def run_command(run: TrainingRun, place: RunPlace) -> None:
    """Run the command of a run, and log what its logs say."""
    rates = place.journal.with_suffix(".csv")
    with open(rates, "w", newline="", encoding="utf-8") as file:
        rows = [("step", "lr"), *enumerate(run.schedule.sample(run.steps).tolist())]
        csv.writer(file, lineterminator="\n").writerows(rows)
    process = subprocess.Popen(_words(run, place, rates), stdin=subprocess.DEVNULL)
    while process.poll() is None:
        if run.stop:
            process.terminate()
            process.wait()
            return
        if _changed_at(run.folder) > time.time() - 2 * _LOOK:
            os.utime(place.journal)  # it is alive
        with suppress(subprocess.TimeoutExpired):
            process.wait(_LOOK)
    if code := process.returncode:
        how = f"exited with {code}" if code > 0 else f"was ended by {signal.Signals(-code).name}"
        raise RunError(f"the command {how}{last_lines(run.folder / OUTPUT)}")
    steps = _steps_in(run.folder)
    if not steps:
        raise RunError(
            f"the command wrote no log into {run.folder}",
            "let it write a CSV file with a column step, or event files of TensorBoard, into {folder}",
        )
    for step in sorted(steps):
        run.log(step, **steps[step])


def last_lines(file: Path) -> str:
    """The end of a process's output, in parentheses; "" if it wrote nothing."""
    lines = file.read_text("utf-8", errors="replace").splitlines() if file.exists() else []
    last = [line.strip() for line in lines if line.strip()][-_LAST_LINES:]
    return f" ({one_line(' / '.join(last), 600)})" if last else ""


def _words(run: TrainingRun, place: RunPlace, rates: Path) -> list[str]:
    """The words of the command, each with its placeholders filled in, so that values need no quotes."""
    assert place.command is not None
    values = (place.spec.schedule, run.name, run.seed, run.steps, run.folder, rates)
    by_name = dict(zip(PLACEHOLDERS, map(str, values), strict=True))
    return [_WORD.sub(lambda found: by_name[found[1]], word) for word in shlex.split(place.command)]


def _changed_at(folder: Path) -> float:
    latest = 0.0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):  # the command has just moved or removed it
                latest = max(latest, os.stat(os.path.join(place, name)).st_mtime)
    return latest


def _steps_in(folder: Path) -> dict[int, dict[str, float]]:
    """The metrics at each step, from all CSV files and event files in a folder."""
    found: dict[int, dict[str, float]] = {}
    others: list[StepsizeError] = []
    for file in sorted(folder.rglob("*.csv")):
        for table in read_delimited(file):
            if "step" not in table.columns:
                others.append(DataError(f'{file} has no column "step"', f"it has {quoted_list([*table.columns])}"))
                continue
            for row, step in enumerate(table.columns["step"].tolist()):
                if not step >= 0 or step % 1:
                    raise DataError(f"{table.where(row)}: step must be a whole number of at least 0")
                values = {name: float(values[row]) for name, values in table.columns.items() if name != "step"}
                _add(found, int(step), {name: value for name, value in values.items() if not math.isnan(value)})
    places = event_folders(folder)
    for place in places:
        inner = f"{place.relative_to(folder).as_posix()}/" if len(places) > 1 else ""  # Keras has one for validation
        for tag, points in scalars(place).items():
            for step, value in points:
                _add(found, int(step), {f"{inner}{tag}": value})
    if not found:
        raise_together(others)
    return found


def _add(found: dict[int, dict[str, float]], step: int, values: dict[str, float]) -> None:
    """Add the values of a step by our names; if a step was logged again after a resume, the later value counts."""
    found.setdefault(step, {}).update({_OUR_NAMES.get(name, name): value for name, value in values.items()})
