"""Who drives an optimizer: later schedulers, copies, closed ones, ones that are gone."""

import copy
import gc
import pickle
import weakref

import pytest
from driven import PLAN, rates_used, sgd, update
from torch.optim import AdamW

import stepsize as ss
from stepsize.errors import DriverError
from stepsize.pytorch import Scheduler


def test_a_later_scheduler_takes_over_and_the_earlier_one_warns():
    optimizer = sgd()
    first = Scheduler(optimizer, PLAN)
    second = Scheduler(optimizer, ss.Constant(0.5))
    update(optimizer)
    with pytest.raises(DriverError, match=r"now driven by Scheduler\(lr=0\.5, "):
        first.step()
    second.step()
    assert optimizer.param_groups[0]["lr"] == 0.5


def test_two_schedulers_of_different_hyperparameters_live_side_by_side():
    optimizer = sgd()
    rate, decay = Scheduler(optimizer, PLAN), Scheduler(optimizer, weight_decay=ss.Linear(0.0, 1.0, 10))
    update(optimizer)
    rate.step()
    decay.step()
    assert (optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["weight_decay"]) == (PLAN(1), 0.1)


def test_nothing_keeps_the_optimizer_alive_once_the_scheduler_is_gone():
    optimizer = sgd()
    alive = weakref.ref(optimizer)
    scheduler = Scheduler(optimizer, PLAN)
    del optimizer, scheduler
    gc.collect()
    assert alive() is None


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda item: pickle.loads(pickle.dumps(item))])
def test_a_copied_scheduler_drives_a_copied_optimizer(copied):
    optimizer = sgd()
    scheduler = Scheduler(optimizer, PLAN)
    rates_used(optimizer, scheduler, 3)
    twin = copied(scheduler)
    assert twin.optimizer is not optimizer
    update(twin.optimizer)
    twin.step()
    assert (twin.position, twin.get_last_lr()) == (4, [PLAN(4)])
    assert (scheduler.position, optimizer.param_groups[0]["lr"]) == (3, PLAN(3))


def test_a_copy_made_in_a_pause_is_not_paused():
    scheduler = Scheduler(sgd(), PLAN)
    with scheduler.paused():
        again = copy.deepcopy(scheduler)
    update(again.optimizer)
    again.step()
    assert (again.position, again.get_last_lr()) == (1, [PLAN(1)])


def test_a_copied_optimizer_carries_no_scheduler():
    optimizer = sgd()
    Scheduler(optimizer, PLAN)
    twin = copy.deepcopy(optimizer)
    Scheduler(twin, ss.Constant(0.7))
    assert (optimizer.param_groups[0]["lr"], twin.param_groups[0]["lr"]) == (0.0, 0.7)


def test_a_closed_scheduler_no_longer_follows_the_optimizer():
    optimizer = sgd()
    scheduler = Scheduler(optimizer, PLAN)
    scheduler.close()
    optimizer.param_groups[0]["lr"] = 0.123
    optimizer.load_state_dict(optimizer.state_dict())
    assert optimizer.param_groups[0]["lr"] == 0.123


def test_a_shallow_copy_leaves_the_original_its_optimizer():
    optimizer = sgd()
    scheduler = Scheduler(optimizer, PLAN)
    again = copy.copy(scheduler)
    rates_used(optimizer, scheduler, 2)
    assert (scheduler.position, again.position) == (2, 0)


def test_a_closed_scheduler_says_so_and_writes_nothing():
    optimizer = sgd()
    first = Scheduler(optimizer, PLAN)
    rates_used(optimizer, first, 3)
    first.close()
    Scheduler(optimizer, ss.Constant(0.7))
    for move in (first.step, lambda: first.seek(2), lambda: first.advance(1)):
        with pytest.raises(DriverError, match=r"position=3\) was closed, so it can no longer be stepped$"):
            move()
    copied = copy.deepcopy(first)
    with pytest.raises(DriverError, match="was closed"):
        copied.step()
    assert optimizer.param_groups[0]["lr"] == 0.7


def test_a_replaced_scheduler_in_the_midst_of_its_steps_writes_nothing_more():
    optimizer = sgd()
    first = Scheduler(optimizer, PLAN)
    rates_used(optimizer, first, 3)
    Scheduler(optimizer, ss.Constant(0.7))
    with pytest.raises(DriverError, match=r"now driven by Scheduler\(lr=0\.7, "):
        first.step()
    assert optimizer.param_groups[0]["lr"] == 0.7


def test_a_replaced_scheduler_names_what_nobody_drives_any_more_and_nothing_else():
    optimizer = sgd(kind=AdamW)
    first = Scheduler(optimizer, PLAN, weight_decay=ss.Constant(0.1))
    second = Scheduler(optimizer, ss.Constant(0.7))
    with pytest.raises(DriverError, match=r"stepped; nothing drives weight_decay any more$"):
        first.step()
    Scheduler(optimizer, ss.Constant(0.8))
    with pytest.raises(DriverError, match=r"can no longer be stepped$"):
        second.step()


def test_schedulers_that_are_gone_leave_no_hooks():
    optimizer = sgd()
    for _ in range(50):
        Scheduler(optimizer, PLAN)
    gc.collect()
    assert not optimizer._optimizer_step_post_hooks
    assert not optimizer._optimizer_load_state_dict_post_hooks
