"""The package as a whole: its public names, and what importing it loads."""

import dataclasses
import importlib
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import stepsize
from stepsize.schedules.names import IMPORTS

SOURCE = Path(stepsize.__file__).parent


def test_all_names_are_listed_and_public():
    imported = {
        name for name, value in vars(stepsize).items() if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert sorted(stepsize.__all__) == sorted(imported | set(stepsize.schedules.LOADED_LATER))


def test_the_citation_and_the_changelog_name_this_version():
    yaml = pytest.importorskip("yaml")
    root = SOURCE.parent.parent
    citation = yaml.safe_load((root / "CITATION.cff").read_text("utf-8"))
    assert citation["version"] == stepsize.__version__
    newest = re.search(r"^## \[(.*)\] - (.*)$", (root / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert newest is not None
    assert newest.groups() == (stepsize.__version__, str(citation["date-released"]))


def test_a_name_of_another_library_is_answered_with_the_line_to_write():
    with pytest.raises(AttributeError, match=r"'CosineDecay'; write Cosine\(start, end, steps\)$"):
        _ = stepsize.CosineDecay
    with pytest.raises(AttributeError, match=r", or with a warmup Linear\(0, start, warmup\) >> Cosine\("):
        _ = stepsize.CosineScheduler
    assert not hasattr(stepsize, "Cosin")


@pytest.mark.parametrize(("name", "line"), IMPORTS.items())
def test_a_name_of_a_package_inside_is_answered_with_its_import(name, line):
    with pytest.raises(AttributeError, match=f"write {line}$"):
        getattr(stepsize, name)
    pytest.importorskip("torch")
    exec(line, {})


def test_a_finder_of_another_library_is_answered_with_the_range_test():
    for name in ("LRFinder", "LearningRateFinder", "FastaiLRFinder"):
        with pytest.raises(AttributeError, match=r"write from stepsize\.pytorch import range_test$"):
            getattr(stepsize, name)


def test_importing_stepsize_loads_nothing_heavy():
    heavy = ["torch", "matplotlib", "scipy", "rich", "typer", "uniplot", "sklearn", "pandas"]
    path = str(SOURCE.parent)
    code = f"import sys; sys.path.insert(0, {path!r}); import stepsize, json; print(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert "stepsize.schedules" in loaded
    assert loaded.isdisjoint(heavy)
    own = {name.split(".")[1] for name in loaded if name.startswith("stepsize.")}
    assert own == {"errors", "arguments", "checked_calls", "horizon", "schedules"}


@pytest.mark.parametrize("name", stepsize.__all__)
def test_every_public_name_is_documented_with_an_example(name):
    value = getattr(stepsize, name)
    doc = inspect.cleandoc(value.__doc__ or "")
    assert len(doc.split("\n")[0]) > 10
    assert not doc.startswith(f"{name}(")  # what dataclass writes where nobody did
    if not (isinstance(value, type) and issubclass(value, Exception)):
        assert "Example:\n    >>> " in doc


@pytest.mark.parametrize("name", ["", ".curves", ".descent", ".lab", ".laws", ".plots", ".pytorch", ".store"])
def test_public_values_cannot_be_changed(name):
    package = importlib.import_module(f"stepsize{name}")
    values = [each for each in (getattr(package, each) for each in package.__all__) if dataclasses.is_dataclass(each)]
    assert values or name == ".plots"
    assert [each.__name__ for each in values if not each.__dataclass_params__.frozen] == []


@pytest.mark.parametrize("name", ["", ".lab", ".plots"])
def test_names_that_are_loaded_late_are_completed(name):
    """A notebook completes what `dir` lists."""
    pytest.importorskip("torch" if name == ".lab" else "matplotlib")
    package = importlib.import_module(f"stepsize{name}")
    assert dir(package) == sorted(package.__all__)
