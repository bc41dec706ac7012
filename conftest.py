"""The examples in docstrings may use every public name without importing it."""

import pytest

import stepsize


@pytest.fixture(autouse=True)
def _public_names(doctest_namespace):
    doctest_namespace.update({name: getattr(stepsize, name) for name in stepsize.__all__})
