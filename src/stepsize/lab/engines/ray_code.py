"""The user's own code on the nodes of a Ray cluster: which files are sent there, and how a node finds them."""

import os
import shutil
import site
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice
from pathlib import Path

import stepsize
from stepsize.lab.experiment import Experiment
from stepsize.store.database import FILE_NAME

MOST_FILES, MOST_BYTES = 10_000, 100 * 2**20  # that are sent to the nodes
_INSTALLED = {
    *(Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "purelib", "platlib")),
    *(Path(folder).resolve() for folder in (*site.getsitepackages(), site.getusersitepackages())),
    Path(stepsize.__file__).resolve().parent,
}


@dataclass(frozen=True)
class Code:
    """The user's code here: its folder, None if there is none, and the folders in which modules are found.

    `unsent` says why the folder is not sent to the nodes; "" if it is.
    """

    folder: Path | None
    module_folders: tuple[str, ...]
    unsent: str = ""

    @classmethod
    def of(cls, experiment: Experiment) -> "Code":
        """The code that an experiment names by `module:function` or `file.py:function`.

        The folder is the working directory if the code is in there, or else the smallest that has all of it.
        """
        here = Path.cwd().resolve()
        roots = [root for name in (experiment.task, experiment.optimizer) if (root := _root(name))]
        if experiment.functions:
            roots.append(here)
        if not roots or experiment.command is not None:
            return cls(None, tuple(sys.path))
        inside = all(root.is_relative_to(here) for root in roots)
        return cls(here if inside else Path(os.path.commonpath(roots)), tuple(sys.path))

    def stage(self, place: Path) -> "Code":
        """Copy the files that are sent to the nodes to an empty folder, or say why they are not sent."""
        if self.folder is None:
            return self
        files = list(islice(_files(self.folder), MOST_FILES + 1))
        size = sum(each.stat().st_size for each in files)
        if len(files) > MOST_FILES or size > MOST_BYTES:
            what = f"more than {MOST_FILES:,} files" if len(files) > MOST_FILES else f"{size / 2**20:,.0f} MiB"
            most = f"{MOST_FILES:,} files and {MOST_BYTES / 2**20:.0f} MiB at most"
            return replace(self, unsent=f"the folder {self.folder} was not sent to them: it has {what}, and {most} are")
        for each in files:
            to = place / each.relative_to(self.folder)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(each, to)
        return self

    def arrived(self, experiment: Experiment) -> Experiment:
        """On a node: make the modules importable, from the copy first; return the experiment with its task there."""
        folders = [*map(self._there, self.module_folders), *self.module_folders]
        sys.path.extend(folder for folder in dict.fromkeys(folders) if folder not in sys.path)
        file, colon, function = experiment.task.rpartition(":")
        return replace(experiment, task=f"{self._there(file)}{colon}{function}") if file.endswith(".py") else experiment

    def in_our_words(self, text: str) -> str:
        """On a node: a text with the paths that the files have where they came from."""
        return text if self.folder is None or self.unsent else text.replace(str(_copy()), str(self.folder))

    def _there(self, path: str) -> str:
        """On a node: the path of a file or folder in the copy, if it is a part of it."""
        real = Path(path).resolve()
        if self.folder is None or self.unsent or not real.is_relative_to(self.folder):
            return path
        return str(_copy() / real.relative_to(self.folder))


@cache
def _copy() -> Path:
    """On a node: the folder of the files that were sent, in which Ray starts its processes; a task may leave it."""
    return Path.cwd()


def _root(name: str) -> Path | None:
    """The folder in which the module of a function's name is found; None if it is installed, or no such name."""
    module, colon, _ = name.rpartition(":")
    if not colon or not module:
        return None
    if module.endswith(".py"):
        return Path(module).resolve().parent
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None:
        return None
    path = Path(file).resolve()
    root = path.parents[module.count(".") + (path.name == "__init__.py")]
    return None if _INSTALLED.intersection(path.parents) else root


def _files(folder: Path) -> Iterator[Path]:
    """The files of a folder: those that Git does not ignore; without Git, all but hidden folders and environments.

    Results of comparisons are left out.
    """
    git = ["git", "-C", str(folder), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(git, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        listed = ""
    paths = (folder / name for name in listed.split("\0") if name) if listed else _walk(folder)
    results: dict[Path, bool] = {}
    for path in paths:
        if path.parent not in results:
            within = path.relative_to(folder).parents
            results[path.parent] = any((folder / each / FILE_NAME).exists() for each in within)
        if path.is_file() and not results[path.parent]:
            yield path


def _walk(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = [
            each
            for each in folders
            if not each.startswith(".") and each != "__pycache__" and not Path(place, each, "pyvenv.cfg").exists()
        ]
        yield from (Path(place, name) for name in names)
