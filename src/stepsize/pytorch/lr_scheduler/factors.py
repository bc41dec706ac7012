"""PyTorch's schedulers that multiply the base rate: in steps, at milestones, and along lines and powers."""

from collections.abc import Iterable

from torch.optim import Optimizer
from torch.optim import lr_scheduler as torch_schedulers

from stepsize.pytorch.lr_scheduler.following import Following


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
        >>> lr_scheduler.StepLR(optimizer, step_size=30, gamma=0.5).group_schedules
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
        >>> lr_scheduler.MultiStepLR(optimizer, [80, 30], gamma=0.5).group_schedules
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
        >>> lr_scheduler.ConstantLR(optimizer, factor=0.5, total_iters=4).group_schedules
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
        >>> lr_scheduler.LinearLR(optimizer, start_factor=0.25, total_iters=100).group_schedules
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
        >>> lr_scheduler.ExponentialLR(optimizer, gamma=0.9).group_schedules
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
        >>> lr_scheduler.PolynomialLR(optimizer, total_iters=100, power=2.0).group_schedules
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
