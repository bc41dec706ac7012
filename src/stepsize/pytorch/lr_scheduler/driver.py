"""What every scheduler of this package does: a checked construction and state, copies that work, one getter."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from stepsize.arguments import Choice
from stepsize.errors import ArgumentError
from stepsize.pytorch.lr_scheduler.rates import Rates
from stepsize.pytorch.lr_scheduler.state import VERSION, Saved, checked, plain, refuse_change


class Driver(LRScheduler):
    """A scheduler whose state alone brings its rates back, in any order of loading."""

    _plan_fields: ClassVar[Sequence[str]] = ()
    """What a state must agree with: arguments, by the names under which PyTorch's class stores them."""
    _position_fields: ClassVar[Sequence[str]] = ("last_epoch",)
    """Where the scheduler stands."""
    _own_fields: ClassVar[Sequence[str]] = ()
    """Those of both that PyTorch's class does not have."""

    _group_fields: ClassVar[Sequence[str]] = ()
    """Arguments that PyTorch's class keeps in the groups."""

    @contextmanager
    def _construction(self, optimizer: Optimizer, on_change: str) -> Iterator[None]:
        """Around PyTorch's constructor: whatever fails in it leaves the groups as they were."""
        self._on_change = Choice(("refuse", "keep", "restore"))(type(self).__name__, "on_change", on_change)
        self._attach(optimizer)
        before = [dict(group) for group in optimizer.param_groups]
        rates = self._rates.read()
        try:
            yield
        except Exception as error:
            for group, kept in zip(optimizer.param_groups, before, strict=True):
                group.clear()
                group.update(kept)
            self._rates.write(rates)
            if isinstance(error, ArgumentError) and type(self).__name__ not in str(error):
                raise ArgumentError(f"{type(self).__name__}: {error}") from error
            raise

    def get_last_lr(self) -> list[float | Tensor]:
        """The rate that the next update uses, for each group: floats, and copies of tensors."""
        rates = [group["lr"] for group in self.optimizer.param_groups]
        return [rate.clone() if isinstance(rate, Tensor) else rate for rate in rates]

    def _attach(self, optimizer: Optimizer) -> None:
        self._rates = Rates.of(optimizer)
        self._rates.plan_keys.update(self._group_fields)

    @property
    def _in_groups(self) -> list[dict[str, float]]:
        """The arguments that are kept in the groups."""
        return [
            {name: float(group[name]) for name in self._group_fields if name in group}
            for group in self.optimizer.param_groups
        ]

    @_in_groups.setter
    def _in_groups(self, values: list[dict[str, float]]) -> None:
        for group, given in zip(self.optimizer.param_groups, values, strict=True):
            group.update(given)

    # State.

    def state_dict(self) -> dict[str, Any]:
        """Position and arguments under PyTorch's names, and the rates: numbers, strings and lists."""
        names = (*self._position_fields, *self._plan_fields)
        return {
            "version": VERSION,
            "kind": type(self).__name__,
            **{name: plain(getattr(self, name)) for name in names},
            "rates": self._rates.read(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where a saved scheduler stood, and write its rates; before or after the optimizer's state.

        A state that PyTorch's class of this name wrote is read, too.

        Raises:
            StateError: it is of another kind or a newer version, is cut short, does not fit the optimizer, or has other
                arguments and `on_change` is "refuse". Scheduler and optimizer are as they were then.
        """
        self._take(self._checked(state_dict))

    def _checked(self, form: Any) -> Saved:
        kind = type(self).__name__
        plan = {name: getattr(self, name) for name in self._plan_fields}
        groups = len(self.optimizer.param_groups)
        saved = checked(form, kind, self._position_fields, plan, self._own_fields, groups)
        if saved.changed and self._on_change == "refuse":
            raise refuse_change(kind, saved.changed, plan)
        return saved

    def _take(self, saved: Saved) -> None:
        """Be as saved: position, plan and rates."""
        self._take_fields(saved)
        self._rates.settled = True
        self._rates.write(saved.rates)

    def _take_fields(self, saved: Saved) -> None:
        names = [name for name in saved.fields if name in self._position_fields]
        if self._on_change == "restore":
            names += saved.changed
        for name in names:
            value, present = saved.fields[name], getattr(self, name)
            setattr(self, name, type(present)(value) if isinstance(present, dict) else value)

    # Copies.

    def __getstate__(self) -> dict[str, Any]:
        """What a copy or a pickle takes along: the optimizer too, but nothing that is registered with it."""
        kept = {name: value for name, value in self.__dict__.items() if name not in ("_rates", "_read", "_made")}
        return {**kept, "_copied_rates": self._rates.read()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._attach(self.optimizer)
        self._rates.write(self.__dict__.pop("_copied_rates"))


def of_each_group(owner: str, name: str, index: int) -> ArgumentError:
    """The error for a group that was added, and for which a list of arguments has nothing."""
    return ArgumentError(
        f"{owner} was given its {name} group by group, and has nothing for parameter group {index}; add the group "
        f"before {owner} is made, or make a new one"
    )
