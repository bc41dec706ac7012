"""The module that is written: names, lists above the functions, and the functions."""

import keyword
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from stepsize.interop.codegen.cases import Node
from stepsize.interop.codegen.clock import Clock
from stepsize.interop.codegen.printing import exploded, function_text
from stepsize.interop.codegen.terms import Expr, Language, Value, number


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
        while found in self.names or keyword.iskeyword(found):
            count += 1
            found = f"{name}_{count}"
        self.names.add(found)
        return found

    def add_function(self, name: str, variable: str, node: Node, docstring: str) -> None:
        """Write a function."""
        self.functions.append(function_text(name, variable, node, docstring, self.language))

    def function(self, clock: Clock, node: Node) -> Value:
        """The call of a function of its own for a node on a clock."""
        name = self.new_name("part")
        self.add_function(name, clock.variable, node, "")
        return Value.of(Expr(f"{name}({clock.variable})"))

    def add_list(self, name: str, numbers: Sequence[float | Fraction]) -> str:
        """Write a list, and return its name."""
        name = self.new_name(name)
        items = "\n".join(exploded("[", [number(each).text for each in numbers], "]", len(name) + 14))
        lines = exploded(f"{name} = jnp.array(", [items], ")") if self.language.jax else [f"{name} = {items}"]
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
