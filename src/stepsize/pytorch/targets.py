"""What a scheduler drives besides the hyperparameters of an optimizer: attributes, and whatever a function sets."""

import numbers
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
import torch
from torch import Tensor, nn

from stepsize.arguments import Instance, Many, apply_field_rules, listed, nearest
from stepsize.errors import ArgumentError, StepError, quoted
from stepsize.schedules import Schedule

Target = Callable[[float], Any]  # sets a value


def is_scalar(value: Any) -> bool:
    """Whether it is a number, or a tensor or array of one."""
    if isinstance(value, Tensor):
        return value.numel() == 1 and value.is_floating_point()
    if isinstance(value, np.ndarray):
        return value.ndim == 0 and value.dtype.kind in "fiu"
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


@dataclass(frozen=True, eq=False)
class Attribute:
    """An attribute that a `Scheduler` drives: the `p` of a dropout layer, the decay of an EMA, a temperature.

    A number is replaced. A tensor of one number, such as a buffer, is filled in place, so that a compiled model is not
    compiled again.

    Args:
        holder: the object that has the attribute.
        name: the attribute's name.

    Raises:
        ArgumentError: there is no such attribute, it is not a number, or it cannot be set.

    Example:
        >>> import torch
        >>> from stepsize.pytorch import Attribute, Scheduler
        >>> dropout = torch.nn.Dropout(0.5)
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
        >>> scheduler = Scheduler(
        ...     optimizer, Constant(0.3), dropout=Linear(0.0, 0.2, 10), targets={"dropout": Attribute(dropout, "p")}
        ... )
        >>> scheduler.seek(5)
        >>> dropout.p
        0.1
    """

    holder: Any
    name: Annotated[str, Instance(str, "the name of an attribute")]

    def __post_init__(self) -> None:
        apply_field_rules(self)
        owner, place = type(self.holder).__name__, f"{type(self.holder).__name__}.{self.name}"
        if not hasattr(self.holder, self.name):
            own = {**getattr(self.holder, "__dict__", {}), **getattr(self.holder, "_buffers", {})}
            known = [name for name, value in own.items() if is_scalar(value)]
            advice = nearest(self.name, known) or (listed(known) if known else "")
            raise ArgumentError(owner, self.name, "", None, advice)
        present = getattr(self.holder, self.name)
        if not is_scalar(present) or getattr(present, "requires_grad", False):
            raise ArgumentError(place, "", "a number, or a tensor of one number that needs no gradient", present)
        try:
            setattr(self.holder, self.name, present)
        except AttributeError as error:
            raise ArgumentError(place, "", "an attribute that can be set", present, str(error)) from None

    def __call__(self, value: float) -> None:
        present = getattr(self.holder, self.name)
        if isinstance(present, Tensor):
            present.fill_(value)
        else:
            setattr(self.holder, self.name, value)

    @property
    def number(self) -> float | None:
        """The number in it; None for a tensor, as reading one may wait for the device."""
        present = getattr(self.holder, self.name)
        return None if isinstance(present, Tensor) else present

    @property
    def largest(self) -> float:
        """The largest value that it can hold."""
        present = getattr(self.holder, self.name)
        return torch.finfo(present.dtype).max if isinstance(present, Tensor) else sys.float_info.max


def named_targets(owner: str, name: str, value: Any) -> dict[str, tuple[Target, ...]]:
    """The rule of a mapping of names to targets, stored with a tuple of targets for each."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        advice = 'write {"dropout": Attribute(layer, "p")}'
        raise ArgumentError(owner, name, "a mapping of names to targets", value, advice)
    several = {key: item if isinstance(item, list | tuple) else (item,) for key, item in value.items()}
    return {key: Many(_target)(owner, f"{name}[{quoted(key)}]", items) for key, items in several.items()}


def _target(owner: str, name: str, value: Any) -> Target:
    if not callable(value) or isinstance(value, nn.Module | type):
        rule = "an Attribute(...), a function that sets a value, or a list of these"
        raise ArgumentError(owner, name, rule, value, 'write Attribute(layer, "p") for layer.p')
    return value  # type: ignore[no-any-return]


@dataclass(eq=False)
class TargetWriter:
    """One schedule, and the targets that it is written into."""

    key: str
    schedule: Schedule
    targets: tuple[Target, ...]
    written: float | None = None
    left: list[float | None] = field(default_factory=list)  # in each target that is an attribute, by the last write

    @property
    def _attributes(self) -> list[Attribute]:
        return [target for target in self.targets if isinstance(target, Attribute)]

    @property
    def places(self) -> list[tuple[int, str]]:
        """The attributes among the targets, each by the id of its holder and its name."""
        return [(id(target.holder), target.name) for target in self._attributes]

    @property
    def largest(self) -> float:
        return min((target.largest for target in self._attributes), default=sys.float_info.max)

    def value(self, position: float) -> float:
        value = self.schedule(position)
        if not abs(value) <= self.largest:
            what = f"{self.schedule} gives {value} for {self.key} at step {position}, which its target cannot hold"
            raise StepError(what, "bound it with .clip(low, high)")
        return value

    def write(self, value: float) -> None:
        self.written = value
        for target in self.targets:
            target(value)
        self.left = [target.number for target in self._attributes]

    def overwritten(self) -> str | None:
        """A value that other code has overwritten, in words; None if there is none. Tensors are not read."""
        for target, ours in zip(self._attributes, self.left, strict=False):
            if (theirs := target.number) != ours:
                return f'the schedule set "{self.key}" to {ours}, and something else has set it to {theirs}'
        return None
