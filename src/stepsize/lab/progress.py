"""How far a training run has come."""

from dataclasses import dataclass, field
from typing import Any

import torch

from stepsize.lab.samples import Tally


@dataclass
class Progress:
    """Updates done, the epoch under way with its updates done, and what has been noted since it began."""

    step: int = 0
    epoch: int = 0
    updates: int = 0
    whole: Tally = field(default_factory=Tally)
    """Since the epoch began, up to the last point logged."""

    def state(self) -> dict[str, Any]:
        """The same as tensors and numbers."""
        return {"step": self.step, "epoch": self.epoch, "updates": self.updates, "whole": self.whole.state()}

    @classmethod
    def of(cls, state: dict[str, Any], device: torch.device) -> "Progress":
        """The progress whose `state` this is."""
        return cls(state["step"], state["epoch"], state["updates"], Tally.of(state["whole"], device))
