"""What a scheduler saves, and which plan and position it follows once a state is loaded."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stepsize.arguments import LONGEST, shown
from stepsize.errors import StateError, StepsizeError
from stepsize.pytorch.plan import Group, Plan
from stepsize.pytorch.warnings import caution

VERSION = 1
KIND = "stepsize.pytorch.Scheduler"


@dataclass(frozen=True)
class SavedState:
    """What `Scheduler.state_dict` holds."""

    clock: str
    position: int
    base_lrs: tuple[float, ...]
    plan: dict[str, Any]
    began_with: dict[str, Any]
    """The plan that the program gave."""
    replanned: bool
    """Whether `plan` is another since."""
    feedback: dict[str, Any] | None

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it, with the version and the kind in front."""
        return {
            "version": VERSION,
            "kind": KIND,
            "clock": self.clock,
            "position": self.position,
            "base_lrs": list(self.base_lrs),
            "plan": self.plan,
            "began_with": self.began_with,
            "replanned": self.replanned,
            "feedback": self.feedback,
        }

    @classmethod
    def checked(cls, form: Any, clock: str, groups: int) -> "SavedState":
        """The state in a dictionary that `as_dict` made, for a scheduler of this clock and so many groups.

        Raises:
            StateError: it is of another kind, a newer version, another clock, other groups, or cut short.
        """
        if pytorch_position(form) is not None:
            raise StateError(
                "this is the state of a scheduler of PyTorch, without the plan that it followed; take its position "
                'with Scheduler(..., on_change="keep")'
            )
        if not isinstance(form, dict) or form.get("kind") != KIND:
            kind = shown(form.get("kind", sorted(map(str, form))[:8])) if isinstance(form, dict) else shown(form)
            raise StateError(f"this is no state of {KIND} but of {kind}; load it into the scheduler that made it")
        if "version" in form and form["version"] != VERSION:
            raise StateError(f"this stepsize reads version {VERSION} of the state, got {shown(form['version'])}")
        names = ("version", "clock", "position", "base_lrs", "plan", "began_with", "replanned", "feedback")
        missing = [name for name in names if name not in form]
        if missing:
            raise StateError(f"the state is cut short: it lacks {', '.join(missing)}")
        position, bases, plan = form["position"], form["base_lrs"], form["plan"]
        if isinstance(position, bool) or not isinstance(position, int) or not 0 <= position <= LONGEST:
            raise StateError(f"the state's position must be a whole number from 0 to 2**53, got {shown(position)}")
        if not isinstance(bases, list) or not all(isinstance(b, float | int) and 0.0 <= b < math.inf for b in bases):
            raise StateError(f"the state's base_lrs must be numbers from 0, got {shown(bases)}")
        if len(bases) != groups:
            raise StateError(f"the state is of {len(bases)} parameter groups, and the optimizer has {groups}")
        for name in ("plan", "began_with"):
            if not isinstance(form[name], dict):
                raise StateError(f"the state's {name} must be a dictionary, got {shown(form[name])}")
        if form["clock"] != clock:
            raise StateError(f"the state counts {shown(form['clock'])}, and this scheduler {clock}")
        if not isinstance(form["replanned"], bool):
            raise StateError(f"the state's replanned must be true or false, got {shown(form['replanned'])}")
        if not form["replanned"] and plan != form["began_with"]:
            raise StateError("the state's plan is not the one that it began with, though it was never replanned")
        return cls(
            clock, position, tuple(map(float, bases)), plan, form["began_with"], form["replanned"], form["feedback"]
        )


def plan_to_follow(saved: SavedState, plan: Plan, began_with: Plan, on_change: str, groups: Sequence[Group]) -> Plan:
    """The plan of the program, as it is or as it began, or the saved one.

    Where both began with the same plan there is nothing to choose: what it was replanned to since is followed.

    Raises:
        StateError: the saved plan is another and `on_change` is "refuse", or it cannot be followed here.
    """
    if saved.plan == plan.as_text() and not saved.replanned and plan == began_with:
        return plan
    began_alike = saved.began_with == began_with.as_text()
    if began_alike and not saved.replanned:
        return began_with
    if on_change == "keep" and not began_alike:
        return plan
    if on_change == "keep" and _unnamed(saved.plan):
        caution(
            "the plan was changed before the state was saved, which cannot be followed: it has a function without a "
            f"name; this one goes on as it began, {began_with}"
        )
        return began_with
    if _unnamed(saved.plan):
        raise StateError(
            "the saved plan has a function without a name, which no state can hold; write it in a module and name "
            'it, Function("package.module:name"), or go on with this plan by on_change="keep"'
        )
    if not began_alike and on_change == "refuse":
        raise StateError(
            f"the state was saved under another plan, {_words(saved.plan)}, and this one is {plan}; keep "
            'this one with Scheduler(..., on_change="keep"), or take the saved one with "restore"'
        )
    try:
        followed = Plan.from_text(saved.plan)
        followed.check(groups)
    except StepsizeError as error:
        raise StateError(f"the state's plan cannot be followed: {error}") from error
    return followed


def _unnamed(form: Any) -> bool:
    """Whether a plan's text has a place without one."""
    if isinstance(form, dict):
        return any(_unnamed(item) for key, item in form.items() if key != "feedback")
    return any(map(_unnamed, form)) if isinstance(form, list) else form is None


def _words(form: Any) -> str:
    """A saved plan as its writer would have written it, or as it is if it cannot be read."""
    try:
        return str(Plan.from_text(form))
    except StepsizeError:
        return shown(form, 200)


def pytorch_position(form: Any) -> int | None:
    """The number of steps in a state of one of PyTorch's schedulers; None for any other state.

    ReduceLROnPlateau counts observations, not steps, and so gives none.
    """
    if not isinstance(form, Mapping) or "kind" in form or "num_bad_epochs" in form:
        return None
    if "last_epoch" not in form and isinstance(form.get("_schedulers"), list):  # a ChainedScheduler
        positions = {pytorch_position(part) for part in form["_schedulers"]}
        return positions.pop() if len(positions) == 1 else None
    position = form.get("last_epoch")
    if isinstance(position, bool) or not isinstance(position, int) or not 0 <= position <= LONGEST:
        return None
    return position
