"""The page of all schedules is complete, and its one-line schedules can be parsed."""

import re
from pathlib import Path

import pytest

from stepsize import Horizon, parse
from stepsize.schedules.arithmetic import FUNCTIONS
from stepsize.schedules.names import METHODS, RECIPES, SHAPES
from stepsize.schedules.transitions import WORDS

PAGE = (Path(__file__).parents[2] / "docs" / "schedules.md").read_text()
LINES = re.findall(r"`([^`]+)` \|$", PAGE.partition("## Well-known schedules")[2], flags=re.MULTILINE)


def has_row(call: str) -> bool:
    return re.search(rf"^\| `.+`{{\.drawn}} \| `{re.escape(call)}", PAGE, flags=re.MULTILINE) is not None


@pytest.mark.parametrize("item", [*SHAPES, *FUNCTIONS, *RECIPES], ids=lambda item: item.__name__)
def test_every_shape_function_and_recipe_has_its_row(item: object) -> None:
    assert has_row(f"{item.__name__}("), f"docs/schedules.md has no row with a picture and `{item.__name__}(...)`"


@pytest.mark.parametrize("method", METHODS)
def test_every_method_has_its_row(method: str) -> None:
    assert has_row(f"a.{method}("), f"docs/schedules.md has no row with a picture and `a.{method}(...)`"


def test_every_word_for_a_shape_is_in_the_table() -> None:
    table = PAGE.partition("### Shapes by word")[2].partition("##")[0]
    assert re.findall(r'`"([^"]+)"`', table) == list(WORDS)


@pytest.mark.parametrize("line", LINES)
def test_a_well_known_schedule_is_one_line_of_text(line: str) -> None:
    parse(line, Horizon(samples=60_000, batch=256, epochs=10), functions=True)
