"""Loss curves from the store of an experiment."""

from pathlib import Path

import numpy as np

from stepsize.errors import DataError, ParseError
from stepsize.records.logged_rates import Filling, Log, curve_of
from stepsize.records.loss_curve import LossCurve
from stepsize.records.results import load_runs
from stepsize.records.run import Run
from stepsize.schedules import Schedule, parse


def load_curves(directory: Path | str) -> tuple[LossCurve, ...]:
    """The loss curves of the runs in an experiment's directory, or in the store of that path.

    A logged loss is the mean since the point before, and stands at the middle of the updates between. The rates are
    those of the run's schedule, where that is a text, else they are filled in between the logged ones. Runs that
    diverged, and those without points, are left out.

    Raises:
        DataError: there is no store, or no run in it has a loss curve, or its logged rates are not its schedule's.
    """
    results = load_runs(directory)
    runs = [run for run in results.runs() if run.points and run.status != "diverged"]
    if not runs:
        raise DataError(f"{results.path} has no run with a loss curve")
    seeds = {run.seed for run in runs}
    return tuple(_curve(results.path, run, several=len(seeds) > 1) for run in runs)


def _curve(path: Path, run: Run, several: bool) -> LossCurve:
    name = f"{run.name}, seed {run.seed}" if several else run.name
    done = run.column("step").astype(np.int64)
    before = np.concatenate([[0], done[:-1]])
    losses = run.column("train_loss")
    steps = (before + done - 1) // 2
    kept = np.isfinite(losses)
    # The rate of a point is that of the last update before it.
    log = Log(f"{path}, {name}", name, steps[kept], losses[kept], (done - 1, run.column("lr")))
    return curve_of(log, Filling(_schedule(run.schedule), 0))


def _schedule(text: str) -> Schedule | None:
    try:
        return parse(text)
    except ParseError:
        return None  # a function of the user's own
