"""When to begin the cooldown of a running run: what the loss would be if it began now, or later."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from scipy.special import ndtri

from stepsize.arguments import Length, Maybe, NonNegative, checked
from stepsize.curves import LossCurve
from stepsize.errors import ArgumentError, FitError, quoted
from stepsize.laws.diagnosis import UNLIKE, typical
from stepsize.laws.estimate import STRETCHES
from stepsize.laws.forecast import Fit, Probability
from stepsize.laws.plans import SAME
from stepsize.laws.rates import Floats
from stepsize.schedules import Schedule
from stepsize.schedules.base import DecayShape
from stepsize.schedules.recipes import DECAYS

LATER = (0.0, 0.25, 0.5, 1.0, 2.0)
"""How much longer, as parts of what is done, the cooldown is put off."""

FAR_SHIFT = 0.01
"""A run that lies so far from the law comes with a caution."""


@dataclass(frozen=True)
class CooldownForecast:
    """A cooldown that begins at step `at` and takes `steps`: the loss foreseen at its end, with a band."""

    at: int
    steps: int
    final_loss: float
    low: float
    high: float
    cautions: tuple[str, ...]


@checked
def plan_cooldowns(
    found: Fit,
    so_far: LossCurve,
    starts: Sequence[int] | None = None,
    steps: Annotated[int | None, Maybe(Length(1))] = None,
    *,
    final_lr: NonNegative = 0.0,
    shape: DecayShape = "linear",
    level: Probability = 0.9,
) -> tuple[CooldownForecast, ...]:
    """What the loss would be if the cooldown of a running run began now, or later, the rate held until then.

    The law foresees how the loss goes on; where the run itself lies above or below the law, by the median over the last
    quarter of its rows, the forecast is moved with it, and the band has the uncertainty of that median. A run that lies
    more than 1% off comes with a caution, and so does one whose rate has come down already.

    Args:
        found: a fit to earlier runs, or to these and the running one.
        so_far: the running run's log, with the rates of all updates so far.
        starts: the steps at which the cooldown might begin; now and up to three times as late if None.
        steps: of the cooldown; a fifth of the whole if None.
        final_lr: the rate at its end.
        shape: "linear", "cosine" or "1-sqrt".
        level: of the band.

    Raises:
        ArgumentError: a start lies before the end of the log, or `final_lr` is above the rate now.
        FitError: as `Fit.predict`; or the run lies so far from the law that it is of another setting.

    Example:
        >>> from stepsize.laws import MultiPowerLaw, fit, plan_cooldowns
        >>> from stepsize.curves import LossCurve
        >>> truth = MultiPowerLaw(3.0, 0.5, 0.5, 400.0, 3.0, 0.5, 0.5)
        >>> flat, down = warmup(Constant(3e-4), 100), warmup_cosine(3e-4, 100, 4000, final_lr=3e-5)
        >>> at = range(200, 4000, 40)
        >>> runs = [LossCurve(name, at, truth.predict(p, 4000, at=at), p) for name, p in [("a", flat), ("b", down)]]
        >>> [(each.at, round(each.final_loss, 2)) for each in plan_cooldowns(fit(runs), runs[0], [4000, 8000])]
        [(4000, 3.47), (8000, 3.34)]
    """
    if not isinstance(found, Fit):
        raise ArgumentError("plan_cooldowns", "found", "what fit() returns", found)
    if not isinstance(so_far, LossCurve):
        raise ArgumentError("plan_cooldowns", "so_far", "a LossCurve", so_far, "read_curves() makes some of a file")
    done = int(so_far.steps[-1]) + 1
    rates = so_far.rates[:done]
    now = float(rates[-1])
    if final_lr > now:
        raise ArgumentError("plan_cooldowns", "final_lr", f"at most the rate now, {now:g}", final_lr)
    if starts is None:
        starts = [round(done * (1.0 + part)) for part in LATER]
    if not isinstance(starts, Iterable):
        raise ArgumentError("plan_cooldowns", "starts", "a sequence of steps", starts, f"write [{starts}]")
    chosen = [int(Length(1)("plan_cooldowns", "starts", at)) for at in starts]
    if not chosen:
        raise ArgumentError("plan_cooldowns needs at least one start")
    shift, doubt = _shift(found, so_far, rates)
    cautions = _cautions(so_far, rates, shift)
    plans = []
    for at in chosen:
        if at < done:
            raise ArgumentError("plan_cooldowns", "starts", f"steps from {done} on, where the log ends", at)
        length = max(1, round(at / 4)) if steps is None else steps
        down: Schedule = DECAYS[shape](now, final_lr, length)
        whole = np.concatenate([rates, np.full(at - done, now), down.sample()])
        forecast = found.predict(whole, at=[whole.size - 1], level=level)
        loss = float(np.exp(shift)) * forecast.final_loss
        half = float(np.exp(shift)) * (forecast.final_band[1] - forecast.final_loss)
        half = float(np.hypot(half, ndtri(0.5 + level / 2) * doubt * loss))
        plans.append(CooldownForecast(at, length, loss, loss - half, loss + half, cautions + forecast.cautions))
    return tuple(plans)


def _shift(found: Fit, so_far: LossCurve, rates: Floats) -> tuple[float, float]:
    """How far the logarithm of the run's recent losses lies above the law, and the standard error of that."""
    recent = so_far.steps >= so_far.steps[-max(1, so_far.steps.size // 4)]
    off = np.log(so_far.losses[recent] / found.law.predict(rates, at=so_far.steps[recent]))
    shift = float(np.median(off))
    if abs(shift) > UNLIKE:
        raise FitError(
            f"run {quoted(so_far.name)} lies {abs(np.expm1(shift)):.0%} {'above' if shift > 0 else 'below'} the law: "
            "it is of another setting than the runs that the law was learned from; fit on runs of its own"
        )
    # Rows hang together within eighths of a run, as for the uncertainty of a fit: a quarter tells as much as two.
    return shift, typical(off - shift) / np.sqrt(STRETCHES / 4)


def _cautions(so_far: LossCurve, rates: Floats, shift: float) -> tuple[str, ...]:
    cautions = []
    if abs(shift) > FAR_SHIFT:
        side = "above" if shift > 0 else "below"
        cautions.append(
            f"run {quoted(so_far.name)} lies {abs(np.expm1(shift)):.1%} {side} the law, and the forecast is moved as "
            "far: is it of the same setting?"
        )
    peak, now = float(rates.max()), float(rates[-1])
    if now < (1.0 - SAME) * peak:
        cautions.append(f"the rate has come down already, from {peak:g} to {now:g}: the cooldown goes on from there")
    return tuple(cautions)
