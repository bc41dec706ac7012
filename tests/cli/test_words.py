"""Errors at the command line name what can be typed there."""

import pytest
import typer

from stepsize.cli import app
from stepsize.cli.words import CommandLine
from stepsize.laws import MomentumLaw


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["compare", "--resume", "out", "--epochs", "3", "--schedule", "Constant(1)"],
            "--resume must be given without settings, which are those of the comparison; "
            "leave out --schedule, --epochs",
        ),
        (["compare", "words.toml", "--resume", "out", "--mode", "min"], "comparison; leave out FILE, --mode\n"),
        (["plot", "one_cycle(1, 9, init_lr=None)"], "None has no meaning in a text; leave the argument out"),
        (
            ["descend", "bowl", "--start", "1,2", "--optimizer", "adam(bta=1)"],
            'adam has no argument "bta"; did you mean "beta2"?',
        ),
        (
            ["compare", "--resume", "nowhere"],
            "no such file or folder: nowhere; name the directory of a comparison, or its store.sqlite",
        ),
        (["compare", "--elsewhere"], "--elsewhere must be given together with --resume\n"),
        (["compare", "--elsewhere", "--add-seeds", "9"], "--add-seeds must be given together with --resume\n"),
        (["rank", "Constant(0.1)"], "--steps must be a number, because Constant(0.1) never ends; write --steps 1000"),
        (["rank", "Constant(-0.1)", "--steps", "10"], "TEXT|FILE must be finite and at least 0 at every step"),
        (
            ["descend", "bowl", "--start", "1,2", "--lr", "Linear(0, 1, '3ep')"],
            "'3ep' is a length in epochs, and a descent has none; write a number of steps, or a part of the descent",
        ),
        (["descend", "bowl", "--start", "1,2", "--optimizer", "foo,bar"], '"bar" is not an optimizer'),
        (
            ["compare", "--task", "digits", "--schedule", "a=Constant(-1)", "--schedule", "b=Constant(-2)"],
            "--schedule b must be a schedule whose values are from 0 to",
        ),
        (
            ["plot", 'Function("math:coss")', "--functions", "--steps", "5"],
            'must be importable, got \'math:coss\'; math has no "coss"; did you mean "cos"?',
        ),
        (
            ["plot", 'Function("textwrap:dednet")', "--functions", "--steps", "5"],
            'textwrap has no "dednet"; did you mean "dedent"?',
        ),
    ],
)
def test_errors_name_what_can_be_typed(refused, tmp_path, arguments, message):
    (tmp_path / "words.toml").touch()
    assert message in refused(*arguments)


@pytest.mark.parametrize(
    ("arguments", "problems"),
    [
        (["plt"], ["unknown command 'plt'; did you mean \"plot\"?"]),
        (["--verson"], ["unknown option '--verson'; did you mean \"--version\"?"]),
        (["plot"], ["[NAME=]TEXT|FILE must be given"]),
        (
            ["plot", "-x", "Constant(1)"],
            ["unknown option '-x'; known are --steps, --out, --from, --base-lr, --horizon, --functions"],
        ),
        (["design", "a.csv"], ["--steps must be given; write --steps N"]),
        (["cooldown"], ["RUNS must be given", "--running must be given; write --running RUN"]),
        (["init", "a", "b"], ["init takes only FILE, got also 'b'; put a text with blanks in quotes"]),
        (["find", "--steps"], ["--steps must be given a value"]),
        (["find", "--grid=yes"], ["--grid must be given without a value"]),
        (
            ["compare", "--epoch", "3", "--seeds", "0,x", "--batch-size", "0.5", "--engine", "rya"],
            [
                "unknown option '--epoch'; did you mean \"--epochs\"?",
                "each of --seeds N,N,... must be a whole number of at least 0, got 'x'; write a number such as 3",
                "--batch-size must be a whole number of at least 1, got 0.5",
                '--engine must be "auto" or "local" or "stacked" or "ray", got \'rya\'; did you mean "ray"?',
            ],
        ),
        (["compare", "--seeds", "1,1"], ["--seeds must be different from one another, got 1,1"]),
        (
            ["predict", "--steps", "x", "--level", "2", "--columns", "los=a", "--log-jump", "0"],
            [
                "--steps must be a whole number of at least 1, got 'x'; write a number such as 3",
                "--level must be a finite number >= 0.01 and <= 0.999, got 2",
                "--columns has no 'los'; did you mean \"loss\"?",
                "--log-jump must be a whole number of at least 1, got 0",
                "RUNS must be given",
                "--schedule must be given; write --schedule [NAME=]TEXT|FILE",
            ],
        ),
    ],
    ids=" ".join,
)
def test_all_problems_of_a_command_line_come_together(refused, arguments, problems):
    lines = refused(*arguments).removeprefix("stepsize: ").splitlines()
    assert len(lines) == len(problems)
    assert all(line.startswith(problem) for line, problem in zip(lines, problems, strict=True)), lines


@pytest.mark.parametrize(
    ("verb", "option", "below", "rule"),
    [
        *[(verb, "--steps", 0, "a whole number of at least 1") for verb in ("plot", "descend", "compare", "rank")],
        ("find", "--steps", 1, "a whole number of at least 2"),
        ("descend", "--seed", -1, "a whole number of at least 0"),
        ("compare", "--most-seeds", 1, "a whole number of at least 2"),
        ("compare", "--tune-peak", -1, "a whole number of at least 0"),
        *[("compare", option, 0, "a finite number > 0") for option in ("--margin", "--timeout")],
        *[("find", option, 0, "a finite number > 0") for option in ("--clip-norm", "--start-lr", "--end-lr")],
    ],
)
def test_a_number_below_the_least_is_refused(refused, verb, option, below, rule):
    assert f"{option} must be {rule}, got {below}\n" in refused(verb, option, below)


def test_a_value_may_begin_with_a_dash(typed):
    done = typed("descend", "-x**2", "--start", "-1", "--steps", "2")
    assert (done.returncode, done.stderr) == (0, "")
    done = typed("plot", "-1 * Linear(0, 0.3, 500)")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_advice_of_a_file_about_functions_is_what_works(refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.toml").write_text("task = 'digits'\n[schedules]\na = 'Function(\"math:cos\")'\n")
    assert "line 3: schedules.a: Function runs your own code; allow it with --functions" in refused(
        "compare", "own.toml"
    )


def test_a_setting_is_written_as_an_option():
    words = CommandLine(typer.main.get_command(app).commands["predict"].params)
    assert words.setting("read_curves", "means", False) == "--no-log-means"
    assert words.setting("read_curves", "means", True) == "--log-means"
    assert words.setting("read_curves", "schedule", ...) == "--log-schedule [RUN=]TEXT"
    assert words.setting("read_curves", "loss", "ce") == "--columns loss=ce"
    assert words.setting("fit", "law", MomentumLaw) == "--law momentum"
    assert words.setting("predict", "steps", 1000) == "--steps 1000"
    assert words.setting("fit", "curves", 1000) == "curves=1000"
