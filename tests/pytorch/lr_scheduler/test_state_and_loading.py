"""States that restore the rates alone, and situations in which PyTorch's own classes set the expected behaviour."""

import copy
import gc
import warnings
import weakref

import pytest
import torch
from torch.optim import SGD, Adam
from torch.optim import lr_scheduler as theirs

from pytorch.lr_scheduler.stepping import through_a_file
from stepsize.errors import ArgumentError, StateError
from stepsize.pytorch import lr_scheduler as ours


def sgd(*rates):
    groups = [{"params": [torch.nn.Parameter(torch.ones(1))], "lr": rate} for rate in rates or (0.1,)]
    return SGD(groups, lr=0.1, momentum=0.9)


def steps(scheduler, times):
    for _ in range(times):
        scheduler.optimizer.step()
        scheduler.step()
    return scheduler


def rates(scheduler):
    return [float(group["lr"]) for group in scheduler.optimizer.param_groups]


def momentum(scheduler):
    return float(scheduler.optimizer.param_groups[0]["momentum"])


def cycles(module, optimizer):
    parts = [module.CyclicLR(optimizer, 0.01, 0.1, step_size_up=5), module.OneCycleLR(optimizer, 0.1, total_steps=20)]
    return module.SequentialLR(optimizer, parts, [10])


def test_momentum_bounds_in_tensors_stay_apart_and_their_state_loads():
    def make():
        bounds = {"base_momentum": torch.tensor(0.85), "max_momentum": torch.tensor(0.95)}
        return ours.OneCycleLR(sgd(), 0.1, total_steps=10, **bounds)

    scheduler = steps(make(), 2)
    assert float(scheduler.optimizer.param_groups[0]["max_momentum"]) == pytest.approx(0.95)
    again = make()
    again.load_state_dict(scheduler.state_dict())
    assert (rates(again), momentum(again)) == (rates(scheduler), momentum(scheduler))


@pytest.mark.parametrize("module", [ours, theirs])
@pytest.mark.parametrize("at", [3, 10, 13])
def test_a_sequence_of_cycles_restores_rate_and_momentum(module, at):
    saved = steps(cycles(module, sgd()), at)
    again = cycles(ours, sgd())
    again.load_state_dict(saved.state_dict())
    assert (rates(again), momentum(again)) == (rates(saved), pytest.approx(momentum(saved), abs=1e-15))
    if at == 3:
        assert momentum(again) == pytest.approx(0.84)


def test_a_cycle_after_a_sequence_restores_its_momentum():
    def make(module):
        optimizer = sgd()
        last = module.CyclicLR(optimizer, 0.02, 0.1, step_size_up=7, base_momentum=0.5, max_momentum=0.6)
        return module.ChainedScheduler([cycles(module, optimizer), last])

    saved, again = steps(make(theirs), 13), make(ours)
    again.load_state_dict(saved.state_dict())
    assert momentum(again) == pytest.approx(momentum(saved), abs=1e-15)
    assert 0.5 <= momentum(again) <= 0.6


def test_a_state_of_pytorchs_with_more_groups_writes_no_rates():
    state = steps(theirs.StepLR(sgd(0.4, 0.2), 1), 2).state_dict()
    again = ours.StepLR(sgd(0.1), 1)
    with pytest.warns(UserWarning, match=r"base_lrs was \[0\.4, 0\.2\], is \[0\.1\]\. It takes them over"):
        again.load_state_dict(state)
    assert (again.last_epoch, rates(again)) == (2, [0.1])


def test_pytorchs_cosine_beyond_its_end_goes_to_the_end_that_the_warning_names():
    state = steps(theirs.CosineAnnealingLR(sgd(), 10), 15).state_dict()
    again = ours.CosineAnnealingLR(sgd(), 10)
    again.load_state_dict(state)
    with pytest.warns(UserWarning, match="past its end, step 10"):
        steps(again, 1)
    assert rates(again) == [0.0]


def test_pytorchs_class_goes_on_with_our_state():
    saved = steps(ours.MultiStepLR(sgd(), [1, 6], 0.5), 3)
    again = theirs.MultiStepLR(saved.optimizer, [1, 6], 0.5)
    again.load_state_dict(saved.state_dict())
    assert rates(steps(again, 1)) == [0.05]


def test_a_state_that_pytorchs_class_carried_on_brings_pytorchs_rates():
    middle = theirs.StepLR(sgd(), 1, 0.5)
    middle.load_state_dict(ours.StepLR(sgd(), 1, 0.5).state_dict())
    steps(middle, 2)
    again = ours.StepLR(sgd(), 1, 0.5)
    again.load_state_dict(middle.state_dict())
    assert rates(again) == [0.025]


def test_weight_averaging_loads_a_state_after_a_step_back():
    scheduler = steps(ours.SWALR(sgd(), 0.05, anneal_epochs=3), 4)
    with pytest.warns(UserWarning, match="epoch parameter"):
        scheduler.step(0)
    again = ours.SWALR(sgd(), 0.05, anneal_epochs=3)
    again.load_state_dict(scheduler.state_dict())
    assert rates(again) == rates(scheduler)


def test_a_group_added_late_decays_from_its_own_rate():
    scheduler = steps(ours.StepLR(sgd(), 2, 0.1), 5)
    scheduler.optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr": 1e-3})
    assert rates(steps(scheduler, 1))[1] == pytest.approx(1e-4)


@pytest.mark.parametrize(
    "make",
    [
        lambda module, o: module.CosineAnnealingLR(o, 10),
        lambda module, o: module.OneCycleLR(o, 0.1, total_steps=10),
        lambda module, o: module.ReduceLROnPlateau(o, patience=0),
    ],
)
def test_training_goes_on_as_in_pytorch_when_a_group_is_removed(make):
    found = []
    for module in (theirs, ours):
        scheduler = make(module, sgd(0.1, 0.2))
        outcomes = []
        for step in range(4):
            if step == 2:
                scheduler.optimizer.param_groups.pop()
            scheduler.optimizer.step()
            try:
                scheduler.step(*[1.0] * isinstance(scheduler, theirs.ReduceLROnPlateau))
            except Exception as error:
                outcomes.append(type(error))
            outcomes.append(rates(scheduler))
        found.append(outcomes)
    assert found[0] == found[1]


def test_a_chained_cycle_under_pytorchs_behaviour_raises_past_its_end():
    optimizer = sgd()
    scheduler = ours.ChainedScheduler([ours.OneCycleLR(optimizer, 0.1, total_steps=5, past_end="torch")])
    steps(scheduler, 5)
    with pytest.raises(ValueError, match="total steps is 5"):
        steps(scheduler, 1)


def test_a_function_is_called_once_for_each_group_and_step():
    calls = []
    scheduler = ours.LambdaLR(sgd(0.1, 0.1), lambda step: calls.append(step) or 1.0)
    steps(scheduler, 1)
    assert calls == [0, 0, 1, 1]


@pytest.mark.parametrize("order", ["os", "so", "s"])
def test_the_state_restores_the_rate_in_any_order_and_in_place(order):
    saved = steps(ours.ExponentialLR(sgd(), 0.5), 3)
    saved.optimizer.param_groups[0]["lr"] = 0.033  # set by hand: it is saved, too
    state, groups = saved.state_dict(), steps(ours.ExponentialLR(sgd(), 0.5), 1).optimizer.state_dict()
    rate = torch.tensor(0.1, dtype=torch.float64)
    again = ours.ExponentialLR(sgd(rate), 0.5)
    for what in order:
        again.load_state_dict(state) if what == "s" else again.optimizer.load_state_dict(groups)
    assert rates(again) == [0.033]
    if order == "s":
        assert again.optimizer.param_groups[0]["lr"] is rate


def test_other_arguments_are_taken_over_with_one_warning_refused_or_kept():
    state = steps(ours.StepLR(sgd(), 2, 0.5), 4).state_dict()
    restoring = ours.StepLR(sgd(), 1, 0.1)
    with pytest.warns(UserWarning, match=r"step_size was 2, is 1; gamma was 0.5, is 0.1") as warned:
        restoring.load_state_dict(state)
    assert len(warned) == 1
    assert (restoring.step_size, rates(restoring)) == (2, [0.025])
    refusing = ours.StepLR(sgd(), 1, 0.1, on_change="refuse")
    with pytest.raises(
        StateError, match=r"gamma was 0\.5.*; on_change=\"restore\" takes over the saved arguments, \"keep\" keeps"
    ):
        refusing.load_state_dict(state)
    assert (refusing.last_epoch, rates(refusing)) == (0, [0.1])
    keeping = ours.StepLR(sgd(), 1, 0.1, on_change="keep")
    with pytest.warns(UserWarning, match=r"gamma was 0.5, is 0.1. It keeps its own$"):
        keeping.load_state_dict(state)
    assert (keeping.step_size, rates(keeping)) == (1, [pytest.approx(1e-5)])


def test_the_options_hold_within_the_block():
    with ours.options(past_end="torch", on_change="refuse"):
        inside = ours.CosineAnnealingLR(sgd(), 5)
    assert (inside.past_end, inside.on_change) == ("torch", "refuse")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert rates(steps(inside, 10))[0] == pytest.approx(0.1)
    with ours.options(past_end="torch"):
        with ours.options(on_change="keep"):
            inner = ours.CosineAnnealingLR(sgd(), 5)
        outer = ours.CosineAnnealingLR(sgd(), 5)
    assert (inner.past_end, inner.on_change) == ("torch", "keep")
    assert (outer.past_end, outer.on_change) == ("torch", "restore")
    after = ours.CosineAnnealingLR(sgd(), 5)
    assert (after.past_end, after.on_change) == ("hold", "restore")
    with pytest.raises(ArgumentError, match="past_end"):
        ours.options(past_end="wrap")


@pytest.mark.parametrize("on_change", ["restore", "keep"])
def test_arguments_in_the_groups_and_of_parts_are_arguments_too(on_change):
    def made(peak, period, **more):
        optimizer = sgd()
        parts = [ours.StepLR(optimizer, period), ours.OneCycleLR(optimizer, peak, total_steps=20)]
        return ours.SequentialLR(optimizer, parts, [4], **more)

    saved = steps(made(0.5, 3), 6)
    again = made(0.25, 2, on_change=on_change)
    with pytest.warns(
        UserWarning, match=r"StepLR: step_size was 3, is 2; .*max_lr of group 0 was 0.5, is 0.25"
    ) as warned:
        again.load_state_dict(saved.state_dict())
    assert len(warned) == 1
    expected = saved if on_change == "restore" else steps(made(0.25, 2), 6)
    assert (rates(again), momentum(again)) == (rates(expected), momentum(expected))
    assert rates(steps(again, 5)) == rates(steps(expected, 5))


def test_the_momentum_of_a_cycle_is_one_of_its_arguments():
    def cycle(base):
        return ours.OneCycleLR(sgd(), 0.1, total_steps=20, base_momentum=base)

    again = cycle(0.85)
    with pytest.warns(UserWarning, match=r"base_momentum of group 0 was 0.8, is 0.85\. It takes them over"):
        again.load_state_dict(cycle(0.8).state_dict())


def test_a_cycle_of_beta1_restores_it_and_leaves_beta2():
    def cycle():
        return ours.OneCycleLR(Adam([torch.nn.Parameter(torch.ones(1))], betas=(0.9, 0.99)), 0.1, total_steps=10)

    scheduler, again = steps(cycle(), 3), cycle()
    again.load_state_dict(scheduler.state_dict())
    betas = again.optimizer.param_groups[0]["betas"]
    assert betas == scheduler.optimizer.param_groups[0]["betas"]
    assert (betas[0] < 0.86, betas[1]) == (True, 0.99)


def test_a_plateaus_state_of_fewer_groups_has_no_other_arguments():
    again = ours.ReduceLROnPlateau(sgd(0.1, 0.2))
    again.load_state_dict(ours.ReduceLROnPlateau(sgd()).state_dict())
    assert rates(again) == [0.1, 0.2]


def test_a_state_with_a_tensor_does_not_change_with_later_steps():
    scheduler = ours.ExponentialLR(sgd(torch.tensor(0.1)), 0.5)
    state = scheduler.state_dict()
    steps(scheduler, 2)
    assert float(state["stepsize"]["groups"][0]["lr"]) == pytest.approx(0.1)


def test_after_a_seek_the_parts_of_a_sequence_tell_its_rate():
    scheduler = cycles(ours, sgd())
    scheduler.seek(12)
    assert scheduler.get_last_lr() == scheduler._schedulers[1].get_last_lr() == rates(scheduler)


def test_a_seek_leaves_an_initial_rate_in_a_tensor_as_it_is():
    optimizer = sgd(torch.tensor(0.4, dtype=torch.float64))
    ours.SequentialLR(optimizer, [ours.StepLR(optimizer, 3), ours.ExponentialLR(optimizer, 0.5)], [5]).seek(7)
    assert [float(optimizer.param_groups[0][name]) for name in ("lr", "initial_lr")] == [pytest.approx(0.1), 0.4]


def test_a_refused_state_changes_nothing():
    saved = steps(cycles(ours, sgd()), 12).state_dict()
    optimizer = sgd()
    parts = [ours.CyclicLR(optimizer, 0.02, 0.1, step_size_up=5), ours.OneCycleLR(optimizer, 0.1, total_steps=30)]
    again = ours.SequentialLR(optimizer, parts, [10], on_change="refuse")
    before = copy.deepcopy((optimizer.param_groups, again.state_dict()))
    with pytest.raises(
        StateError, match=r'CyclicLR: base_lrs was \[0.01\].*OneCycleLR: total_steps.*on_change="restore"'
    ):
        again.load_state_dict(saved)
    with pytest.raises(StateError, match="a newer stepsize wrote this state, in version 99; update stepsize"):
        again.load_state_dict({**saved, "stepsize": {**saved["stepsize"], "version": 99}})
    assert (optimizer.param_groups, again.state_dict()) == before


def test_a_state_is_loaded_twice_and_goes_through_a_file():
    state = steps(cycles(ours, sgd()), 3).state_dict()
    for loaded in (state, state, through_a_file(state)):
        again = cycles(ours, sgd())
        again.load_state_dict(loaded)
        assert momentum(again) == pytest.approx(0.84)


@pytest.mark.parametrize("whole", [ours, theirs])
@pytest.mark.parametrize("part", [ours, theirs])
def test_sequences_of_either_module_hold_parts_of_either(whole, part):
    def made():
        optimizer = sgd()
        parts = [part.CyclicLR(optimizer, 0.01, 0.1, step_size_up=5), part.StepLR(optimizer, 2)]
        return whole.SequentialLR(optimizer, parts, [4])

    saved = steps(made(), 6)
    again = made()
    again.load_state_dict(saved.state_dict())
    again.optimizer.load_state_dict(saved.optimizer.state_dict())
    expected = rates(saved), momentum(saved)
    assert (rates(again), momentum(again)) == expected
    assert rates(steps(again, 4)) == rates(steps(saved, 4))


def test_the_loaded_rates_are_used_until_a_scheduler_loads_or_seeks():
    """As in PyTorch, an optimizer's state brings its rates; after a load or a seek those of the scheduler stand."""
    optimizer = sgd()
    scheduler = steps(ours.ExponentialLR(optimizer, 0.5), 2)
    start = sgd().state_dict()
    optimizer.load_state_dict(start)
    assert rates(scheduler) == [0.1]
    scheduler.seek(2)
    optimizer.load_state_dict(start)
    assert rates(scheduler) == [0.025]
    steps(scheduler, 1)
    optimizer.load_state_dict(start)  # it has moved since, so this is a state of the user's choice
    assert rates(scheduler) == [0.1]


@pytest.mark.parametrize("growth", [1, 2])
def test_a_warm_restart_that_is_sought_has_the_state_of_one_that_was_stepped(growth):
    for position in range(10):
        sought = ours.CosineAnnealingWarmRestarts(sgd(), 3, growth)
        sought.seek(position)
        stepped = steps(ours.CosineAnnealingWarmRestarts(sgd(), 3, growth), position)
        for counter in ("last_epoch", "T_cur", "T_i"):
            assert sought.state_dict()[counter] == stepped.state_dict()[counter], counter


def test_a_finished_scheduler_writes_nothing_when_another_continues():
    optimizer = sgd()
    warmup, decay = ours.LinearLR(optimizer, 0.5, total_iters=2), ours.StepLR(optimizer, 1, 0.5)
    warmup.load_state_dict(steps(warmup, 2).state_dict())
    steps(decay, 2)
    state = optimizer.state_dict()
    optimizer.load_state_dict(state)
    assert rates(decay) == [0.025]


def test_a_scheduler_and_its_optimizer_are_collected():
    scheduler = ours.ExponentialLR(sgd(), 0.5)
    scheduler.seek(2)
    alive = [weakref.ref(scheduler), weakref.ref(scheduler.optimizer)]
    del scheduler
    gc.collect()
    assert [each() for each in alive] == [None, None]


def test_a_plateau_restores_the_rate_but_has_no_schedule():
    scheduler = ours.ReduceLROnPlateau(sgd(), factor=0.5, patience=0)
    for _ in range(3):
        scheduler.step(1.0)
    for saved in (scheduler, theirs.ReduceLROnPlateau(scheduler.optimizer, factor=0.5, patience=0)):
        again = ours.ReduceLROnPlateau(sgd(), factor=0.5, patience=0)
        again.load_state_dict(through_a_file(saved.state_dict()))
        assert rates(again) == [0.025]
    keeping = ours.ReduceLROnPlateau(sgd(), factor=0.5, on_change="keep")
    with pytest.warns(UserWarning, match="patience was 0, is 10"):
        keeping.load_state_dict(scheduler.state_dict())
    assert (keeping.patience, rates(keeping)) == (10, [0.025])
    with pytest.raises(ArgumentError, match="follows a metric"):
        scheduler.seek(3)


def test_a_program_with_floats_keeps_them_when_the_saved_rate_was_a_tensor():
    state = steps(ours.ExponentialLR(sgd(torch.tensor(0.1)), 0.5), 1).state_dict()
    again = ours.ExponentialLR(sgd(), 0.5)
    again.load_state_dict(state)
    assert type(again.optimizer.param_groups[0]["lr"]) is float


def test_a_group_added_later_has_no_schedule():
    scheduler = steps(ours.StepLR(sgd(), 2), 1)
    scheduler.optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr": 1e-3})
    with pytest.raises(
        ArgumentError, match="added or removed after this StepLR was made, so their rates are not known"
    ):
        scheduler.seek(4)


def test_a_scheduler_that_has_stepped_without_a_change_of_the_rate_has_moved():
    scheduler = ours.StepLR(sgd(), 30)
    scheduler.load_state_dict(steps(ours.StepLR(sgd(), 30), 3).state_dict())
    steps(scheduler, 10)
    scheduler.optimizer.load_state_dict(sgd(0.7).state_dict())
    assert rates(scheduler) == [0.7]


@pytest.mark.parametrize(("saved_after", "here_after", "at"), [(3, 6, 4), (6, 3, 5), (6, 3, 10)])
@pytest.mark.parametrize("module", [ours, theirs])
def test_a_sequence_keeps_its_own_milestones(saved_after, here_after, at, module):
    def made(module, warmup, **more):
        optimizer = sgd()
        parts = [module.LinearLR(optimizer, 0.1, 1.0, warmup), module.CosineAnnealingLR(optimizer, 20)]
        return module.SequentialLR(optimizer, parts, [warmup], **more)

    again = made(ours, here_after, on_change="keep")
    with pytest.warns(UserWarning, match="milestones was"):
        again.load_state_dict(steps(made(module, saved_after), at).state_dict())
    expected = steps(made(ours, here_after), at)
    assert rates(again) == pytest.approx(rates(expected), rel=1e-12)
    assert rates(steps(again, 6)) == pytest.approx(rates(steps(expected, 6)), rel=1e-12)


def test_a_state_of_another_class_or_of_more_groups_is_refused():
    state = steps(ours.StepLR(sgd(0.1, 0.2), 3), 2).state_dict()
    for again, words in (
        (ours.CosineAnnealingLR(sgd(0.1, 0.2), 10), "the state of a StepLR, not of a CosineAnnealingLR"),
        (ours.StepLR(sgd(), 3), "the state has 2 parameter groups, but the optimizer has 1; add them first"),
    ):
        before = dict(vars(again))
        with pytest.raises(StateError, match=words):
            again.load_state_dict(state)
        assert vars(again) == before
