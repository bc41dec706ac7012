"""The rules of arguments: where they are written, and their messages."""

import inspect

import pytest

import stepsize
from stepsize.arguments import Maybe, MaybeReal, Number, Real, rules
from stepsize.errors import ArgumentError
from stepsize.schedules.names import METHODS, OPERATORS, RECIPES, SHAPES


@pytest.mark.parametrize(
    "made", [*SHAPES, *OPERATORS, *RECIPES, *METHODS.values(), stepsize.Horizon], ids=lambda made: made.__qualname__
)
def test_every_argument_has_its_rule(made):
    assert set(rules(made)) == set(inspect.signature(made).parameters) - {"self"}


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
