"""Pictures of descents: what is drawn where, what is refused, and that no text is cut off."""

import itertools
import json
import re

import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from PIL import Image

from stepsize import Constant, Linear
from stepsize.descent import (
    SURFACES,
    Adam,
    GradientDescent,
    Momentum,
    descend,
    descend_in_batches,
    diabetes,
    is_convex,
    is_convex_set,
    surface_from,
)
from stepsize.errors import ArgumentError, OutputError
from stepsize.plots import (
    animations,
    descent_panels,
    descents_page,
    plot_batches,
    plot_convexity,
    plot_descents,
    save_animation,
    save_descents,
)
from stepsize.plots.animations import in_few_colours
from stepsize.plots.curves import COLOURS
from stepsize.plots.descents import _label
from stepsize.plots.surfaces import contour_levels, window_of

BOWL, PARABOLA = SURFACES["bowl"], SURFACES["parabola"]
START = [-5.0, -2.0]
HALF = descend(BOWL, Momentum(0.5), START, 20, 0.6)
PLAIN = descend(BOWL, GradientDescent(), START, 20, 0.6)
CUBIC = descend(SURFACES["cubic"], GradientDescent(), -1.0, 60, 0.3)
BALL = surface_from(lambda x, y, z: x**2 + y**2 + z**2)


def path_drawn(ax, points):
    """Whether a line of the axes goes through these points, in order."""
    return any(
        len(line.get_xdata()) == len(points)
        and np.allclose(np.column_stack([line.get_xdata(), line.get_ydata()]), points)
        for line in ax.lines
    )


def legend_of(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_a_path_goes_over_contours_through_its_points():
    ax = plot_descents({"half": HALF, "plain": PLAIN})
    assert path_drawn(ax, HALF.points)
    assert path_drawn(ax, PLAIN.points)
    assert path_drawn(ax, [[0.0, 0.0]])  # the minimum
    assert legend_of(ax) == ["half", "plain"]
    assert ax.collections  # contours


def test_a_path_in_one_dimension_lies_on_the_curve():
    down = descend(PARABOLA, GradientDescent(), 10.0, 10, 0.2)
    ax = plot_descents(down)
    assert path_drawn(ax, np.column_stack([down.points[:, 0], down.values]))
    assert legend_of(ax) == ["GradientDescent()"]


def test_the_axes_are_returned():
    _, ax = pyplot.subplots()
    assert plot_descents(HALF, ax) is ax
    assert plot_descents(HALF, window=((-6, 0), (-3, 3))).get_xlim() == (-6, 0)


def test_a_descent_that_diverged_is_labelled_and_left_out_of_the_view():
    ax = plot_descents({"cubic": CUBIC})
    assert legend_of(ax) == [f"cubic (diverged at step {int(CUBIC.lasted) + 1})"]
    low, high = ax.get_xlim()
    assert -5 < low <= -2
    assert high == 2.0


def test_the_number_of_diverged_starts_is_reported():
    down = descend(SURFACES["cubic"], GradientDescent(), [[-1.0], [1.0], [-0.5]], 60, 0.3)
    ax = plot_descents({"cubic": down})
    assert legend_of(ax) == ["cubic (2 of 3 starts diverged)"]
    cone = descend("sqrt(x**2 + y**2)", GradientDescent(), [[0.0, -2.0], [1.0, 0.3]], 20, 0.5)
    assert legend_of(plot_descents({"cone": cone})) == ["cone (1 of 2 starts stopped)"]


def test_large_numbers_in_a_legend_have_thousands_separators():
    away = descend(SURFACES["cubic"], GradientDescent(), -0.03, 1300, 0.01)
    assert legend_of(plot_descents({"cubic": away})) == [f"cubic (diverged at step {int(away.lasted) + 1:,})"]
    assert int(away.lasted) > 1000
    many = descend(SURFACES["cubic"], GradientDescent(), np.full((2000, 1), -1.0), 60, 0.3)
    assert _label("cubic", many) == "cubic (2,000 of 2,000 starts diverged)"


def ends_of(ax):
    """The marks at the ends of paths: their colours, shapes and places."""
    ends = [line for line in ax.lines if line.get_markeredgecolor() == "white" and line.get_marker() not in "*X"]
    return [(line.get_color(), line.get_marker(), *line.get_xydata()[-1]) for line in ends if len(line.get_xdata())]


def test_a_path_has_a_ring_at_its_start_and_a_larger_dot_of_its_own_shape_at_its_end():
    ax = plot_descents({"half": HALF, "plain": PLAIN})
    assert ends_of(ax) == [
        (COLOURS[0], "o", *HALF.points[-1]),
        (COLOURS[1], "s", *PLAIN.points[-1]),
    ]
    rings = [line for line in ax.lines if line.get_markerfacecolor() == "white"]
    assert [(line.get_color(), *line.get_xydata()[0]) for line in rings] == [(COLOURS[0], *START), (COLOURS[1], *START)]
    handles = ax.get_legend().legend_handles
    assert [(each.get_color(), each.get_marker()) for each in handles] == [(COLOURS[0], "o"), (COLOURS[1], "s")]


def test_a_path_that_diverged_has_no_dot_at_its_end():
    both = descend(SURFACES["cubic"], GradientDescent(), [[-1.0], [1.0]], 60, 0.3)
    assert [place[2] for place in ends_of(plot_descents(both))] == [pytest.approx(both.points[-1, 1, 0])]


def test_minima_are_stars_and_saddle_points_crosses():
    for name in ("wave", "saddle", "himmelblau"):
        surface = SURFACES[name]
        ax = plot_descents(descend(surface, GradientDescent(), surface.start, 3, 0.01))
        for mark, known in (("*", surface.minima), ("X", surface.saddles)):
            drawn = [tuple(line.get_xydata()[0]) for line in ax.lines if line.get_marker() == mark]
            up = [(float(surface(point)),) if surface.dimensions == 1 else () for point in known]
            assert drawn == [pytest.approx((*point, *height)) for point, height in zip(known, up, strict=True)]


def test_the_axes_have_their_names_and_the_window():
    ax = plot_descents(HALF)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x", "y")
    window = window_of(BOWL, [HALF])
    assert (ax.get_xlim(), ax.get_ylim()) == window
    flat = descend(surface_from(lambda x, y: 0 * x), GradientDescent(), [1.0, 2.0], 3, 0.1)  # without contours
    assert plot_descents(flat).get_ylim() == window_of(flat.surface, [flat])[1]
    line = plot_descents(descend(PARABOLA, GradientDescent(), 10.0, 10, 0.2))
    assert (line.get_xlabel(), line.get_ylabel()) == ("x", "f(x)")
    (left, right), (low, high) = line.get_xlim(), line.get_ylim()
    values = PARABOLA(np.linspace(left, right, 801)[:, None])
    assert (low, high) == pytest.approx((values.min() - 0.08 * np.ptp(values), values.max() + 0.08 * np.ptp(values)))


@pytest.mark.parametrize(("steps", "fades"), [(59, False), (60, True)])
def test_a_path_of_at_most_60_points_has_a_dot_at_every_step(steps, fades):
    down = descend(BOWL, GradientDescent(), START, steps, 0.1)
    ax = plot_descents(down)
    assert (
        any(isinstance(each, LineCollection) and len(each.get_segments()) == steps for each in ax.collections) == fades
    )
    dotted = [line for line in ax.lines if len(line.get_xdata()) == steps + 1]
    assert [line.get_marker() for line in dotted] == [] if fades else ["o"]


@pytest.mark.parametrize(("starts", "bold"), [(8, True), (9, False)])
def test_more_than_eight_starts_have_thin_paths_without_dots_and_rings(starts, bold):
    down = descend(BOWL, GradientDescent(), np.linspace([-5.0, -2.0], [-1.0, -2.0], starts), 5, 0.1)
    lines = plot_descents(down).lines
    assert any(line.get_markerfacecolor() == "white" for line in lines) == bold
    assert any(line.get_marker() not in ("None", "") and len(line.get_xdata()) == 6 for line in lines) == bold
    paths = [line for line in lines if len(line.get_xdata()) == 6]
    assert {(line.get_linewidth(), line.get_alpha()) for line in paths} == {(1.4, None) if bold else (0.7, 0.5)}


def test_a_descent_that_stopped_is_labelled_and_its_end_is_marked():
    down = descend("sqrt(x**2 + y**2)", GradientDescent(), [0.0, -2.0], 20, 0.5)
    ax = plot_descents({"cone": down})
    assert legend_of(ax) == ["cone (stopped after 4 steps: gradient undefined)"]
    assert path_drawn(ax, [[0.0, 0.0]])
    at_once = descend("sqrt(x**2 + y**2)", GradientDescent(), [0.0, -0.5], 20, 0.5)
    assert legend_of(plot_descents({"cone": at_once})) == ["cone (stopped after 1 step: gradient undefined)"]


def test_the_window_is_the_window_unless_a_path_leaves_it_a_little():
    assert window_of(BOWL, [HALF])[0] == BOWL.window[0]
    assert window_of(BOWL, [HALF])[1][1] > HALF.points[:, 1].max() > BOWL.window[1][1]
    far = window_of(BOWL, [PLAIN])[1]
    assert far[1] - far[0] < 3 * (BOWL.window[1][1] - BOWL.window[1][0])


@pytest.mark.parametrize("lr", [0.01, 0.4, 0.6, 3.0])
def test_a_surface_without_a_window_is_shown_around_its_path(lr):
    surface = surface_from(lambda x, y: 0.1 * x**2 + 2 * y**2)
    down = descend(surface, GradientDescent(), START, 20, lr)
    (left, right), (low, high) = window_of(surface, [down])
    assert left < -5.0 < right
    assert low < -2.0 < high
    assert right - left < 30
    assert high - low < 30
    assert high - low > 0.3 * (right - left)


def test_a_path_that_is_still_on_its_way_is_shown_with_the_way_before_it():
    flat = surface_from("tanh(x)")
    ((left, right),) = window_of(flat, [descend(flat, GradientDescent(), 4.0, 50, 0.1)])
    assert left < 0 < 4 < right
    far = surface_from("(x - 1000)**2")
    ((left, right),) = window_of(far, [descend(far, GradientDescent(), 1005.0, 50, 0.1)])
    assert 990 < left < 1000 < 1005 < right < 1015


def test_a_path_that_leaves_the_window_a_little_has_a_margin():
    (_, _), (low, high) = window_of(BOWL, [HALF])
    top = HALF.points[:, 1].max()
    assert high == pytest.approx(top + 0.04 * (top - low))


@pytest.mark.parametrize(("start", "ends"), [(10.0, (3.0, 17.0)), (0.3, (-0.4, 1.0))])
def test_a_path_that_goes_nowhere_is_in_the_middle(start, ends):
    flat = surface_from("0*x")
    down = descend(flat, GradientDescent(), start, 3, 0.1)
    assert window_of(flat, [down])[0] == pytest.approx(ends)
    assert plot_descents(down).get_ylim() == (-1, 1)


def test_a_path_on_its_way_is_shown_with_zero_in_each_coordinate_or_one_around_it():
    slope = surface_from("x + y")
    window = window_of(slope, [descend(slope, GradientDescent(), [0.0, 2.0], 3, 0.1)])
    assert np.array(window).tolist() == [pytest.approx([-1.4, 1.4]), pytest.approx([-0.8, 4.8])]


def test_large_heights_have_thousands_separators_and_levels_are_distinct():
    ax = plot_descents(descend(surface_from("1000*x**2 + 1000*y**2"), GradientDescent(), [2.0, 2.0], 3, 1e-4))
    assert any(re.fullmatch(r"\d,\d{3}", text.get_text()) for text in ax.texts)
    ax = plot_descents(descend(surface_from("-1000*x**2 - 1000*y**2"), GradientDescent(), [2.0, 2.0], 3, 1e-4))
    assert any(re.fullmatch(r"[-\N{MINUS SIGN}]\d,\d{3}", text.get_text()) for text in ax.texts)
    assert contour_levels(np.array([1.0] * 100 + [2.0])) == [1.0]


def test_a_long_path_fades_towards_its_start():
    ax = plot_descents(descend(BOWL, GradientDescent(), START, 100, 0.1, noise=1.0))
    (path,) = [each for each in ax.collections if isinstance(each, LineCollection) and len(each.get_segments()) == 100]
    opaque = path.get_colors()[:, 3]
    assert opaque[0] < 0.2
    assert opaque[-1] == 1
    assert (np.diff(opaque) > 0).all()


def test_the_rates_stand_above_each_descent():
    plans = {"linear": Linear(0.4, 0.0, 20), "constant": Constant(0.4)}
    panels = {name: descend(BOWL, GradientDescent(), START, 20, plan) for name, plan in plans.items()}
    figure = descent_panels(panels, rates=True)
    assert not figure.legends
    for ax in figure.axes[: len(panels)]:
        assert (ax.get_ylabel(), ax.get_xlim(), ax.get_ylim()[0]) == ("rate", (0, 20), 0)
    for title, down in panels.items():
        (above,) = [ax for ax in figure.axes if ax.get_title() == title]
        assert above.lines[0].get_ydata().tolist() == down.rates.tolist()
        ground = figure.axes[figure.axes.index(above) + len(panels)]
        assert path_drawn(ground, down.points)
        assert ground.get_position().y1 < above.get_position().y0


def test_one_legend_below_all_panels_names_each_trajectory_once():
    panels = {"one": {"alone": HALF}, "two": {"half": HALF, "plain": PLAIN}, "three": {"plain": PLAIN, "more": HALF}}
    (legend,) = descent_panels(panels).legends
    assert [text.get_text() for text in legend.get_texts()] == ["half", "plain", "more"]
    assert [handle.get_color() for handle in legend.legend_handles] == [*COLOURS[:3]]
    assert legend._ncols == 4  # in one row
    assert {text.get_fontsize() for text in legend.get_texts()} == {9}


def test_the_rates_of_several_descents_have_their_colours_and_go_as_far_as_the_longest():
    short = descend(BOWL, GradientDescent(), START, 5, 0.1)
    figure = descent_panels({"one": {"half": HALF, "short": short}}, rates=True)
    above, ground = figure.axes
    assert [(line.get_color(), len(line.get_xdata())) for line in above.lines] == [(COLOURS[0], 20), (COLOURS[1], 5)]
    assert above.get_xlim() == (0, 20)
    assert figure.get_size_inches().tolist() == [7.0, 0.75 + 4.2]  # one panel is as wide as the figure
    assert ground.get_title() == ""
    assert descent_panels({str(number): HALF for number in range(3)}).get_size_inches().tolist() == [7.0, 2 * 2.6]


def test_panels_without_a_picture_are_not_shown():
    figure = descent_panels({f"panel\n {number}": HALF for number in range(3)}, columns=2, rates=True)
    assert len(figure.axes) == 8
    assert sum(ax.get_visible() for ax in figure.axes) == 6
    titles = [ax.title for ax in figure.axes if ax.get_title()]
    assert [(title.get_text(), title.get_fontsize()) for title in titles] == [(f"panel {i}", 9.5) for i in range(3)]
    shown = [ax for ax in figure.axes if ax.get_visible()]
    assert {text.get_fontsize() for ax in shown for text in [*ax.get_xticklabels(), *ax.get_yticklabels()]} == {8}


def test_the_numbers_on_contours_are_heights():
    ax = plot_descents(HALF)
    for label in ax.texts:
        assert float(label.get_text()) == pytest.approx(BOWL(np.array(label.get_position())), rel=0.1)
    assert len(ax.texts) >= 3


def test_a_chord_of_a_convex_function_lies_above_it():
    ax = plot_convexity("x**2 / 2", (-2, 2), is_convex("x**2 / 2", (-2, 2)))
    (chord,) = [line for line in ax.lines if line.get_color() == COLOURS[2]]
    (a, b), (fa, fb) = chord.get_data()
    assert (fa, fb) == pytest.approx((a**2 / 2, b**2 / 2))
    assert (a, b) == pytest.approx((-1.2, 1.2))  # over the middle six tenths
    assert (fa + fb) / 2 > ((a + b) / 2) ** 2 / 2


def test_a_chord_of_a_convex_set_lies_within():
    def disc(x, y):
        return x**2 + y**2 <= 1

    ax = plot_convexity(disc, ((-2, 2), (-2, 2)), is_convex_set(disc, ((-2, 2), (-2, 2))))
    (chord,) = [line for line in ax.lines if line.get_color() == COLOURS[2]]
    assert all(disc(*point) for point in zip(*chord.get_data(), strict=True))
    (outline,) = [each for each in ax.collections if each.get_linewidth().min() > 1]
    points = np.concatenate([path.vertices for path in outline.get_paths()])
    np.testing.assert_allclose(np.hypot(*points.T), 1.0, atol=0.02)


def test_contour_levels_rise_even_if_values_are_not_finite_or_all_equal():
    assert contour_levels(np.array([np.nan, np.inf])) == []
    assert contour_levels(np.ones(10)) == [1.0]
    levels = contour_levels(np.geomspace(1e-3, 1e6, 500))
    assert all(after > before for before, after in itertools.pairwise(levels))
    plot_descents(descend(surface_from(lambda x, y: 0 * x), GradientDescent(), [1.0, 1.0], 3, 0.1))
    plot_descents(descend(surface_from(lambda x, y: np.log(x) + y), GradientDescent(), [1.0, 1.0], 3, 0.1))


REFUSED = {
    "three dimensions": (
        lambda: plot_descents(descend(BALL, GradientDescent(), [1.0, 1.0, 1.0], 3, 0.1)),
        "the surface of a picture, function, must be of 1 or 2 dimensions, got 3",
    ),
    "three dimensions on a page": (
        lambda: descents_page("x", {"x": {"": descend(BALL, Adam(), [1.0, 1.0, 1.0], 3, 0.1)}}),
        "1 or 2 dimensions",
    ),
    "two surfaces": (
        lambda: plot_descents({"a": HALF, "b": CUBIC}),
        "plot_descents(descents=...) must be on one surface, got ('0.1 x^2 + 2 y^2', 'x^3')",
    ),
    "nothing": (lambda: plot_descents({}), "plot_descents(descents=...) must be at least one trajectory"),
    "no panel": (lambda: descent_panels({}), "descent_panels(panels=...) must be at least one panel"),
    "no panel to move": (
        lambda: save_animation({}, "a.gif"),
        "save_animation(panels=...) must be at least one panel",
    ),
    "no panel on a page": (
        lambda: descents_page("x", {"a": {}}),
        "descents_page(sections['a']=...) must be at least one panel",
    ),
    "nothing in a panel": (
        lambda: descent_panels({"a": {}}),
        "descent_panels(panels['a']=...) must be at least one trajectory",
    ),
    "nothing to save": (
        lambda: save_descents({}, "a.html"),
        "save_descents(descents=...) must be at least one trajectory",
    ),
    "a surface": (lambda: plot_descents(BOWL), "must be a trajectory, or a mapping"),
    "a list": (lambda: plot_descents([HALF]), "must be a trajectory, or a mapping"),
    "points": (
        lambda: plot_descents({"a": 5}),
        "plot_descents(descents['a']=...) must be a trajectory, got 5; descend() makes one",
    ),
    "a window of another surface": (
        lambda: plot_descents(HALF, window=(0, 1)),
        "must be (low, high) for each coordinate, 2 here, got ((0.0, 1.0),)",
    ),
    "a window of words": (
        lambda: plot_descents(HALF, window="all"),
        "plot_descents(window=...) must be a sequence",
    ),
    "no batches": (lambda: plot_batches({}), "at least one descent"),
    "a chord in the plane": (
        lambda: plot_convexity(BOWL, BOWL.window, is_convex(BOWL, BOWL.window)),
        "a function of one variable",
    ),
    "a set of three dimensions": (
        lambda: plot_convexity(lambda x, y, z: x < y, ((0, 1),) * 3, is_convex(PARABOLA, (0, 1))),
        "(low, high) for each of 2 coordinates of a set",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_drawn_is_refused_in_one_line(case):
    call, message = REFUSED[case]
    with pytest.raises(ArgumentError, match=re.escape(message)) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_the_chord_that_refutes_is_drawn():
    wave = SURFACES["wave"]
    found = is_convex(wave, (-1, 2))
    ax = plot_convexity(wave, ((-1, 2),), found)
    ends = np.array([found.chord.start, found.chord.end])
    assert path_drawn(ax, np.column_stack([ends, wave(ends)]))
    at, height = found.chord.at[0], float(wave(np.array(found.chord.at)))
    (cross,) = [line for line in ax.lines if line.get_marker() == "X" and line.get_color() == COLOURS[1]]
    assert cross.get_xydata().tolist() == [[at, height]]
    assert path_drawn(ax, [[at, height], [at, height - found.chord.excess]])
    assert ax.get_xlim() == (-1, 2)


def test_plot_convexity_takes_whatever_is_convex_takes():
    for f in ("cos(pi*x)", lambda x: np.cos(np.pi * x), lambda *x: np.cos(np.pi * x[0])):
        found = is_convex(f, (-1, 1))
        ax = plot_convexity(f, (-1, 1), found)
        ends = np.array([found.chord.start, found.chord.end])
        assert path_drawn(ax, np.column_stack([ends, np.cos(np.pi * ends)]))
    everything = is_convex_set(lambda x, y: True, ((-1, 1), (-1, 1)))
    assert plot_convexity(lambda x, y: True, ((-1, 1), (-1, 1)), everything).get_xticks().size == 0


def test_a_set_is_drawn_with_its_chord():
    def ring(x, y):
        return (x**2 + y**2 <= 1) & (x**2 + y**2 >= 0.5)

    box = ((-1, 1), (-1, 1))
    found = is_convex_set(ring, box)
    ax = plot_convexity(ring, box, found)
    assert path_drawn(ax, [found.chord.start, found.chord.end])
    assert path_drawn(ax, [found.chord.at])
    assert len(ax.collections) == 2  # the set and its outline
    assert ax.get_aspect() == 1.0
    assert (len(ax.get_xticks()), len(ax.get_yticks())) == (0, 0)
    (chord,) = [line for line in ax.lines if len(line.get_xdata()) == 2]
    assert chord.get_color() == COLOURS[1]


def test_losses_over_time_are_on_a_log_axis():
    down = descend_in_batches(diabetes(), GradientDescent(), 100, 3, 0.1)
    ax = plot_batches({"batch 100": down}, lowest=0.24)
    assert ax.get_xscale() == "log"
    assert path_drawn(ax, np.column_stack([down.seconds[1:], down.losses[1:]]))
    assert legend_of(ax) == ["batch 100"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("seconds", "loss over all samples")
    assert [list(line.get_ydata()) for line in ax.lines if line.get_linestyle() == ":"] == [[0.24, 0.24]]
    assert [text.get_text() for text in ax.texts] == ["lowest"]
    assert ax.texts[0].xy == (0.0, 0.24)
    assert not plot_batches({"batch 100": down}).texts


def test_diverged_batches_leave_the_picture_and_the_legend_says_so():
    problem = diabetes()
    away = descend_in_batches(problem, GradientDescent(), 442, 3000, 2.0)
    held = descend_in_batches(problem, GradientDescent(), 100, 3, 0.1)
    ax = plot_batches({"away": away, "held": held})
    assert legend_of(ax) == [f"away (diverged after {away.lasted:,} updates)", "held"]
    low, high = ax.get_ylim()
    assert low < held.losses.min() < held.losses[0] < high < 2.0
    ends = min(away.losses.min(), held.losses.min()), max(away.losses[0], held.losses.max())
    assert (low, high) == pytest.approx((ends[0] - 0.05 * np.ptp(ends), ends[1] + 0.05 * np.ptp(ends)))


LINE = descend(PARABOLA, GradientDescent(), 10.0, 10, 0.2)
FIGURES = {
    "one picture": lambda: plot_descents({"half": HALF, "plain": PLAIN}).figure,
    "one dimension and two": lambda: descent_panels({"x^2, a curve": LINE, "contours, and more words": HALF}),
    "three in a row": lambda: descent_panels({f"beta {beta}, rate 0.6": HALF for beta in (0, 0.25, 0.5)}, columns=3),
    "a legend below all": lambda: descent_panels({f"panel {i}": {"half": HALF, "plain": PLAIN} for i in range(3)}),
    "many rows": lambda: descent_panels({f"panel {i}": HALF for i in range(5)}),
    "batches": lambda: (
        plot_batches({"batch 442": descend_in_batches(diabetes(), GradientDescent(), 442, 9, 0.3)}).figure
    ),
}


@pytest.mark.parametrize("name", FIGURES)
def test_no_text_is_cut_off(name):
    figure = FIGURES[name]()
    FigureCanvasAgg(figure).draw()
    page = figure.bbox
    titles = []
    for ax in (each for each in figure.axes if each.get_visible()):
        texts = [ax.title, ax.xaxis.label, ax.yaxis.label]
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            texts += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
        for text in [each for each in texts if each.get_text() and each.get_visible()]:
            box = text.get_window_extent()
            assert box.x0 >= -1, text
            assert box.y0 >= -1, text
            assert box.x1 <= page.x1 + 1, text
            assert box.y1 <= page.y1 + 1, text
        titles.append(ax.title.get_window_extent())
        assert ax.bbox.height > 0.1 * page.height
    assert not any(one.overlaps(two) for one, two in itertools.combinations(titles, 2) if one.width and two.width)


# Files.


@pytest.fixture(autouse=True)
def _short_animations(monkeypatch):
    monkeypatch.setattr(animations, "MOST_FRAMES", 12)
    monkeypatch.setattr(animations, "LAST_FRAMES", 2)


def frames_of(path):
    with Image.open(path) as film:
        frames = []
        for index in range(film.n_frames):
            film.seek(index)
            frames.append(np.asarray(film.convert("RGB"), dtype=int))
        return frames


def test_an_animation_grows_and_is_held_at_its_end(tmp_path):
    reported = []
    path = save_animation({"half": HALF}, tmp_path / "a.gif", columns=1, progress=lambda *done: reported.append(done))
    frames = frames_of(path)
    blue = [int(((frame[..., 2] > 150) & (frame[..., 0] < 40)).sum()) for frame in frames]
    assert blue[6] > blue[2] > blue[0]
    assert reported[-1] == (13, 13)
    assert len(frames) == 13
    with Image.open(path) as film:
        assert film.info["loop"] == 0  # again and again
        assert film.info["duration"] == 100
        film.seek(12)
        assert film.info["duration"] == 300


def test_an_animation_goes_on_until_its_longest_descent_has_ended(tmp_path):
    panels = {name: {name: descend(BOWL, GradientDescent(), START, steps, 0.1)} for name, steps in (("a", 3), ("b", 9))}
    reported = []
    save_animation(panels, tmp_path / "a.gif", progress=lambda *done: reported.append(done))
    assert reported[-1] == (10, 10)


@pytest.fixture
def frames(monkeypatch):
    """For each frame of an animation: its caption, and the lines and the places of its axes."""
    seen, grab = [], animations._Gif.grab_frame

    def grabbed(writer, **options):
        lines = [[(line.get_xydata().copy(), line.get_linewidth()) for line in ax.lines] for ax in writer.fig.axes]
        seen.append((writer.fig.texts[-1].get_text(), lines, [ax.get_position() for ax in writer.fig.axes]))
        grab(writer, **options)

    monkeypatch.setattr(animations._Gif, "grab_frame", grabbed)
    return seen


def test_a_frame_has_the_paths_up_to_its_step_and_the_step_as_its_caption(tmp_path, frames):
    down = descend(BOWL, GradientDescent(), START, 5000, 0.01)
    save_animation({"long": down, "short": HALF}, tmp_path / "a.gif")
    captions, lines, (first, *_) = zip(*frames, strict=True)
    assert (captions[0], captions[1], captions[-1]) == ("step 0", "step 417", "step 5,000")
    ((path, _), (head, _)), ((short, _), (short_head, _)) = lines[-1]
    assert path.tolist() == down.points.tolist()
    assert short.tolist() == HALF.points.tolist()
    assert (head.tolist(), short_head.tolist()) == ([[*down.points[-1]]], [[*HALF.points[-1]]])
    assert len(lines[1][0][0][0]) == 418
    assert (first[0].x0 < first[1].x0, first[0].y0) == (True, pytest.approx(first[1].y0))  # two panels in a row


@pytest.mark.parametrize(("starts", "width"), [(8, 1.4), (9, 0.7)])
def test_many_moving_paths_are_thin(tmp_path, frames, starts, width):
    down = descend(BOWL, GradientDescent(), np.linspace([-5.0, -2.0], [-1.0, -2.0], starts), 2, 0.1)
    save_animation({"": down}, tmp_path / "a.gif")
    assert {width for _, width in frames[0][1][0][:starts]} == {width}


def test_all_colours_of_the_paths_are_in_an_animation(tmp_path):
    rules = {f"rate {lr}": descend(BOWL, GradientDescent(), START, 5, lr) for lr in np.linspace(0.05, 0.45, 6)}
    reported = []
    path = save_descents(rules, tmp_path / "a.gif", progress=lambda *done: reported.append(done))
    assert reported == [(done, 6) for done in range(1, 7)]  # the start and five steps
    last = frames_of(path)[-1].reshape(-1, 3)
    for colour in COLOURS[:6]:
        wanted = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)])
        assert (np.abs(last - wanted).sum(axis=1) < 12).sum() > 20, colour


def test_a_long_descent_is_shown_in_strides(tmp_path):
    down = descend(BOWL, GradientDescent(), START, 5000, 0.01)
    reported = []
    save_animation({"": down}, tmp_path / "a.gif", progress=lambda *done: reported.append(done))
    assert reported[-1][0] == animations.MOST_FRAMES + 1


@pytest.mark.parametrize(
    ("name", "begins"),
    [("a.png", b"\x89PNG"), ("a.svg", b"<?xml"), ("a.GIF", b"GIF89a"), ("a.html", b"<!DOCTYPE html>")],
)
def test_a_file_is_of_the_kind_its_name_ends_in(tmp_path, name, begins):
    path = save_descents({"half": HALF}, tmp_path / name)
    assert path.read_bytes().startswith(begins)
    assert [each.name for each in tmp_path.iterdir()] == [name]


def test_a_page_has_the_title_that_was_given(tmp_path):
    page = save_descents(HALF, tmp_path / "a.html", title="Rules & rates").read_text()
    assert "<title>Descent</title>" in page
    assert "<h2>Rules &amp; rates</h2>" in page


def test_an_animation_has_the_title_that_was_given_and_one_panel_in_a_row(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(animations, "save_animation", lambda *given, **options: asked.append((given, options)))
    save_descents({"half": HALF}, tmp_path / "a.gif", title="Half", progress=print)
    assert asked == [(({"Half": {"half": HALF}}, tmp_path / "a.gif"), {"columns": 1, "progress": print})]


def test_the_words_of_a_page_are_no_markup_and_stand_on_one_line():
    name = "<b>\n&amp;"
    page = descents_page(name, {name: {name: {name: HALF, "plain": PLAIN}}})
    assert "<b>" not in page
    shown = "&lt;b&gt; &amp;amp;"
    for place in ("<title>{}</title>", "<h1>{}</h1>", "<h2>{}</h2>", "<figcaption>{}</figcaption>"):
        assert place.format(shown) in page
    assert f'<span class="name">{shown}</span>' in page
    assert f'role="img" aria-label="{shown}"' in page


def test_a_page_has_a_ring_at_the_start_of_each_path_and_no_point_that_is_not_finite():
    hole = surface_from(lambda x, y: np.where(x > 0, np.log(np.abs(x) + (x == 0)), np.nan) + y)
    page = descents_page("x", {"a": {"": HALF}, "b": {"": descend(hole, GradientDescent(), [1.0, 1.0], 3, 0.01)}})
    paths = [each["paths"][0] for each in json.loads(page.partition('id="data">')[2].partition("<")[0])]
    rings = re.findall(r'<circle class="start" cx="([\d.]+)" cy="([\d.]+)"', page)
    assert [[float(place) for place in ring] for ring in rings] == [path[:2] for path in paths]
    assert "nan" not in page.partition("<body>")[2]


@pytest.mark.skipif(not animations.FFMpegWriter.isAvailable(), reason="ffmpeg is not installed")
def test_an_mp4_is_made_by_ffmpeg(tmp_path):
    path = save_descents({"half": HALF}, tmp_path / "a.mp4")
    assert path.read_bytes()[4:8] == b"ftyp"


def test_without_ffmpeg_an_mp4_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(animations.FFMpegWriter, "isAvailable", lambda: False)
    with pytest.raises(OutputError, match=r"ffmpeg, which is not installed; write a \.gif instead"):
        save_descents(HALF, tmp_path / "a.mp4")


@pytest.mark.parametrize("name", ["a.bmp", "a", "a.mkv"])
def test_a_file_of_another_kind_is_refused(tmp_path, name):
    with pytest.raises(OutputError, match=r"end its name in one of \.png, .*\.gif, \.mp4, \.html"):
        save_descents(HALF, tmp_path / name)
    with pytest.raises(OutputError, match=r"\.gif or \.mp4"):
        save_animation({"": HALF}, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.png", "a.gif", "a.html"])
def test_a_missing_folder_is_reported(tmp_path, name):
    with pytest.raises(OutputError, match="no such folder"):
        save_descents(descend(PARABOLA, Adam(), 1.0, 2, 0.1), tmp_path / "no" / name)


def test_an_animation_of_too_many_paths_is_refused(tmp_path):
    save_animation({"": descend(BOWL, GradientDescent(), np.zeros((200, 2)), 1, 0.1)}, tmp_path / "a.gif")
    down = descend(BOWL, GradientDescent(), np.zeros((201, 2)), 2, 0.1)
    with pytest.raises(ArgumentError, match="at most 200 paths"):
        save_animation({"": down}, tmp_path / "a.gif")


def test_few_colours_keep_paper_ink_and_every_path():
    wheel = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    wheel[:40], wheel[40:80] = 255, 0
    paths = np.array([[int(colour[at : at + 2], 16) for at in (1, 3, 5)] for colour in COLOURS], dtype=np.uint8)
    wheel[80, : len(COLOURS)] = paths
    (small,) = in_few_colours([Image.fromarray(wheel)])
    assert len(small.getcolors()) <= 256
    again = np.asarray(small.convert("RGB"), dtype=int)
    assert (again[:40] == 255).all()
    assert (again[40:80] == 0).all()
    assert np.abs(again[80, : len(COLOURS)] - paths).max() <= 4


def places_in(page):
    """The numbers of each drawing of a page with their places, and its marks, as (x, y)."""
    texts = re.findall(r'<text x="([\d.]+)" y="([\d.]+)" text-anchor="(\w+)">([^<]+)</text>', page)
    across = {float(value): float(x) for x, _, anchor, value in texts if anchor == "middle"}
    up = {float(value): float(y) - 5 for _, y, anchor, value in texts if anchor == "end"}
    marks = re.findall(r'points="([^"]+)" transform="translate\(([\d.]+),([\d.]+)\)"', page)
    return across, up, [(points.count(","), float(x), float(y)) for points, x, y in marks]


@pytest.mark.parametrize("name", ["wave", "saddle", "himmelblau"])
def test_the_numbers_and_the_marks_of_a_page_stand_where_the_points_are_drawn(name):
    surface = SURFACES[name]
    down = descend(surface, GradientDescent(), surface.start, 3, 0.01)
    page = descents_page("x", {"a": {"": down}})
    across, up, marks = places_in(page)
    assert len(across) >= 3
    assert len(up) >= 3
    (path,) = json.loads(re.search(r'<script type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL)[1])[0][
        "paths"
    ]
    points = np.reshape(path, (-1, 2))
    height = [down.values] if surface.dimensions == 1 else [down.points[:, 1]]
    np.testing.assert_allclose(points[:, 0], np.interp(down.points[:, 0], [*across], [*across.values()]), atol=0.2)
    np.testing.assert_allclose(points[:, 1], np.interp(height[0], [*up], [*up.values()]), atol=0.2)
    assert ">-0<" not in page
    shapes = [10] * len(surface.minima) + [12] * len(surface.saddles)
    assert [count for count, *_ in marks] == shapes


def test_the_title_of_a_page_is_text():
    page = descents_page("a </title> &amp; b", {"a": {"": HALF}})
    assert "<title>a &lt;/title&gt; &amp;amp; b</title>" in page


def test_a_path_that_diverged_ends_three_widths_beyond_the_frame():
    page = descents_page("x", {"a": {"": CUBIC}})
    ((path,),) = (each["paths"] for each in json.loads(page.partition('id="data">')[2].partition("<")[0]))
    assert path[-2:] == [62 - 3 * 560, 8 + 4 * 380]


def test_the_legend_of_a_page_names_several_trajectories_and_the_slider_goes_to_the_longest():
    long = descend(BOWL, GradientDescent(), START, 33, 0.1)
    page = descents_page("x", {"one": {"": HALF}, "two": {"a": {"half": HALF, "long": long}, "b": HALF}})
    assert re.findall(r'max="(\d+)" value="(\d+)"', page) == [("20", "20"), ("33", "33")]
    assert page.count('<ul class="legend">') == 1
    assert re.findall(r'<li style="--colour: (#\w+)"><span class="name">(\w+)</span>', page) == [
        (COLOURS[0], "half"),
        (COLOURS[1], "long"),
    ]
    assert re.findall(r'aria-label="(\w+)">', page.replace('aria-label="step">', "")) == ["descent", "a", "b"]


def test_the_page_draws_a_curve_in_one_dimension_and_contours_in_two_once_for_each_window():
    page = descents_page("Both", {"line": {"a": LINE}, "bowl": {"half": HALF, "again": HALF}})
    assert re.findall(r'<use href="#ground(\d)" class="(\w+)"/>', page) == [
        ("0", "curve"),
        ("1", "contours"),
        ("1", "contours"),
    ]
    assert re.findall(r'<path id="ground(\d)"', page) == ["0", "1"]
