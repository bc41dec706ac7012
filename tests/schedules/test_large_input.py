"""Large input: long texts, long values in messages, long chains and tables."""

import copy
import json
import pickle

import numpy as np
import pytest
from refusals import HORIZON, LINE, LINE_FORM, refused

import stepsize as ss
from stepsize import Constant, Function, Horizon, Linear, Table, from_dict, parse, to_dict
from stepsize.errors import ParseError

MEGA = 1_000_000


@pytest.mark.parametrize(
    "text",
    [
        "(" * MEGA,
        "[" * MEGA,
        "([" * (MEGA // 2),
        ")" * MEGA,
        "{" * MEGA,
        "Linear(" * (MEGA // 7),
        "Table([" * (MEGA // 7),
        "-(" * (MEGA // 2),
        "Constant(1) + (" * (MEGA // 15),
        "Constant(1).head(" * (MEGA // 17),
        "Constant(1)" + ".head(1)" * (MEGA // 8),
        "(" * (MEGA // 2) + ")" * (MEGA // 2),
        "Table(" + "9" * MEGA,
        "x" * MEGA,
        '"' + "x" * MEGA,
        " " * MEGA,
        "\u200b" * (MEGA // 3),
        f'Linear(0, 1, "{"9" * MEGA}ep")',
        f'Linear(0, 1, steps="{" " * MEGA}")',
        f"Linear({'x' * MEGA}=1)",
        f"Constant(1).{'x' * MEGA}",
        f"Constant(1).{'x' * MEGA}(2)",
        f'{"x" * MEGA}("3ep")',
        f'Constant("{"x" * MEGA}")',
        f'noam("{"9" * MEGA}", 400)',
        f'Knots([(0, 1), (1, 2)], "{"linear" * (MEGA // 6)}")',
        f'("{"x" * MEGA}",) + 1',
        "1" + "**1" * (MEGA // 30),
        "2" + "**-2" * (MEGA // 40) + "**Constant(1)",
        "Constant(1)" + "**(2" * (MEGA // 4),
        f'wsd(1, 1, 1, 1, shape="{"rex(" * (MEGA // 4)}")',
    ],
    ids=lambda text: ascii(text[:16]),
)
def test_a_megabyte_of_nonsense_is_refused_in_three_lines(text):
    """Reading stops at the first impossible place, without recursion."""
    message = refused(ParseError, "", lambda: parse(text, HORIZON))
    assert len(message) < 700
    assert len(message.splitlines()) == 3


class Shouting:
    """Has a repr of a megabyte in many lines."""

    def __repr__(self):
        return "AH\n\r\u2028 " * (MEGA // 6)

    def __call__(self, t):
        raise ValueError(repr(self))

    def __float__(self):
        raise ValueError(repr(self))


LONG, LOUD = "9\n" * (MEGA // 2), Shouting()
MUCH = Table([0.1] * (MEGA // 5))
BIG = {
    "a length with a unit": lambda: Linear(0, 1, LONG),
    "a count": lambda: Horizon(LONG, 1, 1),
    "a length of a horizon": lambda: HORIZON.of(LONG),
    "a number": lambda: Constant(LONG),
    "a word": lambda: LINE.cooldown(1, 2, 0, LONG),
    "a sequence": lambda: Table(LONG),
    "an invalid operand": lambda: LINE + LOUD,
    "a warmup of no schedule": lambda: ss.warmup(LOUD, 3),
    "a step": lambda: LINE(LONG),
    "an object as a step": lambda: LINE(LOUD),
    "a function's name": lambda: Function(LONG),
    "a function that cannot be imported": lambda: Function(f"math:{'x' * MEGA}")(0),
    "a function that raises": lambda: Function(LOUD)(0),
    "a function's value": lambda: Function(lambda t: LOUD)(0),
    "an object as a text": lambda: parse(LOUD),
    "an object as a horizon": lambda: parse("Constant(1)", LOUD),
    "a schedule over 0": lambda: MUCH / 0,
    "a schedule without steps": lambda: MUCH.head(0).repeat(2),
    "a schedule that overflows": lambda: (MUCH * 1e308 * 1e308)(0),
    "a schedule that never ends": lambda: (MUCH * Constant(1)).repeat(2),
    "a form": lambda: from_dict(LONG),
    "a form's version": lambda: from_dict({"version": LONG}),
    "a form's type": lambda: from_dict({"version": 1, "type": LONG}),
    "a form's key": lambda: from_dict({"version": 1, **LINE_FORM, LONG: 1}),
    "a form's key and its value": lambda: from_dict({"version": 1, **LINE_FORM, LONG: {"type": "Liner"}}),
    "a form's value": lambda: from_dict({"version": 1, **LINE_FORM, "end": LONG}),
}


@pytest.mark.parametrize("case", BIG)
def test_a_message_about_a_megabyte_is_one_short_line(case):
    with pytest.raises(ss.StepsizeError) as caught:
        BIG[case]()
    assert len(str(caught.value)) < 400
    assert len(str(caught.value).splitlines()) == 1


def test_a_chain_of_five_thousand_phases_is_read_written_and_drawn():
    phases = [Linear(float(i), float(i + 1), 2) for i in range(5_000)]
    text = " >> ".join(map(str, phases))
    chain = parse(text)
    assert chain.steps == 10_000
    assert str(chain) == text
    assert from_dict(json.loads(json.dumps(to_dict(chain)))) == chain
    assert pickle.loads(pickle.dumps(chain)) == copy.deepcopy(chain) == chain
    assert hash(parse(text)) == hash(chain)
    np.testing.assert_array_equal(chain.sample(), np.arange(10_000) / 2)
    assert chain(9_999) == 4_999.5
    assert chain._repr_svg_().startswith("<svg")


@pytest.mark.parametrize("sign", ["+", "*", "-"])
def test_five_thousand_operands_are_read_and_written(sign):
    text = f"Constant(1.0) {sign} " + f" {sign} ".join(["Constant(1.0)"] * 5_000)
    made = parse(text)
    assert str(made) == text
    assert made(5) == {"+": 5_001.0, "*": 1.0, "-": -4_999.0}[sign]
    assert from_dict(to_dict(made)) == made


def test_a_table_of_twenty_thousand_values_is_written_and_read():
    table = Table(np.linspace(0.0, 1.0, 20_000))
    assert parse(str(table)) == table
    assert from_dict(json.loads(json.dumps(to_dict(table)))) == table
    np.testing.assert_array_equal(table.sample(), np.linspace(0.0, 1.0, 20_000))
