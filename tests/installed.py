"""The installed command `stepsize`, and the environment of a user who sets no path for Python."""

import os
import sys
from pathlib import Path

STEPSIZE = str(Path(sys.executable).with_name("stepsize"))


def environment(**changes):
    """The variables of this process without those that change where Python finds modules, and with `changes`."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONSAFEPATH")}
    return kept | changes
