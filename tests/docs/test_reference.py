"""The reference has every public name."""

import importlib
import re
from pathlib import Path

import pytest

import stepsize

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


@pytest.mark.parametrize(
    "package",
    [
        "stepsize",
        "stepsize.descent",
        "stepsize.lab",
        "stepsize.laws",
        "stepsize.plots",
        "stepsize.pytorch",
        "stepsize.records",
    ],
)
def test_every_public_name_is_in_the_reference(package: str) -> None:
    pages = "".join(page.read_text() for page in REFERENCE.glob("*.md"))
    named = set(re.findall(rf"^::: {package}\.(\w+)$", pages, flags=re.MULTILINE))
    if "errors" in named:  # one page documents the whole module
        named = named - {"errors"} | {"StepsizeError"}
    assert named == set(importlib.import_module(package).__all__)


def test_every_public_method_of_a_schedule_is_in_the_reference() -> None:
    page = (REFERENCE / "schedule.md").read_text()
    methods = {name for name in vars(stepsize.Schedule) if not name.startswith("_")}
    assert methods <= set(re.findall(r"- (\w+)$", page, flags=re.MULTILINE))
