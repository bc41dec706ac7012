"""The scheduler: writes schedules into an optimizer, update by update."""

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch.optim import Optimizer

from stepsize.arguments import Choice, Length, Number, refusal
from stepsize.errors import ArgumentError, DriverError, StateError
from stepsize.horizon import Horizon
from stepsize.pytorch.assignment import Assignment
from stepsize.pytorch.attachment import Attachment
from stepsize.pytorch.binding import Binding
from stepsize.pytorch.cautions import caution, expected_end, warn_of_order, warn_past_end
from stepsize.pytorch.counting import is_update
from stepsize.pytorch.members import Members
from stepsize.pytorch.plan import Plan
from stepsize.pytorch.plateau import Plateau, PlateauState
from stepsize.pytorch.position_views import PositionViews
from stepsize.pytorch.resuming import plan_to_follow
from stepsize.pytorch.state import SavedState
from stepsize.pytorch.wrapped import unwrapped
from stepsize.schedules import Schedule


class Scheduler(PositionViews):
    """Drives the hyperparameters of an optimizer (or several) by schedules.

    The rate of the next update is the schedule's value at `position`, the number of updates done:

        loss.backward(); optimizer.step(); scheduler.step(); optimizer.zero_grad()

    Construction writes the values of step 0. Call `step()` once after each real update, so k micro-batches that make
    one update count once; or let the scheduler count the updates itself, with `auto=True`.

    Threads and processes: one thread at a time may use a scheduler or step its optimizer. In several processes each
    has its own, and nothing is sent between them: what `observe`, `seek` and `replan` are given must be the same in
    all of them.

    Args:
        optimizer: one, or a list of several that share the plan; Accelerate's, Lightning's and DeepSpeed's wrappers
            are taken off.
        lr: the rate: a schedule, a number, a function of the step, a list of these (one for each group), or a mapping
            by the groups' `name` (groups that are not named keep their rate).
        relative: True: what `lr` gives is multiplied by each group's own base rate (its `initial_lr`, else its `lr`
            when it joined), so that ratios survive. False: it is the rate of every group. Left out, it is False, and
            groups whose rates differ are refused under a single schedule.
        feedback: a `Plateau`, fed by `observe`.
        auto: count the updates by a hook of the optimizer; `step()` then does nothing. With several optimizers, one
            update is counted when each of them has made one. The optimizer keeps the scheduler, not the other way
            round: it need not be held in a variable.
        on_change: what `load_state_dict` does with a state of another plan: "refuse", "keep" (this plan goes on from
            the saved position) or "restore" (the saved plan).
        horizon: how long the training is meant to be; a rate's schedule of another length, and an update past the
            end, are warned of.
        clock: what positions count: "steps", or "tokens" or "samples", told by `advance(n)`.
        hyperparameters: any other key of the groups, in the same forms, absolute: `weight_decay=Cosine(...)`,
            `betas=(Linear(0.85, 0.95, 1000), 0.999)`; or tied to the rate by a `ConstantProduct`.

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
        auto: bool = False,
        on_change: str = "refuse",
        horizon: Horizon | None = None,
        clock: str = "steps",
        **hyperparameters: Any,
    ) -> None:
        given = hyperparameters if lr is None else {"lr": lr, **hyperparameters}
        if not given:
            raise ArgumentError("Scheduler(optimizer) has nothing to schedule; give lr=..., or another hyperparameter")
        several = optimizer if isinstance(optimizer, list | tuple) else [optimizer]
        if not several or len(set(map(id, several))) < len(several):
            raise ArgumentError("Scheduler([...]) needs one optimizer at least, and each of them once")
        for name, value, kind, words in (
            ("feedback", feedback, Plateau | None, "a stepsize.pytorch.Plateau()"),
            ("relative", relative, bool | None, "True or False, or left out"),
            ("auto", auto, bool, "True or False"),
            ("horizon", horizon, Horizon | None, "a Horizon(samples=..., batch=..., epochs=...)"),
        ):
            if not isinstance(value, kind):
                raise refusal("Scheduler", name, words, value)
        self._on_change = Choice(("refuse", "keep", "restore"))("Scheduler", "on_change", on_change)
        self._clock = Choice(("steps", "tokens", "samples"))("Scheduler", "clock", clock)
        if clock != "steps" and (auto or horizon is not None):
            given_too = "auto=True" if auto else "horizon=..."
            raise ArgumentError(f"{given_too} counts updates, and this clock {clock}; tell it how many by advance(n)")
        self._auto = auto
        self._attachment = Attachment(tuple(unwrapped(item, auto) for item in several), keep=not auto)
        groups = self._attachment.groups()
        self._plan = self._began_with = Plan.of(given, relative, feedback, groups)
        self._members = Members(self._attachment.optimizers)
        self._feedback = None if feedback is None else PlateauState(feedback, len(groups))
        self._position = 0
        self._pauses = 0
        """How many `paused` are under way."""
        self._taken_by: str | None = None
        self._unstepped = True
        """No optimizer has made an update yet, as far as is known."""
        self._quick: Callable[[int], bool] | None = None
        """The short way of a step, once there is nothing else to do in it."""
        self._expected = expected_end(horizon, self._plan)
        self._attach()

    # Moving.

    def step(self) -> None:  # type: ignore[override]
        """Move on by one update, and write the rates of the next; nothing under `auto=True` or while paused.

        Raises:
            StepError: a schedule gives a negative rate there, or none that is finite; nothing has moved then.
            DriverError: another scheduler has taken over.
        """
        if self._quick is not None and self._quick(position := self._position + 1):
            self._position = position
        else:
            self._step_with_care()

    def _step_with_care(self) -> None:
        self._refuse_if_taken()
        if self._auto or self._pauses:
            return
        if self._clock != "steps":
            raise DriverError(f"this scheduler counts {self._clock}; call advance(n) with how many there were")
        if self._unstepped:
            self._unstepped = False
            warn_of_order()
        self._write(self._position + 1)

    def advance(self, n: int) -> None:
        """Move on by n steps, tokens or samples, whatever the clock counts, after an update."""
        number = int(Length(0)("advance", "n", n))
        if not self._pauses:
            self._write(self._position + number)

    def seek(self, position: int) -> None:
        """Go to any position, forwards or back, and write the rates there."""
        self._write(int(Length(0)("seek", "position", position)))
        self._begin_update()

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
        self._refresh()
        if not self._feedback.observe(metric):
            return False
        lowered = self._feedback.reduce([rate or 0.0 for rate in self._scheduled_rates()])
        self._bind()
        self._write(self._position)
        return lowered

    def replan(self, lr: Any = None, **hyperparameters: Any) -> dict[str, Schedule]:
        """From here on, follow new schedules, each on its own clock; return the plan before and after, to be drawn.

        The schedule of each hyperparameter given becomes `old.head(position) >> new`; where the plan has a list or a
        mapping, so must the new one. To go on with a longer version of the same plan give `new.tail(position)`.

            plot_schedules(scheduler.replan(Linear(0.3, 0.0, 500)))

        The plan as it then is goes into the state: the program that began with the old plan takes it over on loading.

        Raises:
            ArgumentError: a hyperparameter is not scheduled, or has another form. Nothing has changed then.
            StepError: a schedule gives a negative rate here.
        """
        given = hyperparameters if lr is None else {"lr": lr, **hyperparameters}
        new = (Assignment.of(key, item) for key, item in given.items())
        return self._replace([self._plan[each.key].replanned(self._position, each) for each in new])

    def cool_down(self, steps: int, end: float = 0.0, shape: str = "linear") -> dict[str, Schedule]:
        """From here on, bring the schedule of every rate down to `end` in so many steps; return what `replan` returns.

        `end` is in the plan's own units: a factor where the plan is relative, and what a plateau has taken off comes
        off it too.

        Raises:
            ArgumentError: an argument is not in its range, or no rate is scheduled.
        """
        at, end = self._position, Number(least=0.0)("cool_down", "end", end)
        return self._replace([self._plan["lr"].mapped(lambda schedule: schedule.cooldown(at, steps, end, shape))])

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Within this context nothing counts and nothing is written, so that others may use the optimizer.

        For rate finders, weight averaging and the like. At the end the values at the position are written again.
        """
        self._pauses += 1
        self._quick = None
        try:
            yield
        finally:
            self._pauses -= 1
            if self._taken_by is None and not self._pauses:
                self._binding.put_back(self._attachment.groups())
                self._bind()
                self._write(self._position)

    def close(self) -> None:
        """Let go of the optimizer: its rates stay as they are, and nothing is written any more."""
        self._attachment.close(self)
        self._taken_by = f"{self} was closed, so it can no longer be stepped"
        self._quick = None

    # Reading.

    @property
    def position(self) -> int:
        """Updates done (or tokens, or samples): where the schedules are read for the next update."""
        return self._position

    @property
    def schedules(self) -> dict[str, Schedule]:
        """The plan's schedules by name, as `plot_schedules` takes them: {"lr": ..., "weight_decay": ...}."""
        return self._plan.schedules()

    @property
    def feedback(self) -> Plateau | None:
        """The plateau that lowers the rates by what `observe` is told; None where there is none."""
        return None if self._feedback is None else self._feedback.plateau

    def get_lr(self) -> list[float]:  # type: ignore[override]
        """The rate of each group at the position, as planned; that of `get_last_lr`, unless somebody has set it."""
        self._refresh()
        rates = self._scheduled_rates()
        multipliers = [1.0] * len(rates) if self._feedback is None else self._feedback.multipliers
        return [
            now if planned is None else planned * multiplier
            for planned, multiplier, now in zip(rates, multipliers, self.get_last_lr(), strict=True)
        ]

    def __repr__(self) -> str:
        return f"Scheduler({self._plan}, position={self._position})"

    # State.

    def state_dict(self) -> dict[str, Any]:
        """Position, base rates, plan and feedback, as JSON has them."""
        self._refresh()
        return SavedState(
            self._clock,
            self._position,
            tuple(self._members.bases),
            self._plan.as_text(),
            self._began_with.as_text(),
            self._plan != self._began_with,
            None if self._feedback is None else self._feedback.state_dict(),
        ).as_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where a saved scheduler stood, and write the rates there; before or after the optimizer's state.

        Raises:
            StateError: it is no state of this kind or of this version, is cut short, does not fit the optimizer, or has
                another plan and `on_change` is "refuse". Scheduler and optimizer are as they were then.
        """
        self._refresh()
        groups = self._attachment.groups()
        saved = SavedState.checked(state, self._clock, len(groups))
        plan = plan_to_follow(saved, self._plan, self._began_with, self._on_change, groups)
        bases = self._bases_to_follow(saved) if plan.relative else list(saved.base_lrs)
        feedback = None
        if plan.feedback is not None and saved.feedback is not None:
            feedback = PlateauState.from_dict(plan.feedback, len(groups), saved.feedback)
        elif plan.feedback is not None:
            feedback = PlateauState(plan.feedback, len(groups))
        self._become(plan, bases, feedback, saved.position)
        self._unstepped = False  # the updates before were another process's
        self._quick = None
        self._begin_update()

    def __copy__(self) -> "Scheduler":
        """A copy has optimizers of its own: two schedulers cannot drive one."""
        return copy.deepcopy(self)

    def __getstate__(self) -> dict[str, Any]:
        """What a copy or a pickle takes along: the optimizers too, but nothing that is registered with them."""
        left = ("_attachment", "_binding", "_waiting_for", "_rates_left", "_quick")
        state = {name: value for name, value in self.__dict__.items() if name not in left}
        return {**state, "optimizers": self._attachment.optimizers}

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Kept, even under auto: a copy has nobody else to hold its optimizers.
        self._attachment = Attachment(state.pop("optimizers"), keep=True)
        self.__dict__.update(state)
        self._pauses = 0
        self._attach()

    # Within.

    def _bases_to_follow(self, saved: SavedState) -> list[float]:
        """What the schedules multiply: a part of the plan as much as they are."""
        mine, theirs = self._members.bases, list(saved.base_lrs)
        if all(math.isclose(here, there, rel_tol=1e-6) for here, there in zip(mine, theirs, strict=True)):
            return theirs  # but for what a rate loses in a tensor of single precision
        if self._on_change == "refuse":
            raise StateError(
                f"the state's schedules multiply the base rates {theirs}, and here the groups have {mine}; keep these "
                'with Scheduler(..., on_change="keep"), or take the saved ones with "restore"'
            )
        return mine if self._on_change == "keep" else theirs

    def _become(self, plan: Plan, bases: list[float], feedback: PlateauState | None, position: int) -> None:
        """Follow another plan from a position on, or stay as it is and raise."""
        before = self._plan, self._members.bases, self._feedback
        self._plan, self._members.bases, self._feedback = plan, bases, feedback
        try:
            self._bind()
            self._write(position)
        except Exception:
            self._plan, self._members.bases, self._feedback = before
            self._bind()
            raise

    def _replace(self, assignments: list[Assignment]) -> dict[str, Schedule]:
        """Follow these assignments in place of those of the same hyperparameters; both, by name."""
        before = [self._plan[each.key] for each in assignments]
        self._become(self._plan.replaced(assignments), self._members.bases, self._feedback, self._position)
        return {
            f"{name} {when}": schedule
            for old, new in zip(before, assignments, strict=True)
            for when, assignment in (("before", old), ("after", new))
            for name, schedule in assignment.schedules().items()
        }

    def _bind(self) -> None:
        """Find out anew which values go where: after the plan, the groups or a multiplier has changed."""
        optimizers = self._attachment.optimizers
        new = self._members.join(optimizers)
        if new:
            self._members.mark(self._attachment.groups())
        if self._feedback is not None:
            for place in new:
                self._feedback.multipliers.insert(place, 1.0)
        bases = self._members.bases
        multipliers = [1.0] * len(bases) if self._feedback is None else self._feedback.multipliers
        factors = [
            (base if self._plan.relative else 1.0) * multiplier
            for base, multiplier in zip(bases, multipliers, strict=True)
        ]
        self._quick = None
        self._binding = Binding(self._plan, optimizers, factors, self._expected)

    def _refresh(self) -> None:
        """Take note of groups that have come since the last write."""
        if self._taken_by is None and self._binding.is_stale():
            self._bind()
            self._write(self._position)

    def _write(self, position: int) -> None:
        """Write the values there, all or none, and be there; while paused only be there.

        Raises:
            StepError: a schedule gives a negative rate there, or none that is finite.
        """
        self._refuse_if_taken()
        if position > self._expected:
            warn_past_end(position, self._expected)
            self._expected = math.inf
            self._bind()
        if self._binding.is_stale():
            self._bind()
        values = self._binding.values(position)
        self._position = position
        if self._pauses:
            return
        self._binding.write(values)
        self._quick = None if self._needs_care() else self._binding.quick
        if self._auto:
            optimizers = self._attachment.optimizers
            self._rates_left = {id(each): each.param_groups[0].get("lr") for each in optimizers}

    def _needs_care(self) -> bool:
        """Whether the next step has more to do than to write the value of the next position."""
        return self._auto or self._unstepped or self._clock != "steps"

    def _refuse_if_taken(self) -> None:
        if self._taken_by is not None:
            raise DriverError(self._taken_by)

    def _scheduled_rates(self) -> list[float | None]:
        """Each group's rate as the plan and its base have it, without the feedback; None where it has none."""
        groups = self._attachment.groups()
        rates: list[float | None] = [None] * len(groups)
        for assignment in self._plan.assignments:
            if assignment.key == "lr":
                for index, group in enumerate(groups):
                    wanted = assignment.for_group(index, group)
                    if isinstance(wanted, Schedule):
                        rates[index] = wanted(self._position) * (
                            self._members.bases[index] if self._plan.relative else 1.0
                        )
        return rates

    def _attach(self) -> None:
        """Write the values, and hang on the optimizers."""
        self._begin_update()
        self._bind()
        if self._taken_by is not None:
            return  # the copy of one that was closed, or whose optimizer another drives
        self._write(self._position)
        self._members.mark(self._attachment.groups())
        self._attachment.attach(self, self._plan.keys, owned=self._auto)

    def _begin_update(self) -> None:
        self._waiting_for = set(map(id, self._attachment.optimizers))
        """The optimizers that are still to step before an update is counted."""

    # Called back by the optimizers.

    def stepped(self, optimizer: Optimizer) -> None:
        """An optimizer's step has ended; under `auto`, count an update once each of them has made one."""
        self._unstepped = False
        if not self._auto or self._pauses or not is_update(optimizer, self._rates_left[id(optimizer)]):
            return
        self._waiting_for.discard(id(optimizer))
        if self._waiting_for:
            return
        self._begin_update()
        position = self._position + 1
        try:
            self._write(position)
        finally:
            self._position = position  # the update has been made, even if there is no value for the next

    def loaded(self) -> None:
        """A state was loaded into an optimizer, which replaces tensors, even by floats: put ours back, and write."""
        if self._taken_by is None:
            self._binding.put_back(self._attachment.groups())
            self._bind()  # groups may have come before the state did
            self._members.mark(self._attachment.groups())
            self._write(self._position)

    def deposed(self, key: str, by: "Scheduler") -> None:
        """Another scheduler drives this hyperparameter now; the next move says so, or a warning where none is due."""
        taken_by = f'"{key}" of the optimizer is now driven by {by}, so {self} can no longer be stepped'
        others = " and ".join(other for other in self._plan.keys if other != key)
        self.close()
        self._taken_by = f"{taken_by}; {others} stays as it is unless another drives it" if others else taken_by
        if self._auto:
            caution(self._taken_by)
