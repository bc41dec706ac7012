"""Laws of loss curves: what a schedule will cost before it is run, and which one would cost less.

Needs the extra `laws` (SciPy).
"""

try:
    import scipy as _scipy  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != "scipy":
        raise
    from stepsize.errors import MissingExtraError

    raise MissingExtraError.naming("SciPy", "laws") from error

from stepsize.laws.convex import Bound as Bound
from stepsize.laws.convex import convex_bound as convex_bound
from stepsize.laws.convex import transfer_factor as transfer_factor
from stepsize.laws.cooldowns import CooldownForecast as CooldownForecast
from stepsize.laws.cooldowns import plan_cooldowns as plan_cooldowns
from stepsize.laws.designing import Design as Design
from stepsize.laws.designing import Member as Member
from stepsize.laws.designing import design as design
from stepsize.laws.fitting import fit as fit
from stepsize.laws.forecast import Fit as Fit
from stepsize.laws.forecast import Forecast as Forecast
from stepsize.laws.law import Final as Final
from stepsize.laws.law import Law as Law
from stepsize.laws.merging import merge_weights as merge_weights
from stepsize.laws.momentum import MomentumLaw as MomentumLaw
from stepsize.laws.multi_power import MultiPowerLaw as MultiPowerLaw
from stepsize.laws.ranking import Ranked as Ranked
from stepsize.laws.ranking import rank as rank
from stepsize.laws.refining import refine as refine
from stepsize.laws.scoring import Scores as Scores
from stepsize.laws.scoring import scores as scores

__all__ = [
    "Bound",
    "CooldownForecast",
    "Design",
    "Final",
    "Fit",
    "Forecast",
    "Law",
    "Member",
    "MomentumLaw",
    "MultiPowerLaw",
    "Ranked",
    "Scores",
    "convex_bound",
    "design",
    "fit",
    "merge_weights",
    "plan_cooldowns",
    "rank",
    "refine",
    "scores",
    "transfer_factor",
]
