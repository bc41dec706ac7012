from hypothesis import given
from hypothesis import strategies as st

import strategies
from stepsize import parse
from stepsize.play.controls import controls
from stepsize.play.examples import EXAMPLES
from stepsize.schedules.names import SHAPES
from stepsize.schedules.recipes import RECIPES


def numbers(text, is_config=False):
    return [(each.part, each.label, text[each.start : each.end], each.unit) for each in controls(text, is_config)]


def test_every_number_of_a_text_has_its_argument():
    text = 'Linear(0, 0.3, "5%") >> Cosine(0.3, end=-1e-5, steps="rest") * 2'
    assert numbers(text) == [
        ("Linear", "start", "0", ""),
        ("Linear", "end", "0.3", ""),
        ("Linear", "steps", "5", "%"),
        ("Cosine", "start", "0.3", ""),
        ("Cosine", "end", "-1e-5", ""),
        ("", "* number", "2", ""),
    ]


def test_numbers_in_tuples_methods_and_powers():
    assert numbers("Knots(((0, 0.1), (9, 0.3)))") == [
        ("Knots", "points[0] step", "0", ""),
        ("Knots", "points[0] value", "0.1", ""),
        ("Knots", "points[1] step", "9", ""),
        ("Knots", "points[1] value", "0.3", ""),
    ]
    assert numbers("Piecewise((0.3, 0.1), (5,))")[2] == ("Piecewise", "boundaries[0]", "5", "")
    assert numbers("Cosine(1, 0, 10).clip(0.1) ** 2")[-2:] == [(".clip", "low", "0.1", ""), ("", "power", "2", "")]


def test_numbers_behind_a_minus_and_in_mappings():
    assert numbers("-Constant(0.1) * -(2)") == [("Constant", "value", "0.1", ""), ("", "* number", "2", "")]
    assert numbers('Plan(lr={"body": Constant(0.1), "head": Linear(0.2, 0, 9)})') == [
        ("Constant", "value", "0.1", ""),
        ("Linear", "start", "0.2", ""),
        ("Linear", "end", "0", ""),
        ("Linear", "steps", "9", ""),
    ]


def test_numbers_of_a_config_have_the_names_of_their_settings():
    config = '{"scheduler": {"type": "WarmupLR", "params": {"warmup_max_lr": 3e-4, "warmup_num_steps": 500}}}'
    assert numbers(config, True) == [("", "warmup_max_lr", "3e-4", ""), ("", "warmup_num_steps", "500", "")]
    assert numbers("--lr 1e-3 --lr-warmup-iters 20 --bf16", True) == [
        ("", "lr", "1e-3", ""),
        ("", "lr-warmup-iters", "20", ""),
    ]


def test_an_argument_that_a_function_lacks_has_no_slider():
    text = "Linear(0, 0.3, step=500) >> Cosne(0.3, Constant(0.2)) >> Constant(0.1, 5, 6).clipp(3)"
    assert [(part, label) for part, label, *_ in numbers(text)] == [
        ("Linear", "start"),
        ("Linear", "end"),
        ("Constant", "value"),
        ("Constant", "value"),
        ("Constant", "steps"),
    ]
    assert [number for _, _, number, _ in numbers("minimum(Linear(1, 0, 9), 0.5)")] == ["1", "0", "9", "0.5"]


def test_signs_that_are_no_part_of_a_number_stay_outside_of_it():
    assert numbers("--5 * Constant(1)")[0] == ("", "* number", "5", "")
    assert numbers("Constant(3) - 5")[1] == ("", "- number", "5", "")


@given(strategies.trees.map(str).filter(lambda text: "Function(" not in text))
def test_writing_the_value_of_a_control_in_its_place_changes_nothing(text):
    for each in controls(text, is_config=False):
        assert each.low <= each.value <= each.high
        assert each.step > 0
        number = text[each.start : each.end]
        written = str(int(number)) if number.strip("-").isdigit() else repr(each.value)
        assert parse(text[: each.start] + written + text[each.end :]) == parse(text)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_number_has_a_slider_that_holds_it(number):
    (control,) = controls(f"Constant({number!r})", is_config=False)
    assert control.value == number
    assert control.low <= number <= control.high
    assert control.step > 0


def test_a_slider_of_a_length_has_whole_steps():
    for each in controls("wsd(0.3, 100, 123456, 0)", is_config=False)[1:]:
        assert each.step == int(each.step)
        assert each.low == int(each.low)


@given(st.integers(1, 2**53))
def test_a_slider_of_a_length_reaches_from_its_least_to_well_beyond_it(steps):
    length = controls(f"Linear(0, 1, {steps})", is_config=False)[2]
    assert 1 <= length.low <= steps
    assert length.high >= max(10, 2.5 * steps)


def test_a_zero_has_the_range_of_its_neighbour():
    start, end, _ = controls("Linear(0, 3e-4, 1000)", is_config=False)
    assert start.high == end.high


def test_every_recipe_and_shape_is_offered_and_can_be_read():
    offered = {name for group in EXAMPLES.values() for name in group}
    assert {each.__name__ for each in (*SHAPES, *RECIPES)} - {"Function"} <= offered
    for group in EXAMPLES.values():
        for text in group.values():
            assert parse(text).steps >= 750


def test_a_text_has_at_most_60_sliders():
    assert len(numbers(f"Knots(({', '.join(f'({step}, 0.1)' for step in range(31))}))")) == 60


def sliders(text, is_config=False):
    return [(each.low, each.high, each.step) for each in controls(text, is_config)]


def test_a_slider_has_the_range_and_the_step_of_its_argument():
    assert sliders("Linear(-0.3, 0.3, 500)") == [(-1.0, 1.0, 0.002), (0.0, 1.0, 0.002), (1.0, 2000.0, 1.0)]
    assert sliders("wsd(0.3, 1000, 70000, 200)")[1:3] == [(0.0, 5000.0, 10.0), (0.0, 200_000.0, 100.0)]
    assert sliders('Linear(0, 1, "5%")')[2] == sliders('Linear(0, 1, "100%")')[2] == (0.0, 100.0, 0.5)
    assert sliders('Constant(1, "250%")')[1] == (0.0, 250.0, 0.5)
    assert sliders('Constant(1, "2ep")')[1] == (0.0, 5.0, 0.01)
    assert sliders("Constant(5e-324)") == [(0.0, 1e-300, 1e-300)]
    assert sliders("Constant(1e301)") == [(0.0, 1.7976931348623157e308, 1.7976931348623157e308)]
    assert sliders("Linear(-12, 130, 260)") == [(-50.0, 50.0, 0.1), (0.0, 500.0, 1.0), (1.0, 1000.0, 1.0)]
    assert sliders("Geometric(1e-4, 1.0, 99)") == [(1e-6, 5e-4, 1e-6), (0.01, 5.0, 0.01), (1.0, 500.0, 1.0)]
    assert sliders("Polynomial(0.3, 0, 1000, 2)")[2:] == [(10.0, 5000.0, 10.0), (0.01, 5.0, 0.01)]
    assert sliders("Constant(3, 7_000_000) ** 2") == [(0.0, 10.0, 0.02), (10_000.0, 2e7, 10_000.0), (0.0, 5.0, 0.01)]


def test_a_zero_has_the_range_of_the_nearest_number_of_its_kind():
    assert sliders("Knots(((0, 9), (50, 0), (6, 0.2)))")[3] == sliders("Knots(((0, 9), (50, 0.2), (6, 0.2)))")[3]
    assert [high for _, high, _ in sliders("Linear(0, 0, 400)")] == [5.0, 5.0, 1000.0]
    assert sliders("--lr 0 --min-lr 400 --train-iters 300", is_config=True)[0][1] == 10.0


def test_an_argument_with_bounds_has_a_slider_between_them():
    momentum = controls("one_cycle_momentum(1000, 0.85)", is_config=False)
    assert all(each.low <= each.value <= each.high for each in momentum)
    assert sliders("one_cycle_momentum(1000, 0.85, 0.95, 0.3)")[3] == (0.0, 1.0, 0.005)
    assert sliders("Rex(1, 0, 9, 0.5)")[3] == (0.0, 1.0, 0.005)


def test_numbers_with_separators_and_signs_have_their_value():
    values = [each.value for each in controls("Linear(- 0.5, 1_0.5, 1_000)", is_config=False)]
    assert values == [-0.5, 10.5, 1000.0]


def test_whole_settings_of_a_config_have_whole_steps():
    (rate, steps) = controls("--lr 1e-3 --train-iters 3000", is_config=True)
    assert (rate.low, rate.high, rate.step) == (0.0, 0.005, 1e-5)
    assert (steps.low, steps.high, steps.step) == (0.0, 10_000.0, 10.0)


def test_lengths_may_have_blanks_and_settings_are_whole_words():
    assert numbers("Constant(1, ' 10 % ')") == [("Constant", "value", "1", ""), ("Constant", "steps", "10", "%")]
    config = '{"a": -0.5, "b2": 3.5e-4, "c": 1.2.3, "d": 5x, "e-f":7}'
    assert numbers(config, True) == [("", "a", "-0.5", ""), ("", "b2", "3.5e-4", ""), ("", "e-f", "7", "")]
    assert sliders(config, True)[0] == (-2.0, 2.0, 0.005)
