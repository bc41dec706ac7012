"""The curve in a notebook."""

from hypothesis import given
from hypothesis import strategies as st

import stepsize as ss
from stepsize import Function, Linear
from strategies import HUGE


@given(HUGE, HUGE, st.integers(1, 2**53))
def test_a_notebook_shows_a_schedule_however_large_or_small(start, end, length):
    picture = Linear(start, end, length)._repr_svg_()
    assert picture.startswith("<svg")
    assert "nan" not in picture
    assert "inf" not in picture


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
