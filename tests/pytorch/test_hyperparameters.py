"""Hyperparameters besides the rate: weight decay, momentum, nested betas, and weight decay tied to the rate."""

import json
import math

import pytest
import torch
from driven import PLAN, sgd, update, weight
from torch.optim import SGD, Adadelta, Adagrad, Adam, AdamW, RMSprop

import stepsize as ss
from stepsize import ConstantProduct
from stepsize.errors import ArgumentError, StepError
from stepsize.pytorch import Scheduler


@pytest.mark.parametrize("kind", [SGD, Adam, AdamW, RMSprop, torch.optim.Adagrad, torch.optim.Adadelta])
def test_weight_decay_is_scheduled_on_any_optimizer(kind):
    optimizer = sgd(kind=kind)
    scheduler = Scheduler(optimizer, weight_decay=ss.Linear(0.0, 0.1, 10))
    scheduler.seek(5)
    assert optimizer.param_groups[0]["weight_decay"] == 0.05
    assert optimizer.param_groups[0]["lr"] == 0.1


def test_pain_14_momentum_and_nested_betas_are_scheduled():
    optimizer = sgd(kind=AdamW)
    scheduler = Scheduler(optimizer, PLAN, betas=(ss.Linear(0.85, 0.95, 10), 0.99))
    scheduler.seek(5)
    assert optimizer.param_groups[0]["betas"] == (pytest.approx(0.9), 0.99)
    other = sgd(momentum=0.9)
    Scheduler(other, momentum=ss.Linear(0.5, 0.9, 4)).seek(2)
    assert other.param_groups[0]["momentum"] == 0.7


@pytest.mark.parametrize("falling", ["lr", "weight_decay"])
def test_several_hyperparameters_are_written_at_every_update_or_none_of_them(falling):
    rising = {"lr": "weight_decay", "weight_decay": "lr"}[falling]
    fall, rise, optimizer = ss.Linear(0.3, -0.3, 8), ss.Linear(0.1, 0.5, 8), sgd(0.1, 0.1)
    scheduler = Scheduler(optimizer, **{falling: fall, rising: rise})

    def present():
        return [(group[falling], group[rising]) for group in optimizer.param_groups]

    for step in range(5):
        assert present() == [(fall(step), rise(step))] * 2
        update(optimizer)
        if step < 4:
            scheduler.step()
    with pytest.raises(StepError, match="cannot be negative"):
        scheduler.step()
    assert present() == [(fall(4), rise(4))] * 2
    assert scheduler.position == 4


def test_weight_decay_tied_to_the_rate_has_a_constant_product_and_is_safe_at_rate_zero():
    optimizer = sgd(0.1, 0.2, kind=AdamW)
    scheduler = Scheduler(optimizer, PLAN, relative=True, weight_decay=ConstantProduct(0.002))
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.0, 0.0]
    for position in (1, 5, 12, 30):
        scheduler.seek(position)
        products = [group["lr"] * group["weight_decay"] for group in optimizer.param_groups]
        assert products == pytest.approx([0.002, 0.002], rel=1e-12)
    again = Scheduler(sgd(0.1, 0.2, kind=AdamW), PLAN, relative=True, weight_decay=ConstantProduct(0.002))
    again.load_state_dict(json.loads(json.dumps(scheduler.state_dict())))
    assert again.optimizer.param_groups[1]["weight_decay"] == optimizer.param_groups[1]["weight_decay"]


def test_a_single_schedule_for_a_tuple_is_answered_with_the_tuple_to_write():
    with pytest.raises(
        ArgumentError, match=r"value, \(0.9, 0.999\), got Constant\(0.5\); write betas=\(schedule, 0.999\)$"
    ):
        Scheduler(sgd(kind=AdamW), betas=ss.Constant(0.5))


def test_a_value_that_other_code_sets_is_named_with_its_group_and_what_it_should_be():
    groups = [{"params": [weight()], "name": name} for name in ("body", "head")]
    optimizer = AdamW(groups, lr=0.1)
    scheduler = Scheduler(optimizer, ss.Constant(0.1), weight_decay=ConstantProduct(0.002))
    optimizer.param_groups[1]["weight_decay"] = 0.5
    with pytest.warns(
        UserWarning, match='set "weight_decay" of group "head" to 0.02, and something else has set it to 0.5'
    ):
        update(optimizer)
    scheduler.step()
    assert optimizer.param_groups[1]["weight_decay"] == 0.02


def test_the_rate_cannot_be_tied_to_itself():
    with pytest.raises(ArgumentError, match="only other hyperparameters can follow lr"):
        Scheduler(sgd(), ConstantProduct(0.1))


@pytest.mark.parametrize("kind", [SGD, Adam, AdamW, RMSprop, Adagrad, Adadelta], ids=lambda kind: kind.__name__)
def test_pain_14_every_number_of_an_optimizers_groups_can_be_scheduled(kind):
    numbers = [
        key
        for key, value in sgd(kind=kind).param_groups[0].items()
        if isinstance(value, float | int) and not isinstance(value, bool)
    ]
    assert {"lr", "weight_decay"} <= set(numbers)
    for key in numbers:
        optimizer = sgd(kind=kind)
        scheduler = Scheduler(optimizer, **{key: ss.Linear(0.5, 0.1, 4)})
        update(optimizer)
        scheduler.step()
        assert optimizer.param_groups[0][key] == ss.Linear(0.5, 0.1, 4)(1)


def test_groups_without_a_rate_may_have_others_scheduled():
    optimizer = sgd()
    del optimizer.param_groups[0]["lr"]
    Scheduler(optimizer, weight_decay=ss.Constant(0.1))
    adafactor = sgd()
    adafactor.param_groups[0]["lr"] = None
    scheduler = Scheduler(adafactor, weight_decay=ss.Constant(0.1))
    assert adafactor.param_groups[0]["weight_decay"] == 0.1
    assert math.isnan(scheduler.get_last_lr()[0])


def test_weight_decay_tied_to_a_rate_next_to_zero_stays_finite():
    optimizer = sgd(kind=AdamW)
    Scheduler(optimizer, 5e-324, weight_decay=ConstantProduct(1e-3))
    assert optimizer.param_groups[0]["weight_decay"] == 0.0


def test_other_hyperparameters_are_absolute_under_relative_rates():
    optimizer = sgd(0.1, 0.2)
    Scheduler(optimizer, ss.Constant(0.5), relative=True, weight_decay=ss.Constant(0.3))
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.3, 0.3]


def test_weight_decay_is_tied_only_to_a_rate_of_the_same_scheduler():
    with pytest.raises(ArgumentError, match="in the same Scheduler"):
        Scheduler(sgd(kind=AdamW), weight_decay=ConstantProduct(0.1))
