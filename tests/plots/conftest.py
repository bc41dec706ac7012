import matplotlib
import pytest


@pytest.fixture(autouse=True)
def _no_figure_left_behind():
    """Draw on no screen, close all figures, and fail if a test changes matplotlib's settings."""
    matplotlib.use("Agg")
    before = dict(matplotlib.rcParams)
    yield
    assert dict(matplotlib.rcParams) == before
    from matplotlib import pyplot

    pyplot.close("all")
