"""Texts that are not schedules: one clear line, the text, and a caret under the place."""

import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusals import HORIZON, refused

from stepsize import Horizon, from_dict, parse, to_dict
from stepsize.errors import ParseError
from stepsize.schedules import grammar
from strategies import trees

TEXTS = {
    # names
    "lineer(0, 1, 4)": ('"lineer" is not a shape or recipe; did you mean "Linear"?', 0),
    "Cosin(0, 1, 4)": ('did you mean "Cosine"?', 0),
    "onecycle(1, 100)": ('did you mean "one_cycle"?', 0),
    "abs(1)": ("is not a shape or recipe; known are Constant, Cosine,", 0),
    "__import__('os')": ("is not a shape or recipe", 0),
    "Linear(0, 1, 4).heads(2)": ('"heads" is not a method of a schedule; did you mean "head"?', 16),
    "Linear(0, 1, 4).plot()": ("is not a method of a schedule", 16),
    "Linear(0, 1, 4).__class__()": ("is not a method of a schedule", 16),
    "Linear(0, 1, 4).steps": ("expected ( after .steps", 21),
    "Linear": ("Linear needs its arguments: Linear(start, end, steps)", 0),
    "Linear >> Cosine": ("Linear needs its arguments: Linear(start, end, steps)", 0),
    "Constant(pi)": ('"pi" is not a shape or recipe', 9),
    # arguments
    "Linear(0, 1)": ('Linear lacks "steps"; write Linear(start, end, steps)', 0),
    "Linear()": ('Linear lacks "start"', 0),
    "Linear(0, 1, 4, 5)": ("too many arguments; write Linear(start, end, steps)", 16),
    "Linear(0, 1, step=4)": ('Linear has no argument "step"; did you mean "steps"?', 18),
    "Linear(0, 1, T_max=4)": ('Linear has no argument "T_max"; write Linear(start, end, steps)', 19),
    "Linear(0, 1, 4, start=2)": ('Linear is given "start" twice', 22),
    "Linear(start=0, 1, 4)": ("a positional argument cannot follow a keyword; name it too", 16),
    "Linear(0, 1, 4).head(self=3)": ('head has no argument "self"', 26),
    "Linear(0, 1, 2.5)": ("Linear(steps=...) must be a whole number of at least 1, got 2.5; write 2 or 3", 13),
    "Linear(0, 1, inf)": ("must be a whole number of at least 1, got inf", 13),
    "Linear(0, inf, 4)": ("Linear(end=...) must be a finite number, got inf", 10),
    "Linear(0, 1e999, 4)": ("Linear(end=...) must be a finite number, got inf", 10),
    "Linear(0, inf - inf, 4)": ("Linear(end=...) must be a finite number, got nan", 10),
    "Linear(0, True, 4)": ("True is not a finite number; write a finite number such as 0.1", 10),
    "Linear(0, (1,), 4)": ("Linear(end=...) must be a finite number, got (1,)", 10),
    "Linear(0, Constant(1), 4)": ("Linear(end=...) must be a finite number, got Constant(1.0)", 10),
    'Constant("3ep")': ("Constant(value=...) must be a finite number, got '3ep'", 9),
    "Linear(0, 1, 4).tail(9)": ("at most the schedule's 4 steps, got 9", 21),
    "Constant(1) >> Linear(0, 1, 4)": (".head(n) before >>", 0),
    "Linear(0, 1, 4) >> 0.1": ("write Constant(0.1)", 19),
    "0.1 >> Linear(0, 1, 4)": ("write Constant(0.1)", 0),
    "Linear(0, 1, 4) / Linear(0, 1, 4)": ("the right of / must be a number, got Linear(0.0, 1.0, 4)", 0),
    "1 / Linear(0, 1, 4)": ("a number cannot be divided by a schedule", 0),
    "Linear(0, 1, 4) / 0": ("the right of / must be a number other than 0, got 0.0", 0),
    "1 / 0 * Linear(0, 1, 4)": ("the right of / must be a number other than 0, got 0", 0),
    'Linear(0, 1, 4) + "1"': ("expected a schedule or a number, found '1'", 18),
    "-(1, 2)": ("expected a schedule or a number, found (1, 2)", 1),
    "Exponential(1, 10).cooldown(400, 10)": ("is inf at step 400", 19),
    'Function("math:exp")': ("Function runs your own code; allow it with functions=True", 0),
    'Linear(0, 1, 4) + warmup(Function("os:abort"), 3)': ("Function runs your own code", 25),
    "2 ** Linear(0, 1, 4)": ("the right of ** must be a number, got Linear(0.0, 1.0, 4); a number cannot be raised", 0),
    "Linear(0, 1, 4) ** Constant(2)": ("the right of ** must be a number, got Constant(2.0)", 0),
    "Linear(0, 1, 4) ** '2'": ("expected a schedule or a number, found '2'", 19),
    "Constant((-8) ** 0.5)": ("Constant(value=...) must be a finite number, got nan", 10),
    "Constant(2 ** 5000)": ("Constant(value=...) must be a finite number, got inf", 9),
    "Constant(1).warp(2)": (
        "the schedule of .warp() must be one that ends, got Constant(1.0); cut it with .head(n)",
        12,
    ),
    "Linear(0, 1, 4).warp(0)": ("Warp(power=...) must be a finite number > 0, got 0", 21),
    "minimum(Constant(1), 'x')": ("an operand of minimum must be a schedule or a finite number, got 'x'", 0),
    "minimum(1, 2)": ("must be at least two operands, one of them a schedule, got (1.0, 2.0)", 0),
    "maximum()": ("must be at least two operands, one of them a schedule, got ()", 0),
    "maximum": ("maximum needs its arguments: maximum(*operands)", 0),
    "maximum(Constant(1), b=2)": ('maximum has no argument "b"; write maximum(*operands)', 23),
    # no schedule
    "": ("expected a schedule or a number, found the end of the text", 0),
    "   ": ("found the end of the text", 3),
    "0.1": ("expected a schedule, found 0.1; write Constant(0.1)", 0),
    "1 + 2 * 3": ("expected a schedule, found 7; write Constant(7)", 0),
    '"Constant(1)"': ("expected a schedule, found 'Constant(1)'", 0),
    "(Constant(1),)": ("expected a schedule, found (Constant(1.0),)", 0),
    "(1).head(3)": ("expected a schedule, found 1; write Constant(1)", 1),
    # form
    "Linear(0, 1, 4": ("this bracket is never closed; add a )", 6),
    "Table([1, 2": ("this bracket is never closed; add a ]", 6),
    "((Constant(1)": ("this bracket is never closed; add a )", 1),
    "Table([1, 2)": ("expected , or ], found ')'", 11),
    "Linear(0, 1, 4))": ("a .method() or the end, found ')'", 15),
    "Linear(0 1, 4)": ("expected , or ), found '1'", 9),
    "Linear(0,, 4)": ("expected a schedule or a number, found ','", 9),
    "Linear(0, 1, 4) **": ("found the end of the text", 18),
    "Linear(0, 1, 4) >>": ("found the end of the text", 18),
    "Linear(0, 1, 4) > Constant(1)": ("'>' has no meaning here; write >> for one schedule after another", 16),
    "Linear(0, 1, 4) >>> Constant(1)": ("'>' has no meaning here", 18),
    "Linear(0, 1, 4) * * 2": ("expected a schedule or a number, found '*'", 18),
    "Linear(0, 1, 4) *** 2": ("expected a schedule or a number, found '*'", 18),
    "Linear(0, 1, 4) // 2": ("expected a schedule or a number, found '/'", 17),
    "Linear(0, 1, 4); Constant(1)": ("';' has no meaning here", 15),
    "Linear(0, 1, 4) # falls": ("'#' has no meaning here", 16),
    "lambda t: t": ("found 't'", 7),
    "Constant(1)(2)": ("a .method() or the end, found '('", 11),
    "Constant(1).": ("expected the name of a method", 12),
    "Constant(1__0)": ("this number cannot be read", 9),
    "Constant(" + "9" * 5000 + ")": ("this number cannot be read", 9),
    'Constant(1, "3': ("this string is not closed on its line", 12),
    'Constant(1, "\\n")': ("this string is not closed on its line, or has a backslash", 12),
    # letters that look like ASCII
    "\u0421osine(0, 1, 4)": ("U+0421 CYRILLIC CAPITAL LETTER ES is not ASCII", 0),
    "Lin\u0435ar(0, 1, 4)": ("U+0435 CYRILLIC SMALL LETTER IE is not ASCII", 3),
    "Linear(0\u060c 1, 4)": ("U+060C ARABIC COMMA is not ASCII", 8),
    "Linear(0, 1, \uff14)": ("U+FF14 FULLWIDTH DIGIT FOUR is not ASCII", 13),
    "Linear(0,\u00a01, 4)": ("U+00A0 NO-BREAK SPACE is not ASCII", 9),
    "Linear(0, \u22121, 4)": ("U+2212 MINUS SIGN is not ASCII", 10),
    "Linear(0, 1, 4) \u226b Constant(1)": ("U+226B MUCH GREATER-THAN is not ASCII", 16),
    "\ud800": ("U+D800 an unnamed character is not ASCII", 0),
    # units
    'Linear(0, 1, "3ep")': ('"3ep" needs a horizon, which says how long the run is', 13),
    'Exponential(0.1, 0.5, "10%")': ('"10%" needs a horizon', 22),
    'Linear(0, 1, "rest")': ('"rest" needs a horizon', 13),
    'Linear(0, 1, "5%")': ("how long the run is; give horizon=... or write a number of steps", 13),
    "Linear(0, 1, rest)": ('rest needs quotes; write "rest"', 13),
    "Cosine(0.2, 0.02, 30%)": ('a length with a unit needs quotes; write "30%"', 18),
    "Cosine(0.2, 0.02, 3ep)": ('a length with a unit needs quotes; write "3ep"', 18),
    "Cosine(0.2, 0.02, 3 epochs)": ('a length with a unit needs quotes; write "3ep"', 18),
    "Cosine(0.2, 0.02, 2Btok)": ('a length with a unit needs quotes; write "2Btok"', 18),
    "Cosine(0.2, 0.02, 500 ksp)": ('a length with a unit needs quotes; write "500ksp"', 18),
    "Cosine(0.2, 0.02, 1.5h)": ('a length with a unit needs quotes; write "1.5h"', 18),
    "Cosine(0.2, 0.02, 2.5 epochs)": ('write "2.5ep"', 18),
    "Cosine(0.2, 0.02, %)": ("'%' has no meaning here", 18),
    "Constant(nan)": ("nan is not a finite number; write a finite number such as 0.1", 9),
    "MultiStep(1, 0.5, (5, 3))": ("weakly rising, got 3; sort them; here 5 is followed by 3", 18),
    "\N{CYRILLIC CAPITAL LETTER ES}onstant(1)": ("CYRILLIC CAPITAL LETTER ES is not ASCII", 0),
    "Constant(\N{MINUS SIGN}1)": ("write the ASCII '-'", 9),
    "Constant(1) \N{MULTIPLICATION SIGN} 2": ("write the ASCII '*'", 12),
    "\N{FULLWIDTH LATIN CAPITAL LETTER C}onstant(1)": ("write the ASCII 'C'", 0),
    "Linear(0, 1, \N{LEFT DOUBLE QUOTATION MARK}3ep\N{RIGHT DOUBLE QUOTATION MARK})": ("write the ASCII '\"'", 13),
    # depth
    "Constant(1)" + ".head(1)" * 120: ("more than 100 methods on one schedule", 11 + 8 * 108 + 1),
    "Constant(1)" + ".head(1)" * 100: ("the nesting of schedules must be at most 100 levels deep", 11 + 8 * 99 + 1),
    "(" * 200 + "Constant(1)" + ")" * 200: ("brackets nested deeper than 108", 108),
}


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: ascii(text[:40]))
def test_an_invalid_text_is_refused_with_the_place(text):
    fragment, position = TEXTS[text]
    message = refused(ParseError, fragment, lambda: parse(text))
    sentence, shown, caret = message.split("\n")
    assert len(sentence) < 400
    assert len(shown) < 90
    with pytest.raises(ParseError) as caught:
        parse(text)
    assert caught.value.position == position
    assert caught.value.text == text
    assert sentence.startswith(caught.value.reason)
    if position < len(text):
        under = shown[len(caret) - 1]
        assert under == (text[position] if text[position].isprintable() else " ")
    assert str(pickle.loads(pickle.dumps(caught.value))) == message


VOCABULARY = """
Linear Cosine Constant Table Knots warmup wsd sgdr Repeat Chain head every tail clip inf rest start steps nan
0 1 2.5 -3 1e308 1e-320 9007199254740993 0.1 ( ) [ ] , = . >> + - * / ** " ' **kw é ≫ "3ep" "10%" "rest" \0
Linear(0,1,4) Constant(1) .head(2) .every(3) .repeat(2,0.5,2) .stretch(9) >>Rex(0,1,2)
minimum maximum(0, .warp(2) **2 wsd( shape=Rex shape="rex(0.7)" "exponential"
"""
WORDS = st.sampled_from(VOCABULARY.split())


def only_parse_errors(text: str, horizon: Horizon | None = None) -> None:
    try:
        schedule = parse(text, horizon)
    except ParseError:
        return
    assert parse(str(schedule)) == schedule
    assert from_dict(json.loads(json.dumps(to_dict(schedule), allow_nan=False))) == schedule


@given(st.text())
def test_any_text_is_a_schedule_or_a_parse_error(text):
    only_parse_errors(text)


@given(st.lists(WORDS, max_size=25), st.sampled_from([None, HORIZON]))
def test_any_words_are_a_schedule_or_a_parse_error(words, horizon):
    only_parse_errors(" ".join(words), horizon)


@given(trees, st.data())
def test_a_text_with_mistakes_is_a_schedule_or_a_parse_error(schedule, data):
    text = str(schedule)
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(start + 6, len(text))))
        text = text[:start] + data.draw(st.one_of(st.just(""), WORDS, st.text(max_size=2))) + text[end:]
    only_parse_errors(text, data.draw(st.sampled_from([None, HORIZON])))


def test_a_pasted_character_is_answered_with_ascii_if_it_stands_for_some():
    for meant, pasted in grammar._PASTED.items():
        assert meant.isascii()
        for character in pasted:
            assert "; write " in refused(ParseError, "is not ASCII", lambda text=character: parse(text))
    assert "write" not in refused(ParseError, "U+00B2", lambda: parse("Constant(2\N{SUPERSCRIPT TWO})"))


def test_every_wrong_argument_of_a_call_is_pointed_at():
    message = refused(ParseError, "", lambda: parse("Linear(0, 1, 4) >> Cosine(inf, 'x', steps=2.5)"))
    assert message.split("\n")[0::3] == [
        "Cosine(start=...) must be a finite number, got inf",
        "Cosine(end=...) must be a finite number, got 'x'; write a number such as 0.1",
        "Cosine(steps=...) must be a whole number of at least 1, got 2.5; write 2 or 3",
    ]
    assert [caret.index("^") - 2 for caret in message.split("\n")[2::3]] == [26, 31, 42]


def test_every_unknown_or_repeated_argument_is_pointed_at():
    message = refused(ParseError, "", lambda: parse("Linear(0, 1, 4, 5, end=2, stpes=3)"))
    assert message.split("\n")[0::3] == [
        "too many arguments; write Linear(start, end, steps)",
        'Linear is given "end" twice',
        'Linear has no argument "stpes"; did you mean "steps"?',
    ]


def test_all_missing_arguments_are_named():
    refused(
        ParseError, 'Linear lacks "start" and "end"; write Linear(start, end, steps)', lambda: parse("Linear(steps=4)")
    )


def test_the_advice_to_give_a_horizon_is_data():
    with pytest.raises(ParseError) as caught:
        parse('Linear(0, 1, "3ep")')
    assert caught.value.settings == {"horizon": ...}
    assert caught.value.advice == "give {horizon} or write a number of steps"


@pytest.mark.parametrize(("text", "advice"), [("0,3", "write 0.3"), ("Linear(0, 1, 5) * 0,5", "write 0.5")])
def test_a_decimal_comma_is_answered_with_a_point(text, advice):
    with pytest.raises(ParseError, match=f"found ','; a number has a decimal point: {advice}\\n"):
        parse(text)
    with pytest.raises(ParseError, match=r"found ','\n"):
        parse("Constant(0.3), 5")
