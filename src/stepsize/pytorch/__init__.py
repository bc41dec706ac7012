"""Driving PyTorch's optimizers by schedules. Needs PyTorch."""

from stepsize.errors import MissingExtraError

try:
    import torch as _torch  # noqa: F401
except ModuleNotFoundError as error:
    raise MissingExtraError.naming("PyTorch", "pytorch") from error

from stepsize.pytorch.cooldown import CooldownOnDemand
from stepsize.pytorch.grouping import ParameterGroups, parameter_groups
from stepsize.pytorch.layer_decay import layer_decay
from stepsize.pytorch.lr_scheduler.conversion import as_lambda, from_torch
from stepsize.pytorch.plateau import Feedback, Plateau
from stepsize.pytorch.range_testing import range_test
from stepsize.pytorch.scheduler import Scheduler
from stepsize.pytorch.targets import Attribute
from stepsize.pytorch.width_factors import width_factors

__all__ = [
    "Attribute",
    "CooldownOnDemand",
    "Feedback",
    "ParameterGroups",
    "Plateau",
    "Scheduler",
    "as_lambda",
    "from_torch",
    "layer_decay",
    "parameter_groups",
    "range_test",
    "width_factors",
]
