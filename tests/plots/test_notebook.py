import itertools
import math
import xml.etree.ElementTree as ElementTree

import pytest

from stepsize import Constant, Cosine, Exponential, Function, Linear, MultiStep, Table, one_cycle

SVG = "{http://www.w3.org/2000/svg}"
PLANS = [
    Linear(0.0, 0.3, 500) >> Cosine(0.3, 0.01, 9500),
    MultiStep(0.5, 0.5, (3, 8)),
    Cosine(0.2, 0.02, 10).repeat(3),
    one_cycle(0.1, 1000),
    Exponential(0.6, 0.8),
    Constant(0.3).head(0),
    Constant(0.0),
    -Linear(0.0, 1e300, 5),
    Linear(-1e308, 1e308, 5) * 0.5,
    Cosine(1.0, 0.0, 10_000_000),
    Table([0.1, 0.5, 0.2]),
    Linear(0.0, 0.3, 10) >> Function(lambda step: 0.1 / (step + 1)),
    Linear(0.0, 5e-324, 10),
]


@pytest.mark.parametrize("plan", PLANS, ids=range(len(PLANS)))
def test_the_picture_is_well_formed_and_lies_within_its_frame(plan):
    picture = ElementTree.fromstring(plan._repr_svg_())
    width, height = float(picture.get("width")), float(picture.get("height"))
    for curve in picture.iter(f"{SVG}polyline"):
        points = [tuple(map(float, point.split(","))) for point in curve.get("points").split()]
        assert len(points) <= 2_000
        assert all(0 < x < width and 0 < y < height for x, y in points)
    for text in picture.iter(f"{SVG}text"):
        assert 0 <= float(text.get("x")) <= width
        assert 0 < float(text.get("y")) <= height


def test_the_title_is_the_text_escaped_and_cut():
    plan = Function(lambda step: 0.1)
    assert "&lt;function" in plan._repr_svg_()
    long = Linear(0.0, 0.3, 10)
    for _ in range(30):
        long = long >> Linear(0.3, 0.1, 10)
    titles = [text.text for text in ElementTree.fromstring(long._repr_svg_()).iter(f"{SVG}text")]
    assert len(titles[0]) == 70
    assert titles[0].endswith("...")


def test_jumps_are_upright():
    (curve,) = ElementTree.fromstring(Table([0.1, 0.5, 0.2])._repr_svg_()).iter(f"{SVG}polyline")
    points = [tuple(map(float, point.split(","))) for point in curve.get("points").split()]
    heights = [(a, b) for a, b in itertools.pairwise(points) if a[1] != b[1]]
    assert len(heights) == 2
    assert all(math.isclose(a[0], b[0], abs_tol=0.02) for a, b in heights)


def test_a_log_scale_has_powers_of_ten():
    assert ">1e-6<" in one_cycle(0.1, 1000)._repr_svg_()
    assert ">1e-" not in Linear(0.0, 0.3, 10)._repr_svg_()
