"""Sequences and chains: one within the other, with PyTorch's own parts, moved whole or not at all."""

import numpy as np
import pytest

import stepsize as ss
from pytorch.lr_scheduler import drawn
from pytorch.lr_scheduler.drawn import HERE, THERE
from pytorch.lr_scheduler.stepping import rates, sgd, stepped, update
from stepsize.errors import ArgumentError, StepError
from stepsize.pytorch import from_torch
from stepsize.pytorch.lr_scheduler import (
    ChainedScheduler,
    ConstantLR,
    CosineAnnealingLR,
    ExponentialLR,
    LinearLR,
    MultiplicativeLR,
    SequentialLR,
    StepLR,
)


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


def test_a_chain_of_pytorchs_own_is_refused_within_a_chain():
    optimizer = sgd()
    theirs = THERE["ChainedScheduler"]([THERE["ExponentialLR"](optimizer, 0.9)])
    with pytest.raises(ArgumentError, match="rightly within a ChainedScheduler"):
        ChainedScheduler([theirs])


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


def test_a_chain_moves_whole_or_not_at_all():
    optimizer = sgd()
    scheduler = ChainedScheduler([ExponentialLR(optimizer, 0.5), MultiplicativeLR(optimizer, lambda t: 2 - t)])
    stepped(optimizer, scheduler, times=2)
    update(optimizer)
    optimizer.param_groups[0]["lr"] = 1.0
    with pytest.raises(StepError, match="MultiplicativeLR gives group 0 the rate -"):
        scheduler.step()
    assert ([part.last_epoch for part in scheduler._schedulers], rates(optimizer)) == ([2, 2], [1.0])
