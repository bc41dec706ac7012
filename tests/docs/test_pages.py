"""Run every block of code in the READMEs, CONTRIBUTING.md and docs/, in an empty folder for each page.

- The Python blocks of a page share one namespace. A Python or YAML block that begins with the name of a file is also
  saved there, before any block runs; so is a JSON block after a line that ends with "`NAME.json`:".
- In a console block each line with a `$` is a command. `stepsize ...` must succeed and print what the page shows below
  it; `make ...` must name a target, and `pip install ...` existing extras.
- A text block has a schedule on every line. JSON, TOML and YAML blocks are parsed.

A picture in the page's own folder that the page's code draws must be up to date.
"""

import doctest
import io
import json
import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest
import torch
from jsonargparse import typing
from omegaconf import OmegaConf
from PIL import Image
from sybil import Document, Example
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

from stepsize import Horizon, parse
from stepsize.cli import app

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("README*.md")), ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
COPY = ROOT / "docs" / "zh" / "from-the-textbook.md"  # has the code of the English page, as test_tutorials.py checks
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
HORIZON = Horizon(samples=60_000, batch=256, epochs=10)
FLAGS = doctest.ELLIPSIS | doctest.FAIL_FAST
# Pictures of times, which differ at every run, and of trainings, which differ between machines.
VARYING = {"batches.png", "batch-size.png", "grid.png", "overfitting.png", "range-test.png", "warmup.png"}
TERMINAL = {"COLUMNS": "80", "LINES": "24", "NO_COLOR": "1", "MPLBACKEND": "agg"}


def read_console(example: Example) -> str | None:
    for command, expected in commands(example.parsed):
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


def commands(block: str) -> Iterator[tuple[str, str]]:
    """Each command with its continued lines joined, and the output shown below it."""
    for part in re.split(r"^\$ ", block.replace("\\\n", " "), flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield command, trimmed(output)


def takes_minutes(words: list[str]) -> bool:
    """Whether it is a comparison on Fashion-MNIST, of which only the options are checked."""
    return words[1] == "compare" and "--task" not in words


def run(words: list[str]) -> str:
    """The output of the command, run in this process to save its imports; tests/cli runs the installed command."""
    output = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with redirect_stdout(output):
        code = app(words[1:], standalone_mode=False)
    assert not code or (code, words[1]) == (1, "check")  # it has found something
    output.flush()
    return trimmed(output.buffer.getvalue().decode())  # type: ignore[attr-defined]


def trimmed(text: str) -> str:
    """The text without spaces at the ends of lines and without empty lines around it."""
    lines = "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")
    return f"{lines}\n" if lines else ""


def extras_named(text: str) -> set[str]:
    """The names in the brackets of `stepsize[...]` or `.[...]`."""
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
    "yaml": CodeBlockParser("yaml", lambda example: OmegaConf.create(example.parsed) and None),
    "toml": CodeBlockParser("toml", lambda example: tomllib.loads(example.parsed) and None),
}


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """The networks of the pages are so small that threads slow them down."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("page", [page for page in PAGES if page != COPY], ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_of_the_page_does_what_it_shows(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_process: None
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(typing, "registered_type_handlers", dict(typing.registered_type_handlers))  # a page adds one
    for name, value in TERMINAL.items():
        monkeypatch.setenv(name, value)
    for code, name, module in re.findall(
        r"^```(?:python|yaml)\n(# ((\w+)\.(?:py|yaml))\n.*?)^```", page.read_text(), flags=re.DOTALL | re.MULTILINE
    ):
        (tmp_path / name).write_text(code)
        monkeypatch.delitem(sys.modules, module, raising=False)
    for name, code in re.findall(
        r"`([\w-]+\.json)`:\n\n```json\n(.*?)^```", page.read_text(), flags=re.DOTALL | re.MULTILINE
    ):
        (tmp_path / name).write_text(code)
    document = Document.parse(str(page), *PARSERS.values())
    for example in document.examples():
        example.evaluate()
    for name in re.findall(r"!\[.*\]\(([\w-]+\.png)\)", page.read_text()):
        if (tmp_path / name).exists() and name not in VARYING:
            assert same_picture(page.parent / name, tmp_path / name), f"{name} is out of date: run scripts/gallery.py"


def same_picture(kept: Path, drawn: Path) -> bool:
    """Whether both pictures look the same; pictures of different versions of matplotlib always do."""
    with Image.open(kept) as old, Image.open(drawn) as new:
        if old.info["Software"] != new.info["Software"]:
            return True
        small = [
            np.asarray(each.convert("L").resize((300, 200), Image.Resampling.BOX), dtype=float) for each in (old, new)
        ]
    return float(np.abs(small[0] - small[1]).mean()) < 0.05


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_of_the_page_can_be_checked(page: Path) -> None:
    fences = re.findall(r"^[ \t]*(?:```+|~~~+)(.*)$", page.read_text(), flags=re.MULTILINE)
    assert set(fences[::2]) <= set(PARSERS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_extra_that_the_page_names_can_be_installed(page: Path) -> None:
    assert extras_named(page.read_text()) <= set(EXTRAS)


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md", "CHANGELOG.md", "CONTRIBUTING.md"])
def test_the_links_of_the_page_lead_to_files(page: str) -> None:
    """MkDocs checks the links of the pages in docs/."""
    links = re.findall(r"\]\((?!https?://)([^)#]+)", (ROOT / page).read_text())
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_table_of_extras_has_them_all() -> None:
    rows = re.findall(r"^\| `([a-z]+)` \|", (ROOT / "docs" / "index.md").read_text(), flags=re.MULTILINE)
    assert set(rows) == set(EXTRAS) - {"dev"}
