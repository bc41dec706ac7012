import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib import pyplot

from stepsize import Constant, Cosine, Exponential, Function, Linear, MultiStep, Plan, Table, one_cycle, parse
from stepsize.errors import ArgumentError, StepError
from stepsize.plots import Picture, plot_plan, plot_schedules


def drawn(ax, index=0):
    line = ax.lines[index]
    return np.asarray(line.get_xdata()), np.asarray(line.get_ydata())


def legend_of(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_the_legend_is_in_the_schedules_own_words():
    plans = [Linear(0.0, 0.3, 500) >> Cosine(0.3, 0.01, 9500), Constant(0.1)]
    assert legend_of(plot_schedules(plans)) == [str(plan) for plan in plans]


def test_a_mapping_names_its_schedules_and_labels_name_a_list():
    plans = {"warm": Linear(0.0, 0.3, 500), "flat": Constant(0.1)}
    assert legend_of(plot_schedules(plans)) == ["warm", "flat"]
    assert legend_of(plot_schedules(list(plans.values()), labels=["a", "b"])) == ["a", "b"]


@pytest.mark.parametrize("label", ["_hidden", "$\\frac{$", "<b>", "two\nlines", ""])
def test_a_label_is_shown_as_it_is(label):
    assert legend_of(plot_schedules({label: Constant(0.1)})) == [" ".join(label.split())]


def test_42_curves_differ_in_their_colours_or_their_dashes_and_six_in_both():
    lines = plot_schedules([Constant(0.1 + i) for i in range(42)]).lines
    looks = [(line.get_color(), str(line._dash_pattern)) for line in lines]
    assert len(set(looks)) == 42
    assert [len(set(each)) for each in zip(*looks[:6], strict=True)] == [6, 6]


def test_both_ends_are_drawn():
    x, y = drawn(plot_schedules([Linear(0.0, 0.3, 500) >> Cosine(0.3, 0.01, 9500)]))
    assert (x[0], x[-1]) == (0, 10_000)
    assert (y[0], y[-1]) == (0.0, 0.01)


def test_the_axes_are_returned_and_a_second_call_adds_to_them():
    _, ax = pyplot.subplots()
    assert plot_schedules([Constant(0.1)], ax) is ax
    assert Linear(0.0, 0.3, 500).plot(ax) is ax
    assert legend_of(ax) == ["Constant(0.1)", "Linear(0.0, 0.3, 500)"]
    assert ax.lines[0].get_color() != ax.lines[1].get_color()


def test_a_shorter_schedule_that_is_added_leaves_the_longer_one_in_view():
    ax = plot_schedules([Linear(0.0, 0.3, 500)])
    assert plot_schedules([Linear(0.3, 0.0, 50)], ax).get_xlim()[1] >= 500


@pytest.mark.parametrize("schedule", [one_cycle(0.1, 1000), Exponential(0.6, 0.99)])
def test_a_range_of_more_than_a_thousand_is_on_a_log_scale(schedule):
    assert plot_schedules([schedule]).get_yscale() == "log"


def test_rates_that_reach_zero_are_on_a_linear_scale_from_zero():
    ax = plot_schedules([Linear(0.0, 0.3, 500), Constant(1e-6)])
    assert ax.get_yscale() == "linear"
    assert ax.get_ylim() == (0, pytest.approx(0.315))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step", "learning rate")
    assert all(line.get_visible() for line in [*ax.get_xgridlines(), *ax.get_ygridlines()])
    assert [ax.spines[side].get_visible() for side in ("left", "bottom", "top", "right")] == [True, True, False, False]


def test_rates_of_zero_throughout_have_an_axis_up_to_one_and_a_log_axis_of_the_user_stays():
    assert plot_schedules([Constant(0.0)]).get_ylim() == (0, 1)
    _, ax = pyplot.subplots()
    ax.set_yscale("log")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plot_schedules([Constant(0.1)], ax)
    assert ax.get_yscale() == "log"
    assert ax.get_ylim()[0] > 0


def test_negative_values_are_in_view():
    assert plot_schedules([-Linear(0.0, 0.3, 500)]).get_ylim()[0] < -0.3


def test_a_jump_in_a_short_schedule_is_upright():
    x, y = drawn(plot_schedules([MultiStep(0.5, 0.5, (3, 8))]))
    jumps = np.flatnonzero(np.diff(y))
    assert np.allclose(x[jumps + 1], [3, 8])
    assert (x[jumps + 1] - x[jumps] < 1e-6).all()


@pytest.mark.parametrize("steps", [7, 10, 4_095, 4_096, 100_000, 10_000_000])
def test_a_curve_has_about_2000_points_at_most_and_misses_no_restart(steps):
    schedule = Cosine(0.2, 0.02, steps).repeat(9, scale=0.9)
    x, y = drawn(plot_schedules([schedule]))
    assert len(x) <= 2_000
    assert (np.diff(x) > 0).all()
    restarts = np.flatnonzero(np.diff(y) > 0.05)
    assert len(restarts) == 8
    assert np.allclose(x[restarts + 1], steps * np.arange(1, 9), rtol=1e-3)
    assert (x[restarts + 1] - x[restarts]).max() <= max(1e-6, 9 * steps / 2**18 + 1)


def test_a_spike_of_one_step_in_a_hundred_thousand_is_seen():
    spike = Constant(0.1, 70_001) >> Constant(0.9, 1) >> Constant(0.1, 30_000)
    assert drawn(plot_schedules([spike]))[1].max() == 0.9


def test_a_function_of_the_step_is_asked_for_whole_steps_only():
    values = [0.1, 0.5, 0.2, 0.2]
    x, y = drawn(plot_schedules([2.0 * Function(lambda step: values[step])], steps=3))
    assert x.tolist() == [0, 1, 2, 3]
    assert y.tolist() == [0.2, 1.0, 0.4, 0.4]


def test_endless_schedules_are_drawn_as_far_as_the_longest_other():
    ax = plot_schedules([Exponential(0.3, 0.99), Linear(0.0, 0.3, 50), Linear(0.0, 0.3, 70)])
    assert [drawn(ax, i)[0][-1] for i in range(3)] == [70, 50, 70]


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("Constant(0.1)", 1000),
        ("InversePower(0.1)", 1000),
        ("noam(512, 4000)", 4 * 3999),  # its peak is at a quarter of the picture
        ("2 * noam(512, 4000)", 4 * 3999),
        ("Staircase(0.1, 0.5, 10000)", 5 * 10_000),
        ("Staircase(0.1, 0.5, 100).every(400).shift(7)", 5 * 100 * 400 + 7),
        ("Linear(0, 0.1, 300) >> Staircase(0.1, 0.5, 10000)", 300 + 5 * 10_000),
        ("Exponential(0.1, 0.5, 5000)", 10_000),
        ("cyclic(0.1, 0.2, 2000, 2000)", 4 * 4000),
    ],
)
def test_an_endless_schedule_is_drawn_until_one_sees_what_it_does(text, steps):
    assert drawn(plot_schedules([parse(text)]))[0][-1] == steps


def test_all_are_drawn_over_the_steps_asked_for():
    ax = plot_schedules([Constant(0.3), Linear(0.0, 0.3, 50), Linear(0.0, 0.3, 500)], steps=100)
    assert [drawn(ax, i)[0][-1] for i in range(3)] == [100, 100, 100]
    assert ax.get_xlim() == pytest.approx((-2, 102))


def test_a_plan_has_a_panel_for_each_hyperparameter_over_the_steps_asked_for():
    plan = Plan(lr=Linear(0.3, 0.0, 50), momentum=(Constant(0.8), Constant(0.9)))
    axes = plot_plan(plan, Picture(), steps=100)
    assert [ax.get_ylabel() for ax in axes] == ["lr", "momentum"]
    assert [len(ax.lines) for ax in axes] == [1, 2]
    assert [drawn(ax)[0][-1] for ax in axes] == [100, 100]
    assert [drawn(ax)[0][-1] for ax in plot_plan(plan, Picture())] == [50, 50]
    assert legend_of(axes[1]) == [f"{name}: {schedule}" for name, schedule in plan.schedules.items()]
    assert axes[0].get_legend() is None
    looks = [line.get_color() for ax in axes for line in ax.lines]
    assert [handle.get_color() for handle in axes[1].get_legend().legend_handles] == looks
    assert len({*looks}) == 3
    assert axes[0].get_ylim() == (0, pytest.approx(1.05 * 0.3))
    longer = Plan(lr=Linear(0.3, 0.0, 50), momentum=Linear(0.9, 0.8, 70))
    assert [drawn(ax)[0][-1] for ax in plot_plan(longer, Picture())] == [70, 70]
    again = plot_plan(plan, axes)
    assert [len(ax.lines) for ax in again] == [1, 2]


def test_only_the_last_of_several_panels_says_that_steps_are_across():
    axes = plot_plan(Plan(lr=Linear(0.3, 0.0, 50), momentum=0.9), Picture())
    assert [ax.get_xlabel() for ax in axes] == ["", "step"]


def test_a_schedule_without_steps_is_a_point():
    ax = plot_schedules([Constant(0.3).head(0)])
    assert drawn(ax)[0].tolist() == [0]
    assert ax.lines[0].get_marker() == "o"
    assert plot_schedules([Constant(0.3, 9)]).lines[0].get_marker() == ""


def test_twenty_curves_differ_in_colour_or_line():
    ax = plot_schedules([Constant(0.01 * (i + 1)) for i in range(20)])
    looks = {(line.get_color(), str(line._unscaled_dash_pattern)) for line in ax.lines}
    assert len(looks) == 20


def test_steps_have_thousands_separators():
    ax = plot_schedules([Cosine(0.1, 0.0, 1_000_000)])
    ax.figure.draw_without_rendering()
    assert "1,000,000" in [label.get_text() for label in ax.get_xticklabels()]


def test_figures_for_files_are_unknown_to_pyplot_and_shown_by_notebooks_all_the_same():
    figure = plot_schedules([Constant(0.1)], Picture()).figure
    assert pyplot.get_fignums() == []
    assert figure._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("schedules", "options", "message"),
    [
        ([], {}, "a sequence of at least one item"),
        (Constant(0.1), {}, r"must be a sequence or a mapping of schedules, got Constant"),
        (["Constant(0.1)"], {}, r"schedules\[0\].*parse\(\)"),
        (
            SimpleNamespace(get_last_lr=list),
            {},
            r"a sequence or a mapping of schedules, got .*; write from_torch\(scheduler\), of stepsize.pytorch$",
        ),
        ([SimpleNamespace(get_last_lr=list)], {}, r"schedules\[0\]=.*; write from_torch\(scheduler\), of"),
        ([SimpleNamespace(schedules=[])], {}, "; a scheduler has scheduler.schedules$"),
        ([abs], {}, r"schedules\[0\]=.* must be a schedule, got .*; write Function\(f\)$"),
        (5, {}, r"; parse\(\) makes one from a text$"),
        ([Constant(0.1)], {"labels": ["a", "b"]}, "sequence of 1 texts"),
        ([Constant(0.1)], {"labels": "a"}, "sequence of 1 texts"),
        ([Constant(0.1)], {"steps": 0}, "whole number of at least 1, got 0"),
        ([Constant(0.1)], {"steps": 2.5}, "got 2.5"),
    ],
)
def test_bad_input_is_refused_with_a_reason(schedules, options, message):
    with pytest.raises(ArgumentError, match=message):
        plot_schedules(schedules, **options)


def test_a_schedule_that_overflows_is_reported_with_its_step():
    with pytest.raises(StepError, match="is inf at step"):
        plot_schedules([Exponential(1.0, 2.0)], steps=5_000)


def test_tables_are_stairs():
    _, y = drawn(plot_schedules([Table([0.1, 0.5, 0.2])]))
    assert set(y) == {0.1, 0.5, 0.2}


def test_values_that_no_axis_can_hold_are_refused():
    for schedules, value in {
        (Constant(1e308), Constant(-1e308)): r"1e\+308",
        (Constant(1.0), Constant(-1.7e308)): r"-1.7e\+308",
        (Linear(0, 1.7e308, 10),): r"1.7e\+308",
    }.items():
        with pytest.raises(
            StepError, match=rf" has the value {value}, and a picture goes from -1e\+300 to 1e\+300; bound it with"
        ):
            plot_schedules(schedules)
    plot_schedules([Constant(1e300), Constant(-1e300)]).figure.draw_without_rendering()


@pytest.mark.parametrize(
    ("steps", "numbers"), [(3, ["0", "1", "2", "3"]), (500, ["0", "100", "200", "300", "400", "500"])]
)
def test_there_are_about_six_whole_numbers_of_steps(steps, numbers):
    ax = plot_schedules([Linear(0.0, 0.3, steps)], Picture())
    ax.figure.draw_without_rendering()
    low, high = ax.get_xlim()
    assert [each.get_text() for each in ax.get_xticklabels() if low <= each.get_position()[0] <= high] == numbers


def test_a_picture_is_as_high_as_its_panels_and_its_legend():
    def height(ax, panels):
        return panels + ax.get_legend().get_window_extent().height / ax.figure.dpi

    ax = plot_schedules([Constant(0.1)], Picture())
    assert ax.figure.get_figheight() == pytest.approx(height(ax, 3.6))
    axes = plot_plan(Plan(lr=Linear(0.3, 0.0, 50), momentum=0.9), Picture())
    assert axes[0].figure.get_figheight() == pytest.approx(height(axes[-1], 2 * 2.0))
    assert Picture(facecolor="red").get_facecolor() == (1, 0, 0, 1)
