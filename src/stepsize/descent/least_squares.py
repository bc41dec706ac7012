"""Least squares on real data, descended with one sample at a time, in batches, or with all samples at once."""

import time
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from stepsize.arguments import Count, Instance
from stepsize.checked_calls import checked
from stepsize.descent.optimizer import AnyOptimizer
from stepsize.descent.surface import Floats
from stepsize.descent.trajectory import Rate, Seed, rates_of
from stepsize.errors import ArgumentError, MissingExtraError

_MOST_LOSSES = 120


@dataclass(frozen=True, eq=False)
class LeastSquares:
    """A linear model of n samples, with half the mean of the squared errors as its loss.

        f(w) = |A w - b|^2 / 2 n,    its gradient = A^T (A w - b) / n

    Attributes:
        features: A, shape `(samples, dimensions)`.
        targets: b, shape `(samples,)`.
        source: one sentence on the origin of the data.
    """

    features: Floats
    targets: Floats
    source: str = ""

    def loss(self, w: Floats) -> float:
        """f(w), over all samples."""
        errors = self.features @ w - self.targets
        return float(errors @ errors) / (2 * len(errors))

    def gradient(self, w: Floats, rows: slice = slice(None)) -> Floats:
        """The mean gradient over the samples of `rows`."""
        features = self.features[rows]
        return np.asarray((features @ w - self.targets[rows]) @ features / len(features))

    def shuffled(self, random: np.random.Generator) -> "LeastSquares":
        """The same samples in another order."""
        order = random.permutation(len(self.targets))
        return LeastSquares(self.features[order], self.targets[order], self.source)

    @cached_property
    def solution(self) -> Floats:
        """The w with the lowest loss."""
        return np.asarray(np.linalg.lstsq(self.features, self.targets)[0], dtype=np.float64)

    @cached_property
    def largest_rate(self) -> float:
        """The rate above which gradient descent over all samples diverges: 2 / the largest curvature of f."""
        return 2.0 / float(np.linalg.eigvalsh(self.features.T @ self.features / len(self.targets))[-1])


def diabetes() -> LeastSquares:
    """scikit-learn's bundled diabetes data: 442 patients, 10 measurements, and how the disease had progressed.

    The targets measure the progression after a year. Measurements and targets are standardised: mean 0, standard
    deviation 1. The last feature is a constant 1.

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
    """The loss of a descent over the time it took, up to the last finite loss.

    Attributes:
        batch: samples in each update.
        steps: the requested number of updates.
        updates: made before each loss was computed, from 0 on; shape `(losses,)`.
        seconds: that these updates took.
        losses: over all samples.
        w: the weights at the last of these losses.
    """

    batch: int
    steps: int
    updates: NDArray[np.int64]
    seconds: Floats
    losses: Floats
    w: Floats

    @property
    def lasted(self) -> int:
        """The number of updates at the last finite loss; `steps` if the descent did not diverge."""
        return int(self.updates[-1])

    @property
    def diverged(self) -> bool:
        """Whether the loss became infinite or NaN."""
        return self.lasted < self.steps


@checked
def descend_in_batches(
    problem: Annotated[
        LeastSquares, Instance(LeastSquares, "a least-squares problem", "write, for example, diabetes()")
    ],
    optimizer: AnyOptimizer,
    batch: Count,
    epochs: Count,
    lr: Rate,
    seed: Seed = 0,
) -> TimedDescent:
    """Descend a least-squares problem from w = 0 with the mean gradient of one batch at a time, and time it.

    Every epoch takes the samples in a new random order; the samples that are left at its end form a smaller batch.
    The loss is computed at most 120 times, more often at the start; the descent ends if it is not finite.

    Args:
        problem: what to descend.
        optimizer: the update rule.
        batch: samples in an update: 1 is stochastic gradient descent, all of them gradient descent.
        epochs: passes over the samples.
        lr: the rate, or a schedule of it, over updates.
        seed: of the orders.

    Returns:
        A `TimedDescent`.

    Raises:
        ArgumentError: an argument is not allowed, or the batch is larger than the data.

    Example:
        >>> from stepsize.descent import GradientDescent, descend_in_batches, diabetes
        >>> down = descend_in_batches(diabetes(), GradientDescent(), batch=10, epochs=5, lr=0.05)
        >>> int(down.updates[-1]), bool(down.losses[-1] < 0.25)
        (225, True)
    """
    samples = len(problem.targets)
    if batch > samples:
        raise ArgumentError("descend_in_batches", "batch", f"at most {samples}, the number of samples", batch)
    per_epoch = -(-samples // batch)
    steps = per_epoch * epochs
    rates = rates_of("descend_in_batches", lr, steps).tolist()
    random = np.random.default_rng(seed)
    w = last = np.zeros(problem.features.shape[1])
    state = optimizer.init(w)
    history = [(0, 0.0, problem.loss(w))]
    seconds, step = 0.0, 0
    with np.errstate(all="ignore"):
        for due in np.unique(np.geomspace(1, steps, _MOST_LOSSES).round()).astype(int).tolist():
            started = time.perf_counter()
            while step < due:
                place = step % per_epoch
                if place == 0:
                    ordered = problem.shuffled(random)
                gradient = ordered.gradient(w, slice(place * batch, (place + 1) * batch))
                w, state = optimizer.update(state, w, gradient, rates[step])
                step += 1
            seconds += time.perf_counter() - started
            loss = problem.loss(w)
            if not np.isfinite(loss):
                break
            history.append((step, seconds, loss))
            last = w
    updates, times, losses = (np.array(each) for each in zip(*history, strict=True))
    return TimedDescent(batch, steps, updates, times, losses, last)
