"""`stepsize compare` in another process, and the results of its runs."""

import subprocess
from pathlib import Path

from installed import STEPSIZE, environment
from stepsize.store import load_runs


def start(*arguments, cwd=Path(__file__).parent):
    """The command, in a process group of its own, started in the folder of the tests' own tasks or another one."""
    return subprocess.Popen(
        [STEPSIZE, "compare", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=cwd,
        env=environment(),
        start_new_session=True,
    )


def numbers(directory):
    """Everything that the runs logged, except the seconds."""
    return [repr((run.name, run.seed, run.points, run.epochs, run.status)) for run in load_runs(directory).runs()]
