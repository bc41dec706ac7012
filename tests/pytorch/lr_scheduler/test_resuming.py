"""PyTorch's names resumed: in any order of loading, from PyTorch's own states, from `last_epoch`.

A test with pain_N in its name mends line N of what users of schedulers suffer.
"""

import copy
import gc
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytorch.lr_scheduler import drawn
from pytorch.lr_scheduler.drawn import HERE, THERE, Groups
from pytorch.lr_scheduler.stepping import every_spec, rates, sgd, stepped, through_a_file
from stepsize.errors import StateError
from stepsize.pytorch.lr_scheduler import (
    CosineAnnealingLR,
    ExponentialLR,
    LinearLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)


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


def test_an_optimizer_taken_back_to_its_start_gives_the_next_scheduler_its_own_rates():
    optimizer = sgd()
    start = copy.deepcopy(optimizer.state_dict())
    for _ in range(2):
        optimizer.load_state_dict(start)
        scheduler = StepLR(optimizer, 2)
        assert rates(optimizer) == [0.1]
        stepped(optimizer, scheduler, times=2)
        assert rates(optimizer) == pytest.approx([0.01])
