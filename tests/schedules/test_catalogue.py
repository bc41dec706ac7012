"""Every shape and recipe is listed where text and JSON find it, is public, and has a row in the tables of the tests."""

import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from hypothesis import Phase, find, settings

import stepsize
from stepsize.schedules.names import OPERATORS
from stepsize.schedules.names import RECIPES as ALL_RECIPES
from stepsize.schedules.names import SHAPES as ALL_SHAPES
from stepsize.schedules.shape import Shape
from strategies import RECIPES, SHAPES, grown

GENERATE = settings(max_examples=1000, phases=[Phase.generate])  # the first one found will do


def concrete(base: type) -> Iterator[type]:
    """The subclasses of the package that are not abstract."""
    for kind in base.__subclasses__():
        if kind.__module__.startswith("stepsize.") and not inspect.isabstract(kind):
            yield kind
        yield from concrete(kind)


def names(items: Iterable[Callable[..., Any]]) -> set[str]:
    return {item.__name__ for item in items}


def test_every_shape_is_listed_in_its_module():
    unlisted = names(concrete(Shape)) - names(ALL_SHAPES)
    assert not unlisted, f"add to SHAPES at the end of its module: {unlisted}"


def test_every_shape_and_recipe_is_public():
    hidden = names([*ALL_SHAPES, *ALL_RECIPES]) - set(stepsize.__all__)
    assert not hidden, f"import in stepsize/schedules/__init__.py and in stepsize/__init__.py: {hidden}"


def test_every_shape_has_a_row_in_the_table():
    missing = names(ALL_SHAPES) - names(SHAPES)
    assert not missing, f"add to SHAPES of tests/strategies.py: {missing}"


def test_every_recipe_is_drawn():
    missing = names(ALL_RECIPES) - set(RECIPES)
    assert not missing, f"add to RECIPES of tests/strategies.py: {missing}"


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda cls: cls.__name__)
def test_random_trees_grow_by_every_operator(operator):
    one_larger = grown(SHAPES[stepsize.Linear].drawn)
    find(one_larger, lambda tree: isinstance(tree, operator), settings=GENERATE)
