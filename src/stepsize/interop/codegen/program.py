"""The module that is written: lists above functions."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from textwrap import wrap

from stepsize.errors import one_line
from stepsize.interop.codegen.cases import Cases, Let, Node
from stepsize.interop.codegen.clock import Clock
from stepsize.interop.codegen.layout import INDENT, WIDTH, statement
from stepsize.interop.codegen.terms import Expr, Language, Value, number

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
        lines = [INDENT + line if line else "" for line in [*_docstring(docstring), *body]]
        self.functions.append("\n".join([f"def {name}({variable}: {kinds[0]}) -> {kinds[1]}:", *lines]))

    def function(self, clock: Clock, node: Node) -> Value:
        """The call of a function of its own for a node on a clock."""
        name = self.new_name("part")
        self.add_function(name, clock.variable, node, "")
        return Value.of(Expr(f"{name}({clock.variable})"))

    def add_list(self, name: str, numbers: Sequence[float | Fraction]) -> str:
        name = self.new_name(name)
        items = f"[{', '.join(number(each).text for each in numbers)}]"
        value = f"jnp.array({items})" if self.language.jax else items
        self.lists.append("\n".join(statement(f"{name} = {value}")))
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
    width = WIDTH - len(INDENT) - 3  # of a line that the closing quotes still fit on
    whole = text.replace(", ", ",\0").replace(" >> ", " >>\0")  # lines begin with an operator
    lines = [line.replace("\0", " ") for line in wrap(f'"""{whole}.', width, break_long_words=False)]
    if len(lines) > _DOCSTRING_LINES or max(map(len, lines)) > width:
        return [f'"""{one_line(text, width - 3)}"""']
    return [f'{lines[0]}"""'] if len(lines) == 1 else [*lines, '"""']


def _lines(node: Node, depth: int = 1) -> list[str]:
    match node:
        case Let(statements, body):
            return [*statements, *_lines(body, depth)]
        case Cases(variable, nodes):
            found: list[str] = []
            for bound, each in nodes[:-1]:
                found.append(f"if {variable} < {number(bound).text}:")
                found += [INDENT + line for line in _lines(each, depth + 1)]
            return found + _lines(nodes[-1][1], depth)
    return statement(f"return {node.expr.text}", WIDTH - len(INDENT) * depth)


def _jax_lines(node: Node, variable: str) -> list[str]:
    """The body of a function in JAX, which evaluates all cases and selects."""
    statements: list[str] = []
    while isinstance(node, Let):
        statements += node.statements
        node = node.body
    value = _selected(node, statements)
    if isinstance(node, Value) and not node.terms:
        value = f"jnp.full(jnp.shape({variable}), {value})"
    return [*dict.fromkeys(statements), *statement(f"return {value}", WIDTH - len(INDENT))]


def _selected(node: Node, statements: list[str]) -> str:
    """An expression; what it needs is added to the statements."""
    match node:
        case Let(before, body):
            statements += before
            return _selected(body, statements)
        case Cases(variable, nodes):
            conditions = [f"{variable} < {number(bound).text}" for bound, _ in nodes[:-1]]
            *values, last = (_selected(each, statements) for _, each in nodes)
            if len(values) == 1:
                return f"jnp.where({conditions[0]}, {values[0]}, {last})"
            return f"jnp.select([{', '.join(conditions)}], [{', '.join(values)}], {last})"
    return node.expr.text
