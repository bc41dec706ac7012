"""Experiments as TOML files."""

import re
import tomllib
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Any

from stepsize.arguments import shown
from stepsize.errors import ArgumentError, DataError, StepsizeError
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


def read_experiment(path: Path | str) -> Experiment:
    """The experiment in a TOML file.

    Raises:
        DataError: there is no such file, or it is no TOML.
        ArgumentError: a key is unknown, or its value cannot be; names the file and the line.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        form = tomllib.loads(text)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is no TOML: {error}") from error
    try:
        return Experiment.of_dict(_fields(form))
    except ArgumentError as error:
        raise ArgumentError(f"{path}{_line(text, str(error))}: {error}") from error


def with_its_place(path: Path | str, error: ArgumentError | DataError, overruled: Container[str]) -> StepsizeError:
    """The error of an experiment that was read from the file, with the file and the line that it speaks of.

    It stays as it is where it speaks of none, or of a field that was `overruled` beside the file.
    """
    line = _line(Path(path).read_text(encoding="utf-8"), str(error), overruled)
    return type(error)(f"{path}{line}: {error}") if line else error


def _fields(form: dict[str, Any]) -> dict[str, Any]:
    """The table `optimizer` is two fields of an experiment: its name, and the rest."""
    optimizer = form.get("optimizer")
    if not isinstance(optimizer, dict):
        return form
    if "name" not in optimizer:
        raise ArgumentError(f'[optimizer] must have a name, such as name = "sgd", got {shown(optimizer)}')
    arguments = {key: value for key, value in optimizer.items() if key != "name"}
    return {**form, "optimizer": optimizer["name"], "optimizer_args": arguments}


_SPOKEN_OF = (
    (r"(?:the )?schedule '([^']+)'", "schedules"),
    (r"Experiment\(optimizer_args\['([^']+)'\]", "optimizer"),
    (r"Experiment\((\w+)", ""),
    (r"Experiment has no '([^']+)'", ""),
    (r"\[(optimizer)\]", ""),
    (r"(weight_decay)\b", ""),
)
"""How messages begin that name a key, and the table that it is in."""


def _line(text: str, message: str, overruled: Container[str] = ()) -> str:
    """`, line 7` where the key is written that the message speaks of, or else a value that it quotes; "" for none."""
    written = [each for each in _written(text) if (each[0] or each[1]) not in overruled]
    for beginning, table in _SPOKEN_OF:
        if named := re.match(beginning, message):
            for place, key, _, number in written:
                if (place, key) == (table, named[1]):
                    return f", line {number}"
    for _, _, value, number in written:
        if value and any(f"{quote}{value}{quote}" in message for quote in "\"'"):
            return f", line {number}"
    return ""


def _written(text: str) -> Iterator[tuple[str, str, str, int]]:
    """Every key with the table that it is in, its value where that is a text, and its line; a table is a key too."""
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[\s*([\w-]+)\s*\]", line):
            table = header[1]
            yield "", table, "", number
        elif pair := re.match(r"""\s*["']?([^=#]+?)["']?\s*=\s*(?:(["'])(.*?)\2)?""", line):
            yield table, pair[1], pair[3] or "", number
