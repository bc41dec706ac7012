"""The scheduler: writes schedules into an optimizer, update by update."""

import warnings
from collections.abc import Sequence
from typing import Any
from weakref import ref

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from stepsize.arguments import Choice, Length, refusal
from stepsize.errors import ArgumentError, DriverError, StateError
from stepsize.pytorch import ownership
from stepsize.pytorch.assignment import Assignment, Group, schedule_of
from stepsize.pytorch.plateau import Plateau, PlateauState
from stepsize.pytorch.state import SavedState
from stepsize.pytorch.writers import Writer, writers_for
from stepsize.schedules import Schedule


class Scheduler(LRScheduler):
    """Drives the hyperparameters of an optimizer (or several) by schedules.

    The rate of the next update is the schedule's value at `position`, the number of updates done:

        loss.backward(); optimizer.step(); scheduler.step(); optimizer.zero_grad()

    Construction writes the values of step 0. Call `step()` once after each real update, so k micro-batches that make
    one update count once. Not for several threads at once; in several processes each has its own.

    Args:
        optimizer: one, or a list of several that share the plan.
        lr: the rate: a schedule, a number, a function of the step, a list of these (one for each group), or a mapping
            by the groups' `name` (groups that are not named keep their rate).
        relative: True: what `lr` gives is multiplied by each group's own base rate (its `initial_lr`, else its `lr`
            when it joined), so that ratios survive. False: it is the rate of every group. Left out, it is False, and
            groups whose rates differ are refused under a single schedule.
        feedback: a `Plateau`, fed by `observe`.
        on_change: what `load_state_dict` does with a state of another plan: "refuse", "keep" (this plan goes on from
            the saved position) or "restore" (the saved plan).
        clock: what positions count: "steps", or "tokens" or "samples", told by `advance(n)`.
        hyperparameters: any other key of the groups, in the same forms, absolute: `weight_decay=Cosine(...)`,
            `betas=(Linear(0.85, 0.95, 1000), 0.999)`.

    Raises:
        ArgumentError: a group has no such hyperparameter, a list or a name does not fit the groups, or one schedule
            meets groups of different rates and `relative` is left out. The optimizer is as it was.
        StepError: a schedule gives a negative rate.

    Example:
        >>> import torch
        >>> from stepsize.pytorch import Scheduler
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
        >>> scheduler = Scheduler(optimizer, Linear(0.0, 0.3, 3) >> Cosine(0.3, 0.0, 7))
        >>> for _ in range(3):
        ...     optimizer.step(); scheduler.step()
        >>> scheduler.get_last_lr(), scheduler.position
        ([0.3], 3)
    """

    def __init__(
        self,
        optimizer: Optimizer | Sequence[Optimizer],
        lr: Any = None,
        *,
        relative: bool | None = None,
        feedback: Plateau | None = None,
        on_change: str = "refuse",
        clock: str = "steps",
        **hyperparameters: Any,
    ) -> None:
        self._optimizers = (optimizer,) if isinstance(optimizer, Optimizer) else tuple(optimizer)
        for item in self._optimizers:
            if not isinstance(item, Optimizer):
                raise refusal("Scheduler", "optimizer", "an optimizer of PyTorch, or a list of them", item)
        self._on_change = Choice(("refuse", "keep", "restore"))("Scheduler", "on_change", on_change)
        self._clock = Choice(("steps", "tokens", "samples"))("Scheduler", "clock", clock)
        given = hyperparameters if lr is None else {"lr": lr, **hyperparameters}
        if not given:
            raise ArgumentError("Scheduler(optimizer) has nothing to schedule; give lr=..., or another hyperparameter")
        self._plan = tuple(Assignment.of(key, item) for key, item in given.items())
        groups = self._groups()
        for assignment in self._plan:
            assignment.check(groups)
        self._relative = _settled_relative(relative, self._plan, groups)
        self._bases = [_base(group) for group in groups]
        self._feedback = None if feedback is None else PlateauState(feedback, len(groups))
        self._position = 0
        self._taken_by: str | None = None
        self._unstepped = True
        """No optimizer has made an update yet, as far as is known."""
        self._attach()

    # Moving.

    def step(self) -> None:  # type: ignore[override]
        """Move on by one update, and write the rates of the next.

        Raises:
            StepError: a schedule gives a negative rate there, or none that is finite; nothing has moved then.
            DriverError: another scheduler has taken over.
        """
        if self._clock != "steps":
            raise DriverError(f"this scheduler counts {self._clock}; call advance(n) with how many there were")
        if self._unstepped:
            self._warn_of_order()
        self._write(self._position + 1)

    def advance(self, n: int) -> None:
        """Move on by n steps, tokens or samples, whatever the clock counts, after an update."""
        self._write(self._position + int(Length(0)("advance", "n", n)))

    def seek(self, position: int) -> None:
        """Go to any position, forwards or back, and write the rates there."""
        self._write(int(Length(0)("seek", "position", position)))

    def observe(self, metric: float) -> bool:
        """Tell the feedback a metric; True where it lowered the rates, which are written at once.

        In several processes every one must be told the same value: reduce it first.

        Raises:
            ArgumentError: there is no feedback, or the metric is no number and the plateau refuses that.
        """
        if self._feedback is None:
            raise ArgumentError(
                "observe() feeds a plateau, and there is none; write Scheduler(..., feedback=Plateau())"
            )
        if not self._feedback.observe(metric):
            return False
        self._feedback.reduce(self._scheduled_rates())
        self._bind()
        self._write(self._position)
        return True

    def replan(self, lr: Any = None, **hyperparameters: Any) -> dict[str, Schedule]:
        """From here on, follow new schedules, each on its own clock; return the whole plans, old part included.

        The plan of each named hyperparameter becomes `old.head(position) >> new`. To go on with a longer version of
        the same plan give `new.tail(position)`. What comes back can be drawn: `plot_schedules(scheduler.replan(...))`.

        Raises:
            ArgumentError: a hyperparameter is not scheduled, or has more than one schedule.
        """
        given = hyperparameters if lr is None else {"lr": lr, **hyperparameters}
        whole: dict[str, Schedule] = {}
        old = {assignment.key: assignment for assignment in self._plan}
        for key, item in given.items():
            before = old[key].common if key in old else None
            if not isinstance(before, Schedule):
                raise ArgumentError(f'replan({key}=...) needs one schedule for "{key}" in the plan, got {old.get(key)}')
            whole[key] = before.head(self._position) >> schedule_of(key, item)
        self._plan = tuple(Assignment(key, common=whole[key]) if key in whole else old[key] for key in old)
        self._bind()
        self._write(self._position)
        return whole

    def close(self) -> None:
        """Let go of the optimizer: its rates stay as they are, and nothing is written any more."""
        for item in self._optimizers:
            ownership.release(self, item)
        for handle in self._handles:
            handle.remove()

    # Reading.

    @property
    def position(self) -> int:
        """Updates done (or tokens, or samples): where the schedules are read for the next update."""
        return self._position

    def get_last_lr(self) -> list[float]:  # type: ignore[override]
        """The rate that the next update uses, for each group."""
        return [float(group["lr"]) for group in self._groups()]

    def __repr__(self) -> str:
        plan = ", ".join(f"{assignment.key}={assignment.as_text()}" for assignment in self._plan)
        return f"Scheduler({plan}, position={self._position})"

    # What frameworks ask of PyTorch's schedulers, as views of the position.

    def get_lr(self) -> list[float]:  # type: ignore[override]
        """The same as `get_last_lr`."""
        return self.get_last_lr()

    @property
    def last_epoch(self) -> int:
        """The position, by PyTorch's name; -1, which means a fresh start there, is position 0."""
        return self._position

    @last_epoch.setter
    def last_epoch(self, value: int) -> None:
        self.seek(max(int(value), 0))

    @property
    def base_lrs(self) -> list[float]:  # type: ignore[override]
        """Each group's base rate."""
        return list(self._bases)

    @property
    def optimizer(self) -> Optimizer:  # type: ignore[override]
        """The optimizer; the first of several."""
        return self._optimizers[0]

    # State.

    def state_dict(self) -> dict[str, Any]:
        """Position, base rates, plan and feedback, as JSON has them."""
        feedback = None if self._feedback is None else self._feedback.state_dict()
        return SavedState(self._clock, self._position, tuple(self._bases), self._plan_text(), feedback).as_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where a saved scheduler stood, and write the rates there; before or after the optimizer's state.

        Raises:
            StateError: it is no state of this kind or of this version, is cut short, does not fit the optimizer, or has
                another plan and `on_change` is "refuse". Scheduler and optimizer are as they were then.
        """
        saved = SavedState.checked(state, self._clock, len(self._groups()))
        plan = self._plan
        if saved.plan != self._plan_text() and self._on_change != "keep":
            if self._on_change == "refuse":
                raise StateError(
                    f"the state was saved under another plan, {saved.plan}, and this one is {self._plan_text()}; "
                    'keep this one with Scheduler(..., on_change="keep"), or take the saved one with "restore"'
                )
            plan = tuple(Assignment.from_text(key, form) for key, form in saved.plan.items())
            for assignment in plan:
                assignment.check(self._groups())
        self._plan, self._bases = plan, list(saved.base_lrs)
        if self._feedback is not None and saved.feedback is not None:
            self._feedback.load_state_dict(saved.feedback)
        self._unstepped = False  # the updates before were another process's
        self._bind()
        self._write(saved.position)

    def __getstate__(self) -> dict[str, Any]:
        """What a copy or a pickle takes along: the optimizers too, but nothing that is registered with them."""
        left = ("_handles", "_writers", "_bound", "_tensors")
        return {name: value for name, value in self.__dict__.items() if name not in left}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._attach()

    # Within.

    @property
    def _keys(self) -> tuple[str, ...]:
        return tuple(assignment.key for assignment in self._plan)

    def _plan_text(self) -> dict[str, Any]:
        return {assignment.key: assignment.as_text() for assignment in self._plan}

    def _groups(self) -> list[Group]:
        return [group for optimizer in self._optimizers for group in optimizer.param_groups]

    def _bind(self) -> None:
        """Find out anew which values go where: after the plan, the groups or a multiplier has changed."""
        groups = self._groups()
        for index in range(len(self._bases), len(groups)):
            self._bases.append(_base(groups[index]))
            groups[index].setdefault("initial_lr", self._bases[-1])
            if self._feedback is not None:
                self._feedback.multipliers.append(1.0)
        multipliers = [1.0] * len(groups) if self._feedback is None else self._feedback.multipliers
        factors = [
            (base if self._relative else 1.0) * multiplier
            for base, multiplier in zip(self._bases, multipliers, strict=True)
        ]
        self._writers: list[Writer] = writers_for(self._plan, groups, factors)
        self._tensors = [{key: group[key] for key in self._keys if _holds_tensor(group.get(key))} for group in groups]
        self._bound = [(each, each.param_groups, len(each.param_groups)) for each in self._optimizers]

    def _write(self, position: int) -> None:
        """Write the values there, all or none, and be there."""
        if self._taken_by is not None:
            raise DriverError(self._taken_by)
        for optimizer, groups, number in self._bound:
            if optimizer.param_groups is not groups or len(groups) != number:
                self._bind()
                break
        if len(self._writers) == 1:  # the usual case, and the one that has to be quick
            (writer,) = self._writers
            writer.write(writer.value(position))
        else:
            values = [writer.value(position) for writer in self._writers]
            for writer, value in zip(self._writers, values, strict=True):
                writer.write(value)
        self._position = position

    def deposed(self, key: str, by: "Scheduler") -> None:
        """Another scheduler drives this hyperparameter now; the next move says so."""
        self._taken_by = f'"{key}" of the optimizer is now driven by {by}, so {self} can no longer be stepped'

    def _scheduled_rates(self) -> list[float]:
        """Each group's rate as the plan and its base have it, without the feedback."""
        rates = [0.0] * len(self._bases)
        for assignment in self._plan:
            if assignment.key == "lr":
                for index, group in enumerate(self._groups()):
                    wanted = assignment.for_group(index, group)
                    if isinstance(wanted, Schedule):
                        rates[index] = wanted(self._position) * (self._bases[index] if self._relative else 1.0)
        return rates

    def _attach(self) -> None:
        """Write the values, take the optimizers over, and hear of their updates and of states loaded into them.

        The optimizers know of the scheduler weakly: they do not keep it, nor does it outlive its use through them.
        """
        self._bind()
        self._write(self._position)
        for group, base in zip(self._groups(), self._bases, strict=True):
            group.setdefault("initial_lr", base)
        me = ref(self)

        def after_update(*_: Any) -> None:
            if (scheduler := me()) is not None:
                scheduler._unstepped = False

        def after_loading(_: Optimizer) -> None:
            if (scheduler := me()) is not None and scheduler._taken_by is None:
                # Loading replaces tensors, even by floats; a compiled optimizer knows the ones it was built with.
                for group, tensors in zip(scheduler._groups(), scheduler._tensors, strict=False):
                    group.update(tensors)
                scheduler._bind()
                scheduler._write(scheduler._position)

        self._handles = [
            handle
            for optimizer in self._optimizers
            for handle in (
                optimizer.register_step_post_hook(after_update),
                optimizer.register_load_state_dict_post_hook(after_loading),
            )
        ]
        for optimizer in self._optimizers:
            ownership.take(self, optimizer, self._keys)

    def _warn_of_order(self) -> None:
        self._unstepped = False
        warnings.warn(
            "scheduler.step() came before the first optimizer.step(), so the value of step 0 is skipped; call it after "
            "each update",
            UserWarning,
            stacklevel=3,
        )


def _holds_tensor(value: Any) -> bool:
    return any(isinstance(item, Tensor) for item in (value if isinstance(value, tuple | list) else (value,)))


def _base(group: Group) -> float:
    """A group's base rate: where an earlier scheduler found it, else where it is."""
    return float(group["initial_lr"] if "initial_lr" in group else group["lr"])


def _settled_relative(relative: bool | None, plan: Sequence[Assignment], groups: Sequence[Group]) -> bool:
    if relative is not None:
        return relative
    rates = sorted({float(group["lr"]) for group in groups})
    if len(rates) > 1 and any(each.key == "lr" and each.common is not None for each in plan):
        raise ArgumentError(
            f"one schedule meets groups whose rates differ ({', '.join(map(str, rates))}); write relative=True to "
            "multiply each group's own rate, relative=False to give all the same, or give a list or a mapping by name"
        )
    return False
