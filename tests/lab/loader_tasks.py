"""Tasks whose samples come in loaders."""

import multiprocessing
import random

import numpy as np
import torch
from own_tasks import X
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from stepsize.lab import Task, train

Y = X**2 + X


def network():
    return nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Dropout(0.2), nn.Linear(8, 1))


class Recorded:
    """A loss that records the last parts of the batches it gets while the network trains."""

    def __init__(self):
        self.seen = []

    def __call__(self, outputs, batch):
        if torch.is_grad_enabled():
            self.seen.append(batch[-1].flatten().tolist())
        return functional.mse_loss(outputs, batch[-1])


class Drawing(Dataset):
    """Samples with noise from Python, NumPy and PyTorch, and from a generator of the data set's own."""

    def __init__(self):
        self.own = np.random.default_rng(3)

    def __len__(self):
        return len(X)

    def __getitem__(self, index):
        noise = random.random() + np.random.rand() + torch.rand(()).item() + self.own.random()  # noqa: NPY002
        return X[index], Y[index] + noise


def drawing(**settings):
    return DataLoader(Drawing(), 16, shuffle=True, generator=torch.Generator(), **settings)


def task_of(loader, test=None, loss=functional.mse_loss, net=network, **more):
    return Task(net, loader, [(X, Y)] if test is None else test, loss, more.pop("correct", None), **more)


def trained(task, rate=0.1, epochs=2, **settings):
    model = task.initial_model(0)
    log = train(model, task, torch.optim.SGD(model.parameters(), lr=0.1), rate, epochs=epochs, **settings)
    return log, [parameter.tolist() for parameter in model.parameters()]


class Stream(IterableDataset):
    """Batches without end."""

    def __iter__(self):
        while True:
            x = torch.rand(16, 1)
            yield x, x**2 + x


def noisy():
    """A task whose targets have noise, with a worker that starts as the platform's processes do."""
    assert multiprocessing.get_start_method() == multiprocessing.get_all_start_methods()[0]
    return task_of(drawing(num_workers=1), [(X, Y)], name="noisy")


def streaming():
    """A task whose training samples have no end."""
    return task_of(DataLoader(Stream(), batch_size=None), [(X, Y)], name="streaming")


BATCH = 16


def classes():
    """A task of two classes in a DataLoader."""
    data = TensorDataset(X, (X[:, 0] > 0).long())
    return Task(lambda: nn.Linear(1, 2), DataLoader(data, BATCH, shuffle=True), DataLoader(data, 32), name="classes")
