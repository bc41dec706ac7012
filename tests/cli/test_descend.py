"""`stepsize descend` as a person runs it."""

import functools
import os
import subprocess

import pytest

from installed import STEPSIZE, environment
from stepsize.cli.descend import split_outside_brackets

FORMULA = "0.1*x**2 + 2*y**2"


def run(*args, **variables):
    """The installed command with these words."""
    command = [STEPSIZE, "descend", *map(str, args)]
    variables = {"COLUMNS": "80", "LINES": "24"} | variables
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment(**variables))


@pytest.fixture
def descend(typed):
    """The same within this process."""
    return functools.partial(typed, "descend")


def test_a_named_surface_has_a_start_and_optimizers_may_come_one_by_one(descend):
    done = descend("bowl", "--optimizer", "sgd,adam", "--optimizer", "momentum(0.5)", "--lr", "0.1", "--steps", 3)
    at_once = descend("bowl", "--optimizer", "sgd,adam,momentum(0.5)", "--lr", "0.1", "--steps", 3, "--start", "-4.1,1")
    assert done.stdout == at_once.stdout
    assert done.stdout.count("after 3 steps") == 3


def test_two_optimizers_on_a_formula():
    done = run(FORMULA, "--optimizer", "momentum,adam", "--lr", "0.4", "--start", "-5,-2")
    assert (done.returncode, done.stderr) == (0, "")
    *picture, momentum, adam = done.stdout.splitlines()
    assert picture[0] == "f(x)"
    assert max(map(len, picture)) <= 80
    assert momentum == "Momentum(): at (0.0547936, 0.102347) after 50 steps, where f = 0.0212499"
    assert adam.startswith("Adam(): at (-0.3008")


def test_optimizers_with_arguments_schedules_and_names(descend):
    done = descend(
        "bowl", "--optimizer", "momentum(0.5, nesterov=True), RMSProp(0.9, 1e-6)", "--lr", "Linear(0.2, 0.0, 40)",
        "--start", "-5,-2", "--steps", 40,
    )  # fmt: skip
    assert done.returncode == 0
    assert "Momentum(0.5, True): at (" in done.stdout
    assert "RMSProp(0.9, 1e-06): at (" in done.stdout


def test_lengths_with_a_unit_are_parts_of_the_steps(descend):
    whole = "Linear(0, 0.4, 10) >> Cosine(0.4, 0, 30)"
    parts = 'Linear(0, 0.4, "25%") >> Cosine(0.4, 0, "rest")'
    steps, units = (descend("bowl", "--start", "-5,-2", "--steps", 40, "--lr", lr) for lr in (whole, parts))
    assert units.returncode == 0
    assert units.stdout == steps.stdout


def test_a_formula_and_a_start_may_begin_with_a_minus(descend):
    done = descend("-x**2 + y", "--start", "-1,2", "--steps", 3)
    assert done.returncode == 0
    assert "at (-1.728, 1.7) after 3 steps" in done.stdout


def test_several_starts_and_one_that_diverges(descend):
    done = descend("cubic", "--start", "-1", "--start", "1", "--lr", "0.3", "--steps", 60)
    assert done.returncode == 0
    assert "GradientDescent(): from (-1) diverged at step 10, after (-1.78845e+91)" in done.stdout
    assert "GradientDescent(): from (1) at (0.0" in done.stdout


def test_a_descent_that_reaches_a_tip_is_reported_as_stopped(descend):
    done = descend("sqrt(x**2 + y**2)", "--start", "0,-2", "--lr", "0.5")
    assert "GradientDescent(): stopped after 4 steps at (0, 0), where the gradient is undefined" in done.stdout


def test_one_step_is_one_step(descend):
    moved = descend("parabola", "--start", "1", "--steps", 1)
    assert moved.stdout.splitlines()[-1] == "GradientDescent(): at (0.8) after 1 step, where f = 0.64"
    assert moved.stdout.splitlines()[-3].split() == ["0", "1", "step"]
    stopped = descend("sqrt(x**2)", "--start", "1", "--lr", "1", "--steps", 3)
    assert "stopped after 1 step at (0), where the gradient is undefined" in stopped.stdout


def test_a_descent_that_rose_is_reported(descend):
    done = descend("parabola", "--start", "1", "--lr", "1.1", "--steps", 5)
    assert "where f = 6.19174, above the 1 of its start" in done.stdout


def test_noise_is_the_same_for_the_same_seed(descend):
    same = [descend("bowl", "--start", "-5,-2", "--noise", 1, "--seed", seed).stdout for seed in (3, 3, 4)]
    assert same[0] == same[1] != same[2]


def test_an_output_of_ascii_gets_ascii():
    done = run("parabola", "--start", "3", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert done.stdout.isascii()


@pytest.mark.parametrize(
    ("name", "start"), [("a.png", b"\x89PNG"), ("b.gif", b"GIF89a"), ("c.html", b"<!DOCTYPE html>")]
)
def test_a_file_is_written_and_its_path_printed(descend, tmp_path, name, start):
    path = tmp_path / name
    done = descend("bowl", "--start", "-5,-2", "--steps", 5, "--out", path)
    assert (done.returncode, done.stdout) == (0, f"{path}\n")
    assert path.read_bytes().startswith(start)
    assert os.listdir(tmp_path) == [name]
    assert name != "c.html" or "<h2>0.1 x^2 + 2 y^2</h2>" in path.read_text()


REFUSED = [
    (["x**2"], "--start must be given for a formula; write --start X,Y,..."),
    (["parabola", "--start", "one"], "--start must be coordinates such as -5,-2, got 'one'"),
    (["bowl", "--start", "(-5, -2)"], "--start must be coordinates such as -5,-2, got '(-5, -2)'"),
    (["bowl", "--start", "-5 -2"], "--start must be coordinates such as -5,-2, got '-5 -2'"),
    (["x**2", "--start", "1,2"], "points of 1 coordinate, for x**2, got 1.0,2.0"),
    (["log(x)", "--start", "-1"], "must be in the domain of log(x), got -1.0"),
    (["x**2 + y**2 + z**2", "--start", "1,1,1", "--out", "a.png"], "must be of 1 or 2 dimensions, got 3"),
    (["x^2", "--start", "1"], "write a power with **"),
    (["__import__('os')", "--start", "1"], "is not allowed in a formula"),
    (["os.system(x)", "--start", "1"], "this is not a function"),
    (["x + evil", "--start", "1"], '"evil" is not allowed in a formula'),
    (["2x", "--start", "1"], "write a product with *"),
    (["parabola", "--start", "1", "--optimizer", "adma"], 'did you mean "Adam"?'),
    (["parabola", "--start", "1", "--optimizer", "momentum(2)"], "must be a number >= 0 and < 1, got 2"),
    (["parabola", "--start", "1", "--optimizer", ""], "expected the name of an optimizer"),
    (["parabola", "--start", "1", "--lr", "-1"], "must be a finite number >= 0, got -1.0"),
    (["parabola", "--start", "1", "--lr", "nan"], "must be a finite number >= 0, got nan"),
    (["parabola", "--start", "1", "--lr", "Linaer(1, 0, 5)"], 'did you mean "Linear"?'),
    (["parabola", "--start", "1", "--lr", "Linear(1, -1, 5)"], "Linear(1.0, -1.0, 5) is -0.2 at step 3"),
    (["parabola", "--start", "1", "--noise", "-1"], "--noise must be a finite number >= 0"),
    (["parabola", "--start", "1", "--out", "a.txt"], "end its name in one of .png"),
    (["parabola", "--start", "1", "--out", "no/such/a.png"], "no such folder"),
]


@pytest.mark.parametrize(("args", "message"), REFUSED, ids=range(len(REFUSED)))
def test_bad_input_ends_in_one_clear_message(refused, args, message):
    assert message in refused("descend", *args)


def test_the_list_of_optimizers_is_split_outside_brackets():
    assert split_outside_brackets("a,b(1,(2,3)),c") == ["a", "b(1,(2,3))", "c"]
    assert split_outside_brackets("a)),b") == ["a))", "b"]


def test_an_optimizer_without_a_rate_of_its_own_has_a_rate_of_one_and_others_a_tenth(descend):
    words = ("parabola", "--start", "3", "--steps", 9, "--optimizer")
    last = [descend(*words, "adadelta,sgd", *more).stdout.splitlines()[-2:] for more in ((), ("--lr", "0.1"))]
    alone = descend(*words, "adadelta", "--lr", "1").stdout.splitlines()[-1]
    assert last[0][0] == alone != last[1][0]
    assert last[0][1] == last[1][1]


def test_the_legend_numbers_the_starts_of_each_optimizer(descend):
    lines = descend("parabola", "--start", "1", "--start", "-2", "--lr", "0.4", "--steps", 1000).stdout.splitlines()
    assert lines[-4:] == [
        "oo GradientDescent() from start 1",
        "xx GradientDescent() from start 2",
        "GradientDescent(): from (1) at (0) after 1,000 steps, where f = 0",
        "GradientDescent(): from (-2) at (0) after 1,000 steps, where f = 0",
    ]
