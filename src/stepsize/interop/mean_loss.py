"""The mean of the losses between two updates."""

from typing import Any


class MeanLoss:
    """Adds up the losses of micro-batches."""

    def __init__(self) -> None:
        self._sum, self._count = 0.0, 0

    def add(self, loss: Any) -> None:
        """Include a loss: a number, or a tensor of one."""
        self._sum += loss.item() if hasattr(loss, "item") else loss
        self._count += 1

    def take(self) -> float | None:
        """The mean since the last call; None if there was no loss."""
        mean = self._sum / self._count if self._count else None
        self._sum, self._count = 0.0, 0
        return mean
