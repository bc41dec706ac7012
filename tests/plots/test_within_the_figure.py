"""Nothing is cut off, and no legend lies on a curve or on a number."""

import itertools
from dataclasses import replace

import pytest
from made_up import made_up_run
from matplotlib import pyplot
from matplotlib.backends.backend_agg import FigureCanvasAgg
from reports import HOSTILE

from stepsize import Constant, Cosine, Linear, Polynomial
from stepsize.plots import Picture, plot_comparison, plot_schedules
from stepsize.plots.axes import _width, _wrapped, legend_layout
from stepsize.store.run import Value

SHORT = {f"run {i}": Cosine(0.1 * (i + 1), 0.0, 1000) for i in range(6)}
LONG = {f"plan {i} {'with a name that never comes to an end ' * 5}": Linear(0.0, 0.1, 10_000_000) for i in range(3)}
UNBROKEN = {"W" * 300: Constant(0.1), "x" * 50: Constant(0.2)}
TWENTY = [Linear(0.0, 0.1 + i / 7, 300) >> Polynomial(0.1 + i / 7, 0.01, 9000, 1 + i / 5) for i in range(20)]
TINY_VALUES = [Cosine(1e-7, 1e-9, 12345)]
MANY = [SHORT, LONG, UNBROKEN, TWENTY, TINY_VALUES, [Constant(0.3).head(0)]]


def assert_all_inside(figure):
    """Everything is inside the figure, except left of axes without a layout engine, whose margin the user sets."""
    FigureCanvasAgg(figure).draw()
    page = figure.bbox
    legend_boxes = []
    for ax in figure.axes:
        assert ax.bbox.height > 0.15 * page.height / len(figure.axes)
        axes = (ax.xaxis, ax.yaxis) if figure.get_layout_engine() else (ax.xaxis,)
        texts = [axis.label for axis in axes]
        for axis in axes:
            low, high = sorted(axis.get_view_interval())
            texts += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
        if legend := ax.get_legend():
            texts += legend.get_texts()
            legend_boxes.append((ax, legend.get_window_extent()))
        for text in texts:
            if text.get_visible() and text.get_text():
                box = text.get_window_extent()
                inside = box.x0 >= -1 and box.y0 >= -1 and box.x1 <= page.x1 + 1 and box.y1 <= page.y1 + 1
                assert inside, (text.get_text(), box, page)
        steps = [t.label1.get_window_extent() for t in ax.xaxis.get_major_ticks() if t.label1.get_visible()]
        assert not any(left.overlaps(right) for left, right in itertools.pairwise(steps))
    assert legend_boxes
    for ax, box in legend_boxes:
        assert box.y1 <= ax.xaxis.label.get_window_extent().y0 + 1
        assert not any(other.bbox.overlaps(box) for other in figure.axes)


@pytest.mark.parametrize("schedules", MANY)
def test_everything_is_inside_a_new_figure(schedules):
    assert_all_inside(plot_schedules(schedules, Picture()).figure)


@pytest.mark.parametrize("schedules", MANY)
@pytest.mark.parametrize(
    ("size", "layout"), [((4, 3), None), ((12, 4), None), ((4, 3), "constrained"), ((5, 9), "constrained")]
)
def test_everything_is_inside_a_figure_of_the_user(schedules, size, layout):
    figure, ax = pyplot.subplots(figsize=size, layout=layout)
    plot_schedules(schedules, ax)
    assert_all_inside(figure)


def test_everything_is_inside_if_schedules_are_added_one_by_one():
    figure, ax = pyplot.subplots()
    for schedule in SHORT.values():
        schedule.plot(ax)
    assert_all_inside(figure)


def test_everything_is_inside_after_tight_layout():
    figure, ax = pyplot.subplots()
    plot_schedules(SHORT, ax)
    figure.tight_layout()
    assert_all_inside(figure)


@pytest.mark.parametrize("schedules", [SHORT, LONG, UNBROKEN])
def test_a_comparison_lies_within_its_figure(schedules):
    runs = [made_up_run(name, schedule, seed) for name, schedule in schedules.items() for seed in (0, 1)]
    assert_all_inside(plot_comparison(runs)[0].figure)


def test_a_label_is_broken_at_the_last_letter_that_fits():
    width = 19.5 / 20 * _width(20 * "m", 8)
    assert _wrapped(20 * "m", width, 8, most=2) == 19 * "m" + "\nm"
    assert _wrapped("one two three four five", _width("one two", 8), 8, most=2) == "one two\nthr ..."


def test_labels_stand_side_by_side_if_they_just_fit():
    labels = ["a schedule with a name", "a schedule with a nime"]
    width = max(_width(label, 9.0) for label in labels) + 34  # with its piece of line
    assert [legend_layout(None, labels, 2 * width + gap, 1000.0).columns for gap in (16.1, 15.9)] == [2, 1]


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: ascii(name[:12]))
def test_a_comparison_with_hostile_names_lies_within_its_figure(name, tmp_path):
    good = made_up_run("flat", Constant(0.1))
    bad = replace(
        made_up_run(name, Constant(9.0), diverges=True), values=(Value(100, name, 1.0), Value(200, name, 2.0))
    )
    axes = plot_comparison([good, bad], metric=name)
    assert axes[0].get_title(loc="right").startswith("out of view: ")
    assert_all_inside(axes[0].figure)
    axes[0].figure.savefig(tmp_path / "picture.png")
    axes[0].figure.savefig(tmp_path / "picture.svg")
    assert "<script" not in (tmp_path / "picture.svg").read_text(encoding="utf-8")


def test_a_legend_takes_less_room_only_if_it_must():
    labels = [f"a schedule with a name of some length, number {number}" for number in range(8)]
    roomy, tight = (legend_layout(None, labels, 300.0, height) for height in (1000.0, 40.0))
    assert (roomy.columns, roomy.size) == (1, 9.0)
    assert roomy.labels == tuple(labels)
    assert tight.height < roomy.height
    lowest = legend_layout(None, labels, 300.0, 1.0)
    assert lowest.height == min(legend_layout(None, labels, 300.0, height).height for height in range(1, 200))


WIDE = "a label of several words that is rather long", "Linear(0.0, 0.3, 500) >> Cosine(0.3, 0.01, 9500)"


@pytest.mark.parametrize(
    ("room", "columns", "size", "labels"),
    [
        ((400, 200), 1, 9.0, WIDE),
        ((400, 40), 2, 7.0, (WIDE[0], "Linear(0.0, 0.3, 500) >> Cosine(0.3, 0.01,\n9500)")),
        (
            (200, 200),
            1,
            9.0,
            ("a label of several words that is\nrather long", "Linear(0.0, 0.3, 500) >> Cosine(0.3,\n0.01, 9500)"),
        ),
        (
            (150, 70),
            1,
            6.0,
            ("a label of several words that is rather\nlong", "Linear(0.0, 0.3, 500) >> Cosine(0.3,\n0.01, 9500)"),
        ),
        ((150, 20), 1, 5.0, (WIDE[0], "Linear(0.0, 0.3, 500) >> Cosine(0.3, 0.01 ...")),
    ],
)
def test_labels_are_wrapped_then_set_in_columns_then_in_smaller_letters_and_then_cut(room, columns, size, labels):
    found = legend_layout(None, ["one", WIDE[0], "third", WIDE[1], ""], *room)
    assert (found.columns, found.size, found.labels) == (columns, size, ("one", labels[0], "third", labels[1], ""))


def test_a_label_beside_an_axis_has_40_letters_and_no_formula():
    label = plot_comparison([made_up_run("a", Constant(0.1))], metric="$m$" + "x" * 60)[2].yaxis.label
    assert label.get_text() == "$m$" + "x" * 34 + "..."
    assert not label.get_parse_math()


def test_the_labels_of_a_legend_are_no_formulas():
    texts = plot_schedules({"$x$": Constant(0.1), "_a": Constant(0.2)}).get_legend().get_texts()
    assert [(text.get_text(), text.get_parse_math()) for text in texts] == [("$x$", False), ("_a", False)]


def test_short_labels_stand_in_up_to_four_columns():
    layouts = [legend_layout(None, [str(number) for number in range(count)], 400.0, 1000.0) for count in (1, 3, 9)]
    assert [layout.columns for layout in layouts] == [1, 3, 4]
    assert [layout.height for layout in layouts] == pytest.approx([8 + 1.4 * 9, 8 + 1.4 * 9, 8 + 3 * 1.4 * 9])
