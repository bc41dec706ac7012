"""The grammar of schedules as text, and its reader: from characters to a tree.

    chain     = sum { ">>" sum }
    sum       = product { ( "+" | "-" ) product }
    product   = signed { ( "*" | "/" ) signed }
    signed    = { "+" | "-" } call [ "**" signed ]
    call      = atom { "." name arguments }
    atom      = number | string | name [ arguments ] | "(" chain ")" | items | named
    items     = "(" [ chain "," { chain "," } [ chain ] ] ")"  |  "[" [ chain { "," chain } [ "," ] ] "]"
    named     = "{" [ string ":" chain { "," string ":" chain } [ "," ] ] "}"
    arguments = "(" [ argument { "," argument } [ "," ] ] ")"
    argument  = [ name "=" ] chain

The operators have Python's precedence. Text is ASCII. The length of a text is not limited, the depth of its brackets
is. Nothing is evaluated here: see `text` for the meaning of a tree.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from stepsize.arguments import LONGEST
from stepsize.errors import ParseError
from stepsize.horizon import UNIT
from stepsize.schedules.base import MAX_DEPTH

# The operators that group from the left, from the loosest to the tightest.
_LEVELS = ((">>",), ("+", "-"), ("*", "/"))

_TOKEN = r"""[ \t\r\n]*(?:
    (?P<number>(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d+)?)
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<string>"[^"\\\r\n]*"|'[^'\\\r\n]*')
  | (?P<sign>>>|\*\*|[-+*/(),=.:\[\]{}])
  | (?P<end>\Z)
  | (?P<strange>.)
)"""
OPERAND = "a schedule or a number"
MORE = "an operator (>>, +, -, *, /, **), a .method() or the end"
_SIGNS = frozenset(sign for level in _LEVELS for sign in level)
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_MAX_BRACKETS = MAX_DEPTH + 8

# What editors, web pages and Chinese keyboards put in place of ASCII, except for the full-width forms.
_PASTED = {
    "-": "\u2010\u2011\u2012\u2013\u2014\u2212",
    '"': "\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb\u300c\u300d",
    ",": "\u3001\u3002",
    " ": "\u00a0\u3000",
    "*": "\u00d7",
    ">>": "\u226b",
}

_DECIMAL_COMMA = re.compile(r"(?<![\w.,])(\d+),(\d+)(?![\w.]|,\S)")


def decimal_comma(text: str) -> str:
    """Advice if a text that cannot be read has a number such as 0,2; else nothing."""
    found = _DECIMAL_COMMA.search(text)
    return f"a number has a decimal point: write {found[1]}.{found[2]}" if found else ""


class Literal(NamedTuple):
    """A number, a string or a name without arguments, such as inf."""

    value: float | str
    kind: str
    position: int


class Items(NamedTuple):
    """A tuple or list."""

    items: "tuple[Node, ...]"
    bracket: str
    position: int


class Named(NamedTuple):
    """A mapping of names to values, `{"head": 0.1}`, which only a Plan has."""

    items: "tuple[tuple[str, Node], ...]"
    position: int


class Call(NamedTuple):
    """`name(...)` or, with a target, `target.name(...)`."""

    name: str
    target: "Node | None"
    arguments: "tuple[Node, ...]"
    keywords: "tuple[tuple[str, Node], ...]"
    position: int


class Negative(NamedTuple):
    """`-operand`."""

    operand: "Node"
    position: int


class Power(NamedTuple):
    """`operand ** exponent ** ...`, from the right; the sign of an exponent applies to the power that it begins."""

    operands: "tuple[Node, ...]"
    signs: tuple[str, ...]
    position: int


class Infix(NamedTuple):
    """Operands joined by operators of one level; there is one sign fewer than operands."""

    operands: "tuple[Node, ...]"
    signs: tuple[str, ...]
    position: int


Node = Literal | Items | Named | Call | Negative | Power | Infix


class Reader:
    """Reads one text; `tree()` is the whole of it. There is one method for each rule of the grammar.

    Errors say that the text lacks an `operand` or `more`, by default in the words of schedules.
    """

    def __init__(self, text: str, operand: str = OPERAND, more: str = MORE) -> None:
        self.text = text
        self._operand, self._more = operand, more
        self._brackets = 0
        self._tokens = re.finditer(_TOKEN, text, re.VERBOSE | re.ASCII | re.DOTALL)
        self._advance()

    def tree(self) -> Node:
        node = self._chain()
        if self._kind != "end":
            raise self._unexpected(self._more)
        return node

    def error(self, reason: str, position: int, advice: str = "", /, **settings: object) -> ParseError:
        """An error that points at `position`."""
        return ParseError(reason, self.text, position, advice, **settings)

    def _chain(self) -> Node:
        # All levels of operators are read in one loop: a call per level would triple the depth of Python's stack.
        operands, signs = [self._signed()], list[str]()
        while self._kind in _SIGNS:
            signs.append(self._take())
            operands.append(self._signed())
        return _grouped(operands, signs) if signs else operands[0]

    def _signed(self) -> Node:
        position, sign = self._position, self._sign()
        operands, signs = [self._call()], list[str]()
        while self._kind == "**":
            self._advance()
            signs.append(self._sign())
            operands.append(self._call())
        node = Power(tuple(operands), tuple(signs), operands[0].position) if signs else operands[0]
        return Negative(node, position) if sign == "-" else node

    def _sign(self) -> str:
        """One sign for all of those here."""
        negative = False
        while self._kind in ("+", "-"):
            negative ^= self._take() == "-"
        return "-" if negative else "+"

    def _call(self) -> Node:
        node, methods = self._atom(), 0
        while self._kind == ".":
            self._advance()
            if self._kind != "name":
                raise self._unexpected("the name of a method")
            methods += 1
            if methods > _MAX_BRACKETS:
                raise self.error(f"more than {MAX_DEPTH} methods on one schedule", self._position)
            position, name = self._position, self._take()
            if self._kind != "(":
                raise self._unexpected(f"( after .{name[:40]}")
            node = Call(name, node, *self._arguments(), position)
        return node

    def _atom(self) -> Node:
        kind, position = self._kind, self._position
        if kind == "{":
            named: list[tuple[str, Node]] = []
            self._bracketed(named)
            return Named(tuple(named), position)
        if kind in _CLOSING:
            items, comma = self._bracketed()
            return Items(tuple(items), kind, position) if comma or kind == "[" or not items else items[0]
        if kind not in ("number", "string", "name"):
            raise self._unexpected(self._operand)
        word = self._take()
        if kind == "name" and self._kind == "(":
            return Call(word, None, *self._arguments(), position)
        if kind == "number":
            return Literal(self._number(word, position), kind, position)
        return Literal(word[1:-1] if kind == "string" else word, kind, position)

    def _arguments(self) -> tuple[tuple[Node, ...], tuple[tuple[str, Node], ...]]:
        keywords: list[tuple[str, Node]] = []
        positional, _ = self._bracketed(keywords)
        return tuple(positional), tuple(keywords)

    def _bracketed(self, keywords: list[tuple[str, Node]] | None = None) -> tuple[list[Node], bool]:
        """What is in brackets, and whether it has a comma. What has a name, if allowed, is added to `keywords`."""
        position, closing = self._position, _CLOSING[self._kind]
        sign, kind = (":", "string") if closing == "}" else ("=", "name")
        self._brackets += 1
        if self._brackets > _MAX_BRACKETS:
            raise self.error(f"brackets nested deeper than {_MAX_BRACKETS}", position)
        self._advance()
        items, comma = list[Node](), False
        while self._kind != closing:
            item = self._chain()
            if keywords is not None and self._kind == sign and isinstance(item, Literal) and item.kind == kind:
                self._advance()
                keywords.append((str(item.value), self._chain()))
            elif closing == "}":
                raise self.error('expected the name of a group in quotes and a colon, as in {"head": ', item.position)
            elif keywords:
                raise self.error("a positional argument cannot follow a keyword; name it too", item.position)
            else:
                items.append(item)
            if self._kind != ",":
                break
            comma = True
            self._advance()
        if self._kind == "end":
            raise self.error(f"this bracket is never closed; add a {closing}", position)
        if self._kind != closing:
            raise self._unexpected(f", or {closing}")
        self._brackets -= 1
        self._advance()
        return items, comma

    # Tokens. The kind of a sign is the sign itself.

    def _advance(self) -> None:
        match = next(self._tokens)
        kind = match.lastgroup
        assert kind is not None
        self._word, self._position = match[kind], match.start(kind)
        self._kind = self._word if kind == "sign" else kind
        if kind == "strange":
            raise self._strange()

    def _take(self) -> str:
        word = self._word
        self._advance()
        return word

    def _number(self, word: str, position: int) -> float:
        try:
            number = int(word) if word.replace("_", "").isdigit() else float(word)
            return number if number <= LONGEST else float(number)
        except (ValueError, OverflowError):
            raise self.error("this number cannot be read", position) from None

    # Errors.

    def _unexpected(self, expected: str) -> ParseError:
        unit = "ep" if self._kind == "name" and self._word in ("epoch", "epochs") else self._word
        if re.fullmatch(UNIT, unit) and (error := self._bare_unit(unit)):
            return error
        found = "the end of the text" if self._kind == "end" else f"{self._word[:40]!r}"
        advice = decimal_comma(self.text) if self._kind == "," else ""
        return self.error(f"expected {expected}, found {found}", self._position, advice)

    def _strange(self) -> ParseError:
        character = self._word
        if character in "\"'":
            return self.error("this string is not closed on its line, or has a backslash", self._position)
        if character == "%" and (error := self._bare_unit("%")):
            return error
        if character.isascii():
            advice = "write >> for one schedule after another" if character == ">" else ""
            return self.error(f"{character!r} has no meaning here", self._position, advice)
        import unicodedata

        meant = next((ascii for ascii, pasted in _PASTED.items() if character in pasted), "")
        if "\uff01" <= character <= "\uff5e":
            meant = chr(ord(character) - 0xFEE0)  # the full-width form of an ASCII character
        name = unicodedata.name(character, "an unnamed character")
        advice = f"write the ASCII {meant!r}" if meant else ""
        return self.error(f"U+{ord(character):04X} {name} is not ASCII", self._position, advice)

    def _bare_unit(self, unit: str) -> ParseError | None:
        """The error for a length with a unit outside quotes, if a number stands before the unit."""
        number = re.search(r"[\d_.]+\s*\Z", self.text[max(self._position - 60, 0) : self._position], re.ASCII)
        if number is None:
            return None
        advice = f'write "{number[0].strip()}{unit}"'
        return self.error("a length with a unit needs quotes", self._position - len(number[0]), advice)


def _grouped(operands: Sequence[Node], signs: Sequence[str], level: int = 0) -> Node:
    """One node for operands and the signs between them: split at the signs of this level, then at tighter ones."""
    ends = [place for place, sign in enumerate(signs) if sign in _LEVELS[level]]
    if not ends:
        return _grouped(operands, signs, level + 1)
    groups, begin = [], 0
    for end in (*ends, len(signs)):
        group = operands[begin : end + 1]
        groups.append(group[0] if len(group) == 1 else _grouped(group, signs[begin:end], level + 1))
        begin = end + 1
    return Infix(tuple(groups), tuple(signs[end] for end in ends), groups[0].position)
