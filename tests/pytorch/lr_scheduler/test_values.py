"""The same rates as PyTorch's own, for every class and random arguments, step by step."""

import functools

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pytorch.lr_scheduler import drawn
from pytorch.lr_scheduler.drawn import HERE, THERE, Groups, Spec
from stepsize.pytorch.conversion import from_torch


def assert_same(spec: Spec, groups: Groups) -> None:
    """To 1e-12, relative to each row's own number, or to the highest rate of the run where a number is next to 0."""
    there, here = groups.made(), groups.made()
    theirs, ours = spec.made(THERE, there), spec.made(HERE, here)
    last = drawn.last_step(spec)
    expected = np.array(drawn.course(there, theirs, last))
    assume(expected.min() >= 0.0 or "past_end" in spec.here_only)  # a chain may be negative there; here it is refused
    found = np.array(drawn.course(here, ours, last))
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13 * np.abs(expected).max())
    assert [sorted(group) for group in here.param_groups] == [sorted(group) for group in there.param_groups]
    if spec.name != "ChainedScheduler":
        assert ours.last_epoch == theirs.last_epoch


@pytest.mark.parametrize("name", drawn.SINGLE)
@settings(max_examples=40)
@given(data=st.data(), groups=drawn.groups)
def test_every_class_has_pytorchs_rates_for_300_steps(name, data, groups):
    assert_same(data.draw(drawn.specs(name)), groups)


@settings(max_examples=60)
@given(spec=drawn.sequences(), groups=drawn.groups)
def test_a_sequence_has_pytorchs_rates(spec, groups):
    assert_same(spec, groups)


@settings(max_examples=60)
@given(spec=drawn.chains, groups=drawn.groups)
def test_a_chain_has_pytorchs_rates(spec, groups):
    assert_same(spec, groups)


every_spec = st.one_of(*map(drawn.specs, drawn.SINGLE), drawn.sequences(), drawn.chains)


@settings(max_examples=100)
@given(spec=every_spec, groups=drawn.groups)
def test_the_schedules_are_the_rates_and_neither_looking_nor_seeking_changes_them(spec, groups):
    optimizer = groups.made()
    scheduler = spec.made(HERE, optimizer)
    before = drawn.written(optimizer)
    if spec.name == "SWALR":
        drawn.course(optimizer, scheduler, 1)
        scheduler.seek(0)
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
        assert scheduler.last_epoch == position


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


@settings(max_examples=50)
@given(spec=drawn.specs("CosineAnnealingLR") | drawn.specs("OneCycleLR"), groups=drawn.groups)
def test_held_ends_have_pytorchs_rates_up_to_the_end(spec, groups):
    end = spec.arguments["T_max"] if spec.name == "CosineAnnealingLR" else spec.arguments["total_steps"] - 1
    there, here = groups.made(), groups.made()
    theirs, ours = spec.made(THERE, there), Spec(spec.name, spec.arguments).made(HERE, here)
    expected = np.array(drawn.course(there, theirs, min(end, 300)))
    found = np.array(drawn.course(here, ours, min(end, 300)))
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13 * expected.max())


@settings(max_examples=60)
@given(
    metrics=st.lists(st.floats(-2.0, 2.0) | st.just(float("nan")) | st.just(float("inf")), max_size=80),
    groups=drawn.groups,
    arguments=st.fixed_dictionaries(
        {},
        optional={
            "mode": st.sampled_from(["min", "max"]),
            "factor": st.floats(0.0, 0.99),
            "patience": st.integers(0, 4),
            "threshold": st.floats(0.0, 0.5),
            "threshold_mode": st.sampled_from(["rel", "abs"]),
            "cooldown": st.integers(0, 3),
            "min_lr": st.floats(0.0, 0.1),
            "eps": st.floats(0.0, 0.01),
        },
    ),
)
def test_a_plateau_has_pytorchs_rates_for_any_metrics(metrics, groups, arguments):
    there, here = groups.made(), groups.made()
    theirs, ours = THERE["ReduceLROnPlateau"](there, **arguments), HERE["ReduceLROnPlateau"](here, **arguments)
    for metric in metrics:
        theirs.step(metric)
        ours.step(metric)
        assert drawn.written(here) == drawn.written(there)
    assert (ours.best, ours.num_bad_epochs, ours.cooldown_counter) == (
        theirs.best,
        theirs.num_bad_epochs,
        theirs.cooldown_counter,
    )


@pytest.mark.parametrize("first", ["StepLR", "LinearLR", "ExponentialLR", "CosineAnnealingLR"])
@settings(max_examples=25)
@given(data=st.data(), groups=drawn.groups)
def test_two_stepped_by_hand_on_one_optimizer_multiply_as_in_pytorch(first, data, groups):
    pair = data.draw(drawn.multiplying(first)), data.draw(st.sampled_from(drawn.CHAINABLE).flatmap(drawn.multiplying))
    rows = []
    for module in (THERE, HERE):
        optimizer = groups.made()
        schedulers = [spec.made(module, optimizer) for spec in pair]
        rows.append([drawn.written(optimizer)])
        for _ in range(60):
            for scheduler in schedulers:
                drawn.course(optimizer, scheduler, 1)
            rows[-1].append(drawn.written(optimizer))
        assume(
            np.min(rows[0]) == 0.0 or np.min(rows[0]) > 1e-12 * np.max(rows[0])
        )  # PyTorch may go below the floor of a cosine; here that is refused
    np.testing.assert_allclose(rows[1], rows[0], rtol=1e-11, atol=1e-13 * np.max(rows[0]))


@settings(max_examples=60)
@given(
    spec=st.sampled_from(drawn.CHAINABLE).flatmap(drawn.specs), edits=st.dictionaries(st.integers(0, 80), drawn.rates)
)
def test_a_rate_set_by_hand_is_carried_on_from_as_in_pytorch(spec, edits):
    rows = []
    for module in (THERE, HERE):
        optimizer = Groups((0.1, 0.02)).made()
        scheduler = spec.made(module, optimizer)
        rows.append([])
        for step in range(100):
            if step in edits:
                optimizer.param_groups[1]["lr"] = edits[step]
            drawn.course(optimizer, scheduler, 1)
            rows[-1].append(drawn.written(optimizer))
    np.testing.assert_allclose(rows[1], rows[0], rtol=1e-9, atol=1e-12 * np.max(rows[0]))


# PyTorch finds the cycle by a logarithm, which rounds up within some 1e-14 of a restart.
AWAY_FROM_RESTARTS = functools.partial(round, ndigits=6)


@settings(max_examples=40)
@given(
    arguments=drawn.COSINES["CosineAnnealingWarmRestarts"],
    epochs=st.lists(st.none() | st.floats(0.0, 100.0).map(AWAY_FROM_RESTARTS), min_size=1, max_size=30),
)
def test_warm_restarts_step_to_fractions_without_a_warning_as_in_pytorch(arguments, epochs):
    rows = []
    for module in (THERE, HERE):
        optimizer = Groups((0.1,)).made()
        scheduler = module["CosineAnnealingWarmRestarts"](optimizer, **arguments)
        rows.append([])
        for epoch in epochs:
            scheduler.step(epoch)
            rows[-1].append([*drawn.written(optimizer), scheduler.last_epoch])
    np.testing.assert_allclose(rows[1], rows[0], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.AdamW])
@pytest.mark.parametrize("name", ["CyclicLR", "OneCycleLR"])
def test_the_first_beta_moves_where_there_is_no_momentum(kind, name):
    arguments = {"CyclicLR": {"base_lr": 0.1, "max_lr": 0.5, "step_size_up": 5}}
    arguments["OneCycleLR"] = {"max_lr": 0.5, "total_steps": 50}
    rows = []
    for module in (THERE, HERE):
        optimizer = kind([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
        rows.append(drawn.course(optimizer, module[name](optimizer, **arguments[name]), 49))
    np.testing.assert_allclose(rows[1], rows[0], rtol=1e-12, atol=1e-14)
