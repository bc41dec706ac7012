"""The rules of arguments: where they are written, and their messages."""

import copy
import inspect
import io
import math
import pickle
from fractions import Fraction

import pytest
import torch

import stepsize
from stepsize.arguments import (
    LONGEST,
    BatchSize,
    Choice,
    Flag,
    Instance,
    Length,
    Many,
    Maybe,
    MaybeReal,
    Number,
    Real,
    Seed,
    Whole,
    rules,
)
from stepsize.descent import Momentum
from stepsize.errors import ArgumentError, shown
from stepsize.pytorch import Plateau
from stepsize.schedules.names import METHODS, OPERATORS, RECIPES, SHAPES


@pytest.mark.parametrize(
    "made", [*SHAPES, *OPERATORS, *RECIPES, *METHODS.values(), stepsize.Horizon], ids=lambda made: made.__qualname__
)
def test_every_argument_has_its_rule(made):
    assert set(rules(made)) == set(inspect.signature(made).parameters) - {"self"}


CALLED = [*SHAPES, *RECIPES, stepsize.Horizon, Momentum]


@pytest.mark.parametrize("made", CALLED, ids=lambda made: made.__qualname__)
def test_an_argument_that_does_not_exist_is_answered_with_a_whole_call(made):
    with pytest.raises(ArgumentError) as caught:
        made(max_update=20)
    assert str(caught.value).startswith(f"{made.__name__} has no argument 'max_update'; write {made.__name__}(")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: stepsize.Cosine(max_update=20, base_lr=0.3),
            "Cosine has no argument 'max_update'\nCosine has no argument 'base_lr'; write Cosine(start, end, steps)",
        ),
        (
            stepsize.Cosine,
            "Cosine(start=...) must be given\nCosine(end=...) must be given\n"
            "Cosine(steps=...) must be given; write Cosine(start, end, steps)",
        ),
        (
            stepsize.Horizon,
            "Horizon(samples=...) must be given\nHorizon(batch=...) must be given\n"
            "Horizon(epochs=...) must be given; write Horizon(samples, batch, epochs, accumulation=1, processes=1, "
            "drop_last=False, tokens_per_sample=None)",
        ),
        (lambda: stepsize.Cosine(0.3, 0.01), "Cosine(steps=...) must be given; write Cosine(start, end, steps)"),
        (
            lambda: stepsize.Cosine(0.3, 0.01, 20, 5),
            "the number of unnamed arguments of Cosine must be at most 3, got 4; write Cosine(start, end, steps)",
        ),
        (
            lambda: stepsize.Cosine(0.3, 0.01, end=0.0),
            "Cosine(end=...) must be given once, got 0.0; write Cosine(start, end, steps)",
        ),
        (
            lambda: stepsize.noam(model_size=512),
            "noam has no argument 'model_size'; write noam(d_model, warmup_steps, factor=1.0)",
        ),
        (
            lambda: stepsize.Constant(0.1).cooldown(),
            "cooldown(at=...) must be given\n"
            "cooldown(steps=...) must be given; write cooldown(at, steps, end=0.0, shape='linear')",
        ),
        (
            lambda: stepsize.warmup_cosine(3e-3, 0.1, 450),
            "warmup_cosine(warmup_steps=...) must be a whole number of at least 0, got 0.1; "
            'for 10% of the run write that many steps, or "10%" in a text',
        ),
        (lambda: Plateau.parse(3), "Plateau.parse(text=...) must be a string, got 3"),
        (Plateau.parse, "Plateau.parse(text=...) must be given; write Plateau.parse(text)"),
        (
            lambda: Plateau.parse("Plateau()", 3),
            "the number of unnamed arguments of Plateau.parse must be at most 1, got 2; write Plateau.parse(text)",
        ),
        (lambda: stepsize.Plan.parse(3), "Plan.parse(text=...) must be a string, got 3"),
    ],
)
def test_a_call_that_does_not_fit_says_what_to_write(call, message):
    with pytest.raises(ArgumentError) as caught:
        call()
    assert str(caught.value) == message
    assert str(pickle.loads(pickle.dumps(caught.value))) == message


@pytest.mark.parametrize("made", [stepsize.Horizon(100, 10, 2), stepsize.Linear(0.0, 0.3, 5), Momentum(0.5)])
def test_what_is_made_with_arguments_is_copied_without_them(made):
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(made, protocol)) == made
    kept = io.BytesIO()
    torch.save(made, kept)
    kept.seek(0)
    with torch.serialization.safe_globals([type(made)]):
        assert torch.load(kept, weights_only=True) == made
    assert copy.copy(made) == copy.deepcopy(made) == made


FROM_TWO = Whole(2)
STORED = [
    (Number(), -0.0, 0.0),
    (Number(), Fraction(1, 4), 0.25),
    (Number(above=0.0), 5e-324, 5e-324),
    (Number(least=0.0), 0.0, 0.0),
    (Number(most=1.0), 1.0, 1.0),
    (Number(infinite=True), math.inf, math.inf),
    (Number(infinite=True), -(10**400), -math.inf),
    (FROM_TWO, 2, 2),
    (FROM_TWO, 2.0, 2),
    (FROM_TWO, LONGEST, LONGEST),
    (Whole(0, endless=True), math.inf, math.inf),
    (Flag(), False, False),
    (Choice(("sgd", "adam")), "adam", "adam"),
    (Instance(int, "an int"), 5, 5),
    (Many(Whole(1)), iter([3, 1, 3]), (3, 1, 3)),
    (Many(Whole(1), rising="weakly"), [1, 1, 2], (1, 1, 2)),
    (Many(Whole(1), rising="strictly"), [1, 2], (1, 2)),
    (Many(Whole(1), distinct=True), [2, 1], (2, 1)),
    (Many(Whole(1), empty=True), (), ()),
    (Many(Many(Number())), [[1, 2], (3,)], ((1.0, 2.0), (3.0,))),
]


@pytest.mark.parametrize(("rule", "value", "stored"), STORED, ids=range(len(STORED)))
def test_a_value_that_is_just_allowed_is_stored(rule, value, stored):
    found = rule("f", "x", value)
    assert repr(found) == repr(stored)


NUMBER, WHOLE = "a finite number", "a whole number of at least 2"
REFUSED = [
    (Number(), True, f"{NUMBER}, got True; write a number such as 0.1"),
    (Number(), math.inf, f"{NUMBER}, got inf"),
    (Number(), Fraction(-(10**400), 3), f"{NUMBER}, got {shown(Fraction(-(10**400), 3))}"),
    (Number(above=0.0), 0.0, f"{NUMBER} > 0, got 0.0"),
    (Number(least=0.5), 0.4999, f"{NUMBER} >= 0.5, got 0.4999"),
    (Number(least=0.0, most=1.0), 1.0001, f"{NUMBER} >= 0 and <= 1, got 1.0001"),
    (Number(infinite=True), math.nan, "a number, got nan"),
    (FROM_TWO, 1, f"{WHOLE}, got 1"),
    (FROM_TWO, 2.5, f"{WHOLE}, got 2.5; write 2 or 3"),
    (FROM_TWO, 1.5, f"{WHOLE}, got 1.5"),
    (FROM_TWO, math.inf, f"{WHOLE}, got inf"),
    (FROM_TWO, LONGEST + 1, "at most 2**53 = 9007199254740992, got 9007199254740993"),
    (FROM_TWO, " 30 ", f"{WHOLE}, got ' 30 '; write 30 without quotes"),
    (FROM_TWO, "3ep", f"{WHOLE}, got '3ep'; write a number such as 3; only a length may have a unit"),
    (FROM_TWO, "", f"{WHOLE}, got ''; write a number such as 3"),
    (Whole(2, endless=True), -math.inf, f"{WHOLE}, or inf, got -inf"),
    (Whole(2, endless=True), math.nan, f"{WHOLE}, or inf, got nan"),
    (Length(2), 0.25, f'{WHOLE}, got 0.25; for 25% of the run write that many steps, or "25%" in a text'),
    (Length(2), 0, f"{WHOLE}, got 0"),
    (Length(2), 1, f"{WHOLE}, got 1"),
    (Length(2), 2.25, f"{WHOLE}, got 2.25; write 2 or 3"),
    (Seed(0), "0-4", "of at least 0, got '0-4'; on the command line a range is written 0..4"),
    (Seed(0), "0-x", "of at least 0, got '0-x'; write a number such as 3; only a length may have a unit"),
    (Seed(0), "-4", "of at least 0, got '-4'; write a number such as 3"),
    (Seed(0), "7", "of at least 0, got '7'; write 7 without quotes"),
    (BatchSize(1), "8", "of at least 1, got '8'; write 8 without quotes"),
    (BatchSize(1), "Constant(8)", "of at least 1, got 'Constant(8)'; for a schedule, write parse(\"...\")"),
    (Flag(), 1, "a boolean, got 1"),
    (Choice(("sgd", "adam")), "adm", '"sgd" or "adam", got \'adm\'; did you mean "adam"?'),
    (Choice(("sgd", "adam")), "ADAM", '"sgd" or "adam", got \'ADAM\'; did you mean "adam"?'),
    (FROM_TWO, "9" * 60, f"write {'9' * 17}... without quotes"),
    (Choice(("sgd", "adam")), 5, '"sgd" or "adam", got 5'),
    (Instance(str, "a text", "write str(x)"), 5, "a text, got 5; write str(x)"),
    (Instance(Momentum, "a rule", "write one"), Momentum, "a rule, got Momentum; write Momentum(...)"),
    (Many(Whole(1)), 5, "a sequence, got 5; write x=(5,)"),
    (Many(Whole(1)), b"12", "a sequence, got b'12'; write x=(b'12',)"),
    (Many(Whole(1)), [], "a sequence of at least one item, got []"),
    (Many(Whole(1), distinct=True), [1, 2, 1], "different from one another, got [1, 2, 1]"),
]


@pytest.mark.parametrize(("rule", "value", "message"), REFUSED, ids=range(len(REFUSED)))
def test_a_value_that_is_just_not_allowed_is_refused(rule, value, message):
    with pytest.raises(ArgumentError) as caught:
        rule("f", "x", value)
    assert str(caught.value).startswith("f(x=...) must be ")
    assert str(caught.value).endswith(message)


@pytest.mark.parametrize(
    ("rule", "value", "message"),
    [
        (Many(Whole(1)), [1, 0], "f(x[1]=...) must be a whole number of at least 1, got 0"),
        (Many(Many(Number())), [(1,), 5], "f(x[1]=...) must be a sequence, got 5; write (5,)"),
        (Many(Many(Number())), [(1, "a")], "f(x[0][1]=...) must be a finite number, got 'a'; write a number such as "),
        (Many(Whole(1), rising="weakly"), [1, 3, 2], "f(x[2]=...) must be weakly rising, got 2; sort them; here 3 is "),
        (Many(Whole(1), rising="strictly"), [1, 1], "f(x[1]=...) must be strictly rising, got 1; sort them and write "),
    ],
)
def test_an_item_that_is_refused_is_named(rule, value, message):
    with pytest.raises(ArgumentError) as caught:
        rule("f", "x", value)
    assert str(caught.value).startswith(message)


def test_a_rule_hidden_in_a_type_is_refused_where_it_is_written():
    def union(rate: Real | None): ...
    def item(rates: tuple[Real, ...]): ...

    for function in (union, item):
        with pytest.raises(TypeError, match=r"must be outermost, as in Maybe"):
            rules(function)


def test_none_is_kept_and_everything_else_is_under_the_rule():
    def outermost(rate: MaybeReal): ...

    assert rules(outermost) == {"rate": Maybe(Number())}
    assert Maybe(Number())("f", "rate", None) is None
    assert Maybe(Number())("f", "rate", 1) == 1.0
    with pytest.raises(ArgumentError, match=r"f\(rate=...\) must be a finite number, got 'x'"):
        Maybe(Number())("f", "rate", "x")
