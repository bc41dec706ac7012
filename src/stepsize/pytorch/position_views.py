"""What frameworks ask of PyTorch's schedulers, computed from a position."""

from collections.abc import Callable

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from stepsize.pytorch.optimizer_hooks import Attachment
from stepsize.pytorch.plan import rate_of
from stepsize.pytorch.writing import GroupRecord


class PositionViews(LRScheduler):
    """PyTorch's scheduler class, without its constructor: that would write rates, and replace the optimizer's step."""

    _attachment: Attachment
    _position: int
    _seen_overwritten: bool
    _records: list[GroupRecord]
    _refresh: Callable[[], None]
    seek: Callable[[int], None]

    def get_last_lr(self) -> list[float]:  # type: ignore[override]
        """The rate that the next update uses, for each group."""
        self._refresh()
        return [rate_of(group) for group in self._attachment.groups()]

    @property
    def _last_lr(self) -> list[float]:  # type: ignore[override]
        return self.get_last_lr()

    @property
    def last_epoch(self) -> int:
        """The position; -1, which means a fresh start in PyTorch, is 0. Setting it writes no rates; Ignite sets it."""
        return self._position

    @last_epoch.setter
    def last_epoch(self, value: int) -> None:
        self._position = max(int(value), 0)
        self._seen_overwritten = True  # whoever sets the position writes the rates, too

    @property
    def _step_count(self) -> int:
        return self._position + 1

    @_step_count.setter
    def _step_count(self, value: int) -> None:
        """Ignore it: Accelerate raises it for micro-batches, which are no updates."""

    def _initial_step(self) -> None:
        self.seek(self._position)

    def _update_lr(self, epoch: int | None = None) -> None:
        self.seek(self._position + 1 if epoch is None else max(int(epoch), 0))

    @property
    def base_lrs(self) -> list[float]:  # type: ignore[override]
        """Each group's base rate."""
        return [record.base for record in self._records]

    @property
    def optimizer(self) -> Optimizer:  # type: ignore[override]
        """The optimizer; the first of several."""
        return self._attachment.optimizers[0]
