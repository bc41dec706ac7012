"""The networks for images: their layers, and the shapes of their outputs."""

import torch
from torch import nn

from stepsize.lab.tasks.images import digits, digits_net, lenet


def test_lenet_has_the_layers_and_shapes_of_1998():
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


def test_the_digits_have_a_smaller_network():
    model = digits().model()
    assert model(digits().test[0]).shape == (360, 10)
    assert sum(parameter.numel() for parameter in model.parameters()) == 13_706


def test_a_network_has_one_score_a_class():
    assert digits_net(classes=7)(torch.zeros(3, 1, 8, 8)).shape == (3, 7)
    assert lenet(classes=7)(torch.zeros(3, 1, 28, 28)).shape == (3, 7)
