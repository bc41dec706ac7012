"""Tasks as users write them, right and wrong."""

import multiprocessing
import os
import random
import signal

import numpy as np
import torch
from torch import nn

from stepsize.lab import Task

X = torch.linspace(-1.0, 1.0, 64)[:, None]


def line():
    """A line through noise-free points."""
    return Task(lambda: nn.Linear(1, 1), (X, 2 * X + 1), (X, 2 * X + 1), nn.functional.mse_loss, None, "line")


def dropping():
    """A network that draws random numbers while it trains."""
    net = lambda: nn.Sequential(nn.Linear(1, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 1))  # noqa: E731
    return Task(net, (X, X**2), (X, X**2), nn.functional.mse_loss, None, "dropping")


def drawn():
    """Data drawn from the global random states, as in a notebook."""
    x = torch.tensor([[np.random.randn(), random.random(), torch.rand(()).item()] for _ in range(64)])  # noqa: NPY002
    return Task(lambda: nn.Linear(3, 1), (x, x[:, :1]), (x, x[:, :1]), nn.functional.mse_loss, None, "drawn")


def drawn_again():
    """Data from the system's entropy, different in each process."""
    x = torch.from_numpy(np.random.default_rng().random((64, 1), np.float32))
    return Task(lambda: nn.Linear(1, 1), (x, x), (X, X), nn.functional.mse_loss, None, "drawn again")


def of_changing_size():
    """As many samples as the environment says."""
    x = X[: int(os.environ.get("OF_SIZE", "64"))]
    return Task(lambda: nn.Linear(1, 1), (x, x), (X, X), nn.functional.mse_loss, None, "of changing size")


def named_digits():
    """A task that has the name of a built-in one."""
    return Task(lambda: nn.Linear(1, 1), (X, 2 * X + 1), (X, 2 * X + 1), nn.functional.mse_loss, None, "digits")


def biases_only(params, lr):
    """An optimizer that trains vectors only, which it finds by their shape."""
    return torch.optim.SGD([parameter for parameter in params if parameter.dim() == 1], lr=lr)


def two_groups(params, lr):
    """Two groups: the biases have a hundredth of the rate and no decay."""
    weight, bias = params
    slow = {"params": [bias], "lr": 0.01 * lr, "weight_decay": 0.0}
    return torch.optim.SGD([{"params": [weight]}, slow], lr=lr, weight_decay=0.1)


def two_alike(params, lr):
    """Two groups that differ in their momentum alone, and have no decay."""
    weight, bias = params
    return torch.optim.SGD([{"params": [weight]}, {"params": [bias], "momentum": 0.9}], lr=lr)


def in_groups(params, **settings):
    """An optimizer whose signature does not list its arguments."""
    return torch.optim.SGD(params, lr=settings["lr"], momentum=settings["anything"])


def no_optimizer(params, lr):
    """What is not an optimizer."""
    return list(params)


def of_size(size, *, depth, width=3):
    """A task that cannot be made without arguments."""


def raising():
    """A task that raises."""
    raise KeyError("no such file")


def mistaken():
    """A task with inputs and targets of different lengths."""
    return Task(lambda: nn.Linear(1, 1), (X, X), (X, X[:3]), nn.functional.mse_loss, None)


def leaving():
    """A task that exits, as a script does."""
    raise SystemExit(3)


def nothing():
    """A function that returns no task."""


def without_parameters():
    """A network without parameters."""
    return Task(nn.ReLU, (X, X), (X, X), nn.functional.mse_loss, None)


def not_a_number():
    """A loss that is not a number from the start."""
    return Task(lambda: nn.Linear(1, 1), (X, X), (X, X), lambda a, b: (a - b).sum() * float("nan"), None)


ONE_NETWORK = nn.Sequential(nn.Linear(1, 4), nn.ReLU(), nn.Linear(4, 1))


def one_for_all():
    """A network that is made once, so that runs share its weights."""
    return Task(lambda: ONE_NETWORK, (X, X), (X, X), nn.functional.mse_loss, None, "one for all")


def one_in_all():
    """Networks that share a layer."""
    net = lambda: nn.Sequential(ONE_NETWORK[0], nn.Linear(4, 1))  # noqa: E731
    return Task(net, (X, X), (X, X), nn.functional.mse_loss, None, "one in all")


def hooked():
    """A network with a hook that makes one gradient smaller."""

    def network():
        net = nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 1))
        net[0].weight.register_hook(lambda gradient: 0.1 * gradient)
        return net

    return Task(network, (X, X), (X, X), nn.functional.mse_loss, None, "hooked")


class Scaled(nn.Linear):
    """A network with a plain number as an attribute."""

    def __init__(self):
        super().__init__(1, 1)
        self.scale = 1.0 + torch.rand(()).item()

    def forward(self, x):
        return self.scale * super().forward(x)


def with_a_number():
    """Networks that differ by more than their weights."""
    return Task(Scaled, (X, X), (X, X), nn.functional.mse_loss, None, "with a number")


class Leaving(nn.Linear):
    """A network that exits, as a script does."""

    def forward(self, x):
        raise SystemExit("that will do")


def left():
    """A task whose network exits."""
    return Task(lambda: Leaving(1, 1), (X, X), (X, X), nn.functional.mse_loss, None, "left")


class Demanding(nn.Linear):
    """A network with an assertion that fails."""

    def forward(self, x):
        assert x.shape[1] == 2
        return super().forward(x)


def demanding():
    """A task that does not fit its network."""
    return Task(lambda: Demanding(1, 1), (X, X), (X, X), nn.functional.mse_loss, None, "demanding")


def dying():
    """A network that kills its process, as one that is too large for the memory does; for one seed only."""

    def network():
        if multiprocessing.parent_process() is not None and torch.initial_seed() == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return nn.Linear(1, 1)

    return Task(network, (X, X), (X, X), nn.functional.mse_loss, None, "dying")
