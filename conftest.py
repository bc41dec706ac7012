"""The examples in docstrings may use every public name without importing it; fixtures that several folders share."""

import gc
import os
import signal
import sys
from types import ModuleType

# Tests run side by side on all cores: threads of one would wait for those of another, here and in child processes.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

# Keras's default backend is TensorFlow, which takes ten seconds to import.
os.environ.setdefault("KERAS_BACKEND", "jax")

import pytest

import stepsize

pytest_plugins = ["chromium"]

# TensorBoard loads TensorFlow, if it is installed, unless its build has this module: three seconds.
sys.modules["tensorboard.compat.notf"] = ModuleType("tensorboard.compat.notf")

gc.disable()  # until all tests are collected: what they import is no garbage

# A shell starts its background jobs with SIGINT ignored, and the processes that tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish():
    """Collect garbage from here on, without looking through the imported libraries each time."""
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def _public_names(doctest_namespace):
    doctest_namespace.update({name: getattr(stepsize, name) for name in stepsize.__all__})
