"""PyTorch's optimizers by name, and factories of the user's own."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from torch import Tensor, nn, optim

from stepsize.arguments import nearest
from stepsize.errors import ArgumentError, quoted, shown
from stepsize.lab.experiment import Experiment, RunSpec
from stepsize.pytorch.scheduler import Scheduler
from stepsize.schedules.function import imported

_UNUSABLE = {
    "LBFGS": "it calls back for the loss several times in one update",
    "SparseAdam": "it takes sparse gradients only, and those of the lab's networks are dense",
    "Muon": "it takes matrices only, and the lab's networks have convolutions and biases",
}


def make_optimizer(
    name: str, params: Iterable[Tensor], lr: float, settings: Mapping[str, Any] | None = None
) -> optim.Optimizer:
    """The optimizer of `torch.optim` called `name`, in any case ("sgd", "AdamW"); the rest as PyTorch has it.

    Or what an importable factory makes, "package.module:function", called in the same way: `function(params, lr=...)`.
    `settings` are further arguments by name.

    Raises ArgumentError for a name that PyTorch does not have, or whose optimizer a plain step cannot drive; for a
    factory that cannot be imported or makes no optimizer; and for arguments that it does not take.
    """
    make = imported(f"the optimizer {quoted(name)}", name) if ":" in name else _of_pytorch(name)
    given, weights = settings or {}, [*params]
    _refuse_unknown(name, make, given)
    try:
        made = make(weights, lr=lr, **given)
    except (TypeError, ValueError) as error:
        why = _refused(make, weights, lr, given, error)
        raise ArgumentError(f"the optimizer {shown(name)} does not take {why}") from error
    if not isinstance(made, optim.Optimizer):
        raise ArgumentError(f"the optimizer {shown(name)} must make a torch.optim.Optimizer, got {shown(made)}")
    return made


def experiment_optimizer(experiment: Experiment, model: nn.Module) -> optim.Optimizer:
    """The experiment's optimizer, made at the rate 1: what a group of its parameters then has is its share.

    Raises ArgumentError as `make_optimizer` does.
    """
    return make_optimizer(experiment.optimizer, model.parameters(), 1.0, dict(experiment.optimizer_args))


def plan_scheduler(optimizer: optim.Optimizer, plan: RunSpec) -> Scheduler:
    """What drives an optimizer that was made at the rate 1 by the plan's schedules.

    Groups whose rates differ get their share of the schedule's rate each; and where some groups decay their weights,
    those that do not still do not.
    """
    groups = optimizer.param_groups
    driven: dict[str, Any] = {}
    if plan.weight_decay is not None:
        decays = [bool(group.get("weight_decay")) for group in groups]
        mixed = any(decays) and not all(decays)
        driven["weight_decay"] = [plan.weight_decay if each else 0.0 for each in decays] if mixed else plan.weight_decay
    shares = {float(group["lr"]) for group in groups}
    return Scheduler(optimizer, plan.schedule, relative=len(shares) > 1, **driven)


def _of_pytorch(name: str) -> Callable[..., Any]:
    known = {
        found.__name__.lower(): found
        for found in vars(optim).values()
        if isinstance(found, type) and issubclass(found, optim.Optimizer) and found is not optim.Optimizer
    }
    usable = sorted(found.__name__ for found in known.values() if found.__name__ not in _UNUSABLE)
    kind = known.get(name.lower())
    if kind is None:
        guess = " ".join([nearest(name, usable), f"write one of {', '.join(usable)}"]).strip()
        raise ArgumentError(f"torch.optim has no optimizer {shown(name)}; {guess}")
    if kind.__name__ in _UNUSABLE:
        reason = _UNUSABLE[kind.__name__]
        raise ArgumentError(
            f"the optimizer {shown(name)} cannot be used here: {reason}; write one of {', '.join(usable)}"
        )
    return kind


def _refuse_unknown(name: str, make: Callable[..., Any], given: Mapping[str, Any]) -> None:
    """ArgumentError for an argument that is not the optimizer's, or not the user's to give."""
    if "lr" in given:
        raise ArgumentError(f"the optimizer {shown(name)} takes no 'lr' beside its schedule, which gives the rate")
    parameters = _parameters(make)
    if not parameters or any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
        return
    known = [each for each in [*parameters][1:] if each != "lr"]  # the first are the weights
    for key in given:
        if key not in known:
            advice = nearest(key, known) or f"it takes {', '.join(known) or 'none'}"
            raise ArgumentError(f"the optimizer {shown(name)} takes no {shown(key)}; {advice}")


def _refused(
    make: Callable[..., Any], weights: list[Tensor], lr: float, given: Mapping[str, Any], error: Exception
) -> str:
    """The one argument without which it can be made, or all of them, and why it does not take them."""
    for key, value in given.items():
        with suppress(TypeError, ValueError):
            make(weights, lr=lr, **{other: kept for other, kept in given.items() if other != key})
            known = _parameters(make).get(key)
            if isinstance(error, TypeError) and known and known.default not in (known.empty, None):
                usual = list(known.default) if isinstance(known.default, tuple) else known.default
                return f"{shown(key)} as {shown(value)}; write one such as {shown(usual)}, its default"
            return f"{shown(key)} as {shown(value)}: {error}"
    return f"{dict(given)}: {error}"


def _parameters(make: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """By name; none of what is not written in Python and need not say what it takes."""
    try:
        return inspect.signature(make).parameters
    except (TypeError, ValueError):
        return {}
