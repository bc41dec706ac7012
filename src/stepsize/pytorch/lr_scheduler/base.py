"""What every scheduler of this package does: a checked construction and state, copies that work, one getter."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from stepsize.arguments import LONGEST, Choice, Number, Rule
from stepsize.errors import ArgumentError, StateError
from stepsize.pytorch.lr_scheduler.rates import Rates
from stepsize.pytorch.lr_scheduler.state import RULES, VERSION, Saved, check_groups, checked, plain, refuse_change


class PyTorchScheduler(LRScheduler):
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
        self._rates.forget_put_back()
        before = [dict(group) for group in optimizer.param_groups]
        rates, step = self._rates.read(), optimizer.__dict__.get("step")
        try:
            yield
            for group, kept in zip(optimizer.param_groups, before, strict=True):
                self._rates.keep_tensors(group, kept)
            self._rates.claim(type(self).__name__)
        except Exception as error:
            for group, kept in zip(optimizer.param_groups, before, strict=True):
                group.clear()
                group.update(kept)
            self._rates.write(rates)
            if step is None:
                optimizer.__dict__.pop("step", None)  # PyTorch's constructor puts its own there
            else:
                optimizer.__dict__["step"] = step
            if isinstance(error, ArgumentError) and type(self).__name__ not in str(error):
                raise ArgumentError(f"{type(self).__name__}: {error}") from error
            raise

    @property
    def _lowest(self) -> float:
        """No rate is below."""
        return 0.0

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer whose rates are written; another may be put in its place, as with PyTorch's."""
        return self.__dict__["optimizer"]  # type: ignore[no-any-return]

    @optimizer.setter
    def optimizer(self, optimizer: Optimizer) -> None:
        before = self.__dict__.get("optimizer")
        self.__dict__["optimizer"] = optimizer
        if before is not None and before is not optimizer:
            self._attach(optimizer)

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
            DriverError: a `stepsize.pytorch.Scheduler` has taken over.
        """
        saved = self._checked(state_dict)
        self._rates.refuse_if_taken(self)
        schedulers = list(with_parts(self))
        fields = [dict(each.__dict__) for each in schedulers]
        groups, rates, settled = self._in_groups, self._rates.read(), self._rates.settled
        try:
            self._take(saved)
        except Exception as error:  # a value that nothing can be made of
            for each, kept in zip(schedulers, fields, strict=True):
                each.__dict__.clear()
                each.__dict__.update(kept)
            self._in_groups = groups
            self._rates.write(rates)
            self._rates.settled = settled
            raise StateError(f"nothing can be made of the state of this {type(self).__name__}: {error}") from error

    def _checked(self, form: Any, part: bool = False) -> Saved:
        """The state, found good for this scheduler; as a `part` of another, it may not have begun."""
        kind = type(self).__name__
        plan = {name: getattr(self, name) for name in self._plan_fields}
        begun = not part and self.last_epoch >= 0
        rules = {**RULES, **self._rules(), "last_epoch": self._clock(0 if begun else -1)}
        position = {name: rules[name] for name in self._position_fields}
        saved = checked(form, kind, position, plan, self._own_fields, self._lowest)
        check_groups(saved, len(self.optimizer.param_groups))
        if saved.changed and self._on_change == "refuse":
            here = {name: plain(value) for name, value in plan.items()}
            raise refuse_change(kind, self._in_words({**here, **saved.changed}), self._in_words(here))
        return saved

    def _clock(self, least: int) -> Rule:
        """What `last_epoch` may be: a fraction, too, as in PyTorch, where `step(epoch)` takes one."""
        return Number(least=least, most=LONGEST)

    def _rules(self) -> dict[str, Rule]:
        """What this class's other fields of the position may be."""
        return {}

    def _in_words(self, plan: dict[str, Any]) -> dict[str, Any]:
        """A plan by the names of the constructor's arguments."""
        return {name.removeprefix("_"): value for name, value in plan.items()}

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
        self._rates.claim(type(self).__name__)


def with_parts(scheduler: LRScheduler) -> Iterator[LRScheduler]:
    """The scheduler, and all that it is made of."""
    yield scheduler
    for part in getattr(scheduler, "_schedulers", ()):
        yield from with_parts(part)


def of_each_group(owner: str, name: str, index: int) -> ArgumentError:
    """The error for a group that was added, and for which a list of arguments has nothing."""
    return ArgumentError(
        f"{owner} was given its {name} group by group, and has nothing for parameter group {index}; add the group "
        f"before {owner} is made, or make a new one"
    )
