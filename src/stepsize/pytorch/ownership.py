"""Who drives which hyperparameter of which optimizer: the last scheduler that was attached to it."""

from typing import TYPE_CHECKING
from weakref import ReferenceType, WeakKeyDictionary, ref

from torch.optim import Optimizer

if TYPE_CHECKING:
    from stepsize.pytorch.scheduler import Scheduler

_drivers: "WeakKeyDictionary[Optimizer, dict[str, ReferenceType[Scheduler]]]" = WeakKeyDictionary()


def take(scheduler: "Scheduler", optimizer: Optimizer, keys: tuple[str, ...]) -> None:
    """Make the scheduler the driver of these hyperparameters; whoever drove one of them before is told so."""
    mine = _drivers.setdefault(optimizer, {})
    for key in keys:
        before = mine[key]() if key in mine else None
        if before is not None and before is not scheduler:
            before.deposed(key, scheduler)
        mine[key] = ref(scheduler)


def release(scheduler: "Scheduler", optimizer: Optimizer) -> None:
    """Forget what the scheduler drives."""
    mine = _drivers.get(optimizer, {})
    for key in [key for key, driver in mine.items() if driver() is scheduler]:
        del mine[key]
