"""How a scheduler hangs on its optimizers: who keeps whom, and the hooks that call back."""

from collections import OrderedDict
from typing import Any, Protocol, cast
from weakref import finalize, ref

import torch
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle

from stepsize.errors import DriverError
from stepsize.pytorch import ownership
from stepsize.pytorch.group_values import Group


class Attached(ownership.Owner, Protocol):
    """A scheduler, as its optimizers call it back."""

    def stepped(self, optimizer: Optimizer) -> None:
        """An optimizer's step has ended."""

    def loaded(self) -> None:
        """A state was loaded into an optimizer."""


class Attachment:
    """The optimizers of one scheduler, kept by it or only referred to."""

    def __init__(self, optimizers: tuple[Optimizer, ...], keep: bool) -> None:
        self._references = tuple(ref(optimizer) for optimizer in optimizers)
        self._kept = optimizers if keep else ()
        self._handles: list[RemovableHandle] = []

    @property
    def optimizers(self) -> tuple[Optimizer, ...]:
        """The optimizers.

        Raises:
            DriverError: one of them is gone.
        """
        alive = tuple(optimizer for reference in self._references if (optimizer := reference()) is not None)
        if len(alive) < len(self._references):
            raise DriverError("the optimizer of this scheduler is gone; under auto=True somebody else has to hold it")
        return alive

    def groups(self) -> list[Group]:
        """The parameter groups of all of them."""
        return [group for optimizer in self.optimizers for group in optimizer.param_groups]

    def attach(self, scheduler: Attached, keys: tuple[str, ...], owned: bool) -> None:
        """Make the scheduler the driver of these hyperparameters, and tell it of steps made and states loaded.

        The optimizers keep the scheduler where it is `owned`; else they know of it weakly.
        """
        mine, me = scheduler if owned else None, ref(scheduler)

        @torch.compiler.disable  # type: ignore[untyped-decorator]
        def after_step(optimizer: Optimizer, *_: Any) -> None:
            if (driver := mine or me()) is not None:
                driver.stepped(optimizer)

        def after_loading(_: Optimizer) -> None:
            if (driver := mine or me()) is not None:
                driver.loaded()

        for optimizer in self.optimizers:
            handle = optimizer.register_step_post_hook(after_step)
            # First of the hooks: another that raises must not keep an update from being counted.
            hooks = cast("OrderedDict[int, Any]", optimizer._optimizer_step_post_hooks)
            hooks.move_to_end(handle.id, last=False)
            self._handles += [handle, optimizer.register_load_state_dict_post_hook(after_loading)]
            ownership.take(scheduler, optimizer, keys)
        finalize(scheduler, _remove, self._handles)

    def close(self, scheduler: Attached) -> None:
        """Take the hooks away, and give up what the scheduler drives."""
        _remove(self._handles)
        for reference in self._references:
            if (optimizer := reference()) is not None:
                ownership.release(scheduler, optimizer)


def _remove(handles: list[RemovableHandle]) -> None:
    while handles:
        handles.pop().remove()
