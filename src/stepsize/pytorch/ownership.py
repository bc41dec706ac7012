"""Who drives which hyperparameter of which optimizer: the last scheduler that was attached to it."""

from typing import Any, Protocol
from weakref import ReferenceType, WeakKeyDictionary, ref

from torch.optim import Optimizer


class Driver(Protocol):
    """A scheduler, or several that drive the same together; its text names it."""

    def deposed(self, key: str, by: Any) -> None:
        """Another drives this hyperparameter now."""


_drivers: "WeakKeyDictionary[Optimizer, dict[str, ReferenceType[Driver]]]" = WeakKeyDictionary()


def take(scheduler: Driver, optimizer: Optimizer, keys: tuple[str, ...]) -> None:
    """Make the scheduler the driver of these hyperparameters; whoever drove one of them before is told so."""
    mine = _drivers.setdefault(optimizer, {})
    for key in keys:
        before = mine[key]() if key in mine else None
        if before is not None and before is not scheduler:
            before.deposed(key, scheduler)
        mine[key] = ref(scheduler)


def release(scheduler: Driver, optimizer: Optimizer) -> None:
    """Forget what the scheduler drives."""
    mine = _drivers.get(optimizer, {})
    for key in [key for key, driver in mine.items() if driver() is scheduler]:
        del mine[key]
