"""When to start the cooldown of a running run: the predicted final loss if it starts now, or later."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from scipy.special import ndtri

from stepsize.arguments import Length, Many, Maybe, NonNegative, checked
from stepsize.curves import LossCurve
from stepsize.curves.loss_curve import LOSS_CURVE
from stepsize.errors import ArgumentError, FitError, StepsizeError, quoted, raise_together
from stepsize.laws.diagnosis import MOST_SCATTER, SAME_RATE
from stepsize.laws.estimate import INDEPENDENT, robust_deviation
from stepsize.laws.forecast import Fit, Probability
from stepsize.laws.law import Floats
from stepsize.schedules.transitions import AnyShape, transition

DELAYS = (0.0, 0.25, 0.5, 1.0, 2.0)  # of the cooldown, as fractions of the steps done
FAR_SHIFT = 0.01  # a run this far from the law comes with a caution


@dataclass(frozen=True)
class CooldownForecast:
    """A cooldown that starts at step `at` and takes `steps`, with the predicted loss at its end and a band."""

    at: int
    steps: int
    final_loss: float
    low: float
    high: float
    cautions: tuple[str, ...]


@checked
def plan_cooldowns(
    found: Fit,
    so_far: Annotated[LossCurve, LOSS_CURVE],
    starts: Annotated[Sequence[int] | None, Maybe(Many(Length(1)))] = None,
    steps: Annotated[int | None, Maybe(Length(1))] = None,
    *,
    final_lr: NonNegative = 0.0,
    shape: AnyShape = "linear",
    level: Probability = 0.9,
) -> tuple[CooldownForecast, ...]:
    """Predict the final loss of a running run if its cooldown starts now, or later, with the rate held until then.

    The prediction is shifted by the run's own distance from the law, the median over the last quarter of its rows, and
    the band includes the uncertainty of that median. A run that lies more than 1% from the law, or whose rate has
    already decayed, comes with a caution.

    Args:
        found: a fit to earlier runs, or to these and the running one.
        so_far: the log of the running run, with the rates of all updates so far.
        starts: the steps at which the cooldown might start; now and up to three times as late if None.
        steps: length of the cooldown; a fifth of the whole run if None.
        final_lr: the rate at its end.
        shape: a word, a class or a function, as for `stepsize.wsd`.
        level: the probability of the band.

    Raises:
        ArgumentError: a start lies before the end of the log, or `final_lr` is above the current rate or impossible for
            the shape.
        FitError: as `Fit.predict`; or the run lies too far from the law.

    Example:
        >>> from stepsize.laws import MultiPowerLaw, fit, plan_cooldowns
        >>> from stepsize.curves import LossCurve
        >>> truth = MultiPowerLaw(3.0, 0.5, 0.5, 400.0, 3.0, 0.5, 0.5)
        >>> flat, down = warmup(Constant(3e-4), 100), warmup_cosine(3e-4, 100, 4000, final_lr=3e-5)
        >>> at = range(200, 4000, 40)
        >>> runs = [LossCurve(name, at, truth.predict(p, 4000, at=at), p) for name, p in [("a", flat), ("b", down)]]
        >>> [(each.at, round(each.final_loss, 2)) for each in plan_cooldowns(fit(runs), runs[0], [4000, 8000])]
        [(4000, 3.49), (8000, 3.35)]
    """
    if not isinstance(found, Fit):
        raise ArgumentError("plan_cooldowns", "found", "what fit() returns", found)
    check_cooldowns(so_far, starts or (), final_lr)
    done = int(so_far.steps[-1]) + 1
    rates = so_far.rates[:done]
    now = float(rates[-1])
    if starts is None:
        starts = [round(done * (1.0 + part)) for part in DELAYS]
    shift, uncertainty = _shift(found, so_far, rates)
    cautions = _cautions(so_far, rates, shift)
    forecasts = []
    for at in starts:
        length = max(1, round(at / 4)) if steps is None else steps
        down = transition("plan_cooldowns", length, ("shape", shape), ("", now), ("final_lr", final_lr))
        whole = np.concatenate([rates, np.full(at - done, now), down.sample()])
        forecast = found.predict(whole, at=[whole.size - 1], level=level)
        loss = float(np.exp(shift)) * forecast.final_loss
        half = float(np.exp(shift)) * (forecast.final_band[1] - forecast.final_loss)
        half = float(np.hypot(half, ndtri(0.5 + level / 2) * uncertainty * loss))
        forecasts.append(CooldownForecast(at, length, loss, loss - half, loss + half, cautions + forecast.cautions))
    return tuple(forecasts)


def check_cooldowns(so_far: LossCurve, starts: Sequence[int], final_lr: float) -> None:
    """Refuse cooldowns that start before the log ends, or that end above the current rate."""
    last = int(so_far.steps[-1])
    errors: list[StepsizeError] = [
        ArgumentError("plan_cooldowns", "starts", f"a step after {last}, the last of the log", at)
        for at in starts
        if at <= last
    ]
    if final_lr > (now := float(so_far.rates[last])):
        errors.append(ArgumentError("plan_cooldowns", "final_lr", f"at most the current rate, {now:g}", final_lr))
    raise_together(errors)


def _shift(found: Fit, so_far: LossCurve, rates: Floats) -> tuple[float, float]:
    """How far the logarithm of the run's recent losses lies above the law, and its standard error."""
    recent = so_far.steps >= so_far.steps[-max(1, so_far.steps.size // 4)]
    off = np.log(so_far.losses[recent] / found.law.predict(rates, at=so_far.steps[recent]))
    shift = float(np.median(off))
    if abs(shift) > MOST_SCATTER:
        raise FitError(
            f"{_distance(so_far, shift, 0)}: it does not have the setting of the runs of the fit",
            "fit runs of its own setting",
        )
    return shift, robust_deviation(off - shift) / np.sqrt(INDEPENDENT / 4)


def _cautions(so_far: LossCurve, rates: Floats, shift: float) -> tuple[str, ...]:
    cautions = []
    if abs(shift) > FAR_SHIFT:
        where = _distance(so_far, shift, 1)
        cautions.append(f"{where}, and the prediction is shifted by as much: does it have the setting of the runs?")
    peak, now = float(rates.max()), float(rates[-1])
    if now < (1.0 - SAME_RATE) * peak:
        cautions.append(f"the rate has already decayed from {peak:g} to {now:g}: the cooldown continues from there")
    return tuple(cautions)


def _distance(so_far: LossCurve, shift: float, digits: int) -> str:
    side = "above" if shift > 0 else "below"
    return f"run {quoted(so_far.name)} lies {abs(np.expm1(shift)):.{digits}%} {side} the law"
