"""Records: what runs leave behind, as plain values."""

from stepsize.records.files import read_run as read_run
from stepsize.records.files import write_run as write_run
from stepsize.records.run import Epoch as Epoch
from stepsize.records.run import Point as Point
from stepsize.records.run import Run as Run

__all__ = ["Epoch", "Point", "Run", "read_run", "write_run"]
