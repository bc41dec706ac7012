"""The built reference has every public name and every public member of every public class."""

import functools
import importlib
import inspect
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = [
    "stepsize",
    "stepsize.curves",
    "stepsize.descent",
    "stepsize.interop",
    "stepsize.lab",
    "stepsize.laws",
    "stepsize.plots",
    "stepsize.pytorch",
    "stepsize.pytorch.lr_scheduler",
    "stepsize.store",
]
OF_PYTORCH = {"LRScheduler"}  # public names that are PyTorch's own
INTERNAL = {  # members without an underscore that only other classes of stepsize call
    "ConstantProduct": {"at"},
    "CosineAnnealingLR": {"get_lr"},  # PyTorch's `step` calls it
    "OneCycleLR": {"get_lr"},
    "Picture": {"fit", "set"},  # matplotlib makes `set` for every kind of figure
    "Plan": {"of", "with_assignments"},
    "Plateau": {"improves"},
    "Scheduler": {"stepped", "stepping", "driven", "loaded", "taken_over"},
}


@pytest.fixture(scope="module")
def documented(site: Path) -> set[str]:
    """Every name in the inventory of the built pages; a name has one entry for each path that it can be imported by."""
    inventory = (site / "objects.inv").read_bytes().split(b"\n", maxsplit=4)[4]
    return {line.split(" ")[0] for line in zlib.decompress(inventory).decode().splitlines()}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_in_the_reference(package: str, documented: set[str]) -> None:
    names = set(importlib.import_module(package).__all__) - OF_PYTORCH
    missing = {name for name in names if f"{package}.{name}" not in documented}
    assert not missing, f"add `::: {package}.NAME` to a page of docs/reference: {missing}"


@pytest.mark.parametrize("package", PACKAGES)
def test_the_reference_has_no_other_names(package: str) -> None:
    pages = "".join(page.read_text() for page in (ROOT / "docs" / "reference").glob("*.md"))
    named = set(re.findall(rf"^::: {package}\.(\w+)$", pages, flags=re.MULTILINE)) - {"errors"}
    assert named <= set(importlib.import_module(package).__all__)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_member_of_a_class_is_in_the_reference(package: str, documented: set[str]) -> None:
    """A member may be documented with the class or with one of its bases."""
    missing = {
        f"{name}.{member}"
        for name, cls in public_classes(package)
        for member in members(cls) - INTERNAL.get(name, set())
        if not any(f"{base.__module__}.{base.__qualname__}.{member}" in documented for base in cls.__mro__)
    }
    assert missing == set()


def public_classes(package: str) -> Iterator[tuple[str, type]]:
    module = importlib.import_module(package)
    return ((name, getattr(module, name)) for name in module.__all__ if inspect.isclass(getattr(module, name)))


def members(cls: type) -> set[str]:
    """The public methods and properties that stepsize defines for the class, without the defaults of fields."""
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
