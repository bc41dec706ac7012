"""The examples in docstrings may use every public name without importing it; fixtures that several folders share."""

import signal

import pytest

import stepsize

pytest_plugins = ["chromium"]

# A shell starts its background jobs with SIGINT ignored, and the processes that tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _public_names(doctest_namespace):
    doctest_namespace.update({name: getattr(stepsize, name) for name in stepsize.__all__})
