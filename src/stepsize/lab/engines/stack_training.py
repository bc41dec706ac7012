"""A stack in training: a schedule for each row, and PyTorch's optimizers as update rules of stacked parameters."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.utils._pytree import tree_map_only

from stepsize.errors import ArgumentError, RunError
from stepsize.lab.engines.stack import Named, Stack
from stepsize.lab.run_spec import RunSpec
from stepsize.lab.training.samples import Batch, EvaluationSet
from stepsize.store.run import Epoch, Point


class StackTraining:
    """A stack that a training loop trains, with the schedules of its rows.

    A row whose spec is None has the rate 0: it is computed with the others, and is not changed.
    """

    def __init__(
        self, stack: Stack, rule: "UpdateRule", specs: Sequence[RunSpec | None], clip_norm: float | None = None
    ) -> None:
        self.seeds = stack.seeds
        self.device = stack.device
        self._stack = stack
        self._rule = rule
        self._specs = specs
        self._clip_norm = clip_norm
        self._decay = next(spec.weight_decay for spec in specs if spec is not None)  # the same for all
        self._gradients: Named = {}
        self._first, self._step = 0, 0

    @property
    def rates(self) -> list[float]:
        return [0.0 if spec is None else float(spec.rate(self._step)) for spec in self._specs]

    def begin_epoch(self, step: int, updates: int) -> None:
        """Compute the rates of the next updates, and put them on the device: (updates, rows)."""
        steps = np.arange(step, step + updates)
        rates = [np.zeros(updates) if spec is None else spec.rate(steps) for spec in self._specs]
        values = np.stack(rates, axis=1)
        wrong = np.argwhere(~(np.isfinite(values) & (values >= 0.0)))  # a Function may give other values than before
        if wrong.size:
            at, row = wrong[0]
            reason = f"row {row} got the rate {values[at, row]} at step {step + at}"
            raise RunError(reason, "a rate is a finite number that is not negative")
        some = next(iter(self._stack.parameters.values()))
        self._first, self._rates = step, torch.from_numpy(values).to(some.device, some.dtype)

    def add_gradient(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        gradients, losses, right = self._stack.gradients(batch.inputs, batch.targets)
        if batch.share == 1:
            self._gradients = gradients
        else:
            for name, gradient in gradients.items():
                sums = self._gradients
                sums[name] = sums[name].add_(gradient, alpha=batch.share) if name in sums else gradient * batch.share
        return losses, right

    def update(self, step: int) -> None:
        if self._clip_norm is not None:
            clip_rows(self._gradients, self._clip_norm)
        decay = None if self._decay is None else float(self._decay(step))
        self._rule.update(self._stack.parameters, self._gradients, self._rates[step - self._first], decay)
        self._gradients, self._step = {}, step

    def measure(self, samples: EvaluationSet) -> list[tuple[float, float]]:
        return self._stack.measure(samples)

    def logged(self, records: Sequence[Point | Epoch]) -> None:
        pass

    def state(self, rows: Sequence[int] | None = None) -> dict[str, Any]:
        whole = {"stack": self._stack.state(), "rule": self._rule.state()}
        chosen: dict[str, Any] = whole if rows is None else tree_map_only(Tensor, lambda each: each[rows], whole)
        return chosen

    def load(self, state: dict[str, Any], step: int) -> None:
        self._stack.load(state["stack"])
        self._rule.load(state["rule"], self.device)


class UpdateRule(ABC):
    """Updates parameters (rows, ...) in place, with the settings of an optimizer of PyTorch."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = settings
        self._updates = 0
        self._memory: dict[str, Named] = {}  # momenta and the like, each for all parameters

    @abstractmethod
    def update(self, parameters: Named, gradients: Named, rates: Tensor, decay: float | None) -> None:
        """One update with rates (rows,); a `decay` that is not None replaces the optimizer's weight decay."""

    def state(self) -> dict[str, Any]:
        return {"updates": self._updates, "memory": self._memory}

    def load(self, state: dict[str, Any], device: torch.device) -> None:
        self._updates = state["updates"]
        self._memory = {
            key: {name: value.to(device) for name, value in values.items()} for key, values in state["memory"].items()
        }


def update_rule(optimizer: Optimizer) -> UpdateRule:
    """The rule with which this optimizer of PyTorch updates; only the optimizer's settings are used."""
    rules: dict[type[Optimizer], type[UpdateRule]] = {SGD: StackedSGD, Adam: StackedAdam, AdamW: StackedAdam}
    name, settings = type(optimizer).__name__, optimizer.param_groups[0]
    rule = rules.get(type(optimizer))
    if rule is None:
        raise cannot_stack("optimizer", "SGD, Adam or AdamW", name)
    if len(optimizer.param_groups) > 1:
        raise cannot_stack(
            "optimizer", "an optimizer with one group of parameters", f"{len(optimizer.param_groups)} groups"
        )
    for setting in ("maximize", "amsgrad"):
        if settings.get(setting):
            raise cannot_stack("optimizer", f"without {setting}", f"{name} with {setting}")
    return rule(settings)


def cannot_stack(argument: str, rule: str, given: object) -> ArgumentError:
    """The error for what the engine "stacked" cannot train."""
    return ArgumentError("Experiment", argument, f"{rule} for stacked runs", given, "write {engine}", engine="local")


class StackedSGD(UpdateRule):
    """SGD with momentum b (dampening d, Nesterov's or not) and weight decay w.

    g <- g + w p; m <- b m + (1 - d) g, at first m = g; p <- p - eta m, or p - eta (g + b m) with Nesterov's.
    """

    def update(self, parameters: Named, gradients: Named, rates: Tensor, decay: float | None) -> None:
        s, momenta = self._settings, self._memory.setdefault("momenta", {})
        decay = s["weight_decay"] if decay is None else decay
        for name, parameter in parameters.items():
            change = gradients[name]
            if decay:
                change = change.add(parameter, alpha=decay)
            if s["momentum"]:
                if name in momenta:
                    momenta[name].mul_(s["momentum"]).add_(change, alpha=1 - s["dampening"])
                else:
                    momenta[name] = change.clone()
                change = change.add(momenta[name], alpha=s["momentum"]) if s["nesterov"] else momenta[name]
            parameter.addcmul_(_along(rates, parameter), change, value=-1)


class StackedAdam(UpdateRule):
    """Adam, and AdamW, whose weight decay w is decoupled: p <- (1 - eta w) p instead of g <- g + w p.

    m <- b1 m + (1 - b1) g; v <- b2 v + (1 - b2) g^2; p <- p - eta (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps).
    """

    def update(self, parameters: Named, gradients: Named, rates: Tensor, decay: float | None) -> None:
        s = self._settings
        decay = s["weight_decay"] if decay is None else decay
        first, second = s["betas"]
        if not self._memory:
            for key in ("means", "squares"):
                self._memory[key] = {name: torch.zeros_like(parameter) for name, parameter in parameters.items()}
        self._updates += 1
        step_sizes = rates / (1 - first**self._updates)
        root = math.sqrt(1 - second**self._updates)
        for name, parameter in parameters.items():
            gradient, mean, square = gradients[name], self._memory["means"][name], self._memory["squares"][name]
            if decay and s["decoupled_weight_decay"]:
                parameter.mul_(_along(1 - rates * decay, parameter))
            elif decay:
                gradient = gradient.add(parameter, alpha=decay)
            mean.lerp_(gradient, 1 - first)
            square.mul_(second).addcmul_(gradient, gradient, value=1 - second)
            scale = (square.sqrt() / root).add_(s["eps"])
            parameter.addcmul_(_along(step_sizes, parameter), mean / scale, value=-1)


def clip_rows(gradients: Named, norm: float) -> None:
    """Bound the norm of each row's gradient, in place, as PyTorch's `clip_grad_norm_` does for one network."""
    squares = [gradient.reshape(len(gradient), -1).square().sum(dim=1) for gradient in gradients.values()]
    shares = (norm / (torch.stack(squares).sum(dim=0).sqrt() + 1e-6)).clamp(max=1.0)
    for gradient in gradients.values():
        gradient.mul_(_along(shares, gradient))


def _along(rows: Tensor, like: Tensor) -> Tensor:
    """(rows,) as (rows, 1, ...), which broadcasts to `like`."""
    return rows.view(-1, *[1] * (like.dim() - 1))
