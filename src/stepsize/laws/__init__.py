"""Laws of loss curves: predict what a schedule costs before it is run, and find one that costs less.

Needs the extra `laws` (SciPy).
"""

from stepsize.errors import MissingExtraError

try:
    import scipy as _scipy  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != "scipy":  # SciPy itself is broken
        raise
    raise MissingExtraError.naming("SciPy", "laws") from error

from stepsize.laws.convex import convex_bound, merge_weights, rank, refine, transfer_factor
from stepsize.laws.cooldown_search import CooldownForecast
from stepsize.laws.cooldowns import Cooldowns, plan_cooldowns
from stepsize.laws.designing import Design, design
from stepsize.laws.fitting import fit
from stepsize.laws.forecast import Fit, Forecast
from stepsize.laws.functional_law import FunctionalLaw
from stepsize.laws.law import Law
from stepsize.laws.momentum_law import MomentumLaw
from stepsize.laws.multi_power_law import MultiPowerLaw
from stepsize.laws.ranking import RankedForecast, rank_forecasts

__all__ = [
    "CooldownForecast",
    "Cooldowns",
    "Design",
    "Fit",
    "Forecast",
    "FunctionalLaw",
    "Law",
    "MomentumLaw",
    "MultiPowerLaw",
    "RankedForecast",
    "convex_bound",
    "design",
    "fit",
    "merge_weights",
    "plan_cooldowns",
    "rank",
    "rank_forecasts",
    "refine",
    "transfer_factor",
]
