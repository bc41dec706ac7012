"""Experiments as TOML files."""

from dataclasses import fields, replace

import pytest

from stepsize.errors import ArgumentError, DataError
from stepsize.lab import Experiment, read_experiment
from stepsize.lab.experiment_file import EXAMPLE


def written(tmp_path, text):
    path = tmp_path / "experiment.toml"
    path.write_text(text)
    return path


def test_the_example_is_the_default_experiment(tmp_path):
    assert read_experiment(written(tmp_path, EXAMPLE)) == Experiment()


def test_every_key_that_the_example_leaves_out_is_one(tmp_path):
    text = "\n".join(line.removeprefix("# ") if "=" in line else line for line in EXAMPLE.splitlines()[3:])
    experiment = read_experiment(written(tmp_path, text))
    assert experiment.samples == 10_000
    assert experiment.clip_norm == 1.0
    assert experiment.optimizer_args == (("momentum", 0.9),)
    assert experiment.loss_limit == 100.0
    keys = {line.partition(" = ")[0] for line in text.splitlines()} | {"schedules", "optimizer", "optimizer_args"}
    assert {field.name for field in fields(Experiment)} - keys == {"functions", "digests"}


def test_a_file_does_not_let_its_own_texts_run_code(tmp_path):
    path = written(tmp_path, "task = 'digits'\n[schedules]\na = 'Function(\"math:cosh\")'\n")
    with pytest.raises(ArgumentError, match="runs code of yours"):
        read_experiment(path).run_specs(100)
    assert replace(read_experiment(path), functions=True).run_specs(100)[0].schedule(0) == 1.0


def test_an_experiment_is_its_dictionary():
    experiment = Experiment(
        {"a": "Constant(0.1)"}, weight_decay=0.1, optimizer_args={"betas": (0.9, 0.99)}, seeds=[1, 2]
    )
    assert Experiment.of_dict(experiment.as_dict()) == Experiment.of_dict(
        Experiment.of_dict(experiment.as_dict()).as_dict()
    )
    assert Experiment.of_dict(experiment.as_dict()).seeds == (1, 2)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("epochs = 3\nepoch = 3\n", r"experiment\.toml, line 2: Experiment has no 'epoch'; did you mean \"epochs\""),
        ("\nepochs = 'three'\n", r"line 2: Experiment\(epochs=.*whole number"),
        (
            "epochs = 3\nfunctions = true\n",
            "line 2: Experiment has no 'functions' in a file: .* by --functions or repl",
        ),
        ("digests = []\n", "line 1: Experiment has no 'digests' in a file: they are found"),
        ("epochs = 0\n", r"line 1: .*at least 1"),
        ("[schedules]\na = 0.1\n", r"line 2: schedule 'a' must be a text, got 0\.1; .* write \"Constant\(0\.1\)\"$"),
        ("[schedules]\na = true\n", "line 2: schedule 'a' must be a text, got true$"),
        (
            "[schedules]\na = 'Constant(0.1)'\nepochs = 3\n",
            r"line 3: schedule 'epochs' must be a text, got 3; if epochs is .* above the tables: here it is in \[sch",
        ),
        ("\n[schedules]\n", r"line 2: \[schedules\] must have a schedule at least, such as cosine = '"),
        ("[schedules]\n\"\" = 'Constant(0.1)'\n", "line 2: schedule '' must have a name, such as cosine = '"),
        ("schedules = 3\n", r"line 1: \[schedules\] must be a table, got 3"),
        ("seeds = 3\n", r"line 1: .* must be a sequence, got 3; write \[3\]$"),
        ("epochs = true\n", "line 1: .* whole number of at least 1, got true$"),
        ("epochs = 'True'\n", "line 1: .* got 'True'; write a number such as 3$"),
        ("epochs = '3'\n", "line 1: .* got '3'; write 3 without quotes$"),
        ("held_out = 1\n", "line 1: .* must be true or false, got 1"),
        ("optimizer_args = 3\n", "line 1: .* write e.g. {momentum = 0.9}"),
        ("precision = 'fp8'\n", r'line 1: .*"fp32" or "bf16"'),
        ("[optimizer]\nmomentum = 0.9\n", r"line 1: \[optimizer\] must have a name"),
        ("clip_norm = -1\n", "line 1: .*> 0"),
    ],
)
def test_what_is_wrong_is_said_with_the_file_and_the_line(tmp_path, text, words):
    with pytest.raises(ArgumentError, match=words):
        read_experiment(written(tmp_path, text))


def test_a_file_with_the_mark_that_windows_puts_first_is_read(tmp_path):
    (tmp_path / "marked.toml").write_bytes("epochs = 7\n".encode("utf-8-sig"))
    assert read_experiment(tmp_path / "marked.toml").epochs == 7


def test_what_is_no_toml_is_refused(tmp_path):
    with pytest.raises(DataError, match="line 1"):
        read_experiment(written(tmp_path, "epochs == 3"))
    (tmp_path / "latin.toml").write_bytes("epochs = 3\n# d\u00e9j\u00e0\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"latin\.toml, line 2: the byte 0xe9 is not UTF-8; save the file as UTF-8$"):
        read_experiment(tmp_path / "latin.toml")
    with pytest.raises(DataError, match="no such file"):
        read_experiment(tmp_path / "none.toml")
