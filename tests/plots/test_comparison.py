import math
from dataclasses import replace

import numpy as np
import pytest
from made_up import made_up_run
from matplotlib import pyplot
from matplotlib.text import Text

from stepsize import Constant, Cosine, Function, Linear
from stepsize.errors import ArgumentError
from stepsize.lab.report.panels import panels
from stepsize.lab.statistics.differences import Difference
from stepsize.lab.statistics.findings import Terms
from stepsize.plots import Picture, plot_comparison, plot_differences, plot_schedules
from stepsize.plots.curves import highest_loss_in_view
from stepsize.store.run import Epoch, Point, Run

COSINE, FLAT = Cosine(0.2, 0.02, 300), Constant(0.3)


def crosses(ax):
    return [line for line in ax.lines if line.get_marker() == "x" and len(line.get_xdata())]


def test_a_name_has_one_colour_in_all_panels_and_one_line_in_the_legend():
    axes = plot_comparison([made_up_run("cosine", COSINE), made_up_run("flat", FLAT)])
    assert [ax.get_ylabel() for ax in axes] == ["learning rate", "train loss", "test accuracy"]
    colours = [[line.get_color() for line in ax.lines] for ax in axes]
    assert colours[0] == colours[1] == colours[2][::2] == colours[2][1::2]
    assert len(set(colours[0])) == 2
    assert legend_of(axes[2]) == ["cosine", "flat", "train accuracy"]
    assert axes[0].get_legend() is None
    assert [line.get_marker() for line in axes[1].lines] == ["None", "None"]


def legend_of(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_the_legend_names_the_train_accuracy_only_if_there_is_one():
    run = made_up_run("flat", FLAT)
    run = replace(run, epochs=tuple(replace(each, train_accuracy=math.nan) for each in run.epochs))
    assert legend_of(plot_comparison([run])[2]) == ["flat"]


@pytest.mark.parametrize(
    ("metric", "label"),
    [(None, "held-out accuracy"), ("test_loss", "held-out loss"), ("perplexity", "perplexity")],
)
def test_the_third_panel_names_the_samples_and_the_metric(metric, label):
    assert plot_comparison([made_up_run("a", FLAT)], judged_on="held-out", metric=metric)[2].get_ylabel() == label


@pytest.mark.parametrize(("count", "marker"), [(100, "o"), (101, "None")])
def test_the_results_of_at_most_a_hundred_epochs_have_dots(count, marker):
    epochs = tuple(Epoch(step, 1.0, 0.5, 1.0, 0.5) for step in range(1, count + 1))
    good, bad = made_up_run("good", FLAT), made_up_run("bad", FLAT, diverges=True)
    _, _, test = plot_comparison([good, replace(bad, epochs=epochs)])
    assert [line.get_marker() for line in (test.lines[0], test.lines[2])] == [marker, marker]


def test_one_value_is_a_dot():
    _, loss, _ = plot_comparison([made_up_run("flat", FLAT, steps=25)])
    assert loss.lines[0].get_marker() == "o"


def test_steps_go_as_far_as_the_longest_run():
    axes = plot_comparison([made_up_run("short", FLAT, steps=100), made_up_run("long", FLAT), made_up_run("a", FLAT)])
    assert [ax.get_xlim() for ax in axes] == [(-6, 306)] * 3
    assert plot_comparison([])[0].get_xlim() == pytest.approx((-0.02, 1.02))


def test_two_schedules_out_of_view_are_named_and_the_others_are_counted():
    def rising(name):
        points = tuple(Point(step, 0.1, loss, 0.5) for step, loss in ((1, 2.0), (2, 1e9)))
        return Run(name, "Constant(0.1)", 0, points, (), 1.0, "finished")

    axes = plot_comparison([made_up_run("a", FLAT), *map(rising, ("$b$", "c" * 31, "d", "e"))])
    assert axes[1].get_title("right") == f"out of view: $b$, {'c' * 27}... and 2 more"
    (title,) = [each for each in axes[1].get_children() if isinstance(each, Text) and each.get_text()]
    assert not title.get_parse_math()


@pytest.mark.parametrize(
    ("losses", "status", "top"),
    [
        ((4.0, 2.0), "finished", 4.2),
        ((2.0, 1e9), "diverged", 2.1),
        ((-4.0, -2.0), "finished", -1.9),
        ((0.0, 0.0), "finished", 1.0),
        ((), "running", 1.05),
    ],
)
def test_the_top_of_the_losses_is_a_twentieth_above_the_highest(losses, status, top):
    points = tuple(Point(step, 0.1, loss, 0.5) for step, loss in enumerate(losses, start=1))
    assert highest_loss_in_view([Run("a", "Constant(0.1)", 0, points, (), 1.0, status)]) == pytest.approx(top)


@pytest.mark.parametrize(("status", "said"), [("finished", ["not logged"]), ("running", [])])
def test_what_finished_runs_have_not_logged_is_called_so_in_its_panel(status, said):
    run = Run("a", "Constant(0.1)", 0, (Point(5, 0.1, math.nan, math.nan),), (Epoch(5, *4 * [math.nan]),), 1.0, status)
    rate, loss, accuracy = plot_comparison([run])
    assert [text.get_text() for text in loss.texts] == [text.get_text() for text in accuracy.texts] == said
    assert not rate.texts


def test_the_rate_is_the_schedules_own_up_to_the_last_update():
    rate, _, _ = plot_comparison([made_up_run("cosine", COSINE, steps=150)])
    x, y = rate.lines[0].get_data()
    assert (x[0], x[-1]) == (0, 149)
    assert y[-1] == COSINE(149)
    assert len(x) > 100


def test_the_rate_of_a_run_with_a_plateau_falls_where_it_fell_in_each_seed():
    runs = []
    for seed, factors in enumerate([(1.0, 0.5, 0.5), (1.0, 1.0, 0.5)]):
        run = made_up_run("plateau", COSINE, seed)
        points = [replace(each, lr=each.lr * factors[(each.step - 1) // 100]) for each in run.points]
        runs.append(replace(run, schedule=f"{COSINE} with Plateau()", points=tuple(points)))
    rate, _, _ = plot_comparison(runs)
    (line,) = rate.lines
    steps = np.array([99, 100, 199, 200, 299])
    drawn = np.interp(steps, *line.get_data()) / COSINE(steps)
    assert drawn == pytest.approx([1.0, 0.75, 0.75, 0.5, 0.5], rel=1e-4)
    assert rate.collections[0].get_paths()[0].vertices[:, 1].min() == pytest.approx(0.5 * COSINE(299))


def test_the_rate_of_several_seeds_goes_as_far_as_the_longest():
    runs = [made_up_run("cosine", COSINE, seed, steps) for seed, steps in enumerate((100, 300, 200))]
    rate, _, _ = plot_comparison(runs)
    assert [line.get_xdata()[-1] for line in rate.lines] == [299]


def test_a_plateau_at_a_rate_of_zero_multiplies_nothing():
    run = made_up_run("plateau", Linear(0.0, 0.2, 300))
    points = [replace(each, step=1, lr=0.0) if each.step == 25 else each for each in run.points]
    rate, _, _ = plot_comparison([replace(run, schedule="Linear(0, 0.2, 300) with Plateau()", points=tuple(points))])
    assert np.isfinite(rate.lines[0].get_ydata()).all()
    assert rate.lines[0].get_ydata()[-1] == pytest.approx(0.2 * 299 / 300)


def test_the_rate_of_a_function_is_as_logged():
    schedule = Function(lambda step: 0.1 / (step + 1))
    rate, _, _ = plot_comparison([made_up_run("own", schedule)])
    x, y = rate.lines[0].get_data()
    assert np.allclose(y, schedule(x))


def test_seeds_are_drawn_as_their_mean_in_a_band():
    runs = [made_up_run("cosine", COSINE, seed) for seed in range(3)]
    _, loss, accuracy = plot_comparison(runs)
    assert len(loss.lines) == len(accuracy.lines[::2]) == 1
    columns = np.array([run.column("train_loss") for run in runs])
    assert np.allclose(loss.lines[0].get_ydata(), columns.mean(axis=0))
    band = loss.collections[0].get_paths()[0].vertices[:, 1]
    assert band.min() == columns.min()
    assert band.max() == columns.max()


def test_the_train_accuracy_is_a_thin_line_beside_the_test_accuracy():
    runs = [made_up_run("cosine", COSINE, seed) for seed in range(2)]
    runs = [replace(run, epochs=tuple(replace(e, train_accuracy=e.step / 300) for e in run.epochs)) for run in runs]
    _, _, accuracy = plot_comparison(runs)
    test, train = accuracy.lines
    assert train.get_linewidth() < test.get_linewidth()
    assert train.get_xydata().tolist() == [[100, 1 / 3], [200, 2 / 3], [300, 1]]
    assert len(accuracy.collections) == 1, "its band would hide the others"


def test_a_seed_that_is_still_running_counts_as_far_as_it_has_come():
    whole, part = made_up_run("cosine", COSINE, 0), made_up_run("cosine", COSINE, 1, steps=100)
    _, loss, _ = plot_comparison([whole, part])
    x, y = loss.lines[0].get_data()
    later = x > 100
    assert np.array_equal(y[later], whole.column("train_loss")[later])
    assert np.allclose(y[~later], (whole.column("train_loss")[~later] + part.column("train_loss")) / 2)


def test_a_diverged_run_is_crossed_out_and_spoils_neither_mean_nor_view():
    good, bad = made_up_run("flat", FLAT, 0), made_up_run("flat", FLAT, 1, steps=200, diverges=True)
    rate, loss, _ = plot_comparison([good, bad])
    assert np.array_equal(loss.lines[0].get_ydata(), good.column("train_loss"))
    (cross,) = crosses(loss)
    assert cross.get_xdata()[0] == 175  # its last loss that is a number
    assert cross.get_ydata()[0] <= loss.get_ylim()[1] < 5
    assert len(crosses(rate)) == 1


def test_a_run_that_diverged_at_once_still_has_its_cross():
    run = made_up_run("flat", FLAT, steps=25, diverges=True)
    rate, loss, accuracy = plot_comparison([run])
    assert crosses(rate)
    (cross,) = crosses(loss)
    assert cross.get_xydata().tolist() == [[25, loss.get_ylim()[1]]]
    assert not crosses(accuracy)


def test_a_rate_that_is_far_too_high_is_drawn_along_the_edge():
    good, wild = made_up_run("flat", FLAT), made_up_run("wild", Constant(1e30), steps=50, diverges=True)
    rate, _, _ = plot_comparison([good, wild])
    assert 0.3 < rate.get_ylim()[1] < 1
    (cross,) = crosses(rate)
    assert cross.get_ydata()[0] == rate.get_ylim()[1]
    assert plot_comparison([wild])[0].get_ylim()[1] > 1e30


def without_accuracy(run):
    """The same run of a task without an accuracy."""
    return replace(
        run, epochs=tuple(replace(each, train_accuracy=math.nan, test_accuracy=math.nan) for each in run.epochs)
    )


def test_the_test_loss_is_drawn_if_no_run_has_an_accuracy():
    run = without_accuracy(made_up_run("flat", FLAT))
    _, _, test = plot_comparison([run])
    assert test.get_ylabel() == "test loss"
    assert np.array_equal(test.lines[0].get_ydata(), run.epoch_column("test_loss"))
    _, _, test = plot_comparison([run, made_up_run("cosine", COSINE)])
    assert test.get_ylabel() == "test accuracy"
    assert len(test.lines[::2]) == 1
    assert plot_comparison([replace(run, epochs=())])[2].get_ylabel() == "test accuracy"


def test_a_test_loss_that_shot_up_leaves_the_view_of_the_others():
    good = without_accuracy(made_up_run("flat", FLAT))
    bad = without_accuracy(made_up_run("wild", FLAT, steps=225, diverges=True))
    assert max(bad.epoch_column("test_loss")) == 1e9
    _, _, test = plot_comparison([good, bad])
    assert test.get_ylim()[1] < 5
    (cross,) = crosses(test)
    assert cross.get_xydata().tolist() == [[200, test.get_ylim()[1]]]


def lossless(name, loss):
    """A run without a finite loss or test result."""
    points = tuple(Point(step, 1000.0, loss, 0.1) for step in (5, 10))
    epochs = (Epoch(10, loss, 0.1, loss, math.nan),)
    return Run(name, "Constant(1000.0)", 0, points, epochs, 1.0, "diverged")


@pytest.mark.parametrize("loss", [math.nan, math.inf])
@pytest.mark.parametrize("others", [[], [made_up_run("flat", FLAT)]])
def test_runs_without_any_loss_leave_the_panels_their_size(loss, others):
    figure = Picture()
    plot_comparison([*others, lossless("h", loss), Run("none", "f", 0, (), (), 0.0, "diverged")], figure)
    figure.draw_without_rendering()
    for ax in figure.axes:
        assert ax.get_window_extent().height / figure.dpi > 1.5
        assert ax.get_window_extent().width / figure.dpi > 5


@pytest.mark.parametrize(
    "runs",
    [
        [],
        [Run("empty", "Constant(0.1)", 0, (), (), 0.0, "interrupted")],
        [made_up_run("one point", FLAT, steps=25), Run("empty", "Constant(0.1)", 0, (), (), 0.0)],
    ],
)
def test_a_picture_at_the_start_of_training(runs):
    plot_comparison(runs)[0].figure.draw_without_rendering()


def test_a_live_picture_is_drawn_again_on_the_same_axes():
    figure, axes = pyplot.subplots(3)
    for steps in (25, 100, 300):
        assert list(plot_comparison([made_up_run("flat", FLAT, steps=steps)], axes)) == list(axes)
        assert [len(ax.lines) for ax in axes[:2]] == [1, 1]
    assert len(figure.axes) == 3


def test_axes_must_be_three():
    with pytest.raises(ArgumentError, match=r"3 axes \(rate, train loss, test accuracy or loss\) or a figure"):
        plot_comparison([], axes=pyplot.subplots(2)[1])


def test_losses_have_the_log_scale_and_the_numbers_of_the_report():
    def fallen(name, last, status="finished"):
        points = tuple(Point(step, 0.1, loss, 0.5) for step, loss in ((1, 2.0), (2, last)))
        return Run(name, "Constant(0.1)", 0, points, (), 1.0, status)

    _, loss, _ = plot_comparison([fallen("a", 0.15), fallen("b", 1e9)])
    (_, panel) = panels([[fallen("a", 0.15)], [fallen("b", 1e9)]], Terms())
    assert loss.get_yscale() == "log"
    assert loss.yaxis.get_minorticklocs().size == 0
    assert panel.log
    assert np.log10(loss.get_ylim()) == pytest.approx([panel.data["low"], panel.data["high"]])
    assert [text.get_text() for text in loss.get_yticklabels()] == [tick.label for tick in panel.up]
    assert loss.get_title(loc="right") == f"out of view: {panel.beyond}" == "out of view: b"
    assert plot_comparison([fallen("a", 0.3)])[1].get_yscale() == "linear"


def test_a_rate_that_ends_at_zero_is_on_a_linear_scale_as_in_a_picture_of_the_schedule():
    to_zero, to_little = Cosine(0.3, 0, 300), Cosine(0.3, 1e-6, 300)
    assert plot_comparison([made_up_run("zero", to_zero)])[0].get_yscale() == "linear"
    assert plot_comparison([made_up_run("little", to_little)])[0].get_yscale() == "log"
    assert plot_schedules([to_zero]).get_yscale() == "linear"
    assert plot_schedules([to_little]).get_yscale() == "log"


def test_a_difference_is_a_dot_on_the_bar_of_its_interval_beside_its_name():
    rows = {"$a$": Difference(5, 0.01, 0.0, -0.01, 0.03), "one seed": Difference(1, 0.02), "base": Difference(5, 0.0)}
    ax = plot_differences(rows | {"far": Difference(5, 0.07, 0.0, 0.02, 0.12)}, label="$d$")
    zero, *lines = ax.lines
    assert zero.get_xdata() == [0.0, 0.0]
    dots = [line.get_xydata().tolist() for line in lines if line.get_marker() == "o"]
    assert dots == [[[0.01, 0]], [[0.02, 1]], [[0.0, 2]], [[0.07, 3]]]
    bars = [line.get_xydata().tolist() for line in lines if line.get_marker() == "None"]
    assert bars[:3] == [[[-0.01, 0], [0.03, 0]], [[0.02, 1], [0.02, 1]], [[0.0, 2], [0.0, 2]]]
    assert bars[3] == [[0.02, 3], [0.12, 3]]  # four times the median of the reaches, without that of the baseline
    assert [line.get_marker() for line in lines if line.get_marker() in "<>"] == []
    assert [label.get_text() for label in ax.get_yticklabels()] == ["$a$", "one seed", "base", "far"]
    assert not any(text.get_parse_math() for text in [*ax.get_yticklabels(), ax.xaxis.label])
    assert ax.get_ylim() == (3.5, -0.5)
    assert ax.get_xlabel() == "$d$"
    assert len({line.get_color() for line in lines}) == 4


def test_an_interval_that_leaves_the_view_ends_at_its_edge_in_an_arrow():
    rows = {str(row): Difference(5, 0.01, 0.0, 0.0, 0.02) for row in range(3)}
    ax = plot_differences(
        rows | {"wide": Difference(5, 0.01, 0.0, -0.3, 0.32), "up": Difference(5, 0.5, 0.0, 0.4, 0.6)}
    )
    lines = ax.lines[-5:]
    assert [(line.get_marker(), *line.get_xdata(), line.get_ydata()[0]) for line in lines] == [
        ("o", 0.01, 3),
        ("<", -0.08, 3),
        (">", 0.08, 3),
        ("None", 0.08, 0.08, 4),
        (">", 0.08, 4),
    ]


def test_a_long_name_of_a_difference_takes_two_lines():
    (name,) = plot_differences({"a name of many words that never end": Difference(5, 0.1)}).get_yticklabels()
    assert name.get_text() == "a name of many words\nthat never end"
    (name,) = plot_differences(
        {"a name of many words that do not come to an end": Difference(5, 0.1)}
    ).get_yticklabels()
    assert name.get_text() == "a name of many words\nthat do not come ..."
