"""The page of all schedules is complete, and its one-line schedules can be parsed."""

import re
from pathlib import Path

import pytest

from stepsize import Horizon, parse
from stepsize.schedules.names import METHODS, RECIPES, SHAPES

PAGE = (Path(__file__).parents[2] / "docs" / "schedules.md").read_text()
LINES = re.findall(r"`([^`]+)` \|$", PAGE.partition("## Well-known schedules")[2], flags=re.MULTILINE)


@pytest.mark.parametrize("item", [*SHAPES, *RECIPES], ids=lambda item: item.__name__)
def test_every_shape_and_recipe_has_its_row(item: object) -> None:
    assert re.search(rf"^\| `.+`{{\.drawn}} \| `{item.__name__}\(", PAGE, flags=re.MULTILINE)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_has_its_row(method: str) -> None:
    assert re.search(rf"^\| `.+`{{\.drawn}} \| `a\.{method}\(", PAGE, flags=re.MULTILINE)


@pytest.mark.parametrize("line", LINES)
def test_a_well_known_schedule_is_one_line_of_text(line: str) -> None:
    parse(line, Horizon(samples=60_000, batch=256, epochs=10), functions=True)
