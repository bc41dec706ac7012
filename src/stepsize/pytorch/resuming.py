"""Which plan a scheduler follows once a state of another plan was loaded."""

from collections.abc import Sequence
from typing import Any

from stepsize.arguments import shown
from stepsize.errors import StateError, StepsizeError
from stepsize.pytorch.cautions import caution
from stepsize.pytorch.group_values import Group
from stepsize.pytorch.plan import Plan
from stepsize.pytorch.state import SavedState


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
