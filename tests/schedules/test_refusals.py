"""Bad arguments of schedules: one line that says what was wrong and what to write instead, in whole messages."""

import math
from fractions import Fraction

import numpy as np
import pytest
from refusals import LINE, refused

import stepsize as ss
from stepsize import Constant, Cosine, Function, Horizon, Linear, Table, parse
from stepsize.errors import ArgumentError, FormatError, ParseError, StepError

INF, NAN = math.inf, math.nan
ARGUMENTS = {
    # lengths
    "a boolean as a length": (
        lambda: Linear(0, 1, True),
        "Linear(steps=...) must be a whole number of at least 1, got True",
    ),
    "half a step as a length": (
        lambda: Linear(0, 1, 2.5),
        "Linear(steps=...) must be a whole number of at least 1, got 2.5; write 2 or 3",
    ),
    "a fraction as a length": (
        lambda: Linear(0, 1, Fraction(5, 2)),
        "Linear(steps=...) must be a whole number of at least 1, got Fraction(5, 2); write 2 or 3",
    ),
    "NaN as a length": (lambda: Linear(0, 1, NAN), "Linear(steps=...) must be a whole number of at least 1, got nan"),
    "an infinite length of a shape that ends": (
        lambda: Linear(0, 1, INF),
        "Linear(steps=...) must be a whole number of at least 1, got inf",
    ),
    "minus infinity as a length": (
        lambda: Constant(1, -INF),
        "Constant(steps=...) must be a whole number of at least 1, or inf, got -inf",
    ),
    "0 as the length of a shape": (
        lambda: Cosine(0, 1, 0),
        "Cosine(steps=...) must be a whole number of at least 1, got 0",
    ),
    "a negative length": (lambda: LINE.head(-1), "Head(n=...) must be a whole number of at least 0, got -1"),
    "None as a length": (lambda: LINE.every(None), "Every(n=...) must be a whole number of at least 1, got None"),
    "a length with a unit": (
        lambda: Linear(0, 1, "3ep"),
        "Linear(steps=...) must be a whole number of at least 1, got '3ep'; lengths with a unit are read "
        'by parse(text, horizon=...) or Horizon(...).of("3ep")',
    ),
    "a count in quotes": (
        lambda: Horizon("60000", 256, 10),
        "Horizon(samples=...) must be a whole number of at least 1, got '60000'; write 60000 without quotes",
    ),
    "a count in words": (
        lambda: Horizon("many", 256, 10),
        "Horizon(samples=...) must be a whole number of at least 1, got 'many'; write a number such as 3",
    ),
    "cycles with a unit": (
        lambda: LINE.repeat("3ep"),
        "Repeat(times=...) must be a whole number of at least 1, or inf, got '3ep'; write a number such "
        "as 3; only a length may have a unit",
    ),
    "a matrix as a value, on one line": (
        lambda: Linear(np.zeros((3, 3)), 1, 3),
        "Linear(start=...) must be a finite number, got array([[0., 0., 0.], [0., 0., 0.], [0., 0., "
        "0.]]); write a number such as 0.1",
    ),
    "a length past 2**53": (
        lambda: Linear(0, 1, 2**53 + 1),
        "Linear(steps=...) must be at most 2**53 = 9007199254740992, got 9007199254740993",
    ),
    "a length of 400 digits": (
        lambda: LINE.shift(10**400),
        "Shift(n=...) must be at most 2**53 = 9007199254740992, got "
        "100000000000000000000000000000000000000000000000000000000...",
    ),
    "lengths that add up past 2**53": (
        lambda: Constant(1, 2**53) >> LINE,
        "the length of a schedule must be at most 2**53 = 9007199254740992 steps, got 9007199254740996",
    ),
    "lengths that multiply past 2**53": (
        lambda: LINE.every(2**52),
        "the length of a schedule must be at most 2**53 = 9007199254740992 steps, got 18014398509481984",
    ),
    "cycles that add up past 2**53": (
        lambda: LINE.repeat(2**52),
        "the length of a schedule must be at most 2**53 = 9007199254740992 steps, got 18014398509481984",
    ),
    "an array as a length": (
        lambda: LINE.head(np.array([1, 2])),
        "Head(n=...) must be a whole number of at least 0, got array([1, 2])",
    ),
    # numbers
    "infinity as a value": (lambda: Linear(0, INF, 3), "Linear(end=...) must be a finite number, got inf"),
    "NaN as a value": (lambda: Constant(NAN), "Constant(value=...) must be a finite number, got nan"),
    "a boolean as a value": (
        lambda: Constant(True),
        "Constant(value=...) must be a finite number, got True; write a number such as 0.1",
    ),
    "a text as a value": (
        lambda: Constant("0.1"),
        "Constant(value=...) must be a finite number, got '0.1'; write a number such as 0.1",
    ),
    "a complex number as a value": (
        lambda: Constant(1j),
        "Constant(value=...) must be a finite number, got 1j; write a number such as 0.1",
    ),
    "a number of 400 digits": (
        lambda: Constant(10**400),
        "Constant(value=...) must be a finite number, got 100000000000000000000000000000000000000000000000000000000...",
    ),
    "a fraction of 400 digits": (
        lambda: Constant(Fraction(-(10**400))),
        "Constant(value=...) must be a finite number, got Fraction(-10000000000000000000000000000000000000000000000...",
    ),
    "a factor below 0": (
        lambda: ss.Exponential(1, -0.5),
        "Exponential(factor=...) must be a finite number >= 0, got -0.5",
    ),
    "per 0 steps": (lambda: ss.Exponential(1, 0.5, 0), "Exponential(per=...) must be a finite number > 0, got 0"),
    "a geometric line through 0": (
        lambda: ss.Geometric(1, 0, 5),
        "Geometric(end=...) must be a finite number > 0, got 0",
    ),
    "a power of 0": (lambda: ss.Polynomial(1, 0, 5, 0), "Polynomial(power=...) must be a finite number > 0, got 0"),
    "a fraction over 1": (
        lambda: ss.one_cycle(1, 10, 1.5),
        "one_cycle(warmup_frac=...) must be a finite number >= 0 and <= 1, got 1.5",
    ),
    "a text as a rate that may be None": (
        lambda: ss.one_cycle(0.5, 100, init_lr="x"),
        "one_cycle(init_lr=...) must be a finite number, got 'x'; write a number such as 0.1",
    ),
    "NaN as a rate that may be None": (
        lambda: ss.one_cycle(0.5, 100, final_lr=NAN),
        "one_cycle(final_lr=...) must be a finite number, got nan",
    ),
    # sequences
    "no boundaries": (
        lambda: ss.MultiStep(1, 0.5, ()),
        "MultiStep(boundaries=...) must be a sequence of at least one item, got ()",
    ),
    "a boundary that is not in a sequence": (
        lambda: ss.MultiStep(1, 0.5, 3),
        "MultiStep(boundaries=...) must be a sequence, got 3; write boundaries=(3,)",
    ),
    "a text as a sequence": (
        lambda: Table("123"),
        "Table(values=...) must be a sequence, got '123'; write values=('123',)",
    ),
    "a bad item": (lambda: Table([1.0, INF]), "Table(values[1]=...) must be a finite number, got inf"),
    "boundaries out of order": (
        lambda: ss.MultiStep(1, 0.5, (8, 3)),
        "MultiStep(boundaries[1]=...) must be weakly rising, got 3; sort them; here 8 is followed by 3",
    ),
    "a boundary twice": (
        lambda: ss.Piecewise((1, 2, 3), (5, 5)),
        "Piecewise(boundaries[1]=...) must be strictly rising, got 5; sort them and write each once; "
        "here 5 is followed by 5",
    ),
    "as many values as boundaries": (
        lambda: ss.Piecewise((1, 2), (5, 7)),
        "Piecewise(values=...) must be 3 values (one more than boundaries), got (1.0, 2.0)",
    ),
    "a single knot": (
        lambda: ss.Knots([(0, 1)]),
        "Knots(points=...) must be at least two (step, value) pairs, got ((0.0, 1.0),)",
    ),
    "a knot of three numbers": (
        lambda: ss.Knots([(0, 1), (1, 2, 3)]),
        "Knots(points[1]=...) must be a (step, value) pair, got (1, 2, 3)",
    ),
    "knots at one step": (
        lambda: ss.Knots([(1, 0), (1, 1)]),
        "Knots(points[1]=...) must be at a later step than 1, got (1.0, 1.0)",
    ),
    "a knot before the start": (
        lambda: ss.Knots([(-1, 0), (1, 1)]),
        "Knots(points[0]=...) must be a finite number >= 0, got -1",
    ),
    # words
    "an unknown shape of knots": (
        lambda: ss.Knots([(0, 1), (1, 2)], "cosin"),
        'Knots(shape=...) must be "linear" or "cosine", got \'cosin\'; did you mean "cosine"?',
    ),
    "an unknown way down": (
        lambda: LINE.cooldown(1, 2, 0, "sqrt"),
        'cooldown(shape=...) must be "linear", "cosine", "1-sqrt", "exponential", "rex", "rex(0.7)", '
        '"polynomial(2)" or a function of (start, end, steps), got \'sqrt\'; did you mean "1-sqrt"?',
    ),
    "an unknown mode": (
        lambda: ss.cyclic(0, 1, 2, 2, mode="exprange"),
        'cyclic(mode=...) must be "triangular" or "triangular2" or "exp_range", got \'exprange\'; did you '
        'mean "exp_range"?',
    ),
    # whole schedules
    "a triangle upside down": (
        lambda: ss.Triangle(1, 0, 2, 2),
        "Triangle(low=...) must be at most high = 0.0, got 1.0; for a valley write 1.0 - Triangle(0.0, 1, ...)",
    ),
    "bounds exchanged": (
        lambda: LINE.clip(1, 0),
        "Clip(low=...) must be at most high = 0.0, got 1.0; exchange the two",
    ),
    "clip at NaN": (lambda: LINE.clip(0, NAN), "Clip(high=...) must be a number, got nan"),
    "a tail longer than the schedule": (
        lambda: LINE.tail(5),
        "Tail(n=...) must be at most the schedule's 4 steps, got 5",
    ),
    "a warmup before a number": (
        lambda: ss.warmup(0.3, 5),
        "warmup(schedule=...) must be a schedule, got 0.3; write a schedule such as Constant(0.1)",
    ),
    "a minimum of a single schedule": (
        lambda: ss.minimum(LINE),
        "Minimum(operands=...) must be at least two operands, one of them a schedule, got (Linear(0.0, 1.0, 4),)",
    ),
    "a warmup as long as the run": (
        lambda: ss.warmup_cosine(0.3, 20, 20),
        "warmup_cosine(warmup_steps=...) must be less than total_steps = 20, got 20",
    ),
    "only phases of 0 steps": (
        lambda: ss.wsd(0.3, 0, 0, 0),
        "the sum of the phases of wsd must be at least 1 step, got 0",
    ),
    "a name without a module": (
        lambda: Function("exp"),
        "Function(function=...) must be a function, or the name of one as \"package.module:name\", got 'exp'",
    ),
    "a number as a function": (
        lambda: Function(0.1),
        'Function(function=...) must be a function, or the name of one as "package.module:name", got 0.1',
    ),
    # endless, where an end is needed
    "an endless schedule before another": (
        lambda: Constant(1) >> LINE,
        "the left of >> must be a schedule that ends, got Constant(1.0); say how long it lasts with .head(n) before >>",
    ),
    "an endless schedule within a chain": (
        lambda: LINE >> (ss.InversePower(1) >> LINE),
        "the left of >> must be a schedule that ends, got InversePower(1.0); say how long it lasts with "
        ".head(n) before >>",
    ),
    "an endless schedule stretched": (
        lambda: Constant(1).stretch(10),
        "the schedule of .stretch() must be one that ends, got Constant(1.0); cut it with .head(n) first",
    ),
    "an endless schedule repeated": (
        lambda: Constant(1).repeat(2),
        "the schedule of .repeat() must be one that ends, got Constant(1.0); cut it with .head(n) first",
    ),
    "an endless schedule sampled without a length": (
        lambda: Constant(1).sample(),
        "the schedule of .sample() must be one that ends, got Constant(1.0); write .sample(n)",
    ),
    "a schedule of 0 steps repeated": (
        lambda: LINE.head(0).repeat(2),
        "the schedule of .repeat() must be at least one step long, got Linear(0.0, 1.0, 4).head(0)",
    ),
    "cycles that shrink below one step": (
        lambda: LINE.repeat(9, 1, 0.5),
        "Repeat(stretch=...) must be large enough to leave each cycle a step, got 0.5; repeat it fewer "
        "times or shrink it less",
    ),
    "a cycle longer than 2**53 steps": (
        lambda: LINE.repeat(999, 1, 2),
        "Repeat(stretch=...) must be small enough for cycles under 2**53 steps, got 2.0; repeat it fewer "
        "times or stretch it less",
    ),
    "endless cycles that shrink": (
        lambda: LINE.repeat(INF, 1, 0.9),
        "Repeat(stretch=...) must be 1, or at least 1.005, if times is inf, got 0.9; or give the number of times",
    ),
    "endless cycles that grow too slowly": (
        lambda: LINE.repeat(INF, 1, 1.002),
        "Repeat(stretch=...) must be 1, or at least 1.005, if times is inf, got 1.002; or give the number of times",
    ),
    "more than 10,000 cycles of different lengths": (
        lambda: LINE.repeat(10_001, 1, 1.0001),
        "Repeat(times=...) must be at most 10000 if stretch is not 1, or inf, got 10001",
    ),
    # operators
    "an array times a schedule": (
        lambda: np.ones(3) * LINE,
        "an operand of * must be a schedule or a finite number, got array([1., 1., 1.])",
    ),
    "a schedule plus an array": (
        lambda: LINE + np.ones(3),
        "an operand of + must be a schedule or a finite number, got array([1., 1., 1.])",
    ),
    "an array minus a schedule": (
        lambda: np.ones(3) - LINE,
        "an operand of - must be a schedule or a finite number, got array([1., 1., 1.])",
    ),
    "an array before a schedule": (
        lambda: np.ones(3) >> LINE,
        "the left of >> must be a schedule, got array([1., 1., 1.]); write Constant(0.1, steps) >> ... "
        "to start at a number",
    ),
    "an array over a schedule": (
        lambda: np.ones(3) / LINE,
        "the right of / must be a number, got Linear(0.0, 1.0, 4); a number cannot be divided by a schedule",
    ),
    "a schedule over a schedule": (lambda: LINE / LINE, "the right of / must be a number, got Linear(0.0, 1.0, 4)"),
    "a number over a schedule": (
        lambda: 1 / LINE,
        "the right of / must be a number, got Linear(0.0, 1.0, 4); a number cannot be divided by a schedule",
    ),
    "a schedule over 0": (lambda: LINE / 0, "the right of / must be a number other than 0, got 0.0"),
    "a schedule over NaN": (lambda: LINE / NAN, "Quotient(divisor=...) must be a finite number, got nan"),
    "a number at the end": (
        lambda: LINE >> 1,
        "the right of >> must be a schedule, got 1; write >> Constant(0.01) to stay at a number",
    ),
    "a number at the start": (
        lambda: 1 >> LINE,
        "the left of >> must be a schedule, got 1; write Constant(0.1, steps) >> ... to start at a number",
    ),
    "a text at the end": (
        lambda: LINE >> "Constant(1)",
        "the right of >> must be a schedule, got 'Constant(1)'; write parse(\"...\")",
    ),
    "a text at the start": (
        lambda: "Constant(1)" >> LINE,
        "the left of >> must be a schedule, got 'Constant(1)'; write parse(\"...\")",
    ),
    "a text in a recipe": (
        lambda: ss.warmup("Constant(1)", 10),
        "warmup(schedule=...) must be a schedule, got 'Constant(1)'; write parse(\"...\")",
    ),
    "a text in a minimum": (
        lambda: ss.minimum("Constant(1)", 0.1),
        "an operand of minimum must be a schedule or a finite number, got 'Constant(1)'; write parse(\"...\")",
    ),
    "a text as the batch": (
        lambda: LINE.reclock("Constant(8)"),
        "Reclock(batch=...) must be a whole number of at least 1, got 'Constant(8)'; for a schedule, "
        'write parse("...")',
    ),
    "a bool as an operand": (
        lambda: LINE + True,
        "an operand of + must be a schedule or a finite number, got True",
    ),
    "infinity as an operand": (lambda: INF * LINE, "an operand of * must be a schedule or a finite number, got inf"),
    "a text as an operand": (
        lambda: LINE - "1",
        "an operand of - must be a schedule or a finite number, got '1'; write parse(\"...\")",
    ),
    "NaN as a sample": (lambda: LINE.sample(NAN), "sample(n=...) must be a whole number of at least 0, got nan"),
    # what is read
    "a horizon that is a number": (
        lambda: parse("Constant(1)", 10),
        "parse(horizon=...) must be a Horizon(samples=..., batch=...), got 10",
    ),
    "a text that is bytes": (lambda: parse(b"Constant(1)"), "parse(text=...) must be a string, got b'Constant(1)'"),
}


@pytest.mark.parametrize("case", ARGUMENTS)
def test_an_invalid_argument_is_refused(case):
    make, message = ARGUMENTS[case]
    assert refused(ArgumentError, message, make) == message
    assert "\n" not in message
    assert len(message) < 300


def test_numbers_of_numpy_and_whole_floats_are_accepted():
    assert Linear(np.float32(0.0), np.int16(1), np.int64(10)) == Linear(0, 1, 10.0) == Linear(0, 1, np.float64(10))
    assert LINE.head(np.uint8(3)) == LINE.head(3.0) == LINE.head(Fraction(3))
    assert np.float64(2) * LINE == 2 * LINE == np.int64(2) * LINE
    assert LINE / np.float64(2) == LINE / 2
    assert not np.any(np.ones(3) == LINE)


def test_a_schedule_may_be_as_long_as_steps_can_be_told_apart():
    assert LINE.repeat(INF, 1, 1.005).steps == INF
    assert (Constant(1, 2**53 - 4) >> LINE).steps == LINE.every(2**51).steps == 2**53


def test_every_refusal_is_a_stepsize_error_and_a_value_error():
    for kind in (ArgumentError, StepError, ParseError, FormatError):
        assert issubclass(kind, ss.StepsizeError)
        assert issubclass(kind, ValueError)
