"""Values in parameter groups: where one lies, and tensors that belong to one place and no other."""

from collections.abc import Iterable
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

Group = dict[str, Any]
"""A parameter group of an optimizer."""


def held(group: Group, key: str, place: int | None) -> Any:
    """A group's value, or one place of it where it is a tuple."""
    return group[key] if place is None else group[key][place]


def put(group: Group, key: str, place: int | None, value: Any) -> None:
    """Put a value there."""
    if place is None:
        group[key] = value
    else:
        items = list(group[key])
        items[place] = value
        group[key] = type(group[key])(items)


def tensors_in(value: Any) -> Iterable[Tensor]:
    """The tensors of a value, which may be a tuple."""
    return (item for item in (value if isinstance(value, tuple | list) else (value,)) if isinstance(item, Tensor))


def part_from_defaults(optimizer: Optimizer, keys: Iterable[str]) -> None:
    """Give the optimizer's defaults tensors of their own, so that a group that comes later starts as it was made.

    PyTorch puts one tensor into the defaults and into every group, and the groups' are filled in place.
    """
    for key in keys:
        default = optimizer.defaults.get(key)
        if isinstance(default, Tensor):
            optimizer.defaults[key] = default.clone()
        elif isinstance(default, tuple | list):
            copies = [item.clone() if isinstance(item, Tensor) else item for item in default]
            optimizer.defaults[key] = type(default)(copies)
