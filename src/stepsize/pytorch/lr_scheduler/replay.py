"""The rates of a scheduler by replay: a twin with groups of its own takes every step from the beginning.

Only a scheduler whose rates are a function of the step can be replayed; `refuse_unreadable` refuses the others.
"""

from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

from torch import Tensor
from torch.optim import Optimizer
from torch.optim import lr_scheduler as pytorch
from torch.optim.lr_scheduler import LRScheduler

from stepsize.errors import ArgumentError

# These methods decide a scheduler's rates; if one of them is the user's own, the rates are unknown.
_DECIDING = ("get_lr", "_get_closed_form_lr", "_update_lr", "step")


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


def refuse_unreadable(scheduler: LRScheduler) -> None:
    """Refuse a scheduler if its rates, or those of a part of it, are not a function of the step."""
    groups = len(scheduler.optimizer.param_groups)
    for part in with_parts(scheduler):
        name = type(part).__name__
        for method in _DECIDING:
            code = getattr(part, method, None)
            if (getattr(code, "__module__", None) or "torch").partition(".")[0] not in ("torch", "stepsize"):
                advice = "other code can give any rates; write them as Function(...) of the step"
                raise ArgumentError(f"{name}.{method}", "", "PyTorch's own", code, advice)
        if (made_with := len(getattr(part, "base_lrs", range(groups)))) != groups:
            advice = f"groups were added or removed after this {name} was made, so their rates are not known"
            raise ArgumentError("the number of parameter groups", "", str(made_with), groups, advice)
        if isinstance(part, pytorch.SequentialLR):
            for later in part._schedulers[bisect_right(part._milestones, 0) + 1 :]:
                if hasattr(later, "_schedulers"):
                    advice = (
                        "PyTorch raises NotImplementedError at the milestone; put its parts into the outer sequence"
                    )
                    raise ArgumentError("a later part of SequentialLR", "", "a single scheduler", later, advice)


def with_parts(scheduler: LRScheduler) -> Iterator[Any]:
    """The scheduler, and the parts of a sequence or chain, to any depth."""
    yield scheduler
    for part in getattr(scheduler, "_schedulers", ()):
        yield from with_parts(part)
