"""The process of one run of a training loop of the user's own.

It is the leader of a session, so that all that the loop starts can be ended with it. Its standard input is a pipe
from the process that started it: first a description of the run, then nothing, and its end if that process dies.
"""

import os
import pickle
import random
import select
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stepsize.lab.engines.runs import account, reason
from stepsize.lab.own_loops.command import run_command
from stepsize.lab.own_loops.training_run import Journal, RunPlace, TrainingRun
from stepsize.lab.seeding import seeded_draws
from stepsize.schedules.function import imported
from stepsize.store.database import FILE_NAME

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC
_NOT_FILES = ("/dev", "/proc", "/sys")


def main() -> None:
    """Make the run that standard input describes; the end of its journal says how it ended."""
    place: RunPlace = pickle.load(sys.stdin.buffer)
    pipe = os.dup(0)
    if select.select([pipe], [], [], 0)[0]:
        return  # the process that started this one has died
    threading.Thread(target=_end_with_parent, args=(pipe,), daemon=True).start()
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    journal = Journal(place.journal)
    with _noticed_writes(place, journal):
        try:
            make_run(place, TrainingRun(place, journal))
        except BaseException as error:
            if isinstance(error, SystemExit) and not error.code:
                journal.end()  # sys.exit() at the end of a script is a return
                return
            traceback.print_exc()
            journal.end(reason(error), account(error))
        else:
            journal.end()


def make_run(place: RunPlace, run: TrainingRun) -> None:
    """Run the command or the training loop of a run; what it draws depends on the seed of the run alone."""
    if place.command is not None:
        run_command(run, place)
        return
    with seeded_draws(0):  # as the task was loaded in the first process
        train = imported("load_task", "task", place.task)
    random.seed(run.seed)
    np.random.seed(run.seed % 2**32)  # noqa: NPY002  (NumPy's global generator, which the loop may draw from)
    torch.manual_seed(run.seed)
    train(run)


def _end_with_parent(pipe: int) -> None:
    """End this process and all that it has started when the process that started it has died."""
    os.read(pipe, 1)
    os.killpg(0, signal.SIGKILL)


@contextmanager
def _noticed_writes(place: RunPlace, journal: Journal) -> Iterator[None]:
    """Notice, once, a file that is written outside the folder of the run: another run would overwrite it."""
    here, outside, results = os.path.realpath("."), list[str](), os.path.realpath(place.journal.parent.parent)
    temporary, cache = os.path.realpath(tempfile.gettempdir()), os.environ.get("XDG_CACHE_HOME", "/dev")
    folders = [results, sys.prefix, os.path.realpath(cache), *_NOT_FILES]
    folders += [] if f"{here}{os.sep}".startswith(f"{temporary}{os.sep}") else [temporary]
    allowed = (*(f"{folder}{os.sep}" for folder in folders), os.path.expanduser(f"~{os.sep}."))  # settings and caches

    def look(event: str, arguments: tuple[Any, ...]) -> None:
        if event != "open" or outside:
            return
        path, _, flags = arguments
        if not isinstance(path, str) or not isinstance(flags, int) or not flags & _WRITING:
            return
        full = os.path.realpath(path)
        if not full.startswith(allowed) and "__pycache__" not in full:
            outside.append(full)

    before = set(os.listdir(here))
    sys.addaudithook(look)
    try:
        yield
    finally:
        names = [name for name in os.listdir(here) if name not in before and not name.startswith((".", "__pycache__"))]
        new = [path for path in (os.path.join(here, name) for name in names) if not _has_results(Path(path))]
        why = "runs at the same time overwrite each other's files there"
        if outside:
            journal.note(f"wrote {outside[0]}, outside its folder: {why}")
        elif new:
            journal.note(f"{new[0]} appeared during the run, outside its folder: if the run wrote it, {why}")


def _has_results(path: Path) -> bool:
    """Whether it is a folder of another comparison, which has begun since, or of several."""
    return any(any(path.glob(pattern)) for pattern in (FILE_NAME, f"*/{FILE_NAME}"))
