"""The rates in an optimizer's groups: read and written in double precision, and kept while a state is loaded."""

import weakref
from typing import Any
from weakref import ReferenceType, WeakKeyDictionary, ref

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from stepsize.errors import DriverError
from stepsize.pytorch.optimizer_hooks import take, updating
from stepsize.pytorch.plan import Group
from stepsize.pytorch.writing import _held as held
from stepsize.pytorch.writing import _part_from_defaults as part_from_defaults
from stepsize.pytorch.writing import _put as put


class Rates:
    """The rates of one optimizer; its schedulers share them, and together they keep this object alive.

    Tensors are filled in place and not read back: while nobody else has written into one (its version counter tells),
    its rate is the number it was filled with, in double precision.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer = ref(optimizer)
        part_from_defaults(optimizer, ("lr", "betas"))
        self._filled: dict[int, tuple[Tensor, int, float]] = {}
        """By the identity of a tensor: the tensor, its version after it was filled, and with what."""
        self._before: list[dict[str, Any]] = []
        self.keys = {"lr"}
        """What the schedulers write in a group at every step."""
        self.plan_keys: set[str] = set()
        """What they have written there for good: arguments, which a loaded state does not change."""
        self._loaded: list[float] = []
        """The rates of a state that was loaded since the last write, and replaced by those of the schedulers."""
        self.settled = False
        """A scheduler has moved or was loaded: its rates outlast the loading of an optimizer's state."""
        self._name = "a scheduler"
        self._taken_by: str | None = None
        me = ref(self)

        def before_loading(_: Optimizer, __: dict[str, Any]) -> None:
            if (rates := me()) is not None:
                keys = rates.keys | rates.plan_keys | {"initial_lr"}
                rates._before = [{key: group[key] for key in keys if key in group} for group in rates._groups()]

        def after_loading(_: Optimizer) -> None:
            if (rates := me()) is not None:
                rates._put_back()

        for handle in (
            optimizer.register_load_state_dict_pre_hook(before_loading),
            optimizer.register_load_state_dict_post_hook(after_loading),
        ):
            weakref.finalize(self, handle.remove)

    @classmethod
    def of(cls, optimizer: Optimizer) -> "Rates":
        """The rates of this optimizer: the same for all its schedulers.

        Raises:
            TypeError: it is no optimizer.
        """
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
        optimizer = updating(optimizer, auto=False)
        known = _known.get(optimizer, _nothing)()
        if known is None:
            known = cls(optimizer)
            _known[optimizer] = ref(known)
        return known

    # Whose the rates are: of all the schedulers of this module together, or of a stepsize.pytorch.Scheduler.

    def claim(self, name: str) -> None:
        """A scheduler of this class has been made: whoever else drove what is written here does so no more."""
        if (optimizer := self._optimizer()) is not None and self._taken_by is None:
            self._name = name
            take(self, optimizer)

    def driven(self) -> set[tuple[str, int]]:
        """What is written, in which groups."""
        return {(key, id(group)) for key in self.keys for group in self._groups()}

    def deposed(self, key: str, by: object) -> None:
        """Another scheduler drives this key now: the schedulers here say so at their next step."""
        self._taken_by = f'"{key}" of the optimizer is now driven by {by}'
        if (optimizer := self._optimizer()) is not None:
            _known.pop(optimizer, None)  # those that are made later start anew

    def refuse_if_taken(self, scheduler: LRScheduler) -> None:
        """Raise DriverError where another scheduler has taken over."""
        if self._taken_by is not None:
            raise DriverError(f"{self._taken_by}, so this {type(scheduler).__name__} can no longer be stepped")

    def __str__(self) -> str:
        return f"{self._name} of stepsize.pytorch.lr_scheduler"

    # The rates.

    def read(self) -> list[float]:
        """The rate of each group."""
        value = self._value
        return [rate if type(rate := group["lr"]) is float else value(rate) for group in self._groups()]

    def write(self, rates: list[float]) -> None:
        """Give each group its rate; groups that share a tensor and need different rates get their own."""
        given: dict[int, float] = {}
        self._loaded = []
        for group, rate in zip(self._groups(), rates, strict=True):
            present = group["lr"]
            if type(present) is float or not isinstance(present, Tensor):  # the first is quick, the second is not
                group["lr"] = rate
                continue
            if given.setdefault(id(present), rate) != rate:
                present = group["lr"] = present.clone()
                given[id(present)] = rate
            present.fill_(rate)
            self._filled[id(present)] = (present, present._version, rate)

    def forget_put_back(self) -> None:
        """A scheduler is made for what was loaded: its start is there, and not where another scheduler stood."""
        if len(self._loaded) == len(self._groups()):
            self.write(self._loaded)

    def write_value(self, group: Group, key: str, place: int | None, value: float) -> None:
        """Give a group another value than its rate, in its tensor if it has one."""
        present = held(group, key, place)
        if not isinstance(present, Tensor):
            put(group, key, place, value)
            return
        if any(other is not group and held(other, key, place) is present for other in self._groups()):
            present = present.clone()
            put(group, key, place, present)
        present.fill_(value)

    def keep_tensors(self, group: Group, before: Group) -> None:
        """Put the group's betas, which PyTorch's constructors replace by floats, into the tensors that were there."""
        for place, tensor in enumerate(before.get("betas", ())):
            value = group["betas"][place]
            if isinstance(tensor, Tensor) and value is not tensor:
                put(group, "betas", place, tensor)
                self.write_value(group, "betas", place, value)

    def _groups(self) -> list[dict[str, Any]]:
        optimizer = self._optimizer()
        return [] if optimizer is None else optimizer.param_groups

    def _value(self, rate: float | Tensor) -> float:
        if isinstance(rate, Tensor):
            tensor, version, number = self._filled.get(id(rate), (None, 0, 0.0))
            return number if tensor is rate and rate._version == version else float(rate)
        return float(rate)

    def _put_back(self) -> None:
        """After a state was loaded: the values of the schedulers, or, before their first move, the loaded ones.

        Loading replaces tensors, even by floats; a compiled optimizer knows the ones it was built with.
        """
        if self._taken_by is not None:
            return
        self._loaded = [float(group["lr"]) for group in self._groups()] if self.settled else []
        for group, before in zip(self._groups(), self._before, strict=False):
            if "initial_lr" in before:  # or a scheduler that is made after would take the rate here for its base
                group.setdefault("initial_lr", before.pop("initial_lr"))
            if self.settled:
                group.update(before)
                continue
            group.update({key: before[key] for key in self.plan_keys if key in before})
            if isinstance(tensor := before["lr"], Tensor):
                tensor.fill_(float(group["lr"]))
                group["lr"] = tensor
        self._before = []


_known: "WeakKeyDictionary[Optimizer, ReferenceType[Rates]]" = WeakKeyDictionary()


def _nothing() -> None:
    return None
