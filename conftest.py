"""The examples in docstrings may use every public name without importing it; fixtures that several folders share."""

import pytest

import stepsize

pytest_plugins = ["chromium"]


@pytest.fixture(autouse=True)
def _public_names(doctest_namespace):
    doctest_namespace.update({name: getattr(stepsize, name) for name in stepsize.__all__})
