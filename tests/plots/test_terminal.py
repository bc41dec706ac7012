import re
import subprocess
import sys

import numpy as np
import pytest
from made_up import made_up_run
from rich.console import Console

from stepsize import Constant, Cosine, Linear, one_cycle
from stepsize.errors import ArgumentError
from stepsize.plots import sketch_curves, sketch_losses, sketch_schedules
from stepsize.plots.terminal import has_colours

PLANS = [Linear(0.0, 0.3, 500) >> Cosine(0.3, 0.01, 9500), Constant(0.1)]


def bare(picture):
    return re.sub(r"\x1b\[[0-9;]*m", "", picture)


@pytest.mark.parametrize("width", [30, 40, 80, 200])
@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("ascii_only", [False, True])
@pytest.mark.parametrize("count", [1, 2, 20])
def test_no_line_is_longer_than_the_width(width, colour, ascii_only, count):
    plans = (PLANS * 10)[:count]
    picture = sketch_schedules(plans, width=width, colour=colour, ascii_only=ascii_only)
    lines = bare(picture).splitlines()
    assert max(map(len, lines)) <= width
    assert max(map(len, lines)) >= width - 1
    assert bare(picture).isascii() or not ascii_only
    assert ("\x1b" in picture) == colour


def test_the_curve_lies_where_it_should():
    lines = sketch_schedules([Linear(0.0, 0.3, 1000)], width=60, height=10).splitlines()
    assert lines[0] == "learning rate"
    body = lines[1:11]
    assert body[0].startswith("0.3 ┤")
    labels = {row: line.split()[0] for row, line in enumerate(body) if "┤" in line}
    assert (labels[0], labels[3], labels[6], labels[9]) == ("0.3", "0.2", "0.1", "0")
    assert body[0].rstrip()[-1] not in "┤│"
    assert len(body[0]) == 60
    assert body[-1].startswith("  0 ┤▗") or body[-1].startswith("  0 ┤▄") or body[-1].startswith("  0 ┤▞")
    assert lines[12].split() == ["0", "1,000", "steps"]
    assert lines[13] == "▀▀ Linear(0.0, 0.3, 1000)"


def test_whole_pictures_on_every_scale_and_in_every_form():
    up = {"up": ([0, 1000, 2000], [0.0, 0.1, 0.3])}
    assert sketch_curves(up, title="rate", width=30, height=4) == (
        "rate\n"
        "0.3 ┤                     ▄▄▞▀\n"
        "0.2 ┤               ▗▄▄▀▀▀\n"
        "0.1 ┤        ▄▄▄▄▄▀▀▘\n"
        "  0 ┤▄▄▄▀▀▀▀▀\n"
        "    └─────────────────────────\n"
        "     0             2,000 steps\n"
        "▀▀ up"
    )
    crossing = up | {"down": ([0, 1500], [0.3, -0.1])}
    assert sketch_curves(crossing, title="rate", width=32, height=5, ascii_only=True) == (
        "rate\n"
        " 0.3 +xxx                   oooo\n"
        " 0.2 +   xxxxx        oooooo\n"
        " 0.1 +       oxxxxoooo\n"
        "   0 +ooooooo     xxxxx\n"
        "-0.1 +                 xxx\n"
        "     +--------------------------\n"
        "      0              2,000 steps\n"
        "oo up\n"
        "xx down"
    )
    assert sketch_curves({"a": ([0, 3], [1e-4, 1.0])}, width=30, height=5) == (
        " 1e0 ┤                    ▄▄▞▀\n"
        "1e-1 ┤              ▗▄▄▀▀▀\n"
        "1e-2 ┤         ▗▄▄▀▀▘\n"
        "1e-3 ┤    ▄▄▄▀▀▘\n"
        "1e-4 ┤▄▞▀▀\n"
        "     └────────────────────────\n"
        "      0                3 steps\n"
        "▀▀ a"
    )
    blue, red = ("\x1b[38;2;" + colour + "▀\x1b[0m" for colour in ("0;114;178m", "213;94;0m"))
    high = {"a": ([0, 3], [2.0, 2.0]), "b": ([0, 3], [3.0, 3.0])}
    assert sketch_curves(high, width=30, height=4, colour=True) == (
        f"3 ┤{red * 27}\n2 ┤{blue * 27}\n1 ┤\n0 ┤\n"
        "  └───────────────────────────\n"
        "   0                   3 steps\n"
        "\x1b[38;2;0;114;178m▀▀\x1b[0m a\n"
        "\x1b[38;2;213;94;0m▀▀\x1b[0m b"
    )


def test_several_curves_have_marks_of_their_own():
    picture = sketch_schedules({"up": Linear(0.0, 0.3, 100), "flat": Constant(0.1)}, width=60)
    assert picture.splitlines()[-2:] == ["oo up", "xx flat"]
    assert picture.count("o") > 20
    assert picture.count("x") > 20


def test_the_log_scale_is_chosen_as_on_paper():
    assert "1e-6 ┤" in sketch_schedules([one_cycle(0.1, 1000)])


def test_long_texts_are_wrapped_whole():
    plan = Linear(0.0, 0.3, 10)
    for _ in range(20):
        plan = plan >> Linear(0.3, 0.1, 10)
    legend = sketch_schedules([plan], width=50).split("▀▀ ")[-1]
    assert " ".join(legend.split()) == str(plan)


def test_curves_are_drawn_in_the_form_asked_for():
    curves = {"a": ([0, 1], [1.0, 2.0]), "b": ([0, 1], [2.0, 1.0])}
    short, coloured = (sketch_curves(curves, width=40, height=5, colour=colour, ascii_only=True) for colour in (0, 1))
    assert [len(bare(picture).splitlines()) for picture in (short, coloured)] == [9, 9]
    assert max(map(len, short.splitlines())) == 40
    assert short.isascii()
    assert "\x1b" not in short
    assert bare(coloured) == short != coloured


def test_a_picture_is_never_too_small_to_be_read():
    small = sketch_schedules(PLANS, width=1, height=1)
    assert small == sketch_schedules(PLANS, width=30, height=4)


def test_values_that_are_not_finite_are_left_out():
    picture = sketch_curves({"a": ([0, 1, 2, 3], [1.0, np.nan, np.inf, 2.0]), "b": ([], [])}, title="loss")
    assert picture.startswith("loss\n")
    assert picture.splitlines()[-1] == "▀▀ a"


@pytest.mark.parametrize("curves", [{}, {"a": ([], [])}, {"a": ([1], [np.nan])}])
def test_nothing_to_draw_yet(curves):
    assert sketch_curves(curves, title="loss") == "loss: nothing to draw yet"


@pytest.mark.parametrize("y", [[0.0], [0.5], [-1.0, -1.0], [0.0, 0.0], [1e-300, 1e-300], [1e300, 1.0]])
def test_unusual_ranges_can_be_drawn(y):
    assert sketch_curves({"a": (range(len(y)), y)}).splitlines()[-1] == "▀▀ a"


def test_steps_and_values_of_different_lengths_are_refused():
    rule = r"curves\['a'\]=\.\.\.\) must be steps and values of one length, got "
    with pytest.raises(ArgumentError, match=rule + r"\(\(2,\), \(1,\)\)"):
        sketch_curves({"a": ([0, 1], [1.0])})
    with pytest.raises(ArgumentError, match=rule + r"\(\(\), \(\)\)"):
        sketch_curves({"a": (1, 2.0)})


@pytest.mark.parametrize(
    ("system", "no_color", "colours"),
    [("truecolor", False, True), ("256", False, True), ("standard", False, False), ("256", True, False)],
)
def test_a_terminal_has_colours_if_it_can_show_ours_and_its_user_wants_them(system, no_color, colours):
    assert has_colours(Console(color_system=system, no_color=no_color, force_terminal=True)) == colours


def test_nothing_to_draw_is_reported_without_a_title_too():
    assert sketch_curves({}) == "nothing to draw yet"


def test_losses_are_one_curve_for_each_name():
    runs = [made_up_run("cosine", Cosine(0.2, 0.02, 300), seed) for seed in range(3)]
    runs.append(made_up_run("too hot", Constant(9.0), diverges=True))
    lines = sketch_losses(runs, width=70).splitlines()
    assert lines[0] == "train loss"
    assert lines[-2:] == ["oo cosine", "xx too hot (diverged)"]
    highest = max(float(line.split()[0]) for line in lines if "┤" in line or "|" in line)
    assert highest <= max(run.column("train_loss").max() for run in runs[:3]) < runs[3].column("train_loss")[-2]
    assert sketch_losses([]) == "train loss: nothing to draw yet"


def test_a_seed_that_diverged_is_left_out_of_the_mean_of_the_others():
    cosine = made_up_run("cosine", Cosine(0.2, 0.02, 300))
    bad = made_up_run("cosine", Cosine(0.2, 0.02, 300), 1, diverges=True)
    assert sketch_losses([cosine, bad]) == sketch_losses([cosine])
    shown = sketch_losses([bad, cosine], ascii_only=True)
    assert shown.endswith("\noo cosine")
    assert len(shown.splitlines()) == 16  # 12 of the curve


@pytest.mark.parametrize(
    ("count", "colour", "marks"),
    [
        (7, True, ["▀▀"] * 7),
        (8, True, ["oo", "xx", "++", "**", "##", "@@", "%%", "&&"]),
        (34, False, ["oo", "xx", "zz", "oo"]),
    ],
)
def test_more_curves_than_colours_have_marks_and_these_begin_again_after_the_last(count, colour, marks):
    curves = {str(index): ([0, 1], [1.0, 2.0]) for index in range(count)}
    shown = [bare(line).split()[0] for line in sketch_curves(curves, colour=colour).splitlines()[-count:]]
    assert [*shown[:2], *shown[2 - len(marks) :]] == marks


def test_zero_is_in_the_picture_of_negative_values():
    lines = sketch_curves({"a": ([0, 1], [-2.0, -1.0])}, width=30).splitlines()
    assert lines[0].split() == ["0", "┤"]
    assert lines[15].startswith("  -2 ┤▄")


def test_a_legend_has_no_control_characters_and_wraps_at_the_width():
    lines = sketch_curves({"red\x1b[31m " + "word " * 8: ([0], [1.0])}, width=30).splitlines()
    assert lines[-2:] == ["▀▀ red [31m word word word", "   word word word word word"]


WITHOUT = """
import sys
sys.modules["matplotlib"] = None
import stepsize
from stepsize.plots import sketch_schedules
print(sketch_schedules([stepsize.Linear(0.0, 0.3, 500)]))
stepsize.Linear(0.0, 0.3, 500)._repr_svg_()
assert not [name for name in sys.modules if name.startswith("matplotlib.")]
try:
    stepsize.Linear(0.0, 0.3, 500).plot()
except stepsize.StepsizeError as error:
    print(type(error).__name__, error)
"""


def test_without_matplotlib_only_pictures_in_text_can_be_made():
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True)
    assert "▀▀ Linear(0.0, 0.3, 500)" in done.stdout
    assert "MissingExtraError matplotlib is not installed" in done.stdout
    assert "pip install '.[plots]' in a clone of stepsize" in done.stdout


def test_values_at_the_end_of_the_floats_are_drawn():
    picture = sketch_schedules([Constant(1e308), Constant(-1e308)])
    assert " 1e+308 ┤ooo" in picture
    assert "-1e+308 ┤xxx" in picture
    assert "1.7e+308 ┤" in sketch_schedules([Linear(-1.7e308, 1.7e308, 10)])
    assert "1e+308 ┤" in sketch_schedules([Constant(1.7e308)])
