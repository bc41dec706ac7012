"""The page of the command line has every verb, with every option of its `--help`."""

import re
import runpy
from pathlib import Path

import pytest
import typer

from stepsize.cli import app

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "command-line.md").read_text()
VERBS = typer.main.get_command(app).commands
WRITTEN_OUT = runpy.run_path(str(ROOT / "scripts" / "command_line.py"))["on_page_markdown"](PAGE)


def test_every_verb_has_its_row_and_its_section():
    assert set(re.findall(r"^\| \[`(\w+)`\]\(#\1\)", PAGE, flags=re.MULTILINE)) == set(VERBS)
    assert re.findall(r"^## (\w+)\n\n::: stepsize \1$", PAGE, flags=re.MULTILINE) == re.findall(
        r"^\| \[`(\w+)`", PAGE, flags=re.MULTILINE
    )


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_of_a_verb_is_written_out(verb):
    section = re.search(rf"^## {verb}\n(.*?)(?=^## |\Z)", WRITTEN_OUT, flags=re.MULTILINE | re.DOTALL)[1]
    rows = re.findall(r"^\| `(.*?)` \| .+ \|$", section, flags=re.MULTILINE)
    for parameter in VERBS[verb].params:
        if parameter.param_type_name == "option":
            assert any(set(parameter.opts) <= set(re.split(r"[ ,]+", row)) for row in rows)
    assert "<" not in section


def test_an_unknown_verb_is_an_error():
    with pytest.raises(KeyError):
        runpy.run_path(str(ROOT / "scripts" / "command_line.py"))["on_page_markdown"]("::: stepsize nonsense\n")
