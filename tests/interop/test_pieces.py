"""How writers take a schedule apart: the steps at which it bends, and the plain shapes that it is made of."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from stepsize import Schedule, parse
from stepsize.interop.writers.exact import Outline, outlines_of, ratio
from stepsize.interop.writers.pieces import corners, pieces
from strategies import trees

CORNERS = [
    ("Linear(0, 1, 5)", [0, 5]),
    ("Exponential(1, 0.9)", [0]),
    ("Piecewise((1, 2, 3), (4, 9))", [0, 4, 9]),
    ("MultiStep(1, 0.1, (3, 7))", [0, 3, 7]),
    ("Triangle(0, 1, 4, 6)", [0, 4, 10]),
    ("Knots(((2, 1), (4.5, 2), (9, 0)))", [0, 2, 4, 5, 9]),
    ("Linear(0, 1, 5).repeat(3)", [0, 5, 10, 15]),
    ("Linear(0, 1, 5).repeat(3, 1, 1.5)", [0, 5, 13, 24]),
    ("Piecewise((1, 2), (2,)).head(4).repeat(2, 1, 2)", [0, 2, 4, 8, 12]),
    ("Staircase(1, 0.5, 4)", [4 * i for i in range(50)]),
    ("Linear(0, 1, 5).repeat(inf)", [5 * i for i in range(51)]),
    ("Linear(0, 1, 5).shift(3)", [0, 3, 8]),
    ("(Constant(1, 4) >> Linear(1, 0, 5)).tail(2)", [0, 2, 7]),
    ("(Constant(1, 4) >> Linear(1, 0, 5)).tail(6)", [0, 3]),
    ("Piecewise((1, 2), (3,)).every(10)", [0, 30]),
    ("(Constant(1, 4) >> Linear(1, 0, 6)).stretch(20)", [0, 8, 20]),
    ("(Constant(1, 4) >> Linear(1, 0, 12)).warp(2)", [0, 8, 16]),
    ("(Constant(1, 4) >> Linear(1, 0, 6)).head(7)", [0, 4, 7]),
    ("Linear(0, 1, 5) + Piecewise((1, 2), (8,))", [0, 5, 8]),
]


@pytest.mark.parametrize(("text", "steps"), CORNERS)
def test_the_corners_are_where_a_schedule_bends_or_jumps(text: str, steps: list[int]) -> None:
    assert corners(parse(text)) == steps


PIECES = [
    ("Linear(0, 1, 5) >> Cosine(1, 0, 6)", "0 Linear(0.0, 1.0, 5), 5 Cosine(1.0, 0.0, 6)"),
    ("(Constant(1, 4) >> Linear(1, 0, 6)).head(7)", "0 Constant(1.0, 4), 4 Linear(1.0, 0.0, 6), 7 Constant(0.5)"),
    ("(Constant(1, 4) >> Linear(1, 0, 6)).head(4)", "0 Constant(1.0, 4), 4 Constant(1.0)"),
    ("Linear(0, 1, 6).head(6)", "0 Linear(0.0, 1.0, 6)"),
    ("Linear(0, 1, 5).shift(3)", "0 Constant(0.0), 3 Linear(0.0, 1.0, 5)"),
    ("Linear(0, 1, 4).tail(3)", "0 Linear(0.75, 1.0, 1)"),
    ("Linear(0, 1, 4).tail(4)", "0 Linear(0.0, 1.0, 4).tail(4)"),
    ("Cosine(1, 0, 4).tail(3)", "0 Cosine(1.0, 0.0, 4).tail(3)"),
    ("Polynomial(1, 0, 4, 2).stretch(9)", "0 Polynomial(1.0, 0.0, 9, 2.0)"),
    ("Linear(0, 1, 4).repeat(2)", "0 Linear(0.0, 1.0, 4), 4 Linear(0.0, 1.0, 4)"),
    ("Linear(0, 1, 4).repeat(2, 0.5, 2)", "0 Linear(0.0, 1.0, 4), 4 Linear(0.0, 0.5, 8)"),
    ("Linear(0, 1, 4).repeat(inf)", "0 Linear(0.0, 1.0, 4).repeat(inf)"),
    ("Triangle(0, 1, 4, 6)", "0 Linear(0.0, 1.0, 4), 4 Linear(1.0, 0.0, 6)"),
    ("Piecewise((1, 2, 3), (4, 9))", "0 Constant(1.0), 4 Constant(2.0), 9 Constant(3.0)"),
    ("Knots(((2, 1), (4, 2), (9, 0)))", "0 Constant(1.0), 2 Linear(1.0, 2.0, 2), 4 Linear(2.0, 0.0, 5)"),
    ('Knots(((0, 1), (4, 2)), "cosine")', "0 Cosine(1.0, 2.0, 4)"),
    ("Knots(((2, 1), (4.5, 2)))", "0 Knots(((2.0, 1.0), (4.5, 2.0)))"),
    ("Linear(0, 1, 5) / 2", "0 Linear(0.0, 0.5, 5)"),
    ("(Constant(1, 4) >> Geometric(1, 0.1, 6)) * -2.0", "0 Constant(-2.0, 4), 4 Geometric(1.0, 0.1, 6) * -2.0"),
    ("Geometric(1, 0.1, 6) * 0.0", "0 Geometric(1.0, 0.1, 6) * 0.0"),
    ("2.0 * (Constant(1, 4) >> Geometric(1, 0.5, 6))", "0 Constant(2.0, 4), 4 Geometric(2.0, 1.0, 6)"),
    ("(Constant(1, 4) >> Linear(1, 0, 6)) + 0.5", "0 Constant(1.5, 4), 4 Linear(1.5, 0.5, 6)"),
    ("0.5 + Geometric(1, 0.5, 6)", "0 Geometric(1.0, 0.5, 6) + 0.5"),
    ("Linear(0, 1, 5) * Linear(1, 0, 5)", "0 Linear(0.0, 1.0, 5) * Linear(1.0, 0.0, 5)"),
]


@pytest.mark.parametrize(("text", "parts"), PIECES)
def test_the_pieces_are_plain_shapes(text: str, parts: str) -> None:
    assert ", ".join(f"{start} {piece}" for start, piece in pieces(parse(text))) == parts


def test_at_most_a_hundred_cycles_are_pieces() -> None:
    assert [len(pieces(parse(f"Linear(0, 1, 5).repeat({times})"))) for times in (100, 101)] == [100, 1]


@given(trees)
def test_pieces_have_the_values_of_the_schedule(schedule: Schedule) -> None:
    starts, parts = zip(*pieces(schedule), strict=True)
    assert starts[0] == 0
    for step in range(60):
        place = max(i for i, start in enumerate(starts) if start <= step)
        value = parts[place](step - starts[place])
        np.testing.assert_allclose(value, schedule(step), rtol=1e-9, atol=1e-9)


OUTLINES = [
    ("Linear(0, 0.3, 5) >> Constant(0.3, 4) >> Linear(0.3, 0.1, 6)", [(0.0, 0.3, 0.1, 5, 4, 6)] * 2),
    ("Linear(0.3, 0.1, 6)", [(0.3, 0.3, 0.1, 0, 0, 6)] * 2),
    ("Constant(0.3, 4) >> Linear(0.3, 0.1, 6)", [(0.3, 0.3, 0.1, 0, 4, 6)] * 2),
    ("Linear(0, 0.2, 5) >> Linear(0.3, 0.1, 6)", [(0.0, 0.3, 0.1, 5, 0, 6), (0.0, 0.2, 0.1, 5, 0, 6)]),
    ("Linear(0.1, 0.3, 5) >> Constant(0.3)", [(0.1, 0.3, 0.3, 5, 0, 0)] * 2),
    ("Constant(0.3)", [(0.3, 0.3, 0.3, 0, 0, 0)] * 2),
]


@pytest.mark.parametrize(("text", "outlines"), OUTLINES)
def test_an_outline_has_the_phases_between_the_corners_and_those_that_are_written(
    text: str, outlines: list[Any]
) -> None:
    found = outlines_of(parse(text))
    assert found == [Outline(*each) for each in outlines]
    assert [each.total for each in found] == [sum(each[3:]) for each in outlines]


def test_a_ratio_is_the_shortest_number_that_gives_the_part() -> None:
    assert [ratio(0.03, 0.3), ratio(0.1, 0.0), ratio(0.0, 0.3)] == [0.1, 0.0, 0.0]
    assert [len(repr(ratio(part, 3e-4))) for part in (3e-5, 1.2345e-4, 1e-4)] == [3, 6, 19]
    assert math.isclose(0.7 * ratio(0.1, 0.7), 0.1, rel_tol=1e-15)
