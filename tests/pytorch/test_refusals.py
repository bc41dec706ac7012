"""What a scheduler refuses: said with what to write instead, and nothing is written."""

import copy
import math
from types import SimpleNamespace

import pytest
import torch
from driven import PLAN, sgd, weight
from torch.optim import SGD, Adam
from torch.optim.lr_scheduler import StepLR

import stepsize as ss
from stepsize.errors import ArgumentError, StepError
from stepsize.pytorch import Plateau, Scheduler


@pytest.mark.parametrize("idle", [{"relative": True}, {"feedback": Plateau()}])
def test_settings_of_the_rate_need_a_scheduled_rate(idle):
    with pytest.raises(ArgumentError, match=r"left out if no rate is scheduled, got .*; give lr="):
        Scheduler(sgd(), weight_decay=ss.Constant(0.1), **idle)


def test_an_object_in_an_unnamed_place_is_answered_with_its_argument():
    horizon = ss.Horizon(samples=100, batch=10, epochs=1)
    for given, line in (
        ((Plateau(),), r"feedback=Plateau\(...\)"),
        ((Plateau(), horizon), r"feedback=Plateau\(...\), horizon=Horizon\(...\)"),
        ((True,), r"Scheduler\(optimizer, lr=None, relative=None, .*\)"),
    ):
        with pytest.raises(ArgumentError, match=f"unnamed arguments of Scheduler must be at most 2.*; write {line}$"):
            Scheduler(sgd(), PLAN, *given)


@pytest.mark.parametrize("rate", [-0.1, math.inf, math.nan])
def test_a_group_whose_rate_is_no_number_of_at_least_0_is_refused(rate):
    optimizer = sgd()
    optimizer.param_groups[0]["lr"] = rate
    with pytest.raises(ArgumentError, match="the rate of a parameter group must be a finite number >= 0, got"):
        Scheduler(optimizer, PLAN)
    assert repr(optimizer.param_groups[0]["lr"]) == repr(rate)


def test_a_flag_that_is_none_cannot_be_scheduled():
    with pytest.raises(ArgumentError, match="has no argument 'fused'"):
        Scheduler(sgd(kind=Adam), 0.1, fused=0.5)


REFUSED = {
    "unknown hyperparameter": (lambda o: Scheduler(o, wieght_decay=0.1), "weight_decay"),
    "list too short": (lambda o: Scheduler(o, [PLAN]), "each of the 2 parameter groups"),
    "no such name": (
        lambda o: Scheduler(o, {"head": PLAN}),
        "must be a mapping by the groups. names, got 'head'; no group has a \"name\"; give a list$",
    ),
    "negative rate": (lambda o: Scheduler(o, -0.1), "negative"),
    "nothing": (lambda o: Scheduler(o), "given if nothing else is scheduled"),
    "tuple for a number": (lambda o: Scheduler(o, (0.1, 0.2)), "like the group's own value"),
    "no optimizer": (lambda o: Scheduler("sgd", PLAN), "optimizer of PyTorch"),
    "no list of groups": (lambda o: Scheduler(SimpleNamespace(param_groups=(), inner=o), PLAN), "optimizer of PyTorch"),
    "on_change": (lambda o: Scheduler(o, PLAN, on_change="ask"), "refuse"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_wrong_arguments_are_refused_and_the_optimizer_is_unchanged(name):
    make, words = REFUSED[name]
    optimizer = sgd(0.1, 0.1)
    before = copy.deepcopy(optimizer.state_dict())
    with pytest.raises((ArgumentError, StepError), match=words):
        make(optimizer)
    assert optimizer.state_dict() == before


@pytest.mark.parametrize("wrong", [-0.1, math.nan, math.inf])
def test_a_function_with_an_invalid_rate_is_named_with_its_step_and_nothing_moves(wrong):
    optimizer = sgd()
    scheduler = Scheduler(optimizer, lambda step: 0.1 if step < 2 else wrong)
    scheduler.seek(1)
    with pytest.raises(StepError, match="step 2"):
        scheduler.seek(2)
    assert (scheduler.position, optimizer.param_groups[0]["lr"]) == (1, 0.1)


WRONG_ARGUMENTS = {
    "a scheduler of PyTorch": ({"lr": StepLR}, "from_torch"),
    "a class": ({"lr": ss.Constant}, "call it"),
    "feedback": ({"lr": 0.1, "feedback": Plateau}, r"a Plateau\(\)"),
    "auto": ({"lr": 0.1, "auto": "no"}, "a boolean"),
    "relative": ({"lr": 0.1, "relative": "yes"}, "a boolean"),
    "horizon": ({"lr": 0.1, "horizon": 1000}, "Horizon"),
    "a switch": ({"nesterov": 0.3}, "has no argument 'nesterov'"),
    "the parameters": ({"params": 0.3}, "has no argument 'params'"),
    "a tuple for the groups": ({"lr": (0.1, 0.2)}, r"write a list: lr=\[\.\.\.\]"),
    "too many": ({"lr": [0.1, 0.2]}, "the list has 2"),
}


@pytest.mark.parametrize("name", WRONG_ARGUMENTS)
def test_an_argument_of_another_kind_is_refused_with_advice(name):
    arguments, words = WRONG_ARGUMENTS[name]
    optimizer = sgd()
    if arguments.get("lr") is StepLR:
        arguments = {"lr": StepLR(sgd(), 5)}
    with pytest.raises(ArgumentError, match=words):
        Scheduler(optimizer, **arguments)
    assert optimizer.param_groups[0]["lr"] == 0.1


def test_an_optimizer_given_twice_is_refused():
    optimizer = sgd()
    with pytest.raises(ArgumentError, match="one optimizer or several different ones"):
        Scheduler([optimizer, optimizer], 0.1)


@pytest.mark.parametrize("rate", [math.nan, math.inf, -1.0])
def test_an_invalid_base_rate_is_refused(rate):
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


def test_keys_that_no_group_has_are_named_before_their_values_are_read():
    with pytest.raises(ArgumentError, match="Scheduler has no argument 'verbose'; known are lr, "):
        Scheduler(sgd(0.1), PLAN, verbose=True)
    with pytest.raises(ArgumentError, match=r'"lr" of parameter group 0 must be a number, got tensor\(\[1., 2.\]\)'):
        Scheduler(sgd(torch.tensor([1.0, 2.0])), PLAN)
    with pytest.raises(
        ArgumentError, match=r"left out, got 0.5; give a metric to observe\(\), a position to seek\(\)$"
    ):
        Scheduler(sgd(0.1), PLAN).step(0.5)


@pytest.mark.parametrize("scale", [-1.0, math.nan, "half"])
def test_the_lr_scale_of_a_group_must_be_a_number_of_at_least_0(scale):
    optimizer = SGD([{"params": [weight()], "lr_scale": scale}], lr=0.1)
    with pytest.raises(ArgumentError, match="lr_scale"):
        Scheduler(optimizer, PLAN)
    assert optimizer.param_groups[0]["lr"] == 0.1
