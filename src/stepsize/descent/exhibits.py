"""What the gallery shows: descents, convexity and batches, each with the words beside it. Nothing is drawn here."""

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
from stepsize.schedules import Constant, Cosine, Exponential, InversePower, Linear, Piecewise, Schedule

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


@dataclass(frozen=True)
class Exhibit:
    """One picture of the gallery: the name of its file, its title, what is to be seen, and what makes it.

    `moving` ones are shown as animations too.
    """

    name: str
    title: str
    caption: str
    content: Callable[[], Content]
    moving: bool = False


def _side_by_side(runs: Mapping[str, Trajectory]) -> Panels:
    """One trajectory to a panel."""
    return Panels({title: {"": trajectory} for title, trajectory in runs.items()})


# Landscapes.


def _minima() -> Panels:
    left, right = (descend(WAVE, GradientDescent(), start, 30, 0.05) for start in (0.24, 0.31))
    return Panels(
        {"x cos(pi x), rate 0.05": {"from 0.24, to the local minimum": left, "from 0.31, to the global": right}}
    )


def _saddles() -> Panels:
    cubic, saddle = SURFACES["cubic"], SURFACES["saddle"]
    return _side_by_side(
        {
            "x^3, rate 0.1: stuck at 0": descend(cubic, GradientDescent(), 1.5, 30, 0.1),
            "x^2 - y^2, rate 0.1: slow past (0, 0)": descend(saddle, GradientDescent(), (-1.8, 0.002), 40, 0.1),
        }
    )


def _vanishing() -> Panels:
    tanh = SURFACES["tanh"]
    return _side_by_side(
        {
            "tanh from 4: 50 steps and hardly moved": descend(tanh, GradientDescent(), 4.0, 50, 0.5),
            "tanh from 1, the same rate": descend(tanh, GradientDescent(), 1.0, 50, 0.5),
        }
    )


def _convex_functions() -> Examinations:
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


def _convex_sets() -> Examinations:
    box = ((-1.2, 1.2), (-1.2, 1.2))
    sets = {"a disc": _disc, "a crescent": _crescent, "what two discs share": _overlap, "two ovals together": _union}
    return Examinations({name: Examined(each, box, is_convex_set(each, box)) for name, each in sets.items()})


def _rates_in_one_dimension() -> Panels:
    return _side_by_side(
        {
            f"x^2, rate {lr}: {what}": descend(PARABOLA, GradientDescent(), 10.0, 10, lr)
            for lr, what in ((0.05, "too small"), (0.2, "right"), (1.1, "too large, it diverges"))
        }
        | {
            "x cos(pi x), rate 0.28: the wrong minimum": descend(WAVE, GradientDescent(), 1.6, 30, 0.28),
        }
    )


def _every_optimizer() -> Panels:
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
    return _side_by_side(
        {f"{name}, rate {lr:g}": descend(BOWL, rule, START, 40, lr) for name, (rule, lr) in rules.items()}
    )


def _test_surfaces() -> Panels:
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


def _many_starts() -> Panels:
    surface = SURFACES["himmelblau"]
    grid = np.stack(np.meshgrid(*[np.linspace(-5.0, 5.0, 12)] * 2), axis=-1).reshape(-1, 2)
    return _side_by_side(
        {
            "GradientDescent(), rate 0.01": descend(surface, GradientDescent(), grid, 100, 0.01),
            "Momentum(0.9), rate 0.003": descend(surface, Momentum(0.9), grid, 100, 0.003),
        }
    )


# Optimizers.


def _gradient_descent() -> Panels:
    return _side_by_side({f"rate {lr}": descend(BOWL, GradientDescent(), START, 20, lr) for lr in (0.4, 0.6)})


DECAYS: tuple[Schedule, ...] = (
    Constant(0.1),
    Piecewise((0.1, 0.05, 0.01), (60, 120)),
    Exponential(0.1, 0.905),
    InversePower(0.1, 0.1, 0.5),
    Linear(0.1, 0.0, 200),
    Cosine(0.1, 0.0, 200),
)


def _stochastic() -> Panels:
    surface = surface_from(
        lambda x, y: x**2 + 2 * y**2, gradient=lambda x, y: (2 * x, 4 * y), window=BOWL.window, minima=((0.0, 0.0),)
    )
    return _side_by_side(
        {str(plan): descend(surface, GradientDescent(), START, 200, plan, noise=1.0, seed=1) for plan in DECAYS}
    )


def _batches() -> Batches:
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


def _momentum() -> Panels:
    rules: Mapping[str, Optimizer[Any]] = {
        "gradient descent": GradientDescent(),
        "beta 0.25": Momentum(0.25),
        "beta 0.5": Momentum(0.5),
    }
    return _side_by_side({f"{name}, rate 0.6": descend(BOWL, rule, START, 20, 0.6) for name, rule in rules.items()})


def _adagrad() -> Panels:
    return _side_by_side({f"rate {lr:g}": descend(BOWL, AdaGrad(), START, 20, lr) for lr in (0.4, 2.0)})


def _rmsprop() -> Panels:
    return _side_by_side(
        {f"{rule}, rate 0.4": descend(BOWL, rule, START, 20, 0.4) for rule in (RMSProp(0.9), AdaGrad())}
    )


def _adadelta() -> Panels:
    return _side_by_side(
        {f"{steps} steps": descend(BOWL, Adadelta(0.9), START, steps, 1.0) for steps in (100, 300, 1000)}
    )


def _adam() -> Panels:
    rules = {"beta2 0.999": Adam(), "beta2 0.99": Adam(beta2=0.99)}
    return _side_by_side({f"{name}, rate 0.4": descend(BOWL, rule, START, 60, 0.4) for name, rule in rules.items()})


EXHIBITS: tuple[Exhibit, ...] = (
    Exhibit(
        "minima",
        "Local and global minimum",
        "Two starts on the two sides of a hill end in different minima under the same rate.",
        _minima,
    ),
    Exhibit(
        "saddles",
        "Saddle points",
        "Where the gradient vanishes a descent slows down, minimum or not. On x^3 it stays; a saddle it leaves in "
        "the end, along the direction that goes down.",
        _saddles,
    ),
    Exhibit(
        "vanishing",
        "Vanishing gradients",
        "Far out, tanh is flat: the same rate that works near the middle gets nowhere from 4.",
        _vanishing,
    ),
    Exhibit(
        "convex-functions",
        "Convex functions",
        "A function is convex where no chord passes below it. Of 20,000 chords the one is drawn that passes "
        "furthest below.",
        _convex_functions,
    ),
    Exhibit(
        "convex-sets",
        "Convex sets",
        "A set is convex where no chord between two of its points leaves it. What convex sets share is convex; what "
        "they cover together need not be.",
        _convex_sets,
    ),
    Exhibit(
        "rates",
        "How large may a step be?",
        "Ten steps from 10 on x^2, and thirty from 1.6 on a wave, where a rate that is too large jumps over the "
        "global minimum and ends in the other.",
        _rates_in_one_dimension,
        moving=True,
    ),
    Exhibit(
        "gradient-descent",
        "Gradient descent",
        "On 0.1 x^2 + 2 y^2 the steep direction sets the limit: at 0.4 it converges there and crawls along the flat "
        "one, at 0.6 it diverges.",
        _gradient_descent,
    ),
    Exhibit(
        "stochastic",
        "Noise, and rates that fall",
        "Gradients of x^2 + 2 y^2 with noise of standard deviation 1, 200 steps. Under a constant rate the descent "
        "wanders around the minimum for ever; an exponential decay stops short of it; an inverse power reaches it.",
        _stochastic,
        moving=True,
    ),
    Exhibit(
        "batches",
        "Batches, over wall time",
        "Least squares on scikit-learn's diabetes data. One sample at a time learns most from each sample, and large "
        "batches most from each second, until both meet at the lowest loss. Times are those of the machine that made "
        "this picture.",
        _batches,
    ),
    Exhibit(
        "momentum",
        "Momentum",
        "At 0.6 gradient descent diverges. A velocity averages the steps to and fro away and adds up those along.",
        _momentum,
        moving=True,
    ),
    Exhibit(
        "adagrad",
        "AdaGrad",
        "The rate falls with all the squares so far: at 0.4 it is used up too early, at 2 the descent arrives.",
        _adagrad,
    ),
    Exhibit(
        "rmsprop",
        "RMSProp",
        "A running mean forgets the large gradients of the beginning: at 0.4, where AdaGrad stalls, it arrives.",
        _rmsprop,
    ),
    Exhibit(
        "adadelta",
        "Adadelta",
        "Without a rate: steps grow from tiny ones to the scale of the problem.",
        _adadelta,
    ),
    Exhibit(
        "adam",
        "Adam",
        "Momentum and RMSProp together. With a shorter memory of squares it dares larger steps at the end.",
        _adam,
    ),
    Exhibit(
        "optimizers",
        "Every optimizer on one bowl",
        "40 steps on 0.1 x^2 + 2 y^2 from (-5, -2). Adadelta, which has no rate, has only begun.",
        _every_optimizer,
        moving=True,
    ),
    Exhibit(
        "test-surfaces",
        "Surfaces to fail on",
        "200 steps, each optimizer at the one of six rates, 0.0003 to 0.1, under which its last 50 steps lie lowest. "
        "A bent valley, a plateau, four minima, and a field of dents: most stay in theirs, and a rate that is large "
        "enough to leave it is too large to settle in the middle.",
        _test_surfaces,
        moving=True,
    ),
    Exhibit(
        "many-starts",
        "Many starts at once",
        "144 starts on Himmelblau's function as one array, 100 steps: which of the four minima each one finds.",
        _many_starts,
    ),
)
