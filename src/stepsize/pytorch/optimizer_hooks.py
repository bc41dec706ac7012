"""The optimizer behind a wrapper, the updates that count, and the hooks by which an optimizer calls its scheduler."""

import sys
import traceback
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from operator import is_
from typing import TYPE_CHECKING, Any, cast
from weakref import ReferenceType, WeakKeyDictionary, finalize, ref

import torch
from torch import Tensor
from torch.optim import Optimizer, Rprop
from torch.utils.hooks import RemovableHandle

from stepsize.errors import ArgumentError, DriverError
from stepsize.pytorch.group_plan import Group, rate_of
from stepsize.pytorch.warnings import caution

if TYPE_CHECKING:
    from stepsize.pytorch.driver import Driver

_LONG_WAIT = 100
_WRAPPER = Optimizer.profile_hook_step(lambda: None).__code__  # runs around every optimizer's step, and calls the hooks


def updating(optimizer: Any, auto: bool) -> Optimizer:
    """The optimizer that makes the updates: the one given, or the one that it wraps.

    A wrapper holds an optimizer with the same parameter groups: Accelerate's, Lightning's, DeepSpeed's, SAM, ...
    """
    given, seen = optimizer, [optimizer]
    while (inner := _inside(optimizer)) is not None and all(inner is not each for each in seen):
        seen.append(inner)
        if auto and type(optimizer).__module__.partition(".")[0] == "deepspeed":
            rule = "False for the optimizers of DeepSpeed, which step the inner optimizer in parts"
            raise ArgumentError("Scheduler", "auto", rule, auto, "call step() after each update")
        optimizer = inner
    if not isinstance(optimizer, Optimizer):
        raise ArgumentError("Scheduler", "optimizer", "an optimizer of PyTorch, or a list of them", given)
    if not all(hasattr(optimizer, name) for name in ("param_groups", "_optimizer_step_post_hooks")):
        advice = "its constructor does not call Optimizer.__init__; give the optimizer that it wraps, if there is one"
        raise ArgumentError("Scheduler", "optimizer", "an optimizer with hooks", type(optimizer), advice)
    return optimizer


def refuse_own_rates(optimizer: Optimizer) -> None:
    """Refuse an optimizer that computes its own step sizes and ignores the rate in its groups."""
    relative = any(group.get("relative_step") for group in optimizer.param_groups)
    if relative or isinstance(optimizer, Rprop):
        advice = "construct it with relative_step=False and an lr" if relative else "Rprop adapts its own step sizes"
        rule = "an optimizer that uses the lr of its groups"
        raise ArgumentError("Scheduler", "optimizer", rule, type(optimizer), advice)


def _inside(optimizer: Any) -> Any:
    groups = getattr(optimizer, "param_groups", None)
    if groups is None:
        inner = getattr(optimizer, "optimizer", None)
        return inner if hasattr(inner, "param_groups") else None
    if not isinstance(groups, list) or not groups:
        return None
    for value in vars(optimizer).values():
        if value is not optimizer and hasattr(value, "step"):
            inner = getattr(value, "param_groups", None)
            if isinstance(inner, list) and len(inner) == len(groups) and all(map(is_, inner, groups)):
                return value
    return None


def is_update(optimizer: Optimizer) -> bool:
    """Whether the step that has just called its hooks was an update of the parameters.

    The `super().step()` of another step is not one. Nor is the step of a fused optimizer for which a GradScaler has
    found an infinity: it leaves the parameters alone.
    """
    if torch.cuda.is_available() and torch.cuda.is_current_stream_capturing():
        advice = "leave auto out, use a tensor for the rate, and call step() after each replay"
        raise DriverError("auto=True cannot count the replays of a CUDA graph", advice)
    found_inf = getattr(optimizer, "found_inf", None)
    return _running_steps(optimizer) <= 1 and (found_inf is None or not float(found_inf) > 0.0)


def is_dummy_step(optimizer: Optimizer) -> bool:
    """Whether all rates and gradients are 0, as in the step with which torch.distributed.checkpoint creates state."""
    if any(rate_of(group) != 0.0 for group in optimizer.param_groups):
        return False
    gradients = (parameter.grad for group in optimizer.param_groups for parameter in group["params"])
    return not any(gradient is not None and bool(gradient.any()) for gradient in gradients)


def _running_steps(optimizer: Optimizer) -> int:
    # Search the stack: a step that raises would leave a counter wrong. Compare names, as the compiler copies code
    # objects.
    frames = (frame for frame, _ in traceback.walk_stack(sys._getframe()))
    wrapper = _WRAPPER.co_filename, _WRAPPER.co_firstlineno
    steps = [frame for frame in frames if (frame.f_code.co_filename, frame.f_code.co_firstlineno) == wrapper]
    return sum(frame.f_locals.get("self") is optimizer for frame in steps)


class UpdateCount:
    """Counts an update once each optimizer has made one; an optimizer that has never made any is left out.

    Optimizers are identified by their indexes.
    """

    def __init__(self, optimizers: int) -> None:
        self._all = set(range(optimizers))
        self._updated: set[int] = set()  # have made an update at some time
        self.idle: set[int] = set()  # are left out until they make one
        self._versions: list[int] | None = None  # of the parameters at the last look; [] after the warning
        self.begin()

    def begin(self) -> None:
        self._waiting_for = self._all - self.idle
        self._waited = 0  # updates since then

    def resume(self, idle: Iterable[int], updated: bool) -> None:
        """Continue from a state; if any update was made, all optimizers but the idle ones have made one."""
        self.idle = self._all & set(idle)
        self._updated = self._all - self.idle if updated else set()
        self.begin()

    def left_out(self, index: int) -> list[int]:
        """An optimizer begins a step; if it is its second, leave out the ones that have never made an update."""
        if not self._waiting_for or index in self._waiting_for | self.idle or self._waiting_for & self._updated:
            return []
        self.idle |= self._waiting_for
        return sorted(self.idle)

    def completes(self, index: int) -> bool:
        """An optimizer has made an update; whether this completes one of the scheduler's."""
        self._updated.add(index)
        self.idle.discard(index)
        self._waiting_for -= {index}
        self._waited += 1
        if self._waiting_for and self._waited == _LONG_WAIT:
            caution(
                f"optimizer {', '.join(map(str, self._waiting_for))} has made no update, and the others {_LONG_WAIT}; "
                "the position waits for it. If it has stopped, make a Scheduler without it"
            )
        return not self._waiting_for

    def look_for_uncounted(self, parameters: Iterable[Tensor]) -> None:
        """Warn once if the parameters have changed since the last look although no optimizer has made an update."""
        if self._updated or self._versions == []:
            return
        before, self._versions = self._versions, [parameter._version for parameter in parameters]
        if before is not None and before != self._versions:
            self._versions = []
            caution(
                "auto=True has counted no update, but the parameters change, so optimizer.step() does not update them; "
                "leave auto out, and call scheduler.step() after each update"
            )


_schedulers: "WeakKeyDictionary[Optimizer, list[ReferenceType[Driver]]]" = WeakKeyDictionary()


def schedulers_of(optimizer: Optimizer) -> list["Driver"]:
    """The schedulers attached to an optimizer."""
    return [scheduler for reference in _schedulers.get(optimizer, []) if (scheduler := reference()) is not None]


def groups_elsewhere(optimizers: Sequence[Optimizer]) -> list[Group]:
    """The groups of the other optimizers that have a scheduler."""
    return [group for other in list(_schedulers) if other not in optimizers for group in other.param_groups]


class Attachment:
    """The optimizers of one scheduler, which keeps them alive or only refers to them."""

    def __init__(self, optimizers: tuple[Optimizer, ...], keep: bool) -> None:
        self._references = tuple(ref(optimizer) for optimizer in optimizers)
        self._kept = optimizers if keep else ()
        self._handles: list[RemovableHandle] = []

    @property
    def optimizers(self) -> tuple[Optimizer, ...]:
        """The optimizers; DriverError if one of them is gone."""
        alive = tuple(optimizer for reference in self._references if (optimizer := reference()) is not None)
        if len(alive) < len(self._references):
            raise DriverError("the optimizer of this scheduler is gone", "keep a reference to it under auto=True")
        return alive

    def groups(self) -> list[Group]:
        return [group for optimizer in self.optimizers for group in optimizer.param_groups]

    def attach(self, scheduler: "Driver", owned: bool) -> None:
        """Register the hooks and take over from earlier schedulers; the optimizers keep an `owned` scheduler alive."""
        driver = (lambda: scheduler) if owned else ref(scheduler)

        def calling(method: "Callable[[Driver, Optimizer], None]") -> Any:
            @torch.compiler.disable  # type: ignore[untyped-decorator]
            def hook(optimizer: Optimizer, *_: Any) -> None:
                if (attached := driver()) is not None:
                    method(attached, optimizer)

            return hook

        kind = type(scheduler)
        for optimizer in self.optimizers:
            handle = optimizer.register_step_post_hook(calling(kind.stepped))
            # First of the hooks: if another raises, the update is counted all the same.
            hooks = cast("OrderedDict[int, Any]", optimizer._optimizer_step_post_hooks)
            hooks.move_to_end(handle.id, last=False)
            self._handles += [
                handle,
                optimizer.register_step_pre_hook(calling(kind.stepping)),
                optimizer.register_load_state_dict_post_hook(calling(kind.loaded)),
            ]
            others, driven = schedulers_of(optimizer), scheduler.driven()
            _schedulers[optimizer] = [*map(ref, others), ref(scheduler)]
            for other in others:
                if shared := [name for place, name in other.driven().items() if place in driven]:
                    other.taken_over(shared[0], scheduler)
        finalize(scheduler, _remove, self._handles)

    def release(self, scheduler: "Driver") -> None:
        _remove(self._handles)
        for reference in self._references:
            if (optimizer := reference()) is not None:
                _schedulers[optimizer] = [ref(each) for each in schedulers_of(optimizer) if each is not scheduler]


def _remove(handles: list[RemovableHandle]) -> None:
    while handles:
        handles.pop().remove()
