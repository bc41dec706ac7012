"""Schedules of other tools and papers, said in one line: their rates, run here or measured."""

import math

import optax
import pytest
import torch

import stepsize as ss
from stepsize import parse

MEASURED = {
    "axolotl's rex, warmup 3 of 10, one step ahead": (
        "(Linear(0, 1, 3) >> Rex(1, 0, 7, beta=0.9)).tail(1)",
        [0.3333, 0.6667, 1, 0.9836, 0.9615, 0.9302, 0.8824, 0.8, 0.625, 0, 0],
    ),
    "axolotl's cosine with a quadratic warmup": (
        "Linear(0, 1, 4).warp(2) >> Cosine(1, 0, 6)",
        [0, 0.0625, 0.25, 0.5625, 1, 0.933, 0.75, 0.5, 0.25, 0.067, 0],
    ),
    "transformers' polynomial, end .1, power 2": (
        'wsd(1, 4, 0, 6, final_lr=0.1, shape="polynomial(2)")',
        [0, 0.25, 0.5, 0.75, 1, 0.725, 0.5, 0.325, 0.2, 0.125, 0.1, 0.1],
    ),
    "optax's exponential decay after a warmup, without a staircase": (
        'wsd(1, 4, 0, 4, final_lr=0.5, shape="exponential")',
        [0, 0.25, 0.5, 0.75, 1, 0.8409, 0.7071, 0.5946, 0.5],
    ),
}


@pytest.mark.parametrize("case", MEASURED)
def test_a_line_has_the_measured_rates(case):
    line, rates = MEASURED[case]
    assert parse(line).sample(len(rates)) == pytest.approx(rates, abs=5e-5)


def test_wsds_is_olmo_cores_but_begins_a_period_at_the_peak():
    """OLMo-core has the low rate at the boundary, and the peak one step later."""
    theirs = [0, 0.5, 1, 1, 1, 0.5, 0, 1, 1, 1, 1, 0.5, 0, 0]  # periods of 6 and 6, warmup 2, decay 2
    ours = ss.wsds(1, 2, (2, 4), (2, 2)).sample(14).tolist()
    assert (theirs[6], ours[6]) == (0, 1)
    assert theirs[:6] + theirs[7:] == ours[:6] + ours[7:]


@pytest.mark.parametrize("strategy", ["cos", "linear"])
@pytest.mark.parametrize("first", [1, 30, 50, 99])
def test_one_cycle_is_pytorchs_with_its_momentum(strategy, first):
    """PyTorch's phases end one step early: those of 101 steps are ours of 100."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 0.5, total_steps=101, pct_start=(first + 1) / 101, anneal_strategy=strategy
    )
    shape = {"cos": "cosine", "linear": "linear"}[strategy]
    rate = ss.one_cycle(0.5, 100, first / 100, shape=shape)
    momentum = ss.one_cycle_momentum(100, warmup_frac=first / 100, shape=shape)
    for step in range(101):
        group = optimizer.param_groups[0]
        assert group["lr"] == pytest.approx(rate(step), rel=1e-12, abs=1e-15)
        assert group["momentum"] == pytest.approx(momentum(step), rel=1e-12)
        if step < 100:
            optimizer.step()
            scheduler.step()


@pytest.mark.parametrize("exponent", [0.5, 1, 2, 3.7])
def test_optaxs_exponent_of_a_cosine_is_a_power(exponent):
    theirs = optax.cosine_decay_schedule(1.0, 10, 0.1, exponent)
    ours = parse(f"0.1 + 0.9 * Cosine(1, 0, 10) ** {exponent}")
    assert ours.sample(13) == pytest.approx([float(theirs(step)) for step in range(13)], rel=1e-5)


@pytest.mark.parametrize("k", [0.5, 1, 2])
def test_timms_k_decay_is_a_warp(k):
    for step in range(31):
        z = step**k / 30**k
        assert parse(f"Cosine(1, 0.1, 30).warp({k})")(step) == pytest.approx(0.1 + 0.45 * (1 + math.cos(math.pi * z)))
        assert parse(f"Polynomial(1, 0.1, 30, 0.5).warp({k})")(step) == pytest.approx(0.1 + 0.9 * (1 - z) ** 0.5)


def test_the_power_scheduler_is_a_minimum():
    ours = parse("minimum(0.5, InversePower(4.6, 1, 0.51))")
    assert ours.sample(99) == pytest.approx([min(0.5, 4.6 * (t + 1) ** -0.51) for t in range(99)])


def test_an_infinite_schedule_has_the_formulas_of_the_paper():
    peak, stable, final, ends = 3e-4, 1.65e-4, 3e-5, (10, 50, 90, 120)
    made = ss.infinite(peak, stable, 10, 40, 40, 30)
    for t in range(130):
        warmup, decay, hold, end = ends
        if t < warmup:
            expected = peak * t / warmup
        elif t < decay:
            expected = stable + (peak - stable) / 2 * (1 + math.cos(math.pi * (t - warmup) / (decay - warmup)))
        else:
            expected = stable * (final / stable) ** (min(max(t - hold, 0), end - hold) / (end - hold))
        assert made(t) == pytest.approx(expected, rel=1e-12)
