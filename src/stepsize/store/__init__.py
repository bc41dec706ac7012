"""The store of an experiment: runs, points and events in one SQLite file, and their export."""

from stepsize.store.results import Results, load_runs, stored_runs
from stepsize.store.run import Run
from stepsize.store.store import Store

__all__ = ["Results", "Run", "Store", "load_runs", "stored_runs"]
