"""The rules of arguments: where they are written, and their messages."""

import copy
import inspect
import pickle

import pytest

import stepsize
from stepsize.arguments import Maybe, MaybeReal, Number, Real, rules
from stepsize.descent import Momentum
from stepsize.errors import ArgumentError
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
    assert copy.copy(made) == copy.deepcopy(made) == made


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
