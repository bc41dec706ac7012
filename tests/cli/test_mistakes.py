"""Mistakes that people make when they type a command of the documentation: the answer says what to write."""

import re
import subprocess
import sys

import pytest

import stepsize as ss
from installed import STEPSIZE, environment


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (
            ["descend", "rosenbrok", "--optimizer", "adam,momentun", "--lr", "Cosin(0.003, 0, 200)"],
            [
                'SURFACE: "rosenbrok" is not a surface; did you mean "rosenbrock"?',
                '--optimizer: "momentun" is not an optimizer; did you mean "Momentum"?',
                '--lr: "Cosin" is not a shape or recipe; did you mean "Cosine"?',
            ],
        ),
        (
            ["descend", "bowl", "--start", "-5", "-2"],
            [
                "descend takes only SURFACE, got also '-2'; "
                "join the numbers of one option with commas and without blanks",
            ],
        ),
        (
            ["descend", "bowl", "--optimizer", "momentum,", "adam", "--start", "1,2"],
            [
                "--optimizer: expected the name of an optimizer, such as Momentum(0.9), found nothing",
                "descend takes only SURFACE, got also 'adam'; put a text with blanks in quotes",
            ],
        ),
        (
            ["convert", "Linear(0, 0.3, 500)", "Cosine(0.3, 0, 9500)", "--to", "text"],
            ["convert takes only TEXT|FILE, got also 'Cosine(0.3, 0, 9500)'; leave it out"],
        ),
        (
            ["plot", "Linear(0, 1, '5%')", "--horizon", "samples=60000,batchsize=256,epoch=10"],
            [
                "--horizon has no 'batchsize'; did you mean \"batch\"?",
                "--horizon has no 'epoch'; did you mean \"epochs\"?",
            ],
        ),
        (
            [
                "plot",
                "--from",
                "megatron",
                "--lr",
                "0.3",
                "--min-lr",
                "0",
                "--train-iters",
                "50",
                "--lr-decay-iters",
                "9",
            ],
            [
                "plot has no options --lr, --min-lr, --train-iters and 1 more; "
                "put the config in quotes, as in --from TOOL '--lr ...'",
            ],
        ),
        (["plot", "Linear(0, 0,2, 100)"], ["too many arguments; a number has a decimal point: write 0.2"]),
        (["plot", "Cosine(0.3, 0, 9) > Constant(0)"], ["'>' has no meaning here; write >> for one schedule after "]),
        (
            ["descend", "bowl", "--start", "1,2", "--lr", "0,4"],
            ["--lr: expected an operator (>>, +, -, *, /, **), a .method() or the end, found ','; a number has a "],
        ),
        (
            ["descend", "bowl", "--start", "1,2", "--optimizer", "momentum(0,5)"],
            ["--optimizer: Momentum(nesterov=...) must be a boolean, got 5; a number has a decimal point: write 0.5"],
        ),
        (["rank", "wsd(0.3, 0, 8, 2, shape=1-sqrt)"], ['"sqrt" is not a shape or recipe; write "1-sqrt" in quotes']),
        (["play", "--port", "65536"], ["--port must be a whole number from 1 to 65535, got 65536"]),
        (["play", "--port", "0"], ["--port must be a whole number of at least 1, got 0"]),
        (["play", "runs/20260101-120000"], ["no such file or folder: runs/20260101-120000"]),
        (["export", "."], [". has no comparison in it; name the directory of a comparison, or its store.sqlite"]),
        (
            ["find", "--task", "digits", "--start-lr", "1", "--end-lr", "1e-5"],
            ["--start-lr must be below the last rate, got 1.0; the last rate is --end-lr 1e-05"],
        ),
        (
            ["find", "--task", "digits", "--optimizer", "adamv"],
            ["--optimizer must be an optimizer of torch.optim that plain steps can drive, or "],
        ),
        (
            ["compare", "Constant(0.1)"],
            ["no such file: Constant(0.1); a schedule is given as --schedule NAME=TEXT"],
        ),
        (["compare", "first.toml"], ["no such file: first.toml; `stepsize init FILE` writes one"]),
        (["compare", "--batch_size", "64"], ["unknown option '--batch_size'; did you mean \"--batch-size\"?"]),
        (["compare", "--elsewhere", "--add-seeds", "3"], ["--add-seeds must be given together with --resume"]),
        (
            ["compare", "--resume", "x", "--epochs", "3", "--add-seeds", "3", "--task", "digits", "--all-pairs"],
            ["--resume must be given without settings, which are those of the comparison; leave out --task, --epochs"],
        ),
        (
            ["find", "--out", "no/a.png", "--json", "no/b.json"],
            ["cannot write no/a.png: no such folder: no", "cannot write no/b.json: no such folder: no"],
        ),
        (
            ["compare", "--task", "digits", "--command", "python train.py"],
            ["--task must be left out, got 'digits'; --command TEXT takes its place"],
        ),
    ],
    ids=lambda each: " ".join(each) if isinstance(each[0], str) else "",
)
def test_a_mistake_is_answered_with_what_to_write(refused, arguments, lines):
    shown = [
        line
        for line in refused(*arguments).removeprefix("stepsize: ").splitlines()
        if not line.startswith("  ")  # the place in a text
    ]
    assert len(shown) == len(lines)
    assert all(line.startswith(expected) for line, expected in zip(shown, lines, strict=True)), shown


def test_a_folder_is_not_an_experiment_file(refused, tmp_path):
    (tmp_path / "first").mkdir()
    message = "stepsize: first is a folder; name an experiment file, or continue a comparison with --resume first\n"
    assert refused("compare", "first") == message


def test_a_misspelled_experiment_file(refused, tmp_path):
    (tmp_path / "second.toml").touch()
    assert refused("compare", "second.tml") == 'stepsize: no such file: second.tml; did you mean "second.toml"?\n'


def test_a_task_with_a_dot_for_the_colon_or_a_misspelled_function(refused, tmp_path):
    (tmp_path / "mytask.py").write_text("def parabola(): ...\n")
    assert refused("find", "--task", "mytask.parabola").endswith("; write mytask:parabola\n")
    message = refused("compare", "--task", "mytask.py:parbola", "--schedule", "a=Constant(0.1)")
    assert message.endswith('mytask has no "parbola"; did you mean "parabola"?\n')


def test_a_script_of_ones_own_is_named_with_a_function(refused, tmp_path):
    (tmp_path / "train.py").write_text("def train(run): ...\n")
    assert refused("find", "--task", "train.py") == (
        "stepsize: --task: train.py names no function; write train.py:FUNCTION\n"
    )


def test_the_factor_scheduler_of_the_textbook_is_answered_with_the_same_rates(refused):
    advice = "write Exponential(start, factor).tail(1).clip(stop)"
    assert advice in refused("plot", "FactorScheduler(factor=0.9, stop_factor_lr=1e-2, base_lr=2.0)")
    rate, drawn = 2.0, []
    for _ in range(80):  # as the textbook's class draws them
        rate = max(1e-2, rate * 0.9)
        drawn.append(rate)
    assert ss.parse("Exponential(2.0, 0.9).tail(1).clip(1e-2)").sample(80).tolist() == pytest.approx(drawn)


def test_a_file_of_another_tool_is_told_only_keys_that_an_experiment_file_may_have(refused, tmp_path):
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'mine'\n")
    message = refused("compare", "pyproject.toml")
    assert message.startswith('stepsize: pyproject.toml, line 1: unknown key "project"; known are schedules, task,')
    assert "digests" not in message
    assert "functions" not in message


@pytest.mark.parametrize("words", [["-h"], ["plot", "-h"], ["predict", "-h"]], ids=" ".join)
def test_h_is_help(typed, words):
    done = typed(*words)
    assert done.returncode == 0
    assert done.stdout == typed(*words[:-1], "--help").stdout


@pytest.mark.parametrize("verb", ["plot", "rank"])
def test_the_schedule_in_the_help_of_a_verb_can_be_typed(typed, verb):
    (example,) = re.findall(r"e\.g\. '([^']*)'", " ".join(typed(verb, "--help").stdout.split()))
    done = typed(verb, example)
    assert done.returncode == 0, done.stderr


WITHOUT_TORCH = """
import sys
import stepsize.cli

sys.argv = ["stepsize", *sys.argv[1:]]
try:
    stepsize.cli.main()
finally:
    print("torch" in sys.modules)
"""


@pytest.mark.parametrize(
    "words",
    [
        ["compare", "--schedule", "a=Cosin(0.2, 0, 9)"],
        ["compare", "--task", "digit", "--schedule", "a=Cosine(0.2, 0, 9)"],
        ["compare", "missing.toml"],
        ["compare", "--resume", "out", "--epochs", "3"],
        ["compare", "--elsewhere"],
        ["find", "--start-lr", "2", "--end-lr", "1"],
        ["find", "--epochs", "3"],
    ],
    ids=" ".join,
)
def test_a_wrong_word_is_answered_before_pytorch_is_loaded(words, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, *words], capture_output=True, text=True, cwd=tmp_path, env=environment()
    )
    assert (done.returncode, done.stdout) == (2, "False\n"), done.stderr


def test_nothing_is_written_after_a_mistake(tmp_path):
    for words in (["plot", "Cosin(1)", "--out", "a.png"], ["compare", "--schedule", "Cosin(1)", "--out", "a"]):
        assert subprocess.run([STEPSIZE, *words], capture_output=True, cwd=tmp_path, env=environment()).returncode == 2
    assert not [*tmp_path.iterdir()]
