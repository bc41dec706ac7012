"""Work for the processes of an engine: it raises, or its process dies."""

import math
import os
import signal

from stepsize.store import Store, load_runs
from stepsize.store.run import Point


class WrongShapeError(Exception):
    """An error that pickle cannot make again from its arguments."""

    def __init__(self, code, path):
        super().__init__(f"{path}: wrong shape, code {code}")


def die():
    """End this process as a kill does."""
    os.kill(os.getpid(), signal.SIGKILL)


def deaths(directory):
    """How many processes have died so far."""
    return sum(event.kind == "process died" for event in load_runs(directory.path).events())


def nothing(job, experiment, directory, channel):
    """Work that ends at once."""


def a_stack_that_dies(job, experiment, directory, channel):
    """Run 0 diverges; the first two processes get further than the one before, and all of them die."""
    with Store.open(directory.store) as store:
        if not deaths(directory):
            store.log(0, [Point(1, 1e30, math.inf, 0.0)])
            store.end(0, "diverged", 1.0, 1)
        if deaths(directory) < 2:
            (directory.path / "checkpoint").write_text(f"by process {deaths(directory)}")
    channel.tell(1, Point(1, 0.1, 1.0, 1.0))
    die()


def one_fails(job, experiment, directory, channel):
    """Run 0 raises."""
    number = min(job.runs)
    with Store.open(directory.store) as store:
        store.end(number, "finished" if number else "failed", 0.0)
    if number == 0:
        raise WrongShapeError(3, "7.bin")


def one_fails_and_one_dies(job, experiment, directory, channel):
    """Run 0 raises; the process of run 1 dies once."""
    number = min(job.runs)
    with Store.open(directory.store) as store:
        if number == 0:
            store.end(0, "failed", 0.0)
            raise WrongShapeError(3, "7.bin")
        if not deaths(directory):
            die()
        store.log(1, [Point(1, 0.1, 1.0, 1.0)])
        store.end(1, "finished", 1.0)
