"""Records: what runs leave behind, as plain values, as files and in the store of an experiment; range tests."""

from stepsize.records.csv_curves import read_csv as read_csv
from stepsize.records.csv_curves import read_wandb as read_wandb
from stepsize.records.event_curves import read_tensorboard as read_tensorboard
from stepsize.records.loss_curve import LossCurve as LossCurve
from stepsize.records.range_test import RangeRun as RangeRun
from stepsize.records.range_test import RangeTest as RangeTest
from stepsize.records.read_curves import read_curves as read_curves
from stepsize.records.results import Event as Event
from stepsize.records.results import Results as Results
from stepsize.records.results import load_runs as load_runs
from stepsize.records.run import Epoch as Epoch
from stepsize.records.run import Outcome as Outcome
from stepsize.records.run import Point as Point
from stepsize.records.run import Run as Run
from stepsize.records.run_views import StoredRun as StoredRun
from stepsize.records.run_views import stored_runs as stored_runs
from stepsize.records.store import Store as Store
from stepsize.records.suggestions import Suggestions as Suggestions

__all__ = [
    "Epoch",
    "Event",
    "LossCurve",
    "Outcome",
    "Point",
    "RangeRun",
    "RangeTest",
    "Results",
    "Run",
    "Store",
    "StoredRun",
    "Suggestions",
    "load_runs",
    "read_csv",
    "read_curves",
    "read_tensorboard",
    "read_wandb",
    "stored_runs",
]
