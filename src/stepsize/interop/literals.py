"""Literals in Python source, read without running it."""

import ast
import operator
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

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
