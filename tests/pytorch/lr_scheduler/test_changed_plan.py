"""States of other arguments: refused in the words of the arguments, kept or restored; damaged ones change nothing."""

import copy

import numpy as np
import pytest
import torch
from torch.optim import SGD

import stepsize as ss
from pytorch.lr_scheduler import drawn
from pytorch.lr_scheduler.drawn import THERE
from pytorch.lr_scheduler.stepping import rates, sgd, stepped, through_a_file
from stepsize.errors import StateError
from stepsize.pytorch.lr_scheduler import (
    SWALR,
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    CyclicLR,
    ExponentialLR,
    LambdaLR,
    MultiStepLR,
    OneCycleLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)


def test_a_changed_plan_is_refused_kept_or_restored():
    optimizer = sgd()
    scheduler = CosineAnnealingLR(optimizer, T_max=50, eta_min=0.01)
    stepped(optimizer, scheduler, times=10)
    saved, before = scheduler.state_dict(), rates(optimizer)
    fresh = sgd()
    refusing = CosineAnnealingLR(fresh, T_max=100)
    with pytest.raises(
        StateError, match=r"T_max=50, eta_min=0.01, and this CosineAnnealingLR has T_max=100, .*\"keep\""
    ):
        refusing.load_state_dict(saved)
    assert (rates(fresh), refusing.last_epoch, refusing.T_max) == ([0.1], 0, 100)
    keeping = CosineAnnealingLR(fresh, T_max=100, on_change="keep")
    keeping.load_state_dict(saved)
    assert rates(fresh) == [keeping.group_schedules[0](10)]
    assert keeping.T_max == 100
    restoring = CosineAnnealingLR(fresh, T_max=100, on_change="restore")
    restoring.load_state_dict(saved)
    assert rates(fresh) == before
    assert restoring.group_schedules == (ss.Cosine(0.1, 0.01, 50),)
    multi = MultiStepLR(fresh, [7], on_change="restore")
    multi.load_state_dict(MultiStepLR(sgd(), [3, 3]).state_dict())
    assert sorted(multi.milestones.elements()) == [3, 3]


def test_a_part_that_keeps_its_plan_moves_the_sequence():
    def made(on_change="refuse", steps=10):
        optimizer = sgd()
        decay = CosineAnnealingLR(optimizer, steps, on_change=on_change)
        return optimizer, SequentialLR(optimizer, [ConstantLR(optimizer, 0.5, 5), decay], [5])

    optimizer, scheduler = made()
    stepped(optimizer, scheduler, times=8)
    fresh, longer = made("keep", 100)
    longer.load_state_dict(scheduler.state_dict())
    assert rates(fresh) == [ss.Cosine(0.1, 0.0, 100)(3)]
    fresh, longer = made(steps=100)
    with pytest.raises(StateError, match="T_max=10"):
        longer.load_state_dict(scheduler.state_dict())
    assert (rates(fresh), longer.last_epoch) == ([0.05], 0)


@pytest.mark.parametrize("order", ["os", "so"])
@pytest.mark.parametrize("make", [lambda o, x, **k: OneCycleLR(o, x, 40, **k), lambda o, x, **k: SWALR(o, x, **k)])
def test_arguments_that_pytorch_keeps_in_the_groups_are_of_the_plan_too(make, order):
    optimizer = sgd(momentum=0.9)
    scheduler = make(optimizer, 0.5)
    stepped(optimizer, scheduler, times=7)
    for on_change, target in {"refuse": None, "keep": 0.3, "restore": 0.5}.items():
        fresh = sgd(momentum=0.9)
        again = make(fresh, 0.3, on_change=on_change)
        if order == "os":
            fresh.load_state_dict(optimizer.state_dict())
        if target is None:
            with pytest.raises(StateError, match=r"0\.5"):
                again.load_state_dict(scheduler.state_dict())
            continue
        again.load_state_dict(scheduler.state_dict())
        if order == "so":
            fresh.load_state_dict(optimizer.state_dict())
        assert fresh.param_groups[0].get("max_lr", fresh.param_groups[0].get("swa_lr")) == target
        if on_change == "restore":
            stepped(fresh, again, times=3)
            more = copy.deepcopy(scheduler)
            stepped(more.optimizer, more, times=3)
            assert drawn.written(fresh) == drawn.written(more.optimizer)


@pytest.mark.parametrize(
    ("make", "other", "message"),
    [
        (
            lambda o: SequentialLR(o, [StepLR(o, 1), StepLR(o, 1)], [5]),
            [7],
            r"milestones=\[5\], and .* milestones=\[7\]",
        ),
        (lambda o: SWALR(o, 0.1), 0.2, r"with swa_lr=\[0.1\], and this SWALR has swa_lr=\[0.2\]"),
        (lambda o: SWALR(o, 0.1), "linear", "with anneal_strategy='cos', and .* anneal_strategy='linear'"),
        (lambda o: CyclicLR(o, 0.1, 0.2, 5), 7, r"with step_size_up=5.0, step_size_down=5.0, and .* step_size_up=7"),
        (lambda o: CyclicLR(o, 0.1, 0.2, 5), "max", r"with max_lr=\[0.2\], and"),
        (lambda o: OneCycleLR(o, 0.1, 50), 0.3, r"pct_start=0.3, and .* pct_start=0.4"),
        (lambda o: OneCycleLR(o, 0.1, 50), "max", r"max_lr=\[0.1\].*, and .* max_lr=\[0.2\]"),
        (lambda o: ReduceLROnPlateau(o), "min_lr", r"with min_lr=\[0\], and .* min_lr=\[0.01\]"),
    ],
)
def test_a_changed_plan_is_told_in_the_words_of_the_arguments(make, other, message):
    here = {
        "SequentialLR": lambda o: SequentialLR(o, [StepLR(o, 1), StepLR(o, 1)], [7]),
        "SWALR": lambda o: SWALR(o, 0.1, anneal_strategy="linear") if other == "linear" else SWALR(o, 0.2),
        "CyclicLR": lambda o: CyclicLR(o, 0.1, 0.4, 5) if other == "max" else CyclicLR(o, 0.1, 0.2, 7),
        "OneCycleLR": lambda o: OneCycleLR(o, 0.2, 50) if other == "max" else OneCycleLR(o, 0.1, 50, pct_start=0.4),
        "ReduceLROnPlateau": lambda o: ReduceLROnPlateau(o, min_lr=0.01),
    }
    saved = make(sgd(momentum=0.9))
    with pytest.raises(StateError, match=message):
        here[type(saved).__name__](sgd(momentum=0.9)).load_state_dict(saved.state_dict())


class Slope:
    """A function that is an object."""

    def __init__(self, steepness):
        self.steepness = steepness

    def __call__(self, step):
        return 1.0 - self.steepness * step


@pytest.mark.parametrize(
    ("make", "fields"),
    [
        (lambda o, **k: LambdaLR(o, Slope(0.01), **k), {"lr_lambdas": 3}),
        (lambda o, **k: LambdaLR(o, Slope(0.01), **k), {"lr_lambdas": [3]}),
        (lambda o, **k: LambdaLR(o, Slope(0.01), **k), {"lr_lambdas": []}),
        (lambda o, **k: LambdaLR(o, Slope(0.01), **k), {"lr_lambdas": [{1: 2}]}),
        (lambda o, **k: LambdaLR(o, abs, **k), {"lr_lambdas": [{"steepness": 2}]}),
        (lambda o, **k: CyclicLR(o, 0.1, 0.2, 5, **k), {"_scale_fn_custom": {"a": 1}}),
        *(
            (lambda o, **k: CosineAnnealingWarmRestarts(o, 5, **k), {"T_cur": value})
            for value in ("1", None, np.inf, [])
        ),
        (lambda o, **k: CosineAnnealingWarmRestarts(o, 5, **k), {"T_i": 0}),
        (lambda o, **k: CosineAnnealingWarmRestarts(o, 5, **k), {"last_epoch": 1.5}),
        *((lambda o, **k: StepLR(o, 5, **k), {"_step_count": value}) for value in ("1", None, -1, 1.5)),
        *((lambda o, **k: StepLR(o, 5, **k), {"last_epoch": value}) for value in (-1, 10**30, True, None, -0.5)),
        *((lambda o, **k: StepLR(o, 5, **k), {"gamma": value}) for value in ("a", None, [1.0], True, -1.0)),
        *((lambda o, **k: StepLR(o, 5, **k), {"step_size": value}) for value in (0, 1.5)),
        (lambda o, **k: StepLR(o, 5, **k), {"base_lrs": ["a"]}),
        (lambda o, **k: SequentialLR(o, [StepLR(o, 5)], [], **k), {"last_epoch": 1.5}),
        *((lambda o, **k: ReduceLROnPlateau(o, **k), {"best": value}) for value in ("1", None, float("nan"))),
        *((lambda o, **k: ReduceLROnPlateau(o, **k), {name: "1"}) for name in ("cooldown_counter", "num_bad_epochs")),
        *((lambda o, **k: ReduceLROnPlateau(o, **k), {"num_bad_epochs": value}) for value in (-1, 1.5)),
        *((lambda o, **k: SWALR(o, 0.1, **k), {"_starts": value}) for value in (3, [], ["a"], [0.1, 0.1])),
        *((lambda o, **k: SWALR(o, 0.1, **k), {"_begin": value}) for value in (None, "1", 0.5)),
        (lambda o, **k: SWALR(o, 0.1, **k), {"_in_groups": [{"swa_lr": "a"}]}),
    ],
)
@pytest.mark.parametrize("on_change", ["refuse", "restore"])
def test_a_state_of_the_wrong_types_is_one_error_and_nothing_changes(make, fields, on_change):
    made = [make(sgd(momentum=0.9), on_change=on_change) for _ in range(2)]
    for scheduler in made:
        stepped(scheduler.optimizer, *([] if isinstance(scheduler, ReduceLROnPlateau) else [scheduler]), times=2)
    before = copy.deepcopy((made[1].state_dict(), made[1].optimizer.param_groups))
    with pytest.raises(StateError):
        made[1].load_state_dict({**made[0].state_dict(), **fields})
    assert str((made[1].state_dict(), made[1].optimizer.param_groups)) == str(before)


def test_a_part_that_has_not_begun_is_saved_and_loaded_by_itself_too():
    def made():
        optimizer = sgd()
        parts = [ConstantLR(optimizer, 0.5, 5), ExponentialLR(optimizer, 0.9)]
        return optimizer, parts, SequentialLR(optimizer, parts, [5])

    _, parts, _ = made()
    _, others, _ = made()
    others[1].load_state_dict(parts[1].state_dict())
    assert others[1].last_epoch == -1


def test_a_base_rate_that_changed_is_a_changed_plan():
    with pytest.raises(StateError, match="base_lrs"):
        StepLR(sgd(0.2), 10).load_state_dict(StepLR(sgd(0.1), 10).state_dict())


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (None, "dictionary"),
        ({}, "cut short"),
        ({"kind": "stepsize.pytorch.Scheduler"}, "of 'stepsize.pytorch.Scheduler'"),
        ({"kind": "StepLR", "version": 2}, "version 1"),
        ({"kind": "StepLR", "version": 1, "last_epoch": 3}, "lacks _step_count, base_lrs"),
        ({**StepLR(sgd(), 5).state_dict(), "rates": [0.1, 0.1]}, "2 parameter groups, and the optimizer has 1"),
        ({**StepLR(sgd(), 5).state_dict(), "rates": [float("nan")]}, "finite"),
        ({**StepLR(sgd(), 5).state_dict(), "last_epoch": "3"}, "last_epoch"),
        (ExponentialLR(sgd(), 0.5).state_dict(), "of 'ExponentialLR'"),
        (THERE["ExponentialLR"](sgd(), 0.5).state_dict(), "lacks step_size"),
    ],
)
def test_a_bad_state_is_refused_and_nothing_changes(state, message):
    optimizer = sgd()
    scheduler = StepLR(optimizer, 5)
    with pytest.raises(StateError, match=message):
        scheduler.load_state_dict(state)
    assert (rates(optimizer), scheduler.last_epoch) == ([0.1], 0)


def test_functions_that_are_objects_are_saved_with_what_they_hold():
    class Warmup:
        def __init__(self, steps):
            self.steps = steps

        def __call__(self, step):
            return min(step / self.steps, 1.0)

    optimizer = sgd()
    scheduler = LambdaLR(optimizer, Warmup(10))
    stepped(optimizer, scheduler, times=5)
    state = through_a_file(scheduler.state_dict())
    assert state["lr_lambdas"] == [{"steps": 10}]
    again = LambdaLR(sgd(), Warmup(20))
    again.load_state_dict(state)
    assert again.group_schedules[0](5) == 0.05
    assert LambdaLR(sgd(), lambda t: 1.0).state_dict()["lr_lambdas"] == [None]
    assert CyclicLR(sgd(momentum=0.9), 0.1, 0.2, 4, scale_fn=Warmup(3)).state_dict()["_scale_fn_custom"] == {"steps": 3}


def test_parts_that_find_another_base_rate_in_loaded_groups_say_so_and_can_take_the_saved_one():
    def made(optimizer, on_change="refuse"):
        parts = [ConstantLR(optimizer, 0.5, 4, on_change=on_change), OneCycleLR(optimizer, 0.3, 30)]
        return optimizer, SequentialLR(optimizer, parts, [3])

    optimizer, scheduler = made(sgd(momentum=0.9))
    stepped(optimizer, scheduler, times=2)
    fresh = sgd(momentum=0.9)
    fresh.load_state_dict(optimizer.state_dict())
    with pytest.raises(StateError, match=r'base_lrs=\[0.1\].*"restore"'):
        made(fresh)[1].load_state_dict(scheduler.state_dict())
    _, again = made(fresh, "restore")
    again.load_state_dict(scheduler.state_dict())
    assert drawn.course(fresh, again, 10) == drawn.course(optimizer, scheduler, 10)


def test_plans_are_compared_to_the_last_digit():
    for one, other in (
        (lambda o: ExponentialLR(o, 0.999999), lambda o: ExponentialLR(o, 0.9999995)),
        (lambda o: CosineAnnealingLR(o, 2_000_000), lambda o: CosineAnnealingLR(o, 2_000_001)),
    ):
        with pytest.raises(StateError, match="was saved with"):
            other(sgd()).load_state_dict(one(sgd()).state_dict())


def test_a_whole_rate_in_pytorchs_own_state_is_read():
    theirs = torch.optim.lr_scheduler.StepLR(SGD([torch.zeros(1, requires_grad=True)], lr=1), 30)
    scheduler = StepLR(sgd(1.0), 30)
    scheduler.load_state_dict(theirs.state_dict())
    assert scheduler.get_last_lr() == [1.0]
