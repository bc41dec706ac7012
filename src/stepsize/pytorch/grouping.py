"""Parameter groups by the names of the parameters, each with a factor on its rate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated, Any

from torch import nn
from torch.nn.parameter import is_lazy

from stepsize.arguments import Instance, Many, Number, nearest
from stepsize.checked_calls import checked
from stepsize.errors import ArgumentError, quoted

REST = "rest"  # the name of the group of the parameters that no pattern matches
NO_DECAY = "_no_decay"  # ends the name of a group without weight decay


def _with_parameters(owner: str, name: str, value: Any) -> nn.Module:
    if not isinstance(value, nn.Module) or next(value.parameters(), None) is None:
        raise ArgumentError(owner, name, "a torch.nn.Module with parameters", value)
    if any(map(is_lazy, value.parameters())):
        advice = "run it on one batch first, then make the optimizer"
        raise ArgumentError(owner, name, "without lazy layers, which have no parameters yet", type(value), advice)
    return value


def _factors(owner: str, name: str, value: Any) -> dict[str, float]:
    if not hasattr(value, "items") or any(type(pattern) is not str for pattern in value):
        raise ArgumentError(owner, name, "patterns with a factor each", value, 'write {"*.bias": 0.1}')
    rule = Number(least=0.0)
    return {pattern: rule(owner, f"{name}[{quoted(pattern)}]", factor) for pattern, factor in value.items()}


Model = Annotated[nn.Module, _with_parameters]
Patterns = Annotated[Sequence[str], Many(Instance(str, 'a pattern of parameter names such as "*.bias"'), empty=True)]


@dataclass(frozen=True, eq=False)
class ParameterGroups:
    """Named groups for an optimizer, each with a factor on its rate, which `Scheduler` reads from `lr_scale`."""

    parameters: dict[str, list[nn.Parameter]]
    factors: dict[str, float]
    undecayed: tuple[str, ...] = ()

    @property
    def groups(self) -> list[dict[str, Any]]:
        """The groups to give to an optimizer: a new dictionary each, with `name`, `params` and `lr_scale`.

        Groups of `undecayed` also have `weight_decay=0.0`.
        """
        return [
            {"name": name, "params": list(parameters), "lr_scale": self.factors[name]}
            | ({"weight_decay": 0.0} if name in self.undecayed else {})
            for name, parameters in self.parameters.items()
        ]

    def decayed(self, weight_decay: Any) -> dict[str, Any]:
        """A weight decay for all groups but those of `undecayed`, for `Scheduler(weight_decay=...)`."""
        return {name: weight_decay for name in self.parameters if name not in self.undecayed}


@checked
def parameter_groups(model: Model, factors: Annotated[Mapping[str, float], _factors]) -> ParameterGroups:
    """Group a model's parameters by patterns of their names, each with a factor on the rate.

    A parameter joins the first pattern that matches its name (`*`, `?` and `[...]` as in file names). Parameters that
    match no pattern form the group "rest", with the factor 1. Groups are named by their patterns, so you can give other
    hyperparameters by pattern too: `Scheduler(..., weight_decay={"*.bias": 0.0})`.

    Args:
        model: its parameters have the names that `named_parameters()` gives them.
        factors: patterns, each with the factor on its group's rate.

    Raises:
        ArgumentError: a pattern matches none of the remaining parameters, or a factor is not a number >= 0.

    Example:
        >>> import torch
        >>> from stepsize.pytorch import Scheduler, parameter_groups
        >>> model = torch.nn.ModuleDict({"body": torch.nn.Linear(2, 2), "head": torch.nn.Linear(2, 1)})
        >>> optimizer = torch.optim.SGD(parameter_groups(model, {"body.*": 0.1}).groups)
        >>> scheduler = Scheduler(optimizer, Constant(0.5))
        >>> {group["name"]: group["lr"] for group in optimizer.param_groups}
        {'body.*': 0.05, 'rest': 0.5}
    """
    found: dict[str, list[nn.Parameter]] = {pattern: [] for pattern in factors}
    left: list[nn.Parameter] = []
    names = dict(model.named_parameters())
    for name, parameter in names.items():
        pattern = next((pattern for pattern in factors if fnmatchcase(name, pattern)), None)
        (left if pattern is None else found[pattern]).append(parameter)
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
        found[REST], factors = left, {**factors, REST: 1.0}
    return ParameterGroups(found, dict(factors))


def groups_by_label(
    model: nn.Module, labels: Mapping[str, str], factors: Mapping[str, float], no_decay: Sequence[str]
) -> ParameterGroups:
    """A group for each label of a parameter name, and one for those without weight decay; frozen ones are left out."""
    members: dict[str, list[nn.Parameter]] = {label + end: [] for label in factors for end in ("", NO_DECAY)}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            bare = parameter.ndim <= 1 or name.endswith("bias") or is_normalization(module_of(model, name))
            bare = bare or any(fnmatchcase(name, pattern) for pattern in no_decay)
            members[labels[name] + (NO_DECAY if bare else "")].append(parameter)
    found = {name: parameters for name, parameters in members.items() if parameters}
    scales = {name: factors[name.removesuffix(NO_DECAY)] for name in found}
    return ParameterGroups(found, scales, tuple(name for name in found if name.endswith(NO_DECAY)))


def module_of(model: nn.Module, parameter: str) -> nn.Module:
    """The module that holds the parameter of this name."""
    return model.get_submodule(parameter.rpartition(".")[0])


def is_normalization(module: nn.Module) -> bool:
    """Whether its class is a normalization, by its name: LayerNorm, BatchNorm2d, LlamaRMSNorm, ..."""
    return "Norm" in type(module).__name__
