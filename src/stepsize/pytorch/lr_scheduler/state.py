"""A scheduler's saved state: PyTorch's fields by PyTorch's names, checked before anything is changed."""

import math
import numbers
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from stepsize.arguments import Number, Rule, Whole, refusal, shown
from stepsize.errors import ArgumentError, StateError

VERSION = 1

RULES: Mapping[str, Rule] = {
    "_step_count": Whole(0),
    "T_cur": Number(least=-1.0),
    "T_i": Whole(1),
    "best": Number(infinite=True),
    "cooldown_counter": Number(),
    "num_bad_epochs": Whole(0),
}
"""What the fields of a position may be."""


_IN_GROUPS = ("base_lrs", "initial_lr", "max_lr", "min_lr", "swa_lr", "max_momentum", "base_momentum")


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


@dataclass(frozen=True)
class Each:
    """A list with an item for each of these rules."""

    rules: Sequence[Rule]

    def __call__(self, owner: str, name: str, value: Any) -> list[Any]:
        if not isinstance(value, list) or len(value) != len(self.rules):
            raise refusal(owner, name, f"a list of {len(self.rules)}", value)
        return [rule(owner, f"{name}[{index}]", value[index]) for index, rule in enumerate(self.rules)]


@dataclass(frozen=True)
class FieldsOf:
    """What an object holds, by name, or None; only None for a plain function, which holds nothing."""

    function: Any

    def __call__(self, owner: str, name: str, value: Any) -> dict[str, Any] | None:
        if not value and isinstance(value, dict | None):
            return value
        if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
            raise refusal(owner, name, "a dictionary of fields, or None", value)
        if not hasattr(self.function, "__dict__"):
            raise refusal(owner, name, f"None, {shown(self.function)} having no fields", value)
        return value


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
    form: Any, kind: str, position: Mapping[str, Rule], plan: dict[str, Any], own: Sequence[str], lowest: float
) -> Saved:
    """The state in a dictionary, for a scheduler of this kind and plan; `own` are fields that PyTorch's class lacks.

    No rate of ours is below `lowest`; PyTorch's own may go below 0 past their end.

    Raises:
        StateError: it is of another kind or a newer version, is cut short, or holds what is of the wrong type.
    """
    if not isinstance(form, dict):
        raise StateError(f"the state of a {kind} is a dictionary, got {shown(form)}")
    by_pytorch = "kind" not in form
    if not by_pytorch and form["kind"] != kind:
        raise StateError(f"this is no state of {kind} but of {shown(form['kind'])}; load it where it came from")
    if not by_pytorch and form.get("version") != VERSION:
        raise StateError(f"this stepsize reads version {VERSION} of the state, got {shown(form.get('version'))}")
    rates_name = "_last_lr" if by_pytorch else "rates"
    names = [name for name in (*position, *plan) if not (by_pytorch and name in own)]
    missing = [name for name in (*names, rates_name) if name not in form]
    if missing:
        raise StateError(f"this is no state of {kind}, or it is cut short: it lacks {', '.join(missing)}")
    fields = {name: plain(form[name]) for name in names}
    rates = plain(form[rates_name])
    if (
        not isinstance(rates, list)
        or not all(type(rate) in (float, int) and math.isfinite(rate) for rate in rates)
        or (not by_pytorch and min(rates, default=lowest) < lowest)
    ):
        raise StateError(f"the state's rates must be finite numbers from 0, got {shown(rates)}")
    rates = [float(rate) for rate in rates]
    for name in names:
        try:
            if name in position:
                ruled = position[name]("the state", name, fields[name])
                fields[name] = fields[name] if isinstance(fields[name], int) else ruled
            elif not _alike(fields[name], plain(plan[name])):
                raise refusal("the state", name, f"of the kind of {shown(plain(plan[name]))}", fields[name])
        except ArgumentError as error:
            raise StateError(f"this is no state of {kind}: {error}") from None
    changed = {
        name: fields[name] for name in plan if name in fields and not _same(name, fields[name], plain(plan[name]))
    }
    return Saved(fields, rates, changed, by_pytorch)


def of_state(rule: Rule, name: str, value: Any) -> Any:
    """A field of a state under a rule, or StateError."""
    try:
        return rule("the state", name, value)
    except ArgumentError as error:
        raise StateError(str(error)) from None


def check_groups(saved: Saved, groups: int) -> None:
    """Raise StateError where the state is of another number of groups."""
    if len(saved.rates) != groups:
        raise StateError(f"the state is of {len(saved.rates)} parameter groups, and the optimizer has {groups}")


def refuse_change(kind: str, saved: dict[str, Any], here: dict[str, Any]) -> StateError:
    """The error for a state of another plan; both in the words of the constructor."""
    names = [name for name in here if not _same(name, saved[name], here[name])]
    then = ", ".join(f"{name}={shown(saved[name])}" for name in names)
    now = ", ".join(f"{name}={shown(here[name])}" for name in names)
    return StateError(
        f"the state was saved with {then}, and this {kind} has {now}; keep these with "
        f'{kind}(..., on_change="keep"), or take the saved ones with "restore"'
    )


def _alike(one: Any, other: Any) -> bool:
    """Of the same type, so that one may stand where the other does."""
    if isinstance(one, list) and isinstance(other, list):
        return all(_alike(item, other[0]) for item in one) if other else True
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(one[key], other[key]) for key in one)
    if isinstance(one, int | float) and isinstance(other, int | float):
        return isinstance(one, bool) == isinstance(other, bool)
    return type(one) is type(other)


def _same(name: str, one: Any, other: Any) -> bool:
    """Equal; rates that lay in groups to within what one loses in a tensor of single precision."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(_same(name, *pair) for pair in zip(one, other, strict=True))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(key, one[key], other[key]) for key in one)
    if name in _IN_GROUPS and isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-6)
    return bool(one == other)
