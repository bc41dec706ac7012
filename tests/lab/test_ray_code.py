"""The files that are sent to the nodes of a Ray cluster, and their paths there."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from stepsize.lab import Experiment
from stepsize.lab.engines import ray_code
from stepsize.lab.engines.ray_code import Code
from stepsize.lab.tasks.by_name import lasting_name


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder of a user, with results, an environment and a hidden folder; the working directory."""
    folder = tmp_path / "project"
    for name in (
        "tasks/mine.py",
        "data.csv",
        "runs/1/store.sqlite",
        "runs/1/report.html",
        "runs/1/paper/methods.tex",
        ".cache/x",
        "env/pyvenv.cfg",
        "env/lib/y.py",
        "tasks/__pycache__/mine.pyc",
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    monkeypatch.chdir(folder)
    return folder


def code_of(task, **more):
    return Code.of(Experiment(task=lasting_name(task), **more))


def sent(code, stage):
    code.stage(stage)
    return {str(path.relative_to(stage)) for path in stage.rglob("*") if path.is_file()}


def test_the_working_directory_is_sent_without_results_environments_and_hidden_folders(project, tmp_path):
    code = code_of("tasks/mine.py:make")
    assert code.folder == project
    assert sent(code, tmp_path / "stage") == {"tasks/mine.py", "data.csv"}


def test_files_that_git_ignores_are_not_sent(project, tmp_path):
    (project / ".gitignore").write_text("data.csv\nruns/\nenv/\n__pycache__/\n.cache/\n")
    subprocess.run(["git", "init", "-q", project], check=True)
    assert sent(code_of("tasks/mine.py:make"), tmp_path / "stage") == {"tasks/mine.py", ".gitignore"}


def test_code_outside_the_working_directory_is_sent_from_the_smallest_folder_that_has_all(project, monkeypatch):
    monkeypatch.chdir(project / "runs")
    assert code_of("../tasks/mine.py:make").folder == project / "tasks"
    assert code_of("digits").folder is None
    assert code_of("digits", optimizer="torch.optim:SGD").folder is None, "it is installed"
    assert code_of("digits", functions=True).folder == project / "runs"
    assert code_of("digits", optimizer=f"{project}/tasks/mine.py:make").folder == project / "tasks"
    command = Experiment(command="python3 {rates} {folder}", steps=9, functions=True)
    assert Code.of(command).folder is None, "a command is found by each machine itself"


def test_the_folder_of_a_package_is_the_one_that_it_is_imported_from(project, monkeypatch):
    (project / "own_package").mkdir()
    for name in ("__init__", "inner"):
        (project / "own_package" / f"{name}.py").write_text("def make(): ...")
    monkeypatch.setattr(sys, "path", [str(project), *sys.path])
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    importlib.import_module("own_package.inner")
    monkeypatch.chdir(project / "runs")
    assert [code_of(f"own_package{name}:make").folder for name in ("", ".inner")] == [project, project]


def test_a_large_folder_is_not_sent_and_the_reason_is_kept(project, tmp_path, monkeypatch):
    code = code_of("tasks/mine.py:make")
    (project / "data.csv").write_bytes(bytes(2 * 2**20))
    monkeypatch.setattr(ray_code, "MOST_BYTES", 2**20)
    large = code.stage(tmp_path / "stage")
    assert large.unsent == (
        f"the folder {project} was not sent to them: it has 2 MiB, and 10,000 files and 1 MiB at most are"
    )
    assert not (tmp_path / "stage").exists()
    monkeypatch.setattr(ray_code, "MOST_FILES", 1)
    assert "it has more than 1 files" in code.stage(tmp_path / "stage").unsent


def test_on_a_node_the_task_and_the_modules_are_those_of_the_copy(project, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path, str(project / "tasks")])
    experiment = Experiment(task=lasting_name("tasks/mine.py:make"))
    code = Code.of(experiment)
    there = tmp_path / "copy"
    monkeypatch.setattr(ray_code, "_copy", lambda: there)
    monkeypatch.setattr(sys, "path", [])
    assert code.arrived(experiment).task == f"{there}/tasks/mine.py:make"
    assert sys.path.index(str(there / "tasks")) < sys.path.index(str(project / "tasks"))
    assert code.in_our_words(f"{there}/tasks/mine.py is wrong") == f"{project}/tasks/mine.py is wrong"
    assert Path(code.arrived(Experiment(task="digits")).task) == Path("digits")
