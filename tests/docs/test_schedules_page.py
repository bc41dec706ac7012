"""The page on schedules leaves none out, and its one-line schedules can be read."""

import re
from pathlib import Path

import pytest

from stepsize import Horizon, parse
from stepsize.schedules.names import METHODS, RECIPES, SHAPES

PAGE = (Path(__file__).parents[2] / "docs" / "schedules.md").read_text()
LINES = re.findall(r"`([^`]+)` \|$", PAGE.partition("## Well-known schedules")[2], flags=re.MULTILINE)


@pytest.mark.parametrize("item", [*SHAPES, *RECIPES], ids=lambda item: item.__name__)
def test_every_shape_and_recipe_has_its_row(item: object) -> None:
    assert f"| `{item.__name__}(" in PAGE


@pytest.mark.parametrize("method", METHODS)
def test_every_method_has_its_row(method: str) -> None:
    assert f"| `a.{method}(" in PAGE


@pytest.mark.parametrize("line", LINES)
def test_a_well_known_schedule_is_one_line_of_text(line: str) -> None:
    parse(line, Horizon(samples=60_000, batch=256, epochs=10), functions=True)
