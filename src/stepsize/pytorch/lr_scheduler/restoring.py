"""The mixin for PyTorch's classes: a state that restores the rates by itself, `seek` and `group_schedules`."""

import inspect
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from torch.optim import Optimizer
from torch.optim import lr_scheduler as pytorch

from stepsize.arguments import Choice, Length
from stepsize.errors import ArgumentError, StateError, shown
from stepsize.pytorch.lr_scheduler.conversion import from_torch
from stepsize.pytorch.lr_scheduler.group_values import equal, group_arguments, held_values, write, write_momentum
from stepsize.pytorch.lr_scheduler.replay import Replay, refuse_unreadable, with_parts
from stepsize.pytorch.optimizer_hooks import updating
from stepsize.pytorch.warnings import caution
from stepsize.schedules import Schedule

VERSION = 1
_CHOICES = {"past_end": Choice(("hold", "torch")), "on_change": Choice(("restore", "refuse", "keep"))}
_program = {"past_end": "hold", "on_change": "restore"}
_OWN = ("past_end", "on_change", "_warned_of_end", "_restored")
# The arguments of the constructors, by the attributes in which PyTorch's classes keep them.
_ARGUMENTS = (
    *("step_size", "gamma", "factor", "start_factor", "end_factor", "total_iters", "power", "T_max", "eta_min"),
    *("milestones", "_milestones", "T_0", "T_mult", "base_lrs", "max_lrs", "total_size", "step_ratio", "mode"),
    *("scale_mode", "cycle_momentum", "base_momentums", "max_momentums", "total_steps", "_schedule_phases"),
    *("_anneal_func_type", "anneal_epochs", "_anneal_strategy", "patience", "threshold", "threshold_mode", "cooldown"),
    *("min_lrs", "eps"),
)


class options:  # noqa: N801
    """Set `past_end` and `on_change` for all schedulers made from here on, or, as a context manager, in a block.

    Args:
        past_end: what CosineAnnealingLR and OneCycleLR do past their end: "hold" the last rate, or continue as "torch"
            does.
        on_change: what loading a state with other arguments does: "restore" takes them over and warns, "refuse" raises
            StateError, "keep" continues with the program's arguments and warns. Any other word raises ArgumentError.

    Example:
        >>> from stepsize.pytorch import lr_scheduler
        >>> with lr_scheduler.options(past_end="torch"):
        ...     pass
    """

    def __init__(self, *, past_end: str | None = None, on_change: str | None = None) -> None:
        given = {"past_end": past_end, "on_change": on_change}
        chosen = {name: _chosen("options", name, value) for name, value in given.items()}
        self._before = dict(_program)
        _program.update(chosen)

    def __enter__(self) -> "options":
        return self

    def __exit__(self, *error: object) -> None:
        _program.update(self._before)


def _chosen(owner: str, name: str, value: str | None) -> str:
    return _program[name] if value is None else str(_CHOICES[name](owner, name, value))


def constructor(ours: type) -> Callable[..., None]:
    """PyTorch's constructor with our keywords added, and a signature that frameworks can read."""
    theirs: Any = ours.__bases__[-1].__init__  # type: ignore[misc]
    names = [name for name in _CHOICES if hasattr(ours, name)]

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        for name in names:
            setattr(self, name, _chosen(type(self).__name__, name, kwargs.pop(name, None)))
        theirs(self, *args, **kwargs)

    known = inspect.signature(theirs)
    added = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None) for name in names]
    __init__.__signature__ = known.replace(parameters=[*known.parameters.values(), *added])  # type: ignore[attr-defined]
    return __init__


class Restoring(pytorch.LRScheduler):
    """The mixin, which adds a state that restores the rates by itself, `seek` and `group_schedules`."""

    on_change = "restore"
    # The step at which a state was loaded and the values written; written again if the optimizer's state follows.
    _restored: tuple[int, list[dict[str, Any]]] | None = None

    @property
    def group_schedules(self) -> tuple[Schedule, ...]:
        """One absolute schedule for each group; ArgumentError if a metric or a subclass determines its rate."""
        return from_torch(self)

    def seek(self, position: int) -> None:
        """Go to any step and write the rates of the schedule there; tensors are filled in place.

        A copy of a sequence or chain takes all the steps up to there, which takes time. ArgumentError if the rate is
        not a function of the step.
        """
        step = int(Length(0)("seek", "position", position))
        if hasattr(self, "_schedulers"):
            refuse_unreadable(self)
            replay = Replay(self)
            replay(step)
            _copy_counters(replay.twin, self)
            groups = held_values(replay.twin)
        else:
            groups = [{"lr": schedule(step)} for schedule in from_torch(self)]
            self._step_count += step - self.last_epoch
            self.last_epoch = step
            if isinstance(self, pytorch.CosineAnnealingWarmRestarts):
                done, length = step, self.T_0
                while done >= length:
                    done, length = done - length, length * self.T_mult
                vars(self).update(T_cur=done, T_i=length)
            write_momentum(self)
        write(self.optimizer, groups)
        for part in with_parts(self):
            part._last_lr = pytorch._param_groups_val_list(self.optimizer, "lr")
        self._remember()

    def state_dict(self) -> dict[str, Any]:
        """PyTorch's state and the key "stepsize", which holds the values that the scheduler has written."""
        state = {name: value for name, value in super().state_dict().items() if name not in _OWN}
        ours = {"version": VERSION, "kind": _kind(self), "position": _position(state), "groups": held_values(self)}
        return {**state, "stepsize": ours}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a state of this class or of PyTorch's, and write its rates into the groups.

        Raises:
            StateError: a newer version or another class wrote the state, the state has more groups than the optimizer,
                or its arguments differ and `on_change` is "refuse".
        """
        state = _copied_state(state_dict)
        groups = _saved_groups(state)
        parts = list(_parts_with_states(self, state))
        for part, saved in parts:
            _refuse_unfit(part, saved.pop("stepsize", {}))
        differences = [*_differences(parts), *_differences_in_groups(self, groups)]
        keep = bool(differences) and self.on_change == "keep"
        if differences:
            self._resolve_differences(differences, parts)
        super().load_state_dict(state)
        if not groups or keep:
            write_momentum(self)
            groups = [{"lr": rate} for rate in state.get("_last_lr", ())]
        write(self.optimizer, groups)
        if keep:
            with suppress(ArgumentError):  # the rate of a subclass or plateau is unknown, so it continues from here
                self.seek(_clock(self))
        self._remember()

    def _resolve_differences(self, differences: list[str], parts: list[tuple[Any, dict[str, Any]]]) -> None:
        text = f"{type(self).__name__} was saved with other arguments: {'; '.join(differences)}"
        if self.on_change == "refuse":
            advice = 'on_change="restore" takes over the saved arguments, "keep" keeps those of the program'
            raise StateError(text, advice)
        keep = self.on_change == "keep"
        caution(f"{text}. It {'keeps its own' if keep else 'takes them over'}")
        for part, saved in parts:
            source, other = (vars(part), saved) if keep else (saved, vars(part))
            other.update({name: source[name] for name in _arguments(part).keys() & saved.keys()})

    def _remember(self) -> None:
        """Remember the values written, in case an optimizer's state is loaded next, before any step."""
        if self._restored is None:
            self._hook()
        self._restored = _clock(self), held_values(self)

    def _hook(self) -> None:
        this = weakref.ref(self)
        kept: list[dict[str, Any]] = []

        def before(optimizer: Optimizer, state: dict[str, Any]) -> None:
            scheduler = this()
            if scheduler is not None and scheduler._restored is not None:
                clock, groups = scheduler._restored
                untouched = clock == _clock(scheduler) and equal(groups, held_values(scheduler, optimizer.param_groups))
                kept[:] = groups if untouched else []

        with suppress(ArgumentError):  # an optimizer without hooks
            optimizer = updating(self.optimizer, auto=False)
            optimizer.register_load_state_dict_pre_hook(before)
            optimizer.register_load_state_dict_post_hook(lambda optimizer: write(optimizer, kept))

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self._restored is not None:
            self._hook()  # copies of optimizers have no hooks


def _copied_state(state: dict[str, Any]) -> dict[str, Any]:
    """A copy of a state: PyTorch's classes remove keys from what they load."""
    parts = {"_schedulers": [_copied_state(part) for part in state["_schedulers"]]} if "_schedulers" in state else {}
    return {**state, **parts}


def _parts_with_states(scheduler: Any, state: dict[str, Any]) -> Iterator[tuple[Any, dict[str, Any]]]:
    yield scheduler, state
    for part, saved in zip(getattr(scheduler, "_schedulers", ()), state.get("_schedulers", ()), strict=False):
        yield from _parts_with_states(part, saved)


def _kind(scheduler: pytorch.LRScheduler) -> str:
    return next(each.__name__ for each in type(scheduler).__mro__ if each.__module__.startswith("torch."))


def _refuse_unfit(scheduler: pytorch.LRScheduler, ours: dict[str, Any]) -> None:
    if ours.get("version", VERSION) > VERSION:
        raise StateError(f"a newer stepsize wrote this state, in version {ours['version']}", "update stepsize")
    if ours.get("kind", _kind(scheduler)) != _kind(scheduler):
        raise StateError(f"this is the state of a {ours['kind']}, not of a {_kind(scheduler)}")
    saved, here = len(ours.get("groups", ())), len(scheduler.optimizer.param_groups)
    if saved > here:
        raise StateError(f"the state has {saved} parameter groups, but the optimizer has {here}", "add them first")


def _position(state: dict[str, Any]) -> list[Any]:
    """Steps and rates of a state, which show whether it was changed afterwards."""
    rates = list(map(float, state.get("_last_lr", ())))
    return [state.get("last_epoch"), state.get("_step_count"), rates, *map(_position, state.get("_schedulers", ()))]


def _saved_groups(state: dict[str, Any]) -> list[dict[str, Any]]:
    """The values of the groups, if known: PyTorch's class carries our key along unchanged when it steps."""
    ours = state.get("stepsize", {})
    return ours["groups"] if ours.get("position") == _position(state) else []


def _clock(scheduler: Any) -> int:
    return int(scheduler.last_epoch if hasattr(scheduler, "last_epoch") else _clock(scheduler._schedulers[0]))


def _arguments(scheduler: pytorch.LRScheduler) -> dict[str, Any]:
    return {name: value for name, value in vars(scheduler).items() if name in _ARGUMENTS}


def _differences(parts: list[tuple[Any, dict[str, Any]]]) -> Iterator[str]:
    whole, _ = parts[0]
    for part, saved in parts:
        for name, here in _arguments(part).items():
            if name == "min_lrs" and len(saved.get(name, here)) != len(here):
                continue  # PyTorch makes one for each group
            if name in saved and not equal(saved[name], here):
                owner = "" if part is whole else f"{type(part).__name__}: "
                yield f"{owner}{name.lstrip('_')} was {shown(saved[name])}, is {shown(here)}"


def _differences_in_groups(scheduler: pytorch.LRScheduler, saved: list[dict[str, Any]]) -> Iterator[str]:
    names = {name: None for part in with_parts(scheduler) for name in group_arguments(part)}
    for index, (group, values) in enumerate(zip(scheduler.optimizer.param_groups, saved, strict=False)):
        for name in names:
            if name in values and not equal(values[name], group.get(name)):
                yield f"{name} of group {index} was {shown(values[name])}, is {shown(group.get(name))}"


def _copy_counters(twin: Any, scheduler: Any) -> None:
    for other, part in zip(with_parts(twin), with_parts(scheduler), strict=True):
        for name in {"last_epoch", "_step_count", "T_cur", "T_i"} & vars(other).keys():
            vars(part)[name] = vars(other)[name]
