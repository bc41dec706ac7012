"""Records: what runs leave behind, as plain values, as files and in the store of an experiment."""

from stepsize.records.lock import lock as lock
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

__all__ = [
    "Epoch",
    "Event",
    "Outcome",
    "Point",
    "Results",
    "Run",
    "Salvaged",
    "Store",
    "load_runs",
    "lock",
    "salvage",
]
