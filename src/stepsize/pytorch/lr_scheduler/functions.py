"""PyTorch's schedulers by functions of the step: of the base rate, and of the rate before."""

from collections.abc import Callable, Hashable
from typing import Any

from torch.optim import Optimizer
from torch.optim import lr_scheduler as torch_schedulers

from stepsize.arguments import shown
from stepsize.errors import ArgumentError
from stepsize.pytorch.lr_scheduler.base import of_each_group
from stepsize.pytorch.lr_scheduler.following import Following
from stepsize.pytorch.lr_scheduler.state import Each, FieldsOf, Saved, of_state

Factor = Callable[[int], float]
"""A function of the step."""


class _OfFunctions(Following):
    """One function for all groups, or one for each; those that are objects are saved with what they hold."""

    _plan_fields = ("base_lrs",)
    _read_fields = ("lr_lambdas",)
    lr_lambdas: list[Factor]

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Factor | list[Factor],
        last_epoch: int = -1,
        *,
        on_change: str = "refuse",
    ) -> None:
        self._one_for_all = not isinstance(lr_lambda, list | tuple)
        with self._construction(optimizer, on_change):
            for function in [lr_lambda] if self._one_for_all else lr_lambda:  # type: ignore[union-attr]
                if not callable(function):
                    raise ArgumentError(f"lr_lambda must be a function of the step, got {shown(function)}")
            super().__init__(optimizer, lr_lambda, last_epoch)  # type: ignore[arg-type, call-arg]

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "lr_lambdas": [held(function) for function in self.lr_lambdas]}

    def _checked(self, form: Any, part: bool = False) -> Saved:
        saved = super()._checked(form, part)
        rule = Each([FieldsOf(function) for function in self.lr_lambdas])
        saved.fields["lr_lambdas"] = of_state(rule, "lr_lambdas", form.get("lr_lambdas"))
        return saved

    def _take_fields(self, saved: Saved) -> None:
        for function, fields in zip(self.lr_lambdas, saved.fields["lr_lambdas"], strict=True):
            if fields:
                function.__dict__.update(fields)
        super()._take_fields(saved)

    def _shared(self, index: int) -> Hashable:
        return self.base_lrs[index], id(self.lr_lambdas[index])

    def _join(self, index: int) -> None:
        if not self._one_for_all:
            raise of_each_group(type(self).__name__, "lr_lambda", index)
        self.lr_lambdas.append(self.lr_lambdas[0])


def held(function: Any) -> dict[str, Any] | None:
    """The fields of a function that is an object; None of a plain function, which has none."""
    fields = getattr(function, "__dict__", None)
    return dict(fields) if fields and not hasattr(function, "__code__") else None


class LambdaLR(_OfFunctions, torch_schedulers.LambdaLR):
    """The base rate times a function of the step.

        f(t) = base lr_lambda(t)

    It writes its value whatever the rate was. The functions are not in the state, except for what callable objects
    hold.

    Args:
        optimizer: the optimizer.
        lr_lambda: a function of the step, or a list of one for each group.
        last_epoch: -1 for a start; n to go on after step n.
        on_change: what `load_state_dict` does with a state of other arguments: "refuse", "keep" or "restore".

    Raises:
        StepError: at a step where the function raises, or its value is negative or no finite number.

    Example:
        >>> import torch
        >>> from stepsize.pytorch import lr_scheduler
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.4)
        >>> scheduler = lr_scheduler.LambdaLR(optimizer, lambda t: 0.5 ** (t // 30))
        >>> scheduler.group_schedules[0]([0, 30, 60])
        array([0.4, 0.2, 0.1])

    Reference: torch.optim.lr_scheduler, PyTorch 2.13 (2026).
    """


class MultiplicativeLR(_OfFunctions, torch_schedulers.MultiplicativeLR):
    """The rate before, times a function of the step; the function is not asked at step 0.

        f(t) = base lr_lambda(1) lr_lambda(2) ... lr_lambda(t)

    A running product: `seek(t)` and `schedules` take O(t) time, and PyTorch's deprecated `step(epoch)` multiplies once,
    wherever it goes.

    Args:
        optimizer: the optimizer.
        lr_lambda: a function of the step, or a list of one for each group.
        last_epoch: -1 for a start; n to go on after step n.
        on_change: what `load_state_dict` does with a state of other arguments: "refuse", "keep" or "restore".

    Raises:
        StepError: at a step where the function raises, or its value is negative or no finite number.

    Example:
        >>> import torch
        >>> from stepsize.pytorch import lr_scheduler
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.4)
        >>> scheduler = lr_scheduler.MultiplicativeLR(optimizer, lambda t: 0.5)
        >>> scheduler.group_schedules[0]([0, 1, 2])
        array([0.4, 0.2, 0.1])

    Reference: torch.optim.lr_scheduler, PyTorch 2.13 (2026).
    """
