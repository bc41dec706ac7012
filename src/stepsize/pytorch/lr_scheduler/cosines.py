"""PyTorch's cosine schedulers: one wave, and waves with restarts."""

import math
from typing import Literal

from torch.optim import Optimizer
from torch.optim import lr_scheduler as torch_schedulers

from stepsize.arguments import Choice, Rule, Whole
from stepsize.pytorch.lr_scheduler.following import Following


class CosineAnnealingLR(Following, torch_schedulers.CosineAnnealingLR):
    """Half a cosine wave from the base rate to `eta_min`, where it stays.

        f(t) = eta_min + (base - eta_min) (1 + cos(pi z)) / 2,    z = min(t / T_max, 1)

    Args:
        optimizer: the optimizer.
        T_max: how many steps it takes.
        eta_min: the rate at the end.
        last_epoch: -1 for a start; n to go on after step n.
        past_end: "hold" stays at `eta_min` from `T_max` on, and warns once; "torch" rises again, as PyTorch's does,
            with the period 2 T_max.
        on_change: what `load_state_dict` does with a state of other arguments: "refuse", "keep" or "restore".

    Raises:
        ArgumentError: `T_max` is not positive.

    Example:
        >>> import torch
        >>> from stepsize.pytorch import lr_scheduler
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.4)
        >>> lr_scheduler.CosineAnnealingLR(optimizer, T_max=100, eta_min=0.01).group_schedules
        (Cosine(0.4, 0.01, 100),)

    Reference: Loshchilov and Hutter, "SGDR", arXiv 1608.03983 (2016).
    """

    _plan_fields = ("base_lrs", "T_max", "eta_min")
    _read_fields = ("past_end",)

    def __init__(
        self,
        optimizer: Optimizer,
        T_max: int,  # noqa: N803  (PyTorch's name)
        eta_min: float = 0.0,
        last_epoch: int = -1,
        *,
        past_end: Literal["hold", "torch"] = "hold",
        on_change: str = "refuse",
    ) -> None:
        self.past_end = Choice(("hold", "torch"))("CosineAnnealingLR", "past_end", past_end)
        with self._construction(optimizer, on_change):
            super().__init__(optimizer, T_max, eta_min, last_epoch)

    @property
    def _end(self) -> float:  # type: ignore[override]
        return self.T_max

    def _past_end_warning(self, position: float) -> str:
        return (
            f"CosineAnnealingLR(T_max={self.T_max}) is past its end at step {position:g}: the rate stays at "
            f'{self.eta_min}, where PyTorch\'s rises again; write past_end="torch" for that'
        )


class CosineAnnealingWarmRestarts(Following, torch_schedulers.CosineAnnealingWarmRestarts):
    """Half cosine waves from the base rate towards `eta_min`, each `T_mult` times as long as the one before.

        f(t) = eta_min + (base - eta_min) (1 + cos(pi T_cur / T_i)) / 2

    T_cur is the steps since the last restart, T_i the length of the wave. `step(epoch)` takes fractions, as in
    PyTorch.

    Args:
        optimizer: the optimizer.
        T_0: the length of the first wave.
        T_mult: what each length is multiplied by for the next.
        eta_min: the lowest rate.
        last_epoch: -1 for a start; n to go on after step n.
        on_change: what `load_state_dict` does with a state of other arguments: "refuse", "keep" or "restore".

    Raises:
        ValueError: `T_0` or `T_mult` is no whole number of at least 1.
        StepError: at a step(epoch) below 0.

    Example:
        >>> import torch
        >>> from stepsize.pytorch import lr_scheduler
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.4)
        >>> lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=10, T_mult=2).group_schedules
        (Cosine(0.4, 0.0, 10).repeat(inf, 1.0, 2.0),)

    Reference: Loshchilov and Hutter, "SGDR", arXiv 1608.03983 (2016).
    """

    _plan_fields = ("base_lrs", "T_0", "T_mult", "eta_min")
    _position_fields = ("last_epoch", "_step_count", "T_cur", "T_i")

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,  # noqa: N803  (PyTorch's name)
        T_mult: int = 1,  # noqa: N803  (PyTorch's name)
        eta_min: float = 0.0,
        last_epoch: int = -1,
        *,
        on_change: str = "refuse",
    ) -> None:
        with self._construction(optimizer, on_change):
            super().__init__(optimizer, T_0, T_mult, eta_min, last_epoch)

    def _clock(self, least: int) -> Rule:
        return Whole(least)  # the fraction is in T_cur

    def step(self, epoch: float | None = None) -> None:
        """Move on by one step, or to a step, which may be a fraction; neither warns."""
        self._update_lr(epoch)

    @property
    def _position(self) -> float:
        # last_epoch is what PyTorch lets others set; the fraction of a step is only in T_cur.
        return self.last_epoch + math.modf(max(self.T_cur, 0))[0]

    def _place(self, position: float) -> None:
        self.last_epoch = math.floor(position)
        begin, length = 0, self.T_0
        if self.T_mult == 1:
            begin = math.floor(position) // length * length
        while position >= begin + length:
            begin, length = begin + length, length * self.T_mult
        self.T_cur, self.T_i = position - begin, length  # type: ignore[assignment]  # a fraction, as in PyTorch
