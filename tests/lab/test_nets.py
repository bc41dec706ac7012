"""The networks: the layers of the book, and the one that fits the images."""

import dataclasses

import pytest
import torch
from torch import nn

from stepsize.errors import DataError
from stepsize.lab.image_tasks import digits, image_task, lenet


def of_size(height, width):
    return dataclasses.replace(
        digits(), train_images=torch.zeros(2, height, width).numpy(), train_labels=torch.zeros(2).numpy()
    )


def test_lenet_has_the_layers_and_shapes_of_the_mission():
    shapes, images = [], torch.zeros(2, 1, 28, 28)
    for layer in lenet():
        images = layer(images)
        if not isinstance(layer, nn.ReLU):
            shapes.append((type(layer).__name__, *images.shape[1:]))
    assert shapes == [
        ("Conv2d", 6, 28, 28),
        ("MaxPool2d", 6, 14, 14),
        ("Conv2d", 16, 10, 10),
        ("MaxPool2d", 16, 5, 5),
        ("Flatten", 400),
        ("Linear", 120),
        ("Linear", 84),
        ("Linear", 10),
    ]
    assert sum(isinstance(layer, nn.ReLU) for layer in lenet()) == 4
    assert sum(parameter.numel() for parameter in lenet().parameters()) == 61_706


def test_the_network_is_chosen_by_the_size_of_the_images():
    for size, parameters in ((28, 61_706), (8, 13_706)):
        model = image_task(of_size(size, size)).model()
        assert model(torch.zeros(2, 1, size, size)).shape == (2, 10)
        assert sum(parameter.numel() for parameter in model.parameters()) == parameters


def test_the_network_has_one_score_a_class():
    images = torch.zeros(3, 1, 8, 8)
    assert image_task(dataclasses.replace(digits(), classes=7)).model()(images).shape == (3, 7)


def test_images_of_another_size_are_refused():
    with pytest.raises(DataError, match="no network for images of 32 x 28; give images of 28 x 28 or 8 x 8"):
        image_task(of_size(32, 28))
