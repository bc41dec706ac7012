"""Every picture: functions that take axes and return them, ones that write a file, and ones for a terminal.

Pictures in a terminal need no matplotlib. The others are loaded at their first use, and only then is it needed:
`MissingExtraError` says how to install it.
"""

import importlib
from typing import TYPE_CHECKING, Any

from stepsize.errors import MissingExtraError
from stepsize.plots.terminal import sketch_curves as sketch_curves
from stepsize.plots.terminal import sketch_losses as sketch_losses
from stepsize.plots.terminal import sketch_schedules as sketch_schedules

if TYPE_CHECKING:
    from stepsize.plots.comparison import comparison_figure as comparison_figure
    from stepsize.plots.comparison import plot_comparison as plot_comparison
    from stepsize.plots.files import save_figure as save_figure
    from stepsize.plots.forecasts import forecasts_figure as forecasts_figure
    from stepsize.plots.forecasts import plot_forecasts as plot_forecasts
    from stepsize.plots.schedules import plot_schedules as plot_schedules
    from stepsize.plots.schedules import schedules_figure as schedules_figure

_ROOMS = {
    "comparison_figure": "comparison",
    "forecasts_figure": "forecasts",
    "plot_comparison": "comparison",
    "plot_forecasts": "forecasts",
    "plot_schedules": "schedules",
    "save_figure": "files",
    "schedules_figure": "schedules",
}

__all__ = [
    "comparison_figure",
    "forecasts_figure",
    "plot_comparison",
    "plot_forecasts",
    "plot_schedules",
    "save_figure",
    "schedules_figure",
    "sketch_curves",
    "sketch_losses",
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
