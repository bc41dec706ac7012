"""PyTorch's names beyond the rates: resuming, copies, warnings, ends, groups, tensors, and what is refused.

A test with pain_N in its name mends line N of what users of schedulers suffer.
"""

import copy
import gc
import inspect
import io
import pickle
import warnings
import weakref

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim import SGD, Adam, AdamW

import stepsize as ss
from pytorch.lr_scheduler import drawn
from pytorch.lr_scheduler.drawn import HERE, THERE, Groups, Spec
from stepsize.errors import ArgumentError, StateError, StepError
from stepsize.pytorch import from_torch, lr_scheduler
from stepsize.pytorch.lr_scheduler import (
    SWALR,
    ChainedScheduler,
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    CyclicLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)

every_spec = st.one_of(*map(drawn.specs, drawn.SINGLE), drawn.sequences(), drawn.chains).filter(
    lambda spec: all("eta_min" not in part.arguments for part in spec.parts) or spec.name != "ChainedScheduler"
)


def sgd(*rates, **more):
    return SGD(
        [{"params": [torch.nn.Parameter(torch.ones(1))], "lr": rate} for rate in rates or (0.1,)], lr=0.1, **more
    )


def update(optimizer):
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = torch.ones_like(parameter)
    optimizer.step()


def stepped(optimizer, *schedulers, times=1):
    for _ in range(times):
        update(optimizer)
        for scheduler in schedulers:
            scheduler.step()


def rates(optimizer):
    return [float(group["lr"]) for group in optimizer.param_groups]


def through_a_file(state):
    file = io.BytesIO()
    torch.save(state, file)
    return torch.load(io.BytesIO(file.getvalue()), weights_only=True)


# Resuming.


@settings(max_examples=120)
@given(spec=every_spec, groups=drawn.groups, at=st.integers(0, 120), order=st.sampled_from(["os", "so", "s", "oc"]))
def test_pain_1_a_run_goes_on_as_if_it_had_not_been_interrupted_in_any_order_of_loading(spec, groups, at, order):
    if any(part.name == "OneCycleLR" for part in spec.parts):
        order = order.replace("oc", "os")  # the loaded groups have its first rate as the initial one of all the parts
    last = drawn.last_step(spec)
    at, more = min(at, last), min(last - min(at, last), 60)
    optimizer = groups.made()
    scheduler = spec.made(HERE, optimizer)
    drawn.course(optimizer, scheduler, at)
    saved = through_a_file({"optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()})
    expected = drawn.course(optimizer, scheduler, more)

    fresh = groups.made()
    if order == "oc":  # the optimizer's state is loaded before the scheduler is made
        fresh.load_state_dict(saved["optimizer"])
    again = spec.made(HERE, fresh)
    for what in order:
        if what == "o" and order != "oc":
            fresh.load_state_dict(saved["optimizer"])
        elif what in "sc":
            again.load_state_dict(saved["scheduler"])
    assert drawn.course(fresh, again, more) == expected


@pytest.mark.parametrize("order", ["abo", "bao", "oab", "oba", "aob", "ab", "ba"])
def test_two_that_multiply_resume_in_any_order(order):
    def made():
        optimizer = sgd(0.1, 0.2)
        return optimizer, LinearLR(optimizer, 0.1, total_iters=10), ExponentialLR(optimizer, 0.9)

    optimizer, a, b = made()
    stepped(optimizer, a, b, times=4)
    saved = through_a_file({"o": optimizer.state_dict(), "a": a.state_dict(), "b": b.state_dict()})
    fresh = dict(zip("oab", made(), strict=True))
    for name in order:
        fresh[name].load_state_dict(saved[name])
    assert rates(fresh["o"]) == rates(optimizer)
    for _ in range(20):
        stepped(optimizer, a, b)
        stepped(fresh["o"], fresh["a"], fresh["b"])
        assert rates(fresh["o"]) == rates(optimizer)


@pytest.mark.parametrize("name", ["StepLR", "SequentialLR", "ChainedScheduler", "CyclicLR", "OneCycleLR", "SWALR"])
@settings(max_examples=30)
@given(data=st.data(), at=st.integers(0, 60))
def test_a_state_that_pytorchs_class_wrote_is_gone_on_with(name, data, at):
    drawing = {"SequentialLR": drawn.sequences(), "ChainedScheduler": drawn.chains}
    spec = data.draw(drawing[name] if name in drawing else drawn.specs(name))
    groups = Groups((0.1, 0.02))
    at = min(at, drawn.last_step(spec))
    there, here = groups.made(), groups.made()
    theirs, ours = spec.made(THERE, there), spec.made(HERE, here)
    drawn.course(there, theirs, at)
    ours.load_state_dict(theirs.state_dict())
    more = min(100, drawn.last_step(spec) - at)
    expected, found = drawn.course(there, theirs, more), drawn.course(here, ours, more)
    if np.min(expected) >= 0.0:
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12 * np.max(expected))


def test_pytorchs_own_example_of_a_resume_with_last_epoch():
    optimizer = sgd(0.1)
    optimizer.param_groups[0]["initial_lr"] = 0.1
    scheduler = StepLR(optimizer, 10, 0.5, last_epoch=24)
    assert (scheduler.last_epoch, rates(optimizer)) == (25, [0.025])
    with pytest.raises(KeyError, match="initial_lr"):
        StepLR(sgd(), 10, last_epoch=3)


def test_a_sequence_starts_anywhere_with_last_epoch():
    optimizer = sgd(0.1)
    parts = [LinearLR(optimizer, 0.1, total_iters=5), CosineAnnealingLR(optimizer, 10)]
    scheduler = SequentialLR(optimizer, parts, [5], last_epoch=9)
    assert scheduler.last_epoch == 10
    assert rates(optimizer) == [pytest.approx(0.05)]
    assert [part.last_epoch for part in parts] == [4, 5]


def test_only_the_optimizer_is_saved_and_the_scheduler_goes_on_from_its_rate():
    """As in PyTorch: until a scheduler has moved, or was loaded, a loaded optimizer's rate is the truth."""
    optimizer = sgd(0.1)
    stepped(optimizer, ExponentialLR(optimizer, 0.5), times=2)
    fresh = sgd(0.1)
    scheduler = ExponentialLR(fresh, 0.5)
    fresh.load_state_dict(optimizer.state_dict())
    assert rates(fresh) == [0.025]
    stepped(fresh, scheduler)
    assert rates(fresh) == [0.0125]


def test_a_scheduler_that_was_sought_keeps_its_rate_when_the_optimizer_is_loaded():
    optimizer = sgd(0.1)
    saved = optimizer.state_dict()
    scheduler = ExponentialLR(optimizer, 0.5)
    scheduler.seek(2)
    optimizer.load_state_dict(saved)
    assert rates(optimizer) == [0.025]


def test_nothing_is_written_after_the_scheduler_is_gone():
    optimizer = sgd(0.1)
    scheduler = ExponentialLR(optimizer, 0.5)
    stepped(optimizer, scheduler)
    saved = optimizer.state_dict()
    stepped(optimizer, scheduler)
    alive = weakref.ref(scheduler)
    del scheduler
    gc.collect()
    assert alive() is None
    optimizer.load_state_dict(saved)
    assert rates(optimizer) == [0.05]
    gone = weakref.ref(optimizer)
    del optimizer
    gc.collect()
    assert gone() is None


# A changed plan.


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


# Copies.


@settings(max_examples=60)
@given(spec=every_spec, groups=drawn.groups, at=st.integers(0, 40), how=st.sampled_from(["copy", "pickle"]))
def test_copies_go_on_by_themselves(spec, groups, at, how):
    optimizer = groups.made()
    scheduler = spec.made(HERE, optimizer)
    at = min(at, drawn.last_step(spec) // 2)
    drawn.course(optimizer, scheduler, at)
    other = copy.deepcopy(scheduler) if how == "copy" else pickle.loads(pickle.dumps(scheduler))
    more = min(20, drawn.last_step(spec) - at)
    expected = drawn.course(optimizer, scheduler, more)
    assert other.optimizer is not optimizer
    assert drawn.course(other.optimizer, other, more) == expected


def test_a_fresh_copy_notices_updates():
    optimizer = sgd()
    other = copy.deepcopy(StepLR(optimizer, 5))
    stepped(other.optimizer, other)
    plateau = copy.deepcopy(ReduceLROnPlateau(optimizer, patience=0))
    plateau.step(1.0)
    plateau.step(1.0)
    assert (rates(plateau.optimizer), rates(optimizer)) == ([pytest.approx(0.01)], [0.1])


# Warnings.


@pytest.mark.parametrize("module", [THERE, HERE], ids=["there", "here"])
@pytest.mark.parametrize("name", ["StepLR", "LambdaLR", "CyclicLR", "OneCycleLR", "SWALR"])
def test_stepping_before_the_optimizer_warns_as_pytorch_does(module, name):
    arguments = {
        "StepLR": {"step_size": 5},
        "LambdaLR": {"lr_lambda": drawn.slope},
        "CyclicLR": {"base_lr": 0.1, "max_lr": 0.2},
        "OneCycleLR": {"max_lr": 0.1, "total_steps": 10},
        "SWALR": {"swa_lr": 0.1},
    }[name]
    scheduler = module[name](sgd(momentum=0.9), **arguments)
    with pytest.warns(UserWarning, match=r"Detected call of `lr_scheduler.step\(\)` before") as told:
        scheduler.step()
    assert told[0].filename == __file__
    scheduler.step()


@pytest.mark.parametrize("module", [THERE, HERE], ids=["there", "here"])
def test_an_epoch_is_taken_with_pytorchs_warning(module):
    optimizer = sgd()
    scheduler = module["StepLR"](optimizer, 5, 0.5)
    update(optimizer)
    with pytest.warns(UserWarning, match="epoch parameter"):
        scheduler.step(12)
    assert (scheduler.last_epoch, rates(optimizer)) == (12, [0.025])
    scheduler.step()
    assert scheduler.last_epoch == 13


def test_an_epoch_multiplies_once_in_multiplicativelr_as_in_pytorch():
    for module in (THERE, HERE):
        optimizer = sgd()
        scheduler = module["MultiplicativeLR"](optimizer, lambda t: 0.5)
        update(optimizer)
        with pytest.warns(UserWarning, match="epoch parameter"):
            scheduler.step(5)
        assert (scheduler.last_epoch, rates(optimizer)) == (5, [0.05])


def test_the_getters_tell_the_rate_of_the_next_update_and_never_warn():
    optimizer = sgd()
    scheduler = ExponentialLR(optimizer, 0.5)
    stepped(optimizer, scheduler)
    assert scheduler.get_last_lr() == scheduler.get_lr() == scheduler._last_lr == [0.05]
    tensor = Adam([torch.nn.Parameter(torch.ones(1))], lr=torch.tensor(0.1), capturable=True)
    (told,) = ExponentialLR(tensor, 0.5).get_last_lr()
    assert isinstance(told, torch.Tensor)
    assert told is not tensor.param_groups[0]["lr"]


# Past the end.


def test_pain_6_a_cosine_stays_down_and_says_so_once():
    optimizer = sgd()
    scheduler = CosineAnnealingLR(optimizer, T_max=5, eta_min=0.01)
    stepped(optimizer, scheduler, times=5)
    with pytest.warns(UserWarning, match=r"past its end at step 6: the rate stays at 0.01.*past_end=\"torch\"") as told:
        stepped(optimizer, scheduler)
    assert told[0].filename == __file__
    stepped(optimizer, scheduler, times=20)
    assert rates(optimizer) == [0.01]


def test_pain_6_a_cycle_stays_at_its_last_rate_where_pytorch_raises():
    optimizer = sgd(momentum=0.9)
    scheduler = OneCycleLR(optimizer, 0.5, total_steps=10, anneal_strategy="linear", final_div_factor=2)
    stepped(optimizer, scheduler, times=10)  # the usual loop, which PyTorch lets pass
    assert rates(optimizer) == [0.01]
    with pytest.warns(UserWarning, match="past its end at step 11"):
        stepped(optimizer, scheduler)
    stepped(optimizer, scheduler, times=5)
    assert rates(optimizer) == [0.01]


def test_past_end_torch_goes_where_pytorch_goes():
    arguments = {"max_lr": 0.5, "total_steps": 10, "anneal_strategy": "linear", "final_div_factor": 2}
    there, here = sgd(momentum=0.9), sgd(momentum=0.9)
    theirs, ours = THERE["OneCycleLR"](there, **arguments), OneCycleLR(here, **arguments, past_end="torch")
    stepped(there, theirs, times=10)
    stepped(here, ours, times=10)
    assert rates(there)[0] < 0.0
    assert rates(here) == pytest.approx(rates(there))
    for scheduler, optimizer in ((theirs, there), (ours, here)):
        with pytest.raises(ValueError, match="11"):
            stepped(optimizer, scheduler)
    assert ours.last_epoch == 10
    with pytest.raises(ArgumentError, match='"hold" or "torch"'):
        CosineAnnealingLR(sgd(), 5, past_end="wrap")


# What PyTorch trips over.


def test_phases_of_no_steps_are_left_out():
    for scheduler in (LinearLR(sgd(), 0.5, total_iters=0), ConstantLR(sgd(), 0.5, total_iters=0)):
        stepped(scheduler.optimizer, scheduler, times=3)
        assert rates(scheduler.optimizer) == [0.1]


def test_a_factor_of_0_is_come_back_from():
    optimizer = sgd()
    scheduler = ConstantLR(optimizer, factor=0.0, total_iters=2)
    stepped(optimizer, scheduler, times=2)
    assert rates(optimizer) == [0.1]


def test_restarts_are_counted_exactly():
    """PyTorch's logarithm is off at T_mult 3 and 121 times T_0: int(log(243, 3)) is 4."""
    optimizer = sgd()
    scheduler = CosineAnnealingWarmRestarts(optimizer, 1, 3)
    scheduler.step(121)
    assert (rates(optimizer), scheduler.T_cur, scheduler.T_i) == ([0.1], 0, 243)


def test_a_cycle_whose_first_phase_has_no_length_begins_at_its_peak():
    optimizer = sgd(momentum=0.9)
    OneCycleLR(optimizer, 0.5, total_steps=10, pct_start=0.1)
    assert rates(optimizer) == [0.5]
    assert optimizer.param_groups[0]["momentum"] == 0.85
    with pytest.raises(ZeroDivisionError):
        THERE["OneCycleLR"](sgd(momentum=0.9), 0.5, total_steps=10, pct_start=0.1)


def test_a_cyclic_rate_begins_at_its_base_whatever_came_before():
    optimizer = sgd(0.7, momentum=0.9)
    ExponentialLR(optimizer, 0.5)
    scheduler = CyclicLR(optimizer, 0.1, 0.3, 4)
    assert rates(optimizer) == [0.1]
    assert scheduler.base_lrs == [0.1]


def test_pain_3_sequences_nest():
    def rates_of(nested):
        optimizer = sgd()
        parts = [ConstantLR(optimizer, 0.5, 2), ExponentialLR(optimizer, 0.9), LinearLR(optimizer, 0.2, total_iters=3)]
        if nested == "first":
            inner = SequentialLR(optimizer, parts[:2], [2])
            scheduler = SequentialLR(optimizer, [inner, parts[2]], [4])
        elif nested == "last":
            inner = SequentialLR(optimizer, parts[1:], [2])
            scheduler = SequentialLR(optimizer, [parts[0], inner], [2])
        elif nested == "alone":
            scheduler = SequentialLR(optimizer, [SequentialLR(optimizer, parts, [2, 4])], [])
        else:
            scheduler = SequentialLR(optimizer, parts, [2, 4])
        ahead = scheduler.group_schedules[0].sample(12).tolist()
        return [row[0] for row in drawn.course(optimizer, scheduler, 11)], ahead

    flat, ahead = rates_of("not")
    assert flat == pytest.approx(ahead)
    for how in ("first", "last", "alone"):
        assert rates_of(how) == (pytest.approx(flat), pytest.approx(ahead))


def test_chains_and_sequences_are_parts_of_each_other():
    optimizer = sgd()
    chain = ChainedScheduler([ExponentialLR(optimizer, 0.9), StepLR(optimizer, 3, 0.5)])
    scheduler = SequentialLR(optimizer, [ConstantLR(optimizer, 0.5, 9), chain], [4])
    expected = (ss.Constant(0.05, 4) >> ss.Exponential(0.1, 0.9) * ss.Staircase(1.0, 0.5, 3)).sample(15)
    assert scheduler.group_schedules[0].sample(15) == pytest.approx(expected)
    assert [row[0] for row in drawn.course(optimizer, scheduler, 14)] == pytest.approx(expected)
    scheduler.seek(6)
    assert rates(optimizer) == [pytest.approx(expected[6])]
    optimizer = sgd()
    inner = SequentialLR(optimizer, [ConstantLR(optimizer, 0.5, 9), StepLR(optimizer, 3, 0.5)], [4])
    whole = ChainedScheduler([inner, ExponentialLR(optimizer, 0.9)])
    expected = whole.group_schedules[0].sample(10)
    assert [row[0] for row in drawn.course(optimizer, whole, 9)] == pytest.approx(expected)


def test_pytorchs_own_schedulers_are_parts_that_cannot_be_sought():
    optimizer = sgd()
    parts = [LinearLR(optimizer, 0.5, total_iters=4), THERE["ExponentialLR"](optimizer, 0.9)]
    scheduler = SequentialLR(optimizer, parts, [4])
    expected = scheduler.group_schedules[0].sample(10)
    assert [row[0] for row in drawn.course(optimizer, scheduler, 9)] == pytest.approx(expected)
    with pytest.raises(ArgumentError, match="ExponentialLR is PyTorch's own"):
        scheduler.seek(3)
    assert rates(optimizer) == [pytest.approx(expected[9])]
    nested = THERE["SequentialLR"](optimizer, [THERE["ExponentialLR"](optimizer, 0.9)], [])
    with pytest.raises(ArgumentError, match="SequentialLR of PyTorch's own"):
        SequentialLR(optimizer, [nested], [])


def test_ours_are_parts_of_pytorchs_own():
    def rates_of(module, whole):
        optimizer = sgd(0.1, 0.2)
        warmup, decay = module["LinearLR"](optimizer, 0.1, total_iters=5), module["CosineAnnealingLR"](optimizer, 40)
        if whole == "SequentialLR":
            return drawn.course(optimizer, THERE[whole](optimizer, [warmup, decay], [5]), 30)
        return drawn.course(optimizer, THERE[whole]([warmup, decay]), 30)

    for whole in ("SequentialLR", "ChainedScheduler"):
        np.testing.assert_allclose(rates_of(HERE, whole), rates_of(THERE, whole), rtol=1e-12)


def test_a_length_may_be_a_fraction_where_pytorch_takes_one():
    there, here = sgd(), sgd()
    expected = drawn.course(there, THERE["CosineAnnealingLR"](there, 12.5, 0.01), 12)
    assert np.allclose(drawn.course(here, CosineAnnealingLR(here, 12.5, 0.01), 12), expected, rtol=1e-12)
    there, here = sgd(), sgd()
    expected = drawn.course(there, THERE["CosineAnnealingLR"](there, 12.5, 0.01), 60)
    found = drawn.course(here, CosineAnnealingLR(here, 12.5, 0.01, past_end="torch"), 60)
    assert np.allclose(found, expected, rtol=1e-11)
    part = THERE["CosineAnnealingLR"](here, 7.3)
    assert SequentialLR(here, [part], []).group_schedules[0](9) == pytest.approx(0.05 * (1 + np.cos(np.pi * 9 / 7.3)))


# Groups and tensors.


def test_pain_12_a_group_added_later_joins_on_the_common_clock():
    optimizer = sgd(0.1)
    scheduler = CosineAnnealingLR(optimizer, 10)
    stepped(optimizer, scheduler, times=4)
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr": 1.0})
    stepped(optimizer, scheduler)
    assert rates(optimizer) == [pytest.approx(0.05), pytest.approx(0.5)]
    assert scheduler.base_lrs == [0.1, 1.0]


@pytest.mark.parametrize(
    "make",
    [
        lambda optimizer: LambdaLR(optimizer, [drawn.slope]),
        lambda optimizer: OneCycleLR(optimizer, [0.5], total_steps=10),
        lambda optimizer: CyclicLR(optimizer, 0.1, 0.2),
        lambda optimizer: SWALR(optimizer, 0.1),
        lambda optimizer: ReduceLROnPlateau(optimizer, min_lr=[0.0], patience=-1),
    ],
)
def test_a_group_for_which_there_is_nothing_is_an_error_that_names_it(make):
    optimizer = sgd(0.1, momentum=0.9)
    scheduler = make(optimizer)
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr": 1.0})
    update(optimizer)
    with pytest.raises(ArgumentError, match="parameter group 1"):
        scheduler.step(*[float("inf")] * isinstance(scheduler, ReduceLROnPlateau))


def test_pain_11_a_tensor_stays_the_same_across_steps_and_loading():
    def made():
        tensor = torch.tensor(0.1)
        optimizer = AdamW([torch.nn.Parameter(torch.ones(1))], lr=tensor, capturable=True)
        return tensor, optimizer, ExponentialLR(optimizer, 0.999)

    tensor, optimizer, scheduler = made()
    drawn.course(optimizer, scheduler, 20)
    saved = optimizer.state_dict()
    saved["param_groups"][0]["lr"] = 0.5  # a checkpoint of floats
    for order in ("os", "so"):
        tensor, optimizer, again = made()
        for what in order:
            if what == "o":
                optimizer.load_state_dict(saved)
            else:
                again.load_state_dict(scheduler.state_dict())
        assert optimizer.param_groups[0]["lr"] is tensor
        assert float(tensor) == float(torch.tensor(0.1 * 0.999**20))


def test_pain_11_a_tensor_of_single_precision_does_not_drift():
    optimizer = AdamW([torch.nn.Parameter(torch.ones(1))], lr=torch.tensor(1.0), capturable=True)
    drawn.course(optimizer, ExponentialLR(optimizer, 0.9999), 20_000)
    assert float(optimizer.param_groups[0]["lr"]) == float(torch.tensor(0.9999**20_000))


def test_pain_11_groups_that_share_a_tensor_get_their_own_where_they_differ():
    shared = torch.tensor(0.1)
    two = [torch.nn.Parameter(torch.ones(1)) for _ in range(2)]
    optimizer = AdamW([{"params": [each]} for each in two], lr=shared, capturable=True)
    LambdaLR(optimizer, [lambda t: 0.5, lambda t: 2.0])
    assert rates(optimizer) == [pytest.approx(0.05), pytest.approx(0.2)]
    plateau = AdamW([{"params": [each]} for each in two], lr=torch.tensor(0.1), capturable=True)
    scheduler = ReduceLROnPlateau(plateau, factor=0.5, patience=0)
    scheduler.step(1.0)
    scheduler.step(1.0)
    assert rates(plateau) == [pytest.approx(0.05)] * 2


def test_the_plateau_brings_its_rate_back():
    optimizer = sgd()
    scheduler = ReduceLROnPlateau(optimizer, factor=0.5, patience=0)
    for _ in range(3):
        scheduler.step(1.0)
    state = through_a_file(scheduler.state_dict())
    fresh = sgd()
    again = ReduceLROnPlateau(fresh, factor=0.5, patience=0)
    again.load_state_dict(state)
    assert (rates(fresh), again.best) == ([0.025], 1.0)
    again.step(1.0)
    assert rates(fresh) == [0.0125]
    theirs = THERE["ReduceLROnPlateau"](optimizer, factor=0.5, patience=0)
    other = sgd()
    ReduceLROnPlateau(other, factor=0.5, patience=0).load_state_dict(theirs.state_dict())
    assert rates(other) == [0.025]
    with pytest.raises(StateError, match="patience=0"):
        ReduceLROnPlateau(other, factor=0.5).load_state_dict(state)


# Values.


@pytest.mark.parametrize("last", [StepLR, MultiStepLR, ExponentialLR])
@pytest.mark.parametrize(
    ("first", "arguments"),
    [
        ("LambdaLR", {"lr_lambda": drawn.slope}),
        ("CosineAnnealingWarmRestarts", {"T_0": 4}),
        ("CosineAnnealingLR", {"T_max": 90, "eta_min": 0.01}),
        ("CyclicLR", {"base_lr": 0.1, "max_lr": 0.2, "step_size_up": 4}),
    ],
)
def test_a_factor_of_0_is_one_at_every_step_whatever_writes_before_it(first, arguments, last):
    rows = []
    for module in (THERE, HERE):
        optimizer = sgd(0.1, 0.02, momentum=0.9)
        one = module[first](optimizer, **arguments)
        other = {"StepLR": [3], "MultiStepLR": [[2, 5]], "ExponentialLR": []}[last.__name__]
        scheduler = module["ChainedScheduler"]([one, module[last.__name__](optimizer, *other, gamma=0.0)])
        rows.append(drawn.course(optimizer, scheduler, 12))
    np.testing.assert_allclose(rows[1], rows[0], rtol=1e-12)
    assert scheduler.group_schedules[0].sample(13) == pytest.approx([row[0] for row in rows[0]], rel=1e-12)


def test_a_product_that_underflows_still_has_its_factors():
    rows = []
    for module in (THERE, HERE):
        optimizer = sgd()
        scheduler = module["ChainedScheduler"](
            [module["LambdaLR"](optimizer, drawn.slope), module["ExponentialLR"](optimizer, 1e-3)]
        )
        rows.append(drawn.course(optimizer, scheduler, 200))
    np.testing.assert_allclose(rows[1], rows[0], rtol=1e-12)


@pytest.mark.parametrize("first", ["LinearLR", "ConstantLR", "ExponentialLR", "CosineAnnealingLR", "SWALR", "LambdaLR"])
@pytest.mark.parametrize("kind", [THERE, HERE], ids=["theirs", "ours"])
def test_a_sequence_begins_at_the_rate_that_a_later_part_gave_the_groups(first, kind):
    """OneCycleLR writes its own first rate as the groups' initial one, and a sequence starts from that."""

    def made(module):
        arguments = {
            "LinearLR": {"start_factor": 0.1, "total_iters": 4},
            "ExponentialLR": {"gamma": 0.9},
            "CosineAnnealingLR": {"T_max": 4 if kind is THERE else 7, "eta_min": 0.01},
            "SWALR": {"swa_lr": 0.05},
            "LambdaLR": {"lr_lambda": drawn.slope},
        }
        optimizer = sgd(momentum=0.9)
        parts = [module[first](optimizer, **arguments.get(first, {})), module["OneCycleLR"](optimizer, 0.3, 20)]
        return optimizer, module["SequentialLR"](optimizer, parts, [7])

    optimizer, scheduler = made(kind)
    schedules = scheduler.group_schedules if kind is HERE else from_torch(scheduler)
    found = drawn.course(optimizer, scheduler, 20)
    np.testing.assert_allclose(found, drawn.course(*made(THERE), 20), rtol=1e-12)
    np.testing.assert_allclose(schedules[0].sample(21), [row[0] for row in found], rtol=1e-12)
    if kind is HERE:
        scheduler.seek(2)
        assert rates(optimizer) == [pytest.approx(found[2][0], rel=1e-12)]


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


def test_the_epoch_says_nothing_to_weight_averaging_as_in_pytorch():
    rows = []
    for module in (THERE, HERE):
        optimizer = sgd()
        scheduler = module["SWALR"](optimizer, 0.02, anneal_epochs=8)
        rows.append([])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for epoch in (0, None, 5, None, 2, 0, None, None, 30, None):
                scheduler.step(*([] if epoch is None else [epoch]))
                rows[-1].append((rates(optimizer)[0], scheduler.last_epoch))
                assert from_torch(scheduler)[0](scheduler.last_epoch) == pytest.approx(rates(optimizer)[0], rel=1e-9)
    np.testing.assert_allclose(rows[1], rows[0], rtol=1e-12)
    with pytest.raises(ArgumentError, match=r"SWALR.step\(epoch"), pytest.warns(UserWarning, match="epoch"):
        scheduler.step(1.5)


def test_functions_may_be_set_as_in_pytorch():
    for name, expected in (("LambdaLR", 0.05), ("MultiplicativeLR", 0.05)):
        for module in (THERE, HERE):
            optimizer = sgd()
            scheduler = module[name](optimizer, lambda t: 1.0)
            scheduler.lr_lambdas = [lambda t: 0.5]
            stepped(optimizer, scheduler)
            assert rates(optimizer) == [expected]


def test_a_chain_of_pytorchs_own_is_refused_within_a_chain():
    optimizer = sgd()
    theirs = THERE["ChainedScheduler"]([THERE["ExponentialLR"](optimizer, 0.9)])
    with pytest.raises(ArgumentError, match="rightly within a ChainedScheduler"):
        ChainedScheduler([theirs])


def test_attributes_and_base_rates_may_be_set_as_in_pytorch():
    optimizer = sgd()
    scheduler = CosineAnnealingLR(optimizer, 10)
    scheduler.T_max = 20
    scheduler.base_lrs = [0.2]
    assert scheduler.group_schedules == (ss.Cosine(0.2, 0.0, 20),)


@pytest.mark.parametrize("end", [2, 5, 50])
def test_swa_starts_at_the_rate_that_its_first_step_finds(end):
    optimizer = sgd()
    decay, swa = ExponentialLR(optimizer, 0.9), SWALR(optimizer, 0.02, anneal_epochs=4, anneal_strategy="linear")
    stepped(optimizer, decay, times=end)
    (found,) = rates(optimizer)
    stepped(optimizer, swa, times=2)
    assert rates(optimizer) == [pytest.approx((found + 0.02) / 2)]
    assert swa.group_schedules == (ss.Linear(found, 0.02, 4),)


def test_a_negative_rate_is_refused_and_nothing_moves():
    optimizer = sgd()
    scheduler = LambdaLR(optimizer, lambda t: 1.0 - t)
    stepped(optimizer, scheduler)
    update(optimizer)
    with pytest.raises(StepError, match=r"LambdaLR gives group 0 the rate -0.1 at step 2"):
        scheduler.step()
    assert (scheduler.last_epoch, rates(optimizer)) == (1, [0.0])


def test_a_chain_with_a_sequence_in_it_moves_whole_or_not_at_all():
    troubles = iter([True])

    def factor(step):
        if step == 3 and next(troubles, False):
            raise RuntimeError("once")
        return 1.0

    def made(factor):
        optimizer = sgd(1.0)
        parts = [CosineAnnealingLR(optimizer, 10), ExponentialLR(optimizer, 0.9)]
        sequence = SequentialLR(optimizer, parts, [8])
        return optimizer, ChainedScheduler([sequence, MultiplicativeLR(optimizer, factor)])

    calm_optimizer, calm = made(lambda step: 1.0)
    optimizer, scheduler = made(factor)
    stepped(calm_optimizer, calm, times=2)
    stepped(optimizer, scheduler, times=2)
    with pytest.raises(StepError, match="once"):
        stepped(optimizer, scheduler)
    for _ in range(10):
        assert rates(optimizer) == rates(calm_optimizer)
        stepped(calm_optimizer, calm)
        stepped(optimizer, scheduler)


def test_an_optimizer_taken_back_to_its_start_gives_the_next_scheduler_its_own_rates():
    optimizer = sgd()
    start = copy.deepcopy(optimizer.state_dict())
    for _ in range(2):
        optimizer.load_state_dict(start)
        scheduler = StepLR(optimizer, 2)
        assert rates(optimizer) == [0.1]
        stepped(optimizer, scheduler, times=2)
        assert rates(optimizer) == pytest.approx([0.01])


def test_plans_are_compared_to_the_last_digit():
    for one, other in (
        (lambda o: ExponentialLR(o, 0.999999), lambda o: ExponentialLR(o, 0.9999995)),
        (lambda o: CosineAnnealingLR(o, 2_000_000), lambda o: CosineAnnealingLR(o, 2_000_001)),
    ):
        with pytest.raises(StateError, match="was saved with"):
            other(sgd()).load_state_dict(one(sgd()).state_dict())


def test_a_refused_construction_leaves_the_optimizers_step_alone():
    optimizer = sgd()
    with pytest.raises(ArgumentError):
        StepLR(optimizer, 0)
    assert "step" not in vars(optimizer)


def test_a_momentum_in_a_tensor_is_filled_in_place():
    betas = (torch.tensor(0.9, dtype=torch.float64), torch.tensor(0.999, dtype=torch.float64))
    optimizer = Adam([torch.zeros(1, requires_grad=True)], lr=torch.tensor(0.1), betas=betas)
    scheduler = lr_scheduler.OneCycleLR(optimizer, 0.5, 10)
    first = optimizer.param_groups[0]["betas"][0]
    stepped(optimizer, scheduler, times=5)
    assert optimizer.param_groups[0]["betas"][0] is first
    floats = Adam([torch.zeros(1, requires_grad=True)], lr=0.1, betas=(0.9, 0.999))
    stepped(floats, lr_scheduler.OneCycleLR(floats, 0.5, 10), times=5)
    assert float(first) == floats.param_groups[0]["betas"][0]


def test_a_whole_rate_in_pytorchs_own_state_is_read():
    theirs = torch.optim.lr_scheduler.StepLR(SGD([torch.zeros(1, requires_grad=True)], lr=1), 30)
    scheduler = StepLR(sgd(1.0), 30)
    scheduler.load_state_dict(theirs.state_dict())
    assert scheduler.get_last_lr() == [1.0]


def test_a_chain_moves_whole_or_not_at_all():
    optimizer = sgd()
    scheduler = ChainedScheduler([ExponentialLR(optimizer, 0.5), MultiplicativeLR(optimizer, lambda t: 2 - t)])
    stepped(optimizer, scheduler, times=2)
    update(optimizer)
    optimizer.param_groups[0]["lr"] = 1.0
    with pytest.raises(StepError, match="MultiplicativeLR gives group 0 the rate -"):
        scheduler.step()
    assert ([part.last_epoch for part in scheduler._schedulers], rates(optimizer)) == ([2, 2], [1.0])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda o: StepLR(o, 0),
            ArgumentError,
            r"^StepLR\(step_size=...\) must be a whole number of at least 1, got 0",
        ),
        (lambda o: StepLR(o, 2.5), ArgumentError, r"^StepLR\(step_size=...\) .* got 2.5"),
        (lambda o: StepLR(o, 5, -1.0), ArgumentError, r"^StepLR\(gamma=...\)"),
        (lambda o: ExponentialLR(o, -0.5), ArgumentError, r"^ExponentialLR\(gamma=...\) .* got -0.5"),
        (lambda o: ConstantLR(o, 0.5, 2.5), ArgumentError, r"^ConstantLR\(total_iters=...\)"),
        (
            lambda o: CosineAnnealingLR(o, 0),
            ArgumentError,
            r"^CosineAnnealingLR\(T_max=...\) must be a finite number > 0",
        ),
        (lambda o: LinearLR(o, total_iters=float("inf")), ArgumentError, "total_iters"),
        (lambda o: PolynomialLR(o, 0), ArgumentError, r"^PolynomialLR\(total_iters=...\)"),
        (lambda o: PolynomialLR(o, 2.5), ArgumentError, r"^PolynomialLR\(total_iters=...\)"),
        (lambda o: PolynomialLR(o, 5, -1), ArgumentError, r"^PolynomialLR\(power=...\)"),
        (lambda o: MultiStepLR(o, [-1]), ArgumentError, r"^MultiStepLR\(milestones\[0\]=...\)"),
        (lambda o: ConstantLR(o, 2.0), ValueError, "between 0 and 1"),
        (lambda o: LambdaLR(o, 3), ArgumentError, "function of the step"),
        (lambda o: LambdaLR(o, []), ValueError, "Expected 1 lr_lambdas"),
        (lambda o: MultiplicativeLR(o, 3), ArgumentError, "lr_lambda must be a function"),
        (lambda o: CyclicLR(o, 0.1, 0.2, 2.5), ArgumentError, r"CyclicLR\(step_size_up"),
        (lambda o: CyclicLR(o, 0.1, 0.2, 0, 4), ArgumentError, r"CyclicLR\(step_size_up"),
        (lambda o: CyclicLR(o, 0.1, 0.5, 0), ArgumentError, r"^CyclicLR\(step_size_up=...\) .* at least 1, got 0"),
        (lambda o: CyclicLR(o, 0.1, 0.5, 4, -1), ArgumentError, r"^CyclicLR\(step_size_down=...\)"),
        (lambda o: CyclicLR(o, 0.1, 0.2, 5, mode="saw"), ValueError, "mode is invalid"),
        (lambda o: OneCycleLR(o, 0.1), ValueError, "total_steps OR"),
        (lambda o: SequentialLR(o, [StepLR(o, 1), StepLR(o, 1), StepLR(o, 1)], [5, 3]), ArgumentError, "rising"),
        (lambda o: SequentialLR(o, [StepLR(o, 1)], [5]), ValueError, "one more"),
        (lambda o: SequentialLR(o, [ReduceLROnPlateau(o)], []), ValueError, "ReduceLROnPlateau"),
        (lambda o: ChainedScheduler([]), ArgumentError, "at least one"),
        (lambda o: ReduceLROnPlateau(o, factor=1.0), ValueError, "Factor should be < 1.0"),
        (lambda o: StepLR(o, 5, on_change="ask"), ArgumentError, "on_change"),
        (lambda o: StepLR("sgd", 5), TypeError, "str is not an Optimizer"),
    ],
)
def test_bad_arguments_are_one_error_and_leave_the_optimizer_alone(make, error, message):
    optimizer = sgd(0.1, momentum=0.9)
    with pytest.raises(error, match=message):
        make(optimizer)
    assert rates(optimizer) == [0.1]
    assert optimizer.param_groups[0]["momentum"] == 0.9


# Names.


def test_every_public_class_of_pytorch_is_here_and_a_subclass_of_it():
    assert set(lr_scheduler.__all__) == set(torch.optim.lr_scheduler.__all__) | {"SWALR"}
    assert lr_scheduler.LRScheduler is torch.optim.lr_scheduler.LRScheduler
    for name in set(lr_scheduler.__all__) - {"LRScheduler"}:
        assert issubclass(getattr(lr_scheduler, name), THERE[name])


@pytest.mark.parametrize("name", sorted(set(lr_scheduler.__all__) - {"LRScheduler"}))
def test_the_signature_is_pytorchs_and_what_is_added_is_by_keyword(name):
    theirs = inspect.signature(THERE[name]).parameters
    ours = inspect.signature(getattr(lr_scheduler, name)).parameters
    added = [parameter for key, parameter in ours.items() if key not in theirs]
    assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in added)
    assert [(key, ours[key].default) for key in theirs] == [(key, p.default) for key, p in theirs.items()]


def test_the_older_name_of_the_base_class_is_here():
    assert lr_scheduler._LRScheduler is torch.optim.lr_scheduler._LRScheduler


def test_step_counts_as_frameworks_read_them_are_pytorchs():
    for name, arguments in {"StepLR": {"step_size": 3}, "OneCycleLR": {"max_lr": 0.1, "total_steps": 9}}.items():
        counts = []
        for module in (THERE, HERE):
            optimizer = sgd(momentum=0.9)
            scheduler = module[name](optimizer, **arguments)
            stepped(optimizer, scheduler, times=3)
            counts.append((scheduler._step_count, scheduler.last_epoch, getattr(scheduler, "total_steps", None)))
        assert counts[0] == counts[1]


def test_a_class_of_ones_own_stays_what_it_is():
    class Half(StepLR):
        """A subclass, as people write them."""

    optimizer = sgd()
    scheduler = Half(optimizer, 1, 0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stepped(optimizer, scheduler, times=2)
    assert rates(optimizer) == [0.025]
    assert Spec("StepLR", {"step_size": 1}).made(HERE, sgd()).group_schedules[0].steps == float("inf")
