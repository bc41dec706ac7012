"""The reference, as it is built, has every public name and every public member of every public class."""

import functools
import importlib
import inspect
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config

ROOT = Path(__file__).parents[2]
PACKAGES = [
    "stepsize",
    "stepsize.curves",
    "stepsize.descent",
    "stepsize.lab",
    "stepsize.laws",
    "stepsize.plots",
    "stepsize.pytorch",
    "stepsize.pytorch.lr_scheduler",
    "stepsize.store",
]
OF_PYTORCH = {"LRScheduler"}
"""Public names that are PyTorch's own."""
CALLED_FROM_WITHIN = {
    "Checkpoint": {"due", "save", "load"},  # by `train`
    "Picture": {"set"},  # matplotlib makes it for every kind of figure
    "Scheduler": {
        "stepped",
        "stepping",
        "driven",
        "loaded",
        "taken_over",
    },  # by the hooks of the optimizer, and by another scheduler
}
"""Members without an underscore that no user calls."""


@pytest.fixture(scope="module")
def documented(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Every name in the inventory of the built pages; a name that is imported elsewhere too is there by each path."""
    site = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as environment:
        environment.chdir(ROOT)
        environment.setenv("NO_MKDOCS_2_WARNING", "1")
        build(load_config(str(ROOT / "mkdocs.yml"), site_dir=str(site)))
    inventory = (site / "objects.inv").read_bytes().split(b"\n", maxsplit=4)[4]
    return {line.split(" ")[0] for line in zlib.decompress(inventory).decode().splitlines()}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_in_the_reference(package: str, documented: set[str]) -> None:
    names = set(importlib.import_module(package).__all__) - OF_PYTORCH
    assert {name for name in names if f"{package}.{name}" not in documented} == set()


@pytest.mark.parametrize("package", PACKAGES)
def test_the_reference_has_no_other_names(package: str) -> None:
    pages = "".join(page.read_text() for page in (ROOT / "docs" / "reference").glob("*.md"))
    named = set(re.findall(rf"^::: {package}\.(\w+)$", pages, flags=re.MULTILINE)) - {"errors"}
    assert named <= set(importlib.import_module(package).__all__)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_member_of_a_class_is_in_the_reference(package: str, documented: set[str]) -> None:
    """With the class itself, or with the base on which it is explained."""
    missing = {
        f"{name}.{member}"
        for name, cls in public_classes(package)
        for member in members(cls) - CALLED_FROM_WITHIN.get(name, set())
        if not any(f"{base.__module__}.{base.__qualname__}.{member}" in documented for base in cls.__mro__)
    }
    assert missing == set()


def public_classes(package: str) -> Iterator[tuple[str, type]]:
    module = importlib.import_module(package)
    return ((name, getattr(module, name)) for name in module.__all__ if inspect.isclass(getattr(module, name)))


def members(cls: type) -> set[str]:
    """The public methods and properties that the class has from stepsize; a field's default is neither."""
    kinds = (property, functools.cached_property, classmethod, staticmethod)
    fields = getattr(cls, "__dataclass_fields__", {})
    return {
        member
        for base in cls.__mro__
        if base.__module__.startswith("stepsize")
        for member, value in vars(base).items()
        if not member.startswith("_") and member not in fields
        if inspect.isfunction(value) or isinstance(value, kinds)
    }
