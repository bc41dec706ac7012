"""PyTorch's scheduler that follows a metric."""

from typing import Any, Literal, SupportsFloat

from torch.optim import Optimizer
from torch.optim import lr_scheduler as torch_schedulers

from stepsize.pytorch.lr_scheduler.base import PyTorchScheduler, of_each_group


class ReduceLROnPlateau(PyTorchScheduler, torch_schedulers.ReduceLROnPlateau):
    """Times `factor` when a metric has not improved for more than `patience` steps.

    Its decisions are PyTorch's own code. It is no function of the step, so it has no `schedules` and no `seek`;
    `Scheduler(..., feedback=Plateau(...))` puts a plateau on any schedule.

    Args:
        optimizer: the optimizer.
        mode: "min" or "max": whether less or more is better.
        factor: what the rate is multiplied by, less than 1.
        patience: steps without improvement that are let pass.
        threshold: what counts as improvement.
        threshold_mode: "rel" or "abs".
        cooldown: steps after a reduction that do not count as bad.
        min_lr: the lowest rate that a reduction leads to, or a list of one for each group.
        eps: the least change of a rate that is made.
        on_change: what `load_state_dict` does with a state of other arguments: "refuse", "keep" or "restore".

    Raises:
        ValueError: an argument is not in its range.

    Example:
        >>> import torch
        >>> from stepsize.pytorch import lr_scheduler
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.4)
        >>> scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
        >>> for loss in (1.0, 0.9, 0.91, 0.92):
        ...     scheduler.step(loss)
        >>> scheduler.get_last_lr()
        [0.2]

    Reference: torch.optim.lr_scheduler, PyTorch 2.13 (2026).
    """

    _plan_fields = ("mode", "factor", "patience", "threshold", "threshold_mode", "cooldown", "min_lrs", "eps")
    _position_fields = ("last_epoch", "best", "cooldown_counter", "num_bad_epochs")

    def __init__(
        self,
        optimizer: Optimizer,
        mode: Literal["min", "max"] = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: Literal["rel", "abs"] = "rel",
        cooldown: int = 0,
        min_lr: float | list[float] = 0,
        eps: float = 1e-8,
        *,
        on_change: str = "refuse",
    ) -> None:
        with self._construction(optimizer, on_change):
            super().__init__(optimizer, mode, factor, patience, threshold, threshold_mode, cooldown, min_lr, eps)

    def step(self, metrics: SupportsFloat, epoch: int | None = None) -> None:  # type: ignore[override]
        """Take the metric of a step, and reduce the rates where it is time to."""
        self._rates.refuse_if_taken(self)
        super().step(metrics, epoch)

    def _in_words(self, plan: dict[str, Any]) -> dict[str, Any]:
        return {"min_lr" if name == "min_lrs" else name: value for name, value in plan.items()}

    def _reduce_lr(self, epoch: int) -> None:
        rates = self._rates.read()
        while len(self.min_lrs) < len(rates):  # a group was added
            if self.default_min_lr is None:
                raise of_each_group("ReduceLROnPlateau", "min_lr", len(self.min_lrs))
            self.min_lrs.append(self.default_min_lr)
        for index, (rate, lowest) in enumerate(zip(rates, self.min_lrs, strict=True)):
            lower = max(rate * self.factor, lowest)
            if rate - lower > self.eps:
                rates[index] = lower
        self._rates.write(rates)
