"""The surfaces: their gradients against SymPy and finite differences, and their listed minima."""

import dataclasses
import functools
import itertools
import math
import pickle
import re

import numpy as np
import pytest
import sympy

from stepsize.descent import SURFACES, Surface, surface_from
from stepsize.descent.sources import FiniteDifferences
from stepsize.errors import ArgumentError, ParseError

NAMED = list(SURFACES.values())


def inside(surface, count=400, seed=0):
    low, high = np.array(surface.window).T
    return np.random.default_rng(seed).uniform(low, high, (count, surface.dimensions))


def as_formula(text):
    """The text of a named surface in Python's notation."""
    return re.sub(r"(?<=[\d)xyi]) (?=[\dxyceps(])", "*", text.replace("^", "**"))


@pytest.mark.parametrize("surface", NAMED, ids=lambda each: each.name)
def test_the_text_says_what_the_values_are_and_sympy_what_the_gradient_is(surface):
    names = sympy.symbols("x y", real=True)[: surface.dimensions]
    whole = sympy.sympify(as_formula(surface.text), locals={"e": sympy.E} | {str(name): name for name in names})
    points = inside(surface)
    values = sympy.lambdify(names, whole)(*points.T)
    partials = [sympy.lambdify(names, sympy.diff(whole, name))(*points.T) for name in names]
    gradients = np.stack([np.broadcast_to(each, len(points)) for each in partials], axis=-1)
    np.testing.assert_allclose(surface(points), values, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(surface.gradient(points), gradients, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("surface", NAMED, ids=lambda each: each.name)
def test_the_gradient_is_that_of_finite_differences(surface):
    points = inside(surface, seed=1)
    differences = np.stack(
        FiniteDifferences(surface.function, surface.name, (1.0,) * surface.dimensions)(*points.T), axis=-1
    )
    size = np.maximum(1.0, np.abs(surface(points)))[:, np.newaxis]
    assert (np.abs(surface.gradient(points) - differences) / size).max() < 1e-8


@pytest.mark.parametrize("surface", NAMED, ids=lambda each: each.name)
def test_a_named_surface_is_pickled_by_its_name(surface):
    assert pickle.loads(pickle.dumps(surface)) is surface
    changed = dataclasses.replace(surface, minima=())
    assert changed.name == surface.name
    if surface.minima:
        assert changed != surface


MINIMA = [(surface, minimum) for surface in NAMED for minimum in surface.minima]
SADDLES = [(surface, saddle) for surface in NAMED for saddle in surface.saddles]


def named(value):
    return value.name if isinstance(value, Surface) else str(value)


@pytest.mark.parametrize(("surface", "minimum"), MINIMA, ids=named)
def test_a_minimum_is_lower_than_all_around_it_and_flat(surface, minimum):
    assert np.abs(surface.gradient(minimum)).max() < 1e-12
    for distance in (1e-3, 1e-2, 1e-1):
        angles = np.linspace(0.0, 2 * math.pi, 360, endpoint=False)
        ring = np.stack([np.cos(angles), np.sin(angles)], axis=-1)[:, : surface.dimensions] * distance
        ring = ring[np.abs(ring).max(axis=-1) > distance / 10]
        assert (surface(np.array(minimum) + ring) > surface(minimum)).all()


@pytest.mark.parametrize("surface", [each for each in NAMED if each.minima], ids=lambda each: each.name)
def test_no_point_of_the_window_is_lower_than_the_first_minimum_and_the_rest_follow_in_order(surface):
    axes = [np.linspace(low, high, 401) for low, high in surface.window]
    grid = np.array(list(itertools.product(*axes)))
    assert surface(grid).min() >= surface(surface.minima[0])
    values = [float(surface(minimum)) for minimum in surface.minima]
    assert all(after >= before - 1e-12 for before, after in itertools.pairwise(values))


@pytest.mark.parametrize(("surface", "saddle"), SADDLES, ids=named)
def test_a_saddle_is_flat_with_lower_and_higher_points_around_it(surface, saddle):
    assert np.abs(surface.gradient(saddle)).max() < 1e-11
    angles = np.linspace(0.0, 2 * math.pi, 360, endpoint=False)
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=-1)[:, : surface.dimensions] * 1e-2
    around = surface(np.array(saddle) + ring) - surface(saddle)
    assert around.min() < -1e-7 < 1e-7 < around.max()


@pytest.mark.parametrize("surface", NAMED, ids=lambda each: each.name)
def test_points_of_any_shape_are_taken(surface):
    points = inside(surface, 12)
    grid = points.reshape(3, 4, surface.dimensions)
    np.testing.assert_array_equal(surface(grid), surface(points).reshape(3, 4))
    np.testing.assert_array_equal(surface.gradient(grid), surface.gradient(points).reshape(grid.shape))
    np.testing.assert_allclose(surface(points[0]), surface(points)[0], rtol=1e-14)
    np.testing.assert_allclose(surface.gradient(points[0]), surface.gradient(points)[0], rtol=1e-14)


def test_the_two_minima_of_the_wave_are_the_local_and_the_global_one():
    wave = SURFACES["wave"]
    assert [float(wave(minimum)) for minimum in wave.minima] == pytest.approx([-1.0467, -0.1786], abs=1e-4)


WINDOWS = {
    "wave": ((-1, 2),),
    "cubic": ((-2, 2),),
    "saddle": ((-2, 2), (-2, 2)),
    "tanh": ((-2, 5),),
    "parabola": ((-11, 11),),
    "bowl": ((-5.5, 1.5), (-3, 2)),
    "rosenbrock": ((-2, 2), (-1, 3)),
    "beale": ((-4.5, 4.5), (-4.5, 4.5)),
    "himmelblau": ((-5.5, 5.5), (-5.5, 5.5)),
    "booth": ((-10, 10), (-10, 10)),
    "ackley": ((-4, 4), (-4, 4)),
}


def test_every_named_surface_has_its_window():
    assert {name: surface.window for name, surface in SURFACES.items()} == WINDOWS


def test_the_default_start_is_a_fifth_of_the_window_from_its_upper_left_corner():
    assert SURFACES["bowl"].start == pytest.approx((-4.1, 1.0))
    assert SURFACES["wave"].start == pytest.approx((-0.4,))
    assert surface_from("x**2").start is None


def test_ackley_is_a_tip_of_exactly_zero_and_far_away_flat():
    ackley = SURFACES["ackley"]
    assert ackley([0.0, 0.0]) == 0.0
    assert ackley.gradient([0.0, 0.0]).tolist() == [0.0, 0.0]
    assert ackley([1e-12, 0.0]) == pytest.approx(4e-12 / math.sqrt(2), rel=1e-6)


@pytest.mark.parametrize("point", [[1.0], [1.0, 2.0, 3.0], 1.0, [[1.0]], "x", None, [[1, 2], [3]]])
def test_a_point_of_another_shape_is_refused(point):
    with pytest.raises(ArgumentError, match=r"points of 2 coordinates, for x\^2 - y\^2|an array of numbers"):
        SURFACES["saddle"](point)
    with pytest.raises(ArgumentError, match=r"points of 1 coordinate, for x\^2, got"):
        SURFACES["parabola"]([1.0, 2.0])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"window": ((0.0, 1.0),)}, "Surface(window=...) must be in 2 dimensions, as dimensions says"),
        ({"window": ((0.0, 1.0), (1.0, 1.0))}, "low < high"),
        ({"window": ((0.0, 1.0), (1.0,))}, "must be (low, high) with low < high"),
        ({"window": ((0.0, 1.0), (1.0, 2.0, 3.0))}, "must be (low, high) with low < high, got (1.0, 2.0, 3.0)"),
        ({"window": 3}, "must be a sequence"),
        ({"minima": ((0.0,),)}, "Surface(minima=...) must be in 2 dimensions, as dimensions says"),
        ({"saddles": ((0.0, math.nan),)}, "must be a finite number"),
        ({"dimensions": 0}, "at least 1"),
    ],
)
def test_a_surface_that_does_not_fit_together_is_refused(changed, message):
    values = {"name": "s", "text": "s", "function": max, "partials": max, "dimensions": 2, **changed}
    with pytest.raises(ArgumentError, match=re.escape(message)):
        Surface(**values)


# Functions of the user's own.


def bowl(x, y):
    return 0.1 * x**2 + 2 * y**2


def singly(x, y):
    """Takes single numbers only."""
    return math.cos(x) + (y if y > 0 else 0.0) ** 2


@pytest.mark.parametrize("function", [bowl, singly, lambda x, y: np.sin(3 * x) * np.exp(y / 2)])
def test_the_gradient_of_a_function_is_that_of_central_differences(function):
    surface = surface_from(function)
    points = np.random.default_rng(3).uniform(-2, 2, (50, 2))
    points[:, 1] += np.sign(points[:, 1]) * 0.01  # `singly` bends at 0
    step = 1e-6
    for axis in (0, 1):
        shift = np.eye(2)[axis] * step
        slopes = (surface(points + shift) - surface(points - shift)) / (2 * step)
        np.testing.assert_allclose(surface.gradient(points)[:, axis], slopes, rtol=1e-7, atol=1e-7)


def test_a_function_of_arrays_is_called_once_and_one_of_numbers_for_each_point():
    calls = []

    def counted(x, y):
        calls.append(np.shape(x))
        return 0.1 * x**2 + y

    surface = surface_from(counted)
    calls.clear()
    surface(np.ones((1000, 2)))
    assert calls == [(1000,)]
    points = np.random.default_rng(0).uniform(-1, 1, (5, 2))
    expected = [singly(*point) for point in points.tolist()]
    assert surface_from(singly)(points).tolist() == expected


def test_a_function_that_only_seems_to_take_arrays_is_called_point_by_point():
    surface = surface_from(lambda x: max(np.ravel(x)) ** 2)
    assert surface([[1.0], [2.0], [-3.0]]).tolist() == [1.0, 4.0, 9.0]


def test_the_gradient_that_is_given_is_used():
    surface = surface_from(bowl, gradient=lambda x, y: (0.2 * x, 4 * y))
    assert surface.gradient([-5.0, -2.0]).tolist() == [-1.0, -8.0]


@pytest.mark.parametrize(
    "gradient",
    [lambda x, y: (0.2 * x, 2 * y), lambda x, y: (0.2 * x, np.nan * y), lambda x, y: (0.2 * x,), lambda x, y: 0.2 * x],
)
def test_a_gradient_that_is_none_is_refused(gradient):
    with pytest.raises(ArgumentError, match=r"surface_from\(gradient=\.\.\.\)"):
        surface_from(bowl, gradient=gradient)


def test_the_first_point_at_which_a_gradient_is_wrong_is_named():
    def gradient(x, y):
        return np.where(x > 0.3, -2 * x, 2 * x), 1 + 0 * y

    with pytest.raises(ArgumentError, match="must be the gradient of the function") as caught:
        surface_from(lambda x, y: x**2 + y, gradient=gradient)
    right, place, given = (
        tuple(map(float, each.split(", "))) for each in re.findall(r"\(([-\d.e, ]+)\)", str(caught.value))
    )
    assert place[0] > 0.3
    assert right == pytest.approx((2 * place[0], 1.0))
    assert given == pytest.approx((-2 * place[0], 1.0))


def test_a_gradient_is_compared_within_the_window():
    right = surface_from(lambda x: np.log(x - 5), gradient=lambda x: (1 / (x - 5),), window=(6, 8))
    assert right.gradient(7.0) == 0.5
    with pytest.raises(ArgumentError, match=r"must be the gradient of the function, \(.*\) at \([67]\."):
        surface_from(lambda x: np.log(x - 5), gradient=lambda x: (2 / (x - 5),), window=(6, 8))


@pytest.mark.parametrize("size", [1e-12, 1e-4, 1.0, 1e12])
def test_a_wrong_gradient_is_refused_on_functions_of_any_size(size):
    def valley(x, y):
        return size * (x**2 + 1e-3 * y**2)

    right = surface_from(valley, gradient=lambda x, y: (size * 2 * x, size * 2e-3 * y))
    assert right.gradient([1.0, 1.0]) == pytest.approx([size * 2, size * 2e-3])
    for wrong in (lambda x, y: (-size * 5 * x, size * 2e-3 * y), lambda x, y: (size * 2 * x, size * 2.1e-3 * y)):
        with pytest.raises(ArgumentError, match="must be the gradient of the function"):
            surface_from(valley, gradient=wrong)


def test_a_gradient_that_takes_no_arrays_is_refused():
    with pytest.raises(
        ArgumentError, match=r"must be a function that takes an array for each coordinate.*raised TypeError"
    ):
        surface_from(lambda x: math.sin(x), gradient=lambda x: (math.cos(x),))


def test_a_gradient_is_right_within_what_rounding_leaves_of_small_differences():
    surface = surface_from(lambda x: 1.0 + 1e-12 * x**2, gradient=lambda x: (2e-12 * x,))
    assert surface.gradient(3.0) == 6e-12


@pytest.mark.parametrize("x", [1e9, -1e9])
def test_far_from_the_origin_differences_are_over_longer_distances(x):
    assert surface_from(lambda x: x**2).gradient(x) == pytest.approx([2 * x], rel=1e-9)


@pytest.mark.parametrize("size", [1e-6, 1.0])
def test_near_a_kink_a_slope_is_that_of_its_side(size):
    surface = surface_from(lambda x: size * abs(x))
    for x in (0.5, 3e-5, -1e-4, -3e-6):
        assert surface.gradient(x) == pytest.approx([math.copysign(size, x)])
    assert surface.gradient(0.0) == 0.0


@pytest.mark.parametrize("size", [1e-6, 1.0])
@pytest.mark.parametrize("function", [math.floor, lambda x: np.where(x > 0, 1.0, 0.0) + x])
def test_a_jump_has_no_slope(function, size):
    surface = surface_from(lambda x: size * function(x))
    assert np.isfinite(surface.gradient(0.5))
    with pytest.raises(
        ArgumentError, match=r"the slope of .* must be the same over .*; give the exact one with gradient="
    ):
        surface.gradient(3e-9)


def test_the_first_jump_is_named_with_the_shortest_distance_that_was_tried():
    words = r"the slope of function at \(0\.0,\) must be the same over distances of 1e-08 and half of it"
    with pytest.raises(ArgumentError, match=words):
        surface_from(lambda x: np.floor(x)).gradient([[0.5], [0.0], [1.0]])


@pytest.mark.parametrize("function", [math.sqrt, np.sqrt])
def test_a_function_has_a_slope_near_the_edge_of_its_domain_but_not_on_it(function):
    surface = surface_from(function, dimensions=1)
    for x in (1e-3, 1e-4, 3e-5, 1e-6):
        assert surface.gradient(x) == pytest.approx([0.5 / math.sqrt(x)], rel=1e-3)
    assert np.isnan(surface.gradient(-1.0)).all()
    with pytest.raises(ArgumentError, match=r"the slope of sqrt at \(0\.0,\) must be the same .*nan\); give the exact"):
        surface.gradient([[1.0], [0.0]])


def test_a_function_that_is_one_number_is_a_surface():
    flat = surface_from(lambda x, y: 3.0)
    assert flat([[1.0, 2.0], [3.0, 4.0]]).tolist() == [3.0, 3.0]
    assert flat.gradient([1.0, 2.0]).tolist() == [0.0, 0.0]


def test_outside_its_domain_a_surface_is_nan():
    for surface in (surface_from(math.log, dimensions=1), surface_from("log(x)"), surface_from(np.log, dimensions=1)):
        assert np.isnan(surface([[-1.0], [-2.0]])).all()
        assert surface(math.e) == pytest.approx(1.0)
        assert surface.gradient(2.0) == pytest.approx([0.5])


def test_a_function_that_fails_is_reported():
    with pytest.raises(ArgumentError, match=r"; at \(.* it raised NameError"):
        surface_from(lambda x: undefined + x)  # noqa: F821
    with pytest.raises(ArgumentError, match="the function must be one that takes a number for each coordinate"):
        surface_from(lambda point: point[0] ** 2 + point[1] ** 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: surface_from(3), "surface_from(f=...) must be a name, a formula, a function or a surface, got 3"),
        (lambda: surface_from(abs, dimensions=1, window="abc"), "surface_from(window=...) must be a sequence"),
        (lambda: surface_from(abs, dimensions=1, window=(1, -1)), "must be (low, high) with low < high, got (1, -1)"),
        (
            lambda: surface_from(lambda x: x, window=((-1, 1), (-1, 1))),
            "surface_from(window=...) must be (low, high) for each coordinate, 1 here, got ((-1.0, 1.0), (-1.0, 1.0))",
        ),
        (lambda: surface_from(lambda *x: sum(x)), "surface_from(dimensions=...) must be given for this function"),
        (lambda: surface_from(lambda x, *y: x), "surface_from(dimensions=...) must be given for this function"),
        (lambda: surface_from("x**2", dimensions=1), "must be left out, got 1; a formula has its own"),
        (lambda: surface_from("x**2", gradient=abs), "surface_from(gradient=...) must be left out, got <built-in"),
        (lambda: surface_from("bowl", gradient=abs), "surface_from(gradient=...) must be left out, got <built-in"),
        (lambda: surface_from("bowl", dimensions=2), "surface_from(dimensions=...) must be left out, got 2; bowl has"),
        (
            lambda: surface_from("bowl", minima=((0, 0),)),
            "surface_from(minima=...) must be left out, got ((0.0, 0.0),)",
        ),
        (
            lambda: surface_from("rosenbrock", window=((0, 1), (0, 1))),
            "must be left out, got ((0.0, 1.0), (0.0, 1.0)); rosenbrock has its own",
        ),
    ],
)
def test_invalid_surfaces_are_refused(call, message):
    with pytest.raises(ArgumentError, match=re.escape(message)):
        call()


def test_in_one_dimension_a_window_may_be_a_bare_pair():
    for f, name in (("x**2", "formula"), (lambda x: x**2, "function")):
        surface = surface_from(f, window=(-1, 1), minima=((0,),))
        assert (surface.name, surface.window, surface.minima) == (name, ((-1.0, 1.0),), ((0.0,),))
    assert SURFACES["parabola"].window == Surface("p", "p", abs, abs, 1, (-11, 11)).window


def test_a_misspelled_name_gets_a_suggestion():
    with pytest.raises(ParseError, match='"rosenbrok" is not a surface; did you mean "rosenbrock"'):
        surface_from("rosenbrok")
    assert surface_from(" Rosenbrock ") is SURFACES["rosenbrock"]
    assert surface_from("tanh(x)").name == "formula"


def test_a_function_of_any_number_of_coordinates_needs_dimensions():
    surface = surface_from(lambda *x: sum(each**2 for each in x), dimensions=3)
    assert surface([1.0, 2.0, 3.0]) == 14.0
    assert surface.gradient([1.0, 2.0, 3.0]) == pytest.approx([2.0, 4.0, 6.0])


def test_a_function_without_a_signature_needs_dimensions():
    with pytest.raises(ArgumentError, match=r"dimensions=.* must be given for this function, .* how many numbers the"):
        surface_from(max)
    assert surface_from(max, dimensions=2)([1.0, 2.0]) == 2.0


def test_a_function_of_numbers_is_not_called_outside_the_real_line():
    called = []

    def root(x):
        called.append(x)
        return math.sqrt(x)

    surface = surface_from(root)
    called.clear()
    assert surface([4.0]) == 2.0
    assert [math.isnan(surface([x])) for x in (math.inf, -math.inf, math.nan, -1.0)] == [True] * 4
    assert called == [4.0, -1.0]


def test_defaults_and_keywords_are_not_coordinates():
    assert surface_from(lambda x, y, c=2.0: c * x * y).dimensions == 2
    assert surface_from(lambda x, y, **more: x * y).dimensions == 2
    with pytest.raises(ArgumentError, match=r"surface_from\(dimensions=\.\.\.\) must be given for this function"):
        surface_from(lambda c=2.0: c)


def test_a_function_without_a_name_has_that_of_its_type():
    assert surface_from(functools.partial(bowl)).name == "partial"
    assert [surface_from(f).name for f in (bowl, lambda x: x)] == ["bowl", "function"]
