"""Groups that join, and rates and momenta in tensors, under PyTorch's names."""

import pytest
import torch
from torch.optim import Adam, AdamW

from pytorch.lr_scheduler import drawn
from pytorch.lr_scheduler.stepping import rates, sgd, stepped, update
from stepsize.errors import ArgumentError
from stepsize.pytorch import lr_scheduler
from stepsize.pytorch.lr_scheduler import (
    SWALR,
    CosineAnnealingLR,
    CyclicLR,
    ExponentialLR,
    LambdaLR,
    OneCycleLR,
    ReduceLROnPlateau,
)


def test_pain_12_a_group_added_later_joins_on_the_common_clock():
    optimizer = sgd(0.1)
    scheduler = CosineAnnealingLR(optimizer, 10)
    stepped(optimizer, scheduler, times=4)
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr": 1.0})
    stepped(optimizer, scheduler)
    assert rates(optimizer) == [pytest.approx(0.05), pytest.approx(0.5)]
    assert scheduler.base_lrs == [0.1, 1.0]


@pytest.mark.parametrize(
    "make",
    [
        lambda optimizer: LambdaLR(optimizer, [drawn.slope]),
        lambda optimizer: OneCycleLR(optimizer, [0.5], total_steps=10),
        lambda optimizer: CyclicLR(optimizer, 0.1, 0.2),
        lambda optimizer: SWALR(optimizer, 0.1),
        lambda optimizer: ReduceLROnPlateau(optimizer, min_lr=[0.0], patience=-1),
    ],
)
def test_a_group_for_which_there_is_nothing_is_an_error_that_names_it(make):
    optimizer = sgd(0.1, momentum=0.9)
    scheduler = make(optimizer)
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr": 1.0})
    update(optimizer)
    with pytest.raises(ArgumentError, match="parameter group 1"):
        scheduler.step(*[float("inf")] * isinstance(scheduler, ReduceLROnPlateau))


def test_pain_11_a_tensor_stays_the_same_across_steps_and_loading():
    def made():
        tensor = torch.tensor(0.1)
        optimizer = AdamW([torch.nn.Parameter(torch.ones(1))], lr=tensor, capturable=True)
        return tensor, optimizer, ExponentialLR(optimizer, 0.999)

    tensor, optimizer, scheduler = made()
    drawn.course(optimizer, scheduler, 20)
    saved = optimizer.state_dict()
    saved["param_groups"][0]["lr"] = 0.5  # a checkpoint of floats
    for order in ("os", "so"):
        tensor, optimizer, again = made()
        for what in order:
            if what == "o":
                optimizer.load_state_dict(saved)
            else:
                again.load_state_dict(scheduler.state_dict())
        assert optimizer.param_groups[0]["lr"] is tensor
        assert float(tensor) == float(torch.tensor(0.1 * 0.999**20))


def test_pain_11_a_tensor_of_single_precision_does_not_drift():
    optimizer = AdamW([torch.nn.Parameter(torch.ones(1))], lr=torch.tensor(1.0), capturable=True)
    drawn.course(optimizer, ExponentialLR(optimizer, 0.9999), 20_000)
    assert float(optimizer.param_groups[0]["lr"]) == float(torch.tensor(0.9999**20_000))


def test_pain_11_groups_that_share_a_tensor_get_their_own_where_they_differ():
    shared = torch.tensor(0.1)
    two = [torch.nn.Parameter(torch.ones(1)) for _ in range(2)]
    optimizer = AdamW([{"params": [each]} for each in two], lr=shared, capturable=True)
    LambdaLR(optimizer, [lambda t: 0.5, lambda t: 2.0])
    assert rates(optimizer) == [pytest.approx(0.05), pytest.approx(0.2)]
    plateau = AdamW([{"params": [each]} for each in two], lr=torch.tensor(0.1), capturable=True)
    scheduler = ReduceLROnPlateau(plateau, factor=0.5, patience=0)
    scheduler.step(1.0)
    scheduler.step(1.0)
    assert rates(plateau) == [pytest.approx(0.05)] * 2


def test_a_momentum_in_a_tensor_is_filled_in_place():
    betas = (torch.tensor(0.9, dtype=torch.float64), torch.tensor(0.999, dtype=torch.float64))
    optimizer = Adam([torch.zeros(1, requires_grad=True)], lr=torch.tensor(0.1), betas=betas)
    scheduler = lr_scheduler.OneCycleLR(optimizer, 0.5, 10)
    first = optimizer.param_groups[0]["betas"][0]
    stepped(optimizer, scheduler, times=5)
    assert optimizer.param_groups[0]["betas"][0] is first
    floats = Adam([torch.zeros(1, requires_grad=True)], lr=0.1, betas=(0.9, 0.999))
    stepped(floats, lr_scheduler.OneCycleLR(floats, 0.5, 10), times=5)
    assert float(first) == floats.param_groups[0]["betas"][0]
