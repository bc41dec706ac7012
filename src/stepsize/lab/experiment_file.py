"""Experiments as TOML files."""

import json
import re
import tomllib
from collections.abc import Container, Mapping
from dataclasses import dataclass, fields
from datetime import date, time
from pathlib import Path
from typing import Any

from stepsize.arguments import refuse_unknown
from stepsize.errors import (
    ArgumentError,
    DataError,
    StepsizeError,
    Words,
    gathered,
    name_and_item,
    one_line,
    quoted,
    raise_together,
    shown,
)
from stepsize.lab.experiment import Experiment

# What `stepsize init` writes: every key with its default.
EXAMPLE = """\
# An experiment: schedules compared on equal terms. Run it with: stepsize compare experiment.toml
# What is left out has the value shown here.

task = "fashion-mnist"   # or "digits" (seconds), "stdlib-lm" (a small language model),
                         # a folder with Fashion-MNIST's files, or "package.module:function" of yours
epochs = 3
# steps = 1000           # updates of a run, for a training loop, a command, or a loader without a length
# samples = 10000        # train on the first 10000 samples only
seeds = [0]              # one run of every schedule for each
# batch_size = 256       # samples in a micro-batch; a task with loaders has its own
accumulation = 1         # micro-batches in an update
drop_last = false        # true: leave out the samples at the end of an epoch that do not fill a micro-batch
# weight_decay = "Cosine(0.01, 0.0, '100%')"   # a schedule or a number; else the optimizer's own
# clip_norm = 1.0        # bound on the gradient's norm
precision = "fp32"       # or "bf16"
device = "auto"          # or "cpu", "cuda"
engine = "auto"          # or "local" (a process for each run), "stacked" (many runs in one program), "ray" (a cluster)
# runs_at_once = 64      # at most 64 in one program; fewer need less memory
log_every = 50           # updates between two logged points
checkpoint_every = 500   # updates between two checkpoints; stepsize compare --resume DIR goes on from them
# loss_limit = 100.0     # beyond it a run has diverged
# until_told = true      # add seeds in rounds until each difference to the first schedule is told apart from zero,
# margin = 0.005         # or shown to be smaller than this,
# most_seeds = 20        # or until there are 20 seeds
# metric = "test_loss"   # the metric on which runs are judged first; else test accuracy, or the loss if there is none
# mode = "min"           # or "max": which values of the metric are better
# command = "python train.py --rates {rates} --out {folder}"   # a program that trains one run, instead of a task
# timeout = 600          # seconds without a log after which a training loop of your own, or a command, has failed
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

[feedback]               # multiplies the rates of a schedule when a metric stops improving
# fixed = 'Plateau(factor=0.5, patience=2, mode="max", metric="test_accuracy")'
"""

_KEY, _DEEPEST = re.compile(r"""\s*(?:[\w-]+|"[^"]*"|'[^']*')\s*"""), 50
_NOT_IN_A_FILE = {
    "functions": "allow a file's texts to run code with --functions or replace(experiment, functions=True)",
    "digests": "they are computed when the experiment starts",
    "optimizer_args": "write the arguments below [optimizer], beside its name",
}
_SETTINGS = [field.name for field in fields(Experiment) if field.name not in _NOT_IN_A_FILE]


def read_experiment(path: Path | str) -> Experiment:
    """The experiment in a TOML file; the task and the optimizer that it names are imported when it runs.

    Raises:
        DataError: the file cannot be read, or is not TOML.
        ArgumentError: keys are unknown or have values that are not allowed; names the file and the line of each.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        _refuse_deep_keys(path, text)
        form = tomllib.loads(text)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from error
    except UnicodeDecodeError as error:
        line, byte = error.object.count(b"\n", 0, error.start) + 1, error.object[error.start]
        raise DataError(f"{path}, line {line}: the byte 0x{byte:02x} is not UTF-8", "save the file as UTF-8") from error
    except (tomllib.TOMLDecodeError, ValueError, RecursionError) as error:  # Python refuses long numbers
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else error
        advice = "write a name with a blank or such signs in quotes" if "after a key" in str(reason) else ""
        raise DataError(f"{path} is not TOML: {reason}", advice) from error
    try:
        return _experiment(form)
    except StepsizeError as error:
        error.words = InFile(path, _lines(text))
        raise


def _refuse_deep_keys(path: Path | str, text: str) -> None:
    """Refuse keys such as a.a.a.a with thousands of parts, for which Python's reader takes gigabytes."""
    for number, line in enumerate(text.splitlines(), start=1):
        deep = 0
        for part in line.split(".") if line.count(".") > _DEEPEST else ():
            deep = deep + 1 if _KEY.fullmatch(part) else 0
            if deep > _DEEPEST:
                raise DataError(f"{path}, line {number}: a key has more than {_DEEPEST} parts")


def locate(error: StepsizeError, path: Path | str, overruled: Container[str]) -> None:
    """Let the error of an experiment that was read from `path` name the line that it is about.

    An error that is about no key of the file, or about one that was `overruled` beside the file, stays as it is.
    """
    lines = _lines(Path(path).read_text(encoding="utf-8-sig"))
    words = InFile(path, {(table, key): lines[table, key] for table, key in lines if (table or key) not in overruled})
    if any(map(words.entry, error.problems)):
        error.words = words


def _experiment(form: dict[str, Any]) -> Experiment:
    """The table `optimizer` of a file is two fields of an experiment: its name, and the other arguments."""
    errors: list[StepsizeError] = []
    for key in [key for key in form if key in _NOT_IN_A_FILE]:
        errors.append(ArgumentError("an experiment file", key, "", None, _NOT_IN_A_FILE[key]))
    with gathered(errors):
        refuse_unknown("Experiment", [key for key in form if key not in _NOT_IN_A_FILE], _SETTINGS)
    fields_of_file = {key: value for key, value in form.items() if key in _SETTINGS}
    optimizer = form.get("optimizer")
    if isinstance(optimizer, dict):
        arguments = {key: value for key, value in optimizer.items() if key != "name"}
        if "name" in optimizer:
            fields_of_file |= {"optimizer": optimizer["name"], "optimizer_args": arguments}
        else:
            del fields_of_file["optimizer"]
            advice = 'write e.g. name = "sgd"'
            errors.append(ArgumentError("Experiment", "optimizer", "a table with a name", optimizer, advice))
    with gathered(errors):
        experiment = Experiment.of_dict(fields_of_file)
    raise_together(errors)
    return experiment


@dataclass(frozen=True)
class InFile(Words):
    """Arguments of an experiment as keys of a TOML file; `lines` has the line of each key with its table."""

    path: Path | str
    lines: Mapping[tuple[str, str], int]

    def entry(self, error: StepsizeError) -> tuple[str, str] | None:
        """The table and the key that an error is about."""
        key = error.key or (error.argument if error.owner in ("Experiment", "an experiment file") else "")
        base, item = name_and_item(key)
        if base in ("optimizer", "optimizer_args"):
            places = [("optimizer", item or error.argument), ("optimizer", "name"), ("", "optimizer"), ("", base)]
        else:
            places = [(base, item), ("", base)]
        return next((place for place in places if place in self.lines), None)

    def argument(self, owner: str, name: str) -> str:
        """A key: that of an item after the key of its table."""
        if owner not in ("Experiment", "load_task"):
            return super().argument(owner, name)
        base, item = name_and_item(name)
        if isinstance(item, int):  # of an array
            return name
        table = {"optimizer_args": "optimizer"}.get(base, base)
        return f"{table}.{item}" if item else table

    def value(self, value: Any) -> str:
        return one_line(_toml(value), 60)

    def rule(self, rule: str) -> str:
        return rule.replace("a sequence", "an array").replace("a boolean", "true or false")

    def setting(self, owner: str, name: str, value: Any) -> str:
        """`seeds = [3]`; a file cannot allow functions, so that is the option beside it."""
        if name == "functions":
            return "--functions beside the file"
        return f"{name} = {'...' if value is ... else _toml(value)}"

    def unknown(self, owner: str, name: str) -> str:
        """`unknown key "epoch"`."""
        return f"unknown key {quoted(name)}" if owner == "Experiment" else super().unknown(owner, name)

    def place(self, error: StepsizeError) -> str:
        entry = self.entry(error)
        return f"{self.path}: " if entry is None else f"{self.path}, line {self.lines[entry]}: "

    def hint(self, error: StepsizeError) -> str:
        """Where a setting belongs that was written below the header of a table."""
        table, key = self.entry(error) or ("", "")
        if not table or key not in {*_SETTINGS} - {"weight_decay"}:
            return ""
        return f"if {key} is the experiment's setting, write it above the tables: here it is in [{table}]"


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key} = {_toml(each)}' for key, each in value.items())}}}"
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, float):
        return repr(value)  # inf and nan, not Infinity and NaN
    if isinstance(value, date | time):  # a datetime is a date
        return str(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return shown(value)  # a number of thousands of digits has no text
    return json.dumps(value, ensure_ascii=False, default=str)


def _lines(text: str) -> dict[tuple[str, str], int]:
    """The first line of each key with its table, "" for none; a table is a key too."""
    lines: dict[tuple[str, str], int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[{1,2}\s*([\w-]+)\s*(?:\.\s*([\w-]+)\s*)?\]", line):
            table = header[1]
            places = [("", table), *([(table, header[2])] if header[2] else [])]
        elif dotted := re.match(r"\s*([\w-]+)\s*\.\s*([\w-]+)\s*=", line):
            places = [("", dotted[1]), (dotted[1], dotted[2])]
        elif pair := re.match(r"""\s*(?:"([^"]*)"|'([^']*)'|([\w-]+))\s*=""", line):
            places = [(table, next(each for each in pair.groups() if each is not None))]
        else:
            places = []
        for place in places:
            lines.setdefault(place, number)
    return lines
