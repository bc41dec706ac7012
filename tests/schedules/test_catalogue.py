"""The tables that the tests draw from have every shape and every recipe of the catalogue."""

from stepsize.schedules.names import RECIPES as ALL_RECIPES
from stepsize.schedules.names import SHAPES as ALL_SHAPES
from strategies import RECIPES, SHAPES


def test_every_shape_has_a_row_in_the_table():
    assert set(SHAPES) == set(ALL_SHAPES)


def test_every_recipe_is_drawn():
    assert set(RECIPES) == {recipe.__name__ for recipe in ALL_RECIPES}
