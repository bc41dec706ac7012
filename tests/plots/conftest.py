import matplotlib
import pytest


@pytest.fixture(autouse=True)
def _no_figure_left_behind():
    """Nothing is drawn on a screen, and no global state of matplotlib's outlives a test unnoticed."""
    matplotlib.use("Agg")
    before = dict(matplotlib.rcParams)
    yield
    assert dict(matplotlib.rcParams) == before
    from matplotlib import pyplot

    pyplot.close("all")
