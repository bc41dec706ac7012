"""Parameter groups by the names of the parameters, each with a factor on its rate."""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from torch import nn

from stepsize.arguments import Number, nearest
from stepsize.errors import ArgumentError, quoted
from stepsize.schedules import Schedule

REST = "rest"  # the name of the group of the parameters that no pattern matches


@dataclass(frozen=True, eq=False)
class ParameterGroups:
    """Groups for an optimizer, named by their patterns, and their factors."""

    parameters: dict[str, list[nn.Parameter]]
    factors: dict[str, float]

    @property
    def groups(self) -> list[dict[str, Any]]:
        """The groups to give to an optimizer: a new dictionary each, with `name` and `params`."""
        return [{"name": name, "params": list(parameters)} for name, parameters in self.parameters.items()]

    def rates(self, schedule: Schedule) -> dict[str, Schedule]:
        """The schedule times each group's factor, by the group's name, for `Scheduler(lr=...)`."""
        if not isinstance(schedule, Schedule):
            raise ArgumentError("rates", "schedule", "a schedule", schedule, "for a function f write Function(f)")
        return {name: factor * schedule if factor != 1.0 else schedule for name, factor in self.factors.items()}


def parameter_groups(model: nn.Module, factors: Mapping[str, float]) -> ParameterGroups:
    """Group a model's parameters by patterns of their names, each with a factor on the rate.

    A parameter joins the first pattern that matches its name (`*`, `?` and `[...]` as in file names). Parameters that
    match no pattern form the group "rest", with the factor 1. Groups are named by their patterns, so you can give other
    hyperparameters by pattern too: `Scheduler(..., weight_decay={"*.bias": 0.0})`.

    Args:
        model: its parameters have the names that `named_parameters()` gives them.
        factors: patterns, each with the factor on its group's rate, for instance for layer-wise decay or muP's widths.

    Raises:
        ArgumentError: a pattern matches none of the remaining parameters, or a factor is not a number >= 0.

    Example:
        >>> import torch
        >>> from stepsize.pytorch import Scheduler, parameter_groups
        >>> model = torch.nn.Sequential(*(torch.nn.Linear(2, 2) for _ in range(3)))
        >>> layerwise = {f"{layer}.*": 0.5 ** (2 - layer) for layer in range(2)}
        >>> grouped = parameter_groups(model, layerwise)
        >>> optimizer = torch.optim.SGD(grouped.groups)
        >>> scheduler = Scheduler(optimizer, grouped.rates(Constant(0.1)))
        >>> {group["name"]: group["lr"] for group in optimizer.param_groups}
        {'0.*': 0.025, '1.*': 0.05, 'rest': 0.1}

    Reference: layer-wise factors, Howard and Ruder, "Universal Language Model Fine-tuning", arXiv 1801.06146 (2018).
    """
    if not isinstance(model, nn.Module):
        raise ArgumentError("parameter_groups", "model", "a torch.nn.Module", model)
    if not hasattr(factors, "items") or any(type(pattern) is not str for pattern in factors):
        advice = 'write {"*.bias": 0.1}'
        raise ArgumentError("parameter_groups", "factors", "patterns with a factor each", factors, advice)
    found: dict[str, list[nn.Parameter]] = {pattern: [] for pattern in factors}
    left: list[nn.Parameter] = []
    names = dict(model.named_parameters())
    for name, parameter in names.items():
        pattern = next((pattern for pattern in factors if fnmatchcase(name, pattern)), None)
        (left if pattern is None else found[pattern]).append(parameter)
    rule = Number(least=0.0)
    numbers = {name: rule("parameter_groups", f"factors[{quoted(name)}]", given) for name, given in factors.items()}
    for pattern, parameters in found.items():
        if not parameters:
            some = f"{', '.join([*names][:8])}{', ...' * (len(names) > 8)}"
            advice = nearest(pattern, names) or f"the parameters are {some}"
            if any(fnmatchcase(name, pattern) for name in names):
                advice = "all parameters that it matches belong to patterns before it"
            raise ArgumentError("parameter_groups", "factors", "patterns that match a parameter", pattern, advice)
    if left:
        if REST in found:
            advice = "parameters that match no pattern form the group of this name"
            raise ArgumentError("parameter_groups", "factors", f'without the pattern "{REST}"', factors, advice)
        found[REST], numbers[REST] = left, 1.0
    return ParameterGroups(found, numbers)
