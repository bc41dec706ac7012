"""One driver of a key: a Scheduler and the classes of PyTorch's names on one optimizer; the later takes over."""

import gc

import pytest
import torch
from torch.optim import SGD, AdamW

import stepsize as ss
from stepsize.errors import ArgumentError, DriverError
from stepsize.pytorch import Scheduler
from stepsize.pytorch.lr_scheduler import (
    ChainedScheduler,
    CosineAnnealingLR,
    ExponentialLR,
    LinearLR,
    OneCycleLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)


def sgd():
    return SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1, momentum=0.9)


def rate(optimizer):
    return float(optimizer.param_groups[0]["lr"])


@pytest.mark.parametrize(
    "make",
    [
        lambda o: StepLR(o, 5),
        lambda o: SequentialLR(o, [LinearLR(o), CosineAnnealingLR(o, 10)], [5]),
        lambda o: ChainedScheduler([LinearLR(o), CosineAnnealingLR(o, 10)]),
        lambda o: OneCycleLR(o, 0.1, 30),
        lambda o: ReduceLROnPlateau(o),
    ],
)
def test_a_later_scheduler_takes_over_and_the_earlier_class_says_so_at_its_next_step(make):
    optimizer = sgd()
    earlier = make(optimizer)
    state = earlier.state_dict()
    later = Scheduler(optimizer, ss.Linear(0.5, 1.0, 5))
    name = type(earlier).__name__
    message = rf'"lr" of the optimizer is now driven by Scheduler\(lr=Linear.*, so this {name} can no longer'
    optimizer.step()
    moves = [lambda: earlier.step(*[1.0] * isinstance(earlier, ReduceLROnPlateau))]
    moves += [lambda: earlier.seek(3)] if hasattr(earlier, "seek") else []
    moves += [lambda: earlier.load_state_dict(state)]
    for move in moves:
        with pytest.raises(DriverError, match=message):
            move()
        assert rate(optimizer) == 0.5
    later.step()
    assert rate(optimizer) == pytest.approx(0.6)


def test_a_later_class_deposes_a_scheduler():
    optimizer = sgd()
    earlier = Scheduler(optimizer, ss.Linear(0.5, 1.0, 5))
    later = ExponentialLR(optimizer, 0.5)
    optimizer.step()
    with pytest.raises(
        DriverError, match=r'"lr" .* driven by ExponentialLR of stepsize.pytorch.lr_scheduler, so Sched'
    ):
        earlier.step()
    before = rate(optimizer)
    later.step()
    assert rate(optimizer) == before / 2


def test_the_classes_do_not_depose_each_other():
    optimizer = sgd()
    one, other = ExponentialLR(optimizer, 0.5), StepLR(optimizer, 1, 0.5)
    optimizer.step()
    one.step()
    other.step()
    assert rate(optimizer) == 0.025


def test_classes_that_come_after_a_takeover_start_anew():
    optimizer = sgd()
    first = ExponentialLR(optimizer, 0.5)
    second = Scheduler(optimizer, ss.Constant(0.4))
    third = ExponentialLR(optimizer, 0.5)
    optimizer.step()
    for scheduler in (first, second):
        with pytest.raises(DriverError):
            scheduler.step()
    third.step()
    assert rate(optimizer) == 0.2


def test_a_class_that_could_not_be_made_deposes_nobody():
    optimizer = sgd()
    scheduler = Scheduler(optimizer, ss.Linear(0.5, 1.0, 5))
    with pytest.raises(ArgumentError):
        StepLR(optimizer, 0)
    optimizer.step()
    scheduler.step()
    assert rate(optimizer) == pytest.approx(0.6)


def test_other_keys_and_schedulers_that_are_gone_do_not_meet():
    optimizer = sgd()
    decay = Scheduler(optimizer, weight_decay=ss.Linear(0.1, 0.0, 5))
    rates = StepLR(optimizer, 1, 0.5)
    optimizer.step()
    rates.step()
    decay.step()
    assert (rate(optimizer), optimizer.param_groups[0]["weight_decay"]) == (0.05, pytest.approx(0.08))
    del rates
    gc.collect()
    Scheduler(optimizer, ss.Constant(0.3))
    OneCycleLR(other := AdamW([torch.nn.Parameter(torch.ones(1))], lr=0.1), 0.1, 30, cycle_momentum=False)
    cycle = OneCycleLR(other, 0.1, 30)
    Scheduler(other, betas=(0.9, 0.99))
    other.step()
    with pytest.raises(DriverError, match='"betas" of'):
        cycle.step()


def test_a_loaded_optimizer_state_is_left_to_the_one_that_took_over():
    optimizer = sgd()
    earlier = ExponentialLR(optimizer, 0.5)
    earlier.seek(3)
    later = Scheduler(optimizer, ss.Linear(0.5, 1.0, 5))
    optimizer.load_state_dict(sgd().state_dict())
    assert rate(optimizer) == later.get_lr()[0] == 0.5
    assert earlier.last_epoch == 3
