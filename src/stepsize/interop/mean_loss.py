"""The mean of the losses between two updates."""


class MeanLoss:
    """Adds up the losses of micro-batches."""

    def __init__(self) -> None:
        self._sum, self._count = 0.0, 0

    def add(self, loss: float) -> None:
        """Include a loss."""
        self._sum, self._count = self._sum + loss, self._count + 1

    def take(self) -> float | None:
        """The mean since the last call; None if there was no loss."""
        mean = self._sum / self._count if self._count else None
        self._sum, self._count = 0.0, 0
        return mean
