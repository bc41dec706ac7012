"""The networks of the lab: LeNet for 28 x 28 images, and a smaller one for 8 x 8 digits."""

from torch import nn

from stepsize.errors import DataError
from stepsize.lab.data import ImageData


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


def build(data: ImageData) -> nn.Module:
    """The network for images of this size, freshly initialised from PyTorch's global random state.

    Raises DataError where no network fits.
    """
    height, width = data.train_images.shape[1:]
    if (height, width) == (28, 28):
        return LeNet(data.classes)
    if (height, width) == (8, 8):
        return DigitsNet(data.classes)
    raise DataError(f"no network for images of {height} x {width}; there is one for 28 x 28 and one for 8 x 8")
