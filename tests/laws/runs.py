"""Runs that follow a known law, with correlated noise like that of real runs, and their fits."""

from functools import cache

import numpy as np

import stepsize as ss
from stepsize.curves import LossCurve
from stepsize.laws import FunctionalLaw, MomentumLaw, MultiPowerLaw, fit

PEAK = 3e-4
TRUTH = MultiPowerLaw(3.0, 0.52, 0.5, 400.0, 3.0, 0.5, 0.5)
FUNCTIONAL_TRUTH = FunctionalLaw(2.9, 6.0, 0.5, 4.0, 2.5, 1.4, 1.8, 0.5, 0.3, 6e-5)
MOMENTUM_TRUTH = MomentumLaw(3.0, 0.52, 0.5, 1.2, 0.99)

PLANS = {
    "flat": ss.warmup(ss.Constant(PEAK, 5800), 200),
    "cosine": ss.warmup_cosine(PEAK, 200, 6000, final_lr=0.1 * PEAK),
    "drop": ss.warmup(ss.Piecewise((PEAK, 0.3 * PEAK), (2500,)), 200).head(6000),
}


def run(name, plan, law=TRUTH, steps=6000, noise=0.0, seed=0, every=40, scale=1.0):
    at = np.arange(240, steps, every)
    rng = np.random.default_rng(seed)
    wander = np.convolve(rng.normal(0.0, 1.0, at.size + 9), np.ones(10) / 10**0.5, "valid")
    losses = law.predict(plan, steps, at=at, tolerance=1e-6) * np.exp(noise * wander)
    return LossCurve(name, at, scale * losses, plan)


def three(noise=0.0, law=TRUTH, seed=0):
    return [run(name, plan, law, noise=noise, seed=3 * seed + i) for i, (name, plan) in enumerate(PLANS.items())]


@cache
def fitted(noise=0.0, law=TRUTH, seed=0, prior=1.0):
    """The fit of a law of the same kind to these three runs."""
    return fit(three(noise, law, seed), type(law), prior=prior)
