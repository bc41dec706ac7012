"""The processes that train on this machine: how they start, are kept between jobs, and end."""

import ctypes
import multiprocessing
import os
import secrets
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import NamedTuple

import torch

from stepsize.errors import OutputError, RunError
from stepsize.lab.directory import ResultDirectory
from stepsize.lab.engines.failures import reason
from stepsize.lab.engines.runs import Channel, Job
from stepsize.lab.environment import THREADS, cores
from stepsize.lab.experiment import Experiment
from stepsize.lab.standings import RunWatcher
from stepsize.processes import start_process
from stepsize.pytorch.random_states import seed_random_states

GUARD = 'put the code of the script under `if __name__ == "__main__":`'


Work = Callable[[Job, Experiment, ResultDirectory, Channel], None]
"""Trains the runs of a job in a worker; the store has their records and their ends when it returns."""


@dataclass
class Worker:
    """A process, and its job; None as it starts and between two jobs."""

    process: BaseProcess
    ready: bool = False
    job: Job | None = None


@dataclass
class Workers:
    """The processes that train, by their connections; each is started when it is first needed.

    They are kept until the block of the `with` statement ends. `asked` is the number that the user asked for.
    """

    asked: int | None = None
    by_connection: dict[Connection, Worker] = field(default_factory=dict, init=False)

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self.by_connection:
            connection.close()  # the worker exits
        for worker in self.by_connection.values():
            worker.process.join()

    def number(self, device: str) -> int:
        """How many train at a time: as many as there are cores, or one on a GPU, unless the user asked for others."""
        return self.asked or (cores() if device == "cpu" else 1)

    def start(self) -> None:
        """Start one more; OSError or EOFError if the process dies at once."""
        ours, theirs = multiprocessing.Pipe()
        process = start_process(_serve, theirs, dict(os.environ))
        theirs.close()  # so that `ours` ends when the process does
        self.by_connection[ours] = Worker(process)


class Training(NamedTuple):
    """What an engine needs beside the runs: their experiment, their directory, the workers and the watcher."""

    experiment: Experiment
    directory: ResultDirectory
    workers: Workers
    watcher: RunWatcher


def refuse_in_a_starting_process() -> None:
    """Raise RunError in a worker that imports the script that started it, and would run the script again."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):  # what multiprocessing itself looks at
        raise RunError("each process that trains imports the script that started it", GUARD)


def _serve(connection: Connection, environment: dict[str, str]) -> None:
    """Do jobs in a worker until the parent closes the connection. Sending an error, or None, asks for a job."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.clear()
    os.environ.update(environment)  # a server that was started before has that of its start
    seed_random_states(secrets.randbits(64), [])  # forks of one process would draw the same numbers
    torch.set_num_threads(THREADS)
    multiprocessing.set_start_method(None, force=True)  # that of a script, and not the one of this process
    _keep_freed_memory()
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    error: Exception | None = None
    with suppress(EOFError, OSError):
        connection.send(error)
        while message := connection.recv():
            work, job, experiment, directory = message
            try:
                error = None
                work(job, experiment, directory, Channel(connection))
            except OutputError as failure:
                error = failure
            except BaseException as failure:  # some errors cannot be pickled
                error = RunError(reason(failure))
            connection.send(error)


def _keep_freed_memory() -> None:
    """Let glibc keep what this process frees, if glibc is its C library.

    Otherwise blocks as large as the activations of a batch go back to the system, and each update fetches them again,
    page by page.
    """
    mmap_threshold, trim_threshold = -3, -1  # the numbers of mallopt(3)
    with suppress(OSError, TypeError, AttributeError):  # another C library
        libc = ctypes.CDLL(None)
        libc.mallopt(mmap_threshold, 32 * 2**20)  # the largest that glibc accepts
        libc.mallopt(trim_threshold, 2**31 - 1)


def _exit_with_parent() -> None:
    """Exit if the parent was killed, since nobody would hear of what this process does."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
