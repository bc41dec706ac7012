"""A comparison end to end, on the digits: equal terms, results that last, and what happens when it is disturbed."""

import json
import math
import os
import re
import signal
import subprocess
import sys
import time

import pytest

import stepsize as ss
from stepsize.errors import ArgumentError, OutputError, RunError
from stepsize.lab import Experiment, compare
from stepsize.lab.experiment import SIX_SCHEDULES, named
from stepsize.lab.results import Mean, markdown, table
from stepsize.records.files import read_run, write_run
from stepsize.records.run import Epoch, Point, Run

TWO = {"flat": "Constant(0.1)", "down": 'Linear(0.2, 0.0, "100%")'}


class Silent:
    """A display that shows nothing and remembers what it was told."""

    def __init__(self):
        self.told = []

    def begin(self, standings, source, directory):
        self.told.append("begin")

    def logged(self, number, record):
        self.told.append(number)

    def ended(self, number, run):
        self.told.append(run.name)

    def close(self):
        self.told.append("close")


def small(**settings):
    return Experiment(settings.pop("schedules", TWO), **{"data": "digits", "epochs": 2, **settings})


def test_numbers_do_not_depend_on_the_number_of_processes(tmp_path):
    one = compare(small(seeds=(0, 1)), tmp_path / "one", workers=1, display=Silent())
    two = compare(small(seeds=(0, 1)), tmp_path / "two", workers=2, display=Silent())
    assert [(run.name, run.seed) for run in one.runs] == [("flat", 0), ("down", 0), ("flat", 1), ("down", 1)]
    assert [(run.points, run.epochs) for run in one.runs] == [(run.points, run.epochs) for run in two.runs]


def test_the_same_seed_starts_every_schedule_from_the_same_weights_and_order(tmp_path):
    same = {"a": "Constant(0.1)", "b": "Constant(0.1, 10) >> Constant(0.1)", "c": "Constant(0.2)"}
    a, b, c = compare(small(schedules=same), tmp_path, display=Silent()).runs
    assert a.points == b.points
    assert a.points != c.points


def test_the_directory_holds_settings_runs_report_and_pictures(tmp_path):
    display = Silent()
    comparison = compare(small(), tmp_path / "new" / "place", display=display)
    names = sorted(path.relative_to(comparison.directory).as_posix() for path in comparison.directory.rglob("*"))
    runs = ["runs", "runs/000-flat-seed0.json", "runs/001-down-seed0.json"]
    assert names == ["comparison.png", "comparison.svg", "experiment.json", "report.md", *runs]
    settings = json.loads((comparison.directory / "experiment.json").read_text())
    assert settings["experiment"]["schedules"] == TWO
    assert "torch" in settings["environment"]
    assert read_run(comparison.directory / runs[1]) == comparison.runs[0]
    report = (comparison.directory / "report.md").read_text()
    assert "digits" in report
    assert "| down |" in report
    assert display.told[0] == "begin"
    assert display.told[-1] == "close"
    assert {0, 1, "flat", "down"} <= set(display.told)


def test_a_diverged_run_is_a_result(tmp_path):
    schedules = {"wild": "Constant(1e30)", "calm": "Constant(0.1)"}
    comparison = compare(small(schedules=schedules), tmp_path, display=Silent())
    wild, calm = comparison.runs
    assert (wild.status, calm.status) == ("diverged", "finished")
    assert comparison.rows[0].diverged == 1
    assert math.isnan(comparison.rows[0].test_accuracy.mean)
    assert "diverged" in markdown(comparison.rows)
    assert read_run(tmp_path / "runs" / "000-wild-seed0.json").status == "diverged"


def test_schedules_may_be_values_and_functions_by_name_but_not_lambdas(tmp_path):
    schedules = {"value": ss.Linear(0.2, 0.0, 12), "function": ss.Function("math:cosh").clip(0.1, 0.2)}
    value, function = compare(small(schedules=schedules), tmp_path / "out", display=Silent()).runs
    assert value.schedule == "Linear(0.2, 0.0, 12)"
    assert function.status == "finished"
    with pytest.raises(ArgumentError, match=r"package\.module:name"):
        compare(small(schedules={"mine": ss.Function(lambda t: 0.1)}), tmp_path / "other", display=Silent())
    assert not (tmp_path / "other").exists()


def test_accumulated_micro_batches_count_as_one_step(tmp_path):
    comparison = compare(small(batch_size=64, accumulate=4, epochs=1), tmp_path, display=Silent())
    assert comparison.runs[0].points[-1].step == math.ceil(math.ceil(1437 / 64) / 4)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"schedules": {}}, "at least one item"),
        ({"schedules": {"a": "Cosin(0.1, 0, 5)"}}, "schedule 'a'"),
        ({"schedules": [("a", "Constant(1)"), ("a", "Constant(2)")]}, "given twice"),
        ({"schedules": {"a": 0.1}}, "schedule or its text"),
        ({"seeds": (0, 0)}, "different"),
        ({"seeds": (-1,)}, "whole number"),
        ({"seeds": ()}, "at least one item"),
        ({"epochs": 0}, "at least 1"),
        ({"optimizer": "adamx"}, "did you mean"),
        ({"device": "abacus"}, "write auto"),
    ],
)
def test_settings_that_cannot_be_are_refused_before_anything_is_written(tmp_path, settings, words):
    with pytest.raises(ArgumentError, match=re.escape(words)):
        compare(small(**settings), tmp_path / "out", display=Silent())
    assert not (tmp_path / "out").exists()


def test_a_directory_with_something_in_it_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(OutputError, match="not empty"):
        compare(small(), tmp_path, display=Silent())
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_run_that_fails_names_itself_and_the_finished_ones_are_kept(tmp_path):
    schedules = {"good": "Constant(0.1)", "negative": "Linear(0.1, -0.1, 10)"}
    with pytest.raises(RunError, match=r"'negative' with seed 0.*step 6"):
        compare(small(schedules=schedules), tmp_path, workers=1, display=Silent())
    assert (tmp_path / "runs" / "000-good-seed0.json").exists()
    assert "did not finish" in (tmp_path / "report.md").read_text()


def test_ctrl_c_keeps_the_finished_runs_and_exits_with_130(tmp_path):
    """A real interrupt of a real process group, as a terminal sends it."""
    schedules = ["--schedule", "first=Constant(0.1)", "--schedule", "second=Constant(0.1)"]
    more = ["--schedule", "third=Constant(0.1)", "--seeds", ",".join(map(str, range(200)))]
    command = [sys.executable, "-m", "stepsize", "compare", "--data", "digits", "--out", str(tmp_path / "out")]
    process = subprocess.Popen(
        [*command, *schedules, *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    runs = tmp_path / "out" / "runs"
    while process.poll() is None and len(list(runs.glob("*.json")) if runs.exists() else []) < 3:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert "kept" in errors
    finished = [read_run(path) for path in runs.glob("*.json")]
    assert sum(run.status == "finished" for run in finished) >= 3
    assert not list(runs.glob(".*")), "no half-written file is left"
    assert "did not finish" in (tmp_path / "out" / "report.md").read_text()


def test_the_six_schedules_fit_any_horizon():
    for epochs in (1, 3, 10):
        plans = Experiment(epochs=epochs).plans(samples=60_000)
        assert [plan.name for plan in plans] == list(SIX_SCHEDULES)
        assert plans[-1].schedule.steps == 235 * epochs


def test_a_name_is_what_stands_before_the_first_equals_sign_outside_brackets():
    assert named("a=Constant(1)") == ("a", "Constant(1)")
    assert named("a = Constant(value=1)") == ("a ", " Constant(value=1)")
    assert named("Constant(value=1)") == ("Constant(value=1)", "Constant(value=1)")


def run(name, seed, accuracy, status="finished"):
    point, epoch = Point(5, 0.1, 1.0, 0.5), Epoch(5, 1.0, 0.5, 1.1, accuracy)
    return Run(name, "Constant(0.1)", seed, (point,), (epoch,), 2.0, status)


def test_the_table_averages_finished_runs_only():
    runs = [run("a", 0, 0.8), run("a", 1, 0.9), run("a", 2, 0.1, "diverged"), run("a", 3, 0.1, "interrupted")]
    (row,) = table(runs)
    assert (row.runs, row.diverged) == (2, 1)
    assert row.test_accuracy.mean == pytest.approx(0.85)
    assert row.test_accuracy.spread == pytest.approx(0.1 / math.sqrt(2))
    assert Mean.of([0.8]).text(2) == "0.80"


def test_a_run_file_gives_back_the_run(tmp_path):
    original = Run("a/b", "Constant(0.1)", 3, (Point(1, 0.1, math.nan, 0.5),), (), 1.5, "diverged")
    write_run(tmp_path / "run.json", original)
    again = read_run(tmp_path / "run.json")
    assert math.isnan(again.points[0].train_loss)
    assert (again.name, again.seed, again.status, again.seconds) == ("a/b", 3, "diverged", 1.5)
