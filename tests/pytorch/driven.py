"""Real optimizers, and updates of them, for the tests of the scheduler."""

import io

import torch
from torch.optim import SGD

import stepsize as ss

PLAN = ss.Linear(0.0, 0.3, 5) >> ss.Cosine(0.3, 0.01, 15)


def weight():
    return torch.nn.Parameter(torch.ones(2))


def sgd(*rates, kind=SGD, **more):
    """An optimizer with a group for each rate."""
    return kind([{"params": [weight()], "lr": rate} for rate in rates or (0.1,)], lr=0.1, **more)


def update(optimizer):
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = torch.ones_like(parameter)
    optimizer.step()


def rates_used(optimizer, scheduler, updates):
    """The rates of the first group that real updates use."""
    used = []
    for _ in range(updates):
        used.append(float(optimizer.param_groups[0]["lr"]))
        update(optimizer)
        scheduler.step()
    return used


def saved(states):
    """What a checkpoint file gives back, loaded the safe way."""
    file = io.BytesIO()
    torch.save(states, file)
    file.seek(0)
    return torch.load(file, weights_only=True)
