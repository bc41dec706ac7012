"""PyTorch's optimizers as update rules of stacked parameters, with a rate for each row."""

import math
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.optim import SGD, Adam, AdamW, Optimizer

from stepsize.errors import ArgumentError

Named = dict[str, Tensor]


class UpdateRule(Protocol):
    """Updates parameters (rows, ...) in place; what it remembers is its own."""

    def update(self, parameters: Named, gradients: Named, rates: Tensor, decay: float | None) -> None:
        """One update: `rates` (rows,), and a weight decay in the place of the optimizer's own, unless None."""

    def state(self) -> dict[str, Any]:
        """What it remembers, as tensors and numbers."""

    def load(self, state: dict[str, Any], device: torch.device) -> None:
        """Remember what `state` says."""


def update_rule(optimizer: Optimizer) -> UpdateRule:
    """The rule that updates as this optimizer of PyTorch does; of the optimizer only its settings are used.

    Raises:
        ArgumentError: there is no such rule.
    """
    rules: dict[type[Optimizer], type[StackedSGD] | type[StackedAdam]]
    rules = {SGD: StackedSGD, Adam: StackedAdam, AdamW: StackedAdam}
    rule = rules.get(type(optimizer))
    settings = optimizer.param_groups[0]
    name = type(optimizer).__name__
    if rule is None:
        raise _refusal(f"has update rules for SGD, Adam and AdamW, and none for {name}")
    if len(optimizer.param_groups) > 1:
        raise _refusal(f"has one group of parameters, and this {name} has {len(optimizer.param_groups)}")
    for setting in ("maximize", "amsgrad"):
        if settings.get(setting):
            raise _refusal(f"has no {name} with {setting}")
    return rule(settings)


def _refusal(what: str) -> ArgumentError:
    return ArgumentError(f'the engine "stacked" {what}; write engine = "local"')


class StackedSGD:
    """SGD with momentum b (dampening d, Nesterov's or not) and weight decay w.

    g <- g + w p; m <- b m + (1 - d) g, at first m = g; p <- p - eta m, or p - eta (g + b m) with Nesterov's.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = settings
        self._momenta: Named = {}

    def update(self, parameters: Named, gradients: Named, rates: Tensor, decay: float | None) -> None:
        s = self._settings
        decay = s["weight_decay"] if decay is None else decay
        for name, parameter in parameters.items():
            change = gradients[name]
            if decay:
                change = change.add(parameter, alpha=decay)
            if s["momentum"]:
                if name in self._momenta:
                    self._momenta[name].mul_(s["momentum"]).add_(change, alpha=1 - s["dampening"])
                else:
                    self._momenta[name] = change.clone()
                momentum = self._momenta[name]
                change = change.add(momentum, alpha=s["momentum"]) if s["nesterov"] else momentum
            parameter.addcmul_(_along(rates, parameter), change, value=-1)

    def state(self) -> dict[str, Any]:
        return {"momenta": self._momenta}

    def load(self, state: dict[str, Any], device: torch.device) -> None:
        self._momenta = {name: value.to(device) for name, value in state["momenta"].items()}


class StackedAdam:
    """Adam, and AdamW, whose weight decay w is decoupled: p <- (1 - eta w) p instead of g <- g + w p.

    m <- b1 m + (1 - b1) g; v <- b2 v + (1 - b2) g^2; p <- p - eta (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps).
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = settings
        self._updates = 0
        self._means: Named = {}
        self._squares: Named = {}

    def update(self, parameters: Named, gradients: Named, rates: Tensor, decay: float | None) -> None:
        s = self._settings
        decay = s["weight_decay"] if decay is None else decay
        first, second = s["betas"]
        self._updates += 1
        if not self._means:
            self._means = {name: torch.zeros_like(parameter) for name, parameter in parameters.items()}
            self._squares = {name: torch.zeros_like(parameter) for name, parameter in parameters.items()}
        step_sizes = rates / (1 - first**self._updates)
        root = math.sqrt(1 - second**self._updates)
        for name, parameter in parameters.items():
            gradient, mean, square = gradients[name], self._means[name], self._squares[name]
            if decay and s["decoupled_weight_decay"]:
                parameter.mul_(_along(1 - rates * decay, parameter))
            elif decay:
                gradient = gradient.add(parameter, alpha=decay)
            mean.lerp_(gradient, 1 - first)
            square.mul_(second).addcmul_(gradient, gradient, value=1 - second)
            scale = (square.sqrt() / root).add_(s["eps"])
            parameter.addcmul_(_along(step_sizes, parameter), mean / scale, value=-1)

    def state(self) -> dict[str, Any]:
        return {"updates": self._updates, "means": self._means, "squares": self._squares}

    def load(self, state: dict[str, Any], device: torch.device) -> None:
        self._updates = state["updates"]
        self._means = {name: value.to(device) for name, value in state["means"].items()}
        self._squares = {name: value.to(device) for name, value in state["squares"].items()}


def clip_rows(gradients: Named, norm: float) -> None:
    """Bound the norm of each row's gradient, in place, as PyTorch's `clip_grad_norm_` bounds that of one network."""
    squares = [gradient.reshape(len(gradient), -1).square().sum(dim=1) for gradient in gradients.values()]
    total = torch.stack(squares).sum(dim=0).sqrt()
    shares = (norm / (total + 1e-6)).clamp(max=1.0)
    for gradient in gradients.values():
        gradient.mul_(_along(shares, gradient))


def _along(rows: Tensor, like: Tensor) -> Tensor:
    """(rows,) as (rows, 1, ...), so that it broadcasts to `like`."""
    return rows.view(-1, *[1] * (like.dim() - 1))
