"""Draw the pictures of the gallery and the tutorials again: run the code of each page, and keep what it draws.

With names of pages behind it, such as docs/gallery/index.md, draw only theirs.
"""

import doctest
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"
PICTURES = {".png", ".gif", ".html"}


def draw(page: Path) -> None:
    """Run the page's code and commands in an empty folder, and copy the pictures to the folder of the page."""
    names: dict[str, object] = {"__name__": "page"}
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        sys.path.insert(0, folder)
        for language, block in re.findall(
            r"^```(python|console)\n(.*?)^```", page.read_text(), flags=re.DOTALL | re.MULTILINE
        ):
            if language == "python":
                if module := re.match(r"# (\w+\.py)\n", block):
                    Path(module[1]).write_text(block)
                exec(doctest.script_from_examples(block) if block.startswith(">>>") else block, names)
                continue
            for command in re.findall(r"^\$ (stepsize .*)$", block.replace("\\\n", " "), flags=re.MULTILINE):
                subprocess.run(shlex.split(command), check=True)
        for file in Path(folder).iterdir():
            if file.suffix in PICTURES:
                shutil.copy(file, page.parent)
        sys.path.remove(folder)
        os.chdir(DOCS)


os.environ["MPLBACKEND"] = "agg"
pages = [Path(name).resolve() for name in sys.argv[1:]]
for page in pages or [DOCS / "gallery" / "index.md", *sorted((DOCS / "tutorials").glob("*.md"))]:
    draw(page)
