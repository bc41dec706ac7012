"""A formula as text: read against an allow-list into a tree, evaluated on arrays, differentiated by SymPy.

Python's parser reads the text, every node that it returns must be known here, and nothing is evaluated as code.
A tree is a number, the name of a variable, or a tuple of an operation and its operands.
"""

import ast
import math
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from stepsize.arguments import listed, nearest
from stepsize.errors import ArgumentError, MissingExtraError, ParseError, quoted, shown

LONGEST, DEEPEST = 1_000, 100
FUNCTIONS = {
    **{name: getattr(np, name) for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "log", "sqrt", "abs")},
    **{"asin": np.arcsin, "acos": np.arccos, "atan": np.arctan},
}
# By the names of the nodes of Python's parser. These also work on SymPy's expressions.
OPERATORS = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mult": np.multiply,
    "Div": np.divide,
    "Pow": np.power,
    "USub": np.negative,
    "UAdd": np.positive,
}
CONSTANTS = {"pi": math.pi, "e": math.e}
_LETTERS = ("x", "y", "z")
_VARIABLE = re.compile(r"[xyz]|x[1-9]\d?")
_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9_.,+\-*/() \t\r\n]")
_MISSING_STAR = re.compile(r"(?<![\w.])\d+\.?\d*\s*(?![eE][+-]?\d)(?=[A-Za-z_(])|\)\s*(?=[\w(])")
_MEANT = {"^": "; write a power with **", "\u00b2": "; write a square as **2", "\u03c0": "; write pi"}

# What Python's parser raises.
UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)
Tree = float | str | tuple[Any, ...]


@dataclass(frozen=True)
class Formula:
    """A formula: its text, its tree, and the names of its coordinates in order."""

    text: str
    tree: Tree
    variables: tuple[str, ...]

    def __call__(self, *coordinates: ArrayLike) -> Any:
        return _evaluated(self.tree, dict(zip(self.variables, coordinates, strict=True)), OPERATORS | FUNCTIONS)

    def partials(self) -> "Gradient":
        """The partial derivatives as one function of the coordinates."""
        try:
            import sympy
        except ModuleNotFoundError:
            raise MissingExtraError.naming("SymPy", "descent") from None

        def power(base: Any, exponent: Any) -> Any:
            # Under a whole exponent SymPy writes x in place of x**1.0.
            whole = exponent.is_Float and abs(exponent) < 1_000_000 and exponent == int(exponent)
            return base ** (sympy.Integer(int(exponent)) if whole else exponent)

        symbols = sympy.symbols(self.variables, real=True)
        functions = {name: getattr(sympy, name) for name in FUNCTIONS if name != "abs"}
        operations = OPERATORS | functions | {"abs": sympy.Abs, "Pow": power}
        # As floats of some precision, powers of numbers never become integers of a million digits.
        names = dict(zip(self.variables, symbols, strict=True))
        whole = _evaluated(self.tree, names, operations, lambda number: sympy.Float(number, 17))
        partials = [sympy.diff(whole, symbol) for symbol in symbols]
        if any(each.has(sympy.I, sympy.zoo, sympy.nan, sympy.oo) for each in (whole, *partials)):
            raise ArgumentError("a formula", "", "one with a gradient in real numbers", self.text)
        return Gradient(self, sympy.lambdify(symbols, partials, "numpy", cse=True))


@dataclass(frozen=True)
class Gradient:
    """The partial derivatives of a formula; equal if the formulas are, and pickled as the formula."""

    formula: Formula
    compiled: Callable[..., list[Any]] = field(compare=False, repr=False)

    def __call__(self, *coordinates: ArrayLike) -> list[Any]:
        return self.compiled(*coordinates)

    def __reduce__(self) -> tuple[Any, ...]:
        return Formula.partials, (self.formula,)


def _evaluated(
    tree: Tree,
    names: Mapping[str, Any],
    operations: Mapping[str, Callable[..., Any]],
    number: Callable[[float], Any] = float,
) -> Any:
    if isinstance(tree, float):
        return number(tree)
    if isinstance(tree, str):
        return names[tree]
    operation, *operands = tree
    return operations[operation](*(_evaluated(operand, names, operations, number) for operand in operands))


def expression(text: str) -> ast.expr:
    """The text as Python's parser reads it, as one line; raises one of UNREADABLE."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python warns of 1if x else 2
        return ast.parse(re.sub(r"\s", " ", text).strip(), mode="eval").body


def read_formula(text: str) -> Formula:
    """The formula of a text in Python's notation: numbers, `+ - * / **`, brackets, a few functions, pi and e.

    The coordinates are x, y and z, or x1, x2 and so on; the last one that the text has says how many there are.
    """
    found = _NOT_ALLOWED.search(text)
    if found:
        reason = f"{shown(found[0])} is not allowed in a formula{_MEANT.get(found[0], '')}"
        raise ParseError(reason, text, found.start())
    if len(text) > LONGEST:
        raise ParseError(f"a formula has at most {LONGEST:,} characters, got {len(text):,}", text, LONGEST)
    reader = _Reader(text, len(text) - len(text.lstrip()))
    try:
        node = expression(text)
    except UNREADABLE as error:
        raise _not_read(text, error) from None
    tree = reader.tree(node)
    return Formula(text.strip(), tree, reader.variables())


class _Reader:
    """From the nodes of Python's parser to a tree."""

    def __init__(self, text: str, start: int) -> None:
        self._text = text
        self._start = start
        self._seen: dict[str, int] = {}

    def tree(self, node: ast.expr, depth: int = 0) -> Tree:
        """The tree of a node; a part without a variable is one number."""
        if depth > DEEPEST:
            raise self._error(f"a formula may be nested {DEEPEST} deep (a + b + c is nested 2 deep)", node)
        match node:
            case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
                return self._number(lambda: float(value), node)
            case ast.Name(id=name) if name in CONSTANTS:
                return CONSTANTS[name]
            case ast.Name(id=name) if _VARIABLE.fullmatch(name):
                self._seen.setdefault(name, self._start + node.col_offset)
                return name
            case ast.Name(id=name) if name in FUNCTIONS:
                raise self._error(f"{name} is a function; write {name}(x)", node)
            case ast.UnaryOp(op=op, operand=operand) if type(op).__name__ in OPERATORS:
                return self._applied(type(op).__name__, [operand], node, depth)
            case ast.BinOp(left=left, op=op, right=right) if type(op).__name__ in OPERATORS:
                return self._applied(type(op).__name__, [left, right], node, depth)
            case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in FUNCTIONS:
                return self._applied(name, [argument], node, depth)
            case ast.Call(func=ast.Name(id=name)) if name in FUNCTIONS:
                raise self._error(f"{name} takes one argument", node)
            case ast.Name(id=name) | ast.Call(func=ast.Name(id=name)) if not _VARIABLE.fullmatch(name):
                advice = nearest(name, FUNCTIONS) or listed([*_LETTERS, *CONSTANTS, *FUNCTIONS])
                raise self._error(f"{quoted(name)} is not allowed in a formula; {advice}", node)
            case ast.Call(func=func):
                raise self._error("this is not a function; write a product with *", func)
        raise self._error("this is not allowed in a formula, which has numbers, + - * / ** and functions", node)

    def variables(self) -> tuple[str, ...]:
        """The names of all coordinates, up to the last that the formula has."""
        letters = [name for name in self._seen if name in _LETTERS]
        numbered = [name for name in self._seen if name not in _LETTERS]
        if letters and numbered:
            position = self._seen[numbered[0]]
            raise ParseError(f"write x, y, z or x1, x2, ..., not {letters[0]} and {numbered[0]}", self._text, position)
        if letters:
            return _LETTERS[: 1 + max(map(_LETTERS.index, letters))]
        if numbered:
            return tuple(f"x{i}" for i in range(1, 1 + max(int(name[1:]) for name in numbered)))
        raise ParseError("a formula has a variable: x, y, z, or x1, x2, ...", self._text, self._start)

    def _applied(self, operation: str, nodes: list[ast.expr], node: ast.expr, depth: int) -> Tree:
        operands = [self.tree(each, depth + 1) for each in nodes]
        if not all(isinstance(operand, float) for operand in operands):
            return (operation, *operands)
        with np.errstate(all="ignore"):
            return self._number(lambda: float((OPERATORS | FUNCTIONS)[operation](*operands)), node)

    def _number(self, value: Callable[[], float], node: ast.expr) -> float:
        try:
            number = value()
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise self._error("this is not a finite number", node)
        return number

    def _error(self, reason: str, node: ast.expr) -> ParseError:
        return ParseError(reason, self._text, self._start + node.col_offset)


def _not_read(text: str, error: Exception) -> ParseError:
    missing = _MISSING_STAR.search(text)
    if not text.strip():
        return ParseError("expected a formula such as 0.1*x**2 + 2*y**2, found nothing", text, 0)
    if missing:
        return ParseError("write a product with *, as in 2*x", text, missing.end())
    if not isinstance(error, SyntaxError):
        return ParseError("a number is too long, or brackets are nested too deep", text, 0)
    offset = error.offset  # 0 if the text ends too early
    place = offset - 1 + len(text) - len(text.lstrip()) if offset else len(text.rstrip())
    return ParseError("this is not a formula such as 0.1*x**2 + 2*y**2", text, place)
