"""The shape of a way up or down: by word, by class, by function, and what is refused."""

from dataclasses import dataclass
from functools import partial

import pytest
from closeness import assert_close
from hypothesis import given
from refusals import LINE, refused

import stepsize as ss
from stepsize import Constant, Cosine, Geometric, Horizon, Linear, OneMinusSqrt, Polynomial, Rex, parse
from stepsize.errors import ArgumentError, ParseError
from stepsize.schedules.formulas import Between
from stepsize.schedules.transitions import WORDS
from strategies import lengths, many_steps, positive

MADE = {
    "linear": Linear,
    "cosine": Cosine,
    "1-sqrt": OneMinusSqrt,
    "exponential": Geometric,
    "rex": Rex,
    "rex(0.7)": partial(Rex, beta=0.7),
    "polynomial(2)": partial(Polynomial, power=2),
}


@dataclass(frozen=True, repr=False)
class Cubic(Between):
    """A user's own shape."""

    def _between(self, z, rest, m):
        w = (1.0 - z) * (1.0 - z) * (1.0 - z)
        return self.start * w + self.end * (1.0 - w)


def test_every_word_is_listed():
    assert tuple(MADE) == WORDS


@pytest.mark.parametrize("word", WORDS)
def test_a_word_is_its_class_up_and_down_in_every_recipe(word):
    make = MADE[word]
    up, down = make(0.1, 0.4, 5), make(0.4, 0.02, 7)
    hold = Constant(0.4, 3)
    for shape in (word, make):
        assert ss.warmup(hold, 5, 0.1, shape) == up >> hold
        assert ss.wsd(0.4, 5, 3, 7, 0.1, 0.02, shape, shape) == up >> hold >> down
        assert ss.wsd(0.4, 5, 3, 7, 0.1, 0.02, warmup_shape=shape) == up >> hold >> Linear(0.4, 0.02, 7)
        assert ss.one_cycle(0.4, 12, 5 / 12, 0.1, 0.02, shape) == up >> down
        assert hold.cooldown(2, 7, 0.02, shape) == hold.head(2) >> down
        assert hold.cooldown(2, 7, 0.9, shape) == hold.head(2) >> make(0.4, 0.9, 7)


@given(lengths, positive, positive, many_steps)
def test_a_way_up_is_the_way_down_upside_down(length, start, end, at):
    for word in WORDS:
        up, down = (MADE[word](*ends, length) for ends in ((start, end), (end, start)))
        if word != "exponential":
            assert_close(up(at) + down(at), [start + end] * len(at), up)
        else:
            assert_close(up(at) * down(at), [start * end] * len(at), up)


@pytest.mark.parametrize("shape", [Cubic, partial(Rex, beta=0.2), lambda a, b, n: Linear(a, b, 2 * n).stretch(n)])
def test_a_class_or_function_of_your_own_is_a_shape(shape):
    assert ss.wsd(0.3, 4, 5, 6, shape=shape) == Linear(0, 0.3, 4) >> Constant(0.3, 5) >> shape(0.3, 0.0, 6)
    assert LINE.cooldown(2, 6, shape=shape)(2) == 0.5


def test_a_text_names_a_shape_by_word_or_class():
    expected = ss.wsd(0.3, 10, 70, 20, final_lr=0.003, shape="exponential")
    for shape in ('"exponential"', "'exponential'", "Geometric"):
        assert parse(f"wsd(0.3, 10, 70, 20, final_lr=0.003, shape={shape})") == expected
    assert parse("Constant(1).cooldown(4, 3, 0.5, Rex)") == Constant(1).head(4) >> Rex(1, 0.5, 3)
    assert parse('warmup(Constant(1), "10%", shape=Cosine)', Horizon(100, 1, 1)) == Cosine(0, 1, 10) >> Constant(1)


@pytest.mark.parametrize(
    ("shape", "fragment"),
    [
        ("linaer", "or a function of (start, end, steps), got 'linaer'; did you mean \"linear\"?"),
        ("Cosine", 'did you mean "cosine"?'),
        ("polynomial", 'did you mean "polynomial(2)"?'),
        ("polynomial()", 'did you mean "polynomial(2)"?'),
        ("polynomial(two)", 'did you mean "polynomial(2)"?'),
        ("polynomial(0)", "must be polynomial(power) with power a finite number > 0, got 'polynomial(0)'"),
        ("rex(1.5)", "must be rex(beta) with beta a finite number >= 0 and <= 1, got 'rex(1.5)'"),
        ("cosine(2)", 'did you mean "cosine"?'),
        ("", "got ''"),
        (None, "got None"),
        (3, "got 3"),
        (LINE, "got Linear(0.0, 1.0, 4)"),
        (Polynomial, 'got Polynomial; did you mean "polynomial(2)"?'),
        (ss.Function, "got Function"),
        (lambda start, end: LINE, "got <function"),
    ],
)
def test_what_is_no_shape_is_refused_with_all_words_and_the_nearest(shape, fragment):
    for name, use in {
        "wsd(shape=...)": lambda: ss.wsd(0.3, 1, 2, 3, shape=shape),
        "wsd(warmup_shape=...)": lambda: ss.wsd(0.3, 1, 2, 3, warmup_shape=shape),
        "cooldown(shape=...)": lambda: LINE.cooldown(1, 2, shape=shape),
        "one_cycle(shape=...)": lambda: ss.one_cycle(0.3, 10, shape=shape),
    }.items():
        message = refused(ArgumentError, fragment, use)
        assert message.startswith(f"{name} must be ")


def test_a_shape_of_another_length_is_refused():
    advice = "a shape that makes a schedule of the given length, here 3, got "
    endless = refused(ArgumentError, advice, lambda: ss.wsd(0.3, 1, 2, 3, shape=ss.Exponential))
    assert endless.endswith('got Exponential(0.3, 0.0, 3.0); did you mean "exponential"?')
    refused(ArgumentError, advice, lambda: LINE.cooldown(1, 3, shape=lambda a, b, n: Linear(a, b, n + 1)))
    other = "a shape that makes a schedule, got 0.1; build it from shapes or a Function"
    refused(ArgumentError, other, lambda: LINE.cooldown(1, 3, shape=lambda a, b, n: 0.1))


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (
            lambda: ss.wsd(0.3, 100, 700, 200, shape="exponential"),
            "wsd(final_lr=...) must be a finite number > 0 for shape='exponential', got 0.0; write final_lr=0.003",
        ),
        (
            lambda: ss.wsd(0.3, 100, 700, 200, warmup_shape=Geometric),
            "wsd(init_lr=...) must be a finite number > 0 for warmup_shape=Geometric, got 0.0; write init_lr=0.003",
        ),
        (
            lambda: ss.warmup(Constant(0.2), 3, shape="exponential"),
            "warmup(init_lr=...) must be a finite number > 0 for shape='exponential', got 0.0; write init_lr=0.002",
        ),
        (
            lambda: Constant(0.2).cooldown(3, 4, shape="exponential"),
            "cooldown(end=...) must be a finite number > 0 for shape='exponential', got 0.0; write end=0.002",
        ),
        (
            lambda: Constant(0).cooldown(3, 4, 0.1, "exponential"),
            "the value of the schedule there must be a finite number > 0 for shape='exponential', got 0.0; "
            "choose another shape",
        ),
        (
            lambda: Constant(0).cooldown(3, 4, 0, "exponential"),
            "the value of the schedule there must be a finite number > 0 for shape='exponential', got 0.0; "
            "choose another shape\ncooldown(end=...) must be a finite number > 0 for shape='exponential', got 0.0",
        ),
        (
            lambda: ss.wsd(0.0, 10, 10, 10, shape="exponential"),
            "wsd(peak_lr=...) must be a finite number > 0 for shape='exponential', got 0.0\n"
            "wsd(final_lr=...) must be a finite number > 0 for shape='exponential', got 0.0",
        ),
        (
            lambda: LINE.cooldown(3, 4, shape=lambda start, end, steps: Polynomial(start, end, steps, -1)),
            "Polynomial(power=...) must be a finite number > 0, got -1",
        ),
    ],
)
def test_an_exponential_way_from_or_to_0_is_answered_with_what_to_write(use, message):
    assert refused(ArgumentError, "", use) == message


def test_in_a_text_the_argument_is_pointed_at():
    text = 'wsd(0.3, 100, 700, 200, final_lr=0, shape="exponential")'
    message = refused(ParseError, "write final_lr=0.003", lambda: parse(text))
    assert message.splitlines()[2].index("^") - 2 == text.index("0, shape")
    refused(ParseError, 'did you mean "rex"?', lambda: parse('wsd(0.3, 1, 1, 1, shape="rx")'))
    refused(
        ParseError,
        '"cosine" is not a shape or recipe; did you mean "Cosine"?',
        lambda: parse("wsd(1, 1, 1, 1, shape=cosine)"),
    )
    refused(ParseError, "noam needs its arguments", lambda: parse("wsd(0.3, 1, 1, 1, shape=noam)"))
