"""PyTorch's scheduler for stochastic weight averaging."""

from collections.abc import Hashable
from typing import Any, Literal

from torch.optim import Optimizer, swa_utils

from stepsize.arguments import LONGEST, Maybe, Number, Rule, Whole
from stepsize.pytorch.lr_scheduler.base import of_each_group
from stepsize.pytorch.lr_scheduler.course import annealed_from
from stepsize.pytorch.lr_scheduler.following import Following
from stepsize.pytorch.lr_scheduler.state import Each, Saved
from stepsize.schedules import Cosine, Linear


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
        >>> lr_scheduler.SWALR(optimizer, swa_lr=0.05, anneal_epochs=5).group_schedules
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
            ends = [float(group["swa_lr"]) for group in self.optimizer.param_groups]
            starts = [
                annealed_from(rate, end, shape, steps, taken, end) for rate, end in zip(saved.rates, ends, strict=True)
            ]
            saved.fields["_starts"] = starts if taken else None
            saved.fields["_begin"] = int(max(saved.fields["last_epoch"], 0)) - taken
        super()._take_fields(saved)
