"""Each section of the gallery has a picture and the code that draws it, which test_pages.py runs."""

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "gallery"
PAGE = (FOLDER / "index.md").read_text()
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, flags=re.DOTALL | re.MULTILINE))
FILE = r"\]\(([\w-]+\.(?:png|gif|html))\)"
ALSO_SHOWN = {"momentum.png"}  # by README.md
MOST_BYTES = 3_500_000


@pytest.mark.parametrize("title", SECTIONS)
def test_a_section_shows_one_picture_and_the_lines_that_draw_it(title: str) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", SECTIONS[title], flags=re.DOTALL | re.MULTILINE)
    (file,) = re.findall(FILE, SECTIONS[title])
    assert f'"{file}"' in code
    assert 5 <= sum(line.strip() != "" for line in code.splitlines()) <= 15


def test_every_file_of_the_folder_is_shown() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {"index.md", *ALSO_SHOWN, *re.findall(FILE, PAGE)}


def test_the_folder_stays_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < MOST_BYTES
