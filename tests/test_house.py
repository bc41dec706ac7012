"""How the house stands: its public names, what importing it costs, and that imports go strictly downward."""

import ast
import inspect
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import stepsize

SOURCE = Path(stepsize.__file__).parent

FLOORS = [
    ["errors"],
    ["arguments", "files"],
    ["horizon"],
    ["schedules"],
    ["records"],
    ["laws", "descent"],
    ["plots", "pytorch"],
    ["lab"],
    ["cli"],
]
FLOOR = {room: height for height, rooms in enumerate(FLOORS) for room in rooms}
OWN_FLOOR = {"__init__.py": FLOOR["schedules"] + 0.5, "__main__.py": len(FLOORS)}
THE_ONE_UPWARD_IMPORT = ("schedules/base.py", "Schedule.plot", "plots")

# These may also be imported anywhere under `if TYPE_CHECKING:`, which loads nothing: annotations name their types.
ONLY_IN = {"torch": {"pytorch", "lab"}, "matplotlib": {"plots"}, "scipy": {"laws", "lab"}, "sympy": {"descent"}}


@dataclass(frozen=True)
class Import:
    """One imported name, and where it is."""

    file: str
    function: str
    line: int
    module: str
    for_types_only: bool

    @property
    def room(self) -> str:
        """The room that imports; "" for the package's own __init__.py."""
        return "" if self.file == "__init__.py" else self.file.split("/")[0].removesuffix(".py")

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.module}"


def imports_of(path: Path) -> Iterator[Import]:
    file = path.relative_to(SOURCE).as_posix()
    package = ["stepsize", *path.relative_to(SOURCE).parent.parts]

    def walk(node: ast.AST, scope: tuple[str, ...], typing: bool) -> Iterator[Import]:
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            names = [f"{module}.{alias.name}" for alias in node.names]
        for name in names:
            yield Import(file, ".".join(scope), node.lineno, name, typing)
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for child in node.body:
                yield from walk(child, scope, True)
            for child in node.orelse:
                yield from walk(child, scope, typing)
            return
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            scope = (*scope, node.name)
        for child in ast.iter_child_nodes(node):
            yield from walk(child, scope, typing)

    return walk(ast.parse(path.read_text("utf-8")), (), False)


IMPORTS = [found for path in sorted(SOURCE.rglob("*.py")) for found in imports_of(path)]


def room_named_by(module: str) -> str | None:
    """The room of this house that an import reaches into; None for another's house."""
    parts = module.split(".")
    if parts[0] != "stepsize":
        return None
    # The package's own names are those of the schedules and of what stands below them.
    return parts[1] if len(parts) > 1 and parts[1] in FLOOR else "schedules"


def test_every_room_stands_on_a_floor():
    rooms = {path.stem for path in SOURCE.iterdir() if path.suffix == ".py" or any(path.glob("*.py"))}
    assert rooms - {"__init__", "__main__"} <= set(FLOOR)


def test_imports_go_strictly_downward_and_neighbours_stay_apart():
    """Also within functions and for types only. The package's __init__ stands on the floor above the schedules."""
    upward = []
    for found in IMPORTS:
        room = room_named_by(found.module)
        own = OWN_FLOOR.get(found.file, FLOOR.get(found.room))
        if room is None or room == found.room or FLOOR[room] < own:
            continue
        if (found.file, found.function, room) == THE_ONE_UPWARD_IMPORT:
            continue
        upward.append(str(found))
    assert upward == []


def test_the_one_upward_import_is_there_and_alone():
    file, function, room = THE_ONE_UPWARD_IMPORT
    found = [i for i in IMPORTS if i.file == file and room_named_by(i.module) == room]
    assert [i.function for i in found] == [function]


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_heavy_library_is_imported_only_in_its_rooms(library):
    elsewhere = [
        str(found)
        for found in IMPORTS
        if found.module.split(".")[0] == library and not found.for_types_only and found.room not in ONLY_IN[library]
    ]
    assert elsewhere == []


def test_the_walk_sees_imports_in_functions_classes_branches_and_relative_ones(tmp_path, monkeypatch):
    """The test of the tests above: one of each kind is found, and where it stands."""
    (tmp_path / "lab").mkdir()
    file = tmp_path / "lab" / "room.py"
    file.write_text(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    import scipy.stats\nelse:\n    import torch\n"
        "class A:\n    def f(self):\n"
        "        try:\n            from ..cli import main\n        except E:\n            pass\n"
        "from . import data\nfrom .. import plots\n"
    )
    monkeypatch.setattr(sys.modules[__name__], "SOURCE", tmp_path)
    assert [(i.module, i.function, i.for_types_only) for i in imports_of(file)] == [
        ("typing.TYPE_CHECKING", "", False),
        ("scipy.stats", "", True),
        ("torch", "", False),
        ("stepsize.cli.main", "A.f", False),
        ("stepsize.lab.data", "", False),
        ("stepsize.plots", "", False),
    ]


def test_all_names_are_listed_sorted_and_public():
    imported = {
        name for name, value in vars(stepsize).items() if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert stepsize.__all__ == sorted(imported)


def test_importing_stepsize_loads_nothing_heavy():
    heavy = ["torch", "matplotlib", "scipy", "rich", "typer", "uniplot", "sklearn", "pandas"]
    path = str(SOURCE.parent)
    code = f"import sys; sys.path.insert(0, {path!r}); import stepsize, json; print(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert "stepsize.schedules" in loaded
    assert loaded.isdisjoint(heavy)
    own = {name.split(".")[1] for name in loaded if name.startswith("stepsize.")}
    assert own == {"errors", "arguments", "horizon", "schedules"}


@pytest.mark.parametrize("name", stepsize.__all__)
def test_every_public_name_is_documented_with_an_example(name):
    value = getattr(stepsize, name)
    doc = inspect.cleandoc(value.__doc__ or "")
    assert len(doc.split("\n")[0]) > 10
    assert not doc.startswith(f"{name}(")  # what dataclass writes where nobody did
    if not (isinstance(value, type) and issubclass(value, Exception)):
        assert "Example:\n    >>> " in doc
