"""A scheduler's saved state: PyTorch's fields by PyTorch's names, checked before anything is changed."""

import math
import numbers
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from stepsize.arguments import shown
from stepsize.errors import StateError

VERSION = 1


@dataclass(frozen=True)
class Saved:
    """What a state holds, found good."""

    fields: dict[str, Any]
    rates: list[float]
    """The rate of each group when it was saved."""
    changed: dict[str, Any]
    """Of the plan, the fields that are different here."""
    by_pytorch: bool
    """PyTorch's own class wrote it."""


def plain(value: Any) -> Any:
    """As it is written in a state: numbers, strings, lists and dictionaries."""
    if isinstance(value, Counter):
        return sorted(value.elements())
    if isinstance(value, Tensor):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, numbers.Real) and not isinstance(value, int | float):
        return float(value)
    return value


def checked(
    form: Any, kind: str, needed: Sequence[str], plan: dict[str, Any], own: Sequence[str], groups: int
) -> Saved:
    """The state in a dictionary, for a scheduler of this kind and plan; `own` are fields that PyTorch's class lacks.

    Raises:
        StateError: it is of another kind, a newer version, other groups, or cut short.
    """
    if not isinstance(form, dict):
        raise StateError(f"the state of a {kind} is a dictionary, got {shown(form)}")
    by_pytorch = "kind" not in form
    if not by_pytorch and form["kind"] != kind:
        raise StateError(f"this is no state of {kind} but of {shown(form['kind'])}; load it where it came from")
    if not by_pytorch and form.get("version") != VERSION:
        raise StateError(f"this stepsize reads version {VERSION} of the state, got {shown(form.get('version'))}")
    rates_name = "_last_lr" if by_pytorch else "rates"
    names = [name for name in (*needed, *plan) if not (by_pytorch and name in own)]
    missing = [name for name in (*names, rates_name) if name not in form]
    if missing:
        raise StateError(f"this is no state of {kind}, or it is cut short: it lacks {', '.join(missing)}")
    fields = {name: plain(form[name]) for name in names}
    rates = plain(form[rates_name])
    if not isinstance(rates, list) or not all(isinstance(rate, float) and math.isfinite(rate) for rate in rates):
        raise StateError(f"the state's rates must be finite numbers, got {shown(rates)}")
    if len(rates) != groups:
        raise StateError(f"the state is of {len(rates)} parameter groups, and the optimizer has {groups}")
    position = fields.get("last_epoch", 0)
    if isinstance(position, bool) or not isinstance(position, int | float) or not -1 <= position < math.inf:
        raise StateError(f"the state's last_epoch must be a number from -1, got {shown(position)}")
    changed = {name: fields[name] for name in plan if name in fields and not _same(fields[name], plain(plan[name]))}
    return Saved(fields, rates, changed, by_pytorch)


def refuse_change(kind: str, saved: dict[str, Any], plan: dict[str, Any]) -> StateError:
    """The error for a state of another plan."""
    before = ", ".join(f"{name}={shown(value)}" for name, value in saved.items())
    here = ", ".join(f"{name}={shown(plain(plan[name]))}" for name in saved)
    return StateError(
        f"the state was saved with {before}, and this {kind} has {here}; keep these with "
        f'{kind}(..., on_change="keep"), or take the saved ones with "restore"'
    )


def _same(one: Any, other: Any) -> bool:
    """Equal; numbers to within what a rate loses in a tensor of single precision."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=1e-6)
    return bool(one == other)
