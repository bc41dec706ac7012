"""The rates of a scheduler by replay: a twin with groups of its own takes every step from the beginning."""

from typing import Any

from torch import Tensor
from torch.optim import Optimizer
from torch.optim import lr_scheduler as pytorch


class Replay:
    """The rate of one group at any step, for schedulers without a closed form; each step is taken once."""

    def __init__(self, scheduler: pytorch.LRScheduler, index: int = 0) -> None:
        self.groups = _Groups(scheduler.optimizer)
        self.twin = _at_start(scheduler, self.groups)
        self._index = index
        self._rates = [self._rate()]

    def __call__(self, step: float) -> float:
        while len(self._rates) <= step:
            self.twin.step()
            self._rates.append(self._rate())
        return self._rates[int(step)]

    def _rate(self) -> float:
        return float(self.groups.param_groups[self._index]["lr"])


class _Groups:
    """The groups of an optimizer without its parameters, at the initial rates; a scheduler needs no more."""

    _opt_called = True

    def __init__(self, optimizer: Optimizer) -> None:
        self.defaults = optimizer.defaults
        self.param_groups = [
            {key: _number(value) for key, value in group.items() if key != "params"} for group in optimizer.param_groups
        ]
        for group in self.param_groups:
            group["lr"] = group["initial_lr"]

    def step(self) -> None:
        """Do nothing; schedulers check whether it is wrapped."""

    step._wrapped_by_lr_sched = True  # type: ignore[attr-defined]


def _at_start(scheduler: Any, groups: Any) -> Any:
    """A twin of the scheduler, and of its parts, as their constructors leave them."""
    twin = object.__new__(type(scheduler))
    vars(twin).update(vars(scheduler), optimizer=groups, _warned_of_end=True)
    if isinstance(twin, pytorch.SequentialLR | pytorch.ChainedScheduler):
        twin._schedulers = [_at_start(part, groups) for part in twin._schedulers]
        if isinstance(twin, pytorch.SequentialLR):
            pytorch.SequentialLR.__init__(twin, groups, twin._schedulers, twin._milestones)
        return twin
    twin.base_lrs = base_lrs = [_number(rate) for rate in twin.base_lrs]
    if isinstance(twin, pytorch.CyclicLR):  # its constructor takes its first step from the groups' initial rates
        twin.base_lrs = [group["initial_lr"] for group in groups.param_groups]
    if isinstance(twin, pytorch.CosineAnnealingWarmRestarts):
        twin.T_cur, twin.T_i = -1, twin.T_0
    twin.last_epoch = -1
    twin._initial_step()
    twin.base_lrs = base_lrs
    return twin


def _number(value: Any) -> Any:
    return value.item() if isinstance(value, Tensor) and value.ndim == 0 else value
