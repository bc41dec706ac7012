"""Adam, and Adam with decoupled weight decay."""

import math
from abc import ABC
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import numpy as np

from stepsize.arguments import Choice, Maybe, NonNegative, Number
from stepsize.descent.rule import Decay, Eps, Floats, Optimizer, root


class Moments(NamedTuple):
    """m and v: running means of the gradients and of their squares; t: the updates they are made of."""

    m: Floats
    v: Floats
    t: int


@dataclass(frozen=True, repr=False)
class _OfMoments(Optimizer[Moments], ABC):
    """What Adam and AdamW share: the moments, and the direction that comes of them."""

    beta1: Decay = 0.9
    beta2: Decay = 0.999
    eps: Eps = 1e-8
    eps_place: Annotated[str, Choice(("outside", "inside", "before"))] = "outside"

    def _start(self, zeros: Floats) -> Moments:
        return Moments(zeros, zeros, 0)

    def _direction(self, state: Moments, g: Floats) -> tuple[Floats, Moments]:
        m = self.beta1 * state.m + (1.0 - self.beta1) * g
        v = self.beta2 * state.v + (1.0 - self.beta2) * (g * g)
        t = state.t + 1
        of_v = 1.0 - self.beta2**t
        if self.eps_place == "before":
            under = (np.sqrt(v) + self.eps) / math.sqrt(of_v)
        else:
            under = root(v / of_v, self.eps, self.eps_place)
        return m / (1.0 - self.beta1**t) / under, Moments(m, v, t)


@dataclass(frozen=True, repr=False)
class Adam(_OfMoments):
    """A running mean of the gradients over the root of one of their squares, both corrected for their start at zero.

        m <- beta1 m + (1 - beta1) g,    v <- beta2 v + (1 - beta2) g^2
        x <- x - eta m' / (sqrt(v') + eps),    m' = m / (1 - beta1^t),  v' = v / (1 - beta2^t)

    Args:
        beta1: what the mean of the gradients keeps, in [0, 1).
        beta2: what the mean of their squares keeps, in [0, 1).
        eps: keeps the quotient finite.
        eps_place: "outside" of the root as in the paper and in PyTorch; "inside": sqrt(v' + eps); or "before" v is
            corrected, as in the paper's more efficient order and in TensorFlow: (sqrt(v) + eps) / sqrt(1 - beta2^t).

    Raises:
        ArgumentError: an argument is not in its range.

    Example:
        >>> from stepsize.descent import Adam
        >>> rule = Adam(eps=0.0)
        >>> rule.update(rule.init([1.0]), [1.0], [2.0], lr=0.25)[0]
        array([0.75])

    Reference: Kingma and Ba, "Adam: A Method for Stochastic Optimization", arXiv 1412.6980 (2014).
    """

    def _step(self, state: Moments, x: Floats, g: Floats, lr: float) -> tuple[Floats, Moments]:
        direction, state = self._direction(state, g)
        return x - lr * direction, state


@dataclass(frozen=True, repr=False)
class AdamW(_OfMoments):
    """Adam beside which the point itself decays, untouched by the moments.

        x <- (1 - eta weight_decay) x - eta m' / (sqrt(v') + eps),    m' and v' as in `Adam`

    This is PyTorch's, where the decay is times the rate. In the paper the rate eta is a schedule's multiplier times a
    rate alpha, and the decay is times the multiplier alone: with `peak_lr` = alpha it is eta / alpha here.

    Args:
        beta1: as in `Adam`, and so are `beta2`, `eps` and `eps_place`.
        weight_decay: the part of the point that is taken away at every update, for each unit of the rate; with
            `peak_lr`, while the rate is there.
        peak_lr: the rate at which the decay is all of `weight_decay`; None: at 1, as in PyTorch.

    Raises:
        ArgumentError: an argument is not in its range.

    Example:
        >>> from stepsize.descent import AdamW
        >>> rule = AdamW(eps=0.0, weight_decay=1.0)
        >>> rule.update(rule.init([1.0]), [1.0], [2.0], lr=0.25)[0]
        array([0.5])

    Reference: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", arXiv 1711.05101 (2017).
    """

    weight_decay: NonNegative = 0.01
    peak_lr: Annotated[float | None, Maybe(Number(above=0.0))] = None

    def _step(self, state: Moments, x: Floats, g: Floats, lr: float) -> tuple[Floats, Moments]:
        direction, state = self._direction(state, g)
        share = lr if self.peak_lr is None else lr / self.peak_lr
        return (1.0 - share * self.weight_decay) * x - lr * direction, state
