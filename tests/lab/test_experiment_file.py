"""Experiments as TOML files."""

import json
from dataclasses import fields, replace

import pytest

from stepsize import Constant, Function
from stepsize.errors import ArgumentError, DataError, ParseError
from stepsize.lab import Experiment, read_experiment
from stepsize.lab.experiment_file import EXAMPLE
from stepsize.lab.statistics.findings import METRICS
from stepsize.pytorch import Plateau


def written(tmp_path, text):
    path = tmp_path / "experiment.toml"
    path.write_text(text)
    return path


def test_the_example_is_the_default_experiment(tmp_path):
    assert read_experiment(written(tmp_path, EXAMPLE)) == Experiment()


def test_the_keys_that_the_example_comments_out_exist(tmp_path):
    text = "\n".join(line.removeprefix("# ") if "=" in line else line for line in EXAMPLE.splitlines()[3:])
    text = text.replace("until_told = false", "until_told = true")  # which margin needs
    experiment = read_experiment(written(tmp_path, text))
    assert experiment.samples == 10_000
    assert experiment.clip_norm == 1.0
    assert experiment.optimizer_args == (("momentum", 0.9),)
    assert experiment.loss_limit == 100.0
    assert experiment.feedback == (("fixed", Plateau("max", factor=0.5, patience=2, metric="test_accuracy")),)
    tables = {"schedules", "feedback", "optimizer", "optimizer_args"}
    keys = {line.partition(" = ")[0] for line in text.splitlines()} | tables
    assert {field.name for field in fields(Experiment)} - keys == {"functions", "digests"}


def test_a_file_does_not_let_its_own_texts_run_code(tmp_path):
    path = written(tmp_path, "task = 'digits'\n[schedules]\na = 'Function(\"math:cosh\")'\n")
    with pytest.raises(ParseError, match="runs your own code"):
        read_experiment(path).run_specs(100)
    assert replace(read_experiment(path), functions=True).run_specs(100)[0].schedule(0) == 1.0


def test_an_experiment_is_its_dictionary():
    experiment = Experiment(
        {"a": "Constant(0.1)"}, weight_decay=0.1, optimizer="adamw", optimizer_args={"betas": (0.9, 0.99)}, seeds=[1, 2]
    )
    assert Experiment.of_dict(experiment.as_dict()) == Experiment.of_dict(
        Experiment.of_dict(experiment.as_dict()).as_dict()
    )
    assert Experiment.of_dict(experiment.as_dict()).seeds == (1, 2)
    again = Experiment.of_dict(json.loads(json.dumps(experiment.as_dict())))
    assert again.optimizer_args == experiment.optimizer_args == (("betas", (0.9, 0.99)),)


def test_a_metric_of_ours_needs_no_mode_and_keeps_its_direction():
    assert Experiment(metric="test_accuracy").headline == METRICS[0]
    assert Experiment(metric="train_loss").headline == METRICS[2]
    assert Experiment(metric="test_loss", mode="max").headline.higher_is_better
    with pytest.raises(ArgumentError, match=r"""mode=.* for "test_los", .*; did you mean "test_loss"\?"""):
        Experiment(metric="test_los")


@pytest.mark.parametrize(
    ("settings", "problems"),
    [
        (
            {"mode": "min", "margin": 0.5},
            [
                "Experiment(mode=...) must be left out if no metric is named, got 'min'; write e.g. metric='val_loss'",
                "Experiment(margin=...) must be left out, as seeds are not added until a difference is told apart, got "
                "0.5; add until_told=True",
            ],
        ),
        (
            {"schedules": {"a": "Constant(1)"}, "until_told": True, "most_seeds": 2, "seeds": (0, 1, 2)},
            [
                "Experiment(schedules=...) must be at least two, to be told apart, got 'a'",
                "Experiment(most_seeds=...) must be at least 3, the number of seeds, got 2",
            ],
        ),
        (
            {"task": "digits", "command": "python3 {rates} {folder}", "metric": "f2", "feedback": {"zzz": "Plateau()"}},
            [
                "Experiment(feedback['zzz']=...) must be for a schedule of the experiment, got 'zzz'; known are fixed, "
                "square-root, factor, multi-factor, cosine, warmup-cosine",
                'Experiment(mode=...) must be "min" or "max" for "f2", whose better values are not known, got None',
                "Experiment(task=...) must be left out, got 'digits'; command=... takes its place",
            ],
        ),
    ],
)
def test_settings_that_contradict_each_other_are_refused_together(settings, problems):
    with pytest.raises(ArgumentError) as refused:
        Experiment(**settings)
    assert str(refused.value).splitlines() == problems


def test_the_headline_is_not_among_the_other_metrics():
    terms = Experiment(metric="f1", mode="max").terms(logged={"f1", "recall", "auc"})
    assert [metric.field for metric in terms.others] == ["auc", "recall"]


def test_as_many_seeds_as_there_may_be_can_be_asked_for_in_rounds():
    two = {"a": "Constant(0.1)", "b": "Constant(0.2)"}
    assert Experiment(two, seeds=(0, 1), until_told=True, most_seeds=2).most_seeds == 2


def test_a_function_of_the_weight_decay_allows_functions_as_one_of_a_schedule_does():
    """Or a resume could not read its text."""
    cosh = Function("math:cosh")
    assert Experiment(weight_decay=cosh).functions
    assert Experiment({"a": cosh}).functions
    assert not Experiment(weight_decay=Constant(0.1)).functions


def test_blanks_around_a_name_do_not_count():
    assert dict(Experiment({" a ": "Constant(0.1)"}).schedules) == {"a": "Constant(0.1)"}
    with pytest.raises(ArgumentError, match="must be given different names, got 'a'"):
        Experiment((("a", "Constant(0.1)"), ("a ", "Constant(0.2)")))


def test_feedback_is_one_plateau_for_each_schedule_with_a_metric_that_fits():
    flat = {"flat": "Constant(0.1)"}
    with pytest.raises(ArgumentError, match=r"feedback=.* given one Plateau for each schedule, got 'flat'"):
        Experiment(flat, feedback=(("flat", "Plateau()"), ("flat", "Plateau()")))
    with pytest.raises(ArgumentError, match=r"feedback\['flat'\]=.* one that fits mode=\"max\", got 'test_loss'"):
        Experiment(flat, feedback={"flat": Plateau("max", metric="test_loss")})
    with pytest.raises(ArgumentError, match=r"feedback\['flt'\]=.* got 'flt'; did you mean \"flat\""):
        Experiment(flat, feedback={"flt": "Plateau()"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epochs = 3\nepoch = 3\n", 'line 2: unknown key "epoch"; did you mean "epochs"?'),
        (
            "\nepochs = 'three'\n",
            'line 2: epochs must be a whole number of at least 1, got "three"; write a number such as 3',
        ),
        (
            "epochs = 3\nfunctions = true\n",
            "line 2: an experiment file has no 'functions'; allow a file's texts to run code with --functions or "
            "replace(experiment, functions=True)",
        ),
        ("digests = []\n", "line 1: an experiment file has no 'digests'; they are computed when the experiment starts"),
        ("epochs = inf\n", "line 1: epochs must be a whole number of at least 1, got inf"),
        ("task = 2020-01-01\n", "line 1: task must be a name, got 2020-01-01"),
        (
            'seeds = [0, "x"]\n',
            'line 1: seeds[1] must be a whole number of at least 0, got "x"; write a number such as 3',
        ),
        ("epochs = 0\n", "line 1: epochs must be a whole number of at least 1, got 0"),
        (
            "[schedules]\na = 0.1\n",
            'line 2: schedules.a must be a schedule or its text, got 0.1; write "Constant(0.1)" for a constant rate',
        ),
        ("[schedules]\na = true\n", "line 2: schedules.a must be a schedule or its text, got true"),
        (
            "[schedules]\na = 'Constant(0.1)'\nepochs = 3\n",
            'line 3: schedules.epochs must be a schedule or its text, got 3; write "Constant(3)" for a constant rate\n'
            "if epochs is the experiment's setting, write it above the tables: here it is in [schedules]",
        ),
        (
            "\n[schedules]\n",
            "line 2: schedules must be at least one schedule, got {}; write e.g. schedules = "
            '{cosine = "Cosine(0.2, 0.02, 1000)"}',
        ),
        ("[schedules]\n\"\" = 'Constant(0.1)'\n", 'line 2: schedules must be a name of printable characters, got ""'),
        (
            "schedules = 3\n",
            "line 1: schedules must be schedules by their names, got 3; write e.g. schedules = "
            '{cosine = "Cosine(0.2, 0.02, 1000)"}',
        ),
        ("seeds = 3\n", "line 1: seeds must be an array, got 3; write seeds = [3]"),
        ("epochs = true\n", "line 1: epochs must be a whole number of at least 1, got true"),
        ("epochs = '3'\n", 'line 1: epochs must be a whole number of at least 1, got "3"; write 3 without quotes'),
        ("held_out = 1\n", "line 1: held_out must be true or false, got 1"),
        (
            "optimizer_args = 3\n",
            "line 1: an experiment file has no 'optimizer_args'; write the arguments below [optimizer], "
            "beside its name",
        ),
        ("precision = 'fp8'\n", 'line 1: precision must be "fp32" or "bf16", got "fp8"'),
        (
            "[optimizer]\nmomentum = 0.9\n",
            'line 1: optimizer must be a table with a name, got {momentum = 0.9}; write e.g. name = "sgd"',
        ),
        ("clip_norm = -1\n", "line 1: clip_norm must be a finite number > 0, got -1"),
        ("precision = 'é'\n", 'line 1: precision must be "fp32" or "bf16", got "é"'),
    ],
)
def test_an_error_has_the_file_and_the_line(tmp_path, text, message):
    with pytest.raises(ArgumentError) as caught:
        read_experiment(written(tmp_path, text))
    assert str(caught.value) == f"{tmp_path / 'experiment.toml'}, {message}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epochs = 3\n[[schedules]]\nname = 'a'\ntext = 'b'\n", "line 2: schedules must be schedules by their names"),
        ("epochs = 3\n[schedules.a]\ntext = 'b'\n", "line 2: schedules.a must be a schedule or its text"),
        ("epochs = 3\nschedules.a = 0.1\n", "line 2: schedules.a must be a schedule or its text"),
    ],
)
def test_every_form_of_a_table_has_its_line(tmp_path, text, message):
    with pytest.raises(ArgumentError) as caught:
        read_experiment(written(tmp_path, text))
    assert str(caught.value).startswith(f"{tmp_path / 'experiment.toml'}, {message}")


def test_texts_names_and_devices_are_refused_together_with_keys(tmp_path):
    text = (
        "epoch = 3\ndevice = 'abacus'\nweight_decay = 'Lin(1)'\n[optimizer]\nname = 'sgd'\nmomentun = 0.9\n"
        "[schedules]\na = 'Linaer(0, 1, 5)'\nb = 'Cosine(1, 0, \"rest\")'\nc = 'Cosine(1, 0)'\n"
    )
    with pytest.raises(ArgumentError) as caught:
        read_experiment(written(tmp_path, text))
    found = [line.split(", line ")[1].split(":")[0] for line in str(caught.value).splitlines() if ", line " in line]
    assert sorted(map(int, found)) == [1, 2, 3, 6, 8, 10]


def test_all_errors_of_a_file_are_reported_together(tmp_path):
    text = "epoch = 3\nseeds = 3\nfunctions = true\n[schedules]\na = 1\nb = 'Constant(0.1)'\nc = true\n"
    with pytest.raises(ArgumentError) as caught:
        read_experiment(written(tmp_path, text))
    lines = [line.split(":")[0].split()[-1] for line in str(caught.value).splitlines()]
    assert sorted(lines) == ["1", "2", "3", "5", "7"]


def test_a_name_with_quotes_and_brackets_is_found(tmp_path):
    with pytest.raises(ArgumentError) as caught:
        read_experiment(written(tmp_path, "[schedules]\n\"a'\" = 'Constant(0.1)'\n\"b[0]'\" = 2\n"))
    assert f"{tmp_path / 'experiment.toml'}, line 3: schedules.b[0]' must be" in str(caught.value)


def test_a_file_with_a_byte_order_mark_is_read(tmp_path):
    (tmp_path / "marked.toml").write_bytes("epochs = 7\n".encode("utf-8-sig"))
    assert read_experiment(tmp_path / "marked.toml").epochs == 7


@pytest.mark.parametrize("name", ["cos(0.01)", "const lr", "wsd 10%"])
def test_a_name_that_needs_quotes_is_refused_with_that_advice(tmp_path, name):
    (tmp_path / "a.toml").write_text(f'[schedules]\n{name} = "Constant(0.1)"\n')
    with pytest.raises(DataError, match=r"line 2, .*; write a name with a blank or such signs in quotes$"):
        read_experiment(tmp_path / "a.toml")


def test_a_file_that_is_not_toml_is_refused(tmp_path):
    with pytest.raises(DataError, match="line 1"):
        read_experiment(written(tmp_path, "epochs == 3"))
    (tmp_path / "latin.toml").write_bytes("epochs = 3\n# d\u00e9j\u00e0\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"latin\.toml, line 2: the byte 0xe9 is not UTF-8; save the file as UTF-8$"):
        read_experiment(tmp_path / "latin.toml")
    with pytest.raises(DataError, match="no such file"):
        read_experiment(tmp_path / "none.toml")
