"""Every block of code in README.md, CONTRIBUTING.md and docs/ is run, or, where it is data, read.

Python blocks of a page share one namespace; one that begins with the name of a file is also saved there, before any
block is run. In a console block each line with a `$` is a command: `stepsize ...` is run as it is installed, in an
empty folder, and must succeed, and print what is shown below it, if anything is; `make ...` must name a target, and
`pip install ...` extras that there are. A text block holds a schedule on every line.

A picture that a page shows from its own folder, and that its code draws, is up to date.
"""

import doctest
import json
import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sybil import Document, Example
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

from installed import STEPSIZE, environment
from stepsize import Horizon, parse

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
HORIZON = Horizon(samples=60_000, batch=256, epochs=10)
FLAGS = doctest.ELLIPSIS | doctest.FAIL_FAST
TIMINGS = {"batches.png"}
"""Pictures that show how fast a machine is, and so are never drawn twice the same."""


def read_console(example: Example) -> str | None:
    for command, expected in sessions(example.parsed):
        words = shlex.split(command)
        if words[0] == "make":
            assert words[1] in targets(), f"Makefile has no target {words[1]}"
        elif words[:2] == ["pip", "install"]:
            assert extras_named(command) <= set(EXTRAS)
        elif words[0] == "stepsize" and takes_minutes(words):
            options = run(["stepsize", words[1], "--help"])
            unknown = [word for word in words if word.startswith("--") and word not in options]
            assert not unknown, f"{words[1]} has no {unknown}"
        elif words[0] == "stepsize":
            shown = run(words)
            if expected and not doctest.OutputChecker().check_output(expected, shown, FLAGS):
                return f"{command}\nshould print\n{expected}\nbut prints\n{shown}"
        else:
            return f"{command}: only `stepsize ...`, `make ...` and `pip install ...` can be checked"
    return None


def sessions(block: str) -> Iterator[tuple[str, str]]:
    """Each command, its continued lines joined, and the output shown below it."""
    for session in re.split(r"^\$ ", block.replace("\\\n", " "), flags=re.MULTILINE)[1:]:
        command, _, output = session.partition("\n")
        yield command, trimmed(output)


def takes_minutes(words: list[str]) -> bool:
    """Whether it is a comparison on Fashion-MNIST: then only its options are looked up."""
    return words[1] == "compare" and "digits" not in words and "--help" not in words


def run(words: list[str]) -> str:
    done = subprocess.run(
        [STEPSIZE, *words[1:]],
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        env=environment(COLUMNS="80", LINES="24", NO_COLOR="1", PYTHONUTF8="1"),
    )
    assert done.returncode == 0, f"{shlex.join(words)} failed:\n{done.stderr}"
    return trimmed(done.stdout)


def trimmed(text: str) -> str:
    """Without spaces at the ends of lines, or empty lines around the whole."""
    lines = "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")
    return f"{lines}\n" if lines else ""


def extras_named(text: str) -> set[str]:
    """What stands in the brackets of `stepsize[...]`, or of `.[...]`."""
    found = re.findall(r"(?:stepsize|')\.?\[([a-z, ]+)\]", text)
    return {extra.strip() for each in found for extra in each.split(",")}


def targets() -> list[str]:
    return re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)


def read_schedules(example: Example) -> None:
    for line in example.parsed.strip().splitlines():
        parse(line, HORIZON, functions=True)


PARSERS = {
    "python": PythonCodeBlockParser(doctest_optionflags=FLAGS),
    "console": CodeBlockParser("console", read_console),
    "text": CodeBlockParser("text", read_schedules),
    "json": CodeBlockParser("json", lambda example: json.loads(example.parsed) and None),
    "toml": CodeBlockParser("toml", lambda example: tomllib.loads(example.parsed) and None),
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_of_the_page_does_what_it_shows(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    for code, name in re.findall(
        r"^```python\n(# (\w+\.py)\n.*?)^```", page.read_text(), flags=re.DOTALL | re.MULTILINE
    ):
        (tmp_path / name).write_text(code)
    document = Document.parse(str(page), *PARSERS.values())
    for example in document.examples():
        example.evaluate()
    for name in re.findall(r"!\[.*\]\(([\w-]+\.png)\)", page.read_text()):
        if (tmp_path / name).exists() and name not in TIMINGS:
            assert same_picture(page.parent / name, tmp_path / name), f"{name} is out of date: run scripts/gallery.py"


def same_picture(kept: Path, drawn: Path) -> bool:
    """Whether both show the same; versions of matplotlib differ, so only pictures of one version are compared."""
    with Image.open(kept) as old, Image.open(drawn) as new:
        if old.info["Software"] != new.info["Software"]:
            return True
        small = [
            np.asarray(each.convert("L").resize((300, 200), Image.Resampling.BOX), dtype=float) for each in (old, new)
        ]
    return float(np.abs(small[0] - small[1]).mean()) < 0.05


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_of_the_page_is_of_a_kind_that_is_checked(page: Path) -> None:
    fences = re.findall(r"^[ \t]*(?:```+|~~~+)(.*)$", page.read_text(), flags=re.MULTILINE)
    assert set(fences[::2]) <= set(PARSERS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_extra_that_the_page_names_can_be_installed(page: Path) -> None:
    assert extras_named(page.read_text()) <= set(EXTRAS)


def test_the_table_of_extras_has_them_all() -> None:
    rows = re.findall(r"^\| `([a-z]+)` \|", (ROOT / "docs" / "index.md").read_text(), flags=re.MULTILINE)
    assert set(rows) == set(EXTRAS) - {"dev"}
