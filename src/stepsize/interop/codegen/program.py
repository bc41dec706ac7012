"""The module that is written: lists above functions, whose lines are laid out as ruff and black do."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from textwrap import wrap

from stepsize.errors import one_line
from stepsize.interop.codegen.cases import Cases, Let, Node
from stepsize.interop.codegen.clock import Clock
from stepsize.interop.codegen.terms import Expr, Language, Value, number

_WIDTH = 88
_INDENT = "    "
_DOCSTRING_LINES = 6


@dataclass
class Program:
    """What the functions of one module share."""

    language: Language
    lists: list[str] = field(default_factory=list)
    functions: list[str] = field(default_factory=list)
    names: set[str] = field(default_factory=set)

    def new_name(self, name: str) -> str:
        """The name, with a number if it is taken."""
        found, count = name, 1
        while found in self.names:
            count += 1
            found = f"{name}_{count}"
        self.names.add(found)
        return found

    def add_function(self, name: str, variable: str, node: Node, docstring: str) -> None:
        kinds = ("jax.Array", "jax.Array") if self.language.jax else ("int", "float")
        body = _jax_lines(node, variable) if self.language.jax else _lines(node)
        lines = [_INDENT + line if line else "" for line in [*_docstring(docstring), *body]]
        self.functions.append("\n".join([f"def {name}({variable}: {kinds[0]}) -> {kinds[1]}:", *lines]))

    def function(self, clock: Clock, node: Node) -> Value:
        """The call of a function of its own for a node on a clock."""
        name = self.new_name("part")
        self.add_function(name, clock.variable, node, "")
        return Value.of(Expr(f"{name}({clock.variable})"))

    def add_list(self, name: str, numbers: Sequence[float | Fraction]) -> str:
        name = self.new_name(name)
        items = "\n".join(_exploded("[", [number(each).text for each in numbers], "]", len(name) + 14))
        lines = _exploded(f"{name} = jnp.array(", [items], ")") if self.language.jax else [f"{name} = {items}"]
        self.lists.append("\n".join(lines))
        return name

    def located(self, starts: str, clock: Clock, index: str, z: str) -> list[str]:
        """Statements that find the interval of a list in which the variable is, and the progress z there."""
        inner, variable = f"{starts}[1:-1]", clock.variable
        found = f"sum({variable} >= each for each in {inner})"
        if self.language.jax:
            found = f'jnp.searchsorted({inner}, {variable}, side="right")'
        length = f"({starts}[{index} + 1] - {starts}[{index}])"
        return [f"{index} = {found}", f"{z} = ({variable} - {starts}[{index}]) / {length}"]


def _docstring(text: str) -> list[str]:
    """The text of a schedule, in a few lines; cut if it is longer."""
    if not text:
        return []
    width = _WIDTH - len(_INDENT) - 3  # of a line that the closing quotes still fit on
    whole = text.replace(", ", ",\0").replace(" >> ", " >>\0")  # lines begin with an operator
    lines = [line.replace("\0", " ") for line in wrap(f'"""{whole}.', width, break_long_words=False)]
    if len(lines) > _DOCSTRING_LINES or max(map(len, lines)) > width:
        return [f'"""{one_line(text, width - 3)}"""']
    return [f'{lines[0]}"""'] if len(lines) == 1 else [*lines, '"""']


def _exploded(opening: str, items: Sequence[str], closing: str, indent: int = 0) -> list[str]:
    """A bracket with items: in one line if it fits, else with a line for each item."""
    line = f"{opening}{', '.join(items)}{closing}"
    if "\n" not in line and len(line) + indent <= _WIDTH:
        return [line]
    return [opening, *(f"{_INDENT}{line}" for item in items for line in f"{item},".split("\n")), closing]


def _lines(node: Node, depth: int = 1) -> list[str]:
    match node:
        case Let(statements, body):
            return [*statements, *_lines(body, depth)]
        case Cases(variable, nodes):
            found: list[str] = []
            for bound, each in nodes[:-1]:
                found.append(f"if {variable} < {number(bound).text}:")
                found += [_INDENT + line for line in _lines(each, depth + 1)]
            return found + _lines(nodes[-1][1], depth)
    return _returned(node, _WIDTH - len(_INDENT) * depth)


def _returned(value: Value, width: int) -> list[str]:
    text = f"return {value.expr.text}"
    if len(text) > width and len(value.summands) > 2:
        return ["return (", *(_INDENT + each for each in _summands(value)), ")"]
    return _fitted(text, width)


def _fitted(text: str, width: int) -> list[str]:
    """A line, with what its last bracket holds on a line of its own if it is too long."""
    if len(text) <= width or text[-1] != ")":
        return [text]
    opening = _last_bracket(text)
    return [text[:opening], _INDENT + text[opening:-1], ")"]


def _last_bracket(text: str) -> int:
    """The place after the bracket that the last one closes."""
    depth = 0
    for place in reversed(range(len(text))):
        depth += {")": 1, "(": -1}.get(text[place], 0)
        if depth == 0:
            break
    return place + 1


def _jax_lines(node: Node, variable: str) -> list[str]:
    """The body of a function in JAX, which evaluates all cases and selects."""
    statements: list[str] = []
    while isinstance(node, Let):
        statements += node.statements
        node = node.body
    if isinstance(node, Value):
        number_only = f"return jnp.full(jnp.shape({variable}), {node.expr.text})"
        returned = _returned(node, _WIDTH - len(_INDENT)) if node.terms else [number_only]
    else:
        first, *others = _selected(node, statements, len(_INDENT))
        returned = [f"return {first}", *others]
    return [*dict.fromkeys(statements), *returned]


def _selected(node: Node, statements: list[str], indent: int) -> list[str]:
    """The lines of an expression; what it needs is added to the statements."""
    match node:
        case Let(before, body):
            statements += before
            return _selected(body, statements, indent)
        case Cases(variable, nodes):
            bounds = [bound for bound, _ in nodes[:-1]]
            conditions = [f"{variable} < {number(bound).text}" for bound in bounds]
            values = ["\n".join(_selected(each, statements, indent + 8)) for _, each in nodes]
            return _choice(conditions, values, indent + len("return "))
    text = node.expr.text
    if len(text) + indent > _WIDTH and len(node.summands) > 1:
        return _summands(node)
    return _fitted(text, _WIDTH - indent)


def _choice(conditions: list[str], values: list[str], indent: int) -> list[str]:
    *first, last = values
    if len(conditions) == 1:
        return _exploded("jnp.where(", [conditions[0], *first, last], ")", indent)
    line = f"jnp.select([{', '.join(conditions)}], [{', '.join(first)}], {last})"
    if "\n" not in line and len(line) + indent <= _WIDTH:
        return [line]
    lists = ["\n".join(_exploded("[", each, "]", indent + 5)) for each in (conditions, first)]
    return _exploded("jnp.select(", [*lists, last], ")", _WIDTH)


def _summands(value: Value) -> list[str]:
    (sign, first), *others = value.summands
    lines = [f"-{first.within(3)}" if sign == "-" else first.text]
    return lines + [f"{sign} {each.within(3 if sign == '-' else 2)}" for sign, each in others]
