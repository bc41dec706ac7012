"""Accumulation and mixed precision without a framework: the schedule moves once for each real update."""

import pytest
import torch
from torch.amp import GradScaler
from torch.optim import SGD, AdamW
from torch.optim.swa_utils import SWALR
from watched import PLAN

from stepsize.pytorch import Scheduler

INFINITE = (False, False, True, False, True, True, False, False)
"""In which groups of micro-batches there is a gradient that overflows."""


def updates(optimizer, scheduler, after_update, micro_batches=3, overflowing=INFINITE):
    """Train; the rate of each group of micro-batches, and whether it changed the parameter."""
    scaler = GradScaler("cpu", init_scale=2.0**10)
    (parameter,) = optimizer.param_groups[0]["params"]
    made = []
    for overflows in overflowing:
        rate, before = float(optimizer.param_groups[0]["lr"]), parameter.detach().clone()
        for number in range(micro_batches):
            factor = float("inf") if overflows and number == 1 else 1.0
            scaler.scale((parameter * factor).sum() / micro_batches).backward()
        after_update(scaler, optimizer, scheduler)
        optimizer.zero_grad()
        made.append((rate, not torch.equal(parameter, before)))
    return made


def compare_scales(scaler, optimizer, scheduler):
    """The idiom of the documentation for a scheduler that is stepped by hand: a skipped update lowers the scale."""
    scale = scaler.get_scale()
    scaler.step(optimizer)
    scaler.update()
    if scaler.get_scale() >= scale:
        scheduler.step()


def write_again(optimizer):
    for group in optimizer.param_groups:
        group["lr"] = 1.0 * group["lr"]


def count_itself(scaler, optimizer, scheduler):
    scaler.step(optimizer)
    scaler.update()


@pytest.mark.parametrize("fused", [False, True], ids=["plain", "fused"])
@pytest.mark.parametrize("kind", [SGD, AdamW])
@pytest.mark.parametrize("after_update", [compare_scales, count_itself])
def test_pains_2_and_10_micro_batches_count_once_and_skipped_updates_not_at_all(kind, fused, after_update):
    optimizer = kind([torch.nn.Parameter(torch.ones(2))], lr=0.1, fused=fused)
    scheduler = Scheduler(optimizer, PLAN.tail(1), auto=after_update is count_itself)  # from 1 on: no rate is 0
    made = updates(optimizer, scheduler, after_update)
    assert [moved for _, moved in made] == [not overflows for overflows in INFINITE]
    assert [rate for rate, moved in made if moved] == PLAN.tail(1).sample(5).tolist()
    assert scheduler.position == 5


def test_pain_10_of_several_optimizers_only_the_skipped_one_waits_under_auto():
    """Their scaler has one scale, which does not tell whose gradients overflowed."""
    optimizers = [SGD([torch.nn.Parameter(torch.ones(2))], lr=0.1) for _ in range(2)]
    schedulers = [Scheduler(optimizer, PLAN, auto=True) for optimizer in optimizers]
    scaler = GradScaler("cpu", init_scale=8.0)
    for factors in ((1.0, 1.0), (float("inf"), 1.0), (1.0, 1.0)):
        for optimizer, factor in zip(optimizers, factors, strict=True):
            optimizer.zero_grad()
            scaler.scale((optimizer.param_groups[0]["params"][0] * factor).sum()).backward()
            scaler.step(optimizer)
        scaler.update()
    assert [scheduler.position for scheduler in schedulers] == [2, 3]


def test_a_growing_scale_is_not_a_skipped_update():
    optimizer = SGD([torch.nn.Parameter(torch.ones(2))], lr=0.1)
    scheduler = Scheduler(optimizer, PLAN)
    scaler = GradScaler("cpu", init_scale=8.0, growth_interval=1)
    for done in (1, 2, 3):
        optimizer.param_groups[0]["params"][0].grad = None
        scaler.scale(optimizer.param_groups[0]["params"][0].sum()).backward()
        compare_scales(scaler, optimizer, scheduler)
        assert (scheduler.position, scaler.get_scale()) == (done, 8.0 * 2**done)


def test_a_disabled_scaler_needs_no_other_code():
    optimizer = SGD([torch.nn.Parameter(torch.ones(2))], lr=0.1)
    scheduler = Scheduler(optimizer, PLAN)
    scaler = GradScaler("cpu", enabled=False)
    for done in (1, 2, 3):
        scaler.scale(optimizer.param_groups[0]["params"][0].sum()).backward()
        compare_scales(scaler, optimizer, scheduler)
        assert scheduler.position == done


@pytest.mark.parametrize("by", [lambda optimizer: SWALR(optimizer, 0.05), write_again], ids=["SWALR", "a loop"])
def test_a_zero_rate_written_by_other_code_does_not_stop_the_count(by):
    """As Lightning's StochasticWeightAveraging does in the first epoch, and PyTorch's schedulers when constructed."""
    optimizer = SGD([torch.nn.Parameter(torch.ones(2))], lr=0.1)
    scheduler = Scheduler(optimizer, PLAN, auto=True)
    by(optimizer)
    for _ in range(3):
        optimizer.param_groups[0]["params"][0].grad = torch.ones(2)
        optimizer.step()
    assert scheduler.position == 3
