"""Rates in tensors: filled in place, the same tensor throughout, parted where groups differ."""

import pytest
import torch
from driven import PLAN, rates_used, sgd, weight
from torch.optim import SGD

import stepsize as ss
from stepsize.errors import ArgumentError, StepError
from stepsize.pytorch import Scheduler


def test_pain_11_a_tensor_rate_is_filled_in_place_and_does_not_drift():
    rate = torch.tensor(0.1)
    optimizer = SGD([weight()], lr=rate)
    scheduler = Scheduler(optimizer, ss.Cosine(0.3, 0.0, 20_000))
    for _ in range(10_000):
        scheduler._write(scheduler.position + 1)
    assert optimizer.param_groups[0]["lr"] is rate
    assert rate.item() == pytest.approx(0.15, rel=1e-7)


@pytest.mark.parametrize("saved_rate", [0.1, torch.tensor(0.1)])
def test_pain_11_loading_a_state_keeps_the_tensor_and_its_value(saved_rate):
    rate = torch.tensor(0.1, dtype=torch.float64)
    optimizer = SGD([weight()], lr=rate)
    scheduler = Scheduler(optimizer, PLAN)
    scheduler.seek(7)
    optimizer.load_state_dict(SGD([weight()], lr=saved_rate).state_dict())
    assert optimizer.param_groups[0]["lr"] is rate
    assert rate.item() == PLAN(7)


def test_pain_11_a_shared_tensor_is_filled_only_for_scheduled_groups():
    groups = [{"params": [weight()], "name": "body"}, {"params": [weight()], "name": "head"}]
    optimizer = SGD(groups, lr=torch.tensor(0.001, dtype=torch.float64))
    scheduler = Scheduler(optimizer, {"head": ss.Linear(0.1, 0.0, 100)})
    scheduler.seek(50)
    assert scheduler.get_last_lr() == [0.001, 0.05]
    optimizer.add_param_group({"params": [weight()], "name": "late"})
    assert scheduler.get_last_lr() == [0.001, 0.05, 0.001]


def test_pain_11_one_tensor_in_two_optimizers_serves_two_schedulers():
    rate = torch.tensor(0.1, dtype=torch.float64)
    one, two = (SGD([weight()], lr=rate) for _ in range(2))
    first, second = Scheduler(one, ss.Constant(0.3)), Scheduler(two, ss.Constant(0.7))
    assert (first.get_last_lr(), second.get_last_lr()) == ([0.3], [0.7])


def test_pain_11_a_replaced_tensor_is_put_back():
    optimizer = SGD([weight()], lr=torch.tensor(0.1, dtype=torch.float64))
    scheduler = Scheduler(optimizer, PLAN)
    rate = optimizer.param_groups[0]["lr"]
    optimizer.param_groups[0]["lr"] = 0.05
    with pytest.warns(UserWarning, match=r"set it to 0\.05"):
        used = rates_used(optimizer, scheduler, 4)
    assert used[1:] == PLAN.sample(4)[1:].tolist()
    assert optimizer.param_groups[0]["lr"] is rate
    with scheduler.paused():
        optimizer.param_groups[0]["lr"] = 7.0
    assert optimizer.param_groups[0]["lr"] is rate
    assert float(rate) == PLAN(4)


def test_a_refused_construction_leaves_shared_tensors_shared():
    optimizer = SGD([{"params": [weight()]}, {"params": [weight()]}], lr=torch.tensor(0.1))
    with pytest.raises(StepError):
        Scheduler(optimizer, [ss.Constant(0.1), ss.Constant(-1.0)])
    assert optimizer.param_groups[0]["lr"] is optimizer.param_groups[1]["lr"]


def test_pain_11_groups_that_share_a_tensor_get_their_own_where_they_differ():
    rate = torch.tensor(1.0, dtype=torch.float64)
    optimizer = SGD([{"params": [weight()]}, {"params": [weight()]}], lr=rate)
    scheduler = Scheduler(optimizer, [ss.Constant(0.3), ss.Constant(0.7)])
    assert scheduler.get_last_lr() == [0.3, 0.7]
    rate = torch.tensor(1.0, dtype=torch.float64)
    shared = SGD([{"params": [weight()]}, {"params": [weight()]}], lr=rate)
    Scheduler(shared, ss.Constant(0.5))
    assert shared.param_groups[0]["lr"] is shared.param_groups[1]["lr"] is rate


def test_an_integer_tensor_is_refused_as_a_rate():
    optimizer = sgd()
    optimizer.param_groups[0]["lr"] = torch.tensor(1)
    with pytest.raises(ArgumentError, match='"lr" of parameter group 0 must be a number'):
        Scheduler(optimizer, PLAN)
