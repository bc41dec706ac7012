"""Schedules whose code is tested, and the recorded code of each.

`python tests/interop/code_cases.py` records the code again.
"""

import math
from itertools import combinations
from pathlib import Path

from stepsize import (
    Constant,
    Cosine,
    Exponential,
    Geometric,
    InversePower,
    Knots,
    Linear,
    Logarithmic,
    MultiStep,
    OneMinusSqrt,
    Piecewise,
    Polynomial,
    Rex,
    Staircase,
    Table,
    Triangle,
    cyclic,
    inverse_sqrt,
    maximum,
    minimum,
    noam,
    one_cycle,
    sgdr,
    wsd,
)
from stepsize.interop import to_code

RECORDED = Path(__file__).parent / "recorded" / "code.txt"
INF = math.inf
WARMUP = Linear(0.0, 0.3, 7)
WAVE = Cosine(0.3, 0.01, 12)
MANY_KNOTS = tuple((3 * i, 0.3 / (1 + i % 4)) for i in range(12))

SHAPES_AND_OPERATORS = [
    Constant(0.3),
    WARMUP,
    Cosine(0.01, 0.3, 9),
    Polynomial(0.3, 0.1, 9, 0.5),
    Polynomial(0.1, 0.3, 9, 2.0),
    Geometric(0.3, 0.001, 9),
    OneMinusSqrt(0.3, 0.1, 9),
    OneMinusSqrt(0.1, 0.3, 9),
    Logarithmic(0.0, 0.3, 9),
    *(Rex(0.3, 0.0, 9, beta) for beta in (0.0, 0.7, 1.0)),
    Exponential(0.3, 0.95, 10),
    Staircase(0.3, 0.5, 4),
    MultiStep(0.3, 0.5, (4, 4, 9)),
    Piecewise((0.3, 0.1, 0.2), (4, 9)),
    InversePower(0.3, 0.3, 0.7),
    *(InversePower(0.3, *flat) for flat in ((0.0, 0.5), (0.3, 0.0))),
    Exponential(0.123456789, 0.987654321, 77.7) + InversePower(0.123456789, 0.987654321, 0.777) + WAVE.shift(3),
    Exponential(0.123456789, 0.987654321, 77.7) + InversePower(0.123456789, 0.987654321, 0.777) + 0.1,
    Triangle(0.1, 0.3, 4, 6),
    Knots(((2, 0.1), (4.5, 0.3), (9, 0.0)), "cosine"),
    Knots(MANY_KNOTS),
    Knots(MANY_KNOTS, "cosine"),
    Table((0.1, 0.3, 0.2)),
    WARMUP >> WAVE,
    WARMUP + 0.1 - WAVE / 2,
    2 * WARMUP * Exponential(1.0, 0.9),
    minimum(WARMUP, Staircase(0.3, 0.5, 4), 0.2),
    maximum(WARMUP, WAVE),
    (WARMUP + 0.1) ** -1.5,
    WAVE.clip(0.05, 0.25),
    WAVE.shift(5),
    Piecewise((0.3, 0.1), (2,)).every(5),
    (WARMUP >> WAVE).stretch(31),
    (Constant(0.1, 3) >> Linear(0.0, 1.0, 4).repeat(2, 1.0, 2.0).stretch(24) >> Constant(0.5, 1)).stretch(14),
    (Staircase(0.3, 0.5, 2).head(9) >> WAVE).warp(2.0),
    Piecewise((0.3, 0.1), (2,)).every(5).head(20).warp(2.0),
    Table((0.3,)).warp(2.0),
    (Constant(0.1, 4) >> Linear(0.3, 0.0, 6)).tail(5).warp(2.0),
    Staircase(0.3, 0.5, 2).head(12).tail(6).warp(2.0),
    Linear(0.1, 0.2, 5).tail(5).warp(2.0),
    Linear(0.1, 0.3, 7).stretch(5) >> Linear(0.3, 0.1, 3).stretch(2) >> Linear(0.1, 0.2, 1),
    (WARMUP >> Table((0.3, 0.2)) >> WAVE).head(15),
    (WARMUP >> WAVE).tail(9),
    (WARMUP >> WAVE).cooldown(10, 5, 0.0, "1-sqrt"),
    (Constant(0.1, 1) >> Exponential(0.3, 0.5).head(8)).stretch(3),
    (Constant(0.1, 2) >> Logarithmic(0.1, 0.3, 8)).stretch(5),
    WAVE.repeat(3, 0.5),
    WAVE.repeat(INF, 0.5).head(30).warp(2.0),
    (WARMUP >> WAVE).repeat(INF, -0.9),
    Constant(0.1, 5) >> (WARMUP >> WAVE).repeat(4, 0.5, 1.5),
    sgdr(0.3, 5, INF, stretch=2.0),
    sgdr(0.3, 5, 3, 0.1, 0.5, 2.0).stretch(50),
    (WARMUP >> WAVE).stretch(200).reclock(Piecewise((2, 5), (40,))),
    WAVE.repeat(3).every(2) * Table((0.5, 1.0, 0.7)).repeat(INF),
    noam(512, 8),
    inverse_sqrt(0.3, 8),
    one_cycle(0.3, 30),
    cyclic(0.1, 0.3, 3, 4, mode="exp_range", gamma=0.97),
    wsd(0.3, 3, 10, 8, shape="rex"),
]
"""Each shape and each operator."""

LONG = [
    Linear(0.123456, 0.98765432, 7_777_777),
    Cosine(0.1234, 0.5, 8_888_888),
    OneMinusSqrt(0.123, 0.05, 1_234_567),
    Exponential(0.123, 0.9876),
    InversePower(0.12345, 0.123, 0.75),
    Staircase(0.1234567, 0.5, 12_345),
]
PAIRS = list(combinations(LONG, 2))
WIDE = [
    *(one * other for one, other in PAIRS),
    *(one * other + 0.1 * one for one, other in PAIRS),
    *(maximum(one, other) for one, other in PAIRS),
    *(maximum(one, other) * minimum(one, 0.1) + other for one, other in PAIRS),
    *((LONG[0] - one + other) * LONG[2] for one, other in PAIRS),
    *(maximum(one, 0.0) + maximum(LONG[0] - one + other, one) for one, other in PAIRS),
    *(((maximum(one, other) * other).head(999) >> one).head(5000).repeat(3) for one, other in PAIRS),
    *(Constant(0.3, 10**i) >> Constant(0.1, 10**j) >> Constant(0.2, 10**15) for i in range(16) for j in (0, 15)),
    *(
        ((Linear(rate, 0.98765, length) + Exponential(rate, 0.5, 1234.5)).head(5) >> Constant(0.2, 5)).repeat(3)
        for rate in (0.123456, 0.1234567, 0.12345678)
        for length in (7, 77, 777, 7777)
    ),
    Table((0.1,) * 14),
    Cosine(0.123456789, 0.987654321, 7_777_777).shift(1_234_567),
    Linear(0.123456789, 0.987654321, 7_777_777).shift(1_234_567) + Exponential(0.123456789, 0.5, 1234.5),
    Linear(0.1, 0.9, 7_777_777).shift(1_234_567) - Exponential(0.1, 0.5, 1234.5) - Exponential(0.123456789, 0.75),
]
"""Schedules whose code has long lines."""


def recorded() -> dict[str, str]:
    """The recorded code by language and schedule."""
    _, *parts = RECORDED.read_text().split("\n### ")
    return {head: code for head, _, code in (part.partition("\n") for part in parts)}


def written(language: str) -> dict[str, str]:
    """The code of each shape and operator in a language."""
    return {f"{language}: {each}": to_code(each, language) for each in SHAPES_AND_OPERATORS}


if __name__ == "__main__":
    codes = written("python") | written("jax")
    RECORDED.write_text("\n" + "\n".join(f"### {head}\n{code}" for head, code in codes.items()))
