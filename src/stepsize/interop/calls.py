"""Calls of another tool's functions as data: read from source, made, and written as source."""

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stepsize.errors import ArgumentError
from stepsize.interop.config import settings_for
from stepsize.interop.literals import literal

WIDTH = 88  # of the lines of source, as formatters have it


@dataclass(frozen=True)
class Call:
    """A call such as `optax.linear_schedule(0.0, 0.3, 500)`.

    Its arguments are literals, calls, or lists and mappings of these. `str(call)` is its source, broken into lines as
    a formatter does it.

    Example:
        >>> call = Call("optax.linear_schedule", (0.0, 0.3), {"transition_steps": 500})
        >>> print(call)
        optax.linear_schedule(0.0, 0.3, transition_steps=500)
    """

    name: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return source_of(self)

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


def source_of(value: Any, indent: str = "", label: str = "") -> str:
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
    line = start + ", ".join(source_of(value, "", label) for label, value in items) + end
    if "\n" not in line and len(indent) + len(line) < WIDTH:
        return line
    inner = indent + "    "
    return "\n".join(
        [start, *(f"{inner}{source_of(value, inner, label)}," for label, value in items), f"{indent}{end}"]
    )


def read_call(owner: str, text: str) -> Call:
    """The call that a text is, with literals, calls, lists, mappings and arithmetic of these; nothing is run."""
    try:
        call = literal(ast.parse(str(text).strip(), mode="eval").body, call=_call)
    except (SyntaxError, ValueError, TypeError, ArithmeticError, RecursionError, MemoryError):
        call = None
    if not isinstance(call, Call):
        rule = "a call written with numbers, such as cosine_decay_schedule(0.3, 1000)"
        raise ArgumentError(owner, "config", rule, text)
    return call


def _call(node: ast.Call) -> Call:
    if any(each.arg is None for each in node.keywords):
        raise ValueError(f"{ast.unparse(node)} unpacks its arguments")
    args = tuple(literal(each, call=_call) for each in node.args)
    return Call(
        ast.unparse(node.func), args, {str(each.arg): literal(each.value, call=_call) for each in node.keywords}
    )


def settings_of_call(owner: str, call: Call, function: Callable[..., Any]) -> dict[str, Any]:
    """The arguments of a call by name; those without a name are the first parameters of `function`."""
    names = [each.name for each in settings_for(function)]
    if len(call.args) > len(names):
        raise ArgumentError(owner, "", f"called with at most {len(names)} arguments", len(call.args))
    first = dict(zip(names, call.args, strict=False))
    for name in first.keys() & call.kwargs.keys():
        raise ArgumentError(owner, name, "given once", call.kwargs[name])
    return {**first, **call.kwargs}
