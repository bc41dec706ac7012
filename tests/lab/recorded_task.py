"""A task that writes to a file which samples its loss is computed on, in any process."""

import os
from pathlib import Path

import torch
from torch import nn

from stepsize.lab import Task

TRAIN = torch.arange(40.0)[:, None]
TEST = torch.arange(1000.0, 1010.0)[:, None]


def recorded():
    """y = x / 40, with every sample's own number as its target."""

    def loss(outputs, targets):
        kind = "trained" if torch.is_grad_enabled() else "judged"
        with open(os.environ["RECORDED_TO"], "a") as file:
            file.writelines(f"{kind} {int(number)}\n" for number in targets[:, 0])
        return ((outputs - targets / 40) ** 2).mean()

    return Task(lambda: nn.Sequential(Scaled(), nn.Linear(1, 1)), (TRAIN, TRAIN), (TEST, TEST), loss, None, "recorded")


class Scaled(nn.Module):
    """Inputs of the order of 1."""

    def forward(self, x):
        return x / 40


def seen(path: Path):
    """The numbers of the samples trained on, and of those judged on."""
    lines = [line.split() for line in path.read_text().splitlines()]
    return tuple({int(number) for kind, number in lines if kind == which} for which in ("trained", "judged"))
