"""PyTorch's cosine schedulers: one wave, waves with restarts, and the way to the rate of weight averaging."""

import math
from collections.abc import Hashable
from typing import Any, Literal

from torch.optim import Optimizer, swa_utils
from torch.optim import lr_scheduler as torch_schedulers

from stepsize.arguments import LONGEST, Choice, Maybe, Number, Rule, Whole
from stepsize.pytorch.lr_scheduler.driver import of_each_group
from stepsize.pytorch.lr_scheduler.following import Following
from stepsize.pytorch.lr_scheduler.state import Each, Saved
from stepsize.schedules import Cosine, Linear


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
        >>> lr_scheduler.CosineAnnealingLR(optimizer, T_max=100, eta_min=0.01).schedules
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
        >>> lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=10, T_mult=2).schedules
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


class SWALR(Following, swa_utils.SWALR):
    """From the rate that its first step finds to `swa_lr`, where it stays: for stochastic weight averaging.

        f(t) = start w + swa_lr (1 - w),    w = (1 + cos(pi z)) / 2  or  1 - z,    z = min(t / anneal_epochs, 1)

    Not a function of the step alone: until `step()` is called for the first time, `schedules` start at the rate that is
    there now.

    Args:
        optimizer: the optimizer.
        swa_lr: the rate at the end, or a list of one for each group.
        anneal_epochs: how many steps it takes.
        anneal_strategy: "cos" or "linear".
        last_epoch: -1 for a start; n counts on after n, and the way still begins at the first step.
        on_change: what `load_state_dict` does with a state of other arguments: "refuse", "keep" or "restore".

    Raises:
        ValueError: an argument is not in its range.

    Example:
        >>> import torch
        >>> from stepsize.pytorch import lr_scheduler
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.4)
        >>> lr_scheduler.SWALR(optimizer, swa_lr=0.05, anneal_epochs=5).schedules
        (Cosine(0.4, 0.05, 5),)

    Reference: Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization", arXiv 1803.05407
    (2018).
    """

    _plan_fields = ("base_lrs", "anneal_epochs", "_anneal_strategy", "_in_groups")
    _group_fields = ("swa_lr",)
    _position_fields = ("last_epoch", "_step_count", "_starts", "_begin")
    _own_fields = ("_starts", "_begin", "_in_groups")

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        last_epoch: int = -1,
        *,
        on_change: str = "refuse",
    ) -> None:
        self._starts: list[float] | None = None
        self._begin = last_epoch + 1
        with self._construction(optimizer, on_change):
            super().__init__(optimizer, swa_lr, anneal_epochs, anneal_strategy, last_epoch)  # type: ignore[arg-type]

    def _clock(self, least: int) -> Rule:
        return Whole(least)

    def _rules(self) -> dict[str, Rule]:
        starts = [Number()] * len(self.optimizer.param_groups)
        return {"_starts": Maybe(Each(starts)), "_begin": Whole(-LONGEST)}

    def _in_words(self, plan: dict[str, Any]) -> dict[str, Any]:
        words = super()._in_words(plan)
        groups = words.pop("in_groups")
        return {**words, "swa_lr": [group["swa_lr"] for group in groups]}

    def _update_lr(self, epoch: float | None = None) -> None:
        if self.last_epoch >= 0 and not self._is_initial and self._starts is None:
            self._starts = self._rates.read()
        begin = self._begin
        if epoch is not None:  # PyTorch counts it as one step more on the way, whatever it is
            self._begin += int(Whole(-1)("SWALR.step", "epoch", epoch)) - (self.last_epoch + 1)
        try:
            super()._update_lr(epoch)
        except Exception:
            self._begin = begin
            raise

    def _key(self) -> list[Any]:
        ends = [float(group["swa_lr"]) for group in self.optimizer.param_groups]
        return [*super()._key(), ends, self._begin, self._starts or self._rates.read()]

    def _shared(self, index: int) -> Hashable:
        group = self.optimizer.param_groups[index]
        return float(group["swa_lr"]), float(group["lr"]) if self._starts is None else self._starts[index]

    def _join(self, index: int) -> None:
        raise of_each_group("SWALR", "swa_lr", index)

    def _enter(self, rates: list[float]) -> None:
        self._starts = rates

    def _take_fields(self, saved: Saved) -> None:
        if saved.by_pytorch:
            taken = max(saved.fields["_step_count"] - 1, 0)
            shape = Cosine if saved.fields["_anneal_strategy"] == "cos" else Linear
            steps = saved.fields["anneal_epochs"]
            left = shape(1.0, 0.0, steps)(taken) if steps else 0.0
            ends = [float(group["swa_lr"]) for group in self.optimizer.param_groups]
            starts = [end + (rate - end) / left if left else end for rate, end in zip(saved.rates, ends, strict=True)]
            saved.fields["_starts"] = starts if taken else None
            saved.fields["_begin"] = int(max(saved.fields["last_epoch"], 0)) - taken
        super()._take_fields(saved)
