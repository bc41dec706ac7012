"""Reading a schedule from text: `parse`, the inverse of `str`.

The tree of grammar.py is evaluated against an allow-list of shapes, recipes and methods; nothing else can be named,
and nothing is ever passed to `eval`.
"""

import functools
import inspect
import math
from bisect import bisect_left
from collections.abc import Callable
from typing import Any, NamedTuple

from stepsize.arguments import LONGEST, Rule, nearest, rules
from stepsize.errors import ArgumentError, ParseError, StepError, quoted, shown
from stepsize.horizon import Horizon
from stepsize.schedules.arithmetic import Product, Sum
from stepsize.schedules.base import Schedule
from stepsize.schedules.catalogue import RECIPES, SHAPES
from stepsize.schedules.chain import Chain
from stepsize.schedules.elsewhere import INSTEAD_OF
from stepsize.schedules.function import Function
from stepsize.schedules.grammar import Call, Infix, Items, Literal, Negative, Node, Reader

NAMES: dict[str, Callable[..., Any]] = {item.__name__: item for item in (*SHAPES, *RECIPES)}
METHODS: dict[str, Callable[..., Any]] = {
    method.__name__: method
    for method in (
        Schedule.clip,
        Schedule.cooldown,
        Schedule.every,
        Schedule.head,
        Schedule.repeat,
        Schedule.shift,
        Schedule.stretch,
        Schedule.tail,
    )
}


def parse(text: str, horizon: Horizon | None = None, *, functions: bool = False) -> Schedule:
    """The schedule that a text describes; `parse(str(schedule)) == schedule`.

    The text is made of shapes, recipes, numbers, the operators `>> + - * /` with Python's precedence, and the methods
    of schedules; arguments may be named. Where a horizon is given, a length may be `"3ep"` (epochs), `"10%"` (of the
    whole run), `"2000"` (steps), or, once, `"rest"`: as long as makes the whole end with the run.

    Args:
        text: ASCII.
        horizon: what the units mean.
        functions: read `Function("package.module:name")`, which imports and runs that code when the schedule is called.

    Raises:
        ParseError: the text is not a schedule; points at the place and says what was meant.

    Example:
        >>> parse("Linear(0, 0.3, 500) >> Cosine(0.3, end=0.01, steps=9500)")
        Linear(0.0, 0.3, 500) >> Cosine(0.3, 0.01, 9500)
        >>> parse('Linear(0, 0.3, "5%") >> Cosine(0.3, 0, "rest")', Horizon(samples=60_000, batch=256, epochs=10))
        Linear(0.0, 0.3, 118) >> Cosine(0.3, 0.0, 2232)
    """
    if not isinstance(text, str):
        raise ArgumentError(f"parse() reads a text, got {shown(text)}")
    if not isinstance(horizon, Horizon | None):
        raise ArgumentError("parse", "horizon", "a Horizon", horizon, "write Horizon(samples, batch, epochs)")
    reader = Reader(text)
    tree = reader.tree()
    evaluation = _Evaluation(reader, horizon, functions)
    schedule = evaluation.schedule(tree)
    if evaluation.rest_at is None:
        return schedule
    return _fill_rest(evaluation, tree, schedule)


def _fill_rest(evaluation: "_Evaluation", tree: Node, longest: Schedule) -> Schedule:
    """Choose the length of "rest" so that the whole is as long as the horizon.

    The whole never becomes shorter as the rest grows. Mostly it is a straight line (`>>` adds the rest, `.every(n)`
    multiplies it), so that two readings of the text find the line, and a third is the answer; where cycles are
    rounded to whole steps, the answer is searched for.
    """
    assert evaluation.horizon is not None
    assert evaluation.rest_at is not None
    total = evaluation.horizon.steps

    def whole(rest: int) -> Schedule:
        evaluation.rest = rest
        return evaluation.schedule(tree)

    def length(rest: int) -> float:
        try:
            return whole(rest).steps
        except ParseError:
            return -math.inf  # no schedule, mostly because so short a rest leaves nothing

    slope = (length(2 * total) - longest.steps) / total
    others = longest.steps - slope * total
    rest = math.floor((total - others) / slope) if 0 < slope < math.inf else 0
    if length(rest) != total:
        rest = bisect_left(range(2 * total), float(total), lo=1, key=length)
    if length(rest) == total:
        return whole(rest)
    if not 0 < slope < math.inf or length(rest) == longest.steps:
        reason = f'"rest" does not say how long {shown(longest)} is; write a length such as "50%"'
    elif others >= total:
        reason = f'nothing is left for "rest": the other phases take {others:.0f} of the {total} steps'
    else:
        reason = f'no whole number of steps as "rest" makes the whole {total} steps long'
    raise evaluation.reader.error(reason, evaluation.rest_at)


class _Evaluation:
    """Turns trees into values; holds what the text alone does not say."""

    def __init__(self, reader: Reader, horizon: Horizon | None, functions: bool) -> None:
        self.reader = reader
        self.horizon = horizon
        self.functions = functions
        self.rest = horizon.steps if horizon else 0
        self.rest_at: int | None = None

    def schedule(self, node: Node) -> Schedule:
        """The value of a tree that must be a schedule."""
        value = self.value(node)
        if isinstance(value, Schedule):
            return value
        advice = f"; write Constant({value})" if isinstance(value, int | float) else ""
        raise self.reader.error(f"expected a schedule, found {shown(value)}{advice}", node.position)

    def value(self, node: Node) -> Any:
        """A schedule, a number, a string, or a tuple of such."""
        try:
            match node:
                case Literal():
                    return self._literal(node)
                case Items():
                    return tuple(self.value(item) for item in node.items)
                case Negative():
                    return -self._operand(node.operand)
                case Infix():
                    return self._infix(node)
                case Call():
                    return self._call(node)
        except ParseError:
            raise
        except (ArgumentError, StepError) as error:
            raise self.reader.error(str(error), node.position) from None

    def _literal(self, node: Literal) -> float | str:
        if node.kind != "name":
            return node.value
        if node.value == "inf":
            return math.inf
        name = str(node.value)
        if name.lower() in ("nan", "true", "false"):
            reason = f"{name} is not a finite number; write a finite number such as 0.1"
            raise self.reader.error(reason, node.position)
        if name == "rest":
            raise self.reader.error('write "rest" in quotes', node.position)
        if name in NAMES:
            raise self.reader.error(f"{name} needs its arguments: {_signature(name, NAMES[name])}", node.position)
        raise self._unknown(name, NAMES, "shape or recipe", node.position)

    def _operand(self, node: Node) -> Any:
        value = self.value(node)
        if isinstance(value, Schedule | int | float):
            return value
        raise self.reader.error(f"expected a schedule or a number, found {shown(value)}", node.position)

    def _infix(self, node: Infix) -> Any:
        # Long sums, products and chains are made in one go: folding them two by two would take quadratic time.
        signs = [sign for sign, _ in node.rest]
        operands = [self._operand(operand) for operand in (node.first, *(operand for _, operand in node.rest))]
        if signs[0] == ">>":
            for operand, place in zip(operands, (node.first, *(operand for _, operand in node.rest)), strict=True):
                if not isinstance(operand, Schedule):
                    reason = f">> needs schedules on both sides; write Constant({operand})"
                    raise self.reader.error(reason, place.position)
            return Chain(tuple(operands))
        group = Sum if signs[0] in "+-" else Product
        made = operands[:1]
        for sign, operand in zip(signs, operands[1:], strict=True):
            if sign == "/":
                made = [_divided(_together(Product, made), operand)]
            else:
                made.append(-operand if sign == "-" else operand)
        return _together(group, made)

    def _call(self, node: Call) -> Any:
        if node.target is None:
            function = NAMES.get(node.name)
            if function is None:
                raise self._unknown(node.name, NAMES, "shape or recipe", node.position)
            if function is Function and not self.functions:
                reason = "Function runs code of yours; allow it with parse(text, functions=True) or --functions"
                raise self.reader.error(reason, node.position)
            given = self._arguments(node, function)
            return function(**given)
        target = self.schedule(node.target)
        method = METHODS.get(node.name)
        if method is None:
            raise self._unknown(node.name, METHODS, "method of a schedule", node.position)
        return method(target, **self._arguments(node, method))

    def _arguments(self, node: Call, function: Callable[..., Any]) -> dict[str, Any]:
        """The arguments by name, lengths with a unit turned into steps."""
        takes = _taken_by(function)
        names = takes.names
        if len(node.arguments) > len(names):
            extra = node.arguments[len(names)]
            raise self.reader.error(f"too many arguments; write {_signature(node.name, function)}", extra.position)
        given: dict[str, Node] = dict(zip(names, node.arguments, strict=False))
        for name, argument in node.keywords:
            if name not in names:
                advice = nearest(name, names)
                advice = advice or f"write {_signature(node.name, function)}"
                reason = f"{node.name} has no argument {quoted(name)}; {advice}"
                raise self.reader.error(reason, argument.position)
            if name in given:
                raise self.reader.error(f'{node.name} is given "{name}" twice', argument.position)
            given[name] = argument
        missing = [name for name in takes.needed if name not in given]
        if missing:
            reason = f'{node.name} lacks "{missing[0]}"; write {_signature(node.name, function)}'
            raise self.reader.error(reason, node.position)
        return {
            name: self._length(self.value(argument), argument, takes.lengths[name])
            if name in takes.lengths
            else self.value(argument)
            for name, argument in given.items()
        }

    def _length(self, value: Any, node: Node, zero: bool, nested: bool = False) -> Any:
        """Strings among the lengths as steps; of a tuple in a tuple, a (step, value) point, the first is a length.

        `zero` says whether 0 steps are allowed.
        """
        if isinstance(value, tuple) and isinstance(node, Items):
            lengths = [
                self._length(item, part, zero, nested=True) for item, part in zip(value, node.items, strict=True)
            ]
            return (*lengths[:1], *value[1:]) if nested else tuple(lengths)
        if not isinstance(value, str):
            return value
        if self.horizon is None:
            reason = (
                f"{quoted(value)} needs a horizon, which says how long the run is; give one (on the command line: "
                "--horizon samples=60000,batch=256,epochs=10) or write the steps"
            )
            raise self.reader.error(reason, node.position)
        if value.strip() != "rest":
            steps = self.horizon.of(value)
            if steps == 0 and not zero:
                of = f"an epoch of {self.horizon.epoch_steps}" if "ep" in value else f"{self.horizon.steps}"
                reason = f"{quoted(value)} of {of} steps is 0 steps; write a longer length, or a number of steps from 1"
                raise self.reader.error(reason, node.position)
            return steps
        if self.rest_at not in (None, node.position):
            raise self.reader.error('"rest" may stand only once', node.position)
        self.rest_at = node.position
        return self.rest

    def _unknown(self, name: str, known: dict[str, Any], kind: str, position: int) -> ParseError:
        instead = INSTEAD_OF.get(name) if known is NAMES else None
        advice = f"write {instead}" if instead else nearest(name, known) or f"known are {', '.join(sorted(known))}"
        return self.reader.error(f"{quoted(name)} is not a {kind}; {advice}", position)


class _Taken(NamedTuple):
    """The arguments that a shape, recipe or method takes."""

    names: list[str]
    needed: list[str]
    lengths: dict[str, bool]  # those that may have a unit, and whether 0 steps are allowed


@functools.cache
def _taken_by(function: Callable[..., Any]) -> _Taken:
    parameters = [p for p in inspect.signature(function).parameters.values() if p.name != "self"]
    measured = {name: rule for name, rule in rules(function).items() if getattr(rule, "measures_steps", False)}
    return _Taken(
        [p.name for p in parameters],
        [p.name for p in parameters if p.default is p.empty],
        {name: _takes_zero(rule) for name, rule in measured.items()},
    )


def _takes_zero(rule: Rule) -> bool:
    each = getattr(rule, "each", rule)
    return getattr(each, "above", None) != 0 and not (getattr(each, "least", None) or 0) > 0


def _together(group: type[Sum] | type[Product], operands: list[Any]) -> Any:
    """The sum or product; one number, where all are numbers."""
    if len(operands) == 1:
        return operands[0]
    if any(isinstance(operand, Schedule) for operand in operands):
        return group(tuple(operands))
    value, *others = operands
    for other in others:
        value = value + other if group is Sum else value * other
        value = value if abs(value) <= LONGEST else float(value)
    return value


def _divided(left: Any, right: Any) -> Any:
    if right == 0 and not isinstance(left, Schedule):
        raise ArgumentError(f"{left} cannot be divided by zero")
    return left / right


def _signature(name: str, function: Callable[..., Any]) -> str:
    """`Linear(start, end, steps)`: how to write a call."""
    parameters = [p for p in inspect.signature(function).parameters.values() if p.name != "self"]
    words = [p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in parameters]
    return f"{name}({', '.join(words)})"
