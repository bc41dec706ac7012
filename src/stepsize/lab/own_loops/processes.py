"""The processes of own training loops: started here or by Ray, each makes one run.

A process is the leader of a session, so that all that the loop starts can be ended with it. Its standard input is a
pipe from the process that started it: first a description of the run, then nothing, and its end if that process dies.
"""

import os
import pickle
import platform
import random
import select
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stepsize.errors import RunError
from stepsize.lab.directory import OUTPUT
from stepsize.lab.engines.failures import account, reason
from stepsize.lab.environment import THREADS
from stepsize.lab.own_loops.command import run_command
from stepsize.lab.own_loops.training_run import Journal, RunPlace, TrainingRun
from stepsize.lab.seeding import seeded_draws
from stepsize.schedules.function import imported
from stepsize.store.database import FILE_NAME

_START = (
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); "
    "from stepsize.lab.own_loops.processes import main; main()"
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC
_NOT_FILES = ("/dev", "/proc", "/sys")


def start(place: RunPlace) -> subprocess.Popen[bytes]:
    """Start the process of a run; what it prints goes to a file in the folder of the run.

    It has one thread for linear algebra, unless the environment asks for more.
    """
    place.folder.mkdir(parents=True, exist_ok=True)
    threads = {name: os.environ.get(name, str(THREADS)) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    with open(place.folder / OUTPUT, "ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-u", "-c", _START],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **threads, "CUDA_VISIBLE_DEVICES": place.visible},
            start_new_session=True,
        )
    assert process.stdin is not None
    try:
        process.stdin.write(pickle.dumps(sys.path) + pickle.dumps(place))
        process.stdin.flush()
    except BrokenPipeError:
        pass  # it has died, as its exit code says
    return process


class LocalProcess:
    """A process on this machine; its exit code is None while it runs, and a kill ends all that it has started too."""

    def __init__(self, place: RunPlace) -> None:
        self._process = start(place)

    def exit_code(self) -> int | None:
        code = self._process.poll()
        if code is not None:
            self._close()
        return code

    def kill(self) -> None:
        with suppress(ProcessLookupError):  # none of its session is left
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._close()

    def _close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()


class RayTask:
    """A process on a machine of a Ray cluster; the cluster must share the disk of the results.

    If the process cannot be started there, `exit_code` raises RunError.
    """

    def __init__(self, cluster: Any, place: RunPlace) -> None:
        self._ray = cluster
        self._task = cluster.remote(num_cpus=1, max_retries=0)(_in_task).remote(place, sys.path)

    def exit_code(self) -> int | None:
        if not self._ray.wait([self._task], timeout=0)[0]:
            return None
        try:
            return int(self._ray.get(self._task))
        except self._ray.exceptions.RayTaskError as error:
            raise RunError(reason(error.cause)) from error
        except self._ray.exceptions.RayError:  # the task was lost or cancelled, and its process with it
            return -signal.SIGKILL

    def kill(self) -> None:
        self._ray.cancel(self._task, force=True)


Process = LocalProcess | RayTask


def _in_task(place: RunPlace, module_folders: Sequence[str]) -> int:
    """Make a run on any machine of a cluster, and return the exit code of its process."""
    if not place.journal.parent.is_dir():
        raise RunError(
            f"the machine {platform.node()} of the Ray cluster does not have the folder {place.journal.parent}",
            "put the results on a disk that all machines share",
        )
    sys.path.extend(folder for folder in module_folders if folder not in sys.path)
    return start(place).wait()


def visible_gpus(device: str) -> list[str]:
    """The GPUs that runs may use, as CUDA_VISIBLE_DEVICES names them; none if the device is not a GPU."""
    name = str(torch.device(device))
    if not name.startswith("cuda"):
        return []
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    every = named.split(",") if named else [str(index) for index in range(torch.cuda.device_count())]
    return every if name == "cuda" else [every[int(name.partition(":")[2])]]


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
