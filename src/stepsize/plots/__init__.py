"""Every picture: functions that take axes and return them, ones that write a file, and ones for a terminal.

Pictures in a terminal need no matplotlib. The others are loaded at their first use, and only then is it needed:
`MissingExtraError` says how to install it.
"""

import importlib
from typing import TYPE_CHECKING, Any

from stepsize.errors import MissingExtraError
from stepsize.plots.terminal import sketch_curves as sketch_curves
from stepsize.plots.terminal import sketch_losses as sketch_losses
from stepsize.plots.terminal import sketch_range_test as sketch_range_test
from stepsize.plots.terminal import sketch_schedules as sketch_schedules

if TYPE_CHECKING:
    from stepsize.plots.animation import save_animation as save_animation
    from stepsize.plots.batches import plot_batches as plot_batches
    from stepsize.plots.comparison import comparison_figure as comparison_figure
    from stepsize.plots.comparison import plot_comparison as plot_comparison
    from stepsize.plots.convexity import plot_convexity as plot_convexity
    from stepsize.plots.descent_files import save_descents as save_descents
    from stepsize.plots.descent_page import Section as Section
    from stepsize.plots.descent_page import descents_page as descents_page
    from stepsize.plots.descents import descent_panels as descent_panels
    from stepsize.plots.descents import descents_figure as descents_figure
    from stepsize.plots.descents import plot_descents as plot_descents
    from stepsize.plots.files import save_figure as save_figure
    from stepsize.plots.forecasts import forecasts_figure as forecasts_figure
    from stepsize.plots.forecasts import plot_forecasts as plot_forecasts
    from stepsize.plots.range_test import plot_range_test as plot_range_test
    from stepsize.plots.range_test import range_test_figure as range_test_figure
    from stepsize.plots.schedules import plot_schedules as plot_schedules
    from stepsize.plots.schedules import schedules_figure as schedules_figure

_ROOMS = {
    "Section": "descent_page",
    "comparison_figure": "comparison",
    "descent_panels": "descents",
    "descents_figure": "descents",
    "descents_page": "descent_page",
    "plot_batches": "batches",
    "plot_comparison": "comparison",
    "plot_convexity": "convexity",
    "plot_descents": "descents",
    "forecasts_figure": "forecasts",
    "plot_forecasts": "forecasts",
    "plot_range_test": "range_test",
    "plot_schedules": "schedules",
    "range_test_figure": "range_test",
    "save_animation": "animation",
    "save_descents": "descent_files",
    "save_figure": "files",
    "schedules_figure": "schedules",
}

__all__ = [
    "Section",
    "comparison_figure",
    "descent_panels",
    "descents_figure",
    "descents_page",
    "forecasts_figure",
    "plot_batches",
    "plot_comparison",
    "plot_convexity",
    "plot_descents",
    "plot_forecasts",
    "plot_range_test",
    "plot_schedules",
    "range_test_figure",
    "save_animation",
    "save_descents",
    "save_figure",
    "schedules_figure",
    "sketch_curves",
    "sketch_losses",
    "sketch_range_test",
    "sketch_schedules",
]


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(f"{__name__}.{_ROOMS[name]}"), name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "matplotlib":
            raise
        raise MissingExtraError.naming("matplotlib", "plots") from None
