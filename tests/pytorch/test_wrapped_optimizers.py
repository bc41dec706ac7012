"""Optimizers that wrap others, that bypass `step`, that never update, or that compute their own rates."""

import copy

import numpy as np
import pytest
import torch
from driven import sgd, update, weight
from torch.optim import SGD, Optimizer

import stepsize as ss
from stepsize.errors import ArgumentError, ParseError, StateError
from stepsize.pytorch import Plateau, Scheduler

PLAN = ss.Linear(1.0, 0.0, 10)


class Lookahead(Optimizer):
    """Like those of several packages: it never calls Optimizer.__init__, and steps the optimizer inside."""

    def __init__(self, optimizer):
        self.optimizer = optimizer
        self.param_groups = optimizer.param_groups
        self.state = {}

    def step(self, closure=None):
        self.optimizer.step()


class Private(Optimizer):
    """Like Opacus's: the groups are a property, and accumulated micro-batches are not passed on."""

    def __init__(self, optimizer, accumulation):
        self.original_optimizer = optimizer
        self.left = self.accumulation = accumulation

    @property
    def param_groups(self):
        return self.original_optimizer.param_groups

    def step(self, closure=None):
        self.left -= 1
        if self.left == 0:
            self.left = self.accumulation
            self.original_optimizer.step()


class SharpnessAware(Optimizer):
    """Like the usual SAM: two steps by names of its own, of which the second updates."""

    def __init__(self, parameters, base, **defaults):
        super().__init__(parameters, defaults)
        self.base_optimizer = base(self.param_groups, **defaults)
        self.param_groups = self.base_optimizer.param_groups

    def first_step(self):
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.data.add_(parameter.grad)

    def second_step(self):
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.data.sub_(parameter.grad)
        self.base_optimizer.step()


class WithAnother(SGD):
    """It steps an optimizer of other parameters, whose rate is that optimizer's own."""

    def __init__(self, other):
        super().__init__([weight()], lr=0.5)
        self.other = other

    def step(self, closure=None):
        super().step()
        self.other.step()


class WithoutHooks(Optimizer):
    def __init__(self, parameters):
        self.param_groups = [{"params": parameters, "lr": 0.5}]

    def step(self, closure=None):
        pass


def recorded(optimizer):
    """The rates that the updates of an optimizer use."""
    rates = []
    optimizer.register_step_pre_hook(lambda o, *_: rates.append(o.param_groups[0]["lr"]))
    return rates


@pytest.mark.parametrize("auto", [False, True])
@pytest.mark.parametrize("wrap", [Lookahead, lambda o: Private(o, 2), lambda o: Lookahead(Private(o, 1))])
def test_a_wrapper_is_driven_through_the_optimizer_that_updates(wrap, auto):
    inner = sgd()
    wrapper = wrap(inner)
    scheduler = Scheduler(wrapper, PLAN, auto=auto)
    for number in range(4):
        update(wrapper)
        if not auto and (number % 2 or not isinstance(wrapper, Private)):
            scheduler.step()
    counted = 2 if isinstance(wrapper, Private) else 4
    assert scheduler.position == counted
    assert inner.param_groups[0]["lr"] == PLAN(counted)


def test_updates_by_other_names_than_step_count():
    optimizer = SharpnessAware([weight()], SGD, lr=0.1)
    scheduler = Scheduler(optimizer, PLAN, auto=True)
    used = []
    for _ in range(4):
        optimizer.param_groups[0]["params"][0].grad = torch.ones(2)
        optimizer.first_step()
        used.append(optimizer.param_groups[0]["lr"])
        optimizer.second_step()
    assert (used, scheduler.position) == ([1.0, 0.9, 0.8, 0.7], 4)


def test_an_optimizer_of_other_parameters_inside_another_is_left_alone():
    other = sgd(0.3)
    outer = WithAnother(other)
    scheduler = Scheduler(outer, PLAN, auto=True)
    update(outer)
    assert scheduler.position == 1
    assert (outer.param_groups[0]["lr"], other.param_groups[0]["lr"]) == (PLAN(1), 0.3)


def test_an_optimizer_of_some_of_the_groups_inside_another_is_left_alone():
    outer = WithAnother(part := sgd())
    outer.add_param_group({"params": [weight()]})
    part.param_groups = outer.param_groups[:1]
    assert Scheduler(outer, PLAN).optimizer is outer


def test_an_optimizer_without_hooks_is_refused_and_left_alone():
    optimizer = WithoutHooks([weight()])
    before = copy.copy(optimizer.param_groups[0])
    with pytest.raises(
        ArgumentError, match=r"with hooks, got WithoutHooks; its constructor does not call Optimizer.__init__; give the"
    ):
        Scheduler(optimizer, PLAN)
    assert optimizer.param_groups[0] == before
    assert vars(optimizer).keys() == {"param_groups"}


def test_an_optimizer_that_never_updates_is_left_out_with_one_warning():
    used, idle = sgd(), sgd()
    scheduler = Scheduler([used, idle], PLAN, auto=True)
    rates = recorded(used)
    update(used)
    with pytest.warns(UserWarning, match="optimizer 1 of this scheduler has made no update"):
        update(used)
    for _ in range(3):
        update(used)
    assert scheduler.position == 5
    assert rates == pytest.approx([1.0, 0.9, 0.8, 0.7, 0.6])
    update(idle)  # from now on it is waited for
    update(used)
    assert scheduler.position == 6
    assert idle.param_groups[0]["lr"] == PLAN(6)


def test_optimizers_that_compute_their_own_rates_are_refused():
    optimizer = sgd()
    optimizer.add_param_group({"params": [weight()], "relative_step": True})
    with pytest.raises(ArgumentError, match=r"got SGD; construct it with relative_step=False and an lr$"):
        Scheduler(optimizer, PLAN)
    assert "initial_lr" not in optimizer.param_groups[0]
    Scheduler(optimizer, momentum=PLAN)
    with pytest.raises(ArgumentError, match=r"lr of its groups, got Rprop; Rprop adapts its own step sizes$"):
        Scheduler(torch.optim.Rprop([weight()]), PLAN)


def test_the_adafactor_of_transformers_with_its_own_rates_is_refused():
    transformers = pytest.importorskip("transformers")
    optimizer = transformers.Adafactor([weight()], relative_step=True)
    with pytest.raises(ArgumentError, match="relative_step=False"):
        Scheduler(optimizer, PLAN)


@pytest.mark.parametrize("rate", [np.float32(0.5), np.float64(0.5), np.array(0.5), np.array(1), np.int64(1), 1])
def test_rates_that_are_numbers_of_numpy_are_driven(rate):
    optimizer = SGD([{"params": [weight()], "lr": rate}], lr=0.1)
    scheduler = Scheduler(optimizer, PLAN, relative=True)
    update(optimizer)
    scheduler.step()
    assert scheduler.get_last_lr() == [0.9 * float(rate)]


def test_a_groups_lr_scale_multiplies_its_rate():
    optimizer = sgd(1.0, 1.0, 1.0)
    optimizer.param_groups[0]["lr_scale"] = 0.25
    optimizer.param_groups[2]["lr_scale"] = 0.0
    scheduler = Scheduler(optimizer, 0.4)
    assert scheduler.get_last_lr() == scheduler.get_lr() == [0.1, 0.4, 0.0]


def test_two_schedulers_drive_the_same_hyperparameter_of_different_groups():
    optimizer = SGD([{"params": [weight()], "name": name} for name in ("body", "head")], lr=0.1)
    body = Scheduler(optimizer, {"body": PLAN})
    head = Scheduler(optimizer, {"head": ss.Constant(0.5)}, feedback=Plateau(factor=0.5, patience=0))
    update(optimizer)
    body.step()
    head.step()
    head.observe(1.0)
    assert head.observe(1.0)
    assert [group["lr"] for group in optimizer.param_groups] == [0.9, 0.25]
    body.seek(2)
    assert [group["lr"] for group in optimizer.param_groups] == [0.8, 0.25]


def test_values_written_after_loading_are_not_used_by_the_next_update():
    class Writing(SGD):
        """Like ZeroRedundancyOptimizer, which copies the loaded values into its groups after the hooks have run."""

        def load_state_dict(self, state):
            super().load_state_dict(state)
            self.param_groups[0].update(lr=0.6, initial_lr=0.6)

    saved = Writing([weight()], lr=0.6).state_dict()
    optimizer = Writing([weight()], lr=0.1)
    scheduler = Scheduler(optimizer, ss.Constant(0.6), relative=True, on_change="keep")
    scheduler.load_state_dict(Scheduler(sgd(0.6), ss.Constant(1.0), relative=True).state_dict())
    optimizer.load_state_dict(saved)
    rates = recorded(optimizer)
    update(optimizer)
    assert rates == pytest.approx([0.06])


@pytest.mark.parametrize("steps", [0, 5])
def test_a_state_of_pytorch_gives_its_position_under_keep(steps):
    schedulers = torch.optim.lr_scheduler
    for make in (
        lambda o: schedulers.LinearLR(o, 0.5, total_iters=8),
        lambda o: schedulers.OneCycleLR(o, 0.1, total_steps=20),
        lambda o: schedulers.SequentialLR(o, [schedulers.ConstantLR(o), schedulers.StepLR(o, 3)], [4]),
        lambda o: schedulers.ChainedScheduler([schedulers.ConstantLR(o), schedulers.StepLR(o, 3)]),
    ):
        optimizer = sgd()
        theirs = make(optimizer)
        for _ in range(steps):
            update(optimizer)
            theirs.step()
        scheduler = Scheduler(sgd(), PLAN, on_change="keep")
        scheduler.load_state_dict(theirs.state_dict())
        assert (scheduler.position, scheduler.get_last_lr()) == (steps, [PLAN(steps)])
        with pytest.raises(
            StateError,
            match=r'has no plan; take its position with Scheduler\(..., on_change="keep"\); if it was stepped once for '
            r"each epoch, give seek\(\) the number of updates$",
        ):
            Scheduler(sgd(), PLAN).load_state_dict(theirs.state_dict())


def test_a_chain_whose_parts_stand_at_different_steps_has_no_position():
    one, other = torch.optim.lr_scheduler.StepLR(sgd(), 3), torch.optim.lr_scheduler.StepLR(sgd(), 3)
    chain = torch.optim.lr_scheduler.ChainedScheduler([one]).state_dict()
    chain["_schedulers"] += [{**other.state_dict(), "last_epoch": 4}]
    scheduler = Scheduler(sgd(), PLAN, on_change="keep")
    with pytest.raises(StateError, match=r"this is not a state of stepsize.pytorch.Scheduler but a dictionary"):
        scheduler.load_state_dict(chain)


def test_a_users_feedback_may_raise_the_rate_again():
    class Alternating:
        def __init__(self):
            self.seen = 0

        def observe(self, metric):
            self.seen += 1
            return 0.5 if self.seen % 2 else 2.0

        def state_dict(self):
            return {"seen": self.seen}

        def load_state_dict(self, state):
            self.seen = state["seen"]

    scheduler = Scheduler(sgd(), 0.1, feedback=Alternating())
    assert scheduler.observe(1.0)
    assert scheduler.get_last_lr() == pytest.approx([0.05])
    again = Scheduler(sgd(), 0.1, feedback=Alternating())
    again.load_state_dict(scheduler.state_dict())
    assert again.get_last_lr() == pytest.approx([0.05])
    assert again.observe(1.0)
    assert again.get_last_lr() == again.get_lr() == pytest.approx([0.2])


def test_a_plateau_given_to_two_schedulers_counts_for_each_alone():
    plateau = Plateau(factor=0.5, patience=0)
    first, second = (Scheduler(sgd(), 0.1, feedback=plateau) for _ in range(2))
    state = first.state_dict()
    for _ in range(2):
        first.observe(1.0)
        assert first.observe(1.0)
        assert not second.observe(2.0)
        assert second.get_last_lr() == [0.1]
        for each in (first, second):
            each.load_state_dict(state)


def test_a_text_is_a_schedule_and_its_units_are_those_of_the_horizon():
    horizon = ss.Horizon(samples=100, batch=10, epochs=2)
    scheduler = Scheduler(sgd(), 'Linear(1, 0, "1ep") >> Constant(0, 10)', horizon=horizon, momentum="Constant(0.9)")
    scheduler.seek(5)
    assert scheduler.values() == {"lr": 0.5, "momentum": 0.9}
    with pytest.raises(ParseError, match="horizon"):
        Scheduler(sgd(), 'Linear(1, 0, "1ep")')


def test_values_name_groups_and_items():
    groups = [{"params": [weight()], "name": "head"}, {"params": [weight()]}]
    scheduler = Scheduler(torch.optim.AdamW(groups), PLAN, relative=False, betas=(0.8, PLAN * 0.5))
    assert scheduler.values() == {
        "lr/head": 1.0,
        "betas[0]/head": 0.8,
        "betas[1]/head": 0.5,
        "lr/1": 1.0,
        "betas[0]/1": 0.8,
        "betas[1]/1": 0.5,
    }


def test_pytorchs_last_epoch_is_the_position_less_one():
    assert [Scheduler(sgd(), PLAN, last_epoch=last).position for last in (-1, 0, 4)] == [0, 1, 5]
