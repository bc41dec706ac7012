import os
import re
import subprocess
import sys

import pytest

from installed import STEPSIZE, environment

TEXT = "Linear(0, 0.3, 500) >> Cosine(0.3, 0.01, 9500)"
HORIZON = "samples=60000,batch=256,epochs=10"


def plot(*args, **variables):
    command = [STEPSIZE, "plot", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment(**variables))


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_picture_as_wide_as_the_terminal(typed, width):
    done = typed("plot", TEXT, "Constant(0.1)", COLUMNS=str(width))
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) == width
    assert "\x1b" not in done.stdout
    assert " ".join(" ".join(lines).split()).endswith(
        "oo Linear(0, 0.3, 500) >> Cosine(0.3, 0.01, 9500) xx Constant(0.1)"
    )


LOG = "run,step,lr,loss\na,0,0.1,3\na,9,0.1,2\nb,0,0.1,3\nb,9,0.1,2\n"


@pytest.mark.parametrize(
    ("words", "lines", "height"),
    [
        *[("plot Constant(0.1)", *rows) for rows in ((1, 8), (24, 16), (99, 20))],
        *[("curves log.csv", 24, 14), ("descend parabola --start 1", 24, 14)],
    ],
)
def test_a_picture_leaves_room_in_the_terminal_if_there_is_some(typed, tmp_path, words, lines, height):
    (tmp_path / "log.csv").write_text(LOG)
    shown = typed(*words.split(), LINES=str(lines)).stdout.splitlines()
    assert sum("│" in line or "┤" in line for line in shown) == height


def test_an_output_of_ascii_gets_ascii():
    done = plot(TEXT, PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert done.stdout.isascii()
    assert "\\u" not in done.stdout


def test_steps_bound_the_picture(typed):
    assert "250 steps" in typed("plot", "Constant(0.1)", "--steps", 250).stdout


def test_steps_bound_the_picture_in_a_file(typed, tmp_path):
    typed("plot", "Constant(0.1)", "--steps", 250, "--out", "a.svg")
    assert "<!-- 250 -->" in (tmp_path / "a.svg").read_text()  # letters are shapes there, and comments name them


def test_a_schedule_may_begin_with_a_minus(typed):
    done = typed("plot", "-1 * Linear(0, 0.3, 500)")
    assert done.returncode == 0
    assert "▀▀ -1 * Linear(0, 0.3, 500)" in done.stdout


def test_the_legend_has_the_names_or_the_words_that_were_typed(typed, tmp_path):
    (tmp_path / "saved.txt").write_text("Constant(0.2)")
    words = ["warm up=Linear(0, end=0.3, steps=500)", "Cosine(0.3,  end=0, steps=400)", "flat=saved.txt"]
    lines = typed("plot", *words).stdout.splitlines()
    assert lines[-3:] == ["oo warm up", "xx Cosine(0.3, end=0, steps=400)", "++ flat"]


def test_files_of_one_name_in_two_folders_are_told_apart_by_their_paths(typed, tmp_path):
    for folder in "ab":
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "s.txt").write_text(f"Constant({ord(folder)})")
    (tmp_path / "t.txt").write_text("Constant(2)")
    assert typed("plot", "a/s.txt", "b/s.txt", "t.txt").stdout.splitlines()[-3:] == [
        "oo a/s.txt",
        "xx b/s.txt",
        "++ t.txt",
    ]


def test_a_file_with_several_schedules_says_how_to_give_them(refused, tmp_path):
    (tmp_path / "two.txt").write_text("a: Constant(1)\nb: Constant(2)\n")
    reason = "two.txt is neither a config nor the text of a schedule"
    advice = "write one schedule in a file, and type several as NAME=TEXT"
    assert refused("plot", "two.txt").endswith(f"{reason}; {advice}\n")


def test_a_message_names_the_schedule_that_it_is_about(refused):
    assert 'mine: "Cosin" is not a shape' in refused("plot", "mine=Cosin(1)", "Constant(1)")


def test_lengths_with_a_unit_are_read_with_a_horizon(typed):
    done = typed("plot", 'Linear(0, 0.3, "5%") >> Cosine(0.3, 0, "rest")', "--horizon", HORIZON)
    assert "2,350 steps" in done.stdout
    assert '▀▀ Linear(0, 0.3, "5%") >> Cosine(0.3, 0, "rest")' in done.stdout
    done = typed("plot", 'Constant(0.1, "1ep")', "--horizon", "samples = 1e3, batch=10, epochs=1.5, drop_last=TRUE")
    assert "100 steps" in done.stdout


def test_a_config_of_another_tool_is_drawn_past_its_end_under_the_name_of_its_file(typed, tmp_path):
    params = '{"total_num_steps": 100, "warmup_num_steps": 10, "warmup_type": "linear"}'
    scheduler = f'{{"type": "WarmupCosineLR", "params": {params}}}'
    (tmp_path / "ds.json").write_text(f'{{"scheduler": {scheduler}}}')
    lines = typed("plot", "ds.json", "Constant(0.1)").stdout.splitlines()
    assert [line.strip() for line in lines[-3:]] == ["0" + lines[-3].strip()[1:], "oo ds.json", "xx Constant(0.1)"]
    assert lines[-3].endswith("110 steps")
    longer = typed("plot", "ds.json", "Linear(0, 1, 2000)").stdout.splitlines()
    assert longer[-3].endswith("2,200 steps")
    (tmp_path / "hf.json").write_text('{"lr_scheduler_type": "cosine", "learning_rate": 0.3, "max_steps": 100}')
    assert typed("plot", "hf.json").stdout.splitlines()[-2].endswith(" 110 steps")  # its rates go on without end
    assert typed("plot", "ds.json", "--steps", 50).stdout.splitlines()[-2].endswith(" 50 steps")
    assert "▀▀ Constant(0.1)" in typed("plot", "Constant(0.1)", "--base-lr", 0.3).stdout
    assert typed("plot", "--from", "deepspeed", scheduler, "--base-lr", 0.3).stdout.splitlines()[1].startswith("0.3")


@pytest.mark.parametrize(("name", "start"), [("a.png", b"\x89PNG"), ("b.SVG", b"<?xml")])
def test_a_file_is_written_and_its_path_printed(tmp_path, name, start):
    path = tmp_path / name
    done = plot(TEXT, "Constant(0.1)", "--out", path)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{path}\n", "")
    assert path.read_bytes().startswith(start)
    assert os.listdir(tmp_path) == [name]


REFUSED = [
    (["Linaer(0, 1, 5)"], 'did you mean "Linear"?'),
    (["a=Constant(1)", "a=Constant(2)"], 'two schedules have the name "a"; give each its own'),
    (["Linear(0, 1, '2 ep ')", "--steps", 9], f"'2 ep ' needs the length of an epoch; give --horizon {HORIZON}"),
    (['Linear(0, 1, "2Btok")', "--steps", 9], f'"2Btok" needs the length of an epoch; give --horizon {HORIZON}'),
    (["no/such.jsn"], "no such file: no/such.jsn"),
    (["Linear(0, 1, 5"], "never closed"),
    (["Linear(0, 1)"], "steps"),
    (['Linear(0, 1, "10%")'], "needs a horizon"),
    (['Function("os:system")'], "Function runs your own code"),
    (["Constant(nan)"], "nan"),
    (["MultiStep(1, 0.5, 3)"], "must be a sequence, got 3; write boundaries=(3,)\n"),
    (["Constant(1, [2)"], "["),
    (["Cοsine(1, 2, 3)"], "GREEK SMALL LETTER OMICRON"),  # noqa: RUF001
    ([""], "found the end of the text"),
    (["(" * 100_000], "nested deeper"),
    (["Exponential(1, 2)", "--steps", 5000], "is inf at step"),
    ([TEXT, "Linear(0, 1, 5)", "Linear(0, 1 5)"], "schedule 3: "),
    (["Constant(0.1)", "--horizon", "samples=1"], "--horizon must be given batch and epochs too"),
    (["Constant(0.1)", "--horizon", "sampels=1"], "no 'sampels'; did you mean \"samples\"?"),
    (['Linear(0, 1, "2Btok")', "--horizon", HORIZON], "or give tokens_per_sample to the horizon"),
    (['Linear(0, 1, "5ksp")', "--steps", 9], f'"5ksp" needs the length of an epoch; give --horizon {HORIZON}'),
    (["Constant(0.1)", "--horizon", f"{HORIZON},tokens_per_sample=0.5"], "--horizon tokens_per_sample must be a whole"),
    (["Constant(0.1)", "--horizon", "n=1"], "known are samples, batch, epochs"),
    (["Constant(0.1)", "--horizon", "samples=1,samples=2"], "given each name once"),
    (["Constant(0.1)", "--horizon", "samples=many,batch=1,epochs=1"], "got 'many'"),
    (
        ["Constant(0.1)", "--horizon", "samples=0,batch=1,epochs=1"],
        "--horizon samples must be a whole number of at least 1, got 0",
    ),
    (["Constant(0.1)", "--horizon", f"{HORIZON},drop_last=maybe"], "a boolean, got 'maybe'"),
    (["Constant(0.1)", "--horizon", "10"], f"NAME=VALUE,..., got '10'; write e.g. {HORIZON}"),
    (["Constant(0.1)", "--steps", 10**30], "at most 2**53"),
    (["Constant(0.1)", "--out", "no/such/folder/a.png"], "no such folder: no/such/folder"),
    (["Constant(0.1)", "--out", "a.gif"], ".png, .svg"),
    (["Constant(0.1)", "--out", "a"], ".png, .svg"),
]


@pytest.mark.parametrize(("args", "message"), REFUSED, ids=range(len(REFUSED)))
def test_bad_input_ends_in_one_clear_message(refused, args, message):
    assert message in refused("plot", *args)


def test_all_problems_of_one_input_are_reported_together(refused):
    message = refused("plot", "Linear(a, 1, 5)", "Constant(0.1)", "Linaer(0, 1, 5)")
    assert "schedule 1: " in message
    assert "schedule 3: " in message


@pytest.mark.parametrize("steps", ["0", "-5", "2.5", "many"])
def test_an_invalid_number_of_steps_is_refused(typed, steps):
    done = typed("plot", "Constant(0.1)", "--steps", steps)
    assert done.returncode == 2
    assert "--steps" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_caret_is_below_the_wrong_character(refused):
    message, text, pointer = refused("plot", "Constant(0.1)", "Table([0.1, 0.5)").splitlines()
    assert message.startswith("stepsize: schedule 2: ")
    assert text == "  Table([0.1, 0.5)"
    assert re.fullmatch(r" +\^", pointer)
    assert text[pointer.index("^")] == ")"


@pytest.mark.skipif(os.name != "posix" or os.getuid() == 0, reason="needs a folder that we may not write to")
def test_a_folder_that_may_not_be_written_to(tmp_path):
    tmp_path.chmod(0o500)
    done = plot("Constant(0.1)", "--out", tmp_path / "a.png")
    assert done.returncode == 2
    assert "permission denied" in done.stderr


COLOURED = """
import os, pty, sys
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))
"""


@pytest.mark.skipif(os.name != "posix", reason="needs a terminal of POSIX")
@pytest.mark.parametrize(
    ("variables", "colour"),
    [
        ({"COLORTERM": "truecolor"}, "\x1b[38;2;0;114;178m"),
        ({"TERM": "xterm-256color"}, "\x1b[38;5;25m"),
        ({"TERM": "linux"}, ""),
        ({"TERM": "dumb"}, ""),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, ""),
    ],
)
def test_a_terminal_gets_the_colours_that_it_has_unless_it_is_asked_not_to(variables, colour):
    variables = {"COLUMNS": "80", "COLORTERM": ""} | variables
    without = {name: value for name, value in environment().items() if name != "NO_COLOR"}
    done = subprocess.run(
        [sys.executable, "-c", COLOURED, STEPSIZE, "plot", TEXT, "Constant(0.1)"],
        capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, env=without | variables,
    )  # fmt: skip
    assert done.returncode == 0
    assert colour in done.stdout
    if not colour:  # marks tell the curves apart
        assert "\x1b[" not in done.stdout
        assert "oo Linear(0, 0.3, 500)" in done.stdout


def test_a_schedule_that_is_given_twice_is_drawn_once(typed):
    assert typed("plot", "a=Constant(1)", "a=Constant(1.0)").stdout.splitlines()[-1] == "▀▀ a"
