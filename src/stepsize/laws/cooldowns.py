"""When to begin the cooldown of a run in training, and how long to make it, by the predicted final loss."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from stepsize.arguments import Length, Many, Maybe, MaybePositive, MaybeSteps, NonNegative
from stepsize.checked_calls import checked
from stepsize.curves import LossCurve
from stepsize.curves.loss_curve import LOSS_CURVE
from stepsize.errors import ArgumentError, FitError, StepsizeError, raise_together
from stepsize.laws.cooldown_search import CooldownForecast, Search
from stepsize.laws.diagnosis import MOST_SCATTER, Remark
from stepsize.laws.forecast import Fit, Probability
from stepsize.schedules.transitions import AnyShape


@dataclass(frozen=True, eq=False)
class Cooldowns:
    """The forecasts of several cooldowns of a run in training, by their start, and a recommendation in words.

    `recommended` is the one that answers the question, None if there is none. `unit` is the number of steps of which
    the forecasts give the gain.
    """

    so_far: LossCurve
    forecasts: tuple[CooldownForecast, ...]
    recommended: CooldownForecast | None
    recommendation: Remark
    unit: int
    cautions: tuple[str, ...]


@checked
def plan_cooldowns(
    found: Fit,
    so_far: Annotated[LossCurve, LOSS_CURVE],
    starts: Annotated[Sequence[int] | None, Maybe(Many(Length(1)))] = None,
    steps: MaybeSteps = None,
    *,
    target_loss: MaybePositive = None,
    total_steps: MaybeSteps = None,
    final_lr: NonNegative = 0.0,
    shape: AnyShape = "linear",
    level: Probability = 0.9,
) -> Cooldowns:
    """Predict the final loss of a run in training if its cooldown begins now, or later with the rate held until then.

    With `target_loss` it looks for the start from which the cooldown ends at that loss: the earliest, at which the
    lower bound of the band reaches it, the likely one, and the safe one, at which the upper bound does. With
    `total_steps` the run ends there, and it looks for the best length of the cooldown.

    Fit the run that is still training together with the finished ones. The prediction is shifted by the distance that
    remains between the run and the law, the median over the last quarter of its rows. A run that lies more than 1% from
    the law, or whose rate has already decayed, comes with a caution.

    Args:
        found: a fit to the run that is still training and to finished ones of its setting.
        so_far: the log of the run that is still training, with the rates of all updates so far.
        starts: the steps at which the cooldown might begin; now and up to three times as late if None.
        steps: length of the cooldown; a fifth of the whole run if None.
        target_loss: the final loss to reach, in place of `starts`.
        total_steps: the step at which the run ends, in place of `starts` and `steps`.
        final_lr: the rate at its end.
        shape: a word, a class or a function, as for `stepsize.wsd`.
        level: the probability of the band.

    Raises:
        ArgumentError: a start or the end lies before the end of the log, two questions are asked at once, or `final_lr`
            is not below the current rate or impossible for the shape.
        FitError: as `Fit.predict`; or the run lies too far from the law.

    Example:
        >>> from stepsize.laws import MultiPowerLaw, fit, plan_cooldowns
        >>> from stepsize.curves import LossCurve
        >>> truth = MultiPowerLaw(3.0, 0.5, 0.5, 400.0, 3.0, 0.5, 0.5)
        >>> flat, down = warmup(Constant(3e-4), 100), warmup_cosine(3e-4, 100, 4000, final_lr=3e-5)
        >>> at = range(200, 4000, 40)
        >>> runs = [LossCurve(name, at, truth.predict(p, 4000, at=at), p) for name, p in [("a", flat), ("b", down)]]
        >>> found = fit(runs)
        >>> [(each.at, round(each.final_loss, 1)) for each in plan_cooldowns(found, runs[0], [4000, 8000]).forecasts]
        [(4000, 3.5), (8000, 3.4)]
        >>> print(plan_cooldowns(found, runs[0], total_steps=8000).recommendation)  # doctest: +ELLIPSIS
        Begin at step ..., so that the cooldown takes ...% of 8,000 steps: predicted final loss 3.39...
    """
    if not isinstance(found, Fit):
        raise ArgumentError("plan_cooldowns", "found", "what fit() returns", found)
    check_cooldowns(so_far, starts, steps, target_loss, total_steps, final_lr)
    search = Search(found, so_far, shape, final_lr, level)
    if abs(search.distance) > MOST_SCATTER:
        reason = f"{search.where(digits=0)}: it has another setting than the runs of the fit, or diverges"
        raise FitError(reason, "fit runs of its own setting")
    if target_loss is not None:
        answer = search.for_target(target_loss, steps)
    elif total_steps is not None:
        answer = search.for_total(total_steps)
    else:
        answer = search.for_starts(starts, steps)
    forecasts, recommended, recommendation = answer
    cautions = [*search.cautions, *(caution for each in forecasts for caution in each.forecast.cautions)]
    return Cooldowns(so_far, forecasts, recommended, recommendation, search.unit, tuple(dict.fromkeys(cautions)))


def check_cooldowns(
    so_far: LossCurve,
    starts: Sequence[int] | None,
    steps: int | None,
    target_loss: float | None,
    total_steps: int | None,
    final_lr: float,
) -> None:
    """Refuse two questions at once, cooldowns that begin before the log ends, and ends not below the current rate."""
    last = int(so_far.steps[-1])
    errors: list[StepsizeError] = [
        ArgumentError("plan_cooldowns", "starts", f"a step after {last}, the last of the log", at)
        for at in starts or ()
        if at <= last
    ]
    if total_steps is not None and total_steps <= last + 1:
        rule = f"more than the {last + 1} steps of the log"
        errors.append(ArgumentError("plan_cooldowns", "total_steps", rule, total_steps))
    if total_steps is not None:
        advice = "{total_steps} asks for the best cooldown"
        errors += [
            ArgumentError("plan_cooldowns", name, "left out", value, advice, total_steps=total_steps)
            for name, value in (("starts", starts), ("steps", steps), ("target_loss", target_loss))
            if value is not None
        ]
    elif target_loss is not None and starts is not None:
        advice = "{target_loss} asks for the start"
        errors.append(ArgumentError("plan_cooldowns", "starts", "left out", starts, advice, target_loss=target_loss))
    if final_lr >= (now := float(so_far.rates[last])):
        advice = "" if now else "the run has no rate left to cool down from"
        rule = f"less than the current rate, {now:g}"
        errors.append(ArgumentError("plan_cooldowns", "final_lr", rule, final_lr, advice))
    raise_together(errors)
