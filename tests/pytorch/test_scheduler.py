"""The scheduler on real optimizers. A test with pain_N in its name mends line N of what users of schedulers suffer."""

import copy
import gc
import io
import json
import math
import pickle
import tracemalloc
import warnings
import weakref
from dataclasses import asdict

import pytest
import torch
from torch.optim import SGD, Adadelta, Adagrad, Adam, AdamW, RMSprop
from torch.optim.lr_scheduler import StepLR

import stepsize as ss
from stepsize.errors import ArgumentError, DriverError, StateError, StepError
from stepsize.plots import plot_schedules
from stepsize.pytorch import ConstantProduct, Plateau, Scheduler

PLAN = ss.Linear(0.0, 0.3, 5) >> ss.Cosine(0.3, 0.01, 15)


def weight():
    return torch.nn.Parameter(torch.ones(2))


def sgd(*rates, kind=SGD, **more):
    """An optimizer with a group for each rate."""
    return kind([{"params": [weight()], "lr": rate} for rate in rates or (0.1,)], lr=0.1, **more)


def update(optimizer):
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = torch.ones_like(parameter)
    optimizer.step()


def rates_used(optimizer, scheduler, updates):
    """The rates of the first group that real updates use."""
    used = []
    for _ in range(updates):
        used.append(float(optimizer.param_groups[0]["lr"]))
        update(optimizer)
        scheduler.step()
    return used


def test_every_update_uses_the_schedules_value_at_its_step():
    optimizer = sgd()
    assert rates_used(optimizer, Scheduler(optimizer, PLAN), 25) == PLAN.sample(25).tolist()


def test_pain_6_the_end_value_is_held():
    optimizer = sgd()
    scheduler = Scheduler(optimizer, PLAN)
    scheduler.seek(10_000)
    assert optimizer.param_groups[0]["lr"] == 0.01


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


def test_pain_12_a_relative_schedule_keeps_the_ratios_of_the_groups():
    optimizer = sgd(0.1, 0.01)
    scheduler = Scheduler(optimizer, ss.Linear(1.0, 0.0, 10), relative=True)
    scheduler.seek(5)
    assert scheduler.get_last_lr() == [0.05, 0.005]
    assert scheduler.base_lrs == [0.1, 0.01]


def test_pain_12_one_absolute_schedule_over_differing_rates_is_refused_until_it_is_said_what_is_meant():
    optimizer = sgd(0.1, 0.01)
    with pytest.raises(ArgumentError, match="relative=True"):
        Scheduler(optimizer, PLAN)
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.01]
    assert "initial_lr" not in optimizer.param_groups[0]
    assert Scheduler(optimizer, ss.Constant(0.3), relative=False).get_last_lr() == [0.3, 0.3]


def test_a_list_gives_each_group_its_own():
    optimizer = sgd(0.1, 0.1)
    scheduler = Scheduler(optimizer, [ss.Constant(0.3), ss.Linear(1.0, 0.0, 2)])
    scheduler.seek(1)
    assert scheduler.get_last_lr() == [0.3, 0.5]


def test_a_mapping_goes_by_the_groups_names_and_leaves_the_others():
    optimizer = SGD([{"params": [weight()], "name": "body"}, {"params": [weight()]}], lr=0.1)
    Scheduler(optimizer, {"body": 0.3})
    assert [group["lr"] for group in optimizer.param_groups] == [0.3, 0.1]


def test_pain_12_a_group_added_later_joins_on_the_common_clock_with_its_own_base():
    optimizer = sgd(0.1)
    scheduler = Scheduler(optimizer, ss.Linear(1.0, 0.0, 10), relative=True)
    scheduler.seek(4)
    optimizer.add_param_group({"params": [weight()], "lr": 1.0})
    update(optimizer)
    scheduler.step()
    assert scheduler.get_last_lr() == [0.05, 0.5]


def test_a_group_added_under_a_list_is_an_error_that_names_its_index():
    optimizer = sgd(0.1)
    scheduler = Scheduler(optimizer, [PLAN])
    optimizer.add_param_group({"params": [weight()]})
    update(optimizer)
    with pytest.raises(ArgumentError, match="parameter group 1"):
        scheduler.step()


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


def test_a_clock_of_tokens_is_told_how_many():
    optimizer = sgd()
    scheduler = Scheduler(optimizer, ss.Linear(1.0, 0.0, 1_000_000), clock="tokens")
    scheduler.advance(250_000)
    assert scheduler.get_last_lr() == [0.75]
    with pytest.raises(DriverError, match="advance"):
        scheduler.step()


# Resuming.


def saved(states):
    """What a checkpoint file gives back, loaded the safe way."""
    file = io.BytesIO()
    torch.save(states, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize("order", ["scheduler first", "optimizer first", "scheduler alone", "built after loading"])
@pytest.mark.parametrize("at", [0, 3, 5, 12, 30])
@pytest.mark.parametrize("tensor", [False, True])
def test_pain_1_a_resume_is_exact_in_any_order_of_loading(order, at, tensor):
    def fresh():
        rate = torch.tensor(0.1, dtype=torch.float64) if tensor else 0.1
        return SGD([weight()], lr=rate, momentum=0.9)

    first = fresh()
    scheduler = Scheduler(first, PLAN)
    rates_used(first, scheduler, at)
    states = saved({"optimizer": first.state_dict(), "scheduler": scheduler.state_dict()})
    second = fresh()
    if order == "built after loading":
        second.load_state_dict(states["optimizer"])
    again = Scheduler(second, PLAN)
    if order == "optimizer first":
        second.load_state_dict(states["optimizer"])
    again.load_state_dict(states["scheduler"])
    if order == "scheduler first":
        second.load_state_dict(states["optimizer"])
    assert again.position == at
    assert rates_used(second, again, 20) == pytest.approx(PLAN.sample(at + 20)[at:].tolist(), rel=1e-12)


def test_pain_1_a_changed_plan_is_refused_and_both_ways_out_do_what_they_say():
    optimizer = sgd()
    scheduler = Scheduler(optimizer, PLAN)
    scheduler.seek(7)
    state = scheduler.state_dict()
    longer = ss.Linear(0.0, 0.3, 50) >> ss.Cosine(0.3, 0.01, 150)
    other = sgd()
    refusing = Scheduler(other, longer)
    with pytest.raises(StateError, match=r"keep.*restore"):
        refusing.load_state_dict(state)
    assert (refusing.position, other.param_groups[0]["lr"]) == (0, 0.0)
    keeping = Scheduler(sgd(), longer, on_change="keep")
    keeping.load_state_dict(state)
    assert keeping.get_last_lr() == [longer(7)]
    restoring = Scheduler(sgd(), longer, on_change="restore")
    restoring.load_state_dict(state)
    assert restoring.get_last_lr() == [PLAN(7)]


def test_pain_1_another_base_rate_is_another_plan_where_schedules_multiply_it():
    def relative(*rates, **more):
        return Scheduler(sgd(*rates), ss.Linear(1.0, 0.0, 10), relative=True, **more)

    scheduler = relative(0.1, 0.01)
    scheduler.seek(5)
    state = scheduler.state_dict()
    refusing = relative(0.7, 0.7)
    with pytest.raises(StateError, match=r"\[0.1, 0.01\], and here the groups have \[0.7, 0.7\]; keep.*restore"):
        refusing.load_state_dict(state)
    assert refusing.get_last_lr() == [0.7, 0.7]
    for on_change, rates in {"keep": [0.35, 0.35], "restore": [0.05, 0.005]}.items():
        again = relative(0.7, 0.7, on_change=on_change)
        again.load_state_dict(state)
        assert again.get_last_lr() == rates


def test_an_optimizer_taken_back_to_its_start_gives_the_next_scheduler_its_own_base_rate():
    optimizer = sgd()
    start = copy.deepcopy(optimizer.state_dict())
    for _ in range(2):
        optimizer.load_state_dict(start)
        fold = Scheduler(optimizer, ss.Staircase(1.0, 0.1, 2), relative=True)
        assert rates_used(optimizer, fold, 4) == pytest.approx([0.1, 0.1, 0.01, 0.01])


def test_pain_15_the_state_is_small_json_with_a_version():
    scheduler = Scheduler(sgd(), PLAN)
    state = scheduler.state_dict()
    assert json.loads(json.dumps(state, allow_nan=False)) == state
    assert state["version"] == 1
    assert state["plan"] == {"relative": False, "feedback": None, "schedules": {"lr": {"all": str(PLAN)}}}
    assert set(state) == set(Scheduler(sgd(), ss.Constant(1), feedback=Plateau()).state_dict())


def test_pain_15_a_named_function_is_saved_by_its_name_and_a_plain_one_must_be_given_again():
    scheduler = Scheduler(sgd(), lambda step: 0.1)
    scheduler.seek(3)
    again = Scheduler(sgd(), lambda step: 0.2)
    again.load_state_dict(scheduler.state_dict())
    assert (again.position, again.get_last_lr()) == (3, [0.2])
    named = Scheduler(sgd(), ss.Function("math:cosh"))
    assert "math:cosh" in str(named.state_dict()["plan"])


BROKEN_STATES = {
    "another kind": ({"last_epoch": 3, "base_lrs": [0.1]}, "no state of stepsize"),
    "newer": ({"version": 2}, "version 1"),
    "cut short": ({"plan": None}, "lacks plan"),
    "position": ({"position": -1}, "position"),
    "position of another type": ({"position": 2.5}, "position"),
    "groups": ({"base_lrs": [0.1, 0.2]}, "2 parameter groups"),
    "base rate": ({"base_lrs": [math.nan]}, "base_lrs"),
    "clock": ({"clock": "tokens"}, "tokens"),
    "plan": ({"plan": {"lr": {"all": "Cosin(1)"}}, "replanned": True}, "plan cannot be followed"),
    "another plan": ({"plan": {"lr": {"all": "Cosin(1)"}}}, "never replanned"),
    "nothing scheduled": (
        {"plan": {"relative": False, "feedback": None, "schedules": {}}, "replanned": True},
        "plan cannot be read",
    ),
    "too far": ({"position": 10**30}, "position"),
    "negative base": ({"base_lrs": [-0.1]}, "numbers from 0"),
    "replanned": ({"replanned": "no"}, "true or false"),
    "text": (
        {"replanned": True, "plan": {"relative": False, "feedback": None, "schedules": {"lr": {"all": "Cosin(1)"}}}},
        "Cosine",
    ),
    "plateau": (
        {
            "replanned": True,
            "plan": {"relative": False, "feedback": {"mode": 1}, "schedules": {"lr": {"all": "Constant(1)"}}},
        },
        "no plateau",
    ),
    "feedback": (
        {"plan": {"relative": False, "feedback": asdict(Plateau()), "schedules": {"lr": {"all": "Constant(1)"}}}}
        | {"replanned": True, "feedback": {"multipliers": [1.0], "best": "low"}},
        "not that of a Plateau",
    ),
}


@pytest.mark.parametrize("name", BROKEN_STATES)
def test_a_state_that_cannot_be_loaded_says_why_and_changes_nothing(name):
    change, words = BROKEN_STATES[name]
    optimizer = sgd()
    scheduler = Scheduler(optimizer, PLAN)
    scheduler.seek(3)
    state = {**scheduler.state_dict(), **change} if name != "another kind" else change
    if name == "cut short":
        del state["plan"]
    with pytest.raises(StateError, match=words):
        scheduler.load_state_dict(state)
    assert (scheduler.position, optimizer.param_groups[0]["lr"]) == (3, PLAN(3))


# Tensor rates.


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


def test_pain_11_a_tensor_is_filled_for_those_groups_alone_that_are_scheduled():
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


def test_pain_11_a_tensor_comes_back_to_its_place_whatever_was_put_there():
    optimizer = SGD([weight()], lr=torch.tensor(0.1, dtype=torch.float64))
    scheduler = Scheduler(optimizer, PLAN)
    rate = optimizer.param_groups[0]["lr"]
    optimizer.param_groups[0]["lr"] = 0.05
    assert rates_used(optimizer, scheduler, 4)[1:] == PLAN.sample(4)[1:].tolist()
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


@pytest.mark.parametrize("idle", [{"relative": True}, {"feedback": Plateau()}])
def test_what_is_about_the_rate_needs_one(idle):
    with pytest.raises(ArgumentError, match="is about the rate, which nothing schedules here"):
        Scheduler(sgd(), weight_decay=ss.Constant(0.1), **idle)


def test_a_switch_that_is_none_is_no_number():
    with pytest.raises(ArgumentError, match='no number "fused"'):
        Scheduler(sgd(kind=Adam), 0.1, fused=0.5)


def test_pain_11_groups_that_share_a_tensor_get_their_own_where_they_differ():
    rate = torch.tensor(1.0, dtype=torch.float64)
    optimizer = SGD([{"params": [weight()]}, {"params": [weight()]}], lr=rate)
    scheduler = Scheduler(optimizer, [ss.Constant(0.3), ss.Constant(0.7)])
    assert scheduler.get_last_lr() == [0.3, 0.7]
    rate = torch.tensor(1.0, dtype=torch.float64)
    shared = SGD([{"params": [weight()]}, {"params": [weight()]}], lr=rate)
    Scheduler(shared, ss.Constant(0.5))
    assert shared.param_groups[0]["lr"] is shared.param_groups[1]["lr"] is rate


# Traps.


def test_a_later_scheduler_takes_over_and_the_earlier_one_says_so():
    optimizer = sgd()
    first = Scheduler(optimizer, PLAN)
    second = Scheduler(optimizer, ss.Constant(0.5))
    update(optimizer)
    with pytest.raises(DriverError, match=r"Constant\(0.5\)"):
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


def test_stepping_before_the_optimizer_warns_once():
    scheduler = Scheduler(sgd(), PLAN)
    with pytest.warns(UserWarning, match="step 0 is skipped"):
        scheduler.step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scheduler.step()


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


def test_a_copied_optimizer_carries_no_scheduler():
    optimizer = sgd()
    Scheduler(optimizer, PLAN)
    twin = copy.deepcopy(optimizer)
    Scheduler(twin, ss.Constant(0.7))
    assert (optimizer.param_groups[0]["lr"], twin.param_groups[0]["lr"]) == (0.0, 0.7)


def test_a_closed_scheduler_lets_go():
    optimizer = sgd()
    scheduler = Scheduler(optimizer, PLAN)
    scheduler.close()
    optimizer.param_groups[0]["lr"] = 0.123
    optimizer.load_state_dict(optimizer.state_dict())
    assert optimizer.param_groups[0]["lr"] == 0.123


def test_pain_16_all_getters_tell_the_rate_of_the_next_update():
    optimizer = sgd()
    scheduler = Scheduler(optimizer, PLAN)
    rates_used(optimizer, scheduler, 6)
    assert scheduler.get_lr() == scheduler.get_last_lr() == [optimizer.param_groups[0]["lr"]] == [PLAN(6)]
    assert scheduler.last_epoch == scheduler.position == 6


REFUSED = {
    "unknown hyperparameter": (lambda o: Scheduler(o, wieght_decay=0.1), "weight_decay"),
    "list too short": (lambda o: Scheduler(o, [PLAN]), "each of the 2 parameter groups"),
    "no such name": (lambda o: Scheduler(o, {"head": PLAN}), 'no group has a "name"'),
    "negative rate": (lambda o: Scheduler(o, -0.1), "negative"),
    "a text": (lambda o: Scheduler(o, "Constant(0.1)"), "parse"),
    "nothing": (lambda o: Scheduler(o), "nothing to schedule"),
    "tuple for a number": (lambda o: Scheduler(o, (0.1, 0.2)), "like the group's own value"),
    "no optimizer": (lambda o: Scheduler("sgd", PLAN), "optimizer of PyTorch"),
    "on_change": (lambda o: Scheduler(o, PLAN, on_change="ask"), "refuse"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_is_refused_and_the_optimizer_is_unchanged(name):
    make, words = REFUSED[name]
    optimizer = sgd(0.1, 0.1)
    before = copy.deepcopy(optimizer.state_dict())
    with pytest.raises((ArgumentError, StepError), match=words):
        make(optimizer)
    assert optimizer.state_dict() == before


@pytest.mark.parametrize("wrong", [-0.1, math.nan, math.inf])
def test_a_function_that_gives_no_rate_is_named_with_its_step_and_nothing_moves(wrong):
    optimizer = sgd()
    scheduler = Scheduler(optimizer, lambda step: 0.1 if step < 2 else wrong)
    scheduler.seek(1)
    with pytest.raises(StepError, match="step 2"):
        scheduler.seek(2)
    assert (scheduler.position, optimizer.param_groups[0]["lr"]) == (1, 0.1)


# Replanning.


def test_replanning_keeps_the_past_and_starts_the_new_part_on_its_own_clock():
    optimizer = sgd()
    scheduler = Scheduler(optimizer, PLAN)
    scheduler.seek(10)
    whole = scheduler.replan(ss.Linear(PLAN(10), 0.0, 4))
    assert whole["lr before"] == PLAN
    assert str(whole["lr after"]) == (
        f"Linear(0.0, 0.3, 5) >> Cosine(0.3, 0.01, 15).head(5) >> Linear({PLAN(10)}, 0.0, 4)"
    )
    assert whole["lr after"].sample(14).tolist() == (PLAN.head(10) >> ss.Linear(PLAN(10), 0.0, 4)).sample(14).tolist()
    assert scheduler.get_last_lr() == [PLAN(10)]
    scheduler.seek(12)
    assert scheduler.get_last_lr() == [PLAN(10) / 2]


def test_a_replanned_state_is_taken_over_by_the_program_that_began_with_the_old_plan():
    scheduler = Scheduler(sgd(), PLAN)
    scheduler.seek(10)
    scheduler.replan(ss.Linear(PLAN(10), 0.0, 4))
    scheduler.seek(12)
    again = Scheduler(sgd(), PLAN)
    again.load_state_dict(scheduler.state_dict())
    assert again.get_last_lr() == [PLAN(10) / 2]
    other = Scheduler(sgd(), ss.Constant(0.1))
    with pytest.raises(StateError, match="another plan"):
        other.load_state_dict(scheduler.state_dict())


def test_a_plan_may_be_changed_any_number_of_times():
    scheduler = Scheduler(sgd(), PLAN)
    for epoch in range(1, 300):
        scheduler.seek(10 * epoch)
        scheduler.replan(ss.Constant(0.1 / epoch))
    again = Scheduler(sgd(), PLAN)
    again.load_state_dict(json.loads(json.dumps(scheduler.state_dict())))
    assert again.get_last_lr() == [0.1 / 299]
    again.seek(25)
    assert again.get_last_lr() == [0.1 / 2]


def test_a_plan_that_ended_long_ago_holds_its_end_until_the_new_part():
    scheduler = Scheduler(sgd(), PLAN)
    scheduler.seek(50)
    plan = scheduler.replan(ss.Constant(0.2))["lr after"]
    assert plan.sample(52).tolist() == (PLAN.head(50) >> ss.Constant(0.2)).sample(52).tolist()


def test_a_changed_plan_with_a_function_that_no_state_can_hold_is_refused():
    scheduler = Scheduler(sgd(), lambda step: 1 / (1 + step))
    scheduler.seek(20)
    scheduler.cool_down(10)
    scheduler.seek(25)
    again = Scheduler(sgd(), lambda step: 1 / (1 + step))
    with pytest.raises(StateError, match=r"package\.module:name.*keep"):
        again.load_state_dict(scheduler.state_dict())
    assert again.position == 0


def test_what_replan_returns_is_drawn():
    scheduler = Scheduler(sgd(), PLAN)
    scheduler.seek(10)
    axes = plot_schedules(scheduler.cool_down(4, shape="1-sqrt"))
    assert [line.get_label().split(":")[0] for line in axes.lines[:2]] == ["lr before", "lr after"]


def test_replanning_a_list_and_a_mapping_wants_the_same_form():
    scheduler = Scheduler(sgd(0.1, 0.2), [PLAN, ss.Constant(0.2)])
    scheduler.seek(10)
    scheduler.replan([ss.Constant(0.3), ss.Linear(0.2, 0.0, 10)])
    scheduler.seek(15)
    assert scheduler.get_last_lr() == [0.3, 0.1]
    with pytest.raises(ArgumentError, match="form of the plan"):
        scheduler.replan(ss.Constant(0.3))
    with pytest.raises(ArgumentError, match='no "momentum"'):
        scheduler.replan(momentum=0.9)
    assert scheduler.get_last_lr() == [0.3, 0.1]


def test_a_cooldown_brings_every_rate_down():
    scheduler = Scheduler(sgd(0.1, 0.2), [ss.Constant(0.1), ss.Constant(0.2)])
    scheduler.seek(10)
    scheduler.cool_down(4)
    scheduler.seek(12)
    assert scheduler.get_last_lr() == [0.05, 0.1]
    scheduler.seek(99)
    assert scheduler.get_last_lr() == [0.0, 0.0]


def test_a_longer_version_of_the_plan_is_continued_by_its_tail():
    longer = ss.Linear(0.0, 0.3, 5) >> ss.Cosine(0.3, 0.01, 95)
    scheduler = Scheduler(sgd(), PLAN)
    scheduler.seek(5)
    scheduler.replan(longer.tail(5))
    scheduler.seek(50)
    assert scheduler.get_last_lr() == [pytest.approx(longer(50))]


# Ties and horizons.


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


def test_the_rate_cannot_be_tied_to_itself():
    with pytest.raises(ArgumentError, match="another hyperparameter"):
        Scheduler(sgd(), ConstantProduct(0.1))


def test_pain_5_a_schedule_that_does_not_last_as_long_as_the_horizon_is_warned_of():
    with pytest.warns(UserWarning, match="lasts 20 updates, and Horizon.* has 30"):
        Scheduler(sgd(), PLAN, horizon=ss.Horizon(samples=100, batch=10, epochs=3))


def test_pain_5_an_update_past_the_horizon_is_warned_of_once():
    optimizer = sgd()
    scheduler = Scheduler(optimizer, PLAN, horizon=ss.Horizon(samples=100, batch=10, epochs=2))
    rates_used(optimizer, scheduler, 20)
    with pytest.warns(UserWarning, match="update 21 is past the end of the horizon, 20") as told:
        scheduler.step()
    assert told[0].filename == __file__
    scheduler.step()


def test_a_warning_under_auto_points_at_the_users_own_line():
    optimizer = sgd()
    Scheduler(optimizer, PLAN, auto=True, horizon=ss.Horizon(samples=100, batch=10, epochs=2))
    for _ in range(20):
        update(optimizer)
    with pytest.warns(UserWarning, match="update 21 is past the end") as told:
        update(optimizer)
    assert told[0].filename == __file__


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


# What cannot be.


WRONG_ARGUMENTS = {
    "a scheduler of PyTorch": ({"lr": StepLR}, "from_torch"),
    "a class": ({"lr": ss.Constant}, "call it"),
    "feedback": ({"lr": 0.1, "feedback": Plateau}, r"a stepsize.pytorch.Plateau\(\)"),
    "auto": ({"lr": 0.1, "auto": "no"}, "True or False"),
    "relative": ({"lr": 0.1, "relative": "yes"}, "True or False"),
    "horizon": ({"lr": 0.1, "horizon": 1000}, "Horizon"),
    "a switch": ({"nesterov": 0.3}, 'no number "nesterov"'),
    "the parameters": ({"params": 0.3}, 'no number "params"'),
    "a tuple for the groups": ({"lr": (0.1, 0.2)}, r"write a list: lr=\[\.\.\.\]"),
    "too many": ({"lr": [0.1, 0.2]}, "here are 2"),
}


@pytest.mark.parametrize("name", WRONG_ARGUMENTS)
def test_an_argument_of_another_kind_is_refused_with_what_to_write(name):
    arguments, words = WRONG_ARGUMENTS[name]
    optimizer = sgd()
    if arguments.get("lr") is StepLR:
        arguments = {"lr": StepLR(sgd(), 5)}
    with pytest.raises(ArgumentError, match=words):
        Scheduler(optimizer, **arguments)
    assert optimizer.param_groups[0]["lr"] == 0.1


def test_an_optimizer_given_twice_is_refused():
    optimizer = sgd()
    with pytest.raises(ArgumentError, match="each of them once"):
        Scheduler([optimizer, optimizer], 0.1)


@pytest.mark.parametrize("rate", [math.nan, math.inf, -1.0])
def test_a_base_rate_that_is_none_is_refused(rate):
    optimizer = sgd()
    optimizer.param_groups[0]["lr"] = rate
    with pytest.raises(ArgumentError, match="the rate"):
        Scheduler(optimizer, PLAN, relative=True)


def test_a_rate_that_a_group_cannot_hold_is_refused_and_nothing_is_written():
    optimizer = sgd(torch.tensor(0.1), torch.tensor(0.1))
    with pytest.raises(StepError, match="cannot hold"):
        Scheduler(optimizer, [ss.Constant(0.9), ss.Constant(1e39)])
    assert [float(group["lr"]) for group in optimizer.param_groups] == pytest.approx([0.1, 0.1])
    huge = sgd()
    huge.param_groups[0]["lr"] = 1e200
    with pytest.raises(StepError, match="cannot hold"):
        Scheduler(huge, ss.Constant(1e200), relative=True)


def test_a_whole_number_in_a_tensor_is_no_rate():
    optimizer = sgd()
    optimizer.param_groups[0]["lr"] = torch.tensor(1)
    with pytest.raises(ArgumentError, match='no number "lr"'):
        Scheduler(optimizer, PLAN)


def test_groups_without_a_rate_may_have_others_scheduled():
    optimizer = sgd()
    del optimizer.param_groups[0]["lr"]
    Scheduler(optimizer, weight_decay=ss.Constant(0.1))
    adafactor = sgd()
    adafactor.param_groups[0]["lr"] = None
    scheduler = Scheduler(adafactor, weight_decay=ss.Constant(0.1))
    assert adafactor.param_groups[0]["weight_decay"] == 0.1
    assert math.isnan(scheduler.get_last_lr()[0])


def test_a_group_that_has_gone_is_named():
    optimizer = sgd(0.1, 0.1)
    scheduler = Scheduler(optimizer, PLAN)
    del optimizer.param_groups[1]
    with pytest.raises(DriverError, match="1 parameter groups where there were 2"):
        scheduler.seek(3)


def test_a_late_group_without_the_hyperparameter_is_named():
    optimizer = sgd()
    scheduler = Scheduler(optimizer, momentum=ss.Constant(0.9))
    optimizer.param_groups.append({"params": [weight()], "lr": 0.1})
    with pytest.raises(ArgumentError, match='parameter group 1 has no number "momentum"'):
        scheduler.seek(3)


def test_a_shallow_copy_leaves_the_original_its_optimizer():
    optimizer = sgd()
    scheduler = Scheduler(optimizer, PLAN)
    again = copy.copy(scheduler)
    rates_used(optimizer, scheduler, 2)
    assert (scheduler.position, again.position) == (2, 0)


def test_weight_decay_tied_to_a_rate_next_to_zero_stays_finite():
    optimizer = sgd(kind=AdamW)
    Scheduler(optimizer, 5e-324, weight_decay=ConstantProduct(1e-3))
    assert optimizer.param_groups[0]["weight_decay"] == 0.0


# Groups that come and go, names, and what else may happen to an optimizer.


def test_a_group_that_joins_an_optimizer_in_the_middle_has_its_own_base():
    first, second = sgd(0.1), sgd(0.2)
    scheduler = Scheduler([first, second], ss.Linear(1.0, 0.0, 10), relative=True)
    scheduler.seek(1)
    first.add_param_group({"params": [weight()], "lr": 1.0})
    assert scheduler.get_lr() == pytest.approx([0.09, 0.9, 0.18])
    assert scheduler.get_last_lr() == pytest.approx([0.09, 0.9, 0.18])


def test_a_state_saved_just_after_a_group_has_joined_can_be_loaded():
    optimizer = sgd(0.1)
    scheduler = Scheduler(optimizer, ss.Linear(1.0, 0.0, 10), relative=True, feedback=Plateau(patience=0))
    scheduler.observe(1.0)
    optimizer.add_param_group({"params": [weight()], "lr": 0.5})
    assert scheduler.observe(2.0)
    again = Scheduler(sgd(0.1, 0.5), ss.Linear(1.0, 0.0, 10), relative=True, feedback=Plateau(patience=0))
    again.load_state_dict(scheduler.state_dict())
    assert again.get_last_lr() == scheduler.get_last_lr() == pytest.approx([0.01, 0.05])


def test_a_group_that_takes_anothers_place_is_driven():
    optimizer = sgd(0.1)
    scheduler = Scheduler(optimizer, PLAN)
    rates_used(optimizer, scheduler, 3)
    optimizer.param_groups.clear()
    optimizer.add_param_group({"params": [weight()], "lr": 0.9})
    update(optimizer)
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] == PLAN(4)


def test_names_that_a_loaded_state_has_not_are_kept():
    unnamed = sgd(0.1, 0.2).state_dict()
    optimizer = SGD([{"params": [weight()], "name": "body"}, {"params": [weight()], "name": "head"}], lr=0.1)
    scheduler = Scheduler(optimizer, {"head": PLAN})
    optimizer.load_state_dict(unnamed)
    assert [group["name"] for group in optimizer.param_groups] == ["body", "head"]
    assert scheduler.get_last_lr()[1] == PLAN(0)


def test_a_base_rate_is_the_one_that_an_earlier_scheduler_found():
    optimizer = sgd(0.1, 0.2)
    Scheduler(optimizer, ss.Constant(0.5), relative=True).close()
    assert Scheduler(optimizer, ss.Constant(0.5), relative=True).get_last_lr() == [0.05, 0.1]


def test_other_hyperparameters_are_absolute_under_relative_rates():
    optimizer = sgd(0.1, 0.2)
    Scheduler(optimizer, ss.Constant(0.5), relative=True, weight_decay=ss.Constant(0.3))
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.3, 0.3]


def test_weight_decay_is_tied_only_to_a_rate_of_the_same_scheduler():
    with pytest.raises(ArgumentError, match="in the same Scheduler"):
        Scheduler(sgd(kind=AdamW), weight_decay=ConstantProduct(0.1))


def test_a_closed_scheduler_says_so_and_writes_nothing():
    optimizer = sgd()
    first = Scheduler(optimizer, PLAN)
    rates_used(optimizer, first, 3)
    first.close()
    Scheduler(optimizer, ss.Constant(0.7))
    for move in (first.step, lambda: first.seek(2), lambda: first.advance(1)):
        with pytest.raises(DriverError, match="was closed"):
            move()
    copied = copy.deepcopy(first)
    with pytest.raises(DriverError, match="was closed"):
        copied.step()
    assert optimizer.param_groups[0]["lr"] == 0.7


def test_a_deposed_scheduler_in_the_midst_of_its_steps_writes_nothing_more():
    optimizer = sgd()
    first = Scheduler(optimizer, PLAN)
    rates_used(optimizer, first, 3)
    Scheduler(optimizer, ss.Constant(0.7))
    with pytest.raises(DriverError, match=r"Constant\(0.7\)"):
        first.step()
    assert optimizer.param_groups[0]["lr"] == 0.7


def test_while_paused_nothing_moves_however_deep():
    optimizer = sgd(torch.tensor(0.1))
    rate = optimizer.param_groups[0]["lr"]
    scheduler = Scheduler(optimizer, PLAN)
    rates_used(optimizer, scheduler, 3)
    with scheduler.paused():
        with scheduler.paused():
            scheduler.step()
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


def test_a_deposed_scheduler_names_what_nobody_drives_any_more_and_nothing_else():
    optimizer = sgd(kind=AdamW)
    first = Scheduler(optimizer, PLAN, weight_decay=ss.Constant(0.1))
    second = Scheduler(optimizer, ss.Constant(0.7))
    with pytest.raises(DriverError, match=r"stepped; weight_decay stays as it is unless another drives it$"):
        first.step()
    Scheduler(optimizer, ss.Constant(0.8))
    with pytest.raises(DriverError, match=r"can no longer be stepped$"):
        second.step()


def test_one_may_go_back_to_before_a_cooldown_in_the_same_program():
    scheduler = Scheduler(sgd(), lambda step: 0.1)
    scheduler.seek(10)
    stable = scheduler.state_dict()
    scheduler.cool_down(5)
    scheduler.seek(13)
    scheduler.load_state_dict(stable)
    scheduler.seek(13)
    assert scheduler.get_last_lr() == [0.1]


def test_a_cooldown_leaves_the_other_hyperparameters_alone():
    optimizer = sgd()
    scheduler = Scheduler(optimizer, PLAN, weight_decay=ss.Linear(0.1, 0.0, 100))
    scheduler.seek(10)
    scheduler.cool_down(10)
    scheduler.seek(50)
    assert (optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["weight_decay"]) == (0.0, 0.05)


def test_schedulers_that_are_gone_leave_no_hooks():
    optimizer = sgd()
    for _ in range(50):
        Scheduler(optimizer, PLAN)
    gc.collect()
    assert not optimizer._optimizer_step_post_hooks
    assert not optimizer._optimizer_load_state_dict_post_hooks


def test_steps_with_a_horizon_and_several_keys_are_those_of_the_plan():
    optimizer = sgd(0.1, 0.2)
    decay = ss.Linear(0.1, 0.0, 20)
    scheduler = Scheduler(optimizer, PLAN, relative=True, weight_decay=decay, horizon=ss.Horizon(200, 10, 1))
    for step in range(20):
        assert scheduler.get_last_lr() == [PLAN(step) * 0.1, PLAN(step) * 0.2]
        assert [group["weight_decay"] for group in optimizer.param_groups] == [decay(step)] * 2
        update(optimizer)
        scheduler.step()


def test_a_clock_of_tokens_has_no_horizon_of_updates():
    with pytest.raises(ArgumentError, match="counts updates, and this clock tokens"):
        Scheduler(sgd(), PLAN, clock="tokens", horizon=ss.Horizon(200, 10, 1))


class FusedAdam(SGD):
    """Stands for DeepSpeed's own optimizers, which wrap none."""


FusedAdam.__module__ = "deepspeed.ops.adam.fused_adam"


def test_an_optimizer_of_deepspeeds_own_is_one_like_any_other():
    optimizer = FusedAdam([weight()], lr=0.1)
    Scheduler(optimizer, PLAN, auto=True)
    update(optimizer)
    assert optimizer.param_groups[0]["lr"] == PLAN(1)


def test_a_schedulers_words_are_those_it_was_made_with():
    assert repr(Scheduler(sgd(), PLAN, weight_decay=0.1)) == (
        "Scheduler(lr=Linear(0.0, 0.3, 5) >> Cosine(0.3, 0.01, 15), weight_decay=Constant(0.1), position=0)"
    )
