"""The scheduler on real optimizers: what is written, and when.

A test with pain_N in its name mends line N of what users of schedulers suffer.
"""

import tracemalloc
import warnings
from contextlib import nullcontext

import pytest
import torch
from driven import PLAN, rates_used, sgd, update, weight
from torch.optim import SGD, AdamW

import stepsize as ss
from stepsize.errors import DriverError
from stepsize.pytorch import Scheduler


def test_every_update_uses_the_schedules_value_at_its_step():
    optimizer = sgd()
    assert rates_used(optimizer, Scheduler(optimizer, PLAN), 25) == PLAN.sample(25).tolist()


def test_pain_6_the_end_value_is_held():
    optimizer = sgd()
    scheduler = Scheduler(optimizer, PLAN)
    scheduler.seek(10_000)
    assert optimizer.param_groups[0]["lr"] == 0.01


def test_several_optimizers_under_one_plan():
    generator, critic = sgd(0.1), sgd(0.2, kind=AdamW)
    scheduler = Scheduler([generator, critic], ss.Linear(1.0, 0.0, 10), relative=True)
    scheduler.seek(5)
    assert (generator.param_groups[0]["lr"], critic.param_groups[0]["lr"]) == (0.05, 0.1)


def test_plain_functions_and_numbers_are_schedules_too():
    optimizer = sgd()
    scheduler = Scheduler(optimizer, lambda step: 0.1 / (step + 1), weight_decay=0.01)
    scheduler.seek(1)
    assert optimizer.param_groups[0]["lr"] == 0.05
    assert optimizer.param_groups[0]["weight_decay"] == 0.01


def test_advance_moves_a_clock_of_tokens():
    optimizer = sgd()
    scheduler = Scheduler(optimizer, ss.Linear(1.0, 0.0, 1_000_000), clock="tokens")
    scheduler.advance(250_000)
    assert scheduler.get_last_lr() == [0.75]
    with pytest.raises(DriverError, match=r"this scheduler counts tokens; call advance\(n\) after each update$"):
        scheduler.step()


def test_stepping_before_the_optimizer_warns_once():
    scheduler = Scheduler(sgd(), PLAN)
    with pytest.warns(
        UserWarning, match=r"before the first optimizer.step\(\), so the value of step 0 is skipped; call it after each"
    ):
        scheduler.step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scheduler.step()


def test_a_step_after_a_load_is_not_taken_for_one_before_the_first_update():
    scheduler = Scheduler(sgd(), PLAN)
    rates_used(scheduler.optimizer, scheduler, 3)
    again = Scheduler(sgd(), PLAN)
    again.load_state_dict(scheduler.state_dict())
    again.step()
    assert again.get_last_lr() == [PLAN(4)]


def test_pain_16_all_getters_tell_the_rate_of_the_next_update():
    optimizer = sgd()
    scheduler = Scheduler(optimizer, PLAN)
    rates_used(optimizer, scheduler, 6)
    assert scheduler.get_lr() == scheduler.get_last_lr() == [optimizer.param_groups[0]["lr"]] == [PLAN(6)]
    assert scheduler.last_epoch == scheduler.position == 6


def test_what_frameworks_call_on_pytorchs_schedulers_does_the_same_here():
    optimizer = sgd()
    scheduler = Scheduler(optimizer, PLAN)
    scheduler.seek(4)
    assert (scheduler.last_epoch, scheduler._step_count, scheduler._last_lr) == (4, 5, [PLAN(4)])
    scheduler._step_count = 99  # as Accelerate does for micro-batches
    assert (scheduler.position, scheduler._step_count) == (4, 5)
    optimizer.param_groups[0]["lr"] = 7.0
    scheduler._initial_step()
    assert optimizer.param_groups[0]["lr"] == PLAN(4)
    for epoch, position in ((None, 5), (9, 9), (0, 0), (-1, 0), (7.9, 7)):
        scheduler._update_lr(epoch)
        assert (scheduler.position, optimizer.param_groups[0]["lr"]) == (position, PLAN(position))


def test_memory_does_not_grow_with_the_steps():
    optimizer = sgd()
    scheduler = Scheduler(optimizer, PLAN >> ss.Cosine(0.01, 0.001, 100_000))
    rates_used(optimizer, scheduler, 10)
    tracemalloc.start()
    try:
        for _ in range(1000):
            scheduler.step()
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(20_000):
            scheduler.step()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 1000


def test_nothing_moves_in_nested_pauses():
    optimizer = sgd(torch.tensor(0.1))
    rate = optimizer.param_groups[0]["lr"]
    scheduler = Scheduler(optimizer, PLAN)
    rates_used(optimizer, scheduler, 3)
    with scheduler.paused():
        with scheduler.paused():
            scheduler.step()
            optimizer.param_groups[0]["lr"] = 7.0
        assert optimizer.param_groups[0]["lr"] == 7.0
        scheduler.step()
        scheduler.advance(3)
        optimizer.load_state_dict(sgd(0.5).state_dict())
        assert scheduler.position == 3
    assert optimizer.param_groups[0]["lr"] is rate
    assert float(rate) == pytest.approx(PLAN(3))
    update(optimizer)
    scheduler.step()
    assert scheduler.position == 4


def test_a_position_taken_while_paused_is_written_at_the_end_of_the_pause():
    optimizer = sgd()
    scheduler = Scheduler(optimizer, PLAN)
    scheduler.seek(8)
    state = scheduler.state_dict()
    with scheduler.paused():
        optimizer.param_groups[0]["lr"] = 7.0
        scheduler.seek(3)
        assert (scheduler.position, optimizer.param_groups[0]["lr"]) == (3, 7.0)
        scheduler.load_state_dict(state)
        assert (scheduler.position, optimizer.param_groups[0]["lr"]) == (8, 7.0)
        scheduler.replan(ss.Constant(0.5))
        assert optimizer.param_groups[0]["lr"] == 7.0
    assert optimizer.param_groups[0]["lr"] == 0.5


class FusedAdam(SGD):
    """Stands for DeepSpeed's own optimizers, which wrap none."""


FusedAdam.__module__ = "deepspeed.ops.adam.fused_adam"


def test_deepspeeds_own_optimizers_are_driven_like_any_other():
    optimizer = FusedAdam([weight()], lr=0.1)
    Scheduler(optimizer, PLAN, auto=True)
    update(optimizer)
    assert optimizer.param_groups[0]["lr"] == PLAN(1)


def test_repr_shows_the_plan_and_the_position():
    assert repr(Scheduler(sgd(), PLAN, weight_decay=0.1)) == (
        "Scheduler(lr=Linear(0.0, 0.3, 5) >> Cosine(0.3, 0.01, 15), weight_decay=0.1, position=0)"
    )


@pytest.mark.parametrize("auto", [False, True])
def test_a_rate_set_by_other_code_lasts_for_one_update_and_causes_one_warning(auto):
    optimizer = sgd()
    scheduler = Scheduler(optimizer, PLAN, auto=auto)
    scheduler.load_state_dict(scheduler.state_dict())
    rates_used(optimizer, scheduler, 1)  # until an update has followed, a loaded state counts for more
    used = []
    optimizer.register_step_pre_hook(lambda optimizer, *_: used.append(optimizer.param_groups[0]["lr"]))
    for step in range(3):
        optimizer.param_groups[0]["lr"] = 5.0
        with pytest.warns(UserWarning, match=r"to 0\.06, .*to 5\.0") if step == 0 else nullcontext():
            rates_used(optimizer, scheduler, 1)
    assert used == [5.0, 5.0, 5.0]
    assert rates_used(optimizer, scheduler, 2) == [PLAN(4), PLAN(5)]
