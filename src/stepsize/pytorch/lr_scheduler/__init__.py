"""PyTorch's learning-rate schedulers under their own names: PyTorch's classes, each with one mixin.

    from stepsize.pytorch.lr_scheduler import CosineAnnealingLR   # was: from torch.optim.lr_scheduler import ...

The mixin, in restoring.py, adds a state that restores the rates by itself, `seek(n)` and `group_schedules`. Two
classes hold their last rate. All other names of PyTorch's module can be imported from here too.

In the formulas t is `last_epoch`, and base the rate of a group at the start.
"""

from typing import Any

from torch import Tensor
from torch.optim import lr_scheduler as pytorch
from torch.optim import swa_utils
from torch.optim.lr_scheduler import LRScheduler as LRScheduler

from stepsize.pytorch.lr_scheduler.restoring import Restoring, constructor, options
from stepsize.pytorch.warnings import caution

__all__ = pytorch.__all__ + ["SWALR", "options"]  # noqa: RUF005


def __getattr__(name: str) -> Any:
    return getattr(pytorch, name)


class LambdaLR(Restoring, pytorch.LambdaLR):
    """base f(t), with f = `lr_lambda`."""


class MultiplicativeLR(Restoring, pytorch.MultiplicativeLR):
    """base f(1) f(2) ... f(t), with f = `lr_lambda`."""


class StepLR(Restoring, pytorch.StepLR):
    """base gamma^floor(t / step_size)."""


class MultiStepLR(Restoring, pytorch.MultiStepLR):
    """base gamma^n, with n the number of milestones <= t."""


class ConstantLR(Restoring, pytorch.ConstantLR):
    """base factor before `total_iters`, then base."""


class LinearLR(Restoring, pytorch.LinearLR):
    """base times a factor that goes from `start_factor` to `end_factor` in `total_iters` steps."""


class ExponentialLR(Restoring, pytorch.ExponentialLR):
    """base gamma^t."""


class PolynomialLR(Restoring, pytorch.PolynomialLR):
    """base (1 - t / total_iters)^power, then 0."""


class CosineAnnealingWarmRestarts(Restoring, pytorch.CosineAnnealingWarmRestarts):
    """From base to `eta_min` along a cosine in `T_0` steps, and again, each time `T_mult` times as slowly."""


class CyclicLR(Restoring, pytorch.CyclicLR):
    """From `base_lr` to `max_lr` and back, and so on, with the momentum in the opposite direction."""


class SequentialLR(Restoring, pytorch.SequentialLR):
    """One scheduler until the first milestone, the next until the second, and so on."""


class ChainedScheduler(Restoring, pytorch.ChainedScheduler):
    """All the schedulers at every step, one after the other."""


class ReduceLROnPlateau(Restoring, pytorch.ReduceLROnPlateau):
    """The rate times `factor` after more than `patience` steps without a better metric. It has no schedule or seek."""


class SWALR(Restoring, swa_utils.SWALR):
    """From the group's present rate to `swa_lr` in `anneal_epochs` steps."""


class _Ending(Restoring):
    past_end = "hold"
    _warned_of_end = False

    def _holds(self, end: float, last: float) -> bool:
        """Whether to hold the rate of step `end`; warns once past step `last`."""
        if self.past_end == "torch" or self.last_epoch <= end:
            return False
        if self.last_epoch > last and not self._warned_of_end:
            self._warned_of_end = True
            caution(
                f"{type(self).__name__} is past its end, step {last:g}, and holds its last rate; "
                'past_end="torch" has the rates of PyTorch'
            )
        return True


class CosineAnnealingLR(_Ending, pytorch.CosineAnnealingLR):
    """From base to `eta_min` along a cosine in `T_max` steps, then `eta_min`; past_end="torch" rises again."""

    def get_lr(self) -> list[float | Tensor]:
        return self._last_rates() or super().get_lr()

    def _get_closed_form_lr(self) -> list[float | Tensor]:
        return self._last_rates() or super()._get_closed_form_lr()

    def _last_rates(self) -> list[float | Tensor]:
        held = self._holds(self.T_max, -(-self.T_max // 1))
        return [self.eta_min for _ in self.optimizer.param_groups] if held else []


class OneCycleLR(_Ending, pytorch.OneCycleLR):
    """Up to `max_lr` and down in `total_steps` steps, then the last rate; past_end="torch" raises there."""

    def get_lr(self) -> list[float | Tensor]:
        if not self._holds(self.total_steps - 1, self.total_steps):
            return super().get_lr()
        step, self.last_epoch = self.last_epoch, self.total_steps - 1
        try:
            return super().get_lr()
        finally:
            self.last_epoch = step


for _class in (*Restoring.__subclasses__(), *_Ending.__subclasses__()):
    if _class is not _Ending:
        _class.__init__ = constructor(_class)  # type: ignore[method-assign]
