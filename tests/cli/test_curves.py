"""`stepsize curves`, and the options of logs that it shares with `predict`, `design` and `cooldown`."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import stepsize as ss
from stepsize.cli.runs import branches_by_run, for_runs, schedules_by_run
from stepsize.curves import read_curves
from stepsize.curves.read_options import ReadOptions
from stepsize.errors import ArgumentError, StepsizeError

PLANS = {
    "cosine": ss.warmup_cosine(3e-4, 200, 6000, final_lr=3e-5),
    "drop": ss.warmup(ss.Piecewise((3e-4, 9e-5), (2500,)), 200),
    "short": ss.wsd(3e-4, 213, 5600, 17),  # no row of the log is at a corner of it
}


@pytest.fixture
def logs(tmp_path):
    """Logs of three runs with columns of two kinds."""
    heads = {"cosine": ("step", "lr", "loss"), "drop": ("global_step", "train/lr", "train/loss"), "short": ()}
    for name, plan in PLANS.items():
        with open(tmp_path / f"{name}.csv", "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(heads[name] or heads["drop"])
            writer.writerows((step, plan(step), 3.0 + 100.0 / (step + 50)) for step in range(0, 6000, 50))
    return [tmp_path / f"{name}.csv" for name in PLANS]


def test_curves_lists_the_runs_and_how_they_were_read(typed, logs):
    done = typed("curves", *logs, "--log-jump", 2700, "--log-schedule", f"short={PLANS['short']}")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "drop, short: step = global_step, lr = train/lr, loss = train/loss"
    assert [line.split() for line in lines[1:5]] == [
        ["run", "format", "rows", "first", "last", "peak", "rate", "last", "loss"],
        ["cosine", "CSV", "120", "0", "5,950", "0.0003", "3.0167"],
        ["drop", "CSV", "120", "0", "5,950", "0.0003", "3.0167"],
        ["short", "CSV", "120", "0", "5,950", "0.0003", "3.0167"],
    ]
    assert "loss above 2.9" in done.stdout
    numbers = [float(line.split()[0]) for line in lines if "┤" in line]
    assert (min(numbers), max(numbers) < 0.5) == (0, True)  # without the first tenth, which begins 2 higher
    assert max(map(len, lines)) <= 80


def test_losses_near_zero_are_drawn_above_zero(typed, tmp_path):
    (tmp_path / "log.csv").write_text("step,lr,loss\n0,0.1,0.5\n10,0.1,0.3\n20,0.1,0.02\n")
    assert "\nloss above 0\n" in typed("curves", "log.csv").stdout


@pytest.mark.parametrize(("lowest", "base"), [(2.06, 2), (2.049, 1.9), (2.14, 2), (2.16, 2.1)])
def test_a_sketch_begins_a_twentieth_to_three_twentieths_below_the_lowest_loss(typed, tmp_path, lowest, base):
    (tmp_path / "log.csv").write_text(f"step,lr,loss\n0,0.1,1.0\n10,0.1,3.0\n100,0.1,{lowest}\n")
    assert f"\nloss above {base:g}\n" in typed("curves", "log.csv").stdout  # the first tenth is left out


def test_the_file_that_curves_writes_is_read_without_options(typed, logs, tmp_path):
    """Also a jump, and a cooldown that is shorter than the distance between two rows."""
    clean = tmp_path / "clean.csv"
    schedule = f"short={PLANS['short']}"
    done = typed("curves", *logs, "--log-jump", 2700, "--log-schedule", schedule, "--save", clean)
    assert done.stdout.endswith(f"{clean}\n")
    before = read_curves(logs, jumps=[2700], schedule={"short": PLANS["short"]})
    after = read_curves(clean)
    assert len(clean.read_text().splitlines()) < 1000
    for old, new in zip(before, after, strict=True):
        assert (new.name, new.notes) == (old.name, ())
        np.testing.assert_array_equal(new.steps, old.steps)
        np.testing.assert_array_equal(new.losses, old.losses)
        np.testing.assert_allclose(new.rates, old.rates, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("rate", [0.1, 0.0])
def test_a_rate_that_does_not_bend_adds_no_rows(typed, tmp_path, rate):
    lines = "".join(f"run,{step},{rate},{3.0 - step / 1000}\n" for step in (0, 100, 200, 300, 400))
    (tmp_path / "log.csv").write_text(f"run,step,lr,loss\n{lines}")
    typed("curves", tmp_path / "log.csv", "--save", tmp_path / "clean.csv")
    assert (tmp_path / "clean.csv").read_text() == (tmp_path / "log.csv").read_text()


def test_a_rate_that_bends_adds_its_corners_and_the_middles_between_them(typed, tmp_path):
    (tmp_path / "log.csv").write_text("step,loss\n1,3\n13,2\n")
    rates = "Linear(0, 0.5, 4) >> Constant(0.5, 4) >> Linear(0.5, 0, 8)"
    assert typed("curves", "log.csv", "--log-schedule", rates, "--save", "clean.csv").stderr == ""
    rows = "0,0.0, 1,0.125,3.0 2,0.25, 4,0.5, 6,0.5, 8,0.5, 10,0.375, 13,0.1875,2.0"
    assert (tmp_path / "clean.csv").read_text().splitlines() == [
        "run,step,lr,loss",
        *(f"log,{row}" for row in rows.split()),
    ]


def test_curves_reads_a_branch_of_another_run(typed, logs, tmp_path):
    branch = tmp_path / "branch.csv"
    branch.write_text("step,lr,loss\n" + "".join(f"{step},1e-4,2.9\n" for step in range(50, 500, 50)))
    done = typed("curves", branch, logs[0], "--after", f"branch={logs[0]}:5000")
    assert done.stdout.splitlines()[1].split() == ["branch", "CSV", "9", "5,050", "5,450", "0.0003", "2.9000"]


def test_curves_lists_all_losses_and_names_once_what_is_not_known(typed, logs, tmp_path):
    bare, notes = tmp_path / "bare.csv", tmp_path / "notes.md"
    bare.write_text("step,loss\n0,4\n100,3\n")
    notes.write_text("runs of this week\n")
    done = typed("curves", logs[0], bare, notes, "--save", tmp_path / "clean.csv")
    assert done.returncode == 2
    assert [line.split() for line in done.stdout.splitlines()[:3]] == [
        ["run", "format", "rows", "first", "last", "peak", "rate", "last", "loss"],
        ["cosine", "CSV", "120", "0", "5,950", "0.0003", "3.0167"],
        ["bare", "CSV", "2", "0", "100", "?", "3.0000"],
    ]
    assert "loss above 2.9" in done.stdout
    said = done.stderr.removeprefix("stepsize: ").splitlines()
    assert [line.split(" has no ")[0] for line in said] == [str(notes), str(bare)]
    assert not (tmp_path / "clean.csv").exists()


def test_a_folder_with_runs_of_a_tool_says_which_other_logs_were_left_out(typed, logs, tmp_path):
    (tmp_path / "run").mkdir()
    rows = [{"step": step, "loss": 3.0 + 100.0 / step, "learning_rate": 0.1} for step in range(1, 100)]
    (tmp_path / "run" / "trainer_state.json").write_text(json.dumps({"log_history": rows}))
    (tmp_path / "run" / "eval.csv").write_text("step,loss\n1,2\n")  # belongs to the run
    (tmp_path / "env.json").write_text("{}")
    done = typed("curves", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    said = f"{tmp_path} also has cosine.csv, drop.csv, short.csv, which are read only if they are named"
    assert said in done.stdout.splitlines()
    assert "also has" not in typed("curves", tmp_path / "run").stdout


REFUSED = [
    (["k.csv"], "give the size of an epoch and of a batch with --log-horizon NAME=VALUE,..."),
    (["k.csv", "--log-horizon", "samples=10"], "--log-horizon must be given batch and epochs too, got"),
    (["k.csv", "--log-horizon", "samples=0,batch=1,epochs=1"], "--log-horizon samples must be a whole number of at"),
    (["two.csv"], 'several columns of losses: "a loss", "b loss"; name one with --columns loss=a loss'),
    (["late.csv"], "or the run that it goes on from with --after [RUN=]FILE:STEP"),
    (["late.csv", "--after", "late.csv"], "--after: 'late.csv' is not the path of a log and a step; write e.g. tr"),
    (["late.csv", "--after", "k=k.csv:7"], "--after must be given for runs of the logs, got 'k'; the runs are"),
    (["late.csv", "--save", "no/where.csv"], "cannot write no/where.csv"),
    ([], "RUNS must be given"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "message"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_missing_is_said_in_the_words_of_the_command_line(refused, tmp_path, words, message):
    (tmp_path / "k.csv").write_text("epoch,lr,loss\n0,0.1,3\n1,0.1,2\n")
    (tmp_path / "two.csv").write_text("step,lr,a loss,b loss\n0,0.1,3,4\n1,0.1,2,3\n")
    (tmp_path / "late.csv").write_text("step,lr,loss\n500,0.1,3\n600,0.1,2\n")
    said = refused("curves", *words)
    assert message in said
    assert "=..." not in said


FLAT, DOWN = ss.Constant(0.1), ss.Linear(0.1, 0.0, 9)


@pytest.mark.parametrize(
    ("texts", "given"),
    [
        (["Constant(0.1)"], FLAT),
        (["Constant(value=0.1)"], FLAT),
        (["run (1)=Constant(value=0.1)", "b= Linear(0.1, 0, steps=9)"], {"run (1)": FLAT, "b": DOWN}),
        (["a=10,b=20=Constant(0.1)"], {"a=10,b=20": FLAT}),
        (['"a b"=Constant(0.1)', "'c='=Linear(0.1, end=0, steps=9)"], {"a b": FLAT, "c=": DOWN}),
        (["f(x=1)=Constant(0.1)"], {"f(x=1)": FLAT}),
        ([], None),
    ],
)
def test_the_name_of_a_run_may_have_any_signs(texts, given):
    assert for_runs(schedules_by_run("predict", "log_schedule", texts)) == given


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["a=Constnt(1)"], r"log_schedule\['a'\]=.*did you mean \"Constant\""),
        (["Constant(1", "a=Linear(1)"], r"(?s)log_schedule=.*log_schedule\['a'\]="),
        (["Constant(1)", "a=Linear(1, 0, 5)"], "given once, or as RUN=TEXT for each run"),
    ],
)
def test_a_text_that_cannot_be_read_is_refused(texts, words):
    with pytest.raises(StepsizeError, match=words):
        schedules_by_run("predict", "log_schedule", texts)


def test_a_branch_is_a_file_and_a_step(tmp_path):
    trunk = tmp_path / "lr=0.1:x.csv"
    trunk.touch()
    assert branches_by_run("predict", "after", [f"a={trunk}:20"]) == [("a", (trunk, 20))]
    with pytest.raises(ArgumentError, match="given once for each run"):
        branches_by_run("predict", "after", [f"a={trunk}:20", f"a={trunk}:30"])


def test_the_sketch_has_the_first_eight_runs_and_the_file_has_names_that_run_no_formula(typed, tmp_path):
    (tmp_path / "log.csv").write_text(
        "run,step,lr,loss\n" + "".join(f"=run{n},{step},0.1,{2.56 - n / 100}\n" for n in range(9) for step in (0, 9))
    )
    done = typed("curves", "log.csv", "--save", "clean.csv")
    assert (done.returncode, done.stderr) == (0, "")
    assert "\nloss above 2.4, the first 8 runs\n" in done.stdout
    assert [line.split()[-1] for line in done.stdout.splitlines()[-9:-1]] == [f"=run{n}" for n in range(8)]
    assert (tmp_path / "clean.csv").read_text().splitlines()[1] == "'=run0,0,0.1,2.56"


def test_a_note_names_three_of_the_runs_that_it_is_about(typed, tmp_path):
    for name in "abcd":
        (tmp_path / f"{name}.csv").write_text("iteration,lr,loss\n0,0.1,3\n9,0.1,2\n")
    (tmp_path / "e.csv").write_text("step,lr,loss\n0,0.1,3\n9,0.1,2\n")
    said = typed("curves", *sorted(tmp_path.glob("*.csv"))).stdout.splitlines()[0]
    assert said == "a, b, c and 1 more: step = iteration, lr = lr, loss = loss"
    assert typed("curves", *sorted(tmp_path.glob("[abcd].csv"))).stdout.startswith("step = iteration, lr = lr")


def test_losses_are_averaged_and_then_the_beginning_is_left_out(typed, tmp_path):
    (tmp_path / "log.csv").write_text("step,lr,loss\n0,0.1,9\n1000,0.1,3\n2000,0.1,6\n3000,0.1,1.5\n")
    done = typed("curves", "log.csv", "--log-begin", 1000, "--smooth", 3, "--save", "clean.csv")
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["log", "CSV", "3", "1,000", "3,000", "0.1", "1.5000"] in lines
    rows = [row.split(",") for row in (tmp_path / "clean.csv").read_text().splitlines()[1:]]
    assert [row[1:] for row in rows if row[3]] == [
        ["1000", "0.1", "6.0"],
        ["2000", "0.1", "3.5"],
        ["3000", "0.1", "1.5"],
    ]


def test_each_option_of_logs_is_an_option_of_their_reading(typed, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr("stepsize.cli.runs.readings", lambda *given: asked.append(given) or ([], []))
    (tmp_path / "trunk.csv").touch()
    typed(
        *(
            "curves",
            "a.csv",
            "b",
            "--columns",
            "step=update,lr=rate,loss=ce",
            "--log-horizon",
            "samples=9,batch=3,epochs=2",
        ),
        *("--log-schedule", "Constant(0.1)", "--after", "trunk.csv:20", "--log-warmup", 0, "--log-jump", 7),
        *("--log-jump", 9, "--no-log-means"),
    )
    typed("curves", "a.csv")
    (places, options), (_, none) = asked
    assert places == [Path("a.csv"), Path("b")]
    columns = {"step": "update", "lr": "rate", "loss": "ce"}
    horizon = ss.Horizon(samples=9, batch=3, epochs=2)
    branch = (Path("trunk.csv"), 20)
    assert options == ReadOptions(
        **columns, means=False, horizon=horizon, schedule=FLAT, after=branch, warmup_steps=0, jumps=[7, 9]
    )
    assert none == ReadOptions()
