"""Warnings and getters, as PyTorch's."""

import warnings

import numpy as np
import pytest
import torch
from torch.optim import Adam

from pytorch.lr_scheduler import drawn
from pytorch.lr_scheduler.drawn import HERE, THERE
from pytorch.lr_scheduler.stepping import rates, sgd, stepped, update
from stepsize.errors import ArgumentError
from stepsize.pytorch import from_torch
from stepsize.pytorch.lr_scheduler import ExponentialLR


@pytest.mark.parametrize("module", [THERE, HERE], ids=["there", "here"])
@pytest.mark.parametrize("name", ["StepLR", "LambdaLR", "CyclicLR", "OneCycleLR", "SWALR"])
def test_stepping_before_the_optimizer_warns_as_pytorch_does(module, name):
    arguments = {
        "StepLR": {"step_size": 5},
        "LambdaLR": {"lr_lambda": drawn.slope},
        "CyclicLR": {"base_lr": 0.1, "max_lr": 0.2},
        "OneCycleLR": {"max_lr": 0.1, "total_steps": 10},
        "SWALR": {"swa_lr": 0.1},
    }[name]
    scheduler = module[name](sgd(momentum=0.9), **arguments)
    with pytest.warns(UserWarning, match=r"Detected call of `lr_scheduler.step\(\)` before") as told:
        scheduler.step()
    assert told[0].filename == __file__
    scheduler.step()


@pytest.mark.parametrize("module", [THERE, HERE], ids=["there", "here"])
def test_an_epoch_is_taken_with_pytorchs_warning(module):
    optimizer = sgd()
    scheduler = module["StepLR"](optimizer, 5, 0.5)
    update(optimizer)
    with pytest.warns(UserWarning, match="epoch parameter"):
        scheduler.step(12)
    assert (scheduler.last_epoch, rates(optimizer)) == (12, [0.025])
    scheduler.step()
    assert scheduler.last_epoch == 13


def test_an_epoch_multiplies_once_in_multiplicativelr_as_in_pytorch():
    for module in (THERE, HERE):
        optimizer = sgd()
        scheduler = module["MultiplicativeLR"](optimizer, lambda t: 0.5)
        update(optimizer)
        with pytest.warns(UserWarning, match="epoch parameter"):
            scheduler.step(5)
        assert (scheduler.last_epoch, rates(optimizer)) == (5, [0.05])


def test_the_getters_tell_the_rate_of_the_next_update_and_never_warn():
    optimizer = sgd()
    scheduler = ExponentialLR(optimizer, 0.5)
    stepped(optimizer, scheduler)
    assert scheduler.get_last_lr() == scheduler.get_lr() == scheduler._last_lr == [0.05]
    tensor = Adam([torch.nn.Parameter(torch.ones(1))], lr=torch.tensor(0.1), capturable=True)
    (told,) = ExponentialLR(tensor, 0.5).get_last_lr()
    assert isinstance(told, torch.Tensor)
    assert told is not tensor.param_groups[0]["lr"]


def test_the_epoch_says_nothing_to_weight_averaging_as_in_pytorch():
    rows = []
    for module in (THERE, HERE):
        optimizer = sgd()
        scheduler = module["SWALR"](optimizer, 0.02, anneal_epochs=8)
        rows.append([])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for epoch in (0, None, 5, None, 2, 0, None, None, 30, None):
                scheduler.step(*([] if epoch is None else [epoch]))
                rows[-1].append((rates(optimizer)[0], scheduler.last_epoch))
                assert from_torch(scheduler)[0](scheduler.last_epoch) == pytest.approx(rates(optimizer)[0], rel=1e-9)
    np.testing.assert_allclose(rows[1], rows[0], rtol=1e-12)
    with pytest.raises(ArgumentError, match=r"SWALR.step\(epoch"), pytest.warns(UserWarning, match="epoch"):
        scheduler.step(1.5)
