"""The rates of every class for random arguments: PyTorch's own, and those of its schedules, wherever it seeks."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pytorch.lr_scheduler import drawn
from pytorch.lr_scheduler.drawn import HERE, THERE, Groups, Spec
from stepsize.pytorch import from_torch


def assert_same(spec: Spec, groups: Groups) -> None:
    """Bit for bit."""
    there, here = groups.made(), groups.made()
    theirs, ours = spec.made(THERE, there), spec.made(HERE, here)
    last = drawn.last_step(spec)
    assert drawn.course(here, ours, last) == drawn.course(there, theirs, last)
    assert [sorted(group) for group in here.param_groups] == [sorted(group) for group in there.param_groups]
    if spec.name != "ChainedScheduler":
        assert ours.last_epoch == theirs.last_epoch


@pytest.mark.parametrize("name", drawn.SINGLE)
@settings(max_examples=20)
@given(data=st.data(), groups=drawn.groups)
def test_every_class_has_pytorchs_rates_at_every_step(name, data, groups):
    assert_same(data.draw(drawn.specs(name)), groups)


@settings(max_examples=30)
@given(spec=drawn.sequences(), groups=drawn.groups)
def test_a_sequence_has_pytorchs_rates(spec, groups):
    assert_same(spec, groups)


@settings(max_examples=30)
@given(spec=drawn.chains, groups=drawn.groups)
def test_a_chain_has_pytorchs_rates(spec, groups):
    assert_same(spec, groups)


every_spec = st.one_of(*map(drawn.specs, drawn.SINGLE), drawn.sequences(), drawn.chains)


@settings(max_examples=100)
@given(spec=every_spec, groups=drawn.groups)
def test_the_schedules_are_the_rates_and_neither_looking_nor_seeking_changes_them(spec, groups):
    optimizer = groups.made()
    scheduler = spec.made(HERE, optimizer)
    if spec.name == "SWALR":
        drawn.course(optimizer, scheduler, 1)
        scheduler.seek(0)
    before = drawn.written(optimizer)
    schedules = scheduler.group_schedules
    assert drawn.written(optimizer) == before
    last = drawn.last_step(spec)
    ahead = [schedule(np.arange(last + 1)) for schedule in schedules]
    assume(np.min(ahead) >= 0.0 or "past_end" in spec.here_only)
    rows = np.array(drawn.course(optimizer, scheduler, last))
    for index, rates in enumerate(ahead):
        np.testing.assert_allclose(rates, rows[:, 2 * index], rtol=1e-12, atol=1e-13 * rows.max())
    for position in (last // 2, 0, last):
        scheduler.seek(position)
        np.testing.assert_allclose(drawn.written(optimizer), rows[position], rtol=1e-12, atol=1e-13 * rows.max())
        found = drawn.course(optimizer, scheduler, min(5, last - position))
        expected = rows[position : position + 6]
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12 * rows.max())


@settings(max_examples=100)
@given(spec=every_spec, groups=drawn.groups)
def test_from_torch_has_the_rates_and_changes_nothing(spec, groups):
    optimizer = groups.made()
    scheduler = spec.made(THERE, optimizer)
    before = drawn.written(optimizer)
    schedules = from_torch(scheduler)
    assert drawn.written(optimizer) == before
    last = drawn.last_step(spec)
    rows = np.array(drawn.course(optimizer, scheduler, last))
    for index, schedule in enumerate(schedules):
        rates = schedule(np.arange(last + 1))
        np.testing.assert_allclose(rates, rows[:, 2 * index], rtol=1e-12, atol=1e-13 * rows.max())


@settings(max_examples=25)
@given(spec=drawn.specs("CosineAnnealingLR") | drawn.specs("OneCycleLR"), groups=drawn.groups)
def test_held_ends_have_pytorchs_rates_up_to_the_end(spec, groups):
    end = spec.arguments["T_max"] if spec.name == "CosineAnnealingLR" else spec.arguments["total_steps"] - 1
    there, here = groups.made(), groups.made()
    theirs, ours = spec.made(THERE, there), Spec(spec.name, spec.arguments).made(HERE, here)
    expected = np.array(drawn.course(there, theirs, min(end, drawn.STEPS)))
    found = np.array(drawn.course(here, ours, min(end, drawn.STEPS)))
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13 * expected.max())


@pytest.mark.parametrize("mode", ["triangular", "triangular2", "exp_range"])
def test_the_schedule_of_each_cyclic_mode_has_its_rates(mode):
    optimizer = Groups((0.1,)).made()
    scheduler = THERE["CyclicLR"](optimizer, 0.1, 0.5, step_size_up=5, step_size_down=3, mode=mode, gamma=0.98)
    (schedule,) = from_torch(scheduler)
    rows = drawn.course(optimizer, scheduler, 40)
    np.testing.assert_allclose(schedule(np.arange(41)), [row[0] for row in rows], rtol=1e-12)
