"""What the store of an experiment has logged of each run, for loss curves."""

from pathlib import Path

import numpy as np

from stepsize.errors import DataError
from stepsize.records.log import Log, schedule_of
from stepsize.records.results import load_runs
from stepsize.records.run import Run


def store_logs(directory: Path | str) -> list[Log]:
    """The logs of the runs with points in an experiment's directory, or in the store of that path.

    Runs that diverged are left out.

    Raises:
        DataError: there is no store, or no run in it has a loss curve.
    """
    results = load_runs(directory)
    runs = [run for run in results.runs() if run.points and run.status != "diverged"]
    if not runs:
        raise DataError(f"{results.path} has no run with a loss curve")
    seeds = {run.seed for run in runs}
    return [_log(results.path, run, several=len(seeds) > 1) for run in runs]


def _log(path: Path, run: Run, several: bool) -> Log:
    name = f"{run.name}, seed {run.seed}" if several else run.name
    done = run.column("step").astype(np.int64)
    rates = done, run.column("lr")
    log = Log(f"{path}, {name}", name, done, run.column("train_loss"), rates, schedule=schedule_of(run.schedule))
    return log.of_means()
