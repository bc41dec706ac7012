"""Records: what runs leave behind, as plain values, as files and in the store of an experiment; range tests."""

from stepsize.records.lock import lock as lock
from stepsize.records.range_test import RangeRun as RangeRun
from stepsize.records.range_test import RangeTest as RangeTest
from stepsize.records.results import Event as Event
from stepsize.records.results import Results as Results
from stepsize.records.results import load_runs as load_runs
from stepsize.records.run import Epoch as Epoch
from stepsize.records.run import Outcome as Outcome
from stepsize.records.run import Point as Point
from stepsize.records.run import Run as Run
from stepsize.records.salvage import Salvaged as Salvaged
from stepsize.records.salvage import salvage as salvage
from stepsize.records.store import Store as Store
from stepsize.records.suggestions import Suggestions as Suggestions
from stepsize.records.suggestions import suggest as suggest

__all__ = [
    "Epoch",
    "Event",
    "Outcome",
    "Point",
    "RangeRun",
    "RangeTest",
    "Results",
    "Run",
    "Salvaged",
    "Store",
    "Suggestions",
    "load_runs",
    "lock",
    "salvage",
    "suggest",
]
