"""Joining a Ray cluster with the user's code, or starting a local Ray."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from stepsize.errors import MissingExtraError, RunError
from stepsize.lab.engines.ray_address import cluster_address
from stepsize.lab.engines.ray_code import Code
from stepsize.lab.engines.runs import cores

_STORE_BYTES = 100 * 2**20  # of the object store of a local Ray, which holds the checkpoints of the runs in progress
_QUIET = {"log_to_driver": False, "logging_level": "ERROR"}


def ray_module() -> Any:
    """The package.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import ray
    except ModuleNotFoundError as error:
        raise MissingExtraError.naming("Ray", "ray") from error
    return ray


@contextmanager
def joined_cluster(workers: int | None, code: Code) -> Iterator[tuple[Any, Code]]:
    """Ray, connected to the running cluster or to a local Ray until the end of the block; and what its nodes got.

    The cluster gets a copy of the code's folder. A Ray to which the user has connected is used as it is.

    Raises:
        RunError: the cluster does not answer, or does not take this process.
    """
    ray = ray_module()
    if ray.is_initialized():
        unsent = "give ray.init a runtime_env with the working_dir of the code, if they lack the code"
        yield ray, replace(code, unsent=unsent)
        return
    on_sigterm = signal.getsignal(signal.SIGTERM)
    with TemporaryDirectory() as stage:
        address = cluster_address()
        if address is None:
            code = replace(code, folder=None)
            cpus = workers or cores()
            ray.init("local", num_cpus=cpus, object_store_memory=_STORE_BYTES, include_dashboard=False, **_QUIET)
        else:
            code = code.stage(Path(stage))
            runtime_env = {} if code.folder is None or code.unsent else {"working_dir": stage}
            try:
                ray.init(address, runtime_env=runtime_env, **_QUIET)
            except (RuntimeError, ConnectionError, ValueError) as error:
                raise RunError(f"cannot join the Ray cluster at {address}: {_first_lines(error)}") from error
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, on_sigterm)  # Ray sets a handler of its own, which ends the process
    try:
        yield ray, code
    finally:
        ray.shutdown()


def _first_lines(error: Exception) -> str:
    """The message of Ray as one line."""
    return " ".join(line.strip() for line in str(error).splitlines() if line.strip())
