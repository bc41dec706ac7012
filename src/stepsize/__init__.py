"""The learning-rate toolkit: a schedule is a value, a pure function of the step; the rest of the package works with it.

    import stepsize as ss

    plan = ss.Linear(0.0, 0.3, 500) >> ss.Cosine(0.3, 0.01, 9500)
    plan(0), plan.sample(), plan.plot(), str(plan)

Importing this package loads nothing heavier than NumPy.
"""

import typing

from stepsize import schedules
from stepsize.errors import StepsizeError
from stepsize.horizon import Horizon
from stepsize.schedules import *  # noqa: F403  (its __all__ has the names that load nothing more)

if typing.TYPE_CHECKING:
    from stepsize.schedules import ConstantProduct, Plan, from_dict, parse, to_dict
else:  # a type checker that saw this function would take a misspelled name for one of ours

    def __getattr__(name: str) -> object:
        if name in schedules.LOADED_LATER:
            return getattr(schedules, name)
        from stepsize.schedules.names import IMPORTS, INSTEAD_OF  # late: few programs misspell a name

        instead = IMPORTS.get(name) or INSTEAD_OF.get(name)
        advice = f"; write {instead}" if instead else ""
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}{advice}")

    def __dir__() -> list[str]:
        return __all__


__version__ = "0.2.0"

__all__ = ["ConstantProduct", "Horizon", "Plan", "StepsizeError", "from_dict", "parse", "to_dict"]
__all__ += schedules.__all__
