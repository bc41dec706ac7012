"""The scheduler: writes schedules into an optimizer, update by update."""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any

from torch.optim import Optimizer

from stepsize.arguments import Choice, Flag, Instance, Maybe, NonNegative, Number, Steps, Whole, apply_rules
from stepsize.checked_calls import CallChecked, checked
from stepsize.errors import ArgumentError, DriverError
from stepsize.horizon import ClockName, MaybeHorizon
from stepsize.pytorch.clock import Clock
from stepsize.pytorch.driver import Driver
from stepsize.pytorch.factors import warn_of_factors
from stepsize.pytorch.group_plan import GroupPlan, as_tuple, given_schedules, replanned
from stepsize.pytorch.optimizer_hooks import Attachment, refuse_own_rates, updating
from stepsize.pytorch.plateau import Feedback, as_number
from stepsize.pytorch.state import KIND, VERSION, bases_to_follow, plan_to_follow, pytorch_position, validated
from stepsize.pytorch.targets import Target, named_targets
from stepsize.pytorch.warnings import caution
from stepsize.schedules import Plan, Schedule
from stepsize.schedules.assignment import Assignment
from stepsize.schedules.transitions import AnyShape


class Scheduler(CallChecked, Driver):
    """Drives the hyperparameters of one or several optimizers by schedules.

    The rate of the next update is the schedule's value at `position`, the number of updates done:

        loss.backward(); optimizer.step(); scheduler.step(); optimizer.zero_grad()

    Construction writes the values of step 0. Call `step()` once after each real update: k micro-batches that make one
    update count once. With `auto=True` the scheduler counts the updates itself.

    Only one thread at a time may use a scheduler or step its optimizer. Each process has its own scheduler, so give
    `advance`, `observe`, `seek` and `replan` the same arguments in every process. Nothing is sent between them but the
    seconds that a scheduler measures: all processes use those of the first.

    Args:
        optimizer: one, or a list of several that share the plan. The optimizer inside a wrapper (Accelerate's,
            Lightning's, DeepSpeed's, Opacus's, Lookahead, SAM) is driven if it makes the updates.
        lr: the rate: a schedule, its text, a number, a function of the step, a list of these (one for each group), or
            a mapping by the groups' `name` (other groups keep their rate). A group's own `lr_scale` multiplies its
            rate. Or a `Plan` of all hyperparameters, or its text.
        relative: if True, `lr` multiplies each group's own base rate (its `initial_lr`, else its `lr` when it joined),
            so the groups keep their ratios. If False, `lr` is the rate of every group. If left out, it is False, and a
            single schedule for groups of different rates is refused.
        feedback: a `Plateau`, or a `Feedback` of your own, which turns the metrics of `observe` into a multiplier. A
            `Plateau` is copied, so several schedulers can share one.
        auto: count the updates with a hook of the optimizer; `step()` then does nothing. An update moves the position
            by its samples or tokens, as the horizon says, or by the seconds since the last. With several optimizers, an
            update counts when each of them has made one. If one makes its second update before another has made its
            first, the scheduler warns and stops waiting for the other. The optimizer keeps the scheduler alive.
        on_change: what `load_state_dict` does with a state of another plan: "refuse" it, "keep" this plan and continue
            from the saved position, or "restore" the saved plan.
        horizon: the planned length of the training, for texts with units; not with a clock of seconds. A rate's
            schedule of another length and an update past the end cause a warning.
        clock: what positions count: "steps"; "samples", "tokens" or "seconds", which `advance(n)` reports.
        last_epoch: PyTorch's argument: the position minus one.
        targets: what is written outside the optimizer, by the name of its schedule: an `Attribute`, a function that
            sets the value, or a list of these. Targets are not saved.
        hyperparameters: schedules for other keys of the groups, absolute, in the same forms: `weight_decay=0.1`,
            `betas=(Linear(0.85, 0.95, 1000), 0.999)`; or a `ConstantProduct`, which ties a key to the rate. The
            schedule of `targets["dropout"]` is `dropout=Linear(0.0, 0.5, 1000)`.

    Raises:
        ArgumentError: a group has no such hyperparameter, a list or a name does not fit the groups, or `relative` is
            left out for groups of different rates under one schedule. The optimizer is unchanged.
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
        relative: Annotated[bool | None, Maybe(Flag())] = None,
        feedback: Annotated[
            Feedback | None, Maybe(Instance(Feedback, "a Plateau(), or an object with its methods"))
        ] = None,
        auto: Annotated[bool, Flag()] = False,
        on_change: Annotated[str, Choice(("refuse", "keep", "restore"))] = "refuse",
        horizon: MaybeHorizon = None,
        clock: ClockName = "steps",
        last_epoch: Annotated[int, Whole(-1)] = -1,
        targets: Annotated[Mapping[str, Target | Sequence[Target]] | None, Maybe(named_targets)] = None,
        **hyperparameters: Any,
    ) -> None:
        settings = {"relative": relative, "feedback": feedback, "auto": auto, "on_change": on_change}
        more = {"horizon": horizon, "clock": clock, "last_epoch": last_epoch, "targets": targets}
        stored = apply_rules("Scheduler", Scheduler, {**settings, **more})
        given = given_schedules("Scheduler", lr, hyperparameters, horizon, clock)
        if not given:
            raise ArgumentError("Scheduler", "lr", "given if nothing else is scheduled", None)
        several = optimizer if isinstance(optimizer, list | tuple) else [optimizer]
        if not several or len(set(map(id, several))) < len(several):
            raise ArgumentError("Scheduler", "optimizer", "one optimizer or several different ones", optimizer)
        counted = Clock(clock, horizon, auto)
        self._on_change, self._horizon = on_change, horizon
        attachment = Attachment(tuple(updating(item, auto) for item in several), keep=not auto)
        if "lr" in given:
            for each in attachment.optimizers:
                refuse_own_rates(each)
        plan = GroupPlan.of(given, relative, feedback, attachment.groups(), horizon, stored["targets"] or {}, clock)
        super().__init__(attachment, plan, auto, counted, int(last_epoch) + 1)
        counted.warn_of_lengths(plan["lr"].schedules() if "lr" in given else {})
        self._attach()
        if "lr" in given and isinstance(rate := plan["lr"].as_given(), Schedule):
            warn_of_factors(rate, plan.plan.relative, self._groups.base_rates)

    def step(self, epoch: None = None) -> None:  # type: ignore[override]
        """Move on by one update and write the rates of the next; does nothing under `auto=True` or while paused.

        Raises:
            StepError: a schedule gives a rate there that is negative or not finite; nothing has moved then.
            DriverError: another scheduler has taken over.
        """
        if epoch is not None:
            advice = "give a metric to observe(), a position to seek()"
            raise ArgumentError("Scheduler.step", "epoch", "left out", epoch, advice)
        position = self._position + 1
        if self._quick is not None and position <= self._expected and self._quick(position):
            self._position = position
        else:
            self._step_with_care()

    def _step_with_care(self) -> None:
        self._refuse_if_stopped()
        if self._auto:
            self._count.look_for_uncounted(p for group in self._attachment.groups() for p in group["params"])
        if self._auto or self._pauses:
            return
        if self._clock.name != "steps":
            n = "" if self._clock.name == "seconds" else "n"
            raise DriverError(f"this scheduler counts {self._clock.name}", f"call advance({n}) after each update")
        if self._unstepped:
            self._unstepped = False
            caution(
                "scheduler.step() came before the first optimizer.step(), so the value of step 0 is skipped; call it "
                "after each update"
            )
        self._write(self._position + 1)

    def advance(self, n: float | None = None) -> None:
        """Move on by n steps, samples, tokens or seconds, whichever the clock counts, after an update.

        On a clock of seconds, n may be fractional. If it is left out, it is the time since the last call; or, if that
        is later, since the scheduler was made, loaded a state or was paused. Under `auto=True` the updates move the
        position, so it raises DriverError.
        """
        if self._auto:
            raise DriverError("under auto=True the optimizer's updates move the position", "use seek() to move it")
        if not self._pauses:
            self._write(self._position + self._clock.passed(n))

    def observe(self, metric: float) -> bool:
        """Pass a metric to the feedback and write the rates at once; True if a rate has changed.

        In several processes, reduce the metric first, as each must pass the same value. ArgumentError if there is no
        feedback or it refuses the metric; StepError if the rate would overflow.
        """
        if self._groups.feedback is None:
            raise ArgumentError("Scheduler", "feedback", "given for observe()", None, "write feedback=Plateau()")
        self._refresh()
        multiplier = as_number("the feedback's multiplier", "", self._groups.feedback.observe(metric))
        Number(least=0.0)("the feedback's multiplier", "", multiplier)
        return self._change(partial(self._groups.apply_feedback, multiplier, self._position), self._position)

    def replan(self, lr: Any = None, **hyperparameters: Any) -> dict[str, Schedule]:
        """From here on, follow new schedules, each on its own clock; return the plan before and after, for a plot.

        The schedule of each given hyperparameter becomes `old.head(position) >> new`. If the plan has a list or a
        mapping, so must the new one. To continue with a longer version of the same plan, give `new.tail(position)`.
        The state holds the new plan; a program that begins with the old plan takes it over when it loads the state.

            plot_schedules(scheduler.replan(Linear(0.3, 0.0, 500)))

        Raises:
            ArgumentError: a hyperparameter is not scheduled, or has another form. Nothing has changed then.
        """
        plan, clock = self._groups.plan, self._clock.name
        given = given_schedules("replan", lr, hyperparameters, self._horizon, clock)
        if isinstance(given, Plan) and given.relative not in (None, plan.relative):
            raise ArgumentError("replan", "lr", f"a Plan with relative={plan.relative} or without it", given)
        new = Plan.of("replan", given, None, self._horizon, clock).assignments
        at, groups = math.ceil(self._position), self._attachment.groups()
        return self._follow({key: replanned(plan[key], at, as_tuple(each, groups)) for key, each in new.items()})

    @checked
    def cool_down(self, steps: Steps, end: NonNegative = 0.0, shape: AnyShape = "linear") -> dict[str, Schedule]:
        """From here on, bring the schedule of every rate down to `end` in `steps` steps.

        It returns the plan before and after, as `replan` does. `end` is in the plan's own units: a factor if the plan
        is relative. A plateau multiplies it too. ArgumentError if no rate is scheduled or an argument is out of its
        range.
        """
        at = math.ceil(self._position)
        return self._follow({"lr": self._groups.plan["lr"].changed(lambda rate: rate.cooldown(at, steps, end, shape))})

    @property
    def plan(self) -> Plan:
        """What the scheduler follows now, as one value."""
        return self._groups.plan.plan

    @property
    def schedules(self) -> dict[str, Schedule]:
        """The plan's schedules by name, as `plot_schedules` takes them: {"lr": ..., "weight_decay": ...}."""
        return self.plan.schedules

    @property
    def feedback(self) -> Feedback | None:
        """The feedback, which turns the metrics of `observe` into a multiplier; None if there is none."""
        return self._groups.feedback

    def values(self) -> dict[str, float]:
        """What the next update uses, by name, for a logger: {"lr": 0.1}, or {"lr/head": 0.1, ...} for several groups.

        A group is identified by its name if it has one, otherwise by its index. Groups of the same name get both:
        "lr/head#2". An item of a tuple is "betas[0]".
        """
        self._refresh()
        return self._groups.values()

    def get_lr(self) -> list[float]:  # type: ignore[override]
        """The rate of each group at the position, as planned; `get_last_lr` gives what is in the groups."""
        if self._stopped is not None:
            return self.get_last_lr()
        self._refresh()
        return [
            now
            if (planned := self._groups.planned_rate(record, self._position)) is None
            else planned * record.multiplier
            for record, now in zip(self._groups.records, self.get_last_lr(), strict=True)
        ]

    def __repr__(self) -> str:
        return f"Scheduler({self._groups.plan}, position={self._position})"

    def state_dict(self) -> dict[str, Any]:
        """Position, base rates, plan and feedback, as JSON values."""
        self._refresh()
        counted = {"clock": self._clock.name, "position": self._position, "idle": sorted(self._count.idle)}
        return {"version": VERSION, "kind": KIND, **counted, **self._groups.state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where a saved scheduler stood, and write the rates there.

        You may load it before or after the optimizer's state. Under `on_change="keep"` the state of one of PyTorch's
        schedulers gives its position.

        Raises:
            StateError: it is not a state of this kind and version, is cut short, does not fit the optimizer, or has
                another plan and `on_change` is "refuse". Scheduler and optimizer are then as they were.
        """
        self._refresh()
        groups, position = self._groups, pytorch_position(state)
        if position is not None and self._on_change == "keep" and self._clock.name == "steps":
            self._change(lambda: None, position)
        else:
            saved = validated(state, self._clock.name, len(groups.records))
            now = self._attachment.groups()
            plan = plan_to_follow(saved, groups.plan, groups.began_with, self._on_change, now)
            bases = bases_to_follow(saved, plan, groups.base_rates, self._on_change)
            self._change(partial(groups.load, plan, bases, saved["feedback"]), saved["position"])
            self._count.resume(saved["idle"], updated=saved["position"] > 0)
        self._unstepped = False  # another process made the updates before
        self._restored = True
        self._quick = None
        self._clock.restart()
        self._count.begin()

    def _follow(self, new: dict[str, Assignment]) -> dict[str, Schedule]:
        """Follow these assignments in place of those of the same hyperparameters; return both, by name."""
        old = self._groups.plan.assignments
        plan = self._groups.plan.following(new)
        self._change(partial(setattr, self._groups, "plan", plan), self._position)
        return {
            f"{name} {when}": schedule
            for key in new
            for when, assignment in (("before", old[key]), ("after", new[key]))
            for name, schedule in assignment.schedules().items()
        }
