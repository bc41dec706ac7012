"""Where verbs write, and what they tell to type next."""

import shlex
import subprocess
import sys

import pytest

from installed import environment


@pytest.mark.parametrize("words", [["plot", "Linear(0, 1, 9)"], ["descend", "parabola", "--start", "1"]])
def test_a_picture_may_go_into_a_directory(typed, tmp_path, words):
    (tmp_path / "pictures").mkdir()
    done = typed(*words, "--out", "pictures")
    assert (done.returncode, done.stderr) == (0, "")
    (picture,) = (tmp_path / "pictures").iterdir()
    assert picture.name == f"{words[0]}.png"
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("ending", ["png", "PNG", "svg", "pdf", "jpg", "jpeg", "webp", "gif", "mp4", "html"])
def test_a_comparison_goes_into_a_directory_not_into_a_picture(refused, tmp_path, ending):
    said = refused("compare", "--out", f"six.{ending}")
    assert said == f"stepsize: --out must be a directory, got 'six.{ending}'; it will have the picture comparison.png\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["experiment.toml", "other.toml", "my own.toml"])
def test_a_new_experiment_file_says_how_to_run_it_itself(typed, tmp_path, name):
    command = f"stepsize compare {shlex.quote(name)}"
    assert typed("init", name).stdout == f"Wrote {name}; run it with: {command}\n"
    text = (tmp_path / name).read_text()
    assert command in text.splitlines()[0]
    assert ("experiment.toml" in text) == (name == "experiment.toml")


def test_an_experiment_file_that_exists_is_left_unchanged(refused, tmp_path):
    (tmp_path / "mine.toml").write_text("task = 'digits'\n")
    assert refused("init", "mine.toml") == (
        "stepsize: mine.toml exists already and is left unchanged; name another file\n"
    )
    assert (tmp_path / "mine.toml").read_text() == "task = 'digits'\n"


HEREDOC = """
from stepsize.lab import Experiment, compare
settings = {"epochs": 1, "engine": "local", "device": "cpu"}
found = compare(Experiment({"flat": "Constant(0.1)", "low": "Constant(0.01)"}, "digits", **settings), "out", workers=2)
print(len(found.runs), "runs")
"""


def test_a_script_that_no_file_has_needs_no_guard(tmp_path):
    done = subprocess.run(
        [sys.executable, "-"], input=HEREDOC, capture_output=True, text=True, cwd=tmp_path, env=environment()
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("2 runs\n")
