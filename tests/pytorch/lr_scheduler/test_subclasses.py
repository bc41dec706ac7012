"""Subclasses of users: a `get_lr` of their own decides every step, as in PyTorch, and then no rate is known ahead."""

import copy
import warnings

import pytest
import torch
from torch.optim import SGD

from pytorch.lr_scheduler import drawn
from pytorch.lr_scheduler.drawn import HERE, THERE, wave
from stepsize.errors import ArgumentError
from stepsize.pytorch import from_torch


def sgd(*rates):
    groups = [{"params": [torch.nn.Parameter(torch.ones(1))], "lr": rate} for rate in rates or (0.1, 0.02)]
    return SGD(groups, lr=0.1, momentum=0.9)


def warmed_up(base):
    class WarmedUp(base):
        """Five steps of warmup, then what the class above has."""

        def get_lr(self):
            if self.last_epoch < 5:
                return [rate * (self.last_epoch + 1) / 5 for rate in self.base_lrs]
            return super().get_lr()

    return WarmedUp


def floored(base):
    class Floored(base):
        """Never below a rate."""

        def get_lr(self):
            return [max(rate, 0.004) for rate in super().get_lr()]

    return Floored


ARGUMENTS = {
    "StepLR": {"step_size": 4, "gamma": 0.5},
    "MultiStepLR": {"milestones": [7, 9]},
    "ExponentialLR": {"gamma": 0.9},
    "LinearLR": {"start_factor": 0.5, "total_iters": 12},
    "PolynomialLR": {"total_iters": 30, "power": 2.0},
    "CosineAnnealingLR": {"T_max": 30, "eta_min": 0.001},
    "CosineAnnealingWarmRestarts": {"T_0": 7},
    "LambdaLR": {"lr_lambda": wave},
    "MultiplicativeLR": {"lr_lambda": lambda t: 0.9},
    "OneCycleLR": {"max_lr": 0.4, "total_steps": 30},
    "CyclicLR": {"base_lr": 0.1, "max_lr": 0.4, "step_size_up": 6},
    "SWALR": {"swa_lr": 0.05},
}


def rows(module, name, make, moves):
    optimizer = sgd()
    scheduler = make(module[name])(optimizer, **ARGUMENTS[name])
    found = [drawn.written(optimizer)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for epoch in moves:
            scheduler.step(*([] if epoch is None else [epoch]))
            found.append([*drawn.written(optimizer), scheduler.last_epoch][: len(found[0])])
    return found


@pytest.mark.parametrize("make", [warmed_up, floored])
@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_users_get_lr_decides_each_step_as_in_pytorch(name, make):
    found, expected = (rows(module, name, make, [None] * 28) for module in (HERE, THERE))
    assert found == expected


def test_a_subclass_with_a_get_lr_of_its_own_has_its_rates():
    optimizer = sgd(0.1)
    scheduler = warmed_up(HERE["StepLR"])(optimizer, 30)
    found = [row[0] for row in drawn.course(optimizer, scheduler, 5)]
    assert found == pytest.approx([0.02, 0.04, 0.06, 0.08, 0.1, 0.1])


def test_subclasses_in_a_sequence_have_pytorchs_rates():
    def found(module):
        optimizer = sgd()
        parts = [warmed_up(module["StepLR"])(optimizer, 3), floored(module["ExponentialLR"])(optimizer, 0.8)]
        scheduler = module["SequentialLR"](optimizer, parts, [9])
        return drawn.course(optimizer, scheduler, 25), scheduler

    (here, scheduler), (there, _) = found(HERE), found(THERE)
    assert here == there
    with pytest.raises(ArgumentError, match="WarmedUp"):
        _ = scheduler.group_schedules


def test_a_subclass_has_no_schedule_but_its_state_restores_the_rate():
    optimizer = sgd()
    scheduler = warmed_up(HERE["CosineAnnealingLR"])(optimizer, 30)
    drawn.course(optimizer, scheduler, 8)
    before = drawn.written(optimizer)
    for ask in (lambda: scheduler.group_schedules, lambda: scheduler.seek(3), lambda: from_torch(scheduler)):
        with pytest.raises(ArgumentError, match=r"WarmedUp\.get_lr must be PyTorch's own, .* can give any rates"):
            ask()
    assert (scheduler.last_epoch, drawn.written(optimizer)) == (8, before)
    again = warmed_up(HERE["CosineAnnealingLR"])(fresh := sgd(), 30)
    again.load_state_dict(scheduler.state_dict())
    other = copy.deepcopy(scheduler)
    expected = drawn.course(optimizer, scheduler, 10)
    assert drawn.course(fresh, again, 10) == expected
    assert drawn.course(other.optimizer, other, 10) == expected


class Fixed(THERE["CosineAnnealingLR"]):
    """A constant."""

    def get_lr(self):
        return [0.123] * len(self.base_lrs)


class Logged(THERE["StepLR"]):
    """Steps of its own."""

    def step(self, epoch=None):
        super().step(epoch)


class Closed(THERE["StepLR"]):
    """A closed form of its own, which `step(epoch)` uses."""

    def _get_closed_form_lr(self):
        return [0.123] * len(self.base_lrs)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda o: Fixed(o, 10), "get_lr"),
        (lambda o: Logged(o, 10), "step"),
        (lambda o: Closed(o, 10), "_get_closed_form_lr"),
    ],
)
def test_from_torch_refuses_users_code(make, name):
    with pytest.raises(ArgumentError, match=rf"\.{name} must be PyTorch's own"):
        from_torch(make(sgd()))
