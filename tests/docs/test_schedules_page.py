"""The page of all schedules is complete, and its one-line schedules can be parsed."""

import re
from pathlib import Path

import pytest

from stepsize import Horizon, parse
from stepsize.schedules.names import METHODS, RECIPES, SHAPES

PAGE = (Path(__file__).parents[2] / "docs" / "schedules.md").read_text()
LINES = re.findall(r"`([^`]+)` \|$", PAGE.partition("## Well-known schedules")[2], flags=re.MULTILINE)


def has_row(call: str) -> bool:
    return re.search(rf"^\| `.+`{{\.drawn}} \| `{re.escape(call)}", PAGE, flags=re.MULTILINE) is not None


@pytest.mark.parametrize("item", [*SHAPES, *RECIPES], ids=lambda item: item.__name__)
def test_every_shape_and_recipe_has_its_row(item: object) -> None:
    assert has_row(f"{item.__name__}("), f"docs/schedules.md has no row with a picture and `{item.__name__}(...)`"


@pytest.mark.parametrize("method", METHODS)
def test_every_method_has_its_row(method: str) -> None:
    assert has_row(f"a.{method}("), f"docs/schedules.md has no row with a picture and `a.{method}(...)`"


@pytest.mark.parametrize("line", LINES)
def test_a_well_known_schedule_is_one_line_of_text(line: str) -> None:
    parse(line, Horizon(samples=60_000, batch=256, epochs=10), functions=True)
