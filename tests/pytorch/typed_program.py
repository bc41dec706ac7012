"""Pain 18: strict type checkers accept the scheduler where PyTorch's is expected. `mypy` checks this program."""

import torch
from torch.optim.lr_scheduler import LRScheduler

import stepsize as ss
from stepsize.pytorch import Plateau, Scheduler


def rate(scheduler: LRScheduler) -> float:
    scheduler.step()
    return float(scheduler.get_last_lr()[0])


def program() -> bool:
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.1)
    scheduler = Scheduler(optimizer, ss.Constant(0.1), feedback=Plateau())
    print(rate(scheduler) + scheduler.position)
    lowered: bool = scheduler.observe(0.5)
    return lowered
