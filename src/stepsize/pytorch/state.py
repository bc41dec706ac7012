"""A scheduler's saved state, checked before anything is changed."""

import math
from dataclasses import dataclass
from typing import Any

from stepsize.arguments import LONGEST, shown
from stepsize.errors import StateError

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
