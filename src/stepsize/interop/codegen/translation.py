"""The operators and methods of schedules as cases of values; `shapes` has the shapes."""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial, reduce
from itertools import pairwise
from operator import add, mul

from stepsize.errors import ArgumentError
from stepsize.interop.codegen import shapes
from stepsize.interop.codegen.cases import Let, Node, combined, few, has_terms, let, until
from stepsize.interop.codegen.clock import Clock
from stepsize.interop.codegen.program import Program
from stepsize.interop.codegen.shapes import in_turn
from stepsize.interop.codegen.terms import Expr, Value, number
from stepsize.schedules.arithmetic import Clip, Maximum, Minimum, Power, Product, Quotient, Sum
from stepsize.schedules.base import Schedule
from stepsize.schedules.batches import Reclock
from stepsize.schedules.clock import Chain, Every, Head, Repeat, Shift, Stretch, Tail, Warp
from stepsize.schedules.function import Function

_LARGEST = 2**31  # of a step in JAX

Parts = list[tuple[float, Node]]
"""Nodes, each up to a step of a schedule's own clock."""


def translated(schedule: Schedule, clock: Clock, program: Program) -> Node:
    """The code of a schedule on a clock; names and lists that it needs go into the program."""
    language = program.language
    match schedule:
        case Sum():
            return _pointwise(partial(reduce, add), schedule.operands, clock, program)
        case Product():
            return _pointwise(partial(reduce, mul), schedule.operands, clock, program)
        case Minimum():
            return _pointwise(partial(language.extreme, "min"), schedule.operands, clock, program)
        case Maximum():
            return _pointwise(partial(language.extreme, "max"), schedule.operands, clock, program)
        case Quotient(inner, divisor):
            return _changed(lambda value: value.scaled(1 / divisor), inner, clock, program)
        case Power(inner, exponent):
            return _changed(lambda value: _power(value, exponent, program), inner, clock, program)
        case Clip(inner, low, high):
            return _changed(lambda value: language.clipped(value, low, high), inner, clock, program)
        case Chain():
            parts = zip(schedule.starts, schedule.parts, strict=True)
            nodes = [translated(part, clock.after(start), program) for start, part in parts]
            return in_turn(clock, list(zip([*schedule.starts[1:], math.inf], nodes, strict=True)))
        case Shift(inner, n):
            return in_turn(clock, [(n, Value(inner(0))), (math.inf, translated(inner, clock.after(n), program))])
        case Head(inner, n):
            return in_turn(clock, [(n, translated(inner, clock, program)), (math.inf, Value(inner(n)))])
        case Tail(inner, n):
            return translated(inner, clock.after(-n), program)
        case Stretch(inner, n):
            faster = clock.faster(Fraction(int(inner.steps), n))
            return _ended(schedule, clock, translated(inner, faster, program))
        case Warp(inner, power):
            return _warp(schedule, int(inner.steps), power, clock, program)
        case Every(inner, n):
            return _every(inner, n, clock, program)
        case Repeat():
            return _repeat(schedule, clock, program)
        case Reclock():
            return _reclock(schedule, clock, program)
        case Function():
            advice = "its code is not in the schedule; write it into your program yourself"
            raise ArgumentError("to_code", "schedule", "made of shapes", schedule, advice)
    return shapes.translated(schedule, clock, program)


def _ended(schedule: Schedule, clock: Clock, node: Node) -> Node:
    return in_turn(clock, [(schedule.steps, node), (math.inf, Value(schedule(schedule.steps)))])


def _pointwise(
    combine: Callable[[Sequence[Value]], Value], operands: Sequence[Schedule | float], clock: Clock, program: Program
) -> Node:
    nodes = [translated(each, clock, program) if isinstance(each, Schedule) else Value(each) for each in operands]
    return combined(combine, nodes, partial(program.function, clock))


def _changed(change: Callable[[Value], Value], inner: Schedule, clock: Clock, program: Program) -> Node:
    return _pointwise(lambda values: change(values[0]), [inner], clock, program)


def _power(value: Value, exponent: float, program: Program) -> Value:
    if value.terms:
        return Value.of(program.language.power(value.expr, exponent))
    return Value(value.offset**exponent)


def _warp(schedule: Schedule, steps: int, power: float, clock: Clock, program: Program) -> Node:
    assert isinstance(schedule, Warp)
    if steps == 0:
        return Value(schedule(0))
    z = program.new_name("z")
    bent = program.language.power(clock.progress(steps), power)
    inner = Clock(z, Fraction(steps), is_whole=False, made=(clock, steps, power))
    node = translated(schedule.schedule, inner, program)
    if has_terms(node):  # the bounds of cases are those of the variable that z is made of
        node = Let((f"{z} = {bent.text}",), node)
    return _ended(schedule, clock, node)


def _every(inner: Schedule, n: int, clock: Clock, program: Program) -> Node:
    if not clock.is_whole:
        last = few(clock.longest // n)
        parts: Parts = [((epoch + 1) * n, Value(inner(epoch))) for epoch in range(last)]
        return in_turn(clock, [*parts, (math.inf, Value(inner(last)))])
    count, _, _ = clock.divided(n, in_32_bits=program.language.jax)
    epoch = program.new_name("epoch")
    return let([f"{epoch} = {count.text}"], translated(inner, Clock(epoch), program))


def _repeat(schedule: Repeat, clock: Clock, program: Program) -> Node:
    inner, steps, scale = schedule.schedule, int(schedule.schedule.steps), schedule.scale
    is_plain = clock.rate == 1 and clock.start.denominator == 1
    if not clock.is_whole or (schedule.stretch_ != 1 and not is_plain):
        node = _cycle_by_cycle(schedule, clock, program)
    elif schedule.stretch_ != 1:
        node = _stretched_cycles(schedule, clock, program)
    else:
        count, rest, unit = clock.divided(steps, in_32_bits=program.language.jax)
        t = program.new_name("t")
        body = until(translated(inner, Clock(t, unit), program), t, float(steps / unit))
        statements = [f"{t} = {rest.text}"]
        if scale != 1:
            cycle = program.new_name("cycle")
            statements.insert(0, f"{cycle} = {count.text}")
            body = _scaled(body, program.language.power_of(scale, Expr(cycle)), Clock(t), program)
        node = let(statements, body)
    return node if schedule.steps == math.inf else _ended(schedule, clock, node)


def _scaled(node: Node, factor: Expr, clock: Clock, program: Program) -> Node:
    return combined(partial(reduce, mul), [node, Value.of(factor)], partial(program.function, clock))


def _cycle_by_cycle(schedule: Repeat, clock: Clock, program: Program) -> Node:
    steps, parts = int(schedule.schedule.steps), Parts()
    for cycle, (begin, end) in enumerate(pairwise(schedule.starts)):
        if begin > clock.longest:
            break
        local = clock.after(begin).faster(Fraction(steps, int(end - begin)))
        parts.append((end, translated(schedule.schedule * schedule.scale ** few(cycle), local, program)))
    return in_turn(clock, [*parts[:-1], (math.inf, parts[-1][1])])


def _stretched_cycles(schedule: Repeat, clock: Clock, program: Program) -> Node:
    """Cycles of different lengths, by a loop in Python, and by a list of their starts in JAX."""
    steps, stretch, scale = int(schedule.schedule.steps), schedule.stretch_, schedule.scale
    z, cycle = program.new_name("z"), program.new_name("cycle")
    body = translated(schedule.schedule, Clock(z, Fraction(steps), is_whole=False), program)
    body = until(body, z, 1.0)
    if scale != 1:
        body = _scaled(body, program.language.power_of(scale, Expr(cycle)), Clock(z), program)
    by_formula = f"math.floor({steps} * {stretch!r}**{{}} + 0.5)"
    if stretch.is_integer():
        by_formula = f"{steps} * {int(stretch)}**{{}}"
    if program.language.jax:
        count = bisect_left(schedule.starts, _LARGEST) - 1
        lengths = program.new_name("LENGTHS")
        program.lists.append(f"{lengths} = [{by_formula.format('i')} for i in range({count})]")
        starts = program.new_name("STARTS")
        program.lists.append(f"{starts} = jnp.array(list(accumulate({lengths}, initial={int(clock.start)})))")
        return let(program.located(starts, clock, cycle, z), body)
    t, length = program.new_name("t"), program.new_name("length")
    begin = [f"{t} = {clock.gone.text}", f"{length} = {number(steps).text}"]
    loop = [f"while {t} >= {length}:", f"    {t} -= {length}"]
    if scale != 1 or not stretch.is_integer():
        begin.insert(0, f"{cycle} = 0")
        loop.append(f"    {cycle} += 1")
    if stretch.is_integer():
        loop.append(f"    {length} *= {int(stretch)}")
    else:
        loop.append(f"    {length} = {by_formula.format(cycle)}")
    return let([*begin, *loop, f"{z} = {t} / {length}"], body)


def _reclock(schedule: Reclock, clock: Clock, program: Program) -> Node:
    firsts, used, sizes = schedule.equal_batches
    parts = Parts()
    for first, samples, size, stop in zip(firsts, used, sizes, [*firsts[1:], math.inf], strict=True):
        in_samples = clock.after(first).faster(int(size)).after(-int(samples))
        few(len(parts))
        parts.append((stop, translated(schedule.schedule, in_samples, program)))
    return in_turn(clock, parts)
