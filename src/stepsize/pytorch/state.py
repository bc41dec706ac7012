"""The saved state of a scheduler: its form, its validation, and the plan to follow after loading."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from stepsize.arguments import LONGEST, Flag, Many, Number, Rule, Whole
from stepsize.errors import ArgumentError, StateError, StepsizeError, shown
from stepsize.pytorch.clock import position_rule
from stepsize.pytorch.group_plan import Group, GroupPlan
from stepsize.pytorch.warnings import caution

VERSION = 1
KIND = "stepsize.pytorch.Scheduler"
_RULES: dict[str, Rule] = {
    "base_lrs": Many(Number(least=0.0), empty=True),
    "replanned": Flag(),  # whether `plan` differs from `began_with`, the plan that the program gave
    "idle": Many(Whole(0), empty=True),  # the optimizers that had made no update yet
}
_NAMES = ("version", "clock", "plan", "began_with", "feedback", "position", *_RULES)


def validated(form: Any, clock: str, groups: int) -> dict[str, Any]:
    """A saved state, if a scheduler with this clock and number of groups can load it."""
    if pytorch_position(form) is not None:
        if clock != "steps":
            raise StateError(f"this is the state of a scheduler of PyTorch, which counts steps, not {clock}")
        keep = 'take its position with Scheduler(..., on_change="keep")'
        advice = f"{keep}; if it was stepped once for each epoch, give seek() the number of updates"
        raise StateError("this is the state of a scheduler of PyTorch, which has no plan", advice)
    if not isinstance(form, dict) or form.get("kind") != KIND:
        keys = f"a dictionary with the keys {sorted(map(str, form))[:8]}" if isinstance(form, dict) else shown(form)
        given = f"a state of {shown(form['kind'])}" if isinstance(form, dict) and "kind" in form else keys
        raise StateError(f"this is not a state of {KIND} but {given}", "load it into the object that made it")
    if form.get("version", VERSION) != VERSION:
        raise StateError(f"this stepsize reads version {VERSION} of the state, got {shown(form['version'])}")
    if missing := [name for name in _NAMES if name not in form]:
        raise StateError(f"the state is cut short: it lacks {', '.join(missing)}")
    if form["clock"] != clock:
        raise StateError(f"the state counts {shown(form['clock'])}, but this scheduler counts {clock}")
    for name, rule in {"position": position_rule(clock), **_RULES}.items():
        try:
            rule("", f"the state's {name}", form[name])
        except ArgumentError as error:
            raise StateError(str(error)) from None
    if len(form["base_lrs"]) != groups:
        there = f"{len(form['base_lrs'])} parameter groups"
        raise StateError(f"the state has {there}, but the optimizer has {groups}", "add or remove groups first")
    if not form["replanned"] and form["plan"] != form["began_with"]:
        raise StateError("the state's plan differs from the one that it began with, although it was never replanned")
    return form


def plan_to_follow(
    saved: dict[str, Any], plan: GroupPlan, began_with: GroupPlan, on_change: str, groups: Sequence[Group]
) -> GroupPlan:
    """The plan of the program, as it is or as it began, or the saved plan.

    If program and state began with the same plan, there is nothing to choose: the replanned one is followed.
    """
    unnamed, began_alike = _unnamed(saved["plan"]), saved["began_with"] == began_with.as_text()
    if saved["plan"] == plan.as_text() and not unnamed:
        return plan
    if began_alike and not saved["replanned"]:
        return began_with
    if on_change == "keep" and not began_alike:
        return plan
    if on_change == "keep" and unnamed:
        caution(
            "the saved plan was replanned with a function without a name, which no state can hold; this scheduler "
            f"continues with the plan that it began with, {began_with}"
        )
        return began_with
    if unnamed:
        advice = 'define it in a module as Function("package.module:name"), or keep this plan with on_change="keep"'
        raise StateError("the saved plan has a function without a name, which no state can hold", advice)
    if not began_alike and on_change == "refuse":
        what = f"the state was saved under another plan, {_words(saved['plan'])}, not under {plan}"
        advice = 'keep this one with Scheduler(..., on_change="keep"), or take the saved one with "restore"'
        raise StateError(what, advice)
    try:
        followed = replace(GroupPlan.from_text(saved["plan"]), targets=plan.targets)
        followed.check(groups)
        return followed
    except StepsizeError as error:
        raise StateError(f"the state's plan cannot be followed: {error}") from error


def bases_to_follow(saved: dict[str, Any], plan: GroupPlan, mine: list[float], on_change: str) -> list[float]:
    """The base rates that a relative plan multiplies: the saved ones or those of the program."""
    theirs = list(map(float, saved["base_lrs"]))
    if not plan.relative or all(map(partial(math.isclose, rel_tol=1e-6), mine, theirs)):
        return theirs  # equal up to the precision of a rate in a float32 tensor
    if on_change == "refuse":
        what = f"the state's schedules multiply the base rates {theirs}, but here the groups have {mine}"
        advice = 'keep these with Scheduler(..., on_change="keep"), or take the saved ones with "restore"'
        raise StateError(what, advice)
    return mine if on_change == "keep" else theirs


def _unnamed(form: Any) -> bool:
    if isinstance(form, dict):
        return any(_unnamed(item) for key, item in form.items() if key != "feedback")
    return any(map(_unnamed, form)) if isinstance(form, list) else form is None


def _words(form: Any) -> str:
    try:
        return str(GroupPlan.from_text(form))
    except StepsizeError:
        return shown(form, 200)


def pytorch_position(form: Any) -> int | None:
    """The number of steps in a state of one of PyTorch's schedulers; None for any other state."""
    if not isinstance(form, Mapping) or "kind" in form or "num_bad_epochs" in form:  # ReduceLROnPlateau has no steps
        return None
    if "last_epoch" not in form and isinstance(form.get("_schedulers"), list):  # a ChainedScheduler
        positions = {pytorch_position(part) for part in form["_schedulers"]}
        return positions.pop() if len(positions) == 1 else None
    position = form.get("last_epoch")
    if isinstance(position, bool) or not isinstance(position, int) or not 0 <= position <= LONGEST:
        return None
    return position
