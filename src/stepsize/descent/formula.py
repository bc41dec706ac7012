"""A formula as text: read against an allow-list into a tree, evaluated on arrays, differentiated by SymPy.

Python's own parser reads the text; every node of what it reads must be known here, and nothing is passed to `eval`.
A tree is a number, the name of a variable, or a tuple of an operation and its operands.
"""

import ast
import math
import operator
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from stepsize.arguments import nearest
from stepsize.errors import ArgumentError, MissingExtraError, ParseError, quoted, shown

LONGEST, DEEPEST = 1_000, 100

OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Pow: "**",
    ast.USub: "neg",
    ast.UAdd: "pos",
}
FUNCTIONS = ("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "exp", "log", "sqrt", "abs")
CONSTANTS = {"pi": math.pi, "e": math.e}
_SIGNS: dict[str, Callable[..., Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
    "neg": operator.neg,
    "pos": operator.pos,
}
_ON_ARRAYS: dict[str, Callable[..., Any]] = {
    **_SIGNS,
    "/": np.divide,  # where Python's own numbers would raise an error, these are infinite or NaN
    "**": np.power,
    **{name: getattr(np, name) for name in FUNCTIONS},
}
_LETTERS = ("x", "y", "z")
_NUMBERED = re.compile(r"x([1-9]\d?)")
_STRANGE = re.compile(r"[^A-Za-z0-9_.,+\-*/() \t\r\n]")
_FACTORS = re.compile(r"(?<![\w.])\d+\.?\d*\s*(?![eE][+-]?\d)(?=[A-Za-z_(])|\)\s*(?=[\w(])")
_MEANT = {"^": "; a power is written **", "\u00b2": "; a square is written **2", "\u03c0": "; write pi"}

Tree = float | str | tuple[Any, ...]


@dataclass(frozen=True)
class Formula:
    """A formula that was read: its text, its tree, and the names of its coordinates in order."""

    text: str
    tree: Tree
    variables: tuple[str, ...]

    def __call__(self, *coordinates: ArrayLike) -> Any:
        """The value where each coordinate is a number or an array."""
        return _evaluated(self.tree, dict(zip(self.variables, coordinates, strict=True)), _ON_ARRAYS)

    def partials(self) -> "Gradient":
        """The partial derivatives as one function of the coordinates.

        Raises:
            MissingExtraError: SymPy is not installed.
            ArgumentError: the formula has no derivative in real numbers anywhere.
        """
        try:
            import sympy
        except ModuleNotFoundError:
            raise MissingExtraError.naming("SymPy", "descent") from None
        symbols = sympy.symbols(self.variables, real=True)
        names = dict(zip(self.variables, symbols, strict=True))
        known: dict[str, Callable[..., Any]] = {name: getattr(sympy, name) for name in FUNCTIONS if name != "abs"}
        # Floats have a precision, so that no power of numbers becomes an integer of a million digits.
        known |= _SIGNS | {"abs": sympy.Abs, "**": lambda a, b: a ** _whole(b, sympy.Integer)}
        whole = _evaluated(self.tree, names, known, lambda number: sympy.Float(number, 17))
        partials = [sympy.diff(whole, symbol) for symbol in symbols]
        if any(each.has(sympy.I, sympy.zoo, sympy.nan, sympy.oo) for each in (whole, *partials)):
            raise ArgumentError(f"{quoted(self.text)} has no gradient in real numbers")
        return Gradient(self, sympy.lambdify(symbols, partials, "numpy", cse=True))


@dataclass(frozen=True)
class Gradient:
    """The partial derivatives of a formula: as much a value as the formula is, and pickled as one."""

    formula: Formula
    compiled: Callable[..., list[Any]] = field(compare=False, repr=False)

    def __call__(self, *coordinates: ArrayLike) -> list[Any]:
        return self.compiled(*coordinates)

    def __reduce__(self) -> tuple[Any, ...]:
        return Formula.partials, (self.formula,)


def _whole(power: Any, integer: Callable[[int], Any]) -> Any:
    """A whole exponent as an integer, under which SymPy writes x where x**1.0 stood."""
    number = power.is_Float and abs(power) < 1_000_000 and power == int(power)
    return integer(int(power)) if number else power


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


def read_formula(text: str) -> Formula:
    """The formula of a text in Python's notation: numbers, `+ - * / **`, brackets, a few functions, pi and e.

    The coordinates are x, y and z, or x1, x2 and so on; there are as many as the last of them says.

    Raises:
        ParseError: the text is no formula; points at the place.
    """
    if not isinstance(text, str):
        raise ArgumentError(f"a formula is a text, got {shown(text)}")
    strange = _STRANGE.search(text)
    if strange:
        character = strange[0]
        meant = _MEANT.get(character, "")
        raise ParseError(f"{shown(character)} has no place in a formula{meant}", text, strange.start())
    if len(text) > LONGEST:
        raise ParseError(f"a formula has at most {LONGEST:,} characters, got {len(text):,}", text, LONGEST)
    flat = re.sub(r"\s", " ", text)
    reading = _Reading(text, len(flat) - len(flat.lstrip()))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Python thinks of 1if x else 2
            node = ast.parse(flat.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _not_read(text, error) from None
    tree = reading.tree(node, 0)
    return Formula(text.strip(), tree, reading.variables())


class _Reading:
    """From the nodes of Python's parser to a tree."""

    def __init__(self, text: str, start: int) -> None:
        self._text = text
        self._start = start
        self._seen: dict[str, int] = {}

    def tree(self, node: ast.expr, depth: int) -> Tree:
        """The tree of a node; what holds no variable is one number."""
        if depth > DEEPEST:
            raise self._error(f"a formula is nested at most {DEEPEST} deep (a + b + c is nested 2 deep)", node)
        match node:
            case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
                return self._number(lambda: float(value), node)
            case ast.Name(id=name):
                return self._name(name, node)
            case ast.UnaryOp(op=op, operand=operand) if type(op) in OPERATORS:
                return self._folded((OPERATORS[type(op)], self.tree(operand, depth + 1)), node)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
                operands = self.tree(left, depth + 1), self.tree(right, depth + 1)
                return self._folded((OPERATORS[type(op)], *operands), node)
            case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in FUNCTIONS:
                return self._folded((name, self.tree(argument, depth + 1)), node)
            case ast.Call(func=func):
                raise self._no_call(func)
        raise self._error("this has no place in a formula, which is made of numbers, + - * / **, and functions", node)

    def variables(self) -> tuple[str, ...]:
        """The names of all coordinates, up to the last that was seen."""
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

    def _name(self, name: str, node: ast.expr) -> Tree:
        if name in CONSTANTS:
            return CONSTANTS[name]
        if name not in _LETTERS and not _NUMBERED.fullmatch(name):
            if name in FUNCTIONS:
                raise self._error(f"{name} is a function; write {name}(x)", node)
            raise self._unknown(name, node)
        self._seen.setdefault(name, self._start + node.col_offset)
        return name

    def _folded(self, tree: tuple[Any, ...], node: ast.expr) -> Tree:
        operation, *operands = tree
        if not all(isinstance(operand, float) for operand in operands):
            return tree
        with np.errstate(all="ignore"):
            return self._number(lambda: float(_ON_ARRAYS[operation](*operands)), node)

    def _number(self, value: Callable[[], float], node: ast.expr) -> float:
        try:
            number = value()
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise self._error("this is no finite number", node)
        return number

    def _no_call(self, func: ast.expr) -> ParseError:
        if isinstance(func, ast.Name) and func.id in FUNCTIONS:
            return self._error(f"{func.id} takes one argument", func)
        if isinstance(func, ast.Name) and func.id not in _LETTERS and not _NUMBERED.fullmatch(func.id):
            return self._unknown(func.id, func)
        return self._error("this is no function; a product is written with *", func)

    def _unknown(self, name: str, node: ast.expr) -> ParseError:
        known = [*_LETTERS, *CONSTANTS, *FUNCTIONS]
        advice = nearest(name, FUNCTIONS) or f"known are {', '.join(known)}"
        return self._error(f"{quoted(name)} may not stand in a formula; {advice}", node)

    def _error(self, reason: str, node: ast.expr) -> ParseError:
        return ParseError(reason, self._text, self._start + node.col_offset)


def _not_read(text: str, error: Exception) -> ParseError:
    """What to say of a text that Python's parser does not read."""
    factors = _FACTORS.search(text)
    if factors:
        return ParseError("a product is written with *, as in 2*x", text, factors.end())
    offset = getattr(error, "offset", None)  # 0 where the text ends too early
    place = offset - 1 + len(text) - len(text.lstrip()) if offset else len(text.rstrip())
    if isinstance(error, SyntaxError) and text.strip():
        return ParseError("this is no formula such as 0.1*x**2 + 2*y**2", text, place)
    if text.strip():
        return ParseError("this formula cannot be read: a number is too long, or brackets too deep", text, 0)
    return ParseError("expected a formula such as 0.1*x**2 + 2*y**2, found nothing", text, 0)
