"""`stepsize find` as it is typed."""

import functools
import json
import re
import subprocess
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest

from installed import STEPSIZE, environment
from stepsize import Geometric
from stepsize.cli.find import _print_grid, _verdict, _write
from stepsize.curves import RangeTest
from stepsize.curves.range_test import RangeRun
from stepsize.curves.suggestions import Suggestions
from stepsize.lab import find_rate, load_task
from stepsize.store import load_runs

COMMAND = [STEPSIZE, "find", "--data", "digits", "--optimizer", "adamw", "--batch-size", "64"]
TASKS = Path(__file__).parents[1] / "lab" / "own_tasks.py"


def run(*arguments, folder, columns="80"):
    command = [*COMMAND, *map(str, arguments)]
    variables = environment(COLUMNS=columns, LINES="30", NO_COLOR="1", PYTHONUTF8="1")
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=False, cwd=folder, env=variables)


@pytest.fixture
def find(typed):
    """`stepsize find` within this process."""
    return functools.partial(typed, *COMMAND[1:], NO_COLOR="1")


def test_it_shows_the_picture_and_the_suggestion_and_writes_what_is_asked_for(tmp_path):
    done = run("--out", "found.svg", "--json", "found.json", "--seeds", "0,1", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[1] == "loss over learning rate"
    form = json.loads((tmp_path / "found.json").read_text())
    test = RangeTest.of_dict(form["range_test"])
    assert [run.seed for run in test.runs] == [0, 1]
    assert form["rates"] == test.rates.tolist()
    assert form["suggested"] == test.suggest().rate
    assert f"Suggested rate: {test.suggest().rate:.2g}" in lines
    assert form["disagreement"] == test.suggest().disagreement
    assert form["losses"] == test.losses.tolist() != form["smoothed"] == test.smoothed.tolist()
    assert form["suggestions"] == asdict(test.suggest())
    picture = ElementTree.parse(tmp_path / "found.svg").getroot()  # letters are shapes there, and comments name them
    assert picture.tag == "{http://www.w3.org/2000/svg}svg"
    for rule, rate in test.suggest().by_rule.items():
        assert f"<!-- {rule}: {rate:.2g}" in (tmp_path / "found.svg").read_text()
    assert lines[-2:] == ["found.svg", "found.json"]
    assert max(map(len, lines[1:])) <= 80  # the first names the source of the data


def test_a_task_of_the_user_gives_the_same_numbers_every_time(find, tmp_path):
    texts = []
    for name in ("one.json", "two.json"):
        own = ["--task", f"{TASKS}:dropping", "--optimizer", "sgd", "--steps", "50", "--linear", "--json", name]
        assert find(*own, "--start-lr", "0.01", "--end-lr", "2")[0] == 0
        texts.append((tmp_path / name).read_text())
    assert texts[0] == texts[1]
    assert json.loads(texts[0])["range_test"]["schedule"] == "Linear(0.01, 2.0, 49)"


def test_the_options_of_the_training_are_those_of_the_test_and_of_the_grid(find, tmp_path):
    given = [*("--task", f"{TASKS}:line", "--optimizer", "adamw", "--clip-norm", "0.01", "--grid", "--rates", "0.1")]
    given += ["--optimizer-arg", "betas=[0.5, 0.9]", "--optimizer-arg", "amsgrad=true", "--accumulate", "2"]
    given += ["--seeds", "1,2", "--epochs", "2", "--device", "cpu"]
    assert find(*given, "--json", "found.json")[0] == 0
    arguments = {"betas": [0.5, 0.9], "amsgrad": True}
    test = RangeTest.of_dict(json.loads((tmp_path / "found.json").read_text())["range_test"])
    settings = {"optimizer_args": arguments, "clip_norm": 0.01, "batch_size": 64, "accumulation": 2, "seeds": (1, 2)}
    assert test == find_rate(load_task(f"{TASKS}:line"), "adamw", **settings)
    assert test != find_rate(load_task(f"{TASKS}:line"), "adamw", batch_size=64)
    (folder,) = (tmp_path / "runs").iterdir()
    trained = load_runs(folder).settings["experiment"]
    expected = {**settings, "seeds": [1, 2], "epochs": 2, "device": "cpu", "optimizer": "adamw"}
    assert {name: trained[name] for name in expected} == expected


@pytest.mark.parametrize(("times", "said"), [(9.9, False), (10.0, True)])
def test_rules_that_disagree_are_named(times, said):
    lines = _verdict(Suggestions(steepest=0.01 * times, valley=0.01, tenth_of_minimum=0.01, largest_stable=1.0))
    assert lines[0] == "Suggested rate: 0.01"
    assert ("differ by a factor of 10:" in " ".join(lines)) == said


def test_a_terminal_sees_the_rate_and_the_loss_of_each_update(find):
    own = ("--task", f"{TASKS}:line", "--steps", 4, "--seeds", "0,1", "--start-lr", 1e-5, "--end-lr", 0.01)
    _, shown, progress = find(*own, FORCE_COLOR="1", TTY_COMPATIBLE="1")
    assert shown.startswith("The data are the task's own.\n")
    assert "range test" in progress
    assert re.search(r"rate 1.0e-02  loss \d\.\d+", progress)


@pytest.mark.parametrize("trained", [None, SimpleNamespace(losses={0.1: (1.0, 2.0)}, best=0.1)])
def test_the_picture_has_the_grid_that_was_trained(monkeypatch, trained):
    drawn = []
    monkeypatch.setattr("stepsize.plots.plot_range_test", lambda *given, **more: drawn.append((given, more)))
    monkeypatch.setattr("stepsize.plots.save_figure", lambda figure, path: drawn.append(path))
    test = RangeTest(Geometric(1e-3, 1.0, 9), [RangeRun([2.0] * 10, "end")])
    _write(test, test.suggest(), trained, Path("a.png"), None)
    ((given, more), path) = drawn
    assert (given[0], path, more) == (test, Path("a.png"), {"trained": trained and trained.losses})


def test_a_rate_at_which_a_seed_diverged_is_called_so_and_has_no_loss_in_the_file(capsys, tmp_path):
    test = RangeTest(Geometric(1e-3, 1.0, 9), [RangeRun([2.0] * 10, "end")])
    grid = SimpleNamespace(losses={0.1: (1.0, 2.0), 1.0: (1.0, float("nan"))}, best=0.1)
    _print_grid(grid)
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["rate", "held-out", "loss"],
        ["0.1", "1.5000", "best"],
        ["1", "diverged"],
    ]
    _write(test, test.suggest(), grid, None, tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text())["grid"] == {"0.1": [1.0, 2.0], "1": [1.0, None]}


@pytest.mark.parametrize(
    "option",
    [
        *(["--out", "picture.bmp"], ["--out", "no/such/folder.png"], ["--json", "no/such/folder.json"]),
        *(["--json", "."], ["--grid", "--rates", "0.1,nan"], ["--optimizer-arg", "momentum"]),
    ],
    ids=" ".join,
)
def test_what_cannot_be_written_or_trained_is_refused_before_the_test(find, option, tmp_path):
    code, shown, errors = find("--task", f"{TASKS}:raising", *option)
    assert (code, shown) == (2, "")
    assert "no such file" not in errors  # what the task would say
    assert not list(tmp_path.iterdir())


def test_the_grid_is_trained_too_and_the_best_rate_is_marked(find, tmp_path):
    done = find("--grid", "--rates", "0.001,0.01,100", "--json", "found.json", "--out", "found.png")
    assert done.returncode == 0, done.stderr
    grid = json.loads((tmp_path / "found.json").read_text())["grid"]
    assert list(grid) == ["0.001", "0.01", "100"]
    best = min((losses[0], rate) for rate, losses in grid.items() if losses[0] is not None)[1]
    marked = [line.split() for line in done.stdout.splitlines() if line.endswith("best")]
    assert [line[0] for line in marked] == [best]
    rows = [line.split() for line in done.stdout.splitlines() if line.split()[:1] in ([rate] for rate in grid)]
    assert [row[:2] for row in rows] == [[rate, f"{losses[0]:.4f}"] for rate, losses in grid.items()]
    assert done.stdout.splitlines()[-3:] == [
        f"Report and picture of the grid: {next((tmp_path / 'runs').iterdir()).relative_to(tmp_path)}",
        "found.png",
        "found.json",
    ]
    (folder,) = (tmp_path / "runs").iterdir()
    assert (folder / "report.html").exists()


def test_without_rates_the_grid_is_around_the_suggestion(find, tmp_path):
    done = find("--task", f"{TASKS}:line", "--grid", "--json", "found.json")
    assert done.returncode == 0, done.stderr
    form = json.loads((tmp_path / "found.json").read_text())
    rates = [float(rate) for rate in form["grid"]]
    assert len(rates) == 7
    assert all(rate == float(f"{rate:.2g}") for rate in rates)
    assert rates[3] == pytest.approx(form["suggested"], rel=0.06)
    assert rates[6] / rates[0] == pytest.approx(1000, rel=0.1)


def test_a_missing_suggestion_has_its_reason(find, tmp_path):
    code, shown, _ = find("--task", f"{TASKS}:not_a_number", "--out", "nothing.png", "--json", "nothing.json")
    assert code == 0
    form = json.loads((tmp_path / "nothing.json").read_text())
    assert (form["suggested"], form["disagreement"]) == (None, None)
    assert "Suggested rate" not in shown
    assert "No suggestion: the first loss, before any update, is not finite" in shown
    assert (tmp_path / "nothing.png").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["--start-lr", "1", "--end-lr", "0.1"],
            "--start-lr must be below the last rate, got 1.0; the last rate is --end-lr 0.1",
        ),
        (["--start-lr", "0.1", "--end-lr", "0.1"], "--start-lr must be below the last rate, got 0.1; the last rate"),
        (["--start-lr", "0"], "--start-lr must be"),
        (["--data", "nowhere"], "no task is called"),
        (["--task", f"{TASKS}:nothing"], "--task must be a function that returns a stepsize.lab.Task"),
        (["--task", f"{TASKS}:without_parameters"], "no parameter to train"),
        (["--optimizer", "addam"], "did you mean"),
        (["--optimizer", "lbfgs"], "it evaluates the loss several times in one update"),
        (["--seeds", "0,x"], "each of --seeds N,N,... must be a whole number of at least 0, got 'x'"),
        (["--rates", "0.1"], "--rates must be given together with --grid"),
        (["--epochs", "3"], "--epochs must be given together with --grid, got 3"),
        (
            ["--grid", "--rates", "0.1;0.2"],
            "each of --rates RATE,RATE,... must be a finite number > 0, got '0.1;0.2'; write a number such as 0.1",
        ),
        (["--grid", "--rates", "0.1,-1"], "each of --rates RATE,RATE,... must be a finite number > 0, got -1"),
        (
            ["--optimizer-arg", "momentum"],
            "--optimizer-arg must be NAME=VALUE with a value as in TOML, each name once, got 'momentum'; "
            "write e.g. momentum=0.9",
        ),
        (["--optimizer-arg", "momentum=high"], "got 'momentum=high'"),
        (["--optimizer-arg", "eps=1e-6", "--optimizer-arg", "eps=1e-7"], "each name once, got 'eps=1e-7'"),
        (["--optimizer-arg", "momentun=0.9"], "adamw has no argument 'momentun'; it takes betas, eps, "),
        (["--clip-norm", "0"], "--clip-norm must be"),
        (["--grid", "--task", f"{TASKS}:not_a_number"], "no suggestion to put a grid around"),
        (["--out", "picture.bmp", "--steps", "12"], "cannot write a picture"),
        (["--json", "no/such/folder.json", "--steps", "12"], "no such folder"),
        (["--device", "abacus"], '--device must be "auto" or'),
    ],
)
def test_bad_input_ends_in_one_clear_message(find, arguments, words):
    code, _, errors = find(*arguments)
    assert code == 2
    assert words in errors
    assert errors.startswith("stepsize: ")
    assert "Traceback" not in errors


@pytest.mark.parametrize("option", ["--steps", "--batch-size", "--accumulate", "--epochs"])
def test_a_count_below_one_is_refused_by_the_options_name(find, option, tmp_path):
    code, _, errors = find(option, "0")
    assert code == 2
    assert option in errors
