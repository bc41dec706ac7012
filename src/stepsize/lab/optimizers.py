"""PyTorch's optimizers by name, and factories of the user's own."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torch import Tensor, optim

from stepsize.arguments import nearest, shown
from stepsize.errors import ArgumentError
from stepsize.lab.imports import imported

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
    make = imported("optimizer", name) if ":" in name else _of_pytorch(name)
    try:
        made = make(params, lr=lr, **(settings or {}))
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"the optimizer {shown(name)} does not take {dict(settings or {})}: {error}") from error
    if not isinstance(made, optim.Optimizer):
        raise ArgumentError(f"the optimizer {shown(name)} must make a torch.optim.Optimizer, got {shown(made)}")
    return made


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
        raise ArgumentError(f"{kind.__name__} cannot be used here: {reason}; write one of {', '.join(usable)}")
    return kind
