"""`stepsize predict`, `design`, `cooldown` and `rank`, as typed in a terminal."""

import json
import math
import re
import subprocess

import pytest
from runs import PEAK, PLANS, TRUTH, run

from installed import STEPSIZE, environment
from stepsize import parse

WSD = f"wsd({PEAK}, 200, 4300, 1500, final_lr={0.1 * PEAK})"


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


BEGUN = ("--log-warmup", 200, "--log-jump", 2700)
ALONE = ("--log-warmup", 200)


def test_predict_gives_the_final_loss_with_a_band(typed, logs):
    done = typed("predict", *three(logs), *BEGUN, "--schedule", WSD, "--level", 0.8)
    assert (done.returncode, done.stderr) == (0, "")
    assert "functional law, fitted to 432 rows of 3 runs" in done.stdout
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("final loss")]
    words = line.replace(",", "").split()
    assert float(words[2]) == pytest.approx(TRUTH.predict(parse(WSD))[-1], rel=3e-3)
    assert words[3] == "80%"
    assert float(words[-3]) < float(words[2]) < float(words[-1])
    rows = [row.split() for row in done.stdout.splitlines()]
    table = rows[rows.index(["step", "rate", "loss", "low", "high"]) + 1 :][:10]
    steps = [int(row[0].replace(",", "")) for row in table]
    assert [round(step / 600) for step in steps] == [*range(1, 11)]
    assert (table[-1][0], steps[-1]) == ("5,999", 5999)
    forecast = TRUTH.predict(parse(WSD))
    for step, rate, loss, low, high in table:
        at = int(step.replace(",", ""))
        assert float(rate) == pytest.approx(parse(WSD)(at), rel=5e-3)
        assert float(low) < float(loss) < float(high)
        assert float(loss) == pytest.approx(forecast[at], rel=5e-3)
    assert "each run predicted from the others: off by 0." in done.stdout
    lowest = min(float(row[2]) for row in table)
    assert f"predicted loss above {math.floor(10 * lowest) / 10:g}\n" in done.stdout
    assert max(len(line) for line in done.stdout.splitlines() if not line.startswith("note: ")) <= 100


def test_predict_of_one_run_takes_the_simpler_law_and_says_so(typed, logs):
    done = typed("predict", logs / "cosine.csv", *ALONE, "--schedule", WSD)
    assert "momentum law (one schedule determines no more), fitted to 144 rows of 1 run," in done.stdout
    assert "note: all runs have one schedule" in done.stdout


def test_predict_refuses_a_run_whose_rate_is_zero_throughout(typed, logs, tmp_path):
    still = tmp_path / "still.csv"
    still.write_text("step,lr,loss\n" + "".join(f"{step},0,3.{999 - step}\n" for step in range(0, 900, 20)))
    done = typed("predict", *three(logs), still, *BEGUN, "--schedule", WSD)
    assert (done.returncode, done.stderr) == (2, 'stepsize: the rate of run "still" is zero throughout\n')


def test_predict_of_several_seeds_of_one_schedule_takes_the_simpler_law_too(typed, logs, tmp_path):
    again = tmp_path / "cosine.csv"
    again.write_text((logs / "cosine.csv").read_text())
    done = typed("predict", logs / "cosine.csv", again, *ALONE, "--schedule", WSD)
    assert (done.returncode, done.stderr) == (0, "")
    assert "momentum law (one schedule determines no more), fitted to 288 rows of 2 runs" in done.stdout


def test_predict_takes_the_law_that_is_named(typed, logs):
    done = typed("predict", *three(logs), *BEGUN, "--schedule", WSD, "--law", "momentum")
    assert done.stdout.startswith("momentum law, fitted to 432 rows of 3 runs")


def test_predict_reads_lengths_with_a_unit_and_says_what_is_cut_off(typed, logs):
    parts = ["--schedule", f'Linear(0, {PEAK}, "5%") >> Linear({PEAK}, 0, "rest")']
    done = typed("predict", logs / "cosine.csv", *ALONE, *parts, "--steps", 4000)
    assert f"Linear(0.0, {PEAK}, 200) >> Linear({PEAK}, 0.0, 3800)\n" in done.stdout
    assert "what comes after" not in done.stdout
    done = typed(
        "predict", logs / "cosine.csv", *ALONE, "--schedule", f'Linear({PEAK}, 0, "2ep")',
        "--schedule", f"Linear({PEAK}, 0, 9000)", "--horizon", "samples=1000,batch=1,epochs=2",
    )  # fmt: skip
    assert f'Linear({PEAK}, 0, "2ep")\n' in done.stdout
    cut = "is 9,000 steps long; what comes after the first 2,000 is left out"
    assert f"note: Linear({PEAK}, 0, 9000) {cut}\n" in done.stdout


def test_predict_takes_the_schedules_of_logs_without_rates_and_leaves_their_beginning_out(typed, logs, tmp_path):
    bare = []
    for path in three(logs):
        rows = [line.split(",") for line in path.read_text().splitlines()]
        bare.append(tmp_path / path.name)
        bare[-1].write_text("\n".join(f"{step},{loss}" for step, _, loss in rows))
    named = [word for name, plan in PLANS.items() for word in ("--log-schedule", f"{name}={plan}")]
    done = typed("predict", *bare, *named, "--schedule", WSD, "--log-begin", 1000, "--smooth", 3)
    assert (done.returncode, done.stderr) == (0, "")
    rows = sum(step >= 1000 for step in range(240, 6000, 40))
    assert f"functional law, fitted to {3 * rows} rows of 3 runs" in done.stdout


def test_predict_reads_the_two_exports_of_weights_and_biases(typed, logs, tmp_path):
    tables = [[line.split(",") for line in path.read_text().splitlines()[1:]] for path in three(logs)]
    for name, metric, place in (("losses", "train/loss", 2), ("rates", "train/lr", 1)):
        head = ",".join(["Step", *(f"{run} - {metric}" for run in PLANS)])
        rows = [",".join([same[0][0], *(row[place] for row in same)]) for same in zip(*tables, strict=True)]
        (tmp_path / f"{name}.csv").write_text("\n".join([head, *rows]))
    done = typed("predict", tmp_path / "losses.csv", tmp_path / "rates.csv", *BEGUN, "--schedule", WSD)
    assert (done.returncode, done.stderr) == (0, "")
    assert "functional law, fitted to 432 rows of 3 runs" in done.stdout


def test_predict_writes_a_picture(typed, logs, tmp_path):
    done = typed("predict", *three(logs), *BEGUN, "--schedule", WSD, "--out", tmp_path / "a.svg")
    assert done.stdout.endswith(f"{tmp_path / 'a.svg'}\n")
    picture = (tmp_path / "a.svg").read_text()  # letters are shapes there, and comments name them
    assert picture.startswith("<?xml")
    assert all(f"<!-- {name} (measured) -->" in picture for name in PLANS)
    assert "predicted loss above" not in done.stdout


def test_predict_reads_logs_with_other_names(typed, logs, tmp_path):
    renamed = []
    for path in three(logs):
        renamed.append(tmp_path / path.name)
        renamed[-1].write_text(path.read_text().replace("step,lr,loss", "update,rate,ce"))
    done = typed("predict", *renamed, *BEGUN, "--columns", "step=update, lr=rate,loss=ce", "--schedule", WSD)
    assert done.returncode == 0
    assert "final loss" in done.stdout


def test_an_output_of_ascii_gets_ascii(logs):
    command = [STEPSIZE, "predict", *three(logs), *map(str, BEGUN), "--schedule", WSD]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(PYTHONIOENCODING="ascii"))
    assert done.returncode == 0
    assert done.stdout.isascii()


def test_design_prints_the_best_members_and_saves_what_parse_reads(typed, logs, tmp_path):
    done = typed(
        "design", *three(logs), *BEGUN, "--steps", 3000, "--warmup", 60,
        "--save", tmp_path / "best.txt", "--out", tmp_path / "best.svg",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "best of all: final loss" in done.stdout
    saved = parse((tmp_path / "best.txt").read_text().strip())
    assert saved.sample(3000).max() == pytest.approx(PEAK)
    assert saved(60) == pytest.approx(PEAK)
    assert "\ncaution: it reaches its highest rate sooner than the runs, which took at least 198 steps: " in done.stdout
    said = re.search(r"^best of all: final loss (\S+), 90% band (\S+) to (\S+)$", done.stdout, re.MULTILINE)
    loss, low, high = map(float, said.groups())
    assert low < loss < high
    picture = (tmp_path / "best.svg").read_text()
    assert "<!-- best of all (predicted) -->" in picture
    assert picture.count("(predicted) -->") == 3
    assert picture.count("(measured) -->") == 3
    excesses = [line.split()[0] for line in done.stdout.splitlines() if line[:1] == "0"]
    assert excesses == sorted(excesses)
    assert len(excesses) == 6
    assert f"{tmp_path / 'best.txt'}: {excesses[0]} above the best of all\n" in done.stdout


def test_predict_ranks_several_schedules(typed, logs):
    others = [
        f"wsd({PEAK}, 200, 4310, 1490, final_lr={0.1 * PEAK})",
        f"Linear(0, {PEAK}, 200) >> Constant({PEAK}, 5800)",
    ]
    done = typed("predict", *three(logs), *BEGUN, *(word for text in (WSD, *others) for word in ("--schedule", text)))
    assert (done.returncode, done.stderr) == (0, "")
    rows = [line.split() for line in done.stdout.splitlines() if line.startswith("    3.")]
    assert [float(row[0]) for row in rows] == sorted(float(row[0]) for row in rows)
    assert rows[0][3] == "best"
    assert float(rows[2][3]) > float(rows[2][5])  # the difference of the constant rate, and its error
    assert "1 of 2 others cannot be told from the best" in done.stdout
    assert done.stdout.splitlines()[-1].endswith("is within its error, the 90% band after ±")
    last = typed("predict", *three(logs), *BEGUN, "--schedule", WSD, "--schedule", others[1], "--level", 0.5).stdout
    expected = "The first is the best: each difference is larger than its error, the 50% band after ±"
    assert last.splitlines()[-1] == expected


def test_predict_says_once_what_holds_for_all_schedules_and_compares_lengths(typed, logs):
    long, longer = (f"Linear(0, {PEAK}, 200) >> Constant({PEAK}, {steps})" for steps in (19_800, 29_800))
    done = typed("predict", *three(logs), *BEGUN, "--schedule", long, "--schedule", longer)
    assert [line for line in done.stdout.splitlines() if line.startswith("caution: ")] == [
        "caution: it is more than 2 times as long as the longest run, 5,961 steps",
        "caution: the schedules have different lengths, from 20,000 to 30,000 steps",
    ]


def test_predict_of_one_step_has_a_row(typed, logs):
    done = typed("predict", *three(logs), *BEGUN, "--schedule", f"Constant({PEAK}, 1)")
    assert "  0  0.0003  " in done.stdout


def cooldown(typed, logs, *options):
    done = typed("cooldown", *three(logs), *BEGUN, "--running", logs / "running.csv", *options)
    assert (done.returncode, done.stderr) == (0, "")
    assert "fitted to 501 rows of 4 runs" in done.stdout
    lines = done.stdout.splitlines()
    return [line.replace(",", "").split() for line in lines if line.split()[1:2] and line[:1] in " ebln"], lines


def test_cooldown_predicts_the_final_loss_for_each_start(typed, logs):
    rows, lines = cooldown(typed, logs, "--at", 3000, "--at", 4000, "--steps", 500)
    (first,), (second,) = ([row for row in rows if row[:2] == ends] for ends in (["3000", "3500"], ["4000", "4500"]))
    assert float(first[2]) > float(second[2])
    for row in (first, second):
        assert float(row[3]) < float(row[2]) < float(row[4])
    assert ["begins", "ends", "final", "loss", "low", "high", "later", "longer"] in [line.split() for line in lines]
    assert "caution: " in "\n".join(lines)
    assert lines[-1].endswith("ask for a decision with --total N or --target LOSS.")


def test_a_running_run_that_is_also_among_the_runs_counts_once(typed, logs, tmp_path):
    places = [*three(logs), logs / "running.csv"]
    done = typed("cooldown", *places, *BEGUN, "--running", places[-1], "--at", 3000, "--steps", 500, "--out", "a.svg")
    assert "fitted to 501 rows of 4 runs" in done.stdout
    picture = (tmp_path / "a.svg").read_text()
    assert "<!-- begins: steps 3,000 to 3,500 (predicted) -->" in picture
    assert "<!-- running (measured) -->" in picture
    assert "flat (measured)" not in picture


def test_design_has_the_limits_that_are_given(typed, logs, monkeypatch):
    calls = []
    monkeypatch.setattr("stepsize.laws.design", lambda law, *given, **more: calls.append((*given, more)) or 1 / 0)
    words = ("design", *three(logs), *BEGUN, "--steps", 3000, "--law", "momentum")
    for more in ((), ("--peak", 2e-4, "--warmup", 60, "--lowest", 1e-5, "--rises")):
        with pytest.raises(ZeroDivisionError):
            typed(*words, *more)
    assert calls == [
        (pytest.approx(PEAK), 3000, {"warmup_steps": 0, "final_lr": 0.0, "monotone": True}),
        (2e-4, 3000, {"warmup_steps": 60, "final_lr": 1e-5, "monotone": False}),
    ]


def test_cooldown_finds_the_best_length_for_a_budget_and_draws_it(typed, logs, tmp_path):
    rows, lines = cooldown(typed, logs, "--total", 6000, "--out", tmp_path / "a.png")
    (best,) = [row for row in rows if row[0] == "best"]
    losses = [float(row[3]) for row in rows if row[0][-1:] == "%" or row[0] == "best"]
    assert float(best[3]) == min(losses)
    assert f"Begin at step {int(best[1]):,}, so that the cooldown takes" in lines[-2]
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_cooldown_finds_the_start_for_a_target(typed, logs):
    rows, lines = cooldown(typed, logs, "--target", 3.5)
    starts = [int(row[1]) for row in rows if row[0] in ("earliest", "likely", "safe")]
    assert starts == sorted(starts)
    assert lines[-1].startswith(f"Begin at step {starts[1]:,} to reach 3.5; ")


def test_cooldown_draws_nothing_if_no_cooldown_reaches_the_target(typed, logs, tmp_path):
    _, lines = cooldown(typed, logs, "--target", 1.0, "--out", tmp_path / "a.png")
    assert lines[-1] == f"{tmp_path / 'a.png'} is not written: there is no cooldown to draw"


def test_rank_needs_no_runs(typed):
    done = typed("rank", "Constant(0.1)", "Linear(0.3, 0, 400)", "--steps", 400)
    assert (done.returncode, done.stderr) == (0, "")
    first, second = (line.split() for line in done.stdout.splitlines()[1:3])
    assert first[:2] == ["1.", "0.10063"]
    assert second[:3] == ["2.", "0.13754", "+36.7%"]
    assert "A ranking, not a prediction" in done.stdout


def test_long_schedules_are_ranked_in_a_column_of_their_own_and_shown_whole(typed):
    short, long = "Constant(0.1)", " >> ".join(f"Constant({rate / 100}, 9)" for rate in range(10, 20))
    done = typed("rank", short, long, "--steps", 90)
    lines = done.stdout.splitlines()
    assert lines[0].index("schedule") == lines[1].index("Constant") == lines[2].index("Constant")
    assert long.replace(" ", "") in done.stdout.replace(" ", "").replace("\n", "")


def test_a_schedule_may_be_a_file_with_its_text(typed, tmp_path):
    (tmp_path / "best.txt").write_text('Linear(0.3, 0, "50%") >> Constant(0.1, "rest")\n', encoding="utf-8")
    done = typed("rank", tmp_path / "best.txt", "best=Linear(0.3, 0, 200) >> Constant(0.1, 200)", "--steps", 400)
    assert (done.returncode, done.stderr) == (0, "")
    (one, *first), (two, *second) = (line.split() for line in done.stdout.splitlines()[1:3])
    assert (one, two, {first[-1], second[-1]}) == ("1.", "2.", {"best.txt", "best"})
    assert first[0] == second[0]


def test_rank_reads_lengths_with_a_unit(typed):
    horizon = "samples=60000,batch=256,epochs=10"
    done = typed(
        "rank", 'Linear(0.3, 0, "rest")', 'Constant(0.3, "1ep") >> Linear(0.3, 0, "rest")', "--horizon", horizon
    )
    alike = typed("rank", "Linear(0.3, 0, 2350)", "Constant(0.3, 235) >> Linear(0.3, 0, 2115)")
    assert done.returncode == 0
    assert [line.split()[1] for line in done.stdout.splitlines()[1:3]] == [
        line.split()[1] for line in alike.stdout.splitlines()[1:3]
    ]


def test_rank_says_what_is_cut_off(typed):
    done = typed("rank", "Constant(0.1)", "Linear(0.3, 0, 400)", "--steps", 100)
    assert "note: Linear(0.3, 0, 400) is 400 steps long; what comes after the first 100 is left out\n" in done.stdout
    assert "left out" not in typed("rank", "Linear(0.3, 0, 400)", "Constant(0.1)", "--steps", 400).stdout


MEGATRON = "--lr 0.3 --min-lr 0 --lr-decay-style linear --lr-warmup-iters 0 --train-iters 400"


def test_rank_reads_the_config_of_a_tool_up_to_the_end_of_its_run(typed, tmp_path):
    (tmp_path / "run.sh").write_text(f"python pretrain.py {MEGATRON}\n")
    (tmp_path / "run.toml").write_text(
        "[optimizer]\nlr = 0.3\n[lr_scheduler]\nwarmup_steps = 0\ndecay_ratio = 1.0\n[training]\nsteps = 400\n"
    )
    done = typed("rank", "run.sh", "run.toml", "a=Linear(0.3, 0, 400)")
    assert (done.returncode, done.stderr) == (0, "")
    rows = [line.split() for line in done.stdout.splitlines()[1:4]]
    assert {row[1] for row in rows if row[-1] != "run.toml"} == {"0.10063"}
    assert {row[-1] for row in rows} == {"run.sh", "run.toml", "a"}


def test_predict_reads_configs_and_names(typed, logs, tmp_path):
    config = {"learning_rate": PEAK, "lr_scheduler_type": "linear", "warmup_steps": 200, "max_steps": 6000}
    (tmp_path / "hf.json").write_text(json.dumps(config))
    words = ["--schedule", "hf.json", "--schedule", f"by hand=warmup(Linear({PEAK}, 0, 5800), 200)"]
    done = typed("predict", logs / "cosine.csv", *ALONE, *words, "--schedule", f"flat={PLANS['flat']}", "--steps", 6000)
    assert (done.returncode, done.stderr) == (0, "")
    rows = {line.split()[-1]: line.split()[0] for line in done.stdout.splitlines() if " ± " in line or "best" in line}
    assert rows["hf.json"] == rows["hand"] != rows["flat"]
    assert "\ncaution: hf.json; by hand: the rate goes below " in done.stdout


def test_factors_in_a_config_are_ranked_and_predicted_only_with_the_rate_of_the_optimizer(
    typed, refused, logs, tmp_path
):
    (tmp_path / "run.toml").write_text("[lr_scheduler]\nwarmup_steps = 200\n[training]\nsteps = 6000\n")
    assert typed("rank", "run.toml").returncode == 0
    words = ["predict", logs / "cosine.csv", *ALONE, "--schedule", "run.toml"]
    assert "the config has factors of the optimizer's rate; write --base-lr RATE" in refused(*words)
    assert typed(*words, "--base-lr", PEAK).returncode == 0


REFUSED = [
    (["predict", "none.csv", "--schedule", WSD], "no such file or folder: none.csv"),
    (
        ["predict", "{}/cosine.csv", *ALONE, "--schedule", "Constant(0, 9)"],
        "stepsize: --schedule must be positive at some step, got Constant(0.0, 9)\n",
    ),
    (["predict", "{}/flat.csv", "--schedule", WSD], "--log-warmup N (0 if there was none), or the run's schedule"),
    (["predict", "{}/flat.csv", "--schedule", WSD], "with --log-schedule [RUN=]TEXT"),
    (["predict", "{}/cosine.csv", *BEGUN, "--schedule", WSD], "the rate does not jump at step 2700 in any log"),
    (["predict", "{}/cosine.csv", *ALONE, "--schedule", WSD, "--law", "multi-power"], "or use --law momentum, which"),
    (
        ["predict", "{}/cosine.csv", *ALONE, "--schedule", WSD, "--law", "mpl"],
        '--law must be "auto" or "functional" or "multi-power" or "momentum", got',
    ),
    (["predict", "{}/cosine.csv", "--columns", "lr=r", "--schedule", WSD], "name it with --columns lr=lr, or give"),
    (
        ["predict", "{}/drop.csv", "--log-warmup", 200, "--schedule", WSD],
        "if it jumps, give the first step of the new rate, such as --log-jump 2700; else give the schedule",
    ),
    (["predict", "{}/cosine.csv", "--log-means", "--log-schedule", "a=b", "--schedule", WSD], "--log-schedule a: "),
    (["predict", "{}/flat.csv", "--log-schedule", 'Constant(1, "5%")', "--schedule", WSD], '"5%" needs a horizon'),
    (
        ["predict", "{}/flat.csv", "--log-schedule", 'Constant(1, "5%")', "--schedule", WSD],
        "is; write the number of steps",
    ),
    (
        ["predict", "{}/flat.csv", *["--log-schedule", "Constant(1)"] * 2, "--schedule", WSD],
        "--log-schedule must be given once, or as RUN=TEXT for each run",
    ),
    (
        ["predict", "{}/flat.csv", *["--log-schedule", "a=Constant(1)"] * 2, "--schedule", WSD],
        "--log-schedule must be given once for each run",
    ),
    (["predict", "{}/flat.csv", "--log-schedule", "flit=Constant(1)", "--schedule", WSD], 'did you mean "flat"?'),
    (
        ["predict", "{}/cosine.csv", *ALONE, "--log-begin", 6000, "--schedule", WSD],
        "--log-begin must be at most the last step of run",
    ),
    (
        ["predict", "{}/cosine.csv", *ALONE, "--schedule", 'Constant(1, "5%")'],
        "give --horizon NAME=VALUE,... or write a number of steps",
    ),
    (
        ["predict", "{}/cosine.csv", "--schedule", 'Constant(1, "5ep")', "--steps", 9],
        '"5ep" needs the length of an epoch; give --horizon samples=6',
    ),
    (["predict", "{}/flat.csv", "--log-warmup", 200, "--schedule", WSD], "the rate does not decay in any of the runs"),
    (["predict", "{}/cosine.csv", *ALONE, "--schedule", "Constant(0.3)"], "write --steps 1000"),
    (["predict", "{}/cosine.csv", *ALONE, "--schedule", "Constant(0.3)", "--steps", 100], "the same unit"),
    (["predict", "{}/cosine.csv", *ALONE, "--schedule", "Linaer(0, 1, 5)"], 'did you mean "Linear"?'),
    (["predict", "{}/cosine.csv", "--columns", "loss", "--schedule", WSD], "--columns must be NAME=VALUE"),
    (["predict", "{}/cosine.csv", "--columns", "los=a", "--schedule", WSD], 'did you mean "loss"?'),
    (["predict", "{}/cosine.csv", "--columns", "loss=a", "--schedule", WSD], 'no column "a"'),
    (
        ["design", "{}/cosine.csv", *ALONE, "--steps", 1000],
        "this law, which needs different decays; add a run with another decay or a constant rate\n",
    ),
    (
        ["cooldown", "{}/cosine.csv", *ALONE, "--running", "{}/running.csv", "--at", 10],
        "--at must be a step after 2960, the last of the log",
    ),
    (
        ["cooldown", "{}/cosine.csv", *ALONE, "--running", "{}/flat.csv", "--total", 9000, "--target", 3],
        "--target must be left out, got 3.0; --total 9000 asks for the best cooldown",
    ),
    (
        ["cooldown", "{}/cosine.csv", *ALONE, "--running", "{}/flat.csv", "--end", 1],
        "--end must be less than the current rate",
    ),
    (
        ["cooldown", "{}/cosine.csv", *ALONE, "--running", "{}/flat.csv", "--shape", "exponential"],
        "--end must be a finite number > 0 for shape='exponential', got 0.0; write --end 3e-06",
    ),
    (
        ["cooldown", "{}/cosine.csv", *ALONE, "--running", "{}/flat.csv", "--shape", "polinomial(2)"],
        'did you mean "polynomial(2)"?',
    ),
    (["design", "{}/cosine.csv", "{}/drop.csv", *BEGUN, "--steps", 9, "--warmup", 9], "--warmup must be less than"),
    (["rank", "Constant(0.1)"], "write --steps 1000"),
    (["rank", "best.txt"], "no such file: best.txt"),
    (["rank", "a=Linear(1, 0, 9)", "a=Linear(2, 0, 9)"], 'two schedules have the name "a"; give each its own'),
    (
        ["rank", "Constant(0.1, 10)", "Constant(0.1, 20)"],
        "--steps must be a number, because the lengths differ (10, 20)",
    ),
]


def test_faulty_logs_and_schedules_are_reported_together(refused, tmp_path):
    (tmp_path / "short.csv").write_text("step,lr,loss\n0,0.1,4\n1,0.1\n")
    (tmp_path / "bare.csv").write_text("step,loss\n0,4\n1,3\n")
    said = refused("predict", "short.csv", "none.csv", "bare.csv", "--schedule", "Constant(1)")
    problems = [
        "short.csv, line 3: 2 cells",
        "no such file or folder: none.csv",
        "bare.csv has no column",
        "--steps",
    ]
    lines = said.removeprefix("stepsize: ").splitlines()
    assert all(line.startswith(problem) for line, problem in zip(lines, problems, strict=True)), lines


def test_the_running_run_is_one_run(refused, tmp_path):
    (tmp_path / "two.csv").write_text(
        "run,step,lr,loss\n" + "".join(f"{run},{n},0.1,3\n" for run in "ab" for n in (0, 9))
    )
    (tmp_path / "one.csv").write_text("step,lr,loss\n0,0.1,3\n9,0.1,2\n")
    said = refused("cooldown", "one.csv", "--running", "two.csv")
    assert said == "stepsize: --running must be the log of one run, and this has 2, got two.csv\n"


@pytest.mark.parametrize(
    "args",
    [
        ["predict", "{}", "--schedule", WSD, "--schedule", "Constant(-1, 10)"],
        ["predict", "{}", "--schedule", "Constant(0.3, 10)"],
        ["predict", "{}", "--schedule", WSD, "--out", "a.bmp"],
        ["design", "{}", "--steps", 9, "--warmup", 9],
        ["design", "{}", "--steps", 1000, "--peak", 1],
        ["cooldown", "{}", "--running", "{}", "--at", 5],
    ],
    ids=lambda args: " ".join(map(str, args)),
)
def test_options_are_refused_before_the_fit(refused, logs, args, monkeypatch):
    monkeypatch.setattr("stepsize.laws.fit", lambda *_: pytest.fail("the fit has begun"))
    refused(*[str(arg).format(logs / "cosine.csv") for arg in args], *ALONE)


@pytest.mark.parametrize(("args", "message"), REFUSED, ids=range(len(REFUSED)))
def test_bad_input_ends_in_one_clear_message(refused, logs, args, message):
    said = refused(*[str(arg).replace("{}", str(logs)) for arg in args])
    assert message.replace("{}", str(logs)) in said
    assert "=..." not in said
