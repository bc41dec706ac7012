"""Gradient descent, plain and with momentum."""

from dataclasses import dataclass
from typing import Annotated, NamedTuple

from stepsize.arguments import Choice, Flag
from stepsize.descent.rule import Decay, Floats, Optimizer


@dataclass(frozen=True, repr=False)
class GradientDescent(Optimizer[tuple[()]]):
    """Straight down the gradient.

        x <- x - eta g

    With the gradient of the whole loss this is gradient descent; with that of one sample, or with noise, stochastic
    gradient descent; with the mean over a batch, minibatch SGD. The rule is the same. PyTorch's is `SGD`.

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
    """A velocity that keeps the part `beta` of itself and gathers gradients.

        v <- beta v + g,    x <- x - eta v,    with Nesterov's look ahead  x <- x - eta (g + beta v)

    This is PyTorch's `SGD(momentum=beta)`, dampening 0. Elsewhere the rate stands inside the velocity,
    v <- beta v + eta g and x <- x - v (with Nesterov x <- x - (eta g + beta v)): the same under one rate, but after
    the rate has moved, what was gathered before keeps the rate it was gathered at.

    Args:
        beta: what the velocity keeps, in [0, 1). PyTorch's own default, 0, is `GradientDescent`.
        nesterov: take the step that the velocity will take next.
        rate: where eta stands: "outside" of the velocity as in PyTorch, or "inside" as in Sutskever et al.

    Raises:
        ArgumentError: an argument is not in its range.

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
    rate: Annotated[str, Choice(("outside", "inside"))] = "outside"

    def _start(self, zeros: Floats) -> Velocity:
        return Velocity(zeros)

    def _step(self, state: Velocity, x: Floats, g: Floats, lr: float) -> tuple[Floats, Velocity]:
        outer, gathered = (lr, g) if self.rate == "outside" else (1.0, lr * g)
        v = self.beta * state.v + gathered
        return x - outer * (gathered + self.beta * v if self.nesterov else v), Velocity(v)
