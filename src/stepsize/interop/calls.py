"""Literals and calls in Python source: read without running them, made, and written."""

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from stepsize.errors import ArgumentError

WIDTH = 88  # of the lines of source, as formatters have it
_ARITHMETIC: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
}


def literal(
    node: ast.expr,
    names: Mapping[str, Any] = MappingProxyType({}),
    call: Callable[[ast.Call], Any] | None = None,
) -> Any:
    """The value of a literal, a call of `dict`, one of the `names`, or arithmetic of numbers; `call` reads other calls.

    ValueError if only running it would tell, ArithmeticError if it divides by 0 or is too large.
    """

    def value(node: ast.expr) -> Any:
        match node:
            case ast.Constant(constant):
                return constant
            case ast.Name(name) if name in names:
                return names[name]
            case ast.List(items):
                return [value(each) for each in items]
            case ast.Tuple(items):
                return tuple(value(each) for each in items)
            case ast.Dict(keys, values) if None not in keys:
                return {value(key): value(each) for key, each in zip(keys, values, strict=True) if key}
            case ast.Call(ast.Name("dict"), [], keywords) if all(each.arg for each in keywords):
                return {each.arg: value(each.value) for each in keywords}
            case ast.Call() if call:
                return call(node)
            case ast.UnaryOp(ast.USub(), operand):
                return -number(operand)
            case ast.BinOp(left, sign, right) if type(sign) in _ARITHMETIC:
                return _ARITHMETIC[type(sign)](number(left), number(right))
        raise ValueError(f"{ast.unparse(node)} is computed")

    def number(node: ast.expr) -> Any:
        found = value(node)
        if not isinstance(found, int | float):
            raise ValueError(f"{ast.unparse(node)} is not a number")
        return found

    return value(node)


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
        module, _, path = self.name.partition(".")
        function = operator.attrgetter(path)(modules[module])
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
    if len(indent) + len(line) < WIDTH:
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
