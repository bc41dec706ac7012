"""Convexity over chords: known functions and sets, and the chords that refute it."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsize.descent import SURFACES, is_convex, is_convex_set, surface_from
from stepsize.errors import ArgumentError

CONVEX = {
    "x**2 / 2": (-2, 2),
    "exp(x / 2)": (-4, 4),
    "abs(x)": (-1, 3),
    "3*x - 1": (-1, 1),
    "-log(x)": (0.01, 2),
    "0.1*x**2 + 2*y**2": ((-5, 5), (-3, 3)),
    "(x + y)**2": ((-1, 1), (-1, 1)),
    "x**2 + y**2 + z**2 + x*y": ((-1, 1), (-1, 1), (-1, 1)),
}
NOT_CONVEX = {
    "cos(pi*x)": (-1, 1),
    "x**3": (-0.1, 5),
    "tanh(x)": (-2, 2),
    "x*cos(pi*x)": (-1, 2),
    "x**2 - y**2": ((-1, 1), (-1, 1)),
    "x**2 - 0.02*exp(-1000*(x - 0.5)**2)": (-2, 2),
}


@pytest.mark.parametrize("f", CONVEX)
def test_no_chord_refutes_a_convex_function(f):
    found = is_convex(f, CONVEX[f])
    assert found
    assert found.chord is None


@pytest.mark.parametrize("f", NOT_CONVEX)
def test_the_chord_that_refutes_convexity_lies_below_the_function(f):
    found = is_convex(f, NOT_CONVEX[f])
    assert not found
    surface, chord = surface_from(f), found.chord
    a, b, at = np.array(chord.start), np.array(chord.end), np.array(chord.at)
    weight = np.linalg.norm(at - b) / np.linalg.norm(a - b)
    np.testing.assert_allclose(weight * a + (1 - weight) * b, at, atol=1e-12)
    height = weight * surface(a) + (1 - weight) * surface(b)
    assert surface(at) > height
    assert surface(at) - height == pytest.approx(chord.excess)


@pytest.mark.parametrize("scale", [2.0**-1000, 2.0**-30, 2.0**1021])
@pytest.mark.parametrize("f", ["cos(pi*x)", "cos(200*x)"])
def test_a_function_of_any_size_is_refuted(f, scale):
    """The sixth differences of the rougher one are 64 times its values, which would exceed the largest float."""
    surface = surface_from(f)
    found = is_convex(lambda x: scale * surface(np.stack([x], axis=-1)), (-1, 1))
    assert not found
    assert found.chord.excess == pytest.approx(2.0 * scale, rel=0.05)


ROUNDED = {
    "numbers that cancel": ("x**2 - 2*x + 1", (0.999, 1.001)),
    "a cosine near 0": (lambda x: 1 - np.cos(x), (-1e-5, 1e-5)),
    "a logarithm near 1": (lambda x: np.log(1 + np.exp(x)), (-40, -30)),
    "far from the origin": (lambda x: (x - 1e6) ** 2, (1e6 - 1, 1e6 + 1)),
    "squares that cancel far from the origin": ("x**2 - 2e6*x + 1e12", (1e6 - 1, 1e6 + 1)),
    "in the plane": (lambda x, y: x**2 + y**2 - 2 * x * y, ((1000, 1001), (1000, 1001))),
    "a large offset": (lambda x: 1e15 + x**2, (-1, 1)),
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("case", ROUNDED)
def test_rounding_errors_do_not_refute_convexity(case, seed):
    assert is_convex(*ROUNDED[case], seed=seed)


DENTED = {
    "a small cosine": (lambda x: 1e-20 * np.cos(x), (-1, 1)),
    "a small roof": (lambda x: -1e-20 * abs(x), (-1, 1)),
    "steps": (lambda x: np.floor(1000 * x), (-1, 1)),
    "a jump": (lambda x: x**2 + (x > 0), (-1, 1)),
    "noise": (lambda x: np.sin(1e9 * x), (-1, 1)),
    "a small jump": (lambda x: 1e-20 * (x > 0), (-1, 1)),
    "a cosine near 0": (lambda x: np.cos(x) - 1, (-1e-5, 1e-5)),
    "far from the origin": (lambda x: -((x - 1e6) ** 2), (1e6 - 1, 1e6 + 1)),
    "far away and small": (lambda x: 1e-10 * np.cos(x), (1e4, 1e4 + 10)),
    "far away and shallow": (lambda x: (x - 1e4) - 2e-4 * (x - 1e4) ** 2, (1e4, 1e4 + 1)),
    "a dent that only short chords cross": (lambda x: x**2 - 1e-4 * np.exp(-1e5 * (x - 0.3) ** 2), (-1, 1)),
    "a shallow dent": (lambda x: x**2 - 1e-6 * np.exp(-1e7 * (x - 0.3) ** 2), (-1, 1)),
}


@pytest.mark.parametrize("case", DENTED)
def test_a_small_or_rough_dent_refutes_convexity(case):
    assert not is_convex(*DENTED[case])


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(-3, 3))
def test_a_parabola_is_convex_just_where_it_opens_upward(a, b, c):
    if abs(a) < 1e-3:
        a = 0.0
    assert bool(is_convex(lambda x: a * x**2 + b * x + c, (-2, 2), chords=500)) == (a >= 0)


def test_the_strongest_chord_of_a_cosine_joins_its_minima():
    chord = is_convex("cos(pi*x)", (-1, 1)).chord
    assert chord.excess == pytest.approx(2.0, abs=0.05)
    assert chord.at[0] == pytest.approx(0.0, abs=0.1)


def test_a_surface_and_a_python_function_are_taken_too():
    assert is_convex(SURFACES["bowl"], ((-5, 5), (-2, 2)))
    assert not is_convex("himmelblau", ((-5, 5), (-5, 5)))
    assert is_convex(lambda x: max(x, 0.0), (-1, 1), chords=300)
    assert is_convex(lambda *x: sum(each**2 for each in x), ((-1, 1), (-1, 1)))
    assert not is_convex(math.cos, (-1, 1), chords=300)


SETS = {
    "a disc": (lambda x, y: x**2 + y**2 <= 1, ((-1, 1), (-1, 1)), True),
    "a square": (lambda x, y: max(abs(x), abs(y)) <= 1, ((-2, 2), (-2, 2)), True),
    "everything": (lambda x, y: True, ((-1, 1), (-1, 1)), True),
    "a half plane": (lambda x, y: x + y <= 0.2, ((-1, 1), (-1, 1)), True),
    "a ring": (lambda x, y: 0.5 <= x**2 + y**2 <= 1, ((-1, 1), (-1, 1)), False),
    "a crescent": (lambda x, y: (x**2 + y**2 <= 1) & ((x - 0.5) ** 2 + y**2 > 0.5), ((-1, 1), (-1, 1)), False),
    "two intervals": (lambda x: abs(x) >= 1, (-2, 2), False),
    "an interval": (lambda x: 0.1 < x < 0.9, (0, 1), True),
    "a ball": (lambda x, y, z: x**2 + y**2 + z**2 <= 1, ((-1, 1), (-1, 1), (-1, 1)), True),
}


@pytest.mark.parametrize("name", SETS)
def test_convex_sets_are_told_from_others(name):
    contains, domain, convex = SETS[name]
    found = is_convex_set(contains, domain, chords=2_000)
    assert bool(found) == convex
    if not convex:
        chord = found.chord
        assert contains(*chord.start)
        assert contains(*chord.end)
        assert not contains(*chord.at)


def test_the_first_chord_joins_two_corners():
    chord = is_convex("cos(pi*x)", (-1, 1), chords=2).chord
    assert (chord.start, chord.end) == ((-1.0,), (1.0,))


def test_the_chord_of_a_set_has_the_longest_part_outside_and_a_place_in_the_middle_of_it():
    one = is_convex_set(lambda x: (x <= 1) | (x >= 3), (-1, 4), chords=5000).chord
    assert one.at[0] == pytest.approx(2.0, abs=0.3)
    both = is_convex_set(lambda x: (abs(x) <= 0.25) | (abs(x) >= 1.5), (-2, 2), chords=5000).chord
    assert abs(both.end[0] - both.start[0]) > 3.0


def test_the_chords_that_were_checked_are_counted():
    assert is_convex("x**2", (-1, 1), chords=70).chords == is_convex("-x**2", (-1, 1), chords=70).chords == 70
    ring = is_convex_set(lambda x: abs(x) >= 0.5, (-1, 1), chords=400)
    assert not ring
    assert 60 < ring.chords < 200
    assert ring.chord.excess == 0.0


def test_only_the_chords_with_both_ends_in_the_set_are_counted():
    assert 50 < is_convex_set(lambda x: x >= 0.5, (0, 1), chords=200).chords < 150


def test_the_answer_is_the_same_every_time_and_another_seed_looks_elsewhere():
    once, again, other = (is_convex("x**3", (-1, 1), chords=50, seed=seed) for seed in (0, 0, 1))
    assert once == again != other


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: is_convex("log(x)", (-1, 1)),
            "is_convex(domain=...) must be one on which log(x) is finite, got ((-1.0, 1.0),); it is not finite at",
        ),
        (
            lambda: is_convex(lambda x: 1 / (1 - x), (0, 1), chords=2),
            "is finite, got ((0.0, 1.0),); it is not finite at (1.0,)",
        ),
        (lambda: is_convex("x**2 + y**2", (-1, 1)), "(low, high) for each coordinate, 2 here"),
        (lambda: is_convex("x**2", (1, -1)), "(low, high) with low < high"),
        (lambda: is_convex("x**2", 3), "must be a sequence"),
        (
            lambda: is_convex_set(lambda x: x > 5, (0, 1)),
            "is_convex_set(domain=...) must be closer to the set, got ((0.0, 1.0),); none of 20,000 random chords",
        ),
    ],
)
def test_invalid_functions_and_domains_are_refused(call, message):
    with pytest.raises(ArgumentError, match=re.escape(message)):
        call()
