"""The curve in a notebook."""

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

import stepsize as ss
from stepsize import Constant, Function, Geometric, Linear, Piecewise
from strategies import HUGE


@given(HUGE, HUGE, st.integers(1, 2**53))
def test_a_notebook_shows_a_schedule_however_large_or_small(start, end, length):
    picture = Linear(start, end, length)._repr_svg_()
    assert picture.startswith("<svg")
    assert "nan" not in picture
    assert "inf" not in picture


def picture(schedule):
    """The texts in the picture of a schedule, and the points of its curve."""
    parts = list(ElementTree.fromstring(schedule._repr_svg_()))
    curve = next(each.get("points") for each in parts if each.get("points"))
    texts = [each.text for each in parts if each.tag.endswith("text")]
    return texts, [tuple(map(float, point.split(","))) for point in curve.split()]


LEFT, RIGHT, TOP, BOTTOM = 66.0, 466.0, 32.0, 146.0
PICTURES = {
    "a line": (Linear(0.0, 0.3, 500), ["0", "500 steps", "0", "0.1", "0.2", "0.3"], (BOTTOM, TOP)),
    "above zero": (Linear(0.2, 0.3, 10), ["0", "10 steps", "0", "0.1", "0.2", "0.3"], (70.0, TOP)),
    "one step": (Linear(0.0, 0.3, 1), ["0", "1 step", "0", "0.1", "0.2", "0.3"], (BOTTOM, TOP)),
    "below zero": (Linear(-2.0, -1.0, 3), ["0", "3 steps", "-2", "-1.5", "-1", "-0.5", "0"], (BOTTOM, 89.0)),
    "an endless one": (Constant(3.0), ["0", "1,000 steps", "0", "1", "2", "3"], (TOP, TOP)),
    "no more than three decades": (Geometric(1.0, 0.001, 9), ["0", "9 steps", "0", "0.2"], (TOP, 145.89)),
    "over three decades": (Geometric(1.0, 0.00099, 9), ["0", "9 steps", "1e-3", "1e-2", "1e-1", "1e0"], (TOP, BOTTOM)),
    "five decades": (
        Geometric(1.0, 1e-5, 9),
        ["0", "9 steps", "1e-5", "1e-4", "1e-3", "1e-2", "1e-1", "1e0"],
        (TOP, BOTTOM),
    ),
    "six decades": (Geometric(1.0, 1e-6, 9), ["0", "9 steps", "1e-6", "1e-4", "1e-2", "1e0"], (TOP, BOTTOM)),
    "eight decades": (Geometric(1.0, 1e-8, 9), ["0", "9 steps", "1e-8", "1e-6", "1e-4", "1e-2", "1e0"], (TOP, BOTTOM)),
    "a million steps": (Linear(0, 70, 10**6), ["0", "1,000,000 steps", "0", "20", "40", "60"], (BOTTOM, TOP)),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_has_the_text_the_steps_the_values_and_the_curve(name):
    schedule, words, ends = PICTURES[name]
    (title, *texts), points = picture(schedule)
    assert (title, texts[: len(words)]) == (str(schedule), words)
    assert (points[0], points[-1]) == ((LEFT, ends[0]), (RIGHT, ends[1]))
    assert f"<title>{title}</title>" in schedule._repr_svg_()


def test_jumps_are_vertical_and_a_short_peak_of_a_long_schedule_is_kept():
    _, points = picture(Piecewise((1.0, 0.0), (5,)) >> Constant(0.5, 5))
    assert {y for x, y in points if x == (LEFT + RIGHT) / 2} >= {TOP, 89.0}
    _, points = picture(Constant(0.1, 3000) >> Constant(1.0, 1) >> Constant(0.1, 3000))
    assert len(points) <= 2000
    assert min(y for _, y in points) == TOP


def test_a_schedule_of_no_steps_is_a_dot():
    dot = ElementTree.fromstring(Linear(0.5, 1.0, 4).head(0)._repr_svg_())[-1]
    assert (dot.tag.partition("}")[2], dot.get("cx"), dot.get("cy"), dot.get("r")) == ("circle", "66.00", "32.00", "3")


def test_the_largest_numbers_are_drawn_as_any_others():
    def ends(height: float) -> tuple[str, str]:
        points = Linear(height, -height, 10)._repr_svg_().split('points="')[1].split('"')[0].split()
        return points[0], points[-1]

    assert ends(1.5e308) == ends(1.5)


def test_a_schedule_without_a_finite_value_has_no_curve():
    assert ss.Function("no.such.module:f")._repr_svg_() is None
    assert (Linear(0, 1, 5) * ss.Exponential(1.0, 1e9))._repr_svg_() is None


class Shy:
    """A function that will not say what it is."""

    def __call__(self, t):
        return 0.5

    def __repr__(self):
        raise KeyError


def test_a_notebook_shows_a_function_whose_repr_fails():
    assert "Function(&lt;Shy whose repr raises KeyError&gt;)" in (Function(Shy()) + 1)._repr_svg_()


def test_a_title_longer_than_70_letters_is_cut():
    text = "Linear(0.0, 1.0, 10) >> Linear(1.0, 0.0, 10) >> Linear(0.0, 1.0, 1000)"
    assert f">{ss.parse(text)}<".replace(">>", "&gt;&gt;") in ss.parse(text)._repr_svg_()
    longer = ss.parse(text.replace("1000", "10000"))._repr_svg_()
    assert f">{text[:67]}...<".replace(">>", "&gt;&gt;") in longer
