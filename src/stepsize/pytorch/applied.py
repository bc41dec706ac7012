"""What the updates of optimizers really used, seen by hooks of the optimizers themselves."""

from functools import partial
from typing import Any

import torch
from torch.optim import Optimizer

from stepsize.pytorch.group_plan import rate_of
from stepsize.pytorch.optimizer_hooks import is_update, schedulers_of, updating
from stepsize.pytorch.scheduler import Scheduler


class AppliedValues:
    """The values that the latest updates of optimizers used, by name.

    Under a `Scheduler` of stepsize they are its `values()`, under any other the rates of the groups. Updates that a
    GradScaler skips do not count. If there are several optimizers, each name begins with the number of its optimizer.
    """

    def __init__(self, *optimizers: Any) -> None:
        self._latest: dict[str, float] = {}
        self._before: dict[int, dict[str, float]] = {}
        self._handles = []
        for index, optimizer in enumerate(optimizers):
            inner = updating(optimizer, auto=True)
            prefix = f"optimizer_{index}/" if len(optimizers) > 1 else ""
            self._handles += [
                inner.register_step_pre_hook(partial(self._begins, prefix)),
                inner.register_step_post_hook(self._ends),
            ]

    def take(self) -> dict[str, float]:
        """The values of the updates since the last call; empty if there was none."""
        latest, self._latest = self._latest, {}
        return latest

    def close(self) -> None:
        for handle in self._handles:
            handle.remove()

    def _begins(self, prefix: str, optimizer: Optimizer, *_: Any) -> None:
        self._before[id(optimizer)] = {f"{prefix}{name}": value for name, value in _values_of(optimizer).items()}

    def _ends(self, optimizer: Optimizer, *_: Any) -> None:
        if is_update(optimizer):
            self._latest |= self._before[id(optimizer)]


def exact_tensors(values: dict[str, float]) -> dict[str, torch.Tensor]:
    """The values in double precision, for loggers that convert numbers to single precision."""
    return {name: torch.tensor(value, dtype=torch.float64) for name, value in values.items()}


def _values_of(optimizer: Optimizer) -> dict[str, float]:
    scheduler = next((each for each in schedulers_of(optimizer) if isinstance(each, Scheduler)), None)
    if scheduler is not None:
        return scheduler.values()
    groups = optimizer.param_groups
    if len(groups) == 1:
        return {"lr": rate_of(groups[0])}
    return {f"lr/{group.get('name', index)}": rate_of(group) for index, group in enumerate(groups)}
