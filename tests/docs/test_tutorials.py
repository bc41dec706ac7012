"""The tutorials show all pictures of their folder, and the Chinese one has the code of the English one."""

import ast
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


def code_of(page: Path) -> list[str]:
    """The blocks of code, without comments and docstrings."""
    blocks = re.findall(r"^```\w+\n(.*?)^```", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    return [block if block.startswith((">>>", "$")) else without_prose(block) for block in blocks]


def without_prose(block: str) -> str:
    tree = ast.parse(block)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node):
            del node.body[0]
    return ast.unparse(tree)


def test_the_chinese_page_has_the_code_of_the_english_one() -> None:
    name = "from-the-textbook.md"
    assert code_of(DOCS / "zh" / name) == code_of(DOCS / "tutorials" / name)


@pytest.mark.parametrize("suffix", [".png", ".gif"])
def test_every_picture_of_the_folder_is_shown(suffix: str) -> None:
    folder = DOCS / "tutorials"
    shown = {name for page in folder.glob("*.md") for name in re.findall(r"\]\(([\w-]+\.\w+)\)", page.read_text())}
    assert {path.name for path in folder.glob(f"*{suffix}")} == {name for name in shown if name.endswith(suffix)}
