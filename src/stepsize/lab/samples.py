"""Images on a device, and how well a network does on them."""

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

EVALUATION_BATCH = 500


@dataclass(frozen=True, eq=False)
class Samples:
    """Images (n, 1, height, width) in channels-last memory format and their labels (n,), on one device."""

    images: Tensor
    labels: Tensor

    @classmethod
    def on(cls, device: torch.device, images: NDArray[np.float32], labels: NDArray[np.int64]) -> "Samples":
        """The samples of a data set on `device`; on the CPU they share its memory."""
        pixels = torch.from_numpy(images).unsqueeze(1).contiguous(memory_format=torch.channels_last)
        return cls(pixels.to(device), torch.from_numpy(labels).to(device))

    def measure(self, model: nn.Module) -> tuple[float, float]:
        """Mean loss and accuracy of `model`, in evaluation mode, over all samples."""
        was_training = model.training
        model.eval()
        tally = Tally()
        with torch.no_grad():
            for images, labels in zip(
                torch.split(self.images, EVALUATION_BATCH),
                torch.split(self.labels, EVALUATION_BATCH),
                strict=True,
            ):
                scores = model(images)
                tally.add(cross_entropy(scores, labels), scores, labels)
        model.train(was_training)
        return tally.means()


@dataclass
class Tally:
    """Loss and hits batch by batch; they stay on the device until the means are asked for."""

    losses: list[Tensor] = field(default_factory=list)
    hits: list[Tensor] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)

    def add(self, loss: Tensor, scores: Tensor, labels: Tensor) -> None:
        """Take note of one batch: its mean loss, its scores (n, classes) and its labels (n,)."""
        self.losses.append(loss.detach())
        self.hits.append((scores.argmax(dim=1) == labels).sum())
        self.sizes.append(len(labels))

    def extend(self, later: "Tally") -> None:
        """Take note of all that `later` has noted."""
        self.losses += later.losses
        self.hits += later.hits
        self.sizes += later.sizes

    def means(self) -> tuple[float, float]:
        """Mean loss and accuracy over all samples, summed as Python floats in the order of the batches."""
        total = 0.0
        # Not sum(), which since Python 3.12 rounds differently from a running total.
        for loss, size in zip(torch.stack(self.losses).tolist(), self.sizes, strict=True):
            total += loss * size
        samples = sum(self.sizes)
        return total / samples, int(torch.stack(self.hits).sum()) / samples
