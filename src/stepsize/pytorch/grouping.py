"""Parameter groups by the names of the parameters, and what each group's rate is multiplied by."""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from torch import nn

from stepsize.arguments import Number, nearest
from stepsize.errors import ArgumentError, quoted
from stepsize.schedules import Schedule

REST = "rest"
"""The name of the group of the parameters that no pattern matches."""


@dataclass(frozen=True, eq=False)
class ParameterGroups:
    """Groups for an optimizer, named by their patterns, and their factors."""

    parameters: dict[str, list[nn.Parameter]]
    factors: dict[str, float]

    @property
    def groups(self) -> list[dict[str, Any]]:
        """What an optimizer takes: a new dictionary for each group, with its `name` and its `params`."""
        return [{"name": name, "params": list(parameters)} for name, parameters in self.parameters.items()]

    def rates(self, schedule: Schedule) -> dict[str, Schedule]:
        """The schedule times each group's factor, by the group's name: what `Scheduler(lr=...)` takes."""
        if not isinstance(schedule, Schedule):
            raise ArgumentError(
                "rates", "schedule", "a schedule", schedule, "of a function of the step write Function(f)"
            )
        return {name: factor * schedule if factor != 1.0 else schedule for name, factor in self.factors.items()}


def parameter_groups(model: nn.Module, factors: Mapping[str, float]) -> ParameterGroups:
    """Group a model's parameters by patterns of their names, each with a factor on the rate.

    A parameter joins the first pattern that its name matches (`*`, `?` and `[...]` as in file names); those that match
    none are the group "rest", with the factor 1. The groups are named by their patterns, so that other hyperparameters
    can be given by pattern too: `Scheduler(..., weight_decay={"*.bias": 0.0})`.

    Args:
        model: whose parameters, as `named_parameters()` names them.
        factors: what the rate of each pattern's group is multiplied by, as for layer-wise decay or muP's widths.

    Raises:
        ArgumentError: a pattern matches no parameter that is left, or a factor is negative or no number.

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
        raise ArgumentError(
            "parameter_groups", "factors", "patterns with a factor each", factors, 'write {"*.bias": 0.1}'
        )
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
            advice = (
                nearest(pattern, names) or f"the parameters are {', '.join([*names][:8])}{', ...' * (len(names) > 8)}"
            )
            if any(fnmatchcase(name, pattern) for name in names):
                advice = "all that it matches belong to patterns before it"
            raise ArgumentError("parameter_groups", "factors", "patterns that match a parameter", pattern, advice)
    if left:
        if REST in found:
            raise ArgumentError(f'the name "{REST}" is taken by a pattern; the parameters that match none need it')
        found[REST], numbers[REST] = left, 1.0
    return ParameterGroups(found, numbers)
