"""States: small, exact in any order of loading, refused where they are of another plan."""

import copy
import json
import math

import pytest
import torch
from driven import PLAN, rates_used, saved, sgd, weight
from torch.optim import SGD

import stepsize as ss
from stepsize.errors import StateError
from stepsize.pytorch import Plateau, Scheduler


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


def test_pain_1_a_changed_plan_is_refused_kept_or_restored():
    optimizer = sgd()
    scheduler = Scheduler(optimizer, PLAN)
    scheduler.seek(7)
    state = scheduler.state_dict()
    longer = ss.Linear(0.0, 0.3, 50) >> ss.Cosine(0.3, 0.01, 150)
    other = sgd()
    refusing = Scheduler(other, longer)
    with pytest.raises(
        StateError,
        match=r"under another plan, lr=Linear\(0.0, 0.3, 5\) .*, not under lr=Linear\(0.0, 0.3, 50\) .*; keep this one "
        r'with Scheduler\(..., on_change="keep"\), or take the saved one with "restore"$',
    ):
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
    with pytest.raises(
        StateError,
        match=r"\[0.1, 0.01\], but here the groups have \[0.7, 0.7\]; "
        r'keep these with Scheduler\(..., on_change="keep"\), or take the saved ones with "restore"$',
    ):
        refusing.load_state_dict(state)
    assert refusing.get_last_lr() == [0.7, 0.7]
    for on_change, rates in {"keep": [0.35, 0.35], "restore": [0.05, 0.005]}.items():
        again = relative(0.7, 0.7, on_change=on_change)
        again.load_state_dict(state)
        assert again.get_last_lr() == rates


def test_a_reset_optimizer_gives_the_next_scheduler_its_own_base_rate():
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
    assert state["plan"] == {"relative": False, "feedback": None, "schedules": {"lr": str(PLAN)}}
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
    "another kind": (
        {"state": {}, "param_groups": []},
        "not a state of .*Scheduler but a dictionary with the keys .'param_groups', 'state'.; "
        "load it into the object that made it$",
    ),
    "another object": ({"kind": "Another"}, "but a state of 'Another'; load it into the object that made it$"),
    "newer": ({"version": 2}, "this stepsize reads version 1 of the state, got 2"),
    "cut short": ({"plan": None}, "lacks plan"),
    "position": ({"position": -1}, "position"),
    "position of another type": ({"position": 2.5}, "position"),
    "groups": (
        {"base_lrs": [0.1, 0.2]},
        "the state has 2 parameter groups, but the optimizer has 1; add or remove groups first",
    ),
    "base rate": ({"base_lrs": [math.nan]}, "base_lrs"),
    "clock": ({"clock": "tokens"}, "tokens"),
    "plan": ({"plan": {"lr": {"all": "Cosin(1)"}}, "replanned": True}, "plan cannot be followed"),
    "another plan": (
        {"plan": {"lr": {"all": "Cosin(1)"}}},
        "plan differs from the one that it began with, although it was never replanned",
    ),
    "another plan that cannot be read": (
        {"plan": {"lr": "Cosin(1)"}, "began_with": {"lr": "Cosin(1)"}},
        "the state was saved under another plan, {'lr': 'Cosin\\(1\\)'}, not under",
    ),
    "a number for a schedule": (
        {"replanned": True, "plan": {"relative": False, "feedback": None, "schedules": {"lr": 5}}},
        "plan cannot be followed",
    ),
    "nothing scheduled": (
        {"plan": {"relative": False, "feedback": None, "schedules": {}}, "replanned": True},
        "plan cannot be read",
    ),
    "too far": ({"position": 10**30}, "position"),
    "negative base": ({"base_lrs": [-0.1]}, r"the state's base_lrs\[0\] must be a finite number >= 0"),
    "replanned": ({"replanned": "no"}, "the state's replanned must be a boolean"),
    "text": (
        {"replanned": True, "plan": {"relative": False, "feedback": None, "schedules": {"lr": "Cosin(1)"}}},
        "Cosine",
    ),
    "plateau": (
        {
            "replanned": True,
            "plan": {"relative": False, "feedback": {"mode": 1}, "schedules": {"lr": "Constant(1)"}},
        },
        "feedback",
    ),
    "feedback": (
        {"plan": {"relative": False, "feedback": Plateau().settings(), "schedules": {"lr": "Constant(1)"}}}
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


def test_a_state_of_pytorch_counts_steps_not_tokens():
    optimizer = sgd(0.1)
    state = torch.optim.lr_scheduler.StepLR(optimizer, 3).state_dict()
    scheduler = Scheduler(sgd(0.1), PLAN, clock="tokens", on_change="keep")
    with pytest.raises(StateError, match="counts steps, not tokens"):
        scheduler.load_state_dict(state)


@pytest.mark.parametrize(("base", "refused"), [(0.1 * (1 + 1e-7), False), (0.1 * (1 + 1e-5), True)])
def test_base_rates_may_differ_by_the_rounding_of_a_rate_in_single_precision(base, refused):
    half = ss.Linear(1.0, 0.5, 10)
    state = Scheduler(sgd(0.1), half, relative=True).state_dict()
    again = Scheduler(sgd(base), half, relative=True)
    if refused:
        with pytest.raises(
            StateError, match=r"multiply the base rates \[0\.1\], but here the groups have \[0\.100001\]"
        ):
            again.load_state_dict(state)
    else:
        again.load_state_dict(state)
        assert again.get_last_lr() == [0.1]
