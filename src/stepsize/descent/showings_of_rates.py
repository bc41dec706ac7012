"""What the gallery shows of rates that move: stochastic gradient descent under every kind of schedule."""

from collections.abc import Mapping

from stepsize.descent.landscapes import SURFACES
from stepsize.descent.momentum import GradientDescent
from stepsize.descent.showings import START, Panels, side_by_side
from stepsize.descent.sources import surface_from
from stepsize.descent.surface import Box, Point
from stepsize.descent.trajectory import descend
from stepsize.schedules import (
    Constant,
    Cosine,
    Exponential,
    InversePower,
    Linear,
    MultiStep,
    Piecewise,
    Polynomial,
    Schedule,
    Staircase,
    cyclic,
    noam,
    one_cycle,
    sgdr,
    warmup_cosine,
)

STEPS, PEAK = 200, 0.1
NEAR, AROUND = (-1.4, -0.7), ((-1.6, 0.9), (-0.9, 0.7))
DECAYS: tuple[Schedule, ...] = (
    Constant(PEAK),
    Piecewise((PEAK, 0.05, 0.01), (60, 120)),
    Exponential(PEAK, 0.905),
    InversePower(PEAK, 0.1, 0.5),
    Linear(PEAK, 0.0, STEPS),
    Cosine(PEAK, 0.0, STEPS),
)
MORE_DECAYS: Mapping[str, Schedule] = {
    "square root": InversePower(PEAK),
    "factor 0.97, floor 0.01": Exponential(PEAK, 0.97).clip(0.01),
    "halved at 60 and 120": MultiStep(PEAK, 0.5, (60, 120)),
    "a tenth every 50": Staircase(PEAK, 0.1, 50),
    "polynomial, power 0.5": Polynomial(PEAK, 0.0, STEPS, 0.5),
    "polynomial, power 2": Polynomial(PEAK, 0.0, STEPS, 2.0),
}
RISES: Mapping[str, Schedule] = {
    "warmup, then cosine": warmup_cosine(PEAK, 20, STEPS),
    "warm restarts": sgdr(PEAK, STEPS // 2, 2),
    "cyclic, triangular": cyclic(0.0, PEAK, 25, 25),
    "cyclic, triangular2": cyclic(0.0, PEAK, 25, 25, mode="triangular2"),
    "1cycle": one_cycle(PEAK, STEPS),
    "Noam, 40 steps of warmup": noam(512, 40, PEAK * (512 * 40) ** 0.5),
}


def stochastic() -> Panels:
    """Noise under a constant rate and ways down."""
    return _under({str(plan): plan for plan in DECAYS}, START, 1.0, window=SURFACES["bowl"].window)


def more_decays() -> Panels:
    """More noise, and nearer, under more ways down."""
    return _under(MORE_DECAYS, NEAR, 2.0, window=AROUND)


def rises() -> Panels:
    """The same under rates that go up as well."""
    return _under(RISES, NEAR, 2.0, window=AROUND)


def _under(plans: Mapping[str, Schedule], start: Point, noise: float, *, window: Box | None) -> Panels:
    surface = surface_from(
        lambda x, y: x**2 + 2 * y**2,
        gradient=lambda x, y: (2 * x, 4 * y),
        window=window,
        minima=((0.0, 0.0),),
    )
    return side_by_side(
        {
            name: descend(surface, GradientDescent(), start, STEPS, plan, noise=noise, seed=1)
            for name, plan in plans.items()
        }
    )
