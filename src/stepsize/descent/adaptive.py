"""Optimizers with a rate for every coordinate, from the squares of its gradients."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from stepsize.descent.rule import Decay, Eps, Floats, Optimizer, Place, root


class Squares(NamedTuple):
    """s: the sum or the running mean of squared gradients."""

    s: Floats


@dataclass(frozen=True, repr=False)
class AdaGrad(Optimizer[Squares]):
    """The rate falls, in each coordinate, with all the squared gradients so far.

        s <- s + g^2,    x <- x - eta g / (sqrt(s) + eps)

    Args:
        eps: keeps the quotient finite.
        eps_place: "outside" of the root as in PyTorch, or "inside": sqrt(s + eps).

    Raises:
        ArgumentError: an argument is not in its range.

    Example:
        >>> from stepsize.descent import AdaGrad
        >>> rule = AdaGrad(eps=0.0)
        >>> rule.update(rule.init([1.0]), [1.0], [2.0], lr=0.25)[0]
        array([0.75])

    Reference: Duchi, Hazan and Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic
    Optimization" (2011).
    """

    eps: Eps = 1e-10
    eps_place: Place = "outside"

    def _start(self, zeros: Floats) -> Squares:
        return Squares(zeros)

    def _step(self, state: Squares, x: Floats, g: Floats, lr: float) -> tuple[Floats, Squares]:
        s = state.s + g * g
        return x - lr * g / root(s, self.eps, self.eps_place), Squares(s)


@dataclass(frozen=True, repr=False)
class RMSProp(Optimizer[Squares]):
    """AdaGrad that forgets: a running mean of the squares in place of their sum.

        s <- gamma s + (1 - gamma) g^2,    x <- x - eta g / (sqrt(s) + eps)

    Args:
        gamma: what the mean keeps, in [0, 1). PyTorch calls it alpha, and starts from 0.99.
        eps: keeps the quotient finite.
        eps_place: "outside" of the root as in PyTorch, or "inside" as in TensorFlow: sqrt(s + eps).

    Raises:
        ArgumentError: an argument is not in its range.

    Example:
        >>> from stepsize.descent import RMSProp
        >>> rule = RMSProp(gamma=0.75, eps=0.0)
        >>> rule.update(rule.init([1.0]), [1.0], [2.0], lr=0.25)[0]
        array([0.5])

    Reference: Tieleman and Hinton, "Lecture 6.5: RMSProp", Neural Networks for Machine Learning (2012).
    """

    gamma: Decay = 0.9
    eps: Eps = 1e-8
    eps_place: Place = "outside"

    def _start(self, zeros: Floats) -> Squares:
        return Squares(zeros)

    def _step(self, state: Squares, x: Floats, g: Floats, lr: float) -> tuple[Floats, Squares]:
        s = self.gamma * state.s + (1.0 - self.gamma) * (g * g)
        return x - lr * g / root(s, self.eps, self.eps_place), Squares(s)


class SquaresAndSteps(NamedTuple):
    """s: the running mean of squared gradients; d: that of squared steps."""

    s: Floats
    d: Floats


@dataclass(frozen=True, repr=False)
class Adadelta(Optimizer[SquaresAndSteps]):
    """No rate at all: steps are as large as the last ones were, measured in gradients.

        s <- rho s + (1 - rho) g^2,    u = g sqrt(d + eps) / sqrt(s + eps)
        d <- rho d + (1 - rho) u^2,    x <- x - eta u

    eta is 1 in the paper and as PyTorch's default; other values make every step larger or smaller.

    Args:
        rho: what both means keep, in [0, 1).
        eps: keeps the quotient finite, and makes the first step: without it no step is ever made.
        eps_place: "inside" of the roots as in the paper and in PyTorch, or "outside": sqrt(d) + eps, sqrt(s) + eps.

    Raises:
        ArgumentError: an argument is not in its range.

    Example:
        >>> from stepsize.descent import Adadelta
        >>> rule = Adadelta(rho=0.75, eps=3.0)
        >>> rule.update(rule.init([1.0]), [1.0], [2.0], lr=1.0)[0].round(4)
        array([-0.7321])

    Reference: Zeiler, "ADADELTA: An Adaptive Learning Rate Method", arXiv 1212.5701 (2012).
    """

    rho: Decay = 0.9
    eps: Eps = 1e-6
    eps_place: Place = "inside"

    def _start(self, zeros: Floats) -> SquaresAndSteps:
        return SquaresAndSteps(zeros, zeros)

    def _step(self, state: SquaresAndSteps, x: Floats, g: Floats, lr: float) -> tuple[Floats, SquaresAndSteps]:
        s = self.rho * state.s + (1.0 - self.rho) * (g * g)
        u = g * root(state.d, self.eps, self.eps_place) / root(s, self.eps, self.eps_place)
        d = self.rho * state.d + (1.0 - self.rho) * np.square(u)
        return x - lr * u, SquaresAndSteps(s, d)
