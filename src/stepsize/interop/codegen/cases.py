"""Values that depend on cases: one value before a bound of a variable, another after it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Union

from stepsize.errors import ArgumentError
from stepsize.interop.codegen.terms import Value

_MOST = 200  # cases that still are code


@dataclass(frozen=True)
class Let:
    """Statements, and a value that uses the variables they set."""

    statements: tuple[str, ...]
    body: "Node"


@dataclass(frozen=True)
class Cases:
    """The first node whose bound is above the variable; the last bound is infinite."""

    variable: str
    nodes: tuple[tuple[float, "Node"], ...]


Node = Union[Value, Let, Cases]  # noqa: UP007  (recursive)


def few(count: int) -> int:
    """The number of cases, if it is not too large for code."""
    if count > _MOST:
        raise ArgumentError("to_code", "schedule", f"one with at most {_MOST} cases", f"{count} cases")
    return count


def cases(variable: str, nodes: Sequence[tuple[float, Node]]) -> Node:
    """Cases without those that cannot occur, in one list; neighbours that are equal are one."""
    found: list[tuple[float, Node]] = []
    for stop, node in nodes:
        low = found[-1][0] if found else 0
        if stop <= low:
            continue
        for bound, each in _between(node, variable, low, stop):
            if found and found[-1][1] == each:
                found.pop()
            found.append((bound, each))
    return found[0][1] if few(len(found)) == 1 else Cases(variable, tuple(found))


def _between(node: Node, variable: str, low: float, stop: float) -> list[tuple[float, Node]]:
    """The cases of a node from `low` to before `stop`."""
    if isinstance(node, Let):
        inside = _between(node.body, variable, low, stop)
        body = inside[0][1] if len(inside) == 1 else Cases(variable, (*inside[:-1], (math.inf, inside[-1][1])))
        return [(stop, let(node.statements, body))]
    if not isinstance(node, Cases) or node.variable != variable:
        return [(stop, node)]
    inside = [(bound, each) for bound, each in node.nodes if bound > low]
    last = next(i for i, (bound, _) in enumerate(inside) if bound >= stop)
    return [*inside[:last], (stop, inside[last][1])]


def let(statements: Sequence[str], body: Node) -> Node:
    """A node after statements; a number needs none."""
    return Let(tuple(statements), body) if isinstance(body, Let | Cases) or body.terms else body


def has_terms(node: Node) -> bool:
    """Whether a value of a node is more than a number."""
    match node:
        case Let(_, body):
            return has_terms(body)
        case Cases(_, nodes):
            return any(has_terms(each) for _, each in nodes)
    return bool(node.terms)


def until(node: Node, variable: str, stop: float) -> Node:
    """A node of which only the cases below `stop` occur."""
    (*first, (_, last)) = _between(node, variable, 0, stop)
    return cases(variable, [*first, (math.inf, last)])


def tested(node: Node) -> str | None:
    """The variable whose cases a node distinguishes first."""
    while isinstance(node, Let):
        node = node.body
    return node.variable if isinstance(node, Cases) else None


def combined(
    combine: Callable[[Sequence[Value]], Value], nodes: Sequence[Node], apart: Callable[[Node], Value]
) -> Node:
    """Nodes combined case by case. If they distinguish cases of several variables, `apart` makes a value of some."""
    variable = next(filter(None, map(tested, nodes)), None)
    nodes = [node if tested(node) in (None, variable) else apart(node) for node in nodes]
    statements: list[str] = []
    for index, node in enumerate(nodes):
        while isinstance(node, Let):
            statements += node.statements
            node = nodes[index] = node.body
    if variable:
        bounds = sorted({bound for node in nodes if isinstance(node, Cases) for bound, _ in node.nodes})
        low, found = 0.0, list[tuple[float, Node]]()
        for bound in bounds:
            parts = [_at(node, low) for node in nodes]
            found.append((bound, combined(combine, parts, apart)))
            low = bound
        body = cases(variable, found)
    else:
        body = combine([node for node in nodes if isinstance(node, Value)])
    return Let(tuple(statements), body) if statements else body


def _at(node: Node, low: float) -> Node:
    return next(each for bound, each in node.nodes if bound > low) if isinstance(node, Cases) else node
