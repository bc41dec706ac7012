"""`stepsize compare` as a process of its own, and what its runs came to."""

import os
import subprocess
import sys
from pathlib import Path

from stepsize.records import load_runs


def start(*arguments):
    """The command, in a process group of its own, where the modules beside the tests are found."""
    environment = {**os.environ, "PYTHONPATH": f"{Path(__file__).parent}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    command = [sys.executable, "-m", "stepsize", "compare", *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, start_new_session=True
    )


def numbers(directory):
    """Everything that the runs logged, but the seconds."""
    return [repr((run.name, run.seed, run.points, run.epochs, run.status)) for run in load_runs(directory).runs()]
