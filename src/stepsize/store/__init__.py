"""The store of an experiment: runs, points and events in one SQLite file, and their export."""

from stepsize.store.results import Event as Event
from stepsize.store.results import Results as Results
from stepsize.store.results import load_runs as load_runs
from stepsize.store.run import Epoch as Epoch
from stepsize.store.run import Outcome as Outcome
from stepsize.store.run import Point as Point
from stepsize.store.run import Run as Run
from stepsize.store.run_views import StoredRun as StoredRun
from stepsize.store.run_views import stored_runs as stored_runs
from stepsize.store.store import Store as Store

__all__ = ["Epoch", "Event", "Outcome", "Point", "Results", "Run", "Store", "StoredRun", "load_runs", "stored_runs"]
