"""A comparison end to end, on the digits: equal terms, stored results, and failures."""

import math
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import numpy as np
import pytest
from in_process import run_jobs
from paper_results import write_results

import stepsize as ss
from installed import STEPSIZE
from stepsize.errors import ArgumentError, DataError, OutputError, ParseError, RunError
from stepsize.lab import SIX_SCHEDULES, Experiment, compare, load, load_task, resume
from stepsize.lab.directory import ResultDirectory
from stepsize.lab.engines import local
from stepsize.lab.report.markdown import markdown_table
from stepsize.lab.report.summary_table import rows, summary_table
from stepsize.lab.statistics.findings import Mean
from stepsize.store import Run, Store, load_runs
from stepsize.store.run import Epoch, Point

ONE = {"flat": "Constant(0.1)"}
TWO = {"flat": "Constant(0.1)", "down": 'Linear(0.2, 0.0, "100%")'}


class Silent:
    """A display that shows nothing and records its calls."""

    def __init__(self):
        self.told = []

    def begin(self, standings, source, directory):
        self.told.append("begin")

    def starting(self, workers):
        """Jobs in this process start none."""

    def logged(self, number, record):
        self.told.append(number)

    def ended(self, number, run):
        self.told.append(run.name)

    def stopping(self):
        self.told.append("stopping")

    def close(self):
        self.told.append("close")


def small(**settings):
    return Experiment(settings.pop("schedules", TWO), **{"task": "digits", "epochs": 2, "engine": "local", **settings})


SHARED = {
    **TWO,
    "in two parts": "Constant(0.1, 10) >> Constant(0.1)",
    "wild": "Constant(1e30)",
    "value": ss.Linear(0.2, 0.0, 12),
    "<b>": ss.Function("math:cosh").clip(0.1, 0.2),
}


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """One comparison of all kinds of schedules, run in this process, and its display."""
    display = Silent()
    out = tmp_path_factory.mktemp("compared") / "new" / "place"
    with pytest.MonkeyPatch.context() as here:
        here.setattr(local, "run_jobs", run_jobs)
        return compare(small(schedules=SHARED), out, display=display), display


def test_numbers_do_not_depend_on_the_number_of_processes_or_on_the_other_runs(compared, tmp_path):
    two = compare(small(seeds=(0, 1)), tmp_path, workers=2, display=Silent())
    assert [(run.name, run.seed) for run in two.runs] == [("flat", 0), ("down", 0), ("flat", 1), ("down", 1)]
    assert [(run.points, run.epochs) for run in two.runs[:2]] == [
        (run.points, run.epochs) for run in compared[0].runs[:2]
    ]


def test_the_same_seed_starts_every_schedule_from_the_same_weights_and_order(compared):
    flat, down, in_two_parts, *_ = compared[0].runs
    assert flat.points == in_two_parts.points
    assert flat.points != down.points


def test_the_directory_holds_settings_runs_report_and_pictures(compared):
    comparison, display = compared
    names = sorted(path.relative_to(comparison.directory).as_posix() for path in comparison.directory.rglob("*"))
    assert names == [".lock", "comparison.png", "comparison.svg", "report.html", "report.md", "store.sqlite"]
    results = load_runs(comparison.directory)
    assert results.settings["experiment"]["schedules"] == {name: str(schedule) for name, schedule in SHARED.items()}
    assert "torch" in results.environment
    assert results.runs() == comparison.runs
    report = (comparison.directory / "report.md").read_text()
    assert "digits" in report
    assert "\n\n| schedule |" in report, "or Markdown would take the table for a paragraph"
    assert "| down |" in report
    page, last = (comparison.directory / "report.html").read_text(), comparison.runs[0].points[-1].step
    assert all(f"<dt>{name}</dt><dd>{it}</dd>" in page for name, it in (("network", "digits_net"), ("steps", last)))
    assert display.told[0] == "begin"
    assert display.told[-1] == "close"
    assert {0, 1, "flat", "down"} <= set(display.told)


def test_a_diverged_run_is_a_result(compared):
    comparison, wild = compared[0], compared[0].runs[3]
    assert [run.status for run in comparison.runs] == ["finished"] * 3 + ["diverged"] + ["finished"] * 2
    assert comparison.rows[3].diverged == 1
    assert math.isnan(comparison.rows[3].test_accuracy.mean)
    assert "diverged" in markdown_table(comparison.table, comparison.runs)
    assert load_runs(comparison.directory).run(3).diverged_at == wild.diverged_at == wild.points[-1].step


def test_schedules_may_be_values_and_functions_by_name_but_not_lambdas(compared, tmp_path):
    assert compared[0].runs[4].schedule == "Linear(0.2, 0.0, 12)"
    assert "math:cosh" in compared[0].runs[5].schedule
    with pytest.raises(ArgumentError, match=r"package\.module:name"):
        compare(small(schedules={"mine": ss.Function(lambda t: 0.1)}), tmp_path / "other", display=Silent())
    assert not (tmp_path / "other").exists()


def test_a_notebook_shows_the_table_of_a_comparison(compared):
    assert "<td>&lt;b&gt;</td>" in compared[0]._repr_html_()
    assert "Point" not in repr(compared[0])


def test_a_worker_gets_the_data_that_the_task_drew_and_accumulated_micro_batches_count_as_one_step(tmp_path):
    task = load_task("own_tasks:drawn")
    one = {"schedules": {"a": "Constant(0.1)"}, "task": "own_tasks:drawn", "epochs": 1}
    (run,) = compare(small(**one, batch_size=3, accumulation=4), tmp_path, display=Silent()).runs
    assert run.points[-1].step == math.ceil(math.ceil(task.samples / 3) / 4)
    assert load_runs(tmp_path).settings["experiment"]["digests"] == list(task.digests)


def test_a_task_of_the_users_own_may_be_called_digits(tmp_path, in_process):
    one = {"schedules": {"a": "Constant(0.1)"}, "task": "own_tasks:named_digits", "epochs": 1}
    comparison = compare(small(**one), tmp_path, display=Silent())
    assert comparison.experiment.task == "own_tasks:named_digits"
    assert comparison.source == "The data are the task's own."
    assert math.isnan(comparison.runs[0].epochs[-1].test_accuracy), "it has none, and the digits have one"


def test_an_optimizer_of_the_users_own_gets_the_real_parameters(tmp_path, in_process):
    """It trains the biases, and a lone made-up matrix has none."""
    own = {"task": "own_tasks:line", "optimizer": "own_tasks:biases_only", "device": "cpu"}
    comparison = compare(small(**own, schedules={"a": "Constant(0.1)"}), tmp_path / "local", display=Silent())
    assert comparison.runs[0].status == "finished"
    words = (
        "must be an optimizer of all parameters that require a gradient for stacked runs, got 'one that leaves out "
        r"weight'; write engine='local'$"
    )
    with pytest.raises(ArgumentError, match=words):
        compare(small(**own, engine="stacked"), tmp_path / "stacked", display=Silent())
    assert not (tmp_path / "stacked").exists()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"schedules": {}}, "at least one schedule, got {}"),
        ({"schedules": {"a": "Cosin(0.1, 0, 5)"}}, "schedules['a']=...): \"Cosin\" is not"),
        ({"schedules": [("a", "Constant(1)"), ("a", "Constant(2)")]}, "given different names, got 'a'"),
        ({"schedules": {"a": 0.1}}, "schedule or its text"),
        ({"schedules": {"\udcff": "Constant(0.1)"}}, "printable"),
        ({"seeds": (0, 0)}, "different"),
        ({"seeds": (-1,)}, "whole number"),
        ({"seeds": ()}, "at least one item"),
        ({"epochs": 0}, "at least 1"),
        ({"optimizer": "adamx"}, "did you mean"),
        ({"optimizer": "rprop"}, "does not use the rate"),
        ({"device": "abacus"}, 'must be "auto", "cpu", "cuda" or another device of PyTorch, got \'abacus\''),
        ({"device": "xpu"}, "on this machine, got 'xpu'"),
        (
            {"schedules": {"a": "Plan(lr=0.1, weight_decay=0.1)"}, "weight_decay": 0.1},
            "schedules['a']=...) must be a Plan without weight_decay, as the experiment has one, got",
        ),
        (
            {"epochs": 10**9},
            "few enough for runs of at most 1,000,000,000 updates, got 1000000000; these have 6,",
        ),
        ({"optimizer": 5}, "a name"),
        ({"optimizer_args": {"momentum": np.float32(0.9)}}, "optimizer_args['momentum']=...) must be a text, a finite"),
        (
            {"optimizer_args": {"momentum": math.nan}},
            "must be a text, a finite number or a list of these, got nan; write a plain one such as 0.9, or name "
            "your own "
            'factory, optimizer="package.module:function"',
        ),
        ({"schedules": {"mine": ss.Function(lambda t: 0.1)}}, 'Function("package.module:name")'),
        (
            {"weight_decay": ss.Function(lambda t: 0.1)},
            "weight_decay=...) must be a schedule that can be read from its text, since a resume has only the "
            "text, got ",
        ),
        (
            {"weight_decay": 'Linear(0.01, -0.5, "100%")'},
            "weight_decay=...) must be a schedule whose values are from 0 to 3.4e+38, got -0.0325",
        ),
        ({"task": 5}, "a name"),
        (
            {"optimizer_args": [0.9]},
            "must be arguments by name, got [0.9]; write e.g. optimizer_args={'momentum': 0.9}",
        ),
        ({"optimizer_args": "momentum"}, "optimizer_args=...) must be arguments by name, got"),
        ({"optimizer_args": {1: 0.9}}, "optimizer_args=...) must be arguments by name, got"),
    ],
)
def test_invalid_settings_are_refused_before_anything_is_written(tmp_path, settings, words):
    with pytest.raises((ArgumentError, ParseError), match=re.escape(words)):
        compare(small(**settings), tmp_path / "out", display=Silent())
    assert not (tmp_path / "out").exists()


def test_a_directory_with_something_in_it_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(
        OutputError,
        match=rf"^{tmp_path} cannot be used for results: it is not an empty directory, and results are never "
        "overwritten; name another directory$",
    ):
        compare(small(), tmp_path, display=Silent())
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_run_that_fails_is_named_and_the_others_are_made(tmp_path, in_process):
    """The rates are evaluated before anything runs, so only a function that then changes can fail."""
    schedules = {"fickle": ss.Function("fickle_rate:rate"), "good": "Constant(0.1)"}
    words = rf"^the run 'fickle' with seed 0 failed: .*step 3.*; the results of the other runs are in {tmp_path}$"
    with pytest.raises(RunError, match=words):
        compare(small(schedules=schedules), tmp_path, workers=1, display=Silent())
    outcomes = load_runs(tmp_path).outcomes()
    assert [outcome.status for outcome in outcomes] == ["failed", "finished"]
    assert "step 3" in load_runs(tmp_path).events()[0].text
    assert "**1 of 2 runs did not finish" in (tmp_path / "report.md").read_text()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "Linear(0.1, -0.1, 10)",
            "must be a schedule whose values are from 0 to 3.4e+38, got -0.02; this is at step 6 of 12; bound it with "
            ".clip(low, high)",
        ),
        ("Constant(1e300)", "got 1e+300; this is at step 0"),
    ],
)
def test_invalid_rates_are_refused_before_anything_is_written(tmp_path, text, words):
    with pytest.raises(ArgumentError, match=re.escape(words)):
        compare(small(schedules={"good": "Constant(0.1)", "wrong": text}), tmp_path / "out", display=Silent())
    assert not (tmp_path / "out").exists()


def test_workers_end_with_a_parent_that_is_killed(tmp_path):
    seeds = ",".join(map(str, range(500)))
    command = [STEPSIZE, "compare", "--data", "digits", "--seeds", seeds]
    process = subprocess.Popen(
        [*command, "--schedule", "flat=Constant(0.1)", "--out", str(tmp_path / "out")],
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    while process.poll() is None and finished(tmp_path / "out") < 1:
        time.sleep(0.05)
    process.kill()
    process.wait()
    assert_gone(process.pid)


def finished(directory):
    """How many runs have finished in a directory that another process works on."""
    if not (directory / "store.sqlite").exists():
        return 0
    return sum(outcome.status == "finished" for outcome in load_runs(directory).outcomes())


def group_members(group):
    """The processes of a group that still run."""
    found = subprocess.run(["ps", "-e", "-o", "pgid=,stat=,pid="], capture_output=True, text=True, check=True).stdout
    return [line for line in found.splitlines() if line.split()[0] == str(group) and "Z" not in line.split()[1]]


def assert_gone(group):
    """The processes end within a while: those that only clean up come last."""
    for _ in range(600):
        if not group_members(group):
            break
        time.sleep(0.1)
    assert group_members(group) == []


def test_runs_and_report_are_kept_if_the_picture_cannot_be_drawn(tmp_path, in_process, monkeypatch):
    def fail(self, *suffixes):
        raise OutputError("no space left")

    monkeypatch.setattr("stepsize.lab.standings.LivePicture.write", fail)
    display = Silent()
    with pytest.raises(
        OutputError,
        match="^no space left; all that was logged before is kept: make room, and continue with: "
        f"stepsize compare --resume {tmp_path}$",
    ):
        compare(small(schedules=ONE), tmp_path, display=display)
    assert finished(tmp_path) == 1
    assert (tmp_path / "report.md").exists()
    assert display.told[-1] == "close"


def test_runs_are_made_if_the_display_is_closed(tmp_path, in_process):
    class Gone(Silent):
        def logged(self, number, record):
            raise BrokenPipeError

    assert len(compare(small(schedules=ONE), tmp_path, display=Gone()).runs) == 1
    assert (tmp_path / "report.md").exists()


def test_a_comparison_that_never_began_leaves_nothing_behind(tmp_path, monkeypatch):
    def fail(*_):
        raise RunError("no process can be started")

    monkeypatch.setattr("stepsize.lab.engines.local.train_runs", fail)
    with pytest.raises(RunError, match="no process"):
        compare(small(), tmp_path / "out", display=Silent())
    assert not (tmp_path / "out").exists()


def test_a_directory_is_removed_if_its_store_cannot_be_made(tmp_path, monkeypatch):
    def full(*_):
        raise OutputError("the disk is full")

    monkeypatch.setattr("stepsize.lab.comparing.Store.create", full)
    with pytest.raises(OutputError, match="full"):
        compare(small(), tmp_path / "out", display=Silent())
    assert not (tmp_path / "out").exists()


def test_the_directory_of_a_comparison_is_refused_with_the_way_to_continue_it(compared):
    directory = compared[0].directory
    with pytest.raises(
        OutputError,
        match="; name another directory, or continue the comparison in it with "
        f"`stepsize compare --resume {directory}`$",
    ):
        ResultDirectory.claim(directory)


def test_two_comparisons_at_once_get_different_directories(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    taken = {ResultDirectory.claim(None).path for _ in range(3)}
    assert len(taken) == 3
    with pytest.raises(OutputError, match="not an empty directory"):
        ResultDirectory.claim(next(iter(taken)))


@pytest.mark.parametrize(
    ("sign", "to_group", "code"),
    [
        pytest.param(signal.SIGINT, True, 130, id="ctrl-c"),
        pytest.param(signal.SIGTERM, True, 143, id="terminated-group", marks=pytest.mark.long),
        pytest.param(signal.SIGTERM, False, 143, id="terminated"),
    ],
)
def test_a_signal_to_stop_keeps_the_finished_runs_and_sets_the_exit_code(tmp_path, sign, to_group, code):
    """As a terminal sends it to a process group, or as `kill` sends it to one process."""
    schedules = ["--schedule", "first=Constant(0.1)", "--schedule", "second=Constant(0.1)"]
    more = ["--schedule", "third=Constant(0.1)", "--seeds", ",".join(map(str, range(200)))]
    command = [STEPSIZE, "compare", "--data", "digits", "--out", str(tmp_path / "out")]
    process = subprocess.Popen(
        [*command, *schedules, *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while process.poll() is None and finished(tmp_path / "out") < 3:
        time.sleep(0.05)
    (os.killpg if to_group else os.kill)(process.pid, sign)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code, errors
    assert_gone(process.pid)
    assert "Traceback" not in errors
    assert f"is kept in {tmp_path}/out; continue with: stepsize compare --resume {tmp_path}/out" in errors
    assert finished(tmp_path / "out") >= 3
    assert not list((tmp_path / "out").rglob("*.part")), "no half-written file is left"
    assert "did not finish" in (tmp_path / "out" / "report.md").read_text()


def test_the_six_schedules_fit_any_horizon():
    for epochs in (1, 3, 10):
        specs = Experiment(epochs=epochs).run_specs(size=60_000)
        assert [spec.name for spec in specs] == list(SIX_SCHEDULES)
        assert specs[-1].schedule.steps == 235 * epochs


def run(name, seed, accuracy, status="finished"):
    point, epoch = Point(5, 0.1, 1.0, 0.5), Epoch(5, 1.0, 0.5, 1.1, accuracy)
    return Run(name, "Constant(0.1)", seed, (point,), (epoch,), 2.0, status)


def test_the_table_averages_finished_runs_only():
    runs = [run("a", 0, 0.8), run("a", 1, 0.9), run("a", 2, 0.1, "diverged"), run("a", 3, 0.1, "interrupted")]
    (row,) = rows(runs)
    assert (row.finished, row.diverged) == (2, 1)
    assert row.test_accuracy.mean == pytest.approx(0.85)
    assert row.test_accuracy.spread == pytest.approx(0.1 / math.sqrt(2))
    assert Mean.of([0.8]).text(2) == "0.80"


def test_names_are_escaped_in_the_tables_of_the_report():
    odd = [run("a|b\nc", 0, 0.8)]
    text = markdown_table(summary_table(odd), odd)
    assert "| a\\|b c |" in text


@pytest.mark.long
def test_a_script_without_a_main_guard_gets_an_error_and_starts_nothing_twice(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from stepsize.lab import Experiment, compare\n"
        'compare(Experiment({"flat": "Constant(0.1)"}, "digits", epochs=1, device="cpu"))\n'
    )
    ended = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, timeout=200)
    assert ended.returncode == 1
    assert 'put what it does under `if __name__ == "__main__":`' in ended.stderr.splitlines()[-1]
    assert not list((tmp_path / "runs").iterdir())


def test_a_comparison_is_the_same_when_it_is_loaded(tmp_path, in_process):
    made = compare(small(), tmp_path / "out", display=Silent())
    loaded = load(tmp_path / "out")
    assert type(loaded) is type(made)
    assert loaded.experiment.as_dict() == made.experiment.as_dict()
    assert (loaded.source, loaded.directory, loaded.trials) == (made.source, made.directory, made.trials)
    assert loaded.runs == made.runs
    assert loaded.rows == made.rows
    assert loaded.table == made.table
    assert load(tmp_path / "out" / "store.sqlite").table == made.table


def test_the_pairs_of_a_comparison_are_those_of_all_its_schedules(tmp_path):
    pairs = load(write_results(tmp_path / "results", ("a", "b", "c"), 3)).all_pairs
    assert pairs.columns == ("schedule", "against", "test accuracy difference", "p", "verdict")
    assert [row[:2] for row in pairs.lines] == [("b", "a"), ("c", "a"), ("c", "b")]
    assert pairs.notes == ("p is corrected for 3 pairs (Holm).",)


@pytest.mark.parametrize("settings", [{}, {"experiment": []}, {"experiment": {"epochs": 0}}, {"experiment": {"a": 1}}])
def test_a_store_without_a_readable_experiment_is_no_comparison(tmp_path, settings):
    Store.create(tmp_path / "store.sqlite", settings, {}, [("flat", "Constant(0.1)", 0)]).close()
    words = "does not have the experiment, so only load_runs can read its runs; start over in another directory$"
    if settings:
        words = (
            r"has an experiment that is not allowed: Experiment.*(epochs=|'a')" if settings["experiment"] else "is dam"
        )
    for use in (load, resume):
        with pytest.raises(DataError, match=rf"store\.sqlite {words}"):
            use(tmp_path)


@pytest.mark.parametrize(
    "form", [{"data": 1, "trials": 5}, {"trials": [{"loss": 1}]}, {"chance": {"x": 1}}, {"looks": "many"}, {}]
)
def test_a_comparison_whose_settings_have_another_form_is_refused(tmp_path, form):
    settings = {"experiment": Experiment().as_dict(), **form}
    Store.create(tmp_path / "store.sqlite", settings, {}, [("fixed", "Constant(0.1)", 0)]).close()
    with pytest.raises(DataError, match=r"store\.sqlite .*its settings have another form: \w+Error\("):
        load(tmp_path)


def test_the_notices_of_a_stranger_are_shown_and_not_obeyed(tmp_path):
    path = tmp_path / "store.sqlite"
    settings = {"experiment": Experiment().as_dict(), "data": ""}
    with Store.create(path, settings, {}, [("fixed", "Constant(0.1)", 0)]) as store:
        store.event("notice", "red \x1b[31m", 0)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE events SET run = 7")  # no such run
    assert "a run: red \\x1b[31m" in str(load(tmp_path))


def test_runs_that_branch_and_have_no_points_are_not_counted(tmp_path):
    path = tmp_path / "store.sqlite"
    settings = {"experiment": Experiment().as_dict(), "data": ""}
    with Store.create(path, settings, {}, [("fixed", "Constant(0.1)", 0)]) as store:
        store.end(0, "finished", 1.0)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE runs SET parent = 0, branched_at = 5")
    assert "branch" not in str(load(tmp_path))
