"""Who drives which hyperparameter of which optimizer: the last scheduler that was attached to it."""

from collections.abc import Sequence
from typing import Any, Protocol
from weakref import ReferenceType, WeakKeyDictionary, ref

from torch.optim import Optimizer


class Owner(Protocol):
    """A scheduler, or several that drive the same together; its text names it."""

    def deposed(self, key: str, by: Any) -> None:
        """Another drives this hyperparameter now."""


_drivers: "WeakKeyDictionary[Optimizer, dict[str, ReferenceType[Owner]]]" = WeakKeyDictionary()


def take(scheduler: Owner, optimizer: Optimizer, keys: tuple[str, ...]) -> None:
    """Make the scheduler the driver of these hyperparameters; whoever drove one of them before is told so."""
    mine = _drivers.setdefault(optimizer, {})
    for key in keys:
        before = mine[key]() if key in mine else None
        if before is not None and before is not scheduler:
            before.deposed(key, scheduler)
        mine[key] = ref(scheduler)


def elsewhere(optimizers: Sequence[Optimizer]) -> list[dict[str, Any]]:
    """The groups of all other optimizers that are driven by somebody."""
    return [group for other in list(_drivers) if other not in optimizers for group in other.param_groups]


def release(scheduler: Owner, optimizer: Optimizer) -> None:
    """Forget what the scheduler drives."""
    mine = _drivers.get(optimizer, {})
    for key in [key for key, driver in mine.items() if driver() is scheduler]:
        del mine[key]


def drivers_of(optimizer: Optimizer) -> list[Owner]:
    """Whoever drives a hyperparameter of it now, each once."""
    alive = [driver for reference in _drivers.get(optimizer, {}).values() if (driver := reference()) is not None]
    return list({id(driver): driver for driver in alive}.values())
