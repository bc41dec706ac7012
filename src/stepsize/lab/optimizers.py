"""PyTorch's optimizers by name, and importable factories."""

import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn, optim

from stepsize.arguments import listed, nearest
from stepsize.errors import ArgumentError, StepsizeError, raise_together
from stepsize.schedules.function import imported, parameters_of

if TYPE_CHECKING:
    from stepsize.lab.experiment import Experiment

_UNUSABLE = {
    "LBFGS": "it evaluates the loss several times in one update",
    "Rprop": "it adapts its own step sizes and does not use the rate",
    "SparseAdam": "it needs sparse gradients, and those of the lab's networks are dense",
    "Muon": "it updates matrices only, and the lab's networks have convolutions and biases",
}
_NOTE = "__dynamo_disable"


def make_optimizer(
    name: str, params: Iterable[Tensor], lr: float, settings: Mapping[str, Any] | None = None, owner: str = "Experiment"
) -> optim.Optimizer:
    """The optimizer of `torch.optim` called `name`, in any case ("sgd", "AdamW").

    Or the result of an importable factory, "package.module:function", called as `function(params, lr=...)`.

    Args:
        name: the name of the optimizer or of the factory.
        params: the parameters to train.
        lr: the rate.
        settings: further arguments by name, such as {"momentum": 0.9}.
        owner: the function whose arguments `optimizer` and `optimizer_args` these are, for error messages.

    Raises:
        ArgumentError: there is no such optimizer or factory, a plain step cannot drive it, it does not make an
            optimizer, or does not accept its arguments.
    """
    make = imported(owner, "optimizer", name) if ":" in name else _in_pytorch(owner, name)
    given, weights, parameters = settings or {}, [*params], parameters_of(make)
    _refuse_unknown(owner, name, parameters, given)
    try:
        with _without_dynamo():
            made = make(weights, lr=lr, **given)
    except (TypeError, ValueError) as error:
        advice = f"{name} says: {error}"
        key = next((key for key in given if _works_without(key, make, weights, lr, given)), None)
        if key is None:
            rule = f"arguments that {name} takes" if given else "an optimizer that takes the parameters and lr"
            raise ArgumentError(
                owner, "optimizer_args" if given else "optimizer", rule, dict(given) or name, advice
            ) from error
        default = parameters[key].default if key in parameters else None
        advice += "" if default in (None, inspect.Parameter.empty) else f"; the default is {default!r}"
        raise ArgumentError(
            owner, f"optimizer_args[{key!r}]", f"a value that {name} takes", given[key], advice
        ) from error
    if not isinstance(made, optim.Optimizer):
        raise ArgumentError(owner, "optimizer", f"a function that makes a torch.optim.Optimizer ({name})", made)
    return made


@contextmanager
def _without_dynamo() -> Iterator[None]:
    """Keep an optimizer from importing TorchDynamo as it is made, which takes a second or two.

    PyTorch imports it at the first call of `add_param_group`, to leave that out of compiled programs, and notes so at
    the function.
    """
    plain: Any = getattr(optim.Optimizer.add_param_group, "__wrapped__", None)
    if plain is None or hasattr(plain, _NOTE) or "torch._dynamo" in sys.modules:
        yield
        return
    setattr(plain, _NOTE, plain)
    try:
        yield
    finally:
        delattr(plain, _NOTE)  # PyTorch imports it at a later call


def check_names(owner: str, name: str, settings: Mapping[str, Any]) -> None:
    """Refuse an optimizer that torch.optim does not have, and arguments that it does not have.

    An importable factory is not imported.
    """
    if ":" not in name:
        _refuse_unknown(owner, name, parameters_of(_in_pytorch(owner, name)), settings)


def experiment_optimizer(experiment: "Experiment", model: nn.Module) -> optim.Optimizer:
    """The experiment's optimizer with the rate 1, so that the rate of a parameter group is its share."""
    return make_optimizer(experiment.optimizer, model.parameters(), 1.0, dict(experiment.optimizer_args))


def _in_pytorch(owner: str, name: str) -> Callable[..., Any]:
    known = {
        found.__name__.lower(): found
        for found in vars(optim).values()
        if isinstance(found, type) and issubclass(found, optim.Optimizer) and found is not optim.Optimizer
    }
    usable = sorted(word for word, found in known.items() if found.__name__ not in _UNUSABLE)
    kind = known.get(name.lower())
    if kind is not None and kind.__name__ not in _UNUSABLE:
        return kind
    advice = (nearest(name, usable) or listed(usable)) if kind is None else _UNUSABLE[kind.__name__]
    rule = 'an optimizer of torch.optim that plain steps can drive, or "package.module:function"'
    raise ArgumentError(owner, "optimizer", rule, name, advice)


def _refuse_unknown(
    owner: str, name: str, parameters: Mapping[str, inspect.Parameter], given: Mapping[str, Any]
) -> None:
    """ArgumentError for settings that are not arguments of the optimizer, and for the rate."""
    any_name = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
    known = [each for each in [*parameters][1:] if each != "lr"]  # the first are the weights
    errors = list[StepsizeError]()
    for key, value in given.items():
        argument = f"optimizer_args[{key!r}]"
        if key == "lr":
            errors.append(ArgumentError(owner, argument, "left out", value, "the schedule gives the rate"))
        elif not any_name and key not in known:
            advice = nearest(key, known) or f"it takes {', '.join(known) or 'only the parameters and lr'}"
            errors.append(ArgumentError(name, key, "", None, advice))
            errors[-1].key = argument
    raise_together(errors)


def _works_without(
    key: str, make: Callable[..., Any], weights: list[Tensor], lr: float, given: Mapping[str, Any]
) -> bool:
    with suppress(TypeError, ValueError):
        make(weights, lr=lr, **{other: kept for other, kept in given.items() if other != key})
        return True
    return False
