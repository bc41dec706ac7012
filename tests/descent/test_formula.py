"""Formulas: what is read, what is refused and where, and that no other code runs."""

import math
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsize.descent import surface_from
from stepsize.descent.formula import FUNCTIONS, read_formula
from stepsize.errors import ArgumentError, MissingExtraError, ParseError

READ = {
    "0.1*x**2 + 2*y**2": (lambda x, y: 0.1 * x**2 + 2 * y**2, lambda x, y: (0.2 * x, 4 * y)),
    "x*cos(pi*x)": (
        lambda x: x * np.cos(np.pi * x),
        lambda x: (np.cos(np.pi * x) - np.pi * x * np.sin(np.pi * x),),
    ),
    "-x**2": (lambda x: -(x**2), lambda x: (-2 * x,)),
    "2**-x": (lambda x: 2.0**-x, lambda x: (-math.log(2) * 2.0**-x,)),
    "x1**3 / 3 - x2": (lambda x, y: x**3 / 3 - y, lambda x, y: (x**2, -1.0 + 0 * y)),
    "y**2": (lambda x, y: y**2, lambda x, y: (0 * x, 2 * y)),
    "x3 + x1": (lambda x, y, z: z + x, lambda x, y, z: (1 + 0 * x, 0 * x, 1 + 0 * x)),
    "e**x + exp(-y)": (lambda x, y: np.exp(x) + np.exp(-y), lambda x, y: (np.exp(x), -np.exp(-y))),
    "abs(x) + sqrt(4 + x)": (
        lambda x: np.abs(x) + np.sqrt(4 + x),
        lambda x: (np.sign(x) + 0.5 / np.sqrt(4 + x),),
    ),
    " (x +\n 1) **\t2 ": (lambda x: (x + 1) ** 2, lambda x: (2 * (x + 1),)),
    "tanh(x) + atan(y) * +z": (
        lambda x, y, z: np.tanh(x) + np.arctan(y) * z,
        lambda x, y, z: (1 - np.tanh(x) ** 2, z / (1 + y**2), np.arctan(y)),
    ),
    "1e-1*x + .5": (lambda x: 0.1 * x + 0.5, lambda x: (0.1 + 0 * x,)),
    "x**3.5 * log(4)": (lambda x: x**3.5 * math.log(4), lambda x: (3.5 * x**2.5 * math.log(4),)),
}


@pytest.mark.parametrize("text", READ)
def test_values_and_gradient_are_those_of_the_formula(text):
    function, partials = READ[text]
    surface = surface_from(text)
    points = np.random.default_rng(0).uniform(-2.0, 2.0, (100, surface.dimensions))
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(surface(points), function(*points.T), rtol=1e-14)
        np.testing.assert_allclose(surface.gradient(points), np.stack(partials(*points.T), axis=-1), rtol=1e-13)


REFUSED = {
    "": (0, "expected a formula such as 0.1*x**2 + 2*y**2, found nothing"),
    "   ": (0, "found nothing"),
    "3 + 4": (0, "a formula has a variable"),
    "__import__('os')": (11, "is not allowed in a formula"),
    "open(x)": (0, '"open" is not allowed in a formula'),
    "x.__class__": (11, "this is not a formula such as"),
    "x + foo": (4, '"foo" is not allowed in a formula; known are x, y, z, pi, e, sin'),
    "x + tanhh(x)": (4, 'is not allowed in a formula; did you mean "tanh"?'),
    "lambda: x": (6, "':' is not allowed in a formula"),
    "[x]": (0, "'[' is not allowed in a formula"),
    "x if x else x": (2, "this is not a formula such as"),
    "x, y": (1, "this is not a formula such as"),
    "x < y": (2, "'<' is not allowed in a formula"),
    "x^2": (1, "write a power with **"),
    "x\u00b2": (1, "write a square as **2"),
    "2*\u03c0*x": (2, "is not allowed in a formula; write pi"),
    "2x": (1, "write a product with *"),
    "0.1x**2 + 2y**2": (3, "write a product with *"),
    "(x + 1)(y)": (7, "write a product with *"),
    "x (y)": (0, "this is not a function; write a product with *"),
    "x + (y": (4, "this is not a formula such as 0.1*x**2 + 2*y**2: this bracket is never closed; add a )"),
    "(" * 109 + "x" + ")" * 109: (108, "brackets nested deeper than 108"),
    "x +": (3, "this is not a formula such as"),
    "x y": (2, "expected an operator (+, -, *, /, **) or the end, found 'y'"),
    "sin": (0, "sin is a function; write sin(x)"),
    "sin(x, y)": (0, "sin takes one argument"),
    "sin(*x)": (4, "expected a number or a variable, found '*'"),
    "x + x1": (4, "write x, y, z or x1, x2, ..., not x and x1"),
    "x2 + x + x2": (0, "write x, y, z or x1, x2, ..., not x and x2"),
    "y + x + x1": (8, "write x, y, z or x1, x2, ..., not y and x1"),
    "x0": (0, '"x0" is not allowed'),
    "x100": (0, '"x100" is not allowed'),
    "1/0 + x": (0, "this is not a finite number"),
    "x + 10**400": (4, "this is not a finite number"),
    f"x + {'9' * 400}": (4, "this is not a formula such as"),
    "(-8)**(1/3) * x": (1, "this is not a finite number"),
    "log(0) + x": (0, "this is not a finite number"),
    "x + 2j": (5, "write a product with *"),
    "x and y": (2, "this is not a formula such as"),
    "x // y": (3, "this is not a formula such as"),
    "x + " * 150 + "x": (0, "a formula may be nested 100 deep (a + b + c is nested 2 deep)"),
    "sin(" * 101 + "x" + ")" * 101: (None, "may be nested 100 deep"),
    "(x, y)": (0, "this is not allowed in a formula"),
    "os.system(x)": (3, "this is not a function"),
    "(" * 900: (None, ""),
    "x" * 1001: (None, "at most 1,000 characters, got 1,001"),
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:20])
def test_a_text_that_is_not_a_formula_is_refused_at_its_place(text):
    position, reason = REFUSED[text]
    with pytest.raises(ParseError) as caught:
        surface_from(text)
    assert reason in caught.value.reason
    if position is not None:
        assert caught.value.position == position


def test_a_formula_at_the_limits_is_read():
    assert read_formula("x".ljust(1000)).text == "x"
    assert read_formula("sin(" * 100 + "x" + ")" * 100)(0.0) == 0.0
    assert read_formula("x99 + x9").variables == tuple(f"x{place}" for place in range(1, 100))
    assert read_formula("z").variables == ("x", "y", "z")


def test_a_decimal_comma_gets_the_advice_to_write_a_point():
    with pytest.raises(ParseError, match=r"a number has a decimal point: write 0\.1"):
        surface_from("0,1*x")


@given(st.text(max_size=30))
def test_any_text_is_a_formula_or_a_parse_error(text):
    try:
        formula = read_formula(text)
    except ParseError:
        return
    assert formula.variables


VOCABULARY = "x y z x1 x12 0 1 2.5 1e308 pi e ( ) + - * / ** , . ^ _ if not lambda is"
WORDS = st.sampled_from([*VOCABULARY.split(), *FUNCTIONS])


@given(st.lists(WORDS, max_size=15), st.sampled_from(["", " "]))
def test_any_words_are_a_formula_or_a_parse_error(words, between):
    text = between.join(words)
    try:
        formula = read_formula(text)
    except ParseError:
        return
    with np.errstate(all="ignore"):
        assert np.shape(formula(*[np.ones(3)] * len(formula.variables))) in {(3,), ()}


@pytest.mark.parametrize(
    "text", ["(2*x)**999999", "((((2*x)**9999)**9999)**9999)**9999", "9**99 * x**9**9", "x**x**x**x"]
)
def test_no_formula_takes_forever(text):
    surface = surface_from(text)
    assert surface.gradient(0.3).shape == (1,)


@pytest.mark.parametrize("text", ["1/(x - x)", "log(x - x)", "x + sqrt(-1 + 0*x)"])
def test_a_formula_without_a_gradient_is_refused(text):
    with pytest.raises(ArgumentError, match="a formula must be one with a gradient in real numbers"):
        surface_from(text)


@pytest.mark.parametrize("text", ["log(-1 - x**2)", "sqrt(-1 - x**2)", "acos(2 + x**2)"])
def test_a_formula_that_is_real_nowhere_is_nan_everywhere(text):
    surface = surface_from(text)
    assert np.isnan(surface([[1.0], [-2.0]])).all()


def test_a_surface_of_a_formula_is_a_value():
    surface = surface_from("0.1*x**2 + 2*y**2")
    assert surface == surface_from(" 0.1*x**2 + 2*y**2 ") != surface_from("0.1*x**2 + 3*y**2")
    assert hash(surface) == hash(surface_from("0.1*x**2 + 2*y**2"))
    assert repr(surface).count("Formula(text='0.1*x**2 + 2*y**2'") == 2
    assert "<" not in repr(surface)
    again = pickle.loads(pickle.dumps(surface))
    assert again == surface
    assert again.gradient([-5.0, -2.0]).tolist() == [-1.0, -8.0]


def test_without_sympy_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sympy", None)
    with pytest.raises(MissingExtraError, match=r"SymPy is not installed; .*'\.\[descent\]'"):
        surface_from("x**2")


def test_importing_descent_loads_numpy_and_nothing_heavier():
    heavy = {"sympy", "sklearn", "scipy", "matplotlib", "torch", "rich", "typer"}
    code = "import sys, stepsize.descent; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "numpy" in loaded
    assert loaded.isdisjoint(heavy)
