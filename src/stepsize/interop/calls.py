"""Calls of another tool's functions as data: read from source, made, and written as source."""

import ast
import inspect
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stepsize.errors import ArgumentError

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


def read_call(owner: str, text: str) -> Call:
    """The call that a text is: a function with literals, calls, lists, mappings and arithmetic of these.

    Raises:
        ArgumentError: the text is something else; names in it are not looked up, and nothing is run.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        call = _value(tree)
    except (SyntaxError, ValueError, ArithmeticError, RecursionError, MemoryError):
        call = None
    if not isinstance(call, Call):
        rule = "a call written with numbers, such as cosine_decay_schedule(0.3, 1000)"
        raise ArgumentError(owner, "config", rule, text)
    return call


_ARITHMETIC = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
}


def _value(node: ast.expr) -> Any:
    match node:
        case ast.BinOp(left, sign, right) if type(sign) in _ARITHMETIC:
            return _ARITHMETIC[type(sign)](_number(left), _number(right))
        case ast.Call(ast.Name("dict"), [], keywords):
            return {each.arg: _value(each.value) for each in keywords}
        case ast.Call(func, args, keywords) if not any(each.arg is None for each in keywords):
            return Call(ast.unparse(func), tuple(map(_value, args)), {str(k.arg): _value(k.value) for k in keywords})
        case ast.List(items) | ast.Tuple(items):
            return [_value(each) for each in items]
        case ast.Dict(keys, values) if all(keys):
            return {_value(key): _value(value) for key, value in zip(keys, values, strict=True) if key}
    return ast.literal_eval(node)


def _number(node: ast.expr) -> float:
    value = _value(node)
    if not isinstance(value, int | float):
        raise ValueError
    return value


def settings_of_call(owner: str, call: Call, function: Callable[..., Any]) -> dict[str, Any]:
    """The arguments of a call by name; those without a name are the first parameters of `function`.

    Raises:
        ArgumentError: there are more of them than parameters, or one is given twice.
    """
    names = [each.name for each in inspect.signature(function).parameters.values() if each.kind is each.KEYWORD_ONLY]
    if len(call.args) > len(names):
        raise ArgumentError(owner, "", f"called with at most {len(names)} arguments", len(call.args))
    first = dict(zip(names, call.args, strict=False))
    for name in first.keys() & call.kwargs.keys():
        raise ArgumentError(owner, name, "given once", call.kwargs[name])
    return {**first, **call.kwargs}
