"""PyTorch's schedulers that multiply the base rate: by functions, at milestones, and along lines and powers."""

from collections.abc import Callable, Hashable, Iterable
from typing import Any

from torch.optim import Optimizer
from torch.optim import lr_scheduler as torch_schedulers

from stepsize.arguments import shown
from stepsize.errors import ArgumentError
from stepsize.pytorch.lr_scheduler.following import Following, of_each_group
from stepsize.pytorch.lr_scheduler.state import Saved

Factor = Callable[[int], float]
"""A function of the step."""


class _OfFunctions(Following):
    """One function for all groups, or one for each; those that are objects are saved with what they hold."""

    _plan_fields = ("base_lrs",)
    lr_lambdas: list[Factor]

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "lr_lambdas": [held(function) for function in self.lr_lambdas]}

    def _checked(self, form: Any) -> Saved:
        saved = super()._checked(form)
        saved.fields["lr_lambdas"] = form.get("lr_lambdas", [])
        return saved

    def _take_fields(self, saved: Saved) -> None:
        for function, fields in zip(self.lr_lambdas, saved.fields["lr_lambdas"], strict=False):
            if fields:
                function.__dict__.update(fields)
        super()._take_fields(saved)

    def _shared(self, index: int) -> Hashable:
        return self.base_lrs[index], id(self.lr_lambdas[index])

    def _join(self, index: int) -> None:
        if not self._one_for_all:
            raise of_each_group(type(self).__name__, "lr_lambda", index)
        self.lr_lambdas.append(self.lr_lambdas[0])

    _one_for_all = True


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
        >>> scheduler.schedules[0]([0, 30, 60])
        array([0.4, 0.2, 0.1])

    Reference: torch.optim.lr_scheduler, PyTorch 2.13 (2026).
    """

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
            super().__init__(optimizer, lr_lambda, last_epoch)


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
        >>> scheduler.schedules[0]([0, 1, 2])
        array([0.4, 0.2, 0.1])

    Reference: torch.optim.lr_scheduler, PyTorch 2.13 (2026).
    """

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
            super().__init__(optimizer, lr_lambda, last_epoch)


class StepLR(Following, torch_schedulers.StepLR):
    """Times `gamma` at every `step_size`-th step.

        f(t) = base gamma^floor(t / step_size)

    Args:
        optimizer: the optimizer.
        step_size: the steps from one drop to the next.
        gamma: the factor.
        last_epoch: -1 for a start; n to go on after step n.
        on_change: what `load_state_dict` does with a state of other arguments: "refuse", "keep" or "restore".

    Raises:
        ArgumentError: `step_size` is no whole number of at least 1, or `gamma` is negative.

    Example:
        >>> import torch
        >>> from stepsize.pytorch import lr_scheduler
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.4)
        >>> lr_scheduler.StepLR(optimizer, step_size=30, gamma=0.5).schedules
        (Staircase(0.4, 0.5, 30),)

    Reference: torch.optim.lr_scheduler, PyTorch 2.13 (2026).
    """

    _plan_fields = ("base_lrs", "step_size", "gamma")

    def __init__(
        self,
        optimizer: Optimizer,
        step_size: int,
        gamma: float = 0.1,
        last_epoch: int = -1,
        *,
        on_change: str = "refuse",
    ) -> None:
        with self._construction(optimizer, on_change):
            super().__init__(optimizer, step_size, gamma, last_epoch)


class MultiStepLR(Following, torch_schedulers.MultiStepLR):
    """Times `gamma` at every milestone; one that is given twice counts twice.

        f(t) = base gamma^(number of milestones <= t)

    Args:
        optimizer: the optimizer.
        milestones: steps, in any order.
        gamma: the factor.
        last_epoch: -1 for a start; n to go on after step n.
        on_change: what `load_state_dict` does with a state of other arguments: "refuse", "keep" or "restore".

    Raises:
        ArgumentError: a milestone is no whole number of at least 0, or `gamma` is negative.

    Example:
        >>> import torch
        >>> from stepsize.pytorch import lr_scheduler
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.4)
        >>> lr_scheduler.MultiStepLR(optimizer, [80, 30], gamma=0.5).schedules
        (MultiStep(0.4, 0.5, (30, 80)),)

    Reference: torch.optim.lr_scheduler, PyTorch 2.13 (2026).
    """

    _plan_fields = ("base_lrs", "milestones", "gamma")

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
        *,
        on_change: str = "refuse",
    ) -> None:
        with self._construction(optimizer, on_change):
            super().__init__(optimizer, milestones, gamma, last_epoch)


class ConstantLR(Following, torch_schedulers.ConstantLR):
    """Times `factor` for the first `total_iters` steps, then the base rate.

        f(t) = base factor  for t < total_iters,    base  from then on

    Args:
        optimizer: the optimizer.
        factor: in [0, 1].
        total_iters: how many steps; 0 leaves the phase out.
        last_epoch: -1 for a start; n to go on after step n.
        on_change: what `load_state_dict` does with a state of other arguments: "refuse", "keep" or "restore".

    Raises:
        ValueError: `factor` is not in [0, 1].
        ArgumentError: `total_iters` is no whole number.

    Example:
        >>> import torch
        >>> from stepsize.pytorch import lr_scheduler
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.4)
        >>> lr_scheduler.ConstantLR(optimizer, factor=0.5, total_iters=4).schedules
        (Constant(0.2, 4) >> Constant(0.4),)

    Reference: torch.optim.lr_scheduler, PyTorch 2.13 (2026).
    """

    _plan_fields = ("base_lrs", "factor", "total_iters")

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1.0 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
        *,
        on_change: str = "refuse",
    ) -> None:
        with self._construction(optimizer, on_change):
            super().__init__(optimizer, factor, total_iters, last_epoch)


class LinearLR(Following, torch_schedulers.LinearLR):
    """A straight line from `start_factor` to `end_factor` times the base rate.

        f(t) = base (start_factor (1 - z) + end_factor z),    z = min(t / total_iters, 1)

    Args:
        optimizer: the optimizer.
        start_factor: in (0, 1].
        end_factor: in [0, 1].
        total_iters: how many steps it takes; 0 leaves the way out.
        last_epoch: -1 for a start; n to go on after step n.
        on_change: what `load_state_dict` does with a state of other arguments: "refuse", "keep" or "restore".

    Raises:
        ValueError: a factor is not in its range.

    Example:
        >>> import torch
        >>> from stepsize.pytorch import lr_scheduler
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.4)
        >>> lr_scheduler.LinearLR(optimizer, start_factor=0.25, total_iters=100).schedules
        (Linear(0.1, 0.4, 100),)

    Reference: torch.optim.lr_scheduler, PyTorch 2.13 (2026).
    """

    _plan_fields = ("base_lrs", "start_factor", "end_factor", "total_iters")

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
        *,
        on_change: str = "refuse",
    ) -> None:
        with self._construction(optimizer, on_change):
            super().__init__(optimizer, start_factor, end_factor, total_iters, last_epoch)


class ExponentialLR(Following, torch_schedulers.ExponentialLR):
    """Times `gamma` at every step.

        f(t) = base gamma^t

    Args:
        optimizer: the optimizer.
        gamma: the factor.
        last_epoch: -1 for a start; n to go on after step n.
        on_change: what `load_state_dict` does with a state of other arguments: "refuse", "keep" or "restore".

    Raises:
        ArgumentError: `gamma` is negative.

    Example:
        >>> import torch
        >>> from stepsize.pytorch import lr_scheduler
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.4)
        >>> lr_scheduler.ExponentialLR(optimizer, gamma=0.9).schedules
        (Exponential(0.4, 0.9),)

    Reference: torch.optim.lr_scheduler, PyTorch 2.13 (2026).
    """

    _plan_fields = ("base_lrs", "gamma")

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1, *, on_change: str = "refuse") -> None:
        with self._construction(optimizer, on_change):
            super().__init__(optimizer, gamma, last_epoch)


class PolynomialLR(Following, torch_schedulers.PolynomialLR):
    """Down to 0 as a power of what is left.

        f(t) = base (1 - min(t / total_iters, 1))^power

    Args:
        optimizer: the optimizer.
        total_iters: how many steps it takes.
        power: of the polynomial, at least 0.
        last_epoch: -1 for a start; n to go on after step n.
        on_change: what `load_state_dict` does with a state of other arguments: "refuse", "keep" or "restore".

    Raises:
        ArgumentError: `total_iters` is no whole number of at least 1, or `power` is negative.

    Example:
        >>> import torch
        >>> from stepsize.pytorch import lr_scheduler
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.4)
        >>> lr_scheduler.PolynomialLR(optimizer, total_iters=100, power=2.0).schedules
        (Polynomial(0.4, 0.0, 100, 2.0),)

    Reference: torch.optim.lr_scheduler, PyTorch 2.13 (2026).
    """

    _plan_fields = ("base_lrs", "total_iters", "power")

    def __init__(
        self,
        optimizer: Optimizer,
        total_iters: int = 5,
        power: float = 1.0,
        last_epoch: int = -1,
        *,
        on_change: str = "refuse",
    ) -> None:
        with self._construction(optimizer, on_change):
            super().__init__(optimizer, total_iters, power, last_epoch)
