"""The installed command, typed in a folder with the user's own files."""

import os
import subprocess
import sysconfig
from pathlib import Path

COMMAND = str(Path(sysconfig.get_path("scripts")) / "stepsize")
TASK = """
import torch
from stepsize.lab import Task

def parabola():
    x = torch.linspace(-1, 1, 64)[:, None]
    model = lambda: torch.nn.Linear(1, 1)
    return Task(model, (x, x**2), (x, x**2), torch.nn.functional.mse_loss, correct=None, name="parabola")
"""


def typed(folder, *arguments):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [COMMAND, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )


def test_tasks_in_the_current_folder_are_found_by_every_process(tmp_path):
    (tmp_path / "mytask.py").write_text(TASK)
    done = typed(tmp_path, "compare", "--task", "mytask:parabola", "--epochs", "10", "--seeds", "0,1")
    assert done.returncode == 0, done.stdout + done.stderr
    found = typed(tmp_path, "find", "--task", "mytask:parabola", "--steps", "20")
    assert found.returncode == 0, found.stdout + found.stderr


def test_functions_in_the_current_folder_are_found(tmp_path):
    (tmp_path / "myschedules.py").write_text("def falling(step):\n    return 1.0 / (1 + step)\n")
    done = typed(tmp_path, "plot", "--functions", "Function('myschedules:falling')", "--steps", "10")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_file_in_the_current_folder_does_not_replace_a_module_of_python_or_of_a_package(tmp_path):
    for name in ("random", "numpy", "typer"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(9)\n")
    done = typed(tmp_path, "plot", "Linear(1, 0, 10)")
    assert done.returncode == 0, done.stdout + done.stderr
