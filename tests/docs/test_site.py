"""What the build adds to the pages: pictures of schedules and typeset formulas."""

import re
from pathlib import Path

import pytest

from stepsize.interop.frameworks import FRAMEWORKS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, str]:
    return {str(page.relative_to(site)): page.read_text() for page in site.rglob("*.html") if page.name == "index.html"}


def test_pages_load_nothing_from_other_sites(pages: dict[str, str]) -> None:
    loaded = re.compile(r'<(?:script|img|iframe|source)\b[^>]*\bsrc="(?:https?:)?//|<link\b[^>]*\bhref="(?:https?:)?//')
    assert [name for name, page in pages.items() if loaded.search(page)] == []


def test_chinese_pages_say_that_they_are_chinese(pages: dict[str, str]) -> None:
    languages = {name: re.findall(r'<html lang="(.*?)"', page) for name, page in pages.items()}
    chinese = {"zh/index.html", "zh/from-the-textbook/index.html"}
    assert languages == {name: ["zh-CN" if name in chinese else "en"] for name in pages}


def test_every_drawing_of_a_page_is_drawn(pages: dict[str, str]) -> None:
    source = (ROOT / "docs" / "schedules.md").read_text()
    assert pages["schedules/index.html"].count('<span class="drawing"><svg') == source.count("{.drawn}")
    assert '<span class="drawing large"><svg' in pages["index.html"]


def test_every_formula_is_typeset(pages: dict[str, str]) -> None:
    assert "<math" in pages["schedules/index.html"]
    assert '<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">' in pages["loss-laws/index.html"]
    assert [name for name, page in pages.items() if "arithmatex" in page] == []


def test_the_picture_of_other_tools_shows_twelve(pages: dict[str, str]) -> None:
    page = pages["other-tools/index.html"]
    picture = page[page.index('<figure class="curves"><svg') :]
    words = {name for text in re.findall(r"<text[^>]*>([^<]*)</text>", picture) for name in text.split(", ")}
    assert len(words & {each.title for each in FRAMEWORKS}) >= 12
