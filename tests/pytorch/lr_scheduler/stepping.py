"""Optimizers, updates of them, and states through a file, for the tests of PyTorch's names."""

import io

import torch
from hypothesis import strategies as st
from torch.optim import SGD

from pytorch.lr_scheduler import drawn

every_spec = st.one_of(*map(drawn.specs, drawn.SINGLE), drawn.sequences(), drawn.chains).filter(
    lambda spec: all("eta_min" not in part.arguments for part in spec.parts) or spec.name != "ChainedScheduler"
)


def sgd(*rates, **more):
    return SGD(
        [{"params": [torch.nn.Parameter(torch.ones(1))], "lr": rate} for rate in rates or (0.1,)], lr=0.1, **more
    )


def update(optimizer):
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = torch.ones_like(parameter)
    optimizer.step()


def stepped(optimizer, *schedulers, times=1):
    for _ in range(times):
        update(optimizer)
        for scheduler in schedulers:
            scheduler.step()


def rates(optimizer):
    return [float(group["lr"]) for group in optimizer.param_groups]


def through_a_file(state):
    file = io.BytesIO()
    torch.save(state, file)
    return torch.load(io.BytesIO(file.getvalue()), weights_only=True)
