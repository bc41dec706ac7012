"""The displays of progress: in a pipe, in a terminal, and in a notebook."""

import math
import os
import pty
import re
import struct
import subprocess
import termios
from contextlib import redirect_stdout
from fcntl import ioctl
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from nbclient import NotebookClient
from rich.console import Console

from installed import STEPSIZE
from stepsize import Constant
from stepsize.lab.displays import PlainDisplay, TerminalDisplay, display_here
from stepsize.lab.run_spec import Branch, RunSpec
from stepsize.lab.standings import Standings
from stepsize.lab.statistics.findings import Terms
from stepsize.store import Run
from stepsize.store.run import Epoch, Point, Value

COMMAND = [STEPSIZE, "compare", "--data", "digits", "--epochs", "2", "--batch-size", "4"]
SCHEDULES = ["--schedule", "flat=Constant(0.1)", "--schedule", 'down [x]=Linear(0.2, 0.0, "100%")']


def in_a_terminal(command, columns, lines=40):
    """What a command writes to a real pseudo-terminal of that size, and its exit code."""
    parent, child = pty.openpty()
    ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(columns), "LINES": str(lines)}
    process = subprocess.Popen(command, stdin=child, stdout=child, stderr=child, env=environment, close_fds=True)
    os.close(child)
    written = b""
    while True:
        try:
            part = os.read(parent, 65536)
        except OSError:  # the terminal is closed
            break
        if not part:
            break
        written += part
    os.close(parent)
    return process.wait(), written.decode()


def test_a_terminal_shows_bars_curves_and_closing_lines(tmp_path):
    code, screen = in_a_terminal([*COMMAND, *SCHEDULES, "--out", str(tmp_path / "out")], columns=60)
    screen = " ".join(screen.split())  # a narrow one wraps its lines
    assert code == 0
    assert "starting 2 workers" in screen
    assert "all runs" in screen
    assert "2/2 down [x], seed 0" in screen
    assert "rate 0.1" in screen
    assert "train loss" in screen
    assert screen.count("test accuracy") >= 2
    assert "down [x]" in screen
    assert screen.endswith(str(tmp_path / "out"))
    assert screen.count("\x1b[?25l") == screen.count("\x1b[?25h"), "the cursor is given back"


def test_after_a_resume_the_plain_lines_count_the_complete_runs_too(capsys):
    specs = [RunSpec("flat", Constant(0.1), seed, 1, 10) for seed in range(5)]
    standings, last = Standings(specs), Epoch(10, 1.5, 0.5, 1.5, 0.5)
    runs = [Run("flat", "Constant(0.1)", seed, (Point(10, 0.1, 1.5, 0.5),), (last,), 1.0) for seed in range(5)]
    for number in (0, 2, 3):
        standings.ended(number, runs[number])
    display = PlainDisplay()
    display.begin(standings, "Data.", Path("out"))
    for number in (1, 4):
        standings.ended(number, runs[number])
        display.ended(number, runs[number])
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[-2:]] == ["[4/5]", "[5/5]"]


def test_every_plain_line_of_a_comparison(capsys):
    specs = [RunSpec("flat", Constant(0.1), seed, 2, 20) for seed in range(3)]
    standings, display = Standings(specs, terms=Terms(judged_on="held-out")), PlainDisplay()
    display.begin(standings, "Data.", Path("out"))
    points, epoch = (Point(10, 0.1, 1.5, 0.25),), Epoch(20, 1.5, 0.25, 2.5, 0.75)
    ends = [
        Run("flat", "Constant(0.1)", 0, points, (epoch,), 61.25),
        Run("flat", "Constant(0.1)", 1, points, (), 2.0, "diverged", 10),
        Run("flat", "Constant(0.1)", 2, (), (), 2.0, "interrupted"),
    ]
    display.starting(2)
    for number, run in enumerate(ends):
        display.logged(number, epoch)
        display.ended(number, run)
    display.stopping()
    display.close()
    assert capsys.readouterr().out.splitlines() == [
        "Data.",
        "Runs: 3, each of 20 steps; results go to out",
        "[1/3] flat, seed 0: train loss 1.500, train accuracy 0.2500, held-out accuracy 0.7500 (61.2 s)",
        "[2/3] flat, seed 1: diverged at step 10",
        "[3/3] flat, seed 2: interrupted at step 0",
        "Stopping; the runs that have finished are kept",
    ]


def test_a_file_of_plain_lines_has_each_run_as_soon_as_it_has_ended(tmp_path):
    standings = Standings([RunSpec("flat", Constant(0.1), seed, 1, 10) for seed in range(2)])
    path, display = tmp_path / "log.txt", PlainDisplay()
    with path.open("w") as log, redirect_stdout(log):
        display.begin(standings, "Data.", Path("out"))
        assert path.read_text().splitlines() == ["Data.", "Runs: 2, each of 10 steps; results go to out"]
        run = Run("flat", "Constant(0.1)", 0, (Point(10, 0.1, 1.5, 0.5),), (Epoch(10, 1.5, 0.5, 1.5, 0.5),), 1.0)
        standings.ended(0, run)
        display.ended(0, run)
        assert path.read_text().splitlines()[-1].startswith("[1/2] flat, seed 0")


def bars(epoch, lr=0.1, width=120, judged_on="test"):
    """What a terminal's bar shows of a run after such an epoch."""
    spec, console = RunSpec("flat", Constant(0.1), 0, 3, 30), Console(file=StringIO(), width=width, force_terminal=True)
    standings, display = Standings([spec], terms=Terms(judged_on=judged_on)), TerminalDisplay(console)
    display.begin(standings, "Data.", Path("out"))
    for record in (Point(10, lr, 1.5, epoch.train_accuracy), epoch):
        standings.logged(0, record)
        display.logged(0, record)
    display.close()
    return display._bars.tasks[0].fields["news"]


def test_the_bar_of_a_run_is_that_of_its_epoch_and_another_bar_counts_all_updates():
    specs = [RunSpec("flat", Constant(0.1), seed, 3, 30) for seed in (0, 1)]
    standings, display = Standings(specs), TerminalDisplay(Console(file=StringIO(), width=120, force_terminal=True))
    display.begin(standings, "Data.", Path("out"))
    display.starting(1)
    assert display._all_bar.tasks[0].description == "starting 1 worker"
    seen = []
    for record in (
        Point(5, 0.1, 1.5, 0.5),
        Epoch(10, 1.5, 0.5, 2.5, 0.5),
        Point(15, 0.1, 1.5, 0.5),
        Point(30, 0.1, 1.5, 0.5),
    ):
        standings.logged(1, record)
        display.logged(1, record)
        (run,), (every,) = display._bars.tasks, display._all_bar.tasks
        seen.append((run.description, run.completed, run.total, every.description, every.completed, every.total))
    display.close()
    assert seen == [
        ("epoch 1/3  flat, seed 1", 5, 10, "all runs", 5, 60),
        ("epoch 2/3  flat, seed 1", 0, 10, "all runs", 5, 60),
        ("epoch 2/3  flat, seed 1", 5, 10, "all runs", 15, 60),
        ("epoch 2/3  flat, seed 1", 20, 10, "all runs", 30, 60),
    ]


def test_the_last_epoch_keeps_its_bar_and_what_runs_share_is_left_out_of_all_updates():
    specs = [RunSpec("flat", Constant(0.1), seed, 1, 10) for seed in (0, 1)]
    standings, display = Standings(specs), TerminalDisplay(Console(file=StringIO(), width=120, force_terminal=True))
    display.begin(standings, "Data.", Path("out"))
    standings.branching({1: Branch(0, 4)})
    for record in (Point(10, 0.1, 1.5, 0.5), Epoch(10, 1.5, 0.5, 2.5, 0.5)):
        standings.logged(0, record)
        display.logged(0, record)
    display.starting(2)  # for a round of seeds
    display.close()
    assert display._bars.tasks[0].description == "epoch 1/1  flat, seed 0"
    every = display._all_bar.tasks[0]
    assert (every.description, every.completed, every.total) == ("all runs", 10, 16)


def test_the_source_of_the_data_is_no_markup():
    written = StringIO()
    display = TerminalDisplay(Console(file=written, width=120, force_terminal=True))
    display.begin(Standings([RunSpec("flat", Constant(0.1), 0, 1, 10)]), "From [red]folder[/red].", Path("out"))
    display.close()
    assert "From [red]folder[/red]." in written.getvalue()
    assert "Results go to out\n" in written.getvalue()


@pytest.mark.parametrize("height", range(12, 40, 3))
def test_the_screen_fits_into_the_terminal_whatever_its_height(height):
    specs = [RunSpec(f"flat {number}", Constant(0.1), 0, 1, 30) for number in range(5)]
    console = Console(file=StringIO(), width=100, height=height, color_system=None, force_terminal=True)
    standings, display = Standings(specs), TerminalDisplay(console)
    display.begin(standings, "Data.", Path("out"))
    for number in range(5):
        for step in (10, 20):
            standings.logged(number, point := Point(step, 0.1, 15 / step, 0.5))
            display.logged(number, point)
    display._sketch_due = 0.0
    shown = Console(file=StringIO(), width=100, color_system=None)
    shown.print(display._screen())
    display.close()
    text = shown.file.getvalue()
    assert len(text.splitlines()) <= height
    assert ("train loss" in text) == (height >= 24)


def test_a_metric_of_ones_own_moves_no_bar_and_a_stop_is_announced():
    written = StringIO()
    standings = Standings([RunSpec("flat", Constant(0.1), 0, 3, 30)])
    display = TerminalDisplay(Console(file=written, width=120, force_terminal=True))
    display.begin(standings, "Data.", Path("out"))
    display.logged(0, Value(10, "val_f1", 0.5))
    assert not display._bars.tasks
    display.stopping()
    display.close()
    assert "Stopping; the runs that have finished are kept" in written.getvalue()


def test_the_bars_of_the_trials_are_gone_when_the_comparison_begins():
    display = TerminalDisplay(Console(file=StringIO(), width=120, force_terminal=True))
    for name in ("flat, trial 1", "flat"):
        standings = Standings([RunSpec(name, Constant(0.1), 0, 3, 30)])
        display.begin(standings, "Data.", Path("out"))
        standings.logged(0, point := Point(10, 0.1, 1.5, 0.5))
        display.logged(0, point)
        display.close()
    shown = Console(file=StringIO(), width=120)
    shown.print(display._screen())
    text = shown.file.getvalue()
    assert text.count("all runs") == text.count("flat, seed 0") == 1
    assert "trial" not in text


def test_a_bar_shows_the_accuracy_or_else_the_test_loss():
    assert bars(Epoch(10, 1.5, 0.25, 2.5, 0.75)).startswith("loss 1.500  accuracy 0.250  test 0.750  rate 0.1")
    assert bars(Epoch(10, 1.5, 0.25, 2.5, 0.75), width=80).startswith("accuracy 0.250  test 0.750  rate 0.1")
    assert bars(Epoch(10, 1.5, math.nan, 2.5, math.nan)).startswith("loss 1.500  test 2.500  rate 0.1")
    assert "  held-out 0.750  " in bars(Epoch(10, 1.5, 0.25, 2.5, 0.75), judged_on="held-out")


LONG = {
    "end": ("a" + 40 * "x", "b" + 40 * "x"),
    "beginning": (40 * "x" + "a", 40 * "x" + "b"),
    "middle": (40 * "x" + "a" + 40 * "x", 40 * "x" + "b" + 40 * "x"),
    "wide": (40 * "\N{CJK UNIFIED IDEOGRAPH-540D}" + "a", 40 * "\N{CJK UNIFIED IDEOGRAPH-540D}" + "b"),
}


@pytest.mark.parametrize("names", LONG.values(), ids=LONG)
@pytest.mark.parametrize("width", [60, 80, 200])
def test_bars_of_long_names_tell_them_apart(names, width):
    specs = [RunSpec(name, Constant(0.1), seed, 3, 30) for name in names for seed in (0, 1)]
    standings, display = Standings(specs), TerminalDisplay(Console(file=StringIO(), width=width, force_terminal=True))
    display.begin(standings, "Data.", Path("out"))
    for number in range(4):
        standings.logged(number, point := Point(10, 0.1, 1.5, 0.5))
        display.logged(number, point)
    display.close()
    labels = [task.description for task in display._bars.tasks]
    assert len({*labels}) == 4
    assert [label[-6:] for label in labels] == ["seed 0", "seed 1"] * 2
    assert all(label.startswith("1/3 " if width == 60 else "epoch 1/3  ") for label in labels)
    assert all(label.count("…") <= 1 for label in labels)
    shown = Console(file=StringIO(), width=width)
    shown.print(display._bars)
    lines = shown.file.getvalue().splitlines()
    assert len(lines) == len({line[: line.index("seed") + 6] for line in lines}) == 4


def test_bars_of_names_that_no_cut_tells_apart_have_their_numbers():
    names = (40 * "x" + "a" + 99 * "x", 60 * "x" + "a" + 79 * "x")
    standings = Standings([RunSpec(name, Constant(0.1), 0, 3, 30) for name in names])
    display = TerminalDisplay(Console(file=StringIO(), width=80, force_terminal=True))
    display.begin(standings, "Data.", Path("out"))
    for number in range(2):
        standings.logged(number, point := Point(10, 0.1, 1.5, 0.5))
        display.logged(number, point)
    display.close()
    assert [task.description[:15] for task in display._bars.tasks] == ["epoch 1/3  1: x", "epoch 1/3  2: x"]


def test_a_dumb_terminal_gets_plain_lines(monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    for term, kind in (("dumb", PlainDisplay), ("xterm", TerminalDisplay)):
        monkeypatch.setenv("TERM", term)
        assert type(display_here()) is kind


@pytest.mark.parametrize(
    ("width", "epoch", "news"),
    [
        (105, Epoch(10, 1.5, 0.25, 2.5, 0.75), ["loss 1.500", "accuracy 0.250", "test 0.750", "rate 0.1"]),
        (104, Epoch(10, 1.5, 0.25, 2.5, 0.75), ["accuracy 0.250", "test 0.750", "rate 0.1"]),
        (104, Epoch(10, 1.5, math.nan, 2.5, math.nan), ["loss 1.500", "rate 0.1"]),
        (43, Epoch(10, 1.5, 0.25, 2.5, 0.75), ["test 0.750", "rate 0.1"]),
        (42, Epoch(10, 1.5, 0.25, 2.5, 0.75), ["rate 0.1"]),
    ],
)
def test_a_bar_shows_as_much_as_has_room_beside_the_name(width, epoch, news):
    assert bars(epoch, width=width).split("  ") == news


@pytest.mark.parametrize(
    ("seconds", "left"), [(0.4, "0:00 left"), (10.0, "0:10 left"), (59.6, "1:00 left"), (750.0, "12:30 left")]
)
def test_the_time_that_is_left_is_in_minutes_and_seconds(monkeypatch, seconds, left):
    display = TerminalDisplay(Console(file=StringIO(), width=120, force_terminal=True))
    standings = Standings([RunSpec("flat", Constant(0.1), 0, 3, 30)])
    display.begin(standings, "Data.", Path("out"))
    display.close()
    for step, now in ((10, 5.0), (20, 5.0 + seconds)):
        monkeypatch.setattr("stepsize.lab.displays.time", SimpleNamespace(monotonic=lambda now=now: now))
        standings.logged(0, point := Point(step, 0.1, 1.5, 0.5))
        display.logged(0, point)
    assert display._bars.tasks[0].fields["news"].split("  ")[-1] == left


def test_a_bar_shows_the_time_that_is_left_from_the_second_record_on():
    assert not bars(Epoch(10, 1.5, 0.25, 2.5, 0.75)).endswith("left")
    assert re.search(r"\d:\d\d left$", bars(Epoch(20, 1.5, 0.25, 2.5, 0.75)))


def test_the_time_that_is_left_follows_from_the_updates_that_were_seen(monkeypatch):
    """A run that is resumed at step 10 has not made the updates before it now."""
    display = TerminalDisplay(Console(file=StringIO(), width=120, force_terminal=True))
    standings = Standings([RunSpec("flat", Constant(0.1), 0, 3, 30)])
    display.begin(standings, "Data.", Path("out"))
    display.close()
    for step, seconds in ((10, 0.0), (20, 10.0)):
        monkeypatch.setattr("stepsize.lab.displays.time", SimpleNamespace(monotonic=lambda seconds=seconds: seconds))
        standings.logged(0, point := Point(step, 0.1, 1.5, 0.5))
        display.logged(0, point)
    assert display._bars.tasks[0].fields["news"].endswith("0:10 left")


def test_a_bar_shows_the_rate_that_was_logged():
    """The trials of tune_peak run at other rates than the schedule says."""
    assert "  rate 100" in bars(Epoch(10, 1.5, 0.25, 2.5, 0.75), lr=100.0)


def test_a_notebook_shows_schedules_as_curves_and_a_comparison_as_one_growing_figure(tmp_path, monkeypatch):
    monkeypatch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    code = f"""
from stepsize.lab import Experiment, compare
comparison = compare(Experiment({{"flat": "Constant(0.1)"}}, task="digits", epochs=2), {str(tmp_path / "out")!r})
"""
    schedule = "import stepsize as ss\nss.Linear(0.0, 0.3, 5) >> ss.Cosine(0.3, 0.0, 20)"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in (schedule, code)])
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    (output,) = notebook.cells[0].outputs
    assert output.data["image/svg+xml"].startswith("<svg")
    assert output.data["text/plain"] == "Linear(0.0, 0.3, 5) >> Cosine(0.3, 0.0, 20)"
    outputs = notebook.cells[1].outputs
    figures = [output for output in outputs if output.output_type == "display_data"]
    assert len(figures) == 1, "one figure, updated in place"
    assert "image/png" in figures[0].data
    text = "".join(output.text for output in outputs if output.output_type == "stream" and output.name == "stdout")
    assert "flat, seed 0: train loss" in text
