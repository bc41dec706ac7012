"""The installed command finds the user's modules in the current folder, in every process, after all installed ones.

The tests start it as a user does: from a folder of its own, without PYTHONPATH.
"""

import json
import signal
import subprocess
import time

import pytest

from installed import STEPSIZE, environment
from stepsize.store import load_runs

OWN = """
import torch
from stepsize.lab import Task

x = torch.linspace(-1, 1, 64)[:, None]


def line():
    network = lambda: torch.nn.Sequential(torch.nn.Linear(1, 1))
    return Task(network, (x, 2 * x), (x, 2 * x), torch.nn.functional.mse_loss)


def momentum(params, lr):
    return torch.optim.SGD(params, lr=lr, momentum=0.5)


def halves(step):
    return 0.1 * 0.5 ** (step // 8)
"""
TOML = """
task = "own.task:line"
optimizer = "own.task:momentum"
epochs = 2
batch_size = 8
tune_peak = 2
weight_decay = 'Function("own.task:halves")'
[schedules]
halves = 'Function("own.task:halves")'
"""
HALVES = 'halves=Function("mytask:halves")'
TRAINING = ["--batch-size", "8", "--epochs", "2", "--device", "cpu"]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "mytask.py").write_text(OWN)
    return tmp_path


def stepsize(folder, *words):
    return subprocess.run(
        [STEPSIZE, *words], cwd=folder, capture_output=True, text=True, timeout=300, env=environment()
    )


@pytest.mark.long
def test_the_tasks_of_ray_find_modules_of_the_current_folder(folder):
    named = ["--task", "mytask:line", "--optimizer", "mytask:momentum", "--functions", "--schedule", HALVES]
    done = stepsize(folder, "compare", *named, *TRAINING, "--engine", "ray", "--out", "out")
    assert done.returncode == 0, done.stderr
    (run,) = load_runs(folder / "out").runs()
    assert run.status == "finished"


def test_a_file_may_name_a_package_without_init_beside_files_named_like_installed_modules(tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "task.py").write_text(OWN)
    for name in ("random", "tempfile", "torch", "numpy", "typer", "stepsize"):
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('the wrong {name}')")
    (tmp_path / "experiment.toml").write_text(TOML)
    done = stepsize(tmp_path, "compare", "experiment.toml", "--functions", "--out", "out")
    assert (done.returncode, done.stderr) == (0, "")
    assert load_runs(tmp_path / "out").runs()[0].status == "finished"


def test_a_resumed_comparison_of_stacked_runs_finds_modules_of_the_current_folder(folder):
    named = ["--task", "mytask:line", "--functions", "--schedule", HALVES, "--engine", "stacked", *TRAINING[:2]]
    process = subprocess.Popen(
        [STEPSIZE, "compare", *named, "--epochs", "400", "--device", "cpu", "--out", "out"],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment(),
    )  # fmt: skip
    while process.poll() is None and not list(folder.glob("out/**/*.pt")):
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    told = process.communicate(timeout=60)[0]
    assert process.returncode == 143, told
    done = stepsize(folder, "compare", "--resume", "out")
    assert done.returncode == 0, done.stderr
    assert load_runs(folder / "out").runs()[0].status == "finished"


def test_a_file_somewhere_else_is_named_by_its_path_and_found_again_from_another_folder(tmp_path, typed):
    there, here = tmp_path / "there", tmp_path / "here"
    there.mkdir()
    here.mkdir()
    (there / "neighbour.py").write_text(OWN)
    (there / "task_there.py").write_text("from neighbour import *")
    done = stepsize(
        here, "compare", "--task", "../there/task_there.py:line", *TRAINING, "--schedule", "a=Constant(0.1)"
    )
    assert done.returncode == 0, done.stderr
    (out,) = (here / "runs").iterdir()
    done = typed("compare", "--resume", out)
    assert done.returncode == 0, done.stderr


def test_a_picture_and_a_range_test_find_them(folder):
    done = stepsize(folder, "plot", "--functions", 'Function("mytask:halves")', "--steps", "20")
    assert done.returncode == 0, done.stderr
    done = stepsize(folder, "find", "--task", "mytask:line", "--optimizer", "mytask:momentum", "--steps", "20")
    assert "importable" not in done.stderr
    assert done.returncode in (0, 1), done.stderr


def test_a_name_that_another_module_has_is_refused_with_the_file_that_has_it(folder, refused):
    (folder / "json.py").write_text(OWN)
    said = refused("compare", "--task", "json:line")
    assert "json/__init__.py" in said
    assert "rename" in said
    (folder / "there").mkdir()
    (folder / "there" / "json.py").write_text(OWN)
    said = refused("find", "--task", "there/json.py:line")
    assert f"there/json.py has the name of the module json at {json.__file__}; rename the file" in said.replace(
        "\n", ""
    )


def test_a_module_or_file_that_does_not_exist_is_refused(refused):
    assert refused("find", "--task", "../there/no.py:line") == (
        "stepsize: --task must be importable, got '../there/no.py:line'; no such file: ../there/no.py\n"
    )
    assert refused("compare", "--task", "mytsk:line") == (
        "stepsize: --task must be importable, got 'mytsk:line'; no module named \"mytsk\"; "
        "write the name of a module in the current folder or installed\n"
    )
