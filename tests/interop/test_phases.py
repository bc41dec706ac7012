"""The phases that several readers have: each is as a person would write it."""

import math

import pytest

from stepsize import Constant, Cosine, Linear, Polynomial
from stepsize.errors import ArgumentError
from stepsize.interop import phases
from stepsize.interop.phases import above, begun, cut, divided, in_turn, joined, level, minus, one_cycle, phase, times

UP, DOWN = Linear(0.0, 0.3, 5), Linear(0.3, 0.1, 5)


def test_numbers_are_computed_as_they_are_written() -> None:
    assert [times(3e-4, 0.1), minus(0.3, 0.1), divided(0.3, 3)] == [3e-05, 0.2, 0.1]


def test_phases_of_no_steps_are_left_out() -> None:
    assert [phase(Linear, 0.0, 0.3, steps) for steps in (1, 0, -1)] == [Linear(0.0, 0.3, 1), None, None]
    assert [level(0.3, steps) for steps in (1, 0, -1)] == [Constant(0.3, 1), None, None]
    assert joined(None, UP, None, DOWN) == UP >> DOWN
    assert in_turn([(UP, 0), (DOWN, 3), (UP, 0), (DOWN, math.inf)]) == DOWN.head(3) >> DOWN


def test_a_last_constant_is_left_out_if_the_rates_have_come_down_to_it() -> None:
    assert joined(DOWN, Constant(0.1)) == DOWN
    assert joined(Linear(0.3, 0.3 - 0.2, 5), Constant(0.1)) == Linear(0.3, 0.3 - 0.2, 5)
    assert joined(DOWN, Constant(0.2)) == DOWN >> Constant(0.2)
    assert joined(UP, Constant(0.3)) == UP >> Constant(0.3)
    assert joined(Constant(0.3, 5), Constant(0.3)) == Constant(0.3, 5) >> Constant(0.3)
    assert joined(Constant(0.3)) == Constant(0.3)


def test_a_schedule_that_is_cut_or_has_begun() -> None:
    assert [cut(UP, steps) for steps in (3, 5, 8)] == [UP.head(3), UP, UP >> Constant(0.3, 3)]
    assert cut(Constant(0.3, 9), 5) == Constant(0.3, 5)
    assert [begun(UP, steps) for steps in (0, 3, 5, 8)] == [UP, UP.tail(3), Constant(0.3), Constant(0.3)]
    assert begun(Constant(0.3, 9), 5) == Constant(0.3, 9)


def test_what_is_nothing_special_is_written_plainly() -> None:
    assert [phases.polynomial(0.3, 0.1, 5, power) for power in (1.0, 2.0)] == [DOWN, Polynomial(0.3, 0.1, 5, 2.0)]
    assert [above(low, DOWN) for low in (0.0, 0.1)] == [DOWN, DOWN + 0.1]
    assert phases.waves(0.3, 0.1, 5, 0.5) == Cosine(0.3, 0.1, 5)
    assert phases.wave(0.3, 0.1, 5, 0) == Constant(0.3)


@pytest.mark.parametrize("periods", [0.5, 1.0, 0.7, -0.7, 0.1, 1.1, 3.0])
def test_a_wave_has_its_periods_in_its_steps_and_goes_on(periods: float) -> None:
    rates = phases.wave(0.3, 0.1, 20, periods)
    for step in range(60):
        expected = 0.2 + 0.1 * math.cos(2 * math.pi * periods * step / 20)
        assert rates(step) == pytest.approx(expected, abs=1e-12)
    held = phases.waves(0.3, 0.1, 20, periods)
    assert [held(step) for step in (0, 7, 20, 50)] == pytest.approx([rates(step) for step in (0, 7, 20, 20)], abs=1e-12)


def test_one_cycle_needs_a_step_in_each_phase() -> None:
    rates = (0.1, 0.5, 0.01)
    assert one_cycle(rates, 10, 0.2, "linear", False, "part").points == ((0, 0.1), (1, 0.5), (9, 0.01))
    assert one_cycle(rates, 10, 0.5, "cos", True, "part").points == ((0, 0.1), (4, 0.5), (8, 0.1), (9, 0.01))
    assert [one_cycle(rates, 10, 0.2, kind, False, "part").shape for kind in ("cos", "linear")] == ["cosine", "linear"]
    for part, three_phase in ((0.1, False), (1.0, False), (0.55, True), (0.1, True)):
        with pytest.raises(ArgumentError, match=r"OneCycleLR\(part=\.\.\.\) must be such that all phases have a step"):
            one_cycle(rates, 10, part, "cos", three_phase, "part")
