"""A Plan drives an optimizer: in place of the schedules, as text, and as what a scheduler follows."""

import json

import pytest
import torch
from driven import PLAN, sgd, weight
from torch.optim import SGD, AdamW

import stepsize as ss
from stepsize import ConstantProduct, Horizon, Plan
from stepsize.errors import ArgumentError, ParseError, StateError
from stepsize.pytorch import Attribute, Scheduler

BETAS = (ss.Linear(0.85, 0.95, 10), 0.999)
WHOLE = Plan(lr=PLAN, weight_decay=ConstantProduct(0.002), betas=BETAS)


def named(*names):
    return SGD([{"params": [weight()], "name": name, "lr": 0.1} for name in names], momentum=0.5)


def written(optimizer):
    return [{key: group[key] for key in ("lr", "weight_decay", "betas")} for group in optimizer.param_groups]


@pytest.mark.parametrize("given", [WHOLE, str(WHOLE), dict(WHOLE)], ids=["plan", "text", "entries"])
def test_a_plan_its_text_and_its_entries_drive_an_optimizer_alike(given):
    optimizer = sgd(kind=AdamW)
    scheduler = Scheduler(optimizer, **given) if isinstance(given, dict) else Scheduler(optimizer, given)
    assert scheduler.plan == WHOLE
    for position in (0, 3, 10, 30):
        scheduler.seek(position)
        assert written(optimizer) == [WHOLE(position)]


def test_the_plan_of_a_scheduler_makes_another_that_loads_its_state():
    scheduler = Scheduler(sgd(0.1, 0.2), PLAN, relative=True, momentum=[0.5, ss.Linear(0.5, 0.9, 10)])
    scheduler.seek(7)
    again = Scheduler(sgd(0.1, 0.2), Plan.parse(str(scheduler.plan)))
    again.load_state_dict(json.loads(json.dumps(scheduler.state_dict())))
    assert (again.plan, again.values()) == (scheduler.plan, scheduler.values())
    with pytest.raises(StateError, match=r"another plan, lr=.*momentum=\[0.5, Linear"):
        Scheduler(sgd(0.1, 0.2), Plan(lr=[0.1, 0.2])).load_state_dict(scheduler.state_dict())


def test_a_restored_plan_is_the_saved_one():
    scheduler = Scheduler(sgd(kind=AdamW), WHOLE)
    scheduler.seek(4)
    scheduler.cool_down(5)
    other = Scheduler(sgd(kind=AdamW), 0.5, on_change="restore")
    other.load_state_dict(scheduler.state_dict())
    assert other.plan["lr"] == scheduler.plan["lr"] == PLAN.cooldown(4, 5)
    assert other.plan["weight_decay"] == ConstantProduct(0.002)


def test_replanning_takes_a_plan_or_its_text():
    scheduler = Scheduler(sgd(kind=AdamW), WHOLE)
    scheduler.seek(10)
    scheduler.replan(Plan(lr=0.1, betas=(0.8, 0.9)))
    scheduler.replan(Plan(lr=0.3, relative=False))
    scheduler.replan("Plan(lr=0.2)")
    scheduler.seek(12)
    assert scheduler.values() | {"weight_decay": 0} == {"lr": 0.2, "weight_decay": 0, "betas[0]": 0.8, "betas[1]": 0.9}
    with pytest.raises(ArgumentError, match="a Plan with relative=False or without it"):
        scheduler.replan(Plan(lr=0.1, relative=True))


def test_relative_of_a_plan_and_of_the_scheduler_must_agree():
    optimizer = sgd(0.1, 0.2)
    scheduler = Scheduler(optimizer, Plan(lr=0.5, relative=True))
    assert scheduler.get_last_lr() == [0.05, 0.1]
    Scheduler(sgd(0.1, 0.2), Plan(lr=0.5), relative=True)
    with pytest.raises(ArgumentError, match=r"Scheduler\(relative=...\) must be True, as in the Plan, or left out"):
        Scheduler(sgd(0.1, 0.2), Plan(lr=0.5, relative=True), relative=False)


def test_a_text_with_a_unit_needs_the_horizon_of_the_scheduler():
    text = 'Plan(lr=Linear(0.0, 0.3, "50%") >> Cosine(0.3, 0.0, "rest"), momentum=Linear(0.5, 0.9, "1ep"))'
    scheduler = Scheduler(sgd(), text, horizon=Horizon(samples=100, batch=10, epochs=2))
    assert str(scheduler.plan["momentum"]) == "Linear(0.5, 0.9, 10)"
    for given in ({"lr": text}, {"lr": 'Linear(0, 0.3, "50%")'}, {"momentum": 'Linear(0, 0.3, "50%")'}):
        with pytest.raises(ParseError, match=r'Scheduler\((lr|momentum)=...\): "50%" needs a horizon.*give horizon='):
            Scheduler(sgd(), **given)


@pytest.mark.parametrize("groups", [1, 3])
def test_a_list_is_the_tuple_of_a_hyperparameter_if_it_has_no_entry_for_each_group(groups):
    optimizer = sgd(*[0.1] * groups, kind=AdamW)
    scheduler = Scheduler(optimizer, Plan(lr=0.1, betas=[ss.Linear(0.8, 0.9, 10), 0.99]))
    assert scheduler.plan == Plan(lr=0.1, betas=(ss.Linear(0.8, 0.9, 10), 0.99))
    assert optimizer.param_groups[-1]["betas"] == (0.8, 0.99)
    scheduler.replan(betas=[0.5, 0.6])
    assert optimizer.param_groups[-1]["betas"] == (0.5, 0.6)


def test_a_list_of_tuples_has_an_entry_for_each_group_and_one_of_numbers_is_a_tuple():
    optimizer = sgd(0.1, 0.1, kind=AdamW)
    Scheduler(optimizer, 0.1, betas=[(0.8, 0.9), (0.7, 0.9)])
    assert [group["betas"] for group in optimizer.param_groups] == [(0.8, 0.9), (0.7, 0.9)]
    Scheduler(optimizer, 0.1, betas=[0.8, 0.9])
    assert [group["betas"] for group in optimizer.param_groups] == [(0.8, 0.9), (0.8, 0.9)]
    with pytest.raises(ArgumentError, match="one schedule for each of the 2 parameter groups"):
        Scheduler(optimizer, 0.1, betas=[0.8, 0.9, 0.99])


@pytest.mark.parametrize("text", ["1e-3", "0.001", "1 / 1000"])
def test_a_text_that_is_a_number_is_a_constant(text):
    assert Scheduler(sgd(), text).plan == Plan(lr=text) == Plan(lr=0.001)
    assert Scheduler(sgd(), momentum=[text]).plan == Plan(momentum=[0.001])
    with pytest.raises(ParseError, match=r"Scheduler\(lr=...\): .*must be a finite number, got inf"):
        Scheduler(sgd(), "inf")


REFUSED = {
    "a name that no group has": (
        Plan(lr=0.1, wieght_decay=0.1),
        "no argument 'wieght_decay'; did you mean \"weight_decay\"",
    ),
    "a name like no other": (Plan(temperature=0.1), "no argument 'temperature'; known are lr, .*momentum"),
    "a name outside": (Plan(p=0.1), r"known are .*; for a value outside the optimizer, give targets=\{\.\.\.\}"),
    "keys in a mapping": ({"lr": 0.1}, r"to schedule hyperparameters, write Plan\(\*\*\{\.\.\.\}\)"),
    "a group's name": (Plan(lr={"haed": 0.1}), 'did you mean "head"\\?$'),
    "a short list": (Plan(lr=[0.1]), "one schedule for each of the 2 parameter groups"),
    "a tuple": (Plan(momentum=(0.1, 0.2)), "like the group's own value"),
    "a text": ("Plan(lr=0.1, wieght_decay=0.1)", "weight_decay"),
    "not a schedule": ({"head": None}, "a schedule, its text or a number"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_plan_that_does_not_fit_the_groups_is_refused_and_nothing_is_written(name):
    given, words = REFUSED[name]
    optimizer = named("head", "body")
    with pytest.raises(ArgumentError, match=words):
        Scheduler(optimizer, given)
    assert [(group["lr"], group["momentum"]) for group in optimizer.param_groups] == [(0.1, 0.5)] * 2


def test_schedules_beside_a_plan_are_refused():
    with pytest.raises(ArgumentError, match=r"Scheduler\(momentum=...\) must be left out beside a Plan"):
        Scheduler(sgd(), Plan(lr=0.1), momentum=0.9)
    with pytest.raises(ArgumentError, match=r"momentum=(.|\n)*weight_decay="):
        Scheduler(sgd(), Plan(lr=0.1), momentum=0.9, weight_decay=0.1)
    with pytest.raises(ArgumentError, match=r"Scheduler\(momentum=...\) must be a schedule, its text or a number"):
        Scheduler(sgd(), momentum=Plan(lr=0.1))


def test_a_plan_by_names_leaves_the_other_groups_to_another_scheduler():
    optimizer = named("head", "body")
    Scheduler(optimizer, Plan(lr={"head": 0.3}))
    Scheduler(optimizer, Plan(lr={"body": 0.01}, momentum=0.9))
    assert [(group["lr"], group["momentum"]) for group in optimizer.param_groups] == [(0.3, 0.9), (0.01, 0.9)]


def test_a_compiled_optimizer_keeps_its_tensors_under_a_plan():
    optimizer = SGD([torch.nn.Parameter(torch.ones(2))], lr=torch.tensor(0.1))
    rate = optimizer.param_groups[0]["lr"]
    Scheduler(optimizer, Plan(lr=0.25)).seek(3)
    assert optimizer.param_groups[0]["lr"] is rate
    assert float(rate) == 0.25


def test_a_plan_schedules_what_is_not_in_the_optimizer_too():
    layer = torch.nn.Dropout()
    scheduler = Scheduler(
        sgd(), f"Plan(lr={PLAN}, dropout=Linear(0, 0.2, 10))", targets={"dropout": Attribute(layer, "p")}
    )
    scheduler.seek(5)
    assert layer.p == scheduler.plan(5)["dropout"] == 0.1


def test_the_clock_of_the_scheduler_is_that_of_the_texts():
    text = 'Plan(lr=Linear(0.0, 0.3, "30min"), momentum=Cosine(0.5, 0.9, "1h"))'
    scheduler = Scheduler(sgd(), text, clock="seconds")
    assert [each.steps for each in scheduler.plan.schedules.values()] == [1800, 3600]
    scheduler.replan('Plan(lr=Linear(0.3, 0.0, "2h"))')
    assert scheduler.plan["lr"].steps == 7200
    assert Plan.parse(text, clock="seconds")["lr"] == ss.Linear(0.0, 0.3, 1800)
