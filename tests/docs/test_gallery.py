"""The gallery of the documentation is the one that `stepsize descend --gallery docs/gallery` makes today."""

import re
from pathlib import Path

from stepsize.descent.exhibits import EXHIBITS
from stepsize.plots.gallery import count_of_files, gallery_text

FOLDER = Path(__file__).parents[2] / "docs" / "gallery"
MOST_BYTES = 3_000_000


def test_the_page_is_that_of_the_exhibits():
    assert (FOLDER / "index.md").read_text() == gallery_text()


def test_all_of_its_files_are_there_and_no_others():
    names = {path.name for path in FOLDER.iterdir()}
    assert set(re.findall(r"\]\(([^)]+)\)", gallery_text())) <= names
    assert {f"{exhibit.name}.png" for exhibit in EXHIBITS} <= names
    assert len(names) == count_of_files()


def test_it_stays_small():
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < MOST_BYTES
