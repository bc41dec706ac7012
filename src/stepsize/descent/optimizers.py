"""The update rules. A new rule is a class in this file and its name in `__all__`."""

import math
from abc import ABC
from dataclasses import dataclass
from numbers import Real
from typing import Annotated, Any, NamedTuple

import numpy as np

from stepsize.arguments import Choice, Flag, MaybePositive, NonNegative
from stepsize.descent.optimizer import Optimizer
from stepsize.descent.surface import Floats
from stepsize.errors import ArgumentError

__all__ = ["AdaGrad", "Adadelta", "Adam", "AdamW", "GradientDescent", "Momentum", "RMSProp"]


def _decay(owner: str, name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, Real) or not 0.0 <= float(value) < 1.0:
        raise ArgumentError(owner, name, "a number >= 0 and < 1", value)
    return float(value)


# The part of a running mean or of a velocity that each update keeps.
Decay = Annotated[float, _decay]
# Where a small number stands: outside the root, sqrt(s) + eps, or inside it, sqrt(s + eps).
Place = Annotated[str, Choice(("outside", "inside"))]


def _root(s: Floats, eps: float, place: str) -> Floats:
    return np.asarray(np.sqrt(s) + eps if place == "outside" else np.sqrt(s + eps))


@dataclass(frozen=True, repr=False)
class GradientDescent(Optimizer[tuple[()]]):
    """Steps down the gradient.

        x <- x - eta g

    With the gradient of the whole loss this is gradient descent; with that of one sample, or with noise, stochastic
    gradient descent; with the mean over a batch, minibatch SGD. PyTorch calls it `SGD`.

    Example:
        >>> from stepsize.descent import GradientDescent
        >>> rule = GradientDescent()
        >>> rule.update(rule.init([1.0]), [1.0], [2.0], lr=0.25)
        (array([0.5]), ())

    Reference: Cauchy, "Methode generale pour la resolution des systemes d'equations simultanees" (1847); with noise,
    Robbins and Monro, "A Stochastic Approximation Method" (1951).
    """

    def _start(self, zeros: Floats) -> tuple[()]:
        return ()

    def _step(self, state: tuple[()], x: Floats, g: Floats, lr: float) -> tuple[Floats, tuple[()]]:
        return x - lr * g, ()


class Velocity(NamedTuple):
    """v: the decayed sum of gradients."""

    v: Floats


@dataclass(frozen=True, repr=False)
class Momentum(Optimizer[Velocity]):
    """A velocity that keeps the fraction `beta` of itself and adds the gradient.

        v <- beta v + g,    x <- x - eta v,    with Nesterov's look ahead  x <- x - eta (g + beta v)

    This is PyTorch's `SGD(momentum=beta)` with dampening 0. Other libraries put the rate inside the velocity:
    v <- beta v + eta g and x <- x - v (with Nesterov x <- x - (eta g + beta v)). Both are the same under a constant
    rate. If the rate changes, the second form keeps the old rate in the gradients that it has already added.

    Args:
        beta: the fraction of the velocity that is kept, in [0, 1). PyTorch's default, 0, is `GradientDescent`.
        nesterov: whether to take the step that the velocity will take next.
        rate: "outside" the velocity as in PyTorch, or "inside" it as in Sutskever et al.

    Raises:
        ArgumentError: an argument is out of range.

    Example:
        >>> from stepsize.descent import Momentum
        >>> rule = Momentum(0.5)
        >>> x, state = rule.update(rule.init([1.0]), [1.0], [2.0], lr=0.25)
        >>> x, state.v
        (array([0.5]), array([2.]))

    Reference: Polyak, "Some methods of speeding up the convergence of iteration methods" (1964); Nesterov (1983), in
    the form of Sutskever et al., "On the importance of initialization and momentum in deep learning" (2013).
    """

    beta: Decay = 0.9
    nesterov: Annotated[bool, Flag()] = False
    rate: Place = "outside"

    def _start(self, zeros: Floats) -> Velocity:
        return Velocity(zeros)

    def _step(self, state: Velocity, x: Floats, g: Floats, lr: float) -> tuple[Floats, Velocity]:
        outer, added = (lr, g) if self.rate == "outside" else (1.0, lr * g)
        v = self.beta * state.v + added
        return x - outer * (added + self.beta * v if self.nesterov else v), Velocity(v)


class Squares(NamedTuple):
    """s: the sum or the running mean of squared gradients."""

    s: Floats


@dataclass(frozen=True, repr=False)
class AdaGrad(Optimizer[Squares]):
    """A rate for each coordinate that falls with the sum of its squared gradients.

        s <- s + g^2,    x <- x - eta g / (sqrt(s) + eps)

    Args:
        eps: keeps the quotient finite.
        eps_place: "outside" the root as in PyTorch, or "inside": sqrt(s + eps).

    Raises:
        ArgumentError: an argument is out of range.

    Example:
        >>> from stepsize.descent import AdaGrad
        >>> rule = AdaGrad(eps=0.0)
        >>> rule.update(rule.init([1.0]), [1.0], [2.0], lr=0.25)[0]
        array([0.75])

    Reference: Duchi, Hazan and Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic
    Optimization" (2011).
    """

    eps: NonNegative = 1e-10
    eps_place: Place = "outside"

    def _start(self, zeros: Floats) -> Squares:
        return Squares(zeros)

    def _step(self, state: Squares, x: Floats, g: Floats, lr: float) -> tuple[Floats, Squares]:
        s = state.s + g * g
        return x - lr * g / _root(s, self.eps, self.eps_place), Squares(s)


@dataclass(frozen=True, repr=False)
class RMSProp(Optimizer[Squares]):
    """AdaGrad with a running mean of the squares in place of their sum.

        s <- gamma s + (1 - gamma) g^2,    x <- x - eta g / (sqrt(s) + eps)

    Args:
        gamma: the part of the mean that is kept, in [0, 1). PyTorch calls it alpha; its default is 0.99.
        eps: keeps the quotient finite.
        eps_place: "outside" the root as in PyTorch, or "inside" as in TensorFlow: sqrt(s + eps).

    Raises:
        ArgumentError: an argument is out of range.

    Example:
        >>> from stepsize.descent import RMSProp
        >>> rule = RMSProp(gamma=0.75, eps=0.0)
        >>> rule.update(rule.init([1.0]), [1.0], [2.0], lr=0.25)[0]
        array([0.5])

    Reference: Tieleman and Hinton, "Lecture 6.5: RMSProp", Neural Networks for Machine Learning (2012).
    """

    gamma: Decay = 0.9
    eps: NonNegative = 1e-8
    eps_place: Place = "outside"

    def _start(self, zeros: Floats) -> Squares:
        return Squares(zeros)

    def _step(self, state: Squares, x: Floats, g: Floats, lr: float) -> tuple[Floats, Squares]:
        s = self.gamma * state.s + (1.0 - self.gamma) * (g * g)
        return x - lr * g / _root(s, self.eps, self.eps_place), Squares(s)


class SquaresAndSteps(NamedTuple):
    """s: the running mean of squared gradients; d: that of squared steps."""

    s: Floats
    d: Floats


@dataclass(frozen=True, repr=False)
class Adadelta(Optimizer[SquaresAndSteps]):
    """Steps of the size of the previous steps, scaled by the gradient; it needs no rate.

        s <- rho s + (1 - rho) g^2,    u = g sqrt(d + eps) / sqrt(s + eps)
        d <- rho d + (1 - rho) u^2,    x <- x - eta u

    In the paper and by default in PyTorch, eta is 1. Other values scale every step.

    Args:
        rho: the part of both means that is kept, in [0, 1).
        eps: keeps the quotient finite and sets the size of the first step: with 0 there are no steps.
        eps_place: "inside" the roots as in the paper and in PyTorch, or "outside": sqrt(d) + eps, sqrt(s) + eps.

    Raises:
        ArgumentError: an argument is out of range.

    Example:
        >>> from stepsize.descent import Adadelta
        >>> rule = Adadelta(rho=0.75, eps=3.0)
        >>> rule.update(rule.init([1.0]), [1.0], [2.0], lr=1.0)[0].round(4)
        array([-0.7321])

    Reference: Zeiler, "ADADELTA: An Adaptive Learning Rate Method", arXiv 1212.5701 (2012).
    """

    rho: Decay = 0.9
    eps: NonNegative = 1e-6
    eps_place: Place = "inside"

    def _start(self, zeros: Floats) -> SquaresAndSteps:
        return SquaresAndSteps(zeros, zeros)

    def _step(self, state: SquaresAndSteps, x: Floats, g: Floats, lr: float) -> tuple[Floats, SquaresAndSteps]:
        s = self.rho * state.s + (1.0 - self.rho) * (g * g)
        u = g * _root(state.d, self.eps, self.eps_place) / _root(s, self.eps, self.eps_place)
        d = self.rho * state.d + (1.0 - self.rho) * (u * u)
        return x - lr * u, SquaresAndSteps(s, d)


class Moments(NamedTuple):
    """m and v: running means of the gradients and of their squares; t: the number of updates."""

    m: Floats
    v: Floats
    t: int


@dataclass(frozen=True, repr=False)
class _WithMoments(Optimizer[Moments], ABC):
    beta1: Decay = 0.9
    beta2: Decay = 0.999
    eps: NonNegative = 1e-8
    eps_place: Annotated[str, Choice(("outside", "inside", "before"))] = "outside"

    def _start(self, zeros: Floats) -> Moments:
        return Moments(zeros, zeros, 0)

    def _direction(self, state: Moments, g: Floats) -> tuple[Floats, Moments]:
        """m' / (sqrt(v') + eps), and the next moments."""
        m = self.beta1 * state.m + (1.0 - self.beta1) * g
        v = self.beta2 * state.v + (1.0 - self.beta2) * (g * g)
        t = state.t + 1
        correction = 1.0 - self.beta2**t
        if self.eps_place == "before":
            divisor = (np.sqrt(v) + self.eps) / math.sqrt(correction)
        else:
            divisor = _root(v / correction, self.eps, self.eps_place)
        return m / (1.0 - self.beta1**t) / divisor, Moments(m, v, t)


@dataclass(frozen=True, repr=False)
class Adam(_WithMoments):
    """A running mean of the gradients over the root of a running mean of their squares, both corrected for bias.

        m <- beta1 m + (1 - beta1) g,    v <- beta2 v + (1 - beta2) g^2
        x <- x - eta m' / (sqrt(v') + eps),    m' = m / (1 - beta1^t),  v' = v / (1 - beta2^t)

    Args:
        beta1: the part of the mean of the gradients that is kept, in [0, 1).
        beta2: the part of the mean of their squares that is kept, in [0, 1).
        eps: keeps the quotient finite.
        eps_place: "outside" the root as in the paper and in PyTorch; "inside": sqrt(v' + eps); or "before" the
            correction of v, as in the paper's efficient order and in TensorFlow: (sqrt(v) + eps) / sqrt(1 - beta2^t).

    Raises:
        ArgumentError: an argument is out of range.

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
class AdamW(_WithMoments):
    """Adam with weight decay that does not enter the moments.

        x <- (1 - eta weight_decay) x - eta m' / (sqrt(v') + eps),    m' and v' as in `Adam`

    As in PyTorch, the decay is multiplied by the rate eta. In the paper, eta is a schedule's multiplier times a rate
    alpha, and the decay is multiplied by the multiplier alone: set `peak_lr` to alpha for that form.

    Args:
        beta1: as in `Adam`, and so are `beta2`, `eps` and `eps_place`.
        weight_decay: the part of the point that each update removes at a rate of `peak_lr`.
        peak_lr: the rate at which the decay is `weight_decay`; None: 1, as in PyTorch.

    Raises:
        ArgumentError: an argument is out of range.

    Example:
        >>> from stepsize.descent import AdamW
        >>> rule = AdamW(eps=0.0, weight_decay=1.0)
        >>> rule.update(rule.init([1.0]), [1.0], [2.0], lr=0.25)[0]
        array([0.5])

    Reference: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", arXiv 1711.05101 (2017).
    """

    weight_decay: NonNegative = 0.01
    peak_lr: MaybePositive = None

    def _step(self, state: Moments, x: Floats, g: Floats, lr: float) -> tuple[Floats, Moments]:
        direction, state = self._direction(state, g)
        multiplier = lr if self.peak_lr is None else lr / self.peak_lr
        return (1.0 - multiplier * self.weight_decay) * x - lr * direction, state
