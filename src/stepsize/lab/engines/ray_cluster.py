"""A Ray cluster: its address, whether something answers there, and joining it with the user's code; or a local Ray."""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from stepsize.errors import MissingExtraError, RunError
from stepsize.lab.engines.ray_code import Code
from stepsize.lab.environment import cores

PATIENCE = 15.0  # seconds for the head of a cluster to answer

_SETTINGS = b"\0\0\0\4\0\0\0\0\0"  # a frame of HTTP/2, which is what gRPC speaks: no settings
_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _SETTINGS


def cluster_address() -> str | None:
    """HOST:PORT of the head of the cluster: in RAY_ADDRESS, or that of `ray start` on this machine; None if neither."""
    from ray._private.services import canonicalize_bootstrap_address  # what ray.init calls, and then waits for minutes

    named = os.environ.get("RAY_ADDRESS", "")
    if named.startswith("ray://"):
        raise RunError(
            f"RAY_ADDRESS is {named}, an address of Ray Client, through which the nodes cannot be watched",
            "start the comparison on a machine of the cluster, and set RAY_ADDRESS to HOST:PORT of its head",
        )
    try:
        address = canonicalize_bootstrap_address("auto")
    except ConnectionError:  # no Ray is known on this machine
        return None
    except (ValueError, OSError) as error:
        raise RunError(f"RAY_ADDRESS is {named}, which is not an address ({error})", "write HOST:PORT") from error
    if address is None:
        return None
    host, _, port = address.rpartition(":")
    try:
        greet(host.strip("[]"), int(port), PATIENCE)
    except OSError as error:
        why = f"no answer in {PATIENCE:g} s" if isinstance(error, TimeoutError) else error.strerror or str(error)
        where = f"{named}, from RAY_ADDRESS," if named else f"{address}, which `ray start` has noted on this machine,"
        check = "check the address," if named else "if it has ended, forget it with `ray stop`; otherwise check"
        advice = f"{check} that the head is running (`ray status` there), and that no firewall is in between"
        raise RunError(f"the Ray cluster at {where} does not answer ({why.lower()})", advice) from error
    return str(address)


def greet(host: str, port: int, seconds: float) -> None:
    """Begin a conversation with a server of Ray; OSError if nothing answers in time, or something else."""
    until = time.monotonic() + seconds
    with socket.create_connection((host, port), seconds) as connection:
        if os.environ.get("RAY_USE_TLS", "0").lower() in ("1", "true"):
            return  # it would answer encrypted
        connection.sendall(_GREETING)
        answer = b""
        while len(answer) < len(_SETTINGS):
            connection.settimeout(max(0.01, until - time.monotonic()))
            if not (part := connection.recv(len(_SETTINGS) - len(answer))):
                raise ConnectionError("the connection was closed, so it is not Ray")
            answer += part
    if answer[3:4] != b"\4":
        raise ConnectionError("something that is not Ray answers")


_STORE_BYTES = 100 * 2**20  # of the object store of a local Ray, which holds the checkpoints of the runs in progress
_QUIET = {"log_to_driver": False, "logging_level": "ERROR"}


def ray_module() -> Any:
    """The package; MissingExtraError if it is not installed."""
    try:
        import ray
    except ModuleNotFoundError as error:
        raise MissingExtraError.naming("Ray", "ray") from error
    return ray


@contextmanager
def joined_cluster(workers: int | None, code: Code) -> Iterator[tuple[Any, Code]]:
    """Ray, connected to the running cluster or to a local Ray until the end of the block; and what its nodes got.

    The cluster gets a copy of the code's folder. A Ray to which the user has connected is used as it is.
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
    return " ".join(line.strip() for line in str(error).splitlines() if line.strip())
