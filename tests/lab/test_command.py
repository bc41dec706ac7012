"""Runs made by commands: programs that know nothing of stepsize."""

import csv
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import commands
import pytest
from torch.utils.tensorboard import SummaryWriter

from stepsize.errors import ArgumentError, DataError, RunError
from stepsize.lab import Experiment, compare, load
from stepsize.lab.own_loops.command import last_lines, run_command
from stepsize.lab.own_loops.task import OwnLoop
from stepsize.lab.own_loops.training_run import Journal, JournalReader, RunPlace, TrainingRun
from stepsize.lab.run_spec import RunSpec
from stepsize.schedules import parse

PYTHON, PROGRAM = map(shlex.quote, (sys.executable, str(Path(__file__).parent / "own_loops" / "program.py")))
SPEC = RunSpec('warm "and" cool', parse("Linear(0.2, 0.0, 20)"), 3, 1, 20)


@pytest.fixture
def log(tmp_path):
    """What a run that a command makes has logged: values by step."""
    folder = tmp_path / "own folder"
    folder.mkdir()

    def make(command):
        place = RunPlace(SPEC, "", command, folder, tmp_path / "001.jsonl", tmp_path / "001.stop", "cpu", "")
        run_command(TrainingRun(place, Journal(place.journal)), place)
        return {entry["step"]: entry["values"] for entry in JournalReader(place.journal).new() if "step" in entry}

    return make


def test_values_are_filled_in_word_by_word(log, tmp_path):
    code = "import sys; open(sys.argv[1] + '/log.csv', 'w').write('step,loss\\n1,2\\n'); print(sys.argv[2:])"
    out = tmp_path / "words"
    code += f"; open({str(out)!r}, 'w').write(repr(sys.argv[1:]))"
    log(f"""{PYTHON} -c "{code}" {{folder}} --lr={{schedule}} {{name}} {{seed}}/{{steps}} '{{"a": 1}}'""")
    folder = str(tmp_path / "own folder")
    assert out.read_text() == repr([folder, "--lr=Linear(0.2, 0.0, 20)", 'warm "and" cool', "3/20", '{"a": 1}'])


def test_the_rates_are_those_of_every_step(log, tmp_path):
    values = log(f"{PYTHON} {PROGRAM} --rates {{rates}} --steps {{steps}} --seed {{seed}} --out {{folder}}")
    assert values[5] == {"lr": SPEC.rate(4), "train_loss": 0.2}
    assert values[20] == {"lr": SPEC.rate(19), "train_loss": 0.05, "val_acc": 0.203}
    with open(tmp_path / "001.csv", newline="") as file:
        assert [float(row["lr"]) for row in csv.DictReader(file)] == SPEC.rate.sample(20).tolist()


def test_event_files_of_several_folders_are_read(log, tmp_path):
    for name in ("train", "validation"):
        with SummaryWriter(str(tmp_path / "own folder" / name)) as writer:
            writer.add_scalar("epoch_loss", 0.5, 10)
    assert log(f"{PYTHON} -c ''") == {10: {"train/epoch_loss": 0.5, "validation/epoch_loss": 0.5}}


def test_tables_without_steps_are_not_logs(log, tmp_path):
    (tmp_path / "own folder" / "predictions.csv").write_text("id,label\n1,2\n")
    with pytest.raises(DataError, match=r'predictions\.csv has no column "step"; it has "id", "label"'):
        log(f"{PYTHON} -c ''")
    (tmp_path / "own folder" / "log.csv").write_text(",step,loss\n0,1,2\n")  # as pandas writes it
    assert log(f"{PYTHON} -c ''") == {1: {"train_loss": 2.0}}


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            "pass",
            "^the command wrote no log into .*own folder; let it write a CSV file with a column step, or event "
            "files of "
            "TensorBoard, into {folder}$",
        ),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", "the command was ended by SIGTERM"),
        ("raise SystemExit(3)", "the command exited with 3$"),
    ],
)
def test_a_command_that_fails_or_leaves_no_log(code, message, log):
    with pytest.raises(RunError, match=message):
        log(f'{PYTHON} -c "{code}"')


def test_steps_in_any_order_empty_cells_and_names_of_other_programs_are_read(log, tmp_path):
    (tmp_path / "own folder" / "log.csv").write_text("step,loss,train/acc,val_f1\n9,1,0.5,\n3,2,,0.25\n")
    found = log(f"{PYTHON} -c ''")
    assert found == {3: {"train_loss": 2.0, "val_f1": 0.25}, 9: {"train_loss": 1.0, "train_accuracy": 0.5}}
    assert list(found) == [3, 9]


def test_the_last_five_lines_of_an_output_are_told(tmp_path):
    (tmp_path / "output.txt").write_text("".join(f"line {number}\n\n" for number in range(9)))
    assert last_lines(tmp_path / "output.txt") == " (line 4 / line 5 / line 6 / line 7 / line 8)"
    assert last_lines(tmp_path / "none.txt") == ""


def test_a_command_that_writes_files_is_alive_though_it_logs_nothing(log, tmp_path, monkeypatch):
    monkeypatch.setattr("stepsize.lab.own_loops.command._LOOK", 0.02)
    journal = tmp_path / "001.jsonl"
    code = f"import os, sys, time; os.utime({str(journal)!r}, (0, 0)); begun = time.time()\n"
    code += "while time.time() < begun + 0.2: open(sys.argv[1] + '/weights', 'w').close()\n"
    with pytest.raises(RunError, match="exited with 3"):
        log(f'{PYTHON} -c "{code}raise SystemExit(3)" {{folder}}')
    assert journal.stat().st_mtime > 0


def test_a_command_of_one_seed_needs_no_placeholder_of_it():
    command = "python3 {rates} {folder}"
    OwnLoop(command, is_command=True).check(Experiment(command=command, steps=9), [])


def test_a_step_must_be_a_whole_number(log, tmp_path):
    table = tmp_path / "own folder" / "log.csv"
    for step in ("1.5", "-1"):
        table.write_text(f"step,loss\n1,2\n{step},2\n")
        with pytest.raises(DataError, match=r"log\.csv, line 3: step must be a whole number of at least 0"):
            log(f"{PYTHON} -c ''")


def test_a_command_is_ended_when_the_run_is_asked_to_stop(log, tmp_path):
    (tmp_path / "001.stop").touch()
    assert log(f"{PYTHON} -c 'import time; time.sleep(1000)'") == {}


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            "python --rates {rate} --out {fold}",
            r"must be a command with no other placeholders than {schedule}, {name}, {seed}, {steps}, {folder}, "
            r"{rates}, "
            r"got '{fold}, {rate}'",
        ),
        ('python "a', "command=.* must be a command, got .*; no closing quotation"),
        ("", "must be a command, got ''; write e.g. command="),
        (
            "no-such-program {schedule} {folder}",
            "must be one whose program exists, .* no such program: no-such-prog",
        ),
        ("python3 {folder}", "must be a command with {schedule} or {rates}, without which all runs are the same"),
        ("python3 {schedule}", "must be a command with {folder}, the folder of the run, where its logs are read"),
        ("python3 {rates} {folder}", "must be a command with {seed}, as there are several seeds"),
    ],
)
def test_commands_that_cannot_make_the_runs_are_refused(command, message, tmp_path):
    with pytest.raises(ArgumentError, match=message):
        compare(Experiment({"a": "Constant(1)"}, command=command, steps=9, seeds=(0, 1)), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_command_takes_the_place_of_a_task():
    with pytest.raises(ArgumentError, match=r"task=.* must be left out, got 'digits'; command=... takes its place"):
        Experiment(task="digits", command="python3 {schedule} {folder}")
    experiment = Experiment(command="python3 {schedule} {folder}", steps=9)
    assert Experiment.of_dict(experiment.as_dict()) == replace(experiment, schedules=experiment.schedules)


@pytest.mark.long
def test_commands_are_compared_from_the_command_line(tmp_path):
    command = f"{PYTHON} {PROGRAM} --rates {{rates}} --steps {{steps}} --seed {{seed}} --out {{folder}}"
    settings = ["--command", command, "--steps", 20, "--metric", "val_acc", "--mode", "max", "--seeds", "0,1"]
    process = commands.start(*settings, "--schedule", "flat=Constant(0.1)", "--out", "out", cwd=tmp_path)
    said, _ = process.communicate()
    assert process.returncode == 0, said
    assert "val_acc 0.2010" in said
    assert [run.values[-1].value for run in load(tmp_path / "out").runs] == [0.2, 0.201]
    process = commands.start("--command", f"{PYTHON} -c 'exit(3)' {{rates}} {{folder}}", "--steps", 9, cwd=tmp_path)
    said, _ = process.communicate()
    assert process.returncode == 2
    assert "the command exited with 3" in said
