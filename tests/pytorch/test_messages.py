"""What is refused or warned of is said whole: what was given, what is allowed, and what to write instead."""

import warnings

import pytest
import torch
from driven import PLAN, sgd, update, weight
from torch import nn
from torch.optim import SGD, Adam, Rprop
from torch.optim import lr_scheduler as pytorch

import stepsize as ss
from stepsize.errors import StepsizeError
from stepsize.pytorch import (
    Plateau,
    Scheduler,
    from_torch,
    layer_decay,
    parameter_groups,
    range_test,
    width_factors,
)
from stepsize.schedules import Plan

HORIZON = ss.Horizon(samples=100, batch=10, epochs=1)
LINE, TWO = nn.Linear(1, 1), nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
X = torch.ones(4, 1)
STATE = "this is not a state of stepsize.pytorch.Scheduler but "
LATER = "; load it into the object that made it"
OTHER = "the state's plan cannot be followed: the saved plan has feedback of another class, "
FUNCTION = "range_test(loss_fn=...) must be a function (outputs, targets), or None with a closure, got "
PATTERNS = "parameter_groups(factors=...) must be patterns "
BATCHES = "range_test(batches=...) must be "


def named():
    return SGD([{"params": [weight()], "name": "head"}, {"params": [weight()], "name": "body"}], lr=0.1)


def loaded(plan, change=lambda state: None, other=PLAN):
    state = Scheduler(sgd(), plan).state_dict()
    change(state)
    Scheduler(sgd(), other, on_change="restore").load_state_dict(state)


def feedback(value):
    return lambda state: [state[plan].update(feedback=value) for plan in ("plan", "began_with")]


def ranged(loss=nn.functional.mse_loss, batches=((X, X),), optimizer=None, **more):
    range_test(LINE, optimizer or SGD(LINE.parameters(), lr=0.1), loss, batches, steps=3, **more)


class WithoutHooks(SGD):
    def __init__(self):
        self.param_groups = [{"params": [weight()], "lr": 0.1}]


class Own(pytorch.StepLR):
    def get_lr(self):
        return [0.1]


def apart():
    optimizer = sgd()
    parts = [pytorch.StepLR(optimizer, 3), pytorch.ExponentialLR(optimizer, 0.9)]
    chain = pytorch.ChainedScheduler(parts, optimizer)
    update(optimizer)
    parts[0].step()
    return chain


def grown():
    optimizer = sgd()
    scheduler = pytorch.LambdaLR(optimizer, lambda step: 1.0)
    optimizer.add_param_group({"params": [weight()]})
    return scheduler


def nested():
    optimizer = sgd()
    inner = pytorch.SequentialLR(optimizer, [pytorch.ConstantLR(optimizer), pytorch.StepLR(optimizer, 3)], [4])
    return pytorch.SequentialLR(optimizer, [pytorch.StepLR(optimizer, 3), inner], [5])


def half_a_pair():
    optimizer = sgd()
    optimizer.param_groups[0]["pair"] = (0.9, None)
    return optimizer


class Rest(nn.Module):
    def __init__(self):
        super().__init__()
        self.rest, self.bias, self.more = weight(), weight(), weight()


REFUSED = {
    "Scheduler(horizon=...) must be a Horizon with tokens_per_sample if the clock counts tokens, got Horizon(samples="
    "100, batch=10, epochs=1.0, accumulation=1...; write Horizon(..., tokens_per_sample=2048)": lambda: Scheduler(
        sgd(), PLAN, clock="tokens", horizon=HORIZON
    ),
    "Scheduler(auto=...) must be left out if the clock counts samples and there is no horizon, got True; give "
    "horizon=..., or report the samples of each update with advance(n)": lambda: Scheduler(
        sgd(), PLAN, clock="samples", auto=True
    ),
    "Scheduler(lr=...) must be a mapping by the groups' names, got 'heed'; did you mean \"head\"?": lambda: Scheduler(
        named(), {"heed": PLAN}
    ),
    "Scheduler(lr=...) must be a mapping by the groups' names, got 'xyz'; the groups are named head, body": (
        lambda: Scheduler(named(), {"xyz": PLAN})
    ),
    "Scheduler(lr=...) must be a mapping by the groups' names, got 'momentum'; no group has a \"name\"; give a list; "
    "to schedule hyperparameters, write Plan(**{...})": lambda: Scheduler(sgd(), {"momentum": PLAN}),
    "Scheduler(momentum=...) must be left out beside a Plan, got 0.9; write it in the Plan": lambda: Scheduler(
        sgd(), Plan(lr=PLAN), momentum=0.9
    ),
    "Scheduler(targets=...) must be a mapping by names that are scheduled, got 'dropout'; give dropout=... too": (
        lambda: Scheduler(sgd(), momentum=0.9, targets={"dropout": print})
    ),
    "Scheduler(betas=...) must be like the group's own value, (0.9, 0.999), got Constant(0.9); write betas=(schedule, "
    "0.999)": lambda: Scheduler(sgd(kind=Adam), betas=0.9),
    "Constant(1.0) gives 1.0 for betas at step 0; they must be below 1": lambda: Scheduler(
        sgd(kind=Adam), betas=(0.9, 1.0)
    ),
    "Constant(-1.0) gives the momentum -1.0 at step 0, which cannot be negative": lambda: Scheduler(
        sgd(), momentum=-1.0
    ),
    "Constant(-1.0) gives the rate -1.0 at step 0, which cannot be negative": lambda: Scheduler(sgd(), -1.0),
    "Scheduler(relative=...) must be given if the groups' rates differ (0.1, 0.2, 0.3), got None; write relative=True "
    "to multiply each group's own rate, relative=False to give all the same rate, or give lr as a list or a mapping "
    "by name": lambda: Scheduler(sgd(0.3, 0.1, 0.2), PLAN),
    "Scheduler(lr=...) must be one schedule for each of the 3 parameter groups, got [Constant(0.1)]; the list has 1": (
        lambda: Scheduler(sgd(0.3, 0.1, 0.2), [ss.Constant(0.1)])
    ),
    "Scheduler(optimizer=...) must be an optimizer with hooks, got WithoutHooks; its constructor does not call "
    "Optimizer.__init__; give the optimizer that it wraps, if there is one": lambda: Scheduler(WithoutHooks(), PLAN),
    "Scheduler(optimizer=...) must be an optimizer that uses the lr of its groups, got Rprop; Rprop adapts its own "
    "step sizes": lambda: Scheduler(Rprop([weight()]), PLAN),
    "Scheduler has no argument 'pair'; known are lr, dampening, momentum, weight_decay; for a value outside the "
    "optimizer, give targets={...}": lambda: Scheduler(half_a_pair(), pair=PLAN),
    "Plateau(factor=...) must be a number < 1, got 1.0": lambda: Plateau(factor=1.0),
    "under auto=True the optimizer's updates move the position; use seek() to move it": lambda: Scheduler(
        sgd(), PLAN, auto=True
    ).advance(3),
    "this scheduler counts samples; call advance(n) after each update": lambda: Scheduler(
        sgd(), PLAN, clock="samples"
    ).step(),
    "this scheduler counts seconds; call advance() after each update": lambda: Scheduler(
        sgd(), PLAN, clock="seconds"
    ).step(),
    "Scheduler(feedback=...) must be given for observe(), got None; write feedback=Plateau()": lambda: Scheduler(
        sgd(), PLAN
    ).observe(1.0),
    "replan(lr=...) must be a Plan with relative=False or without it, got Plan(lr=0.1, relative=True)": (
        lambda: Scheduler(sgd(), PLAN).replan(Plan(lr=0.1, relative=True))
    ),
    "Constant(1e+39) gives 1e+39 for lr at step 0, which its group cannot hold; bound it with .clip(low, high)": (
        lambda: Scheduler(sgd(torch.tensor(0.1)), ss.Constant(1e39))
    ),
    "the state's plan cannot be followed: the saved plan cannot be read: {}": lambda: loaded(
        ss.Constant(0.2), lambda state: state.update(plan={}, began_with={})
    ),
    f"{OTHER}{{'class': 'Mine'}}; use on_change=\"keep\"": lambda: loaded(PLAN, feedback({"class": "Mine"})),
    f'{OTHER}3; use on_change="keep"': lambda: loaded(PLAN, feedback(3)),
    "the saved plan has a function without a name, which no state can hold; define it in a module as "
    'Function("package.module:name"), or keep this plan with on_change="keep"': lambda: loaded(lambda step: 0.1),
    f"{STATE}a state of 'other'{LATER}": lambda: loaded(PLAN, lambda state: state.update(kind="other")),
    f"{STATE}a dictionary with the keys ['a', 'b']{LATER}": lambda: Scheduler(sgd(), PLAN).load_state_dict(
        {"b": 1, "a": 2}
    ),
    "the state is cut short: it lacks replanned, idle": lambda: loaded(
        PLAN, lambda state: [state.pop(name) for name in ("idle", "replanned")]
    ),
    "the state has 2 parameter groups, but the optimizer has 1; add or remove groups first": lambda: loaded(
        PLAN, lambda state: state.update(base_lrs=[0.1, 0.2])
    ),
    "the parts of ChainedScheduler must be all at the same step, got [0, 1]": lambda: from_torch(apart()),
    "; other code can give any rates; write them as Function(...) of the step": lambda: from_torch(Own(sgd(), 3)),
    "the number of parameter groups must be 1, got 2; groups were added or removed after this LambdaLR was made, so "
    "their rates are not known": lambda: from_torch(grown()),
    "; PyTorch raises NotImplementedError at the milestone; put its parts into the outer sequence": lambda: from_torch(
        nested()
    ),
    f"{FUNCTION}MSELoss; MSELoss is a class; write MSELoss()": lambda: ranged(nn.MSELoss),
    f"{FUNCTION}3; the order is range_test(model, optimizer, loss_fn, batches)": lambda: ranged(3),
    f"{FUNCTION}None; closure=... is a function (model, batch)": lambda: ranged(None),
    "range_test(start_lr=...) must be of the form of end_lr: a number, or a list of one rate for each of the 1 "
    "parameter groups, got (0.001,); here end_lr=1.0": lambda: ranged(start_lr=[1e-3], end_lr=1.0),
    "range_test(start_lr=...) must be below the last rate, got 0.5; the last rate is end_lr=0.5": lambda: ranged(
        start_lr=0.5, end_lr=0.5
    ),
    "range_test(optimizer=...) must be made for parameters of this model that require a gradient, got SGD; write "
    "SGD(model.parameters(), ...)": lambda: ranged(optimizer=sgd()),
    "range_test(observe=...) must be a function (update, rate, loss), got 3": lambda: ranged(observe=3),
    "range_test(autocast=...) must be a floating-point type such as torch.bfloat16, got 'bf16'": lambda: ranged(
        autocast="bf16"
    ),
    "the loss of range_test must be a tensor of one number, got a tensor of shape (4, 1); take the mean over the "
    "samples": lambda: ranged(lambda outputs, targets: outputs - targets),
    "the loss of range_test must be a tensor of one number, got a list of 2; take the mean over the samples": (
        lambda: ranged(lambda *_: [1, 2])
    ),
    "; return it without .detach() or .item(), and compute it outside torch.no_grad()": lambda: ranged(
        lambda outputs, _: outputs.mean().detach()
    ),
    f"{BATCHES}at least one batch in every pass, got []; write a DataLoader or a list of batches": lambda: ranged(
        batches=[]
    ),
    f"{BATCHES}pairs (inputs, targets), got a tuple of 1; for other batches write closure=..., a function (model, "
    "batch) that returns the loss": lambda: ranged(batches=[(X,)]),
    "; its __iter__ returns the same iterator each time; give the DataLoader or a list of batches": lambda: ranged(
        batches=iter([(X, X)])
    ),
    f"{BATCHES}a DataLoader, or a list of batches, got 3": lambda: ranged(batches=3),
    f"{PATTERNS}that match a parameter, got '0.bias'; all parameters that it matches belong to patterns before it": (
        lambda: parameter_groups(TWO, {"*.bias": 0.1, "0.bias": 0.2})
    ),
    f"{PATTERNS}that match a parameter, got '*.bia'; did you mean \"1.bias\"?": lambda: parameter_groups(
        TWO, {"*.bia": 0.1}
    ),
    f"{PATTERNS}that match a parameter, got 'zz'; the parameters are 0.weight, 0.bias, 1.weight, 1.bias": (
        lambda: parameter_groups(TWO, {"zz": 0.1})
    ),
    f"{PATTERNS}with a factor each, got ['a']; write {{\"*.bias\": 0.1}}": lambda: parameter_groups(TWO, ["a"]),
    "parameter_groups(factors=...) must be without the pattern \"rest\", got {'rest': 1.0, 'bias': 2.0}; parameters "
    "that match no pattern form the group of this name": lambda: parameter_groups(Rest(), {"rest": 1, "bias": 2}),
    'parameter_groups(factors["*.bias"]=...) must be a finite number >= 0, got -1': lambda: parameter_groups(
        TWO, {"*.bias": -1}
    ),
    "layer_decay(model=...) must be a model with lists of blocks, got Linear; give the depth of each parameter by its "
    "name: depth=...": lambda: layer_decay(LINE, 0.5),
    "width_factors(base_model=...) must be the same model in another width, got Linear; the two differ in parameters "
    "or dimensions: 0.bias, 0.weight, 1.bias, 1.weight, bias, weight": lambda: width_factors(TWO, LINE),
}


@pytest.mark.parametrize("message", REFUSED, ids=lambda message: message[:60])
def test_a_refusal_says_what_to_write(message):
    with pytest.raises(StepsizeError) as caught:
        REFUSED[message]()
    said = str(caught.value)
    assert said.endswith(message) if message.startswith("; ") else said == message


def past_the_end():
    scheduler = Scheduler(sgd(), ss.Constant(0.1), horizon=HORIZON)
    for _ in range(13):
        update(scheduler.optimizer)
        scheduler.step()


def never_stepped():
    scheduler = Scheduler(sgd(), ss.Constant(0.1), horizon=HORIZON)
    for _ in range(3):
        update(scheduler.optimizer)


def overwritten():
    optimizer = named()
    scheduler = Scheduler(optimizer, {"body": ss.Constant(0.1)})
    for rate in (0.5, 0.7):
        optimizer.param_groups[1]["lr"] = rate
        update(optimizer)
        scheduler.step()


def taken_over():
    optimizer = sgd(momentum=0.1)
    Scheduler(optimizer, 0.1, momentum=0.5, weight_decay=0.2, auto=True)
    Scheduler(optimizer, 0.3)


def idle(number):
    optimizers = [sgd() for _ in range(number)]
    Scheduler(optimizers, 0.1, auto=True)
    for _ in range(2):
        update(optimizers[0])


WARNED = {
    "update 11 is past the end of the horizon, 10 updates; check its batch size, accumulation and processes": (
        past_the_end
    ),
    "two updates were made at step 0; call scheduler.step() after each update, not after each epoch": never_stepped,
    'the schedule set "lr" of group "body" to 0.1, and something else has set it to 0.5; the update used that value, '
    "and the next one will use the schedule's": overwritten,
    '"lr" is now driven by Scheduler(lr=0.3, position=0), so Scheduler(lr=0.1, momentum='
    "0.5, weight_decay=0.2, position=0) can no longer be stepped; nothing drives momentum and "
    "weight_decay any more": taken_over,
    "optimizer 1 of this scheduler has made no update yet, so the updates of the others are counted without it until "
    "its first": lambda: idle(2),
    "each of the optimizers 1, 2 of this scheduler has made no update yet, so the updates of the others are counted "
    "without it until its first": lambda: idle(3),
    "lr = Linear(0.1, 0.0, 9) lasts 9 updates, but the horizon has 10; write .stretch(10) after the schedule, or "
    "correct Horizon(samples=100, batch=10, epochs=1.0, accumulation=1, processes=1, drop_last=False, "
    "tokens_per_sample=None)": lambda: Scheduler(sgd(), ss.Linear(0.1, 0, 9), horizon=HORIZON),
    "under relative=True, lr = Linear(0.05, 0.0, 9) multiplies the optimizer's rate of 0.1 by at most 0.05: the rate "
    "is never above 0.005; if lr gives rates, leave relative out, and if it gives factors, let them rise to 1": (
        lambda: Scheduler(sgd(), ss.Linear(0.05, 0, 9), relative=True)
    ),
    "lr = Linear(1.0, 0.0, 9) rises to a rate of 1, but the optimizer's rate is 0.05; write relative=True if lr gives "
    "factors, relative=False if it gives rates": lambda: Scheduler(sgd(0.05), ss.Linear(1, 0, 9)),
}


@pytest.mark.parametrize("message", WARNED, ids=lambda message: message[:60])
def test_a_warning_is_given_once(message):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        WARNED[message]()
    assert [str(each.message) for each in caught] == [message]
