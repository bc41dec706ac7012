"""The scheduler: writes schedules into an optimizer, update by update."""

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from stepsize.arguments import Choice, Flag, Length, Maybe, Number, Whole
from stepsize.errors import ArgumentError, DriverError, StateError, shown
from stepsize.horizon import Horizon
from stepsize.pytorch.optimizer_hooks import (
    Attachment,
    UpdateCount,
    groups_elsewhere,
    is_dummy_step,
    is_update,
    refuse_own_rates,
    updating,
)
from stepsize.pytorch.plan import Assignment, Plan, rate_of
from stepsize.pytorch.plateau import Feedback, Plateau, as_number
from stepsize.pytorch.state import KIND, VERSION, bases_to_follow, checked, plan_to_follow, pytorch_position
from stepsize.pytorch.warnings import caution
from stepsize.pytorch.writing import Binding, GroupRecord, held, matched
from stepsize.schedules import Schedule


class Scheduler(LRScheduler):
    """Drives the hyperparameters of an optimizer (or several) by schedules.

    The rate of the next update is the schedule's value at `position`, the number of updates done:

        loss.backward(); optimizer.step(); scheduler.step(); optimizer.zero_grad()

    Construction writes the values of step 0. Call `step()` once after each real update, so k micro-batches that make
    one update count once; or let the scheduler count the updates itself, with `auto=True`.

    One thread at a time may use a scheduler or step its optimizer. Each process has its own; give `observe`, `seek` and
    `replan` the same arguments in all of them, as nothing is sent between them.

    Args:
        optimizer: one, or a list of several that share the plan. In a wrapper (Accelerate's, Lightning's, DeepSpeed's,
            Opacus's, Lookahead, SAM) the optimizer that makes the updates is driven.
        lr: the rate: a schedule, its text, a number, a function of the step, a list of these (one for each group), or
            a mapping by the groups' `name` (groups that are not named keep their rate). A group's own `lr_scale`
            multiplies its rate.
        relative: True: what `lr` gives is multiplied by each group's own base rate (its `initial_lr`, else its `lr`
            when it joined), so that ratios survive. False: it is the rate of every group. If left out, it is False,
            and groups whose rates differ are refused under a single schedule.
        feedback: a `Plateau`, or another object with `observe(metric) -> multiplier`, `state_dict` and
            `load_state_dict`; fed by `observe`. A `Plateau` is copied, so one may be given to several schedulers.
        auto: count the updates by a hook of the optimizer; `step()` then does nothing. With several optimizers, one
            update is counted when each of them has made one; one that has never made any is not waited for once
            another makes its second, and a warning names it. The optimizer keeps the scheduler alive.
        on_change: what `load_state_dict` does with a state of another plan: "refuse", "keep" (this plan goes on from
            the saved position) or "restore" (the saved plan).
        horizon: how long the training is meant to be, for texts with units; a rate's schedule of another length, and
            an update past the end, cause a warning.
        clock: what positions count: "steps", or "tokens" or "samples", reported by `advance(n)`.
        last_epoch: PyTorch's argument, for programs that pass it: the position less one.
        hyperparameters: any other key of the groups, in the same forms, absolute: `weight_decay=Cosine(...)`,
            `betas=(Linear(0.85, 0.95, 1000), 0.999)`; or tied to the rate by a `ConstantProduct`.

    Raises:
        ArgumentError: a group has no such hyperparameter, a list or a name does not fit the groups, or one schedule
            meets groups of different rates and `relative` is left out. The optimizer stays as it was.
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
        feedback: Feedback | None = None,
        auto: bool = False,
        on_change: str = "refuse",
        horizon: Horizon | None = None,
        clock: str = "steps",
        last_epoch: int = -1,
        **hyperparameters: Any,
    ) -> None:
        given = hyperparameters if lr is None else {"lr": lr, **hyperparameters}
        if not given:
            raise ArgumentError("Scheduler(optimizer) has nothing to schedule; give lr=..., or another hyperparameter")
        several = optimizer if isinstance(optimizer, list | tuple) else [optimizer]
        if not several or len(set(map(id, several))) < len(several):
            raise ArgumentError("Scheduler([...]) needs one optimizer at least, and each of them once")
        for name, value, kind, words in (
            ("feedback", feedback, Feedback | None, "a Plateau(), or an object with its observe and state methods"),
            ("horizon", horizon, Horizon | None, "a Horizon(samples=..., batch=..., epochs=...)"),
        ):
            if not isinstance(value, kind) or isinstance(value, type):
                raise ArgumentError("Scheduler", name, words, value)
        Maybe(Flag())("Scheduler", "relative", relative)
        self._auto = Flag()("Scheduler", "auto", auto)
        self._on_change = Choice(("refuse", "keep", "restore"))("Scheduler", "on_change", on_change)
        self._clock = Choice(("steps", "tokens", "samples"))("Scheduler", "clock", clock)
        if clock != "steps" and (auto or horizon is not None):
            given_too = "auto=True" if auto else "horizon=..."
            raise ArgumentError(f"{given_too} counts updates, and this clock {clock}; tell it how many by advance(n)")
        self._attachment = Attachment(tuple(updating(item, auto) for item in several), keep=not auto)
        if "lr" in given:
            for each in self._attachment.optimizers:
                refuse_own_rates(each)
        groups = self._attachment.groups()
        self._feedback = replace(feedback) if isinstance(feedback, Plateau) else feedback
        self._multiplier = 1.0  # the feedback's
        self._plan = self._began_with = Plan.of(given, relative, self._feedback, groups, horizon)
        self._records = matched([], groups, 1.0)
        self._position = int(Whole(-1)("Scheduler", "last_epoch", last_epoch)) + 1
        self._pauses = 0  # how many `paused` are under way
        self._taken_by: str | None = None  # why this scheduler no longer drives its optimizers
        self._unstepped = self._position == 0  # no optimizer has made an update yet, as far as is known
        self._restored = False  # a state was loaded, and no update has followed
        self._seen_overwritten = False
        self._count = UpdateCount(len(several))  # under auto
        self._quick: Callable[[int], bool] | None = None  # writes the next values without further checks
        self._horizon = horizon
        self._expected = math.inf if horizon is None else horizon.steps
        for name, schedule in self._plan["lr"].schedules().items() if horizon is not None and "lr" in given else ():
            if schedule.steps not in (math.inf, self._expected):
                caution(f"{name} = {schedule} lasts {schedule.steps} updates, and {horizon} has {self._expected}")
        self._attach()

    # Moving.

    def step(self, epoch: None = None) -> None:  # type: ignore[override]
        """Move on by one update, and write the rates of the next; does nothing under `auto=True` or while paused.

        Raises:
            StepError: a schedule gives a negative rate there, or none that is finite; nothing has moved then.
            DriverError: another scheduler has taken over.
        """
        if epoch is not None:
            raise ArgumentError("Scheduler.step() takes nothing; give a metric to observe(), a position to seek()")
        position = self._position + 1
        if self._quick is not None and position <= self._expected and self._quick(position):
            self._position = position
        else:
            self._step_with_care()

    def _step_with_care(self) -> None:
        self._refuse_if_taken()
        if self._auto:
            self._count.look_for_uncounted(p for group in self._attachment.groups() for p in group["params"])
        if self._auto or self._pauses:
            return
        if self._clock != "steps":
            raise DriverError(f"this scheduler counts {self._clock}; call advance(n) with how many there were")
        if self._unstepped:
            self._unstepped = False
            caution(
                "scheduler.step() came before the first optimizer.step(), so the value of step 0 is skipped; call it "
                "after each update"
            )
        self._write(self._position + 1)

    def advance(self, n: int) -> None:
        """Move on by n steps, tokens or samples, whatever the clock counts, after an update."""
        number = int(Length(0)("advance", "n", n))
        if not self._pauses:
            self._write(self._position + number)

    def seek(self, position: int) -> None:
        """Go to any position, forwards or back, and write the rates there."""
        self._write(int(Length(0)("seek", "position", position)))
        self._count.begin()

    def observe(self, metric: float) -> bool:
        """Pass a metric to the feedback; True if that changed a rate. The rates are written at once.

        In several processes each must pass the same value: reduce it first. ArgumentError if there is no feedback, or
        it refuses the metric; StepError if the rate would overflow.
        """
        if self._feedback is None:
            raise ArgumentError("observe() feeds a plateau, and there is none; give Scheduler feedback=Plateau()")
        self._refresh()
        multiplier = as_number(self._feedback.observe(metric), "the feedback's multiplier")
        if not 0.0 <= multiplier < math.inf:
            raise ArgumentError(f"the feedback's multiplier must be a finite number of at least 0, got {multiplier}")
        before = self._multiplier
        with self._all_or_nothing():
            self._multiplier = multiplier
            if multiplier == before or not self._apply(multiplier / before if before else math.inf):
                return False
            self._bind()
            self._write(self._position)
        return True

    def replan(self, lr: Any = None, **hyperparameters: Any) -> dict[str, Schedule]:
        """From here on, follow new schedules, each on its own clock; return the plan before and after, to be drawn.

        The schedule of each hyperparameter given becomes `old.head(position) >> new`; if the plan has a list or a
        mapping, so must the new one. To go on with a longer version of the same plan give `new.tail(position)`. The
        new plan goes into the state: the program that began with the old one takes it over on loading.

            plot_schedules(scheduler.replan(Linear(0.3, 0.0, 500)))

        Raises:
            ArgumentError: a hyperparameter is not scheduled, or has another form. Nothing has changed then.
        """
        given = hyperparameters if lr is None else {"lr": lr, **hyperparameters}
        new = {key: Assignment.of(key, item, self._horizon) for key, item in given.items()}
        return self._replace({key: self._plan[key].replanned(self._position, each) for key, each in new.items()})

    def cool_down(self, steps: int, end: float = 0.0, shape: str = "linear") -> dict[str, Schedule]:
        """From here on, bring the schedule of every rate down to `end` in so many steps; return what `replan` returns.

        `end` is in the plan's own units: a factor if the plan is relative. A plateau multiplies it too. Without a
        scheduled rate, or with an argument out of its range, it raises ArgumentError.
        """
        at, end, rates = self._position, Number(least=0.0)("cool_down", "end", end), self._plan["lr"]
        return self._replace(
            {"lr": Assignment.of("lr", rates.as_given(lambda schedule: schedule.cooldown(at, steps, end, shape)))}
        )

    @contextmanager
    def paused(self) -> Iterator[None]:
        """For rate finders and the like: count and write nothing in this context, and write again at its end."""
        self._refresh()
        self._pauses += 1
        self._quick = None
        try:
            yield
        finally:
            self._pauses -= 1
            if self._taken_by is None and not self._pauses:
                self._rewrite()

    def close(self) -> None:
        """Let go of the optimizer: its rates stay as they are, and nothing is written any more."""
        self._attachment.release(self)
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
    def feedback(self) -> Feedback | None:
        """What turns the metrics of `observe` into a multiplier, if anything does."""
        return self._feedback

    def values(self) -> dict[str, float]:
        """What the next update uses, by name, for a logger: {"lr": 0.1}, and {"lr/head": 0.1, ...} for several groups.

        A named group is called by its name, another by its index, and groups of one name by both: "lr/head#2". An item
        of a tuple is "betas[0]".
        """
        self._refresh()
        found: dict[str, float] = {}
        names = [str(record.group.get("name", index)) for index, record in enumerate(self._records)]
        of_group = {
            id(record.group): f"/{name}" if names.count(name) == 1 else f"/{name}#{index}"
            for index, (record, name) in enumerate(zip(self._records, names, strict=True))
        }
        for key, item, group in self._binding.targets():
            name = f"{key}{'' if item is None else f'[{item}]'}{of_group[id(group)] if len(names) > 1 else ''}"
            found[name] = float(held(group, key, item))
        return found

    def get_lr(self) -> list[float]:  # type: ignore[override]
        """The rate of each group at the position, as planned; `get_last_lr` gives what stands in the groups."""
        if self._taken_by is not None:
            return self.get_last_lr()
        self._refresh()
        return [
            now if (planned := self._planned_rate(record)) is None else planned * record.multiplier
            for record, now in zip(self._records, self.get_last_lr(), strict=True)
        ]

    def __repr__(self) -> str:
        return f"Scheduler({self._plan}, position={self._position})"

    # What frameworks ask of PyTorch's schedulers. Its constructor is not called: it would write rates, and replace the
    # optimizer's step.

    def get_last_lr(self) -> list[float]:  # type: ignore[override]
        """The rate that the next update uses, for each group."""
        self._refresh()
        return [rate_of(group) for group in self._attachment.groups()]

    @property
    def _last_lr(self) -> list[float]:  # type: ignore[override]
        return self.get_last_lr()

    @property
    def last_epoch(self) -> int:
        """The position; -1, which means a fresh start in PyTorch, is 0. Setting it writes no rates; Ignite sets it."""
        return self._position

    @last_epoch.setter
    def last_epoch(self, value: int) -> None:
        self._position = max(int(value), 0)
        self._seen_overwritten = True  # whoever sets the position writes the rates, too

    @property
    def _step_count(self) -> int:
        return self._position + 1

    @_step_count.setter
    def _step_count(self, value: int) -> None:
        """Ignore it: Accelerate raises it for micro-batches, which are no updates."""

    def _initial_step(self) -> None:
        self.seek(self._position)

    def _update_lr(self, epoch: int | None = None) -> None:
        self.seek(self._position + 1 if epoch is None else max(int(epoch), 0))

    @property
    def base_lrs(self) -> list[float]:  # type: ignore[override]
        return [record.base for record in self._records]

    @property
    def optimizer(self) -> Optimizer:  # type: ignore[override]
        """The optimizer; the first of several."""
        return self._attachment.optimizers[0]

    # State.

    def state_dict(self) -> dict[str, Any]:
        """Position, base rates, plan and feedback, in a form for JSON."""
        self._refresh()
        multipliers = [record.multiplier for record in self._records]
        return {
            "version": VERSION,
            "kind": KIND,
            "clock": self._clock,
            "position": self._position,
            "base_lrs": self.base_lrs,
            "plan": self._plan.as_text(),
            "began_with": self._began_with.as_text(),
            "replanned": self._plan != self._began_with,
            "idle": sorted(self._count.idle),
            "feedback": None
            if self._feedback is None
            else {"multiplier": self._multiplier, "multipliers": multipliers, "state": self._feedback.state_dict()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where a saved scheduler stood, and write the rates there; before or after the optimizer's state.

        Under `on_change="keep"` the state of one of PyTorch's schedulers gives its position.

        Raises:
            StateError: it is not a state of this kind and version, is cut short, does not fit the optimizer, or has
                another plan and `on_change` is "refuse". Scheduler and optimizer are then as they were.
        """
        self._refresh()
        position = pytorch_position(state)
        if position is not None and self._on_change == "keep" and self._clock == "steps":
            self._follow(self._plan, self.base_lrs, position)
        else:
            saved = checked(state, self._clock, len(self._records))
            plan = plan_to_follow(saved, self._plan, self._began_with, self._on_change, self._attachment.groups())
            bases = bases_to_follow(saved, plan, self.base_lrs, self._on_change)
            self._follow(plan, bases, saved["position"], saved)
            self._count.resume(saved["idle"], updated=saved["position"] > 0)
        self._unstepped = False  # another process made the updates before
        self._restored = True
        self._quick = None
        self._count.begin()

    def __copy__(self) -> "Scheduler":
        """A copy has optimizers of its own: two schedulers cannot drive one."""
        return copy.deepcopy(self)

    def __getstate__(self) -> dict[str, Any]:
        """What a copy or a pickle takes along: the optimizers too, but nothing that is registered with them."""
        self._refresh()
        left = ("_attachment", "_binding", "_left", "_quick")
        state = {name: value for name, value in self.__dict__.items() if name not in left}
        return {**state, "optimizers": self._attachment.optimizers}

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Kept, even under auto: a copy has nobody else to hold its optimizers.
        self._attachment = Attachment(state.pop("optimizers"), keep=True)
        self.__dict__.update(state)
        self._pauses = 0
        self._attach()

    def _follow(self, plan: Plan, bases: list[float], position: int, saved: dict[str, Any] | None = None) -> None:
        """From a position on follow another plan, or another state of the feedback; if that raises, change nothing."""
        with self._all_or_nothing():
            self._plan = plan
            for record, base in zip(self._records, bases, strict=True):
                record.base = base
            if saved is not None:
                self._restore_feedback(plan.feedback, saved["feedback"])
            self._bind()
            self._write(position)

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """If the block raises, restore the plan, the base rates and the feedback."""
        before = self._plan, self._feedback, self._multiplier
        was = [(record.base, record.multiplier) for record in self._records]
        state = None if self._feedback is None else self._feedback.state_dict()
        try:
            yield
        except Exception:
            self._plan, self._feedback, self._multiplier = before
            if self._feedback is not None and state is not None:
                self._feedback.load_state_dict(state)
            for record, (base, multiplier) in zip(self._records, was, strict=True):
                record.base, record.multiplier = base, multiplier
            self._bind()
            raise

    def _restore_feedback(self, feedback: Feedback | None, form: Any) -> None:
        # A feedback that is new in the program starts from its beginning.
        self._feedback = replace(feedback) if isinstance(feedback, Plateau) else feedback
        self._multiplier, numbers = 1.0, [1.0] * len(self._records)
        if self._feedback is not None and form is not None:
            match form:
                case {"multiplier": one, "multipliers": [*numbers], "state": dict(state)} if len(numbers) == len(
                    self._records
                ) and all(type(each) in (int, float) and 0.0 <= each < math.inf for each in [one, *numbers]):
                    self._multiplier = float(one)
                    self._feedback.load_state_dict(state)
                case _:
                    raise StateError(f"the state's feedback is not that of a {type(feedback).__name__}: {shown(form)}")
        for record, number in zip(self._records, numbers, strict=True):
            record.multiplier = float(number)

    def _apply(self, change: float) -> bool:
        """Change the multiplier of each group by this factor; whether any rate changes."""
        changed = False
        for record in self._records:
            if (planned := self._planned_rate(record)) is None:
                continue
            now = record.multiplier
            new = self._multiplier if change == math.inf else now * change
            if isinstance(self._feedback, Plateau):
                new = self._feedback.bounded(now, new, planned)
            record.multiplier = new
            changed = changed or new != now
        return changed

    def _replace(self, new: dict[str, Assignment]) -> dict[str, Schedule]:
        """Follow these assignments instead of those of the same hyperparameters; return both, by name."""
        old = self._plan.assignments
        self._follow(replace(self._plan, assignments={**old, **new}), self.base_lrs, self._position)
        return {
            f"{name} {when}": schedule
            for key in new
            for when, assignment in (("before", old[key]), ("after", new[key]))
            for name, schedule in assignment.schedules().items()
        }

    def _bind(self, loading: bool = False, put_back: bool = False) -> None:
        """Find out which values go where; after the plan, the groups or a multiplier have changed."""
        optimizers = self._attachment.optimizers
        self._records = matched(self._records, self._attachment.groups(), self._multiplier, loading)
        if put_back:
            for record in self._records:
                record.group.update(record.kept)
        self._quick = None
        self._binding = Binding(self._plan, optimizers, self._records, groups_elsewhere(optimizers))

    def _rewrite(self, loading: bool = False) -> None:
        """Put back the tensors and names that others have replaced, and write."""
        self._bind(loading, put_back=True)
        self._write(self._position)

    def _refresh(self) -> None:
        """Drive the groups as they are now, if any were added, removed or replaced since the last write."""
        if self._taken_by is None and self._binding.is_stale():
            self._write(self._position)

    def _write(self, position: int) -> None:
        """Write the values there, all or none, and be there; while paused only be there."""
        self._refuse_if_taken()
        if self._binding.is_stale():
            self._bind()
        if not self._pauses:
            self._binding.write(position)
            if self._auto:
                self._left = [each.param_groups[0].get("lr") for each in self._attachment.optimizers]
            elif self._clock == "steps" and not self._unstepped:
                self._quick = self._binding.quick
        self._position = position
        if position > self._expected:
            horizon, self._expected = self._expected, math.inf
            caution(
                f"update {position} is past the end of the horizon, {horizon} updates; look at its batch size, "
                "accumulation and processes"
            )

    def _refuse_if_taken(self) -> None:
        if self._taken_by is not None:
            raise DriverError(self._taken_by)

    def _planned_rate(self, record: GroupRecord) -> float | None:
        """A group's rate by the plan, its base and its own scale, before the feedback; None if it keeps its own."""
        wanted = self._plan.rate_for(record.index, record.group)
        return wanted(self._position) * record.factor(self._plan.relative) if isinstance(wanted, Schedule) else None

    def _attach(self) -> None:
        """Write the values, and register with the optimizers."""
        self._bind()
        if self._taken_by is None:  # it is not the copy of one that was closed, or whose optimizer another drives
            self._rewrite()
            self._attachment.attach(self, owned=self._auto)

    # Called by the optimizers and by other schedulers.

    def stepping(self, optimizer: Optimizer) -> None:
        """An optimizer's step begins: write into groups that are new, or that loading has overwritten."""
        if self._taken_by is not None or self._pauses:
            return
        if self._auto and (idle := self._count.left_out(self._attachment.optimizers.index(optimizer))):
            self._count_update()
            which = f"optimizer {idle[0]}" if len(idle) == 1 else f"each of the optimizers {', '.join(map(str, idle))}"
            caution(
                f"{which} of this scheduler has made no update yet, so the updates of the others are counted without "
                "it until its first"
            )
        if self._restored:
            self._rewrite()
        else:
            self._refresh()

    def stepped(self, optimizer: Optimizer) -> None:
        """An optimizer's step has ended; under `auto`, count an update once each of them has made one."""
        self._unstepped = False
        if self._taken_by is not None or self._pauses or (self._auto and not is_update(optimizer)):
            return
        index = self._attachment.optimizers.index(optimizer)
        overwritten = None if self._seen_overwritten else self._binding.overwritten()
        # Zeros that another hand has written may be a dummy step's; zeros of the schedule are not.
        foreign = self._auto and optimizer.param_groups[0].get("lr") is not self._left[index]
        if (foreign or overwritten is not None) and is_dummy_step(optimizer):
            return
        self._restored = False
        if self._auto and self._count.completes(index):
            self._count_update()
        if overwritten is not None:  # last, as a warning may be an error: the update is counted all the same
            self._seen_overwritten = True
            caution(f"{overwritten}; the update used it, and the next will use the schedule's")

    def _count_update(self) -> None:
        self._count.begin()
        position = self._position + 1
        try:
            self._write(position)
        finally:
            self._position = position  # the update was made, even if there is no value for the next

    def loaded(self) -> None:
        """A state was loaded into an optimizer, which replaces its groups and their values."""
        if self._taken_by is None:
            self._restored = True  # wrappers write into the groups once more after this hook
            self._rewrite(loading=True)

    def driven(self) -> set[tuple[str, int]]:
        """The hyperparameters it writes, each with the identity of the group."""
        return {(key, id(group)) for key, _, group in self._binding.targets()}

    def taken_over(self, key: str, by: "Scheduler") -> None:
        """Another scheduler writes this hyperparameter now. The next step raises; under auto it warns."""
        taken_by = f'"{key}" of the optimizer is now driven by {by}, so {self} can no longer be stepped'
        others = " and ".join(other for other in self._plan.assignments if other != key)
        self.close()
        self._taken_by = f"{taken_by}; nothing drives {others} any more" if others else taken_by
        if self._auto:
            caution(self._taken_by)
