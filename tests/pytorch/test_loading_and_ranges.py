"""Groups that come before a state is loaded, values that no optimizer takes, and what else is refused in time."""

import math
import signal

import pytest
import torch
from torch.optim import SGD, AdamW

import stepsize as ss
from stepsize.errors import ArgumentError, StateError, StepError
from stepsize.plots import plot_schedules
from stepsize.pytorch import CooldownOnDemand, Plateau, Scheduler, lr_scheduler, parameter_groups


def parameter():
    return torch.nn.Parameter(torch.zeros(1))


def sgd(*rates, **settings):
    return SGD([{"params": [parameter()], "lr": rate} for rate in rates or (0.1,)], lr=0.1, **settings)


@pytest.mark.parametrize(
    "settings",
    [{"relative": True}, {"relative": False}, {"relative": True, "auto": True}],
    ids=["factors", "rates", "auto"],
)
def test_a_state_is_loaded_into_an_optimizer_that_has_just_got_another_group(settings):
    def made():
        optimizer = sgd(0.1, 0.2)
        scheduler = Scheduler(optimizer, ss.Linear(1.0, 0.0, 10), **settings)
        return optimizer, scheduler

    def moved(optimizer, scheduler):
        optimizer.step()
        if not settings.get("auto"):
            scheduler.step()
        return scheduler.get_last_lr()

    optimizer, scheduler = made()
    moved(optimizer, scheduler)
    optimizer.add_param_group({"params": [parameter()], "lr": 0.5})
    moved(optimizer, scheduler)
    states = optimizer.state_dict(), scheduler.state_dict()
    expected = [moved(optimizer, scheduler) for _ in range(5)]

    fresh, again = made()
    fresh.add_param_group({"params": [parameter()], "lr": 0.5})
    fresh.load_state_dict(states[0])
    again.load_state_dict(states[1])
    assert [moved(fresh, again) for _ in range(5)] == expected


@pytest.mark.parametrize(
    ("key", "schedule", "words"),
    [
        ("momentum", ss.Linear(0.9, -0.5, 10), "gives the momentum -0.0"),
        ("weight_decay", -1.0, "gives the weight_decay -1.0"),
        ("lr", ss.Linear(0.1, -0.1, 10), "gives the rate -0.0"),
    ],
)
def test_values_that_no_optimizer_accepts_are_refused_at_their_step(key, schedule, words):
    optimizer = sgd(momentum=0.9)
    with pytest.raises(StepError, match=words):
        Scheduler(optimizer, **{"lr": 0.1, key: schedule}).seek(7)


def test_a_beta_stays_below_one():
    optimizer = AdamW([parameter()])
    scheduler = Scheduler(optimizer, 0.1, betas=(0.9, ss.Linear(0.9, 1.5, 10)))
    optimizer.step()
    scheduler.step()
    with pytest.raises(StepError, match="for betas at step 2; they must be below 1"):
        scheduler.step()
    assert scheduler.position == 1


def test_a_cooldown_to_below_zero_is_refused_at_once():
    scheduler = Scheduler(sgd(), ss.Constant(0.1))
    with pytest.raises(ArgumentError, match=r"CooldownOnDemand\(end=\.\.\.\)"):
        CooldownOnDemand(scheduler, 4, end=-0.05)
    with pytest.raises(ArgumentError, match=r"cool_down\(end=\.\.\.\)"):
        scheduler.cool_down(4, end=-0.05)
    assert scheduler.schedules == {"lr": ss.Constant(0.1)}


def test_a_signal_that_cannot_be_handled_is_refused():
    with pytest.raises(ArgumentError, match="a signal that a process may handle"):
        CooldownOnDemand(Scheduler(sgd(), 0.1), 4, on_signal=signal.SIGKILL)


@pytest.mark.parametrize("metric", ["1", True])
def test_a_metric_must_be_a_number(metric):
    scheduler = Scheduler(sgd(), 0.1, feedback=Plateau(nan="bad"))
    with pytest.raises(ArgumentError, match="must be a number"):
        scheduler.observe(metric)


@pytest.mark.filterwarnings("ignore:.*has been overridden after")  # of PyTorch's, and true
def test_another_optimizer_in_the_place_of_the_first_is_driven_as_by_pytorch():
    def rates(module):
        first, second = sgd(), sgd()
        scheduler = module.ExponentialLR(first, 0.5)
        scheduler.optimizer = second
        for _ in range(3):
            second.step()
            scheduler.step()
        return [first.param_groups[0]["lr"], second.param_groups[0]["lr"], *scheduler.get_last_lr()]

    assert rates(lr_scheduler) == pytest.approx(rates(torch.optim.lr_scheduler))


def test_a_rate_below_zero_past_the_end_as_pytorch_has_it_is_resumed():
    def made():
        optimizer = sgd(momentum=0.9)
        arguments = {"pct_start": 0.0, "anneal_strategy": "linear", "past_end": "torch"}
        return optimizer, lr_scheduler.OneCycleLR(optimizer, 1.0, 3, **arguments)

    optimizer, scheduler = made()
    for _ in range(3):
        optimizer.step()
        scheduler.step()
    assert scheduler.get_last_lr()[0] < 0
    _, again = made()
    again.load_state_dict(scheduler.state_dict())
    assert again.get_last_lr() == scheduler.get_last_lr()


def test_damaged_states_are_refused():
    ours = Scheduler(sgd(), 0.1)
    state = ours.state_dict()
    with pytest.raises(StateError, match="cut short: it lacks version"):
        ours.load_state_dict({name: value for name, value in state.items() if name != "version"})
    with pytest.raises(StateError, match=r"the state's position must be at most 2\*\*53"):
        ours.load_state_dict({**state, "position": 10**40})


def test_other_values_than_schedules_are_refused_with_advice():
    net = torch.nn.Linear(1, 1)
    for factors in ({3: 0.1}, "x"):
        with pytest.raises(ArgumentError, match="patterns with a factor each"):
            parameter_groups(net, factors)
    with pytest.raises(ArgumentError, match=r"scheduler\.schedules"):
        plot_schedules(Scheduler(sgd(), math.pi))
