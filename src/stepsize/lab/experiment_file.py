"""Experiments as TOML files."""

import re
import tomllib
from collections.abc import Container, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from stepsize.errors import ArgumentError, DataError, RunError, StepsizeError, shown
from stepsize.lab.experiment import Experiment

EXAMPLE = """\
# An experiment: schedules compared on equal terms. Run it with: stepsize compare experiment.toml
# What is left out has the value shown here.

task = "fashion-mnist"   # or "digits" (seconds), "stdlib-lm" (a small language model),
                         # a folder with Fashion-MNIST's files, or "package.module:function" of yours
epochs = 3
# samples = 10000        # train on the first so many samples only
seeds = [0]              # one run of every schedule for each
batch_size = 256         # samples in a micro-batch
accumulation = 1         # micro-batches to an update
# weight_decay = "Cosine(0.01, 0.0, '100%')"   # a schedule or a number; else the optimizer's own
# clip_norm = 1.0        # bound on the gradient's norm
precision = "fp32"       # or "bf16"
device = "auto"          # or "cpu", "cuda"
engine = "auto"          # or "local" (a process for each run), "stacked" (many runs in one program), "ray" (a cluster)
# runs_at_once = 64      # so many in one program; fewer need less memory
log_every = 50           # updates between two logged points
checkpoint_every = 500   # updates between two checkpoints; stepsize compare --resume DIR goes on from them
# loss_limit = 100.0     # beyond it a run has diverged
tune_peak = 0            # trials, before the comparison, in which each schedule gets its own best peak rate
held_out = false         # true: judge on a fifth of the training set instead of the test set

[optimizer]              # of torch.optim by its name, or "package.module:function"; the rest is given to it
name = "sgd"
# momentum = 0.9

[schedules]              # lengths may have units: "1ep" (epochs), "30%" (of the run), and once "rest"
fixed = "Constant(0.3)"
square-root = 'InversePower(0.1).every("1ep")'
factor = 'Exponential(0.6, 0.8).every("1ep").clip(0.01, 0.6)'
multi-factor = 'MultiStep(0.5, 0.5, ("30%", "80%"))'
cosine = 'Cosine(0.2, 0.02, "100%")'
warmup-cosine = 'Linear(0.0, 0.2, "30%") >> Cosine(0.2, 0.02, "rest")'
"""
"""What `stepsize init` writes: every key with its default."""

_IN_NO_FILE = {
    "functions": "its texts run no code unless you say so, by --functions or replace(experiment, functions=True)",
    "digests": "they are found when it is run",
}
"""Fields of an experiment that are no keys, and why."""


def read_experiment(path: Path | str) -> Experiment:
    """The experiment in a TOML file; what it names, a task or an optimizer, is imported when it is run.

    Raises:
        DataError: there is no such file, or it is no TOML.
        ArgumentError: a key is unknown, or its value cannot be; names the file and the line.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        form = tomllib.loads(text)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from error
    except UnicodeDecodeError as error:
        line, byte = error.object.count(b"\n", 0, error.start) + 1, error.object[error.start]
        raise DataError(f"{path}, line {line}: the byte 0x{byte:02x} is not UTF-8; save the file as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{path} is no TOML: {error}") from error
    try:
        return Experiment.of_dict(_fields(form))
    except ArgumentError as error:
        message = _in_toml(str(error))
        raise ArgumentError(_with_its_line(path, text, message) or f"{path}: {message}") from error


def with_its_place(
    path: Path | str, error: ArgumentError | DataError | RunError, overruled: Container[str]
) -> StepsizeError:
    """The error of an experiment that was read from the file, with the file and the line that it speaks of.

    It stays as it is where it speaks of none, or of a field that was `overruled` beside the file.
    """
    told = _with_its_line(path, Path(path).read_text(encoding="utf-8-sig"), str(error), overruled)
    return type(error)(told) if told else error


def _fields(form: dict[str, Any]) -> dict[str, Any]:
    """The fields of an experiment: the table `optimizer` is two, its name and the rest."""
    for key, why in _IN_NO_FILE.items():
        if key in form:
            raise ArgumentError(f"Experiment has no {shown(key)} in a file: {why}")
    if "schedules" in form:
        _refuse_what_is_no_schedule(form["schedules"])
    optimizer = form.get("optimizer")
    if not isinstance(optimizer, dict):
        return form
    if "name" not in optimizer:
        raise ArgumentError(f'[optimizer] must have a name, such as name = "sgd", got {shown(optimizer)}')
    arguments = {key: value for key, value in optimizer.items() if key != "name"}
    return {**form, "optimizer": optimizer["name"], "optimizer_args": arguments}


def _refuse_what_is_no_schedule(schedules: Any) -> None:
    """ArgumentError for a table of schedules that is none, in TOML's words."""
    example = """cosine = 'Cosine(0.2, 0.02, "100%")'"""
    if not isinstance(schedules, dict):
        raise ArgumentError(
            f"[schedules] must be a table, got {shown(schedules)}; write [schedules] and then {example}"
        )
    if not schedules:
        raise ArgumentError(f"[schedules] must have a schedule at least, such as {example}")
    for name, given in schedules.items():
        if not name.strip():
            raise ArgumentError(f"schedule {shown(name)} must have a name, such as {example}")
        if not isinstance(given, str):
            number = isinstance(given, int | float) and not isinstance(given, bool) and name not in _SETTINGS
            advice = f'; for a constant rate write "Constant({given})"' if number else ""
            raise ArgumentError(f"schedule {shown(name)} must be a text, got {shown(given)}{advice}")


_SETTINGS = {field.name for field in fields(Experiment)} - _IN_NO_FILE.keys()
_PYTHONS = (
    (r"(?<![\w'\"])True(?![\w'\"])", "true"),
    (r"(?<![\w'\"])False(?![\w'\"])", "false"),
    (r"\b(write|got) \(([^()]*?),?\)", r"\1 [\2]"),
    (r"\{(['\"])(\w+)\1: ", r"{\2 = "),
)
"""What Python writes otherwise than TOML."""


def _in_toml(message: str) -> str:
    """A message about values as TOML writes them."""
    for python, toml in _PYTHONS:
        message = re.sub(python, toml, message)
    return message


@dataclass(frozen=True)
class _Entry:
    """A key with the table that it is in, its value where that is a text, and its line; a table is a key too."""

    table: str
    key: str
    value: str
    line: int


_SPOKEN_OF = (
    (r"(?:the )?schedule '([^']*)'", "schedules"),
    (r"Experiment\(optimizer_args\['([^']+)'\]", "optimizer"),
    (r"the optimizer '[^']*' (?:takes no|does not take) '([^']+)'", "optimizer"),
    (r"Experiment\((\w+)", ""),
    (r"Experiment has no '([^']+)'", ""),
    (r"\[(\w+)\]", ""),
    (r"(weight_decay)\b", ""),
    (r"(?:no|the) (task)\b", ""),
)
"""How messages begin that name a key, and the table that it is in."""


def _with_its_line(path: Path | str, text: str, message: str, overruled: Container[str] = ()) -> str:
    """The message with the place in the file that it speaks of; "" where it speaks of none."""
    entry = _spoken_of([each for each in _written(text) if (each.table or each.key) not in overruled], message)
    if entry is None:
        return ""
    told = f"{path}, line {entry.line}: {message}"
    if entry.table and entry.key in _SETTINGS and (entry.table, entry.key) != ("optimizer", "weight_decay"):
        told += "\n" if "\n" in message else "; "
        told += f"if {entry.key} is the experiment's setting, write it above the tables: here it is in [{entry.table}]"
    return told


def _spoken_of(written: list[_Entry], message: str) -> _Entry | None:
    """The entry that is named where the message begins, or else one with a value that it quotes."""
    for beginning, table in _SPOKEN_OF:
        if named := re.match(beginning, message):
            for entry in written:
                if (entry.table, entry.key) == (table, named[1]):
                    return entry
    for entry in written:
        if entry.value and any(f"{quote}{entry.value}{quote}" in message for quote in "\"'"):
            return entry
    return None


def _written(text: str) -> Iterator[_Entry]:
    """Every entry of the file, in its order."""
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[\s*([\w-]+)\s*\]", line):
            table = header[1]
            yield _Entry("", table, "", number)
        elif pair := re.match(r"""\s*(?:"([^"]*)"|'([^']*)'|([\w.-]+))\s*=\s*(?:(["'])(.*?)\4)?""", line):
            key = next(each for each in pair.groups() if each is not None)
            yield _Entry(table, key, pair[5] or "", number)
