"""Refusals of steps, plans, texts, JSON and horizons, in whole messages; `test_refusals` has those of arguments."""

import math

import pytest

import stepsize as ss
from stepsize import Horizon, from_dict, parse, to_dict
from stepsize.errors import StepsizeError
from stepsize.horizon import length_on
from stepsize.schedules import Constant, ConstantProduct, Function, Linear, Plan


def saved(**form):
    return {"version": 1, **form}


def never(step):
    return 1 / 0


def words(step):
    return "x"


REFUSED = [
    ((lambda: Constant(0.1)("a")), "a step is a finite number >= 0 (or an array of them), got 'a'"),
    ((lambda: Constant(0.1)(-1)), "a step is a finite number >= 0, got -1"),
    ((lambda: Constant(0.1)([[0, 1], [2, -3]])), "a step is a finite number >= 0, got -3 at index 1, 1"),
    ((lambda: Constant(0.1)(math.inf)), "a step is a finite number >= 0, got inf"),
    (
        (lambda: ss.Exponential(1, 2)(5000)),
        "Exponential(1.0, 2.0) is inf at step 5000; bound it with .clip(low, high) or end it with .head(n)",
    ),
    (
        (lambda: (ss.Exponential(1, 2) - ss.Exponential(1, 2))(5000)),
        "Exponential(1.0, 2.0) - Exponential(1.0, 2.0) is nan at step 5000; bound the schedules it is made of "
        "with .clip(low, high)",
    ),
    (
        (lambda: Plan(momentum=ConstantProduct(0.1))(3)),
        "Plan(momentum=...) must be a schedule, as nothing schedules the rate, got "
        "ConstantProduct(product=0.1); give lr=... in the same Plan",
    ),
    (
        (lambda: Plan(lr={"a\nb": 0.1})),
        "Plan(lr=...) must be a mapping of names without backslashes, line breaks, or quotes of both kinds, "
        "got 'a\\nb'",
    ),
    ((lambda: Plan(lr={"1": 0.1, 1: 0.2})), "Plan(lr=...) must be a mapping of names that differ, got '1'"),
    ((lambda: Plan(lr=Constant)), "Plan(lr=...) must be a schedule, got Constant; this is a class; call it"),
    ((lambda: Plan(lr=[])), "Plan(lr=...) must be at least one schedule, got []"),
    ((lambda: Plan(lr=True)), "Plan(lr=...) must be a schedule, its text or a number, got True"),
    (
        (lambda: Function("math:coss")(2)),
        'Function(function=...) must be importable, got \'math:coss\'; math has no "coss"; did you mean "cos"?',
    ),
    (
        (lambda: Function("a b")),
        "Function(function=...) must be a function, or the name of one as \"package.module:name\", got 'a b'",
    ),
    ((lambda: Plan.from_dict(saved(type="Constant", value=1))), "this is not a Plan; from_dict(form) reads a schedule"),
    ((lambda: from_dict(saved(type="Plan"))), "schedule: a Plan is not a schedule; read it with Plan.from_dict"),
    (
        (lambda: from_dict(saved(type="Constnt"))),
        "schedule: 'Constnt' is not a type of schedule; did you mean \"Constant\"?",
    ),
    ((lambda: from_dict(saved(type="Constant"))), 'schedule: Constant lacks "value"'),
    (
        (lambda: from_dict(saved(type="Constant", value=1, vale=2))),
        "schedule: Constant has no 'vale'; did you mean \"value\"?",
    ),
    (
        (lambda: from_dict(saved(type="Constant", value=math.inf))),
        "schedule.value: JSON has no inf; leave an endless length out",
    ),
    (
        (lambda: from_dict(saved(type="Sum", terms=[{"a": 1}]))),
        "schedule: Sum has no 'terms'; known are operands\nschedule: Sum lacks \"operands\"",
    ),
    ((lambda: from_dict({"type": "Constant"})), 'the "version" of a schedule in JSON must be 1, got None'),
    ((lambda: from_dict({"version": True})), 'the "version" of a schedule in JSON must be 1, got True'),
    ((lambda: from_dict(3)), "a schedule in JSON is a dictionary, got 3"),
    (
        (lambda: from_dict(saved(type="Function", function="math:cos"))),
        "schedule: Function runs your own code; allow it with functions=True",
    ),
    (
        (lambda: Plan.from_dict(saved(type="Plan", schedules={"lr": 3}))),
        "a plan in JSON has \"relative\" and \"schedules\", got {'schedules': {'lr': 3}}",
    ),
    (
        (lambda: Plan.parse("Linear(1,0,3)")),
        "this is not a Plan; write Plan(lr=..., weight_decay=...)\n  Linear(1,0,3)\n  ^",
    ),
    ((lambda: Plan.parse("Plan(0.1)")), "a Plan has names for its entries; write Plan(lr=...)\n  Plan(0.1)\n       ^"),
    (
        (lambda: Plan.parse("Plan(lr=0.1, lr=0.2)")),
        'Plan is given "lr" twice\n  Plan(lr=0.1, lr=0.2)\n                  ^',
    ),
    (
        (lambda: Plan.parse("Plan(lr={'a': 1, 'a': 2})")),
        "the group \"a\" is given twice\n  Plan(lr={'a': 1, 'a': 2})\n                        ^",
    ),
    (
        (lambda: Plan.parse("Plan(lr=0.1, momentum=ConstantProduct(1, 2))")),
        "ConstantProduct has one argument; write ConstantProduct(product)\n"
        "  Plan(lr=0.1, momentum=ConstantProduct(1, 2))\n"
        "                        ^",
    ),
    (
        (lambda: Plan.parse("Plan(lr=0.1, relative=1)")),
        "relative must be True or False\n  Plan(lr=0.1, relative=1)\n                        ^",
    ),
    (
        (lambda: parse("Plan(lr=0.1)")),
        "a Plan is not a schedule; read a Plan with Plan.parse(text)\n  Plan(lr=0.1)\n  ^",
    ),
    (
        (lambda: parse("0.1 >> Linear(1,0,3)")),
        ">> needs schedules on both sides; write Constant(0.1)\n  0.1 >> Linear(1,0,3)\n  ^",
    ),
    (
        (lambda: parse("Function('math:cos')")),
        "Function runs your own code; allow it with functions=True\n  Function('math:cos')\n  ^",
    ),
    (
        (lambda: parse("Linear(1,0,3).hed(2)")),
        '"hed" is not a method of a schedule; did you mean "head"?\n  Linear(1,0,3).hed(2)\n                ^',
    ),
    ((lambda: parse("Lin(1,0,3)")), '"Lin" is not a shape or recipe; did you mean "Linear"?\n  Lin(1,0,3)\n  ^'),
    (
        (lambda: parse("Linear(1, 0, 3, 4)")),
        "too many arguments; write Linear(start, end, steps)\n  Linear(1, 0, 3, 4)\n                  ^",
    ),
    (
        (lambda: parse("Linear(1, 0, stps=4)")),
        'Linear has no argument "stps"; did you mean "steps"?\n  Linear(1, 0, stps=4)\n                    ^',
    ),
    ((lambda: parse("Linear(1, 0)")), 'Linear lacks "steps"; write Linear(start, end, steps)\n  Linear(1, 0)\n  ^'),
    (
        (lambda: parse("Linear(1, 0, '10%')")),
        '"10%" needs a horizon, which says how long the run is; give horizon=... or write a number of steps\n'
        "  Linear(1, 0, '10%')\n"
        "               ^",
    ),
    ((lambda: parse("sqrt(3)")), '"sqrt" is not a shape or recipe; write a ** 0.5\n  sqrt(3)\n  ^'),
    (
        (lambda: parse("Linear(1, 0, 'rest') >> Linear(1,0,'rest')", Horizon(samples=100, batch=10, epochs=1))),
        '"rest" may be used only once\n'
        "  Linear(1, 0, 'rest') >> Linear(1,0,'rest')\n"
        "                                     ^",
    ),
    (
        (lambda: parse("Linear(1, 0, 90) >> Linear(1,0,'rest')", Horizon(samples=100, batch=10, epochs=1))),
        'nothing is left for "rest": the other phases take 90 of the 10 steps\n'
        "  Linear(1, 0, 90) >> Linear(1,0,'rest')\n"
        "                                 ^",
    ),
    (
        (lambda: ss.wsd(1, 2, 3, 4, shape="cosin")),
        'wsd(shape=...) must be "linear", "cosine", "1-sqrt", "exponential", "rex", "rex(0.7)", '
        '"polynomial(2)" or a function of (start, end, steps), got \'cosin\'; did you mean "cosine"?',
    ),
    (
        (lambda: ss.wsd(1, 2, 3, 4, shape="polynomial")),
        'wsd(shape=...) must be "linear", "cosine", "1-sqrt", "exponential", "rex", "rex(0.7)", '
        "\"polynomial(2)\" or a function of (start, end, steps), got 'polynomial'; did you mean "
        '"polynomial(2)"?',
    ),
    (
        (lambda: ss.wsd(1, 2, 3, 4, shape="linear(2)")),
        'wsd(shape=...) must be "linear", "cosine", "1-sqrt", "exponential", "rex", "rex(0.7)", '
        '"polynomial(2)" or a function of (start, end, steps), got \'linear(2)\'; did you mean "linear"?',
    ),
    (
        (lambda: ss.wsd(1, 2, 3, 4, shape=3)),
        'wsd(shape=...) must be "linear", "cosine", "1-sqrt", "exponential", "rex", "rex(0.7)", '
        '"polynomial(2)" or a function of (start, end, steps), got 3',
    ),
    (
        (lambda: Horizon(samples=100, batch=256, epochs=1, processes=2, drop_last=True)),
        "Horizon(batch=...) must be at most one process's share of the samples when drop_last=True, got 256; "
        "100 samples over 2 processes do not fill one batch",
    ),
    (
        (lambda: Horizon(samples=100, batch=50, epochs=0.1)),
        "Horizon(epochs=...) must be long enough for one update, got 0.1",
    ),
    (
        (lambda: Horizon(samples=100, batch=Linear(1, 9, 50), epochs=1, accumulation=2, processes=2)),
        "Horizon(accumulation=...) must be 1 if batch is a schedule, got 2; the schedule gives the samples of "
        "a whole update\n"
        "Horizon(processes=...) must be 1 if batch is a schedule, got 2; the schedule gives the samples of a "
        "whole update",
    ),
    (
        (lambda: Horizon(samples=9, batch=3, epochs=1).of("5Mtok")),
        "a length must be in steps, epochs, percent or samples if the horizon has no tokens_per_sample, got "
        "'5Mtok'; write samples, as in \"500ksp\", or give tokens_per_sample to the horizon",
    ),
    (
        (lambda: Horizon(samples=9, batch=3, epochs=1).of("5min")),
        'a length must be a number with a unit such as "3ep" (epochs), "10%" (of the run), "500ksp" (samples), '
        '"2Btok" (tokens) or "2000" (steps), got \'5min\'; a time needs a scheduler with clock="seconds"',
    ),
    (
        (lambda: Horizon(samples=9, batch=3, epochs=1).of("5x")),
        'a length must be a number with a unit such as "3ep" (epochs), "10%" (of the run), "500ksp" (samples), '
        '"2Btok" (tokens) or "2000" (steps), got \'5x\'',
    ),
    (
        (lambda: length_on("seconds", "10%", None)),
        'a length must be a time such as "45s", "30min", "2h" or "2000" (seconds), got \'10%\'; a clock of '
        'seconds has no horizon, so no epochs, percent or "rest"',
    ),
    (
        (lambda: length_on("seconds", "rest", None)),
        'a length must be a time such as "45s", "30min", "2h" or "2000" (seconds), got \'rest\'; a clock of '
        'seconds has no horizon, so no epochs, percent or "rest"',
    ),
    (
        (lambda: length_on("seconds", "5x", None)),
        'a length must be a time such as "45s", "30min", "2h" or "2000" (seconds), got \'5x\'',
    ),
    (
        (lambda: Horizon(samples=100, batch=ss.Piecewise((10, 20), (50,)), epochs=1).of("1ep")),
        "a length must be in steps or percent if the batch size is a schedule, got '1ep'; give lengths in "
        "samples to a schedule with .reclock(batch), which turns them into steps",
    ),
    (
        (lambda: Horizon(samples=9, batch=3, epochs=1).after_update(3, "tokens")),
        "Horizon(tokens_per_sample=...) must be given for a clock of tokens, got None",
    ),
    (
        (lambda: Horizon(9, 3)),
        "Horizon(epochs=...) must be given; write Horizon(samples, batch, epochs, accumulation=1, processes=1, "
        "drop_last=False, tokens_per_sample=None)",
    ),
    (
        (lambda: Horizon(9, 3, 1, 1, 1, True, 1, 2)),
        "the number of unnamed arguments of Horizon must be at most 7, got 8; write Horizon(samples, batch, "
        "epochs, accumulation=1, processes=1, drop_last=False, tokens_per_sample=None)",
    ),
    (
        (lambda: Horizon(samples=9, batch="Constant(3)", epochs=1)),
        "Horizon(batch=...) must be a whole number of at least 1, got 'Constant(3)'; for a schedule, write "
        'parse("...")',
    ),
    (
        (lambda: Horizon(samples="9ep", batch=3, epochs=1)),
        "Horizon(samples=...) must be a whole number of at least 1, got '9ep'; write a number such as 3; only "
        "a length may have a unit",
    ),
    (
        (lambda: Linear(1, 0, 0.3)),
        "Linear(steps=...) must be a whole number of at least 1, got 0.3; for 30% of the run write that many "
        'steps, or "30%" in a text',
    ),
    ((lambda: Linear(1, 0, -2.5)), "Linear(steps=...) must be a whole number of at least 1, got -2.5"),
    ((lambda: Linear(1, 0)), "Linear(steps=...) must be given; write Linear(start, end, steps)"),
    (
        (lambda: Linear(1, 0, 3, steps=3)),
        "Linear(steps=...) must be given once, got 3; write Linear(start, end, steps)",
    ),
    ((lambda: Linear(1, 0, stps=3)), "Linear has no argument 'stps'; write Linear(start, end, steps)"),
    ((lambda: ss.Table(0.1)), "Table(values=...) must be a sequence, got 0.1; write values=(0.1,)"),
    ((lambda: ss.Table([])), "Table(values=...) must be a sequence of at least one item, got []"),
    ((lambda: ss.Knots(((0, 1), "23"))), "Knots(points[1]=...) must be a (step, value) pair, got '23'"),
    ((lambda: Linear(1, 0, 9).every(0)), "Every(n=...) must be a whole number of at least 1, got 0"),
    ((lambda: Linear(1, 0, 9).warp(0)), "Warp(power=...) must be a finite number > 0, got 0"),
    ((lambda: Linear(1, 0, 9).stretch(0)), "Stretch(n=...) must be a whole number of at least 1, got 0"),
    (
        (lambda: Linear(1, 0, 9) ** "a"),
        "Power(exponent=...) must be a finite number, got 'a'; write a number such as 0.1",
    ),
    ((lambda: Linear(1, 0, 9).sample(-1)), "sample(n=...) must be a whole number of at least 0, got -1"),
    ((lambda: Linear(1, 0, 9).reclock(0)), "Reclock(batch=...) must be a whole number of at least 1, got 0"),
    ((lambda: Linear(1, 0, 9).tail(2.5)), "Tail(n=...) must be a whole number of at least 0, got 2.5; write 2 or 3"),
    (
        (lambda: Linear(1, 0, 9).shift("a")),
        "Shift(n=...) must be a whole number of at least 0, got 'a'; lengths with a unit are read by "
        'parse(text, horizon=...) or Horizon(...).of("a")',
    ),
]


@pytest.mark.parametrize(("call", "message"), REFUSED, ids=[message[:60] for _, message in REFUSED])
def test_a_refusal_says_what_to_write(call, message):
    with pytest.raises(StepsizeError) as caught:
        call()
    assert str(caught.value) == message


def test_a_function_that_fails_is_named_with_its_step():
    with pytest.raises(StepsizeError, match=r"raised ZeroDivisionError\('division by zero'\) at step 3$"):
        Function(never)(3)
    with pytest.raises(StepsizeError, match=r"must give a finite number at every step, got 'x' at step 2.5$"):
        Function(words)(2.5)
    with pytest.raises(StepsizeError, match=r"has no name to write; use Function\(\"package.module:name\"\)$"):
        to_dict(Function(never))
