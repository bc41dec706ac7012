"""Names of runs as Hydra, browsers and people make them, wherever the command line takes or shows a name."""

import pytest

from stepsize.cli.schedules import assignments
from stepsize.cli.screen import print_table
from stepsize.schedules import parse
from stepsize.schedules.named_text import named

NAMES = [
    "cos",
    "lr=0.1,wd=(a,b)",
    "optimizer.name=sgd(m=0.9) x",
    "+model={a:1,b:[2,3]}",
    "runs (1)",
    "results(2).csv",
    "a(",
    "b)",
    "5%, then rest",
    "<b>&amp;</b>",
    "=cmd|' /C calc'!A0",
    "名前",
]
TEXTS = ["Constant(0.1)", "Linear(start=0, end=1, steps=3)", "Table(values=(1, 2)) >> Constant(value=2)"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text", TEXTS)
def test_a_name_ends_where_a_schedule_begins(name, text):
    assert named(f"{name}={text}", parse) == (name, text)
    assert named(f'"{name}" = {text}', parse) == (name, text)


@pytest.mark.parametrize("text", TEXTS)
def test_a_schedule_alone_has_no_name(text):
    assert named(text, parse) == ("", text)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("lr=0.1,wd=1=Constnt(0.1)", ("lr=0.1,wd=1", "Constnt(0.1)")),
        ("cos=Cosine(0.2, end=0.02 steps=3)", ("cos", "Cosine(0.2, end=0.02 steps=3)")),
        ("cos=Cosine(0.2, end=0.02", ("cos", "Cosine(0.2, end=0.02")),
        ("Constnt(value=1)", ("", "Constnt(value=1)")),
        ("Linear(0, 0.3, steps=100", ("", "Linear(0, 0.3, steps=100")),
    ],
)
def test_the_name_in_front_of_a_wrong_text_ends_at_the_last_equals_sign_outside_brackets(given, expected):
    assert named(given, parse) == expected


def test_the_names_of_columns_may_have_equals_signs_brackets_and_commas():
    given = "loss=train (a, b)=c, lr = lr-Adam/group=0, step=n"
    expected = {"loss": "train (a, b)=c", "lr": "lr-Adam/group=0", "step": "n"}
    assert assignments("--columns", given, "step=update") == expected


def test_a_run_of_a_log_is_named_as_the_browser_saved_it(typed, tmp_path):
    rows = "".join(f"{step},{3 - step / 100}\n" for step in range(0, 100, 10))
    for name in ("lr=0.1,wd=(a,b).csv", "runs (1).csv"):
        (tmp_path / name).write_text("step,loss\n" + rows)
    done = typed(
        "curves",
        *tmp_path.glob("*.csv"),
        "--log-schedule",
        "lr=0.1,wd=(a,b)=Constant(0.3)",
        "--log-schedule",
        "runs (1)=Constant(0.2)",
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = {line.split("  ")[0].rstrip(): line for line in done.stdout.splitlines()}
    assert "0.3" in lines["lr=0.1,wd=(a,b)"]
    assert "0.2" in lines["runs (1)"]


def test_long_names_in_heads_and_cells_of_a_table_are_shown_in_full(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    names = [99 * "n" + "x", 99 * "n" + "y"]
    print_table(
        ("schedule", *(f"against {name}" for name in names)), [(name, "0.1", "0.2") for name in names], left=[0]
    )
    columns = ["", "", ""]
    for line in capsys.readouterr().out.splitlines():
        for index, (begin, end) in enumerate(((0, 30), (30, 56), (56, 80))):
            columns[index] += line[begin:end].strip()
    assert columns == [
        f"schedule{names[0]}{names[1]}",
        f"against {names[0]}0.10.1",
        f"against {names[1]}0.20.2",
    ]


def test_a_table_has_no_control_characters_and_fills_at_least_78_columns(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    print_table(("name\x1b[2J", "loss"), [("a\x1b[31m " + 8 * "word ", "0.1")], left=[0])
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert shown.splitlines()[1].rstrip().endswith(f"{8 * 'word '}   0.1")
