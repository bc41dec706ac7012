"""Reading a schedule from text: `parse`, the inverse of `str`.

The tree that `grammar` reads is evaluated against an allow-list of shapes, recipes and methods. Nothing else can be
named, and nothing is passed to `eval`.
"""

import functools
import inspect
import math
from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, ClassVar, NamedTuple, Self

from stepsize.arguments import LONGEST, Flag, Instance, Rule, listed, nearest, rules
from stepsize.checked_calls import checked, usage
from stepsize.errors import ArgumentError, ParseError, StepError, StepsizeError, quoted, raise_together, shown
from stepsize.horizon import ClockName, Horizon, MaybeHorizon, is_time, length_on
from stepsize.schedules.arithmetic import Product, Sum
from stepsize.schedules.base import Schedule
from stepsize.schedules.clock import Chain
from stepsize.schedules.formulas import Constant
from stepsize.schedules.function import Function
from stepsize.schedules.grammar import (
    MORE,
    OPERAND,
    Call,
    Infix,
    Items,
    Literal,
    Named,
    Negative,
    Node,
    Power,
    Reader,
    decimal_comma,
)
from stepsize.schedules.maths import SCALAR
from stepsize.schedules.names import CALLABLE, INSTEAD_OF, METHODS
from stepsize.schedules.transitions import WORDS, shape_rule

Text = Annotated[str, Instance(str, "a string")]


@checked
def parse(
    text: Text,
    horizon: MaybeHorizon = None,
    *,
    functions: Annotated[bool, Flag()] = False,
    clock: ClockName = "steps",
) -> Schedule:
    """The schedule that a text describes; `parse(str(schedule)) == schedule`.

    The text consists of shapes, recipes, numbers, the operators `>> + - * / **` with Python's precedence, the functions
    `minimum` and `maximum`, and the methods of schedules; arguments may be named. With a horizon, a length may be
    `"3ep"` (epochs), `"10%"` (of the whole run), `"500ksp"` (samples), `"2Btok"` (tokens; k, M, B, T: thousand to
    trillion), `"2000"` (steps) or, once, `"rest"`: the length that makes the schedule as long as the run. Left of
    `.reclock(batch)` and in the batch, steps are samples.

    Args:
        text: ASCII.
        horizon: the run that the units refer to.
        functions: read `Function("package.module:name")`, which imports and runs that code when the schedule is called.
        clock: what the steps of the schedule count: "steps", "samples", "tokens", or "seconds", of which a length may
            be `"45s"`, `"30min"` or `"2h"`.

    Raises:
        ParseError: the text is not a schedule; points at the place and suggests what to write.

    Example:
        >>> parse("Linear(0, 0.3, 500) >> Cosine(0.3, end=0.01, steps=9500)")
        Linear(0.0, 0.3, 500) >> Cosine(0.3, 0.01, 9500)
        >>> parse('Linear(0, 0.3, "5%") >> Cosine(0.3, 0, "rest")', Horizon(samples=60_000, batch=256, epochs=10))
        Linear(0.0, 0.3, 118) >> Cosine(0.3, 0.0, 2232)
    """
    return Evaluation.of(text, horizon, functions, clock).schedule()


def parse_entry(text: str, horizon: Horizon | None = None, functions: bool = False, clock: str = "steps") -> Schedule:
    """The schedule in the text of a hyperparameter, which may be just a number: YAML reads 1e-3 as a text."""
    return Evaluation.of(text, horizon, functions, clock).schedule_or_constant()


@dataclass
class Evaluation:
    """Gives a tree its meaning; holds what the text alone does not say."""

    operand: ClassVar[str] = OPERAND  # what errors say that the text lacks
    more: ClassVar[str] = MORE

    error: Callable[..., ParseError]
    tree: Node
    horizon: Horizon | None = None
    functions: bool = False
    clock: str = "steps"
    run: int = field(default=0, init=False)  # the length of the whole run, and that of "rest", which is at `rest_at`
    rest: int = field(default=0, init=False)
    rest_at: int | None = field(default=None, init=False)

    @classmethod
    def of(cls, text: str, horizon: Horizon | None = None, functions: bool = False, clock: str = "steps") -> Self:
        reader = Reader(text, cls.operand, cls.more)
        return cls(reader.error, reader.tree(), horizon, functions, clock)

    def schedule(self) -> Schedule:
        """The schedule of the whole tree, in which "rest" makes it as long as the run."""
        schedule = self._schedule(self.tree)
        return schedule if self.rest_at is None else self._fill_rest(schedule)

    def schedule_or_number(self) -> Schedule | float:
        """The same, or a number."""
        value: Schedule | float = self._operand(self.tree)
        return self._fill_rest(value) if self.rest_at is not None and isinstance(value, Schedule) else value

    def schedule_or_constant(self) -> Schedule:
        """The schedule of the whole tree; that of a number is constant."""
        value = self.schedule_or_number()
        if isinstance(value, Schedule):
            return value
        try:
            return Constant(value)
        except ArgumentError as error:
            raise self.error(str(error), self.tree.position) from None

    def call_of(self, function: Callable[..., Any], example: str) -> Any:
        """What the whole tree makes, which must be a call of this function, or of this class, by its name."""
        name, call = function.__name__, self.tree
        if isinstance(call, Call) and call.name == name and call.target is None:
            return self._made(call, function, (), self._value)
        raise self.error(f"this is not a {name}", call.position, f"write e.g. {example}")

    def _fill_rest(self, longest: Schedule) -> Schedule:
        """Choose the length of "rest" so that the schedule is as long as the run.

        `longest` is the schedule in which "rest" is the whole run. The length of the schedule never falls as the rest
        grows. Usually it is a straight line (`>>` adds the rest, `.every(n)` multiplies it), which two lengths
        determine. If cycles are rounded to whole steps it is not, and bisection finds the rest.
        """
        assert self.rest_at is not None
        run = self.run
        slope = (self._steps_with_rest(2 * run) - longest.steps) / run
        others = longest.steps - slope * run
        rest = math.floor((run - others) / slope) if 0 < slope < math.inf else 0
        if self._steps_with_rest(rest) != run:
            rest = bisect_left(range(2 * run), float(run), lo=1, key=self._steps_with_rest)
        if self._steps_with_rest(rest) == run:
            return self._schedule(self.tree)
        if not 0 < slope < math.inf or self._steps_with_rest(rest) == longest.steps:
            reason, advice = f'"rest" does not determine the length of {shown(longest)}', 'write a length such as "50%"'
            raise self.error(reason, self.rest_at, advice)
        if others >= run:
            taken = f"the other phases take {others:.0f} of the {run} {self.clock}"
            raise self.error(f'nothing is left for "rest": {taken}', self.rest_at)
        reason = f'no whole number of {self.clock} for "rest" makes the schedule {run} {self.clock} long'
        raise self.error(reason, self.rest_at)

    def _steps_with_rest(self, rest: int) -> float:
        self.rest = rest
        try:
            return self._schedule(self.tree).steps
        except ParseError:
            return -math.inf  # a rest this short leaves no schedule

    def _in_samples(self, node: Node) -> Any:
        """The value of a node whose lengths are in samples."""
        inside = replace(self, tree=node, clock="samples")
        value = inside._value(node)
        return value if inside.rest_at is None else inside.schedule()

    def _schedule(self, node: Node, value_of: Callable[[Node], Any] | None = None) -> Schedule:
        value = (value_of or self._value)(node)
        if isinstance(value, Schedule):
            return value
        advice = f"write Constant({value})" if isinstance(value, int | float) and math.isfinite(value) else ""
        raise self.error(f"expected a schedule, found {shown(value)}", node.position, advice)

    def _value(self, node: Node) -> Any:
        """A schedule, a number, a string, or a tuple of these."""
        match node:
            case Call():
                return self._call(node)
            case Literal():
                return self._literal(node)
            case Items():
                return tuple(self._value(item) for item in node.items)
            case Named():
                raise self.error("only a Plan has names of groups", node.position)
        try:
            if isinstance(node, Negative):
                return -self._operand(node.operand)
            return self._power(node) if isinstance(node, Power) else self._infix(node)
        except (ArgumentError, StepError) as error:
            raise self.error(str(error), node.position) from None

    def _literal(self, node: Literal) -> float | str:
        if node.kind != "name":
            return node.value
        name, position = str(node.value), node.position
        if name == "inf":
            return math.inf
        if name.lower() in ("nan", "true", "false"):
            raise self.error(f"{name} is not a finite number", position, "write a finite number such as 0.1")
        if name == "rest":
            raise self.error("rest needs quotes", position, 'write "rest"')
        if name in CALLABLE:
            raise self.error(f"{name} needs its arguments: {_parameters(CALLABLE[name]).usage}", position)
        if name == "None":
            raise self.error("None has no meaning in a text", position, "leave the argument out")
        raise self._unknown(name, CALLABLE, "shape or recipe", position)

    def _operand(self, node: Node) -> Any:
        value = self._value(node)
        if isinstance(value, Schedule | int | float):
            return value
        raise self.error(f"expected {self.operand}, found {shown(value)}", node.position)

    def _power(self, node: Power) -> Any:
        *bases, value = [self._operand(operand) for operand in node.operands]
        for base, sign in zip(reversed(bases), reversed(node.signs), strict=True):
            exponent = -value if sign == "-" else value
            is_number = not isinstance(base, Schedule) and not isinstance(exponent, Schedule)
            value = SCALAR.power(base, exponent) if is_number else base**exponent
        return value

    def _infix(self, node: Infix) -> Any:
        # Many operands are joined at once: joining them one by one would take quadratic time.
        operands = [self._operand(operand) for operand in node.operands]
        if node.signs[0] == ">>":
            for operand, part in zip(operands, node.operands, strict=True):
                if not isinstance(operand, Schedule):
                    raise self.error(">> needs schedules on both sides", part.position, f"write Constant({operand})")
            return Chain(tuple(operands))
        terms = operands[:1]
        for sign, operand in zip(node.signs, operands[1:], strict=True):
            if sign == "/":
                terms = [_divided(_joined(Product, terms), operand)]
            else:
                terms.append(-operand if sign == "-" else operand)
        return _joined(Sum if node.signs[0] in "+-" else Product, terms)

    def _call(self, node: Call) -> Any:
        known, kind = (CALLABLE, "shape or recipe") if node.target is None else (METHODS, "method of a schedule")
        if node.name == "Plan" and node.target is None:
            raise self.error("a Plan is not a schedule", node.position, "read a Plan with Plan.parse(text)")
        value = self._in_samples if known is METHODS and node.name == "reclock" else self._value
        target = () if node.target is None else (self._schedule(node.target, value),)
        function = known.get(node.name)
        if function is None:
            raise self._unknown(node.name, known, kind, node.position)
        if function is Function and not self.functions:
            raise self.error("Function runs your own code", node.position, "allow it with {functions}", functions=True)
        return self._made(node, function, target, value)

    def _made(
        self, node: Call, function: Callable[..., Any], target: tuple[Any, ...], value: Callable[[Node], Any]
    ) -> Any:
        parameters = _parameters(function)
        given = self._bound(node, parameters)
        values = {name: self._argument(argument, name, parameters, value) for name, argument in given.items()}
        try:
            return function(*values.values()) if parameters.any_number else function(*target, **values)
        except (ArgumentError, StepError) as error:
            located = [self._located(each, node, given) for each in error.separated()]
        raise_together(located)

    def _argument(self, node: Node, name: str, parameters: "_Parameters", value_of: Callable[[Node], Any]) -> Any:
        if name in parameters.shapes and isinstance(node, Literal) and node.kind == "name":
            named = CALLABLE.get(str(node.value))
            if isinstance(named, type):
                return named
        value = value_of(node)
        return self._length(value, node, parameters.lengths[name]) if name in parameters.lengths else value

    def _bound(self, node: Call, parameters: "_Parameters") -> dict[str, Node]:
        names, errors = parameters.names, list[StepsizeError]()
        if parameters.any_number and not node.keywords:
            return {f"{names[0]}[{index}]": argument for index, argument in enumerate(node.arguments)}
        usage = f"write {parameters.usage}"
        given: dict[str, Node] = dict(zip(names, node.arguments, strict=False))
        if len(node.arguments) > len(names):
            errors.append(error := self.error("too many arguments", node.arguments[len(names)].position, usage))
            error.advice = decimal_comma(error.text) or usage
        for name, argument in node.keywords:
            if name not in names:
                reason = f"{node.name} has no argument {quoted(name)}"
                errors.append(self.error(reason, argument.position, nearest(name, names) or usage))
            elif name in given:
                errors.append(self.error(f'{node.name} is given "{name}" twice', argument.position))
            given[name] = argument
        missing = [f'"{name}"' for name in parameters.needed if name not in given]
        if missing and not errors:
            errors.append(self.error(f"{node.name} lacks {' and '.join(missing)}", node.position, usage))
        raise_together(errors)
        return given

    def _located(self, problem: StepsizeError, node: Call, given: dict[str, Node]) -> ParseError:
        """The problem of a call, at the argument that it is about."""
        own = problem.owner.lower() == node.name.lower()
        argument = given.get(problem.argument.partition("[")[0]) if own else None
        return self.error(str(problem), (argument or node).position)

    def _length(self, value: Any, node: Node, zero: bool, nested: bool = False) -> Any:
        """Strings among the lengths as steps, 0 only if `zero`; of a tuple in a tuple, a point, only the first item."""
        if isinstance(value, tuple) and isinstance(node, Items):
            lengths = [self._length(item, part, zero, True) for item, part in zip(value, node.items, strict=True)]
            return (*lengths[:1], *value[1:]) if nested else tuple(lengths)
        if not isinstance(value, str):
            return value
        if self.horizon is None and self.clock != "seconds" and not is_time(value):
            reason = f"{quoted(value)} needs a horizon, which says how long the run is"
            raise self.error(reason, node.position, "give {horizon} or write a number of steps", horizon=...)
        if value.strip() == "rest" and self.clock != "seconds":
            return self._rest(node)
        steps = self._steps(value, node)
        if steps == 0 and not zero:
            part = "1ep" if "ep" in value else "100%" if "%" in value else ""
            whole = f" of {'an epoch of ' * (part == '1ep')}{self._steps(part, node)} {self.clock}" if part else ""
            reason = f"{quoted(value)}{whole} is 0 {self.clock}"
            raise self.error(reason, node.position, f"write a longer length, or a number of {self.clock}")
        return steps

    def _rest(self, node: Node) -> int:
        """The length tried for "rest": at first, the whole run."""
        if self.rest_at is None:
            self.rest_at = node.position
            self.run = self.rest = self._steps("100%", node)
        elif self.rest_at != node.position:
            raise self.error('"rest" may be used only once', node.position)
        return self.rest

    def _steps(self, length: str, node: Node) -> int:
        try:
            return length_on(self.clock, length, self.horizon)
        except ArgumentError as error:
            raise self.error(str(error), node.position) from None

    def _unknown(self, name: str, known: Iterable[str], kind: str, position: int) -> ParseError:
        instead = INSTEAD_OF.get(name) if known is CALLABLE else None
        advice = f"write {instead}" if instead else nearest(name, known) or listed(sorted(known))
        error = self.error(f"{quoted(name)} is not a {kind}", position, advice)
        if (word := f"1-{name}") in WORDS and word in error.text:
            error.advice = f'write "{word}" in quotes'
        return error


class _Parameters(NamedTuple):
    names: list[str]
    needed: list[str]
    lengths: dict[str, bool]  # those that may have a unit, and whether 0 steps are allowed
    shapes: set[str]  # those that take the class of a shape
    any_number: bool  # whether it takes any number of one argument
    usage: str  # such as "Linear(start, end, steps)"


@functools.cache
def _parameters(function: Callable[..., Any]) -> _Parameters:
    parameters = [p for p in inspect.signature(function).parameters.values() if p.name != "self"]
    return _Parameters(
        [p.name for p in parameters],
        [p.name for p in parameters if p.default is p.empty],
        {p: _takes_zero(rule) for p, rule in rules(function).items() if getattr(rule, "measures_steps", False)},
        {p for p, rule in rules(function).items() if rule is shape_rule},
        any(p.kind is p.VAR_POSITIONAL for p in parameters),
        usage(function),
    )


def _takes_zero(rule: Rule) -> bool:
    each = getattr(rule, "each", rule)
    return getattr(each, "above", None) != 0 and not (getattr(each, "least", None) or 0) > 0


def _joined(kind: type[Sum] | type[Product], terms: list[Any]) -> Any:
    """The sum or product; a number if all terms are numbers."""
    if len(terms) == 1:
        return terms[0]
    if any(isinstance(term, Schedule) for term in terms):
        return kind(tuple(terms))
    value, *others = terms
    for other in others:
        value = value + other if kind is Sum else value * other
        value = value if abs(value) <= LONGEST else float(value)
    return value


def _divided(left: Any, right: Any) -> Any:
    if right == 0 and not isinstance(left, Schedule):
        raise ArgumentError("the right of /", "", "a number other than 0", right)
    return left / right
