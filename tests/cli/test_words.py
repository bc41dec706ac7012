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
            "--resume must be given without settings, which are those of the comparison, got 'out'; "
            "leave out --schedule, --epochs",
        ),
        (["plot", "one_cycle(1, 9, init_lr=None)"], "None has no meaning in a text; leave the argument out"),
        (
            ["descend", "bowl", "--start", "1,2", "--optimizer", "adam(bta=1)"],
            'Adam has no argument "bta"; did you mean "beta2"?',
        ),
        (
            ["compare", "--resume", "nowhere"],
            "there is no store nowhere; name the directory of a comparison, or its store.sqlite",
        ),
        (["compare", "--elsewhere"], "--elsewhere must be given together with --resume, got True"),
        (["rank", "Constant(0.1)"], "--steps must be a number, because Constant(0.1) never ends; write --steps 1000"),
        (["rank", "Constant(-0.1)", "--steps", "10"], "TEXT must be finite and at least 0 at every step"),
        (
            ["descend", "bowl", "--start", "1,2", "--lr", "Linear(0, 1, '3ep')"],
            "'3ep' is a length in epochs, and a descent has none; write a number of steps, or a part of the descent",
        ),
        (["descend", "bowl", "--start", "1,2", "--optimizer", "foo,bar"], '"bar" is not an optimizer'),
        (
            ["compare", "--task", "digits", "--schedule", "a=Constant(-1)", "--schedule", "b=Constant(-2)"],
            "--schedule b must be a schedule whose values are from 0 to",
        ),
        (["descend", "bowl"], "--start must be given; write e.g. --start -5,-2"),
        (
            ["plot", 'Function("math:coss")', "--functions", "--steps", "5"],
            "must be importable, got 'math:coss'; module 'math' has no attribute 'coss'",
        ),
    ],
)
def test_errors_name_what_can_be_typed(refused, arguments, message):
    assert message in refused(*arguments)


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
