"""A formula as text: read against an allow-list into a tree, evaluated on arrays, differentiated by SymPy.

The grammar of schedules reads the text, every node of its tree must be known here, and nothing is evaluated as code.
A tree is a number, the name of a variable, or a tuple of an operation and its operands.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from stepsize.arguments import listed, nearest
from stepsize.errors import ArgumentError, MissingExtraError, ParseError, quoted, shown
from stepsize.schedules.grammar import Call, Infix, Literal, Negative, Node, Power, Reader

LONGEST, DEEPEST = 1_000, 100
FUNCTIONS = {
    **{name: getattr(np, name) for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "log", "sqrt", "abs")},
    **{"asin": np.arcsin, "acos": np.arccos, "atan": np.arctan},
}
# These also work on SymPy's expressions.
OPERATORS = {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "**": np.power, "negative": np.negative}
CONSTANTS = {"pi": math.pi, "e": math.e}
_LETTERS = ("x", "y", "z")
_VARIABLE = re.compile(r"[xyz]|x[1-9]\d?")
_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9_.,+\-*/() \t\r\n]")
_MISSING_STAR = re.compile(r"(?<![\w.])\d+\.?\d*\s*(?![eE][+-]?\d)(?=[A-Za-z_(])|\)\s*(?=[\w(])")
_MEANT = {"^": "; write a power with **", "\u00b2": "; write a square as **2", "\u03c0": "; write pi"}

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
        operations = OPERATORS | functions | {"abs": sympy.Abs, "**": power}
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
    try:
        node = Reader(text, "a number or a variable", "an operator (+, -, *, /, **) or the end").tree()
    except ParseError as error:
        raise _not_read(text, error) from None
    form = _Form(text)
    return Formula(text.strip(), form.tree(node), form.variables())


class _Form:
    """From the tree of the grammar to that of a formula."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._seen: dict[str, int] = {}

    def tree(self, node: Node, depth: int = 0) -> Tree:
        """The tree of a node; a part without a variable is one number."""
        if depth > DEEPEST:
            raise self._error(f"a formula may be nested {DEEPEST} deep (a + b + c is nested 2 deep)", node)
        match node:
            case Literal(kind="number"):
                return self._number(float(node.value), node)
            case Literal(str(name)) if name in CONSTANTS:
                return CONSTANTS[name]
            case Literal(str(name)) if _VARIABLE.fullmatch(name):
                self._seen.setdefault(name, node.position)
                return name
            case Literal(str(name)) if name in FUNCTIONS:
                raise self._error(f"{name} is a function; write {name}(x)", node)
            case Negative():
                return self._applied("negative", [self.tree(node.operand, depth + 1)], node)
            case Infix(operands, signs):
                tree = self.tree(operands[0], depth + len(signs))
                for sign, operand in zip(signs, operands[1:], strict=True):
                    tree = self._applied(sign, [tree, self.tree(operand, depth + 1)], node)
                return tree
            case Power(operands, signs):
                *bases, tree = [self.tree(operand, depth + len(signs)) for operand in operands]
                for base, sign in zip(reversed(bases), reversed(signs), strict=True):
                    exponent = self._applied("negative", [tree], node) if sign == "-" else tree
                    tree = self._applied("**", [base, exponent], node)
                return tree
            case Call(name, None, [argument]) if name in FUNCTIONS:
                return self._applied(name, [self.tree(argument, depth + 1)], node)
            case Call(name, None) if name in FUNCTIONS:
                raise self._error(f"{name} takes one argument", node)
            case Call(name, target) if target is not None or _VARIABLE.fullmatch(name):
                raise self._error("this is not a function; write a product with *", node)
            case Literal(str(name)) | Call(name, None):
                advice = nearest(name, FUNCTIONS) or listed([*_LETTERS, *CONSTANTS, *FUNCTIONS])
                raise self._error(f"{quoted(name)} is not allowed in a formula; {advice}", node)
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
        raise ParseError("a formula has a variable: x, y, z, or x1, x2, ...", self._text, 0)

    def _applied(self, operation: str, operands: list[Tree], node: Node) -> Tree:
        if not all(isinstance(operand, float) for operand in operands):
            return (operation, *operands)
        with np.errstate(all="ignore"):
            return self._number(float((OPERATORS | FUNCTIONS)[operation](*operands)), node)

    def _number(self, number: float, node: Node) -> float:
        if not math.isfinite(number):
            raise self._error("this is not a finite number", node)
        return number

    def _error(self, reason: str, node: Node) -> ParseError:
        return ParseError(reason, self._text, node.position)


def _not_read(text: str, error: ParseError) -> ParseError:
    missing = _MISSING_STAR.search(text)
    if not text.strip():
        return ParseError("expected a formula such as 0.1*x**2 + 2*y**2, found nothing", text, 0)
    if missing:
        return ParseError("write a product with *, as in 2*x", text, missing.end())
    reason = f"this is not a formula such as 0.1*x**2 + 2*y**2: {error.reason}"
    return ParseError(reason, text, error.position, error.advice)
