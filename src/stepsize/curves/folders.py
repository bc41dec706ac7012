"""The logs in a folder, found by the names that tools give them."""

import re
from collections.abc import Iterator
from pathlib import Path

from stepsize.curves.mlflow_logs import is_deleted, is_mlflow_run
from stepsize.curves.store_logs import FILE_NAME
from stepsize.curves.tensorboard_logs import event_files
from stepsize.curves.text_file import head_of
from stepsize.curves.text_logs import is_text_log
from stepsize.errors import DataError

RUN_LOGS = (
    FILE_NAME,  # stepsize
    "trainer_state.json",  # transformers
    "trainer_log.jsonl",  # LLaMA-Factory
    "metrics.csv",  # Lightning
    "summary.csv",  # timm
    "main.log",  # llm.c
    "wandb-history.jsonl",  # Weights & Biases, until 2020
    "output.log",  # Weights & Biases: what the run printed
)
"""Names of the log of a run, the preferred one first."""
_TABLES = (".csv", ".tsv", ".jsonl", ".npz", ".csv.gz", ".tsv.gz", ".jsonl.gz")
_TEXTS = (".log", ".txt", ".out")
_INNER = re.compile(r"(/|^)(checkpoint-\d+|files)$")
"""A folder inside that of the run, which has the run's name."""


def logs_in(folder: Path) -> tuple[list[tuple[str, Path]], list[str]]:
    """The logs at and below a folder, each with the name that its run has by its place; and files that are left out.

    A log is a file, or a folder of event files or of a run of MLflow. Only if no tool is known by its names, all tables
    and text logs directly in the folder count. Beside the folders of such runs they are left out.
    """
    try:
        found = [(_name(folder, place), place) for place in _runs_in(folder)]
        is_run = any(folder in (place, place.parent) for _, place in found)  # whose other files are its own
        others = [] if is_run else [file for file in sorted(folder.iterdir()) if _is_log(file)]
        if not found:
            found, others = [(file.name.partition(".")[0], file) for file in others], []
    except OSError as error:
        raise DataError(f"{folder} cannot be searched: {str(error.strerror).lower()}") from error
    except RecursionError:
        raise DataError(f"{folder} has folders that are nested too deeply") from None
    if not found:
        raise DataError(f"{folder} has no log that stepsize knows", "name the file")
    return found, [file.name for file in others]


def _runs_in(folder: Path) -> Iterator[Path]:
    if is_mlflow_run(folder) and is_deleted(folder):
        return
    own = _own_log(folder)
    if own:
        yield own
        return
    if event_files(folder):
        yield folder
    for inner in sorted(
        each for each in folder.iterdir() if each.is_dir() and not each.is_symlink() and each.name[0] != "."
    ):
        yield from _runs_in(inner)


def _own_log(folder: Path) -> Path | None:
    """The log that a tool has written for the whole folder."""
    if is_mlflow_run(folder):
        return folder
    files = [file for file in (folder / name for name in RUN_LOGS) if file.is_file()]
    checkpoints = sorted(folder.glob("checkpoint-*/trainer_state.json"), key=lambda file: _number(file.parent))
    found = (*files, *checkpoints[-1:], *sorted(folder.glob("run-*.wandb")))
    return next((file for file in found if file.suffix != ".log" or _is_text(file)), None)


def _is_text(file: Path) -> bool:
    return bool(file.stat().st_size) and is_text_log(head_of(file))


def _number(checkpoint: Path) -> int:
    number = checkpoint.name.rpartition("-")[2]
    return int(number) if number.isdecimal() else -1


def _is_log(file: Path) -> bool:
    name = file.name.lower()
    return file.is_file() and (name.endswith(_TABLES) or (name.endswith(_TEXTS) and _is_text(file)))


def _name(folder: Path, place: Path) -> str:
    """The name of a run in `folder` whose log is `place`: the way to it, or the name of the folder."""
    inner = place if place.is_dir() else place.parent
    way = _INNER.sub("", inner.relative_to(folder).as_posix().removeprefix("."))
    return way or folder.absolute().name
