"""The networks of the lab: LeNet for 28 x 28 images, and a smaller one for 8 x 8 digits."""

from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from stepsize.errors import DataError
from stepsize.lab.data import ImageData
from stepsize.lab.task import Task


class LeNet(nn.Sequential):
    """LeNet with ReLU and max pooling: images (n, 1, 28, 28) to scores (n, classes)."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__(
            nn.Conv2d(1, 6, kernel_size=5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 16, kernel_size=5),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(400, 120),
            nn.ReLU(),
            nn.Linear(120, 84),
            nn.ReLU(),
            nn.Linear(84, classes),
        )


class DigitsNet(nn.Sequential):
    """Two convolutions and two dense layers: images (n, 1, 8, 8) to scores (n, classes)."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__(
            nn.Conv2d(1, 16, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(128, 64),
            nn.ReLU(),
            nn.Linear(64, classes),
        )


def image_task(data: ImageData) -> Task:
    """The classification of these images by the network for their size; raises DataError where none fits."""
    height, width = data.train_images.shape[1:]
    networks: dict[tuple[int, int], type[LeNet] | type[DigitsNet]] = {(28, 28): LeNet, (8, 8): DigitsNet}
    network = networks.get((height, width))
    if network is None:
        raise DataError(f"no network for images of {height} x {width}; there is one for 28 x 28 and one for 8 x 8")
    return Task(
        partial(network, data.classes),
        (_pixels(data.train_images), torch.from_numpy(data.train_labels)),
        (_pixels(data.test_images), torch.from_numpy(data.test_labels)),
        name=data.name,
        source=data.source,
    )


def _pixels(images: NDArray[np.float32]) -> Tensor:
    """The images (n, height, width) as a tensor (n, 1, height, width) of the same memory."""
    return torch.from_numpy(images).unsqueeze(1)
