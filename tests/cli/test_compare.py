"""`stepsize compare` as it is typed."""

import re
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from installed import STEPSIZE, environment
from stepsize.lab import Experiment
from stepsize.lab.report.summary_table import SummaryTable
from stepsize.lab.tuning import Trial

COMMAND = [STEPSIZE, "compare", "--data", "digits", "--epochs", "1"]


def test_a_pipe_gets_a_line_for_each_run_and_a_table_with_every_name_as_it_was_written(tmp_path):
    plan = 'Plan(lr=Cosine(0.2, 0, "100%"), momentum=Linear(0.5, 0.9, "100%"))'
    schedules = ("[/b]=Constant(0.1)", "down [x]=Linear(0.2, 0, 6)", f"both={plan}")
    command = [*COMMAND, *(word for each in schedules for word in ("--schedule", each)), "--out", tmp_path / "out"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment())
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert "digits" in done.stdout
    ended = re.findall(r"^\[(\d)/3\] .*train loss .*train accuracy .*test accuracy", done.stdout, re.MULTILINE)
    assert sorted(ended) == ["1", "2", "3"]
    table = done.stdout[done.stdout.index("schedule  ") :].splitlines()
    assert [line.split("  ")[0] for line in table[1:4]] == ["[/b]", "down [x]", "both"]
    assert table[4] == "One seed says nothing about which schedule is better; give several."
    assert table[-1] == f"Report and picture: {tmp_path / 'out'}"
    assert "momentum=Linear(0.5, 0.9, 6)" in (tmp_path / "out" / "report.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--seeds", "0,x"], "each of --seeds N,N,... must be a whole number of at least 0, got 'x'"),
        (["--seeds", "0-4"], "got '0-4'; on the command line a range is written 0..4"),
        (["--seeds", "1,1"], "different"),
        (["--seeds", "4..0"], "got '4..0'"),
        (["--resume", "runs/1", "--batch-size", "8"], "those of the comparison; leave out --task, --batch-size"),
        (["--optimizer", "lbfgs"], "it evaluates the loss several times in one update"),
        (["--optimizer", "addam"], "did you mean"),
        (["--device", "abacus"], '--device must be "auto", "cpu", "cuda" or'),
        (["--data", "nowhere"], "no task is called"),
        (["--data", "~nosuchuser/x"], "is not a folder that exists"),
        (["--schedule", "a=Cosin(1)"], 'did you mean "Cosine"'),
        (["--schedule", "a=Constant(1)", "--schedule", "a=Constant(2)"], "given different names"),
        (["--schedule", 'f=Function("math:cos")'], "--functions"),
        (["--out", "/dev/null/results"], "cannot be used for results"),
        (
            ["--until-told", "--most-seeds", "2", "--seeds", "0..2"],
            "--most-seeds must be at least 3, the number of seeds",
        ),
        (["--margin", "0.1"], "--margin must be left out, as seeds are not added until a difference is told apart"),
        (["--until-told", "--margin", "0"], "--margin must be a finite number > 0, got 0"),
        (["--until-told", "--schedule", "a=Constant(1)"], "--schedule must be at least two, to be told apart"),
        (["--add-seeds", "5..9"], "--add-seeds must be given together with --resume"),
        (["--add-schedule", "a=Constant(1)"], "--add-schedule must be given together with --resume"),
    ],
)
def test_bad_input_ends_in_one_clear_message(refused, arguments, words):
    assert words in refused("compare", "--data", "digits", *arguments)


def test_wrong_options_and_wrong_schedules_are_reported_together(refused):
    message = refused("compare", "--epochs", "0", "--schedule", "a=Cosin(1)", "--schedule", "b=Linear(0.1, 0, '1ep')")
    assert [line for line in message.splitlines() if "--" in line] == [
        'stepsize: --schedule a: "Cosin" is not a shape or recipe; did you mean "Cosine"?',
        "--epochs must be a whole number of at least 1, got 0",
    ]


@pytest.mark.parametrize("option", ["--epochs", "--batch-size", "--accumulate"])
def test_a_count_below_one_is_refused_by_the_options_name(typed, option):
    done = typed("compare", option, "0")
    assert done.returncode == 2
    assert option in done.stderr


TOML = """
task = "digits"
optimizer = "sgd"
epochs = 1
[schedules]
epochs = "Constant(0.3)"
cosine = 'Cosine(0.2, 0.02, "100%")'
"""


OPTIMIZER = """
[optimizer]
name = "sgd"
dampening = 0.0
momentum = 0.9
"""


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        (
            "momentum",
            "momentun",
            "line 11: sgd has no argument 'momentun'; did you mean \"momentum\"?",
        ),
        (
            "= 0.9",
            "= '0.9'",
            "line 11: optimizer.momentum must be a value that sgd takes, got \"0.9\"; sgd says: '<' not ",
        ),
        ("momentum", "lr", "line 11: optimizer.lr must be left out, got 0.9; the schedule gives the rate"),
        ("momentum", "seeds", "\nif seeds is the experiment's setting, write it above the tables: here it is in [opti"),
        ('"sgd"', '"lbfgs"', "line 9: optimizer must be an optimizer of torch.optim that plain steps can drive"),
    ],
)
def test_a_wrong_argument_of_the_optimizer_has_its_line(refused, tmp_path, right, wrong, words):
    text = TOML.replace('optimizer = "sgd"\n', "") + OPTIMIZER
    (tmp_path / "e.toml").write_text(text.replace(right, wrong))
    assert words in refused("compare", "e.toml")


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ('"digits"', '""', 'line 2: task: no task is called ""'),
        ('"digits"', '"/dev"', 'line 2: the folder "/dev" has no train-images'),
        (
            '"digits"',
            '"asyncio:get_running_loop"',
            'line 2: task: the task "asyncio:get_running_loop" raised',
        ),
        ('"digits"', '"json:__doc__"', "line 2: task must be the name of a function, got"),
        ('"Constant(0.3)"', "'bf16'", "line 6: schedules.epochs: "),
        ('"Constant(0.3)"', "'bf16'", "\nif epochs is the experiment's setting, write it above the tables"),
        ("'Cosine(", "'Cosinus(", "line 7: schedules.cosine: "),
        ('"Constant(', '"Konstant(', "line 6: schedules.epochs: "),
        ('"digits"', '"digitz"', 'line 2: task: no task is called "digitz"'),
        ('"sgd"', '"sgdd"', "line 3: optimizer must be an optimizer of torch.optim that"),
        ("0.02, ", "-0.02, ", "line 7: schedules.cosine must be a schedule whose values are from 0 to"),
        ("epochs = 1", "epochs = 0", "line 4: epochs must be"),
        ("epochs = 1", "weight_decay = 'Lin(1)'", "line 4: weight_decay: "),
    ],
)
def test_an_error_of_a_file_has_its_line(refused, tmp_path, right, wrong, words):
    assert TOML.count(right) == 1
    (tmp_path / "e.toml").write_text(TOML.replace(right, wrong))
    assert words in refused("compare", "e.toml")


def test_an_option_beside_a_file_is_not_blamed_on_the_file(refused, tmp_path):
    (tmp_path / "e.toml").write_text(TOML)
    assert refused("compare", "e.toml", "--task", "digitz").startswith("stepsize: --task: no task is called")


def test_a_schedule_given_beside_a_file_is_not_blamed_on_the_file(refused, tmp_path):
    (tmp_path / "e.toml").write_text(TOML)
    message = refused("compare", "e.toml", "--schedule", "cosine=Cosinus(0.2, 0.02, 100)")
    assert message.startswith("stepsize: --schedule cosine: ")
    assert "e.toml" not in message


def test_an_option_overrules_a_key_of_the_file_and_no_schedule_of_that_name(refused, tmp_path):
    (tmp_path / "e.toml").write_text(TOML.replace('"Constant(0.3)"', '"Konstant(0.3)"'))
    assert "line 6: schedules.epochs: " in refused("compare", "e.toml", "--epochs", "2")


def test_another_optimizer_beside_a_file_does_not_get_the_arguments_in_the_file(typed, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr("stepsize.lab.compare", lambda experiment, *_, **__: asked.append(experiment) or 1 / 0)
    (tmp_path / "e.toml").write_text('[optimizer]\nname = "sgd"\nmomentum = 0.9\n')
    for optimizer in ("adamw", "SGD"):
        with pytest.raises(ZeroDivisionError):
            typed("compare", "e.toml", "--optimizer", optimizer)
    assert [each.optimizer_args for each in asked] == [(), (("momentum", 0.9),)]


@pytest.fixture
def asked(monkeypatch):
    """What the command asks the library for, which trains nothing and answers with a comparison of two trials."""
    trials = [Trial("a", 0.5, 0.3, False), Trial("a", 2.0, 0.2, True)]
    table = SummaryTable(("schedule", "loss", "against a"), (("a", "0.2", "-"),), ("a note",))
    lines = (("b", "a", "-0.1 to 0.2", "0.4", "open"), ("long", "b", "0.1", "0.04", "c is better"))
    pairs = SummaryTable(("schedule", "against", "difference", "p", "verdict"), lines, ("p is \x1bcorrected.",))
    answer = SimpleNamespace(trials=trials, table=table, all_pairs=pairs, directory="runs/9")
    calls = []
    for name in ("compare", "resume", "extend"):
        call = lambda *given, name=name, **more: calls.append((name, given, more)) or answer  # noqa: E731
        monkeypatch.setattr(f"stepsize.lab.{name}", call)
    return calls


def test_each_option_is_a_setting_of_the_experiment(typed, asked):
    done = typed(
        *("compare", "--data", "digits", "--schedule", "a=Constant(0.1)", "--schedule", "b=Constant(0.2)"),
        *("--feedback", "a=Plateau(patience=2)", "--epochs", 2, "--seeds", "3..4", "--batch-size", 8),
        *("--accumulate", 4, "--metric", "test_loss", "--optimizer", "adamw", "--device", "cpu", "--until-told"),
        *("--most-seeds", 7, "--margin", 0.5, "--engine", "local", "--functions", "--out", "x", "--tensorboard"),
    )
    ((name, (experiment, out), more),) = asked
    assert (done.stderr, name, out, more) == ("", "compare", Path("x"), {"tensorboard": True})
    settings = {"epochs": 2, "batch_size": 8, "accumulation": 4, "metric": "test_loss", "device": "cpu"}
    rounds = {"seeds": (3, 4), "until_told": True, "most_seeds": 7, "margin": 0.5}
    schedules = {"a": "Constant(0.1)", "b": "Constant(0.2)"}
    feedback = {"a": "Plateau(patience=2)"}
    assert experiment == Experiment(
        schedules, "digits", optimizer="adamw", engine="local", functions=True, feedback=feedback, **settings, **rounds
    )


@pytest.mark.parametrize(("text", "seeds"), [("3", (3,)), ("3..3", (3,)), ("0..2,7", (0, 1, 2, 7))])
def test_seeds_are_numbers_and_ranges_with_both_ends(typed, asked, text, seeds):
    typed("compare", "--seeds", text)
    ((_, (experiment, _), _),) = asked
    assert experiment.seeds == seeds


def test_a_resume_and_an_extension_have_their_options(typed, asked):
    typed("compare", "--resume", "runs/1", "--elsewhere", "--tensorboard")
    typed("compare", "--resume", "runs/1", "--add-seeds", "5..6", "--tensorboard")
    typed("compare", "--resume", "runs/1", "--add-schedule", "c=Constant(0.3)", "--elsewhere")
    (_, _, plain), (_, _, seeds), (_, _, schedules) = asked
    assert [(name, given) for name, given, _ in asked] == [
        (name, (Path("runs/1"),)) for name in ("resume", "extend", "extend")
    ]
    assert plain == {"tensorboard": True, "elsewhere": True}
    assert seeds == {"seeds": (5, 6), "schedules": (), "tensorboard": True, "elsewhere": False}
    assert [name for name, _ in schedules.pop("schedules")] == ["c"]
    assert schedules == {"seeds": (), "tensorboard": False, "elsewhere": True}


@pytest.mark.parametrize("place", [(), ("--resume", "runs/1")])
def test_all_pairs_are_printed_below_the_table_if_they_are_asked_for(typed, asked, place):
    lines = typed("compare", *place, "--all-pairs").stdout.splitlines()
    below = [line.rstrip() for line in lines[lines.index("a note") + 1 :]]
    assert below == [
        "schedule  against   difference     p  verdict",
        "b         a        -0.1 to 0.2   0.4  open",
        "long      b                0.1  0.04  c is better",
        *("p is \\x1bcorrected.", "Report and picture: runs/9"),
    ]


def test_the_best_trial_of_each_schedule_is_named_above_the_table(typed, asked):
    assert [line.rstrip() for line in typed("compare").stdout.splitlines()] == [
        "a: 2 times its rates was the best trial",
        *("schedule  loss  against a", "a          0.2          -", "a note", "Report and picture: runs/9"),
    ]


def test_a_plan_that_no_optimizer_has_names_its_line(refused, tmp_path):
    (tmp_path / "e.toml").write_text("task = 'digits'\n[schedules]\na = 'Plan(lr=0.1, momntum=0.9)'\n")
    words = "e.toml, line 3: Scheduler has no argument 'momntum'; did you mean \"momentum\"?"
    assert words in refused("compare", "e.toml")
