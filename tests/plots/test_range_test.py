import math
import re

import numpy as np
import pytest
from matplotlib import pyplot

from stepsize import Geometric, Linear
from stepsize.curves.range_test import RangeRun, RangeTest
from stepsize.curves.suggestions import Suggestions
from stepsize.errors import ArgumentError
from stepsize.plots import Picture, plot_range_test, save_figure, sketch_range_test

RATES = np.geomspace(1e-6, 10.0, 100)
LOSSES = 1.0 + 1.0 / (1.0 + np.exp(3.0 * (np.log10(RATES) + 3.0))) + np.exp(6.0 * (np.log10(RATES) + 0.5))
SWEEP = Geometric(1e-6, 10.0, 99)


def seen(*losses, stopped="diverged", **settings):
    return RangeTest(SWEEP, [RangeRun(each, stopped) for each in losses or (LOSSES[:90],)], **settings)


NOTHING = {
    "flat": seen([2.3] * 100, stopped="end"),
    "at once": seen([2.0, 90.0]),
    "one": seen([2.0]),
    "none": seen([], stopped="not finite"),
    "rising": seen(np.linspace(1.0, 1e3, 100), stopped="end"),
    "negative": seen(-np.linspace(1.0, 1.1, 100), stopped="end"),
    "huge": seen([1e300] * 50 + [1e308]),
}


@pytest.fixture(autouse=True)
def _closed():
    yield
    pyplot.close("all")


def texts(legend):
    return [text.get_text().replace("\n", " ") for text in legend.get_texts()]


def test_the_losses_are_over_their_rates_on_a_log_scale_and_the_smoothed_ones_end_with_the_curve():
    test = seen()
    ax = plot_range_test(test)
    raw, smooth = ax.lines[:2]
    assert np.array_equal(raw.get_xdata(), test.rates)
    shown = np.asarray(raw.get_ydata())
    inside = test.losses <= ax.get_ylim()[1]
    assert np.array_equal(shown[inside], test.losses[inside])
    assert {*shown[~inside]} <= {*test.losses} | {2 * ax.get_ylim()[1] - ax.get_ylim()[0]}
    assert shown.max() == 2 * ax.get_ylim()[1] - ax.get_ylim()[0]
    assert np.array_equal(smooth.get_ydata(), test.smoothed)
    assert np.array_equal(smooth.get_xdata(), test.rates[: len(test.smoothed)])
    assert ax.get_xscale() == "log"
    assert ax.get_xlabel() == "learning rate"


def test_equal_differences_are_on_a_linear_scale():
    test = RangeTest(Linear(0.01, 1.0, 99), [RangeRun(LOSSES, "end")])
    assert plot_range_test(test).get_xscale() == "linear"
    found = Suggestions(steepest=0.1, valley=0.25, tenth_of_minimum=0.1, largest_stable=0.9)
    lines = sketch_range_test(test, found, width=100).splitlines()
    legend = next(line for line in lines if "valley" in line)
    (row,) = [line for line in lines[1:17] if legend[0] in line]
    start = lines[17].index("└") + 1
    assert (row.index(legend[0]) - start) / (100 - start) == pytest.approx((0.25 - 0.01) / (1.0 - 0.01), abs=0.03)


def test_each_suggestion_is_marked_on_the_curve_and_named_in_the_legend():
    test = seen()
    found = test.suggest()
    ax = plot_range_test(test, found)
    marks = [line for line in ax.lines if line.get_marker() in ("o", "s", "D", "^")]
    assert [float(mark.get_xdata()[0]) for mark in marks] == list(found.by_rule.values())
    low, high = test.smoothed.min(), test.smoothed.max()
    assert all(low <= float(mark.get_ydata()[0]) <= high for mark in marks)
    on_curve = np.interp(np.log([*found.by_rule.values()]), np.log(test.rates[: len(test.smoothed)]), test.smoothed)
    assert [float(mark.get_ydata()[0]) for mark in marks] == pytest.approx(on_curve)
    named = texts(ax.get_legend())
    assert named[:3] == ["loss of each update", "smoothed", "diverged"]
    assert [name.partition(":")[0] for name in named[3:]] == list(found.by_rule)
    suggested = [name for name in named if name.endswith("(suggested)")]
    assert suggested == [
        f"{rule}: {found.rate:.2g} (suggested)" for rule, r in found.by_rule.items() if r == found.rate
    ]
    handles = ax.get_legend().legend_handles[3:]
    looks = [[(each.get_color(), each.get_marker()) for each in lines] for lines in (marks, handles)]
    assert looks[0] == looks[1]
    assert len({*looks[0]}) == len(marks)
    upright = [line for line in ax.lines if list(line.get_ydata()) == [0, 1]]
    assert [line.get_xdata()[0] for line in upright] == list(found.by_rule.values())
    assert [line.get_color() for line in upright] == [color for color, _ in looks[0]]


def test_the_view_holds_the_descent_and_a_cross_marks_where_the_loss_leaves_it():
    ax = plot_range_test(seen())
    low, high = ax.get_ylim()
    assert 0.8 < low < 1.0
    assert 2.0 < high < 3.0
    crosses = [line for line in ax.lines if line.get_marker() == "x"]
    assert [line.get_xdata()[0] for line in crosses] == [pytest.approx(RATES[89])]
    spike = np.where(np.arange(90) == 30, 50.0, LOSSES[:90])
    assert plot_range_test(seen(spike)).get_ylim()[1] < 4.0
    within = plot_range_test(seen(LOSSES[:60], stopped="end"))
    assert not [line for line in within.lines if line.get_marker() == "x"]
    assert texts(within.get_legend()) == ["loss of each update", "smoothed"]
    stopped = seen(LOSSES[:60], stopped="not finite")
    assert len(stopped.smoothed) == 60
    assert texts(plot_range_test(stopped).get_legend()) == ["loss of each update", "smoothed", "no finite number next"]


@pytest.mark.parametrize(
    ("losses", "ends"),
    [
        ([2.0, 1.0, 2.0, 9.0], (1.0 - 0.08, 2.0 + 0.08)),  # up to the last loss that is not above the first ones
        ([2.0, 1.0, 3.0, 1.5, 9.0], (1.0 - 0.08 * 1.6, 2.6 + 0.08 * 1.6)),  # 0.6 of the descent above its beginning
        ([2.0, 1.0, 2.1, 1.5, 9.0], (1.0 - 0.08 * 1.1, 2.1 + 0.08 * 1.1)),
        ([2.0, 1.0], (1.0 - 0.08 * 0.8, 1.8 + 0.08 * 0.8)),
        ([2.0] * 4, (1.8, 2.2)),
        ([-2.0], (-2.2, -1.8)),
        ([0.0], (-1.0, 1.0)),
        ([], (0.0, 1.0)),
    ],
)
def test_the_losses_in_view_have_a_little_room(losses, ends):
    assert plot_range_test(seen(losses, stopped="end")).get_ylim() == pytest.approx(ends)


@pytest.mark.parametrize(
    ("stopped", "words"), [("end", "out of view"), ("diverged", "diverged"), ("not finite", "no finite number next")]
)
def test_the_legend_says_what_the_cross_stands_for(stopped, words):
    legend = plot_range_test(seen(LOSSES[:95], stopped=stopped)).get_legend()
    assert texts(legend)[-1] == words
    assert [handle.get_marker() for handle in legend.legend_handles][-1] == "x"


def test_nothing_is_marked_unless_it_is_given():
    test = seen()
    assert len(plot_range_test(test).lines) == 3
    assert len(texts(plot_range_test(test).get_legend())) == 3
    assert "minimum" not in sketch_range_test(test)


def test_several_runs_are_their_mean_in_a_band():
    test = seen(LOSSES[:80], LOSSES[:90] + 0.1)
    ax = plot_range_test(test)
    assert texts(ax.get_legend())[0] == "mean of 2 runs"
    low, high = ax.get_ylim()
    drawn = {(x, y) for x, y in ax.collections[0].get_paths()[0].vertices}
    assert drawn == {*zip([*test.rates] * 2, np.clip(test.band, None, 2 * high - low).ravel(), strict=True)}
    assert np.array_equal(ax.lines[0].get_ydata()[:50], test.losses[:50])


@pytest.mark.parametrize("test", NOTHING.values(), ids=NOTHING)
def test_every_picture_has_the_reason_if_there_is_no_suggestion(test, tmp_path):
    figure = plot_range_test(test, test.suggest(), Picture()).figure
    assert save_figure(figure, tmp_path / "nothing.png").stat().st_size > 1000
    (ax,) = figure.axes
    assert texts(ax.get_legend())[-1].startswith("No suggestion: ")
    assert ax.get_legend().legend_handles[-1].get_linestyle() == "None"
    assert ax.get_window_extent().height / figure.dpi > 2
    sketched = sketch_range_test(test, test.suggest(), width=70)
    assert " ".join(test.suggest().reason.split()[:4]) in sketched.replace("\n", " ")


def test_validation_losses_are_called_so():
    test = RangeTest(SWEEP, [RangeRun(LOSSES[:90], "diverged", None, LOSSES[:90] + 1.0)])
    assert plot_range_test(test).get_ylabel() == "validation loss"


def test_it_draws_on_given_axes_and_leaves_their_figure_alone():
    figure, axes = pyplot.subplots(1, 2)
    size = tuple(figure.get_size_inches())
    assert plot_range_test(seen(), ax=axes[0]) is axes[0]
    assert tuple(figure.get_size_inches()) == size
    assert not axes[1].lines


def test_the_losses_of_the_grid_are_drawn_below_over_the_same_rates():
    test = seen()
    trained = {0.01: [1.2, 1.4], 0.001: [1.5, 1.5], 1.0: [1.1, math.nan], 10.0: [math.nan] * 2}
    figure = plot_range_test(test, test.suggest(), trained=trained).figure
    above, below = figure.axes
    assert below.get_shared_x_axes().joined(above, below)
    assert below.lines[0].get_xydata().tolist() == [[0.001, 1.5], [0.01, pytest.approx(1.3)]]
    dots = [line for line in below.lines if line.get_marker() == "o"]
    assert sum(len(line.get_xdata()) for line in dots) == 5
    (left,) = [line for line in above.lines if line.get_marker() == "x"]
    assert left.get_xydata().tolist() == [[test.rates[-1], above.get_ylim()[1]]]
    crosses = [line for line in below.lines if line.get_marker() == "x"]
    assert [line.get_xdata()[0] for line in crosses] == [1.0, 10.0]
    assert below.get_ylim() == pytest.approx((1.1 - 0.08 * 0.4, 1.5 + 0.08 * 0.4))
    assert {line.get_ydata()[0] for line in crosses} == {below.get_ylim()[1]}
    assert [ax.get_xscale() for ax in (above, below)] == ["log", "log"]
    assert [ax.get_xlabel() for ax in (above, below)] == ["", "learning rate"]
    assert [ax.get_ylabel() for ax in (above, below)] == ["loss", "loss after training"]
    upright = [line.get_xdata()[0] for line in below.lines if list(line.get_ydata()) == [0, 1]]
    assert upright == list(test.suggest().by_rule.values())
    assert below.get_legend() is not None
    assert above.get_legend() is None


def test_a_test_of_one_update_is_drawn_over_all_rates_that_were_planned():
    assert plot_range_test(NOTHING["one"]).get_xlim() == pytest.approx((1e-6, 10.0))


def test_a_grid_without_any_loss_is_drawn_as_crosses_and_an_empty_one_is_refused():
    plot_range_test(seen(), trained={0.1: [math.nan]}).figure.draw_without_rendering()
    below = plot_range_test(seen(), ax=Picture(), trained={0.1: [2.0]}).figure.axes[1]
    assert below.get_ylim() == pytest.approx((1.8, 2.2))
    assert below.figure.get_figheight() == pytest.approx(
        2 * 2.7 + below.get_legend().get_window_extent().height / below.figure.dpi
    )
    with pytest.raises(ArgumentError, match="leave it out if there is none"):
        plot_range_test(seen(), trained={})


# In a terminal.


@pytest.mark.parametrize("width", [30, 60, 120])
@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_no_line_is_longer_than_the_width(width, colour, ascii_only):
    for test in (seen(), *NOTHING.values()):
        picture = re.sub(
            r"\x1b\[[0-9;]*m",
            "",
            sketch_range_test(test, test.suggest(), width=width, colour=colour, ascii_only=ascii_only),
        )
        assert max(map(len, picture.splitlines())) <= width
        assert picture.isascii() or not ascii_only
        narrow = sketch_range_test(test, test.suggest(), width=10, ascii_only=ascii_only)
        assert narrow == sketch_range_test(test, test.suggest(), width=30, ascii_only=ascii_only)


def test_the_foot_has_the_rates_and_the_legend_the_suggestions():
    test = seen()
    lines = sketch_range_test(test, test.suggest(), width=80).splitlines()
    assert lines[0] == "loss over learning rate"
    assert lines[18].split() == ["1e-06", f"{test.rates[-1]:.2g}"]
    numbers = [float(line.split()[0]) for line in lines[1:17] if "┤" in line]
    assert (max(numbers) < 3.0, min(numbers) > 0.8) == (True, True)
    assert [line[3:].partition(":")[0] for line in lines[-4:]] == list(test.suggest().by_rule)


def test_whole_pictures_over_both_kinds_of_rates():
    test = seen()
    assert sketch_range_test(test, test.suggest(), width=44, height=6, ascii_only=True) == (
        "loss over learning rate\n"
        "  2 +oooooooooooo                     oooooo\n"
        "1.8 +           oooooo                o\n"
        "1.6 +                oo               o\n"
        "1.4 +                  xo            o\n"
        "1.2 +                    +*o        oo\n"
        "    |                      oooooooo#o\n"
        "    +---------------------------------------\n"
        "     1e-06                                 2\n"
        "oo loss of each update\n"
        "xx steepest: 0.00093\n"
        "++ valley: 0.0019\n"
        "** tenth of minimum: 0.0028 (suggested)\n"
        "## largest stable: 0.1"
    )
    short = RangeTest(Linear(0.01, 1.0, 9), [RangeRun([3.0, 2.5, 2.2, 2.0, 1.9, 2.0, 2.4], "end")])
    assert sketch_range_test(short, short.suggest(), width=40, height=6) == (
        "loss over learning rate\n"
        "2.8 ┤▀▄\n"
        "2.6 ┤  ▀▚▖\n"
        "    │    ▝▜▄▖\n"
        "2.4 ┤       ▝▀▚▄                     ▗▞▀\n"
        "2.2 ┤           ▀▀▚▄▄▖            ▗▄▀▘\n"
        "  2 ┤                ▝▀▀▀▚▄▄▄▄▄▀▀▀▘\n"
        "    └───────────────────────────────────\n"
        "     0.01                           0.67\n"
        "▀▀ loss of each update\n"
        "No suggestion: there are only 7 updates;\n"
        "a curve takes at least 10"
    )


def test_a_mark_stands_at_its_rate():
    test = seen()
    lines = sketch_range_test(test, test.suggest(), width=100).splitlines()
    legend = next(line for line in lines if "tenth of minimum" in line)
    rows = [line for line in lines[1:17] if legend[0] in line]
    start = lines[17].index("└") + 1
    place = (rows[0].index(legend[0]) - start) / (100 - start)
    expected = math.log10(test.suggest().tenth_of_minimum / test.rates[0]) / math.log10(test.rates[-1] / test.rates[0])
    assert place == pytest.approx(expected, abs=0.03)
