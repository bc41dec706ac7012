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


TOOLS = '"deepspeed" or "megatron" or "mlx" or "mmengine" or "optax" or "timm" or "transformers"'
WHOLE = [
    (
        "convert Constant(0.1) --to torchtitan",
        "--to must be a form that can be written, got 'torchtitan'; stepsize reads configs of torchtitan and writes "
        "none; --to torch writes code for a training loop",
    ),
    (
        "convert Constant(0.1) --to foo",
        f'--to must be "text" or "json" or "code" or "jax" or "python" or "torch" or {TOOLS}, got \'foo\'',
    ),
    (
        "convert Constant(0.1) --to keras",
        "--to must be a form that can be written, got 'keras'; in Python, stepsize.interop.to_keras(schedule) makes a "
        "schedule of Keras",
    ),
    ("descend x**2", "--start must be given for a formula; write --start X,Y,..."),
    ("descend x**2 --start nan", "each of --start X,Y,... must be a finite number, got nan"),
    ("descend x**2 --start a,1", "--start must be coordinates such as -5,-2, got 'a,1'"),
    (
        "descend bowl --lr Linear(1,0,'5ksp')",
        "--lr: '5ksp' is a length in epochs, and a descent has none; write a number of steps, or a part of the descent "
        "such as \"10%\"\n  Linear(1,0,'5ksp')\n             ^",
    ),
    ("export . --width 3", "--width must be a width with a unit, such as 3.3in, 84mm, 8.4cm or 240pt, got '3'"),
    ("find --epochs 3", "--epochs must be given together with --grid, got 3; a range test is --steps updates long"),
    ("find --rates 0.1", "--rates must be given together with --grid, got 0.1"),
    (
        "find --optimizer-arg momentum",
        "--optimizer-arg must be NAME=VALUE with a value as in TOML, each name once, got 'momentum'; write e.g. "
        "momentum=0.9, nesterov=true, betas=[0.9,0.95] or 'name=\"text\"'",
    ),
    (
        "predict t.csv --schedule run.toml",
        "--base-lr must be given: the config has factors of the optimizer's rate; write --base-lr RATE",
    ),
    ("plot f.json --steps 5", "schedule: Function runs your own code; allow it with --functions"),
    ("plot f.txt", 'Function runs your own code; allow it with --functions\n  Function("math:cos")\n  ^'),
    *[
        (f"curves t.csv --after {given}", f"--after: '{given}' is not the path of a log and a step; write e.g. {form}")
        for given, form in dict.fromkeys(("x", "t.csv:x", "zz.csv:3"), "trunk.csv:20000").items()
    ],
    (
        "curves t.csv --log-schedule a=Constant(1) --log-schedule Constant(2)",
        "--log-schedule must be given once, or as RUN=TEXT for each run, got a=Constant(1),Constant(2)",
    ),
    (
        "curves t.csv --after t.csv:3 --after a=t.csv:4",
        "--after must be given once, or as RUN=FILE:STEP for each run, got t.csv:3,a=t.csv:4",
    ),
    (
        "curves t.csv --after a=t.csv:3 --after a=t.csv:4",
        "--after must be given once for each run, got a=t.csv:3,a=t.csv:4",
    ),
    (
        "curves t.csv --log-schedule u=Lin(3)",
        '--log-schedule u: "Lin" is not a shape or recipe; did you mean "Linear"?\n  Lin(3)\n  ^',
    ),
    ("curves t.csv --columns step", "--columns must be NAME=VALUE,..., got 'step'; write e.g. step=update,loss=ce"),
    ("curves t.csv --columns step=a,step=b", "--columns must be given each name once, got 'step=a,step=b'"),
    (
        "plot Constant(1) --horizon samples=1,batch=2",
        "--horizon must be given epochs too, got 'samples=1,batch=2'; write e.g. samples=60000,batch=256,epochs=10",
    ),
    (
        "plot Constant(1) --horizon samples=1.5,batch=0,epochs=1",
        "--horizon samples must be a whole number of at least 1, got 1.5; write 1 or 2\n"
        "--horizon batch must be a whole number of at least 1, got 0",
    ),
    (
        "cooldown t.csv --running t.csv --shape cosin",
        '--shape must be "linear", "cosine", "1-sqrt", "exponential", "rex", "rex(0.7)", "polynomial(2)" or a function '
        "of (start, end, steps), got 'cosin'; did you mean \"cosine\"?",
    ),
    ("design t.csv --steps 2", "--steps must be a whole number of at least 3, got 2"),
    ("plot --from megatron --foo 1", "unknown option '--foo'; did you mean \"--from\"?"),
    (
        "plot --from megatron --lr 0.1 --foo 1",
        "plot has no options --lr, --foo; put the config in quotes, as in --from TOOL '--lr ...'",
    ),
    ("curves t.csv --log-means=3", "--log-means must be given without a value"),
    (
        "compare --seeds 3..1",
        "each of --seeds N,N,... must be a whole number of at least 0, got '3..1'; write a number such as 3; only a "
        "length may have a unit",
    ),
    ("curves t.csv 3 --smooth", "--smooth must be given a value"),
    ("init a 3", "init takes only FILE, got also '3'; join the numbers of one option with commas and without blanks"),
    ("init a 3 b", "init takes only FILE, got also '3 b'; put a text with blanks in quotes"),
]


@pytest.mark.parametrize(("words", "message"), WHOLE, ids=[words for words, _ in WHOLE])
def test_a_refusal_is_said_whole(refused, tmp_path, words, message):
    (tmp_path / "t.csv").write_text("step,lr,loss\n0,0.1,3\n9,0.1,2\n")
    (tmp_path / "run.toml").write_text("[lr_scheduler]\nwarmup_steps = 200\n[training]\nsteps = 6000\n")
    (tmp_path / "f.json").write_text('{"version": 1, "type": "Function", "function": "math:cos"}')
    (tmp_path / "f.txt").write_text('Function("math:cos")')
    assert refused(*words.split()) == f"stepsize: {message}\n"


@pytest.mark.parametrize("name", ["f.json", "f.txt"])
def test_a_saved_function_is_read_if_that_is_allowed(typed, tmp_path, name):
    (tmp_path / "f.json").write_text('{"version": 1, "type": "Function", "function": "math:cos"}')
    (tmp_path / "f.txt").write_text('Function("math:cos")')
    done = typed("convert", name, "--functions", "--to", "text")
    assert done == (0, 'Function("math:cos")\n', "")


def test_what_follows_two_dashes_is_no_option(typed):
    assert typed("convert", "--to", "text", "--", "-1 * Linear(0, 1, 9)") == (0, "-1.0 * Linear(0.0, 1.0, 9)\n", "")
    assert typed("convert", "--to", "text", "--", "--x").stderr.startswith("stepsize: ")
