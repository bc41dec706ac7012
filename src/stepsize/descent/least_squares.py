"""A real least-squares problem, descended with one sample at a time, with batches, and with all of them."""

import time
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from stepsize.arguments import Count, checked
from stepsize.descent.rule import Floats, Optimizer, any_optimizer
from stepsize.descent.trajectory import Rate, Seed, rates_of
from stepsize.errors import ArgumentError, MissingExtraError

_READINGS = 120


@dataclass(frozen=True, eq=False)
class LeastSquares:
    """A linear model fitted to n samples: half the mean of the squared errors.

        f(w) = |A w - b|^2 / 2 n,    its gradient = A^T (A w - b) / n

    Attributes:
        features: A, shape `(samples, dimensions)`.
        targets: b, shape `(samples,)`.
        source: one sentence on where the data came from.
    """

    features: Floats
    targets: Floats
    source: str = ""

    def loss(self, w: Floats) -> float:
        """f(w), over all samples."""
        errors = self.features @ w - self.targets
        return float(errors @ errors) / (2 * len(errors))

    def gradient(self, w: Floats, rows: slice = slice(None)) -> Floats:
        """The gradient over the samples of `rows`: that of f(w) over all, and right on average over any."""
        features = self.features[rows]
        gradient: Floats = (features @ w - self.targets[rows]) @ features / len(features)
        return gradient

    def shuffled(self, random: np.random.Generator) -> "LeastSquares":
        """The same samples in another order."""
        order = random.permutation(len(self.targets))
        return LeastSquares(self.features[order], self.targets[order], self.source)

    @cached_property
    def solution(self) -> Floats:
        """The w of the lowest loss."""
        return np.asarray(np.linalg.lstsq(self.features, self.targets)[0], dtype=np.float64)

    @cached_property
    def largest_rate(self) -> float:
        """The rate from which on gradient descent over all samples diverges: 2 / the largest curvature of f."""
        curvature = np.linalg.eigvalsh(self.features.T @ self.features / len(self.targets))
        return 2.0 / float(curvature[-1])


def diabetes() -> LeastSquares:
    """scikit-learn's bundled diabetes data: 442 patients, 10 measurements and a 1, the disease's progress a year later.

    Measurements and progress are standardised: mean 0, standard deviation 1.

    Raises:
        MissingExtraError: scikit-learn is not installed.

    Example:
        >>> from stepsize.descent import diabetes
        >>> problem = diabetes()
        >>> problem.features.shape, round(problem.loss(problem.solution), 4)
        ((442, 11), 0.2411)

    Reference: Efron, Hastie, Johnstone and Tibshirani, "Least Angle Regression" (2004).
    """
    try:
        from sklearn.datasets import load_diabetes
    except ModuleNotFoundError:
        raise MissingExtraError.naming("scikit-learn", "descent") from None
    bunch = load_diabetes()
    measured, progress = (each - each.mean(axis=0) for each in (bunch.data, bunch.target))
    features = np.column_stack([measured / measured.std(axis=0), np.ones(len(progress))])
    source = "The data are scikit-learn's bundled diabetes data: 442 patients, 10 measurements, standardised."
    return LeastSquares(features, progress / progress.std(), source)


@dataclass(frozen=True, eq=False)
class TimedDescent:
    """The loss over the wall time of a descent, up to where it diverged if it did.

    Attributes:
        batch: samples in each update.
        steps: the updates that were asked for.
        updates: how many had been made at each reading, from 0; shape `(readings,)`.
        seconds: that they had taken, readings left out.
        losses: over all samples.
        w: where it was at the last reading.
    """

    batch: int
    steps: int
    updates: NDArray[np.int64]
    seconds: Floats
    losses: Floats
    w: Floats

    @property
    def lasted(self) -> int:
        """The updates at the last reading at which the loss was finite; `steps` for a descent that held."""
        return int(self.updates[-1])

    @property
    def diverged(self) -> bool:
        """Whether the loss became infinite or no number."""
        return self.lasted < self.steps


def _problem(owner: str, name: str, value: Any) -> LeastSquares:
    if not isinstance(value, LeastSquares):
        raise ArgumentError(owner, name, "a least-squares problem", value, "write e.g. diabetes()")
    return value


@checked
def descend_in_batches(
    problem: Annotated[LeastSquares, _problem],
    optimizer: Annotated[Optimizer[Any], any_optimizer],
    batch: Count,
    epochs: Count,
    lr: Rate,
    seed: Seed = 0,
) -> TimedDescent:
    """Descend a least-squares problem from w = 0 with the mean gradient of a batch at a time, and time it.

    Every epoch takes the samples in a new random order; what is left over at its end is one smaller batch. The loss is
    read at most 120 times, at first often; where it is no longer finite the descent has diverged and ends.

    Args:
        problem: what to descend.
        optimizer: the update rule.
        batch: samples in an update: 1 is stochastic gradient descent, all of them gradient descent.
        epochs: passes over the samples.
        lr: the rate, or a schedule of it, counted in updates.
        seed: of the orders.

    Raises:
        ArgumentError: an argument does not fit, or the batch is larger than the data.

    Example:
        >>> from stepsize.descent import GradientDescent, descend_in_batches, diabetes
        >>> down = descend_in_batches(diabetes(), GradientDescent(), batch=10, epochs=5, lr=0.05)
        >>> int(down.updates[-1]), bool(down.losses[-1] < 0.25)
        (225, True)
    """
    samples = len(problem.targets)
    if batch > samples:
        raise ArgumentError("descend_in_batches", "batch", f"at most {samples}, the samples there are", batch)
    per_epoch = -(-samples // batch)
    total = per_epoch * epochs
    rates = rates_of(lr, total).tolist()
    readings = np.unique(np.geomspace(1, total, _READINGS).round()).astype(int).tolist()
    random = np.random.default_rng(seed)
    w = np.zeros(problem.features.shape[1])
    state = optimizer.init(w)
    read = [(0, 0.0, problem.loss(w))]
    spent, step, kept = 0.0, 0, w
    with np.errstate(all="ignore"):
        for due in readings:
            begun = time.perf_counter()
            while step < due:
                place = step % per_epoch
                if place == 0:
                    ordered = problem.shuffled(random)
                gradient = ordered.gradient(w, slice(place * batch, (place + 1) * batch))
                w, state = optimizer.update(state, w, gradient, rates[step])
                step += 1
            spent += time.perf_counter() - begun
            loss = problem.loss(w)
            if not np.isfinite(loss):
                break
            read.append((step, spent, loss))
            kept = w
    updates, seconds, losses = (np.array(each) for each in zip(*read, strict=True))
    return TimedDescent(batch, total, updates, seconds, losses, kept)
