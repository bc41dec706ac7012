"""Where PyTorch's classes fail or are caught out, and these are not."""

import numpy as np
import pytest

import stepsize as ss
from pytorch.lr_scheduler import drawn
from pytorch.lr_scheduler.drawn import HERE, THERE
from pytorch.lr_scheduler.stepping import rates, sgd, stepped, update
from stepsize.errors import StepError
from stepsize.pytorch.lr_scheduler import (
    SWALR,
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    CyclicLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiStepLR,
    OneCycleLR,
    SequentialLR,
    StepLR,
)


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
