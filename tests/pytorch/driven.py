"""Real optimizers, and updates of them, for the tests of the scheduler."""

import datetime
import inspect
import io
import json
import subprocess
import sys
from pathlib import Path

import torch
from torch.optim import SGD

import stepsize as ss
from installed import environment

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


def in_two_processes(work, folder):
    """What work(rank), a function of a test file, returns in each of two processes that torch.distributed joins."""
    store, file = str(folder / "store"), Path(inspect.getfile(work))
    program = f"import driven, {file.stem} as tests; driven.in_process(tests.{work.__name__}, 1, {store!r})"
    variables = environment(PYTHONPATH=str(file.parents[1]))
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, cwd=file.parent, stdout=subprocess.PIPE, text=True, env=variables) as other:
        first = in_process(work, 0, store)
        return first, json.loads(other.communicate(timeout=120)[0].splitlines()[-1])


def in_process(work, rank, store):
    limit = datetime.timedelta(seconds=120)
    torch.distributed.init_process_group("gloo", f"file://{store}", limit, world_size=2, rank=rank)
    try:
        returned = work(rank)
    finally:
        torch.distributed.destroy_process_group()
    print(json.dumps(returned))
    return returned
