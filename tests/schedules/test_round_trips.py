"""Shapes, trees and recipes are read back equal from text, JSON, pickle and copies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from round_trips import assert_round_trips

from strategies import RECIPES, SHAPES, every_shape, trees


@every_shape
@given(data=st.data())
def test_a_shape_is_read_back_equal_from_text_json_pickle_and_copies(cls, data):
    assert_round_trips(data.draw(SHAPES[cls].drawn))


@given(trees)
def test_a_tree_is_read_back_equal_from_text_json_pickle_and_copies(schedule):
    assert_round_trips(schedule)


@pytest.mark.parametrize("recipe", RECIPES)
@given(data=st.data())
def test_a_recipe_is_read_back_equal_from_text_json_pickle_and_copies(recipe, data):
    assert_round_trips(data.draw(RECIPES[recipe]))
