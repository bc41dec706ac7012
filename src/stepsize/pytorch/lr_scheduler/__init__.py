"""PyTorch's learning-rate schedulers by their own names and signatures, with this package's schedules inside.

    from stepsize.pytorch.lr_scheduler import CosineAnnealingLR   # was: from torch.optim.lr_scheduler import ...

The rates are PyTorch's. Beside them: a state that brings the rates back by itself, in any order of loading; `seek(n)`;
`schedules`, one value for each group, to draw and compare; no rise past the end. `SWALR`, which PyTorch has in
`torch.optim.swa_utils`, is here, too.
"""

from torch.optim.lr_scheduler import LRScheduler
from torch.optim.lr_scheduler import _LRScheduler as _LRScheduler  # many older programs name it

from stepsize.pytorch.lr_scheduler.composed import ChainedScheduler, SequentialLR
from stepsize.pytorch.lr_scheduler.cosines import CosineAnnealingLR, CosineAnnealingWarmRestarts
from stepsize.pytorch.lr_scheduler.cycles import CyclicLR, OneCycleLR
from stepsize.pytorch.lr_scheduler.factors import (
    ConstantLR,
    ExponentialLR,
    LinearLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)
from stepsize.pytorch.lr_scheduler.functions import LambdaLR, MultiplicativeLR
from stepsize.pytorch.lr_scheduler.plateau import ReduceLROnPlateau
from stepsize.pytorch.lr_scheduler.swa import SWALR

__all__ = [
    "SWALR",
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]
