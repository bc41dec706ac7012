"""What the gallery shows: the descents, answers and timings themselves. Nothing is drawn here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from stepsize.descent.adam import Adam, AdamW
from stepsize.descent.adaptive import Adadelta, AdaGrad, RMSProp
from stepsize.descent.convexity import Convexity, is_convex, is_convex_set
from stepsize.descent.landscapes import SURFACES
from stepsize.descent.least_squares import TimedDescent, descend_in_batches, diabetes
from stepsize.descent.momentum import GradientDescent, Momentum
from stepsize.descent.rule import Floats, Optimizer
from stepsize.descent.sources import surface_from
from stepsize.descent.surface import Box, Surface
from stepsize.descent.trajectory import Trajectory, descend

BOWL, WAVE, PARABOLA = SURFACES["bowl"], SURFACES["wave"], SURFACES["parabola"]
START = (-5.0, -2.0)


@dataclass(frozen=True)
class Panels:
    """Trajectories, in a panel for each title."""

    panels: Mapping[str, Mapping[str, Trajectory]]


@dataclass(frozen=True)
class Examined:
    """A function or a set, where it was looked at, and the answer."""

    subject: Surface | Callable[..., Any]
    domain: Box
    answer: Convexity


@dataclass(frozen=True)
class Examinations:
    """Answers about convexity, in a panel for each title."""

    panels: Mapping[str, Examined]


@dataclass(frozen=True)
class Batches:
    """Losses over wall time by the words of the legend, and the lowest that there is."""

    descents: Mapping[str, TimedDescent]
    lowest: float


Content = Panels | Examinations | Batches


def side_by_side(runs: Mapping[str, Trajectory]) -> Panels:
    """One trajectory to a panel."""
    return Panels({title: {"": trajectory} for title, trajectory in runs.items()})


# Landscapes.


def minima() -> Panels:
    """Two starts on a wave, which end in its two minima."""
    left, right = (descend(WAVE, GradientDescent(), start, 30, 0.05) for start in (0.24, 0.31))
    return Panels(
        {"x cos(pi x), rate 0.05": {"from 0.24, to the local minimum": left, "from 0.31, to the global": right}}
    )


def saddles() -> Panels:
    """Where a cubic and a saddle are flat."""
    cubic, saddle = SURFACES["cubic"], SURFACES["saddle"]
    return side_by_side(
        {
            "x^3, rate 0.1: stuck at 0": descend(cubic, GradientDescent(), 1.5, 30, 0.1),
            "x^2 - y^2, rate 0.1: slow past (0, 0)": descend(saddle, GradientDescent(), (-1.8, 0.002), 40, 0.1),
        }
    )


def vanishing() -> Panels:
    """The flat end of tanh, and its slope."""
    tanh = SURFACES["tanh"]
    return side_by_side(
        {
            "tanh from 4: 50 steps and hardly moved": descend(tanh, GradientDescent(), 4.0, 50, 0.5),
            "tanh from 1, the same rate": descend(tanh, GradientDescent(), 1.0, 50, 0.5),
        }
    )


def convex_functions() -> Examinations:
    """Functions of one variable, and chords below them."""
    looked_at = {
        "x^2 / 2": (surface_from(lambda x: x**2 / 2), (-2.0, 2.0)),
        "cos(pi x)": (surface_from(lambda x: np.cos(np.pi * x)), (-2.0, 2.0)),
        "e^(x / 2)": (surface_from(lambda x: np.exp(x / 2)), (-2.0, 2.0)),
        "x cos(pi x)": (WAVE, (-1.0, 2.0)),
    }
    return Examinations({name: Examined(f, (box,), is_convex(f, (box,))) for name, (f, box) in looked_at.items()})


def _crescent(x: Floats, y: Floats) -> Any:
    return (x**2 + y**2 <= 1.0) & ((x - 0.6) ** 2 + y**2 >= 0.6)


def _disc(x: Floats, y: Floats) -> Any:
    return x**2 + y**2 <= 1.0


def _overlap(x: Floats, y: Floats) -> Any:
    return _disc(x + 0.4, y) & _disc(x - 0.4, y)


def _union(x: Floats, y: Floats) -> Any:
    return _disc(2 * x + 1.1, 1.4 * y) | _disc(2 * x - 1.1, 1.4 * y)


def convex_sets() -> Examinations:
    """Sets in the plane, and chords that leave them."""
    box = ((-1.2, 1.2), (-1.2, 1.2))
    sets = {"a disc": _disc, "a crescent": _crescent, "what two discs share": _overlap, "two ovals together": _union}
    return Examinations({name: Examined(each, box, is_convex_set(each, box)) for name, each in sets.items()})


def rates_in_one_dimension() -> Panels:
    """Rates that are too small, right and too large."""
    return side_by_side(
        {
            f"x^2, rate {lr}: {what}": descend(PARABOLA, GradientDescent(), 10.0, 10, lr)
            for lr, what in ((0.05, "too small"), (0.2, "right"), (1.1, "too large, it diverges"))
        }
        | {
            "x cos(pi x), rate 0.28: the wrong minimum": descend(WAVE, GradientDescent(), 1.6, 30, 0.28),
        }
    )


def every_optimizer() -> Panels:
    """Every optimizer on the same bowl."""
    rules: Mapping[str, tuple[Optimizer[Any], float]] = {
        "GradientDescent()": (GradientDescent(), 0.4),
        "Momentum(0.5)": (Momentum(0.5), 0.4),
        "Momentum(0.5), Nesterov": (Momentum(0.5, nesterov=True), 0.2),
        "AdaGrad()": (AdaGrad(), 2.0),
        "RMSProp()": (RMSProp(), 0.4),
        "Adadelta()": (Adadelta(), 1.0),
        "Adam()": (Adam(), 0.4),
        "AdamW()": (AdamW(), 0.4),
    }
    return side_by_side(
        {f"{name}, rate {lr:g}": descend(BOWL, rule, START, 40, lr) for name, (rule, lr) in rules.items()}
    )


def hard_surfaces() -> Panels:
    """Several optimizers on surfaces that were made to be hard."""
    starts = {"rosenbrock": (-1.5, 2.0), "beale": (-1.0, -1.5), "himmelblau": (-0.5, -1.0), "ackley": (2.8, 1.6)}
    rules = (GradientDescent(), Momentum(), AdaGrad(), RMSProp(), Adam())
    return Panels(
        {
            name: {type(rule).__name__: _at_its_best_rate(SURFACES[name], rule, start) for rule in rules}
            for name, start in starts.items()
        }
    )


def _at_its_best_rate(surface: Surface, rule: Optimizer[Any], start: tuple[float, ...]) -> Trajectory:
    tried = [descend(surface, rule, start, 200, lr) for lr in (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)]
    return min(tried, key=lambda each: float(np.nan_to_num(each.values[150:].mean(), nan=np.inf)))


def many_starts() -> Panels:
    """A grid of starts as one array."""
    surface = SURFACES["himmelblau"]
    grid = np.stack(np.meshgrid(*[np.linspace(-5.0, 5.0, 12)] * 2), axis=-1).reshape(-1, 2)
    return side_by_side(
        {
            "GradientDescent(), rate 0.01": descend(surface, GradientDescent(), grid, 100, 0.01),
            "Momentum(0.9), rate 0.003": descend(surface, Momentum(0.9), grid, 100, 0.003),
        }
    )


# Optimizers.


def gradient_descent() -> Panels:
    """One rate below the limit, and one above."""
    return side_by_side({f"rate {lr}": descend(BOWL, GradientDescent(), START, 20, lr) for lr in (0.4, 0.6)})


def batches() -> Batches:
    """Least squares with batches of 1, 10, 100 and all."""
    problem = diabetes()
    descend_in_batches(problem, GradientDescent(), 1, 1, 0.0)  # the first call pays for what is made once
    runs = {1: (0.003, 20), 10: (0.03, 40), 100: (0.1, 150), 442: (0.3, 300)}
    return Batches(
        {
            f"{'all' if batch == 442 else 'batch'} {batch}, rate {lr}": descend_in_batches(
                problem, GradientDescent(), batch, epochs, lr
            )
            for batch, (lr, epochs) in runs.items()
        },
        problem.loss(problem.solution),
    )


def momentum() -> Panels:
    """Velocities that keep nothing, a quarter and a half."""
    rules: Mapping[str, Optimizer[Any]] = {
        "gradient descent": GradientDescent(),
        "beta 0.25": Momentum(0.25),
        "beta 0.5": Momentum(0.5),
    }
    return side_by_side({f"{name}, rate 0.6": descend(BOWL, rule, START, 20, 0.6) for name, rule in rules.items()})


def adagrad() -> Panels:
    """A rate that is used up, and one that is not."""
    return side_by_side({f"rate {lr:g}": descend(BOWL, AdaGrad(), START, 20, lr) for lr in (0.4, 2.0)})


def rmsprop() -> Panels:
    """Forgetting squares, beside adding them up."""
    return side_by_side(
        {f"{rule}, rate 0.4": descend(BOWL, rule, START, 20, 0.4) for rule in (RMSProp(0.9), AdaGrad())}
    )


def adadelta() -> Panels:
    """How steps grow without a rate."""
    return side_by_side(
        {f"{steps} steps": descend(BOWL, Adadelta(0.9), START, steps, 1.0) for steps in (100, 300, 1000)}
    )


def adam() -> Panels:
    """A long and a short memory of squares."""
    rules = {"beta2 0.999": Adam(), "beta2 0.99": Adam(beta2=0.99)}
    return side_by_side({f"{name}, rate 0.4": descend(BOWL, rule, START, 60, 0.4) for name, rule in rules.items()})
