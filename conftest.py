"""The examples in docstrings may use every public name without importing it; fixtures that several folders share."""

import gc
import os
import signal
import sys
from importlib import import_module
from pathlib import Path
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


def pytest_ignore_collect(collection_path):
    """Load no module of the package in search of examples that it does not have: some load other frameworks."""
    source = Path(__file__).with_name("src")
    if collection_path.suffix != ".py" or not collection_path.is_relative_to(source):
        return None
    if ">>>" not in collection_path.read_text("utf-8"):
        return True
    # pytest would load it a second time for its examples, as the packages above it are ignored.
    import_module(".".join(collection_path.relative_to(source).with_suffix("").parts))
    return None


def pytest_collection_finish():
    """Collect garbage from here on, without looking through the imported libraries each time."""
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def _public_names(doctest_namespace):
    doctest_namespace.update({name: getattr(stepsize, name) for name in stepsize.__all__})
