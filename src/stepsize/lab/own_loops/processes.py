"""The processes of training loops of the user's own: how they start, on this machine or with Ray, and end."""

import os
import pickle
import platform
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Protocol

import torch

from stepsize.errors import RunError
from stepsize.lab.directory import OUTPUT
from stepsize.lab.engines.runs import reason
from stepsize.lab.environment import THREADS
from stepsize.lab.own_loops.training_run import RunPlace

_START = (
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); "
    "from stepsize.lab.own_loops.main import main; main()"
)


class Process(Protocol):
    """The process of a run, on this machine or on another."""

    def exit_code(self) -> int | None:
        """None while it runs; -9 if it was ended by the signal 9."""

    def kill(self) -> None:
        """End it and all that it has started."""


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
    """A process on this machine."""

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
    """A process on a machine of a Ray cluster; the cluster must share the disk of the results."""

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
