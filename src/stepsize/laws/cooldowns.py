"""When to begin the cooldown of a running run: what the loss would be if it began now, or later."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from stepsize.arguments import Length, Maybe, NonNegative, checked, refusal
from stepsize.errors import ArgumentError
from stepsize.laws.forecast import Fit, Probability
from stepsize.records import LossCurve
from stepsize.schedules import Schedule
from stepsize.schedules.base import DecayShape
from stepsize.schedules.recipes import DECAYS

LATER = (0.0, 0.25, 0.5, 1.0, 2.0)
"""How much longer, as parts of what is done, the cooldown is put off."""


@dataclass(frozen=True)
class Cooldown:
    """A cooldown that begins at step `at` and takes `steps`: the loss foreseen at its end, with a band."""

    at: int
    steps: int
    loss: float
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
    end: NonNegative = 0.0,
    shape: DecayShape = "1-sqrt",
    level: Probability = 0.9,
) -> tuple[Cooldown, ...]:
    """What the loss would be if the cooldown of a running run began now, or later, the rate held until then.

    The law foresees how the loss goes on; where the run itself lies above or below the law, by the median over the last
    quarter of its rows, the forecast is moved with it.

    Args:
        found: a fit to earlier runs, or to these and the running one.
        so_far: the running run's log, with the rates of all updates so far.
        starts: the steps at which the cooldown might begin; now and up to three times as late if None.
        steps: of the cooldown; a fifth of the whole if None.
        end: the rate at its end.
        shape: "linear", "cosine" or "1-sqrt".
        level: of the band.

    Raises:
        ArgumentError: a start lies before the end of the log, or `end` is above the rate now.
        FitError: as `Fit.predict`.

    Example:
        >>> from stepsize.laws import MultiPowerLaw, fit, plan_cooldowns
        >>> from stepsize.records import LossCurve
        >>> truth = MultiPowerLaw(3.0, 0.5, 0.5, 400.0, 3.0, 0.5, 0.5)
        >>> flat, down = warmup(Constant(3e-4), 100), warmup_cosine(3e-4, 100, 4000, final_lr=3e-5)
        >>> at = range(200, 4000, 40)
        >>> runs = [LossCurve(name, at, truth.predict(p, 4000, at=at), p) for name, p in [("a", flat), ("b", down)]]
        >>> [(each.at, round(each.loss, 2)) for each in plan_cooldowns(fit(runs), runs[0], [4000, 8000])]
        [(4000, 3.48), (8000, 3.34)]
    """
    done = int(so_far.steps[-1]) + 1
    rates = so_far.rates[:done]
    now = float(rates[-1])
    if end > now:
        raise refusal("plan_cooldowns", "end", f"at most the rate now, {now:g}", end)
    if starts is None:
        starts = [round(done * (1.0 + part)) for part in LATER]
    chosen = [int(Length(1)("plan_cooldowns", "starts", at)) for at in starts]
    if not chosen:
        raise ArgumentError("plan_cooldowns needs at least one start")
    recent = so_far.steps >= so_far.steps[-max(1, so_far.steps.size // 4)]
    foreseen = found.law.predict(rates, at=so_far.steps[recent])
    shift = float(np.exp(np.median(np.log(so_far.losses[recent] / foreseen))))
    plans = []
    for at in chosen:
        if at < done:
            raise refusal("plan_cooldowns", "starts", f"steps from {done} on, where the log ends", at)
        length = max(1, round(at / 4)) if steps is None else steps
        down: Schedule = DECAYS[shape](now, end, length)
        whole = np.concatenate([rates, np.full(at - done, now), down.sample()])
        forecast = found.predict(whole, at=[whole.size - 1], level=level)
        low, high = forecast.final_band
        plans.append(Cooldown(at, length, shift * forecast.final, shift * low, shift * high, forecast.cautions))
    return tuple(plans)
