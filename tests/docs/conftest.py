"""The documentation, built once for all tests."""

from pathlib import Path

import pytest
from filelock import FileLock
from in_process import in_process  # noqa: F401  (a fixture: comparisons train in this process)
from mkdocs.commands.build import build
from mkdocs.config import load_config

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The folder of the built pages, which all processes of pytest-xdist share."""
    folder = tmp_path_factory.getbasetemp()
    shared = folder if worker_id == "master" else folder.parent
    pages = shared / "site"
    with FileLock(shared / "site.lock"), pytest.MonkeyPatch.context() as environment:
        if not pages.exists():
            environment.chdir(ROOT)
            environment.setenv("NO_MKDOCS_2_WARNING", "1")
            build(load_config(str(ROOT / "mkdocs.yml"), site_dir=str(pages)))
    return pages
