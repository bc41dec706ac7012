"""`stepsize predict`, `design`, `cooldown` and `rank`, as typed in a terminal."""

import os
import subprocess
import sys

import pytest
from runs import PEAK, PLANS, TRUTH, run

from stepsize import parse

WSD = f"wsd({PEAK}, 200, 4300, 1500, final_lr={0.1 * PEAK})"


def stepsize(*args, **environment):
    command = [sys.executable, "-m", "stepsize", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=os.environ | environment)


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    """CSV files of three runs, and of a fourth that is going on."""
    folder = tmp_path_factory.mktemp("logs")
    plans = PLANS | {"running": PLANS["flat"]}
    for name, plan in plans.items():
        curve = run(name, plan, steps=3000 if name == "running" else 6000, noise=3e-4)
        rows = [f"{step},{curve.rates[step]!r},{loss!r}" for step, loss in zip(curve.steps, curve.losses, strict=True)]
        text = "\n".join(["step,lr,loss", *rows]) + "\n"
        (folder / f"{name}.csv").write_text(text.replace("np.float64(", "").replace(")", ""))
    return folder


def three(logs):
    return [logs / f"{name}.csv" for name in PLANS]


BEGUN = ("--log-warmup", 200, "--log-jump", 2500)


def test_predict_foresees_the_final_loss_with_a_band(logs):
    done = stepsize("predict", *three(logs), *BEGUN, "--schedule", WSD, "--level", 0.8)
    assert (done.returncode, done.stderr) == (0, "")
    assert "multi-power law, learned from 432 rows of 3 runs" in done.stdout
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("final loss")]
    words = line.replace(",", "").split()
    assert float(words[2]) == pytest.approx(TRUTH.predict(parse(WSD))[-1], rel=3e-3)
    assert words[3] == "80%"
    assert float(words[-3]) < float(words[2]) < float(words[-1])
    assert "foreseen loss above" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100


def test_predict_of_one_run_takes_the_simpler_law_and_says_so(logs):
    done = stepsize("predict", logs / "cosine.csv", *BEGUN, "--schedule", WSD)
    assert "momentum law (one run determines no more)" in done.stdout
    assert "note: all runs have one schedule" in done.stdout


def test_predict_writes_a_picture(logs, tmp_path):
    done = stepsize("predict", *three(logs), *BEGUN, "--schedule", WSD, "--out", tmp_path / "a.svg")
    assert done.stdout.endswith(f"{tmp_path / 'a.svg'}\n")
    assert (tmp_path / "a.svg").read_bytes().startswith(b"<?xml")


def test_predict_reads_logs_with_other_names(logs, tmp_path):
    renamed = []
    for path in three(logs):
        renamed.append(tmp_path / path.name)
        renamed[-1].write_text(path.read_text().replace("step,lr,loss", "update,rate,ce"))
    done = stepsize("predict", *renamed, *BEGUN, "--columns", "step=update, lr=rate,loss=ce", "--schedule", WSD)
    assert done.returncode == 0
    assert "final loss" in done.stdout


def test_an_output_of_ascii_gets_ascii(logs):
    assert stepsize("predict", *three(logs), *BEGUN, "--schedule", WSD, PYTHONIOENCODING="ascii").stdout.isascii()


def test_design_prints_the_best_members_and_saves_what_parse_reads(logs, tmp_path):
    done = stepsize(
        "design", *three(logs), *BEGUN, "--steps", 3000, "--warmup", 200,
        "--save", tmp_path / "best.txt", "--out", tmp_path / "best.png",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "best of all: final loss" in done.stdout
    saved = parse((tmp_path / "best.txt").read_text().strip())
    assert saved.sample(3000).max() == pytest.approx(PEAK)
    assert saved(200) == pytest.approx(PEAK)
    assert (tmp_path / "best.png").read_bytes().startswith(b"\x89PNG")
    losses = [float(line.split()[0]) for line in done.stdout.splitlines() if line[:1] == "0"]
    assert losses == sorted(losses)
    assert len(losses) == 6


def test_cooldown_foresees_the_end_for_each_start(logs):
    done = stepsize(
        "cooldown", *three(logs), *BEGUN, "--running", logs / "running.csv", "--at", 3000, "--at", 4000, "--steps", 500
    )
    assert (done.returncode, done.stderr) == (0, "")
    rows = [
        line.replace(",", "").split() for line in done.stdout.splitlines() if " 3,500 " in line or " 4,500 " in line
    ]
    assert [row[:2] for row in rows] == [["3000", "3500"], ["4000", "4500"]]
    assert float(rows[0][2]) > float(rows[1][2])


def test_rank_needs_no_runs():
    done = stepsize("rank", "Constant(0.1)", "Linear(0.3, 0, 400)", "--steps", 400)
    assert (done.returncode, done.stderr) == (0, "")
    first, second = (line.split() for line in done.stdout.splitlines()[1:3])
    assert first[:2] == ["1.", "0.10063"]
    assert second[:3] == ["2.", "0.13754", "+36.7%"]
    assert "A ranking, no forecast" in done.stdout


def test_rank_reads_lengths_with_a_unit():
    horizon = "samples=60000,batch=256,epochs=10"
    done = stepsize(
        "rank", 'Linear(0.3, 0, "rest")', 'Constant(0.3, "1ep") >> Linear(0.3, 0, "rest")', "--horizon", horizon
    )
    assert done.returncode == 0
    assert "Linear(0.3, 0.0, 2350)" in done.stdout


REFUSED = [
    (["predict", "none.csv", "--schedule", WSD], "there is no file or folder none.csv"),
    (["predict", "{}/flat.csv", "--schedule", WSD], "begins at step 240"),
    (["predict", "{}/flat.csv", "--log-warmup", 200, "--schedule", WSD], "in none of the runs does the rate come down"),
    (["predict", "{}/cosine.csv", *BEGUN, "--schedule", "Constant(0.3)"], "needs a number of steps"),
    (["predict", "{}/cosine.csv", *BEGUN, "--schedule", "Constant(0.3)", "--steps", 100], "another unit"),
    (["predict", "{}/cosine.csv", *BEGUN, "--schedule", "Linaer(0, 1, 5)"], 'did you mean "Linear"?'),
    (["predict", "{}/cosine.csv", "--columns", "loss", "--schedule", WSD], "--columns takes NAME=COLUMN"),
    (["predict", "{}/cosine.csv", "--columns", "los=a", "--schedule", WSD], 'did you mean "loss"?'),
    (["predict", "{}/cosine.csv", "--columns", "loss=a", "--schedule", WSD], 'no column "a"'),
    (["design", "{}/cosine.csv", *BEGUN, "--steps", 1000], "needs a MultiPowerLaw"),
    (["cooldown", "{}/cosine.csv", *BEGUN, "--running", "{}/running.csv", "--at", 10], "steps from 2961 on"),
    (["rank", "Constant(0.1)"], "steps=1000"),
    (["rank", "Constant(0.1, 10)", "Constant(0.1, 20)"], "these last 10, 20"),
]


@pytest.mark.parametrize(("args", "message"), REFUSED, ids=range(len(REFUSED)))
def test_bad_input_ends_in_one_clear_message(logs, args, message):
    done = stepsize(*(str(arg).format(logs) if "{}" in str(arg) else arg for arg in args))
    assert done.returncode == 2
    assert done.stderr.startswith("stepsize: ")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
