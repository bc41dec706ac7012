"""The grammar of schedules as text: characters to tokens to a tree, nothing evaluated.

    chain   = sum { ">>" sum }                          as in Python, `>>` binds least
    sum     = product { ("+" | "-") product }
    product = signed { ("*" | "/") signed }
    signed  = { "-" | "+" } call
    call    = atom { "." name arguments }
    atom    = number | string | name [ arguments ] | "(" chain ")" | tuple
    tuple   = "(" [ chain "," { chain "," } [ chain ] ] ")"          or the same in "[" "]"
    arguments = "(" [ argument { "," argument } [ "," ] ] ")"        argument = [ name "=" ] chain

Text is ASCII. Brackets may be nested a little deeper than schedules, which is what bounds the recursion here.
"""

import re
import unicodedata
from dataclasses import dataclass

from stepsize.arguments import LONGEST
from stepsize.errors import ParseError
from stepsize.schedules.base import MAX_DEPTH

MAX_BRACKETS = MAX_DEPTH + 8

_TOKEN = re.compile(
    r"""[ \t\r\n]*(?:
        (?P<number>(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d+)?)
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<string>"[^"\\\r\n]*"|'[^'\\\r\n]*')
      | (?P<sign>>>|[-+*/(),=.\[\]])
      | (?P<end>\Z)
    )""",
    re.VERBOSE | re.ASCII,
)
_LEVELS = (("*", "/"), ("+", "-"), (">>",))
_SIGNS = [sign for level in _LEVELS for sign in level]
_LOOKALIKES = {
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"),
    **dict.fromkeys("\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb\u300c\u300d", '"'),
    **dict.fromkeys("\u3001\u3002", ","),
    "\u00d7": "*",
    "\u226b": ">>",
}
"""What editors and word processors put in place of ASCII, beyond what normalization says."""
_CLOSING = {"(": ")", "[": "]"}


@dataclass(slots=True)
class Token:
    """One word of the text: its kind (number, name, string, sign, end), and where it starts."""

    kind: str
    text: str
    position: int


@dataclass(slots=True)
class Literal:
    """A number, a string or a bare name (such as inf)."""

    value: float | str
    kind: str
    position: int


@dataclass(slots=True)
class Items:
    """A tuple or list."""

    items: "tuple[Node, ...]"
    position: int


@dataclass(slots=True)
class Call:
    """`name(...)`, or `target.name(...)`."""

    name: str
    target: "Node | None"
    arguments: "tuple[Node, ...]"
    keywords: "tuple[tuple[str, Node], ...]"
    position: int


@dataclass(slots=True)
class Negative:
    """`-operand`."""

    operand: "Node"
    position: int


@dataclass(slots=True)
class Infix:
    """Operands under signs of one level, from the left: `first (sign operand) ...`."""

    first: "Node"
    rest: "tuple[tuple[str, Node], ...]"
    position: int


Node = Literal | Items | Call | Negative | Infix


class Reader:
    """Reads one text, token by token; `tree()` is the whole of it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.brackets = 0
        self.token = self._scan(0)

    def tree(self) -> Node:
        """The tree of the whole text."""
        node = self._infix()
        if self.token.kind != "end":
            raise self._unexpected("an operator (>>, +, -, *, /), a .method() or the end")
        return node

    def error(self, reason: str, position: int) -> ParseError:
        """The error that points at `position`."""
        return ParseError(reason, self.text, position)

    # One function a rule of the grammar.

    def _infix(self) -> Node:
        # The three levels at once: read from left to right, then grouped. A function a level would go as deep into
        # Python's stack, for every bracket, as there are levels.
        operands, signs = [self._signed()], []
        while self.token.kind == "sign" and self.token.text in _SIGNS:
            signs.append(self._next().text)
            operands.append(self._signed())
        if not signs:
            return operands[0]
        for level in _LEVELS:
            operands, signs = _grouped(operands, signs, level)
        return operands[0]

    def _signed(self) -> Node:
        position = self.token.position
        negative = False
        while self._at_sign("-") or self._at_sign("+"):
            negative ^= self._next().text == "-"
        node = self._call()
        return Negative(node, position) if negative else node

    def _call(self) -> Node:
        node = self._atom()
        methods = 0
        while self._at_sign("."):
            self._next()
            if self.token.kind != "name":
                raise self._unexpected("the name of a method")
            methods += 1
            if methods > MAX_BRACKETS:
                raise self.error(f"more than {MAX_DEPTH} methods on one schedule", self.token.position)
            name = self._next()
            if not self._at_sign("("):
                raise self._unexpected(f"( after .{name.text[:40]}")
            node = Call(name.text, node, *self._arguments(), name.position)
        return node

    def _atom(self) -> Node:
        token = self.token
        if token.kind == "number":
            self._next()
            return Literal(self._number(token), "number", token.position)
        if token.kind == "string":
            self._next()
            return Literal(token.text[1:-1], "string", token.position)
        if token.kind == "name":
            self._next()
            if self._at_sign("("):
                return Call(token.text, None, *self._arguments(), token.position)
            return Literal(token.text, "name", token.position)
        if self._at_sign("(") or self._at_sign("["):
            return self._items()
        raise self._unexpected("a schedule or a number")

    def _items(self) -> Node:
        opening = self._open()
        items, comma = [], opening.text == "["
        while not self._at_sign(_CLOSING[opening.text]):
            items.append(self._infix())
            if not self._at_sign(","):
                break
            comma = True
            self._next()
        self._close(opening)
        if len(items) == 1 and not comma:
            return items[0]
        return Items(tuple(items), opening.position)

    def _arguments(self) -> tuple[tuple[Node, ...], tuple[tuple[str, Node], ...]]:
        opening = self._open()
        positional: list[Node] = []
        keywords: list[tuple[str, Node]] = []
        while not self._at_sign(")"):
            argument = self._infix()
            if self._at_sign("=") and isinstance(argument, Literal) and argument.kind == "name":
                self._next()
                keywords.append((str(argument.value), self._infix()))
            elif keywords:
                raise self.error("a positional argument cannot follow a keyword; name it too", argument.position)
            else:
                positional.append(argument)
            if not self._at_sign(","):
                break
            self._next()
        self._close(opening)
        return tuple(positional), tuple(keywords)

    # Tokens.

    def _scan(self, start: int) -> Token:
        match = _TOKEN.match(self.text, start)
        if match is None or match.lastgroup is None:
            raise self._strange(start)
        return Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup))

    def _next(self) -> Token:
        token = self.token
        self.token = self._scan(token.position + len(token.text))
        return token

    def _at_sign(self, sign: str) -> bool:
        return self.token.kind == "sign" and self.token.text == sign

    def _open(self) -> Token:
        self.brackets += 1
        if self.brackets > MAX_BRACKETS:
            raise self.error(f"brackets nested deeper than {MAX_BRACKETS}", self.token.position)
        return self._next()

    def _close(self, opening: Token) -> None:
        closing = _CLOSING[opening.text]
        if self.token.kind == "end":
            raise self.error(f"this bracket is never closed; add a {closing}", opening.position)
        if not self._at_sign(closing):
            raise self._unexpected(f", or {closing}")
        self.brackets -= 1
        self._next()

    def _number(self, token: Token) -> float:
        try:
            if token.text.replace("_", "").isdigit():
                whole = int(token.text)
                return whole if whole <= LONGEST else float(whole)
            return float(token.text)
        except (ValueError, OverflowError):
            raise self.error("not a number that can be read", token.position) from None

    def _unit(self, unit: str, position: int) -> ParseError | None:
        """What to say of a unit that stands bare behind a number."""
        number = re.search(
            r"(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)[ \t\r\n]*\Z", self.text[max(position - 60, 0) : position]
        )
        if number is None:
            return None
        length = f'"{number[0].strip()}{unit}"'
        return self.error(f"a length with a unit stands in quotes; write {length}", position - len(number[0]))

    def _unexpected(self, expected: str) -> ParseError:
        if self.token.kind == "name" and self.token.text in ("ep", "epoch", "epochs"):
            error = self._unit("ep", self.token.position)
            if error:
                return error
        found = "the end of the text" if self.token.kind == "end" else f"{self.token.text[:40]!r}"
        return self.error(f"expected {expected}, found {found}", self.token.position)

    def _strange(self, start: int) -> ParseError:
        position = start + len(self.text[start:]) - len(self.text[start:].lstrip(" \t\r\n"))
        character = self.text[position]
        if character in "\"'":
            return self.error("this string is never closed on its line (and may hold no backslash)", position)
        unit = self._unit("%", position) if character == "%" else None
        if unit:
            return unit
        if character.isascii():
            return self.error(f"{character!r} has no meaning here", position)
        name = unicodedata.name(character, "an unnamed character")
        reason = f"U+{ord(character):04X} {name} is not ASCII, even where it looks like it"
        meant = _in_ascii(character)
        return self.error(f"{reason}; write {meant}" if meant else reason, position)


def _in_ascii(character: str) -> str:
    """How to write what a character looks like, where that is plain."""
    meant = _LOOKALIKES.get(character)
    digit = unicodedata.decimal(character, None)
    if meant is None and digit is not None:
        meant = str(digit)
    if meant is None and not unicodedata.decomposition(character).startswith(("<super>", "<sub>")):
        meant = unicodedata.normalize("NFKC", character)
        meant = meant if len(meant) == 1 else None
    if meant is None or not meant.isascii():
        return ""
    return {" ": "an ordinary blank", '"': "a straight quote, ' or \""}.get(meant, f"the ASCII {meant}")


def _grouped(operands: list[Node], signs: list[str], level: tuple[str, ...]) -> tuple[list[Node], list[str]]:
    """The operands, those between which stand signs of the level made one; and the signs that are left."""
    groups: list[tuple[Node, list[tuple[str, Node]]]] = [(operands[0], [])]
    left = []
    for sign, operand in zip(signs, operands[1:], strict=True):
        if sign in level:
            groups[-1][1].append((sign, operand))
        else:
            groups.append((operand, []))
            left.append(sign)
    return [Infix(first, tuple(rest), first.position) if rest else first for first, rest in groups], left
