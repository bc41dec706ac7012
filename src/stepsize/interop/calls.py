"""Calls of another tool's functions as data: read from source, made, and written as source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

WIDTH = 88  # of the lines of source, as formatters have it


@dataclass(frozen=True)
class Call:
    """A call such as `optax.linear_schedule(0.0, 0.3, 500)`.

    Its arguments are literals, calls, or lists and mappings of these. `str(call)` is its source, broken into lines as a formatter does it.

    Example:
        >>> call = Call("optax.linear_schedule", (0.0, 0.3), {"transition_steps": 500})
        >>> print(call)
        optax.linear_schedule(0.0, 0.3, transition_steps=500)
    """

    name: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return _source(self, "", "")

    def made(self, **modules: Any) -> Any:
        """What the call returns, with the modules by the names that calls have them under."""
        module, *names = self.name.split(".")
        function = modules[module]
        for name in names:
            function = getattr(function, name)
        args = [_made(each, modules) for each in self.args]
        return function(*args, **{name: _made(each, modules) for name, each in self.kwargs.items()})


def _made(value: Any, modules: Mapping[str, Any]) -> Any:
    if isinstance(value, Call):
        return value.made(**modules)
    return [_made(each, modules) for each in value] if isinstance(value, list) else value


def _source(value: Any, indent: str, label: str) -> str:
    """The source of a value, on lines of its own if it does not fit; `label` stands before it: `alpha=`."""
    match value:
        case Call():
            items = [("", each) for each in value.args] + [(f"{name}=", each) for name, each in value.kwargs.items()]
            return _enclosed(f"{label}{value.name}(", items, ")", indent)
        case Mapping():
            return _enclosed(f"{label}{{", [(f"{key!r}: ", each) for key, each in value.items()], "}", indent)
        case list():
            return _enclosed(f"{label}[", [("", each) for each in value], "]", indent)
    return f"{label}{value!r}"


def _enclosed(start: str, items: Sequence[tuple[str, Any]], end: str, indent: str) -> str:
    line = start + ", ".join(_source(value, "", label) for label, value in items) + end
    if "\n" not in line and len(indent) + len(line) < WIDTH:
        return line
    inner = indent + "    "
    return "\n".join([start, *(f"{inner}{_source(value, inner, label)}," for label, value in items), f"{indent}{end}"])
