"""Pictures for papers: their width, the size of their letters, and that nothing overlaps."""

import itertools
from io import BytesIO

import matplotlib
import pytest
from made_up import made_up_run
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from stepsize import Cosine, Plan
from stepsize.errors import ArgumentError
from stepsize.lab.statistics.differences import Difference
from stepsize.plots import paper_picture, paper_style, plot_differences, plot_plan, plot_schedules, save_figure
from stepsize.plots.paper import plot_comparison_on_paper

SIX = [
    made_up_run(name, Cosine(0.2, 0.02, 300), seed)
    for seed in range(2)
    for name in ("flat", "warmup-cosine", "c", "d", "e", "f")
]
TWENTY = [made_up_run(f"cosine-{number}-decay", Cosine(0.1 + number / 7, 0.02, 300)) for number in range(20)]
LONG = [made_up_run(f"lr=0.{number},warmup_steps=1000,decay=0.{number}", Cosine(0.2, 0.0, 300)) for number in range(6)]
MATH = [made_up_run(name, Cosine(0.2, 0.02, 300)) for name in ("$\\frac{", "_hidden", "$x$")]


def texts(figure: Figure) -> list[Text]:
    """The texts that are seen, after a drawing."""
    with matplotlib.rc_context(figure.style):
        FigureCanvasAgg(figure).draw()
        found = [
            tick.label1
            for ax in figure.axes
            for axis in (ax.xaxis, ax.yaxis)
            for tick in axis.get_major_ticks()
            if min(axis.get_view_interval()) <= tick.get_loc() <= max(axis.get_view_interval())
        ]
        found += [label for ax in figure.axes for label in (ax.xaxis.label, ax.yaxis.label)]
        legends = [*figure.legends, *filter(None, (ax.get_legend() for ax in figure.axes))]
        found += [text for legend in legends for text in legend.get_texts()]
        return [text for text in found if text.get_visible() and text.get_text()]


def assert_legible(figure: Figure, size: float) -> None:
    """All letters have one size and lie inside the picture, and no text lies on another or on a panel."""
    found = texts(figure)
    assert {text.get_fontsize() for text in found} == {size}
    with matplotlib.rc_context(figure.style):
        boxes = [(text.get_text(), text.get_window_extent()) for text in found]
    for text, box in boxes:
        assert box.x0 >= -0.5, text
        assert box.y0 >= -0.5, text
        assert box.x1 <= figure.bbox.x1 + 2.0, text  # hinting at 100 dpi widens letters; a PDF has none
        assert box.y1 <= figure.bbox.y1 + 0.5, text
        assert not any(ax.bbox.padded(-1).overlaps(box) for ax in figure.axes), text
    for (a, first), (b, second) in itertools.combinations(boxes, 2):
        assert not first.padded(-0.5).overlaps(second), (a, b)


@pytest.mark.parametrize(("width", "size"), [(3.3, 8.0), (3.3, 10.0), (5.0, 8.0), (6.75, 8.0)])
@pytest.mark.parametrize("runs", [SIX, TWENTY, LONG, MATH], ids=["six", "twenty", "long", "math"])
def test_a_comparison_is_legible(runs, width, size):
    with paper_picture(width, size=size) as picture:
        axes = plot_comparison_on_paper(runs, picture)
    assert picture.get_figwidth() == width
    assert (axes[0].bbox.y0 == axes[2].bbox.y0) == (width >= 5.0)  # the panels stand beside each other
    assert_legible(picture, size)
    assert [text.get_text() for text in picture.legends[0].get_texts()][: len({run.name for run in runs})] == list(
        dict.fromkeys(run.name for run in runs)
    )
    assert all(ax.bbox.height > 0.6 * picture.dpi for ax in axes)


@pytest.mark.parametrize("width", [3.3, 6.75])
@pytest.mark.parametrize("count", [1, 5, 20])
@pytest.mark.parametrize("name", ["cosine-{}", "lr=0.{},warmup_steps=1000,decay=0.1"])
def test_differences_are_legible(width, count, name):
    rows = {
        name.format(row): Difference(5, 0.01 * row - 0.03, 0.0, 0.01 * row - 0.05, 0.01 * row) for row in range(count)
    }
    with paper_picture(width) as picture:
        plot_differences(rows, picture, label="difference in test accuracy")
    assert_legible(picture, 8.0)


def test_other_pictures_take_the_style_too():
    with paper_picture(3.3, "sans-serif", 7) as picture:
        ax = plot_schedules(
            {"cosine": Cosine(0.2, 0.0, 1000), "a very long name of a schedule": Cosine(0.1, 0.0, 1000)}, picture
        )
    assert_legible(picture, 7.0)
    assert ax.xaxis.label.get_fontfamily() == ["DejaVu Sans"]
    assert {line.get_linewidth() for line in ax.lines} == {0.55 * 1.8}
    with paper_picture() as picture:
        dot = plot_differences({"a": Difference(5, 0.1)}, picture).lines[-1]
    assert (dot.get_markersize(), dot.get_markeredgewidth()) == pytest.approx((0.55 * 6, 0.55 * 1.0))
    with paper_picture() as picture:
        plot_plan(Plan(lr=Cosine(0.2, 0.0, 1000), weight_decay=Cosine(0.1, 0.0, 1000)), picture)
    assert_legible(picture, 8.0)


def test_lines_are_thinned_once():
    with paper_picture() as picture:
        ax = plot_schedules([Cosine(0.2, 0.0, 1000)], picture)
        plot_schedules([Cosine(0.1, 0.0, 1000)], ax)
        legend = ax.get_legend()
        high = (3.3 / 7) ** 0.75 * 3.6 + legend.get_window_extent().height / picture.dpi
        assert picture.get_figheight() == pytest.approx(high)
    assert {line.get_linewidth() for line in ax.lines} == {0.55 * 1.8}


def test_the_picture_keeps_its_style_until_it_is_saved(tmp_path):
    with paper_picture() as picture:
        plot_schedules([Cosine(0.2, 0.0, 1000)], picture)
    content = save_figure(picture, tmp_path / "plan.pdf").read_bytes()
    assert b"/CIDFontType2" in content
    assert b"/Type3" not in content
    assert ">step</text>" in save_figure(picture, tmp_path / "plan.svg").read_text()


def test_the_style_serves_figures_of_the_users_own():
    with matplotlib.rc_context(paper_style("monospace", 9)):
        figure, ax = matplotlib.pyplot.subplots(figsize=(3.3, 2))
        ax.plot([1, 2], label="mine")
        ax.legend()
        file = BytesIO()
        figure.savefig(file, format="pdf")
    assert b"/Type3" not in file.getvalue()
    assert ax.get_legend().get_texts()[0].get_fontsize() == 9


def test_a_difference_that_is_far_away_leaves_the_view():
    rows = {"base": Difference(5, 0.0), **{str(row): Difference(5, 0.01, 0.0, 0.0, 0.02) for row in range(3)}}
    ax = plot_differences({**rows, "bad": Difference(5, -0.9, 0.0, -1.2, -0.6)})
    assert -0.1 < ax.get_xlim()[0] < ax.get_xlim()[1] < 0.1
    arrows = [line for line in ax.lines if line.get_marker() == "<"]
    assert [(*line.get_xdata(), *line.get_ydata()) for line in arrows] == [(-0.08, 4)]
    assert not [line for line in ax.lines if line.get_marker() == ">"]


@pytest.mark.parametrize("font", ["No Such Font", "", "\0", "a" * 10_000])
def test_an_unknown_font_is_refused(font):
    rule = r'must be "serif", "sans-serif", "monospace" or the name of an installed font, got '
    with pytest.raises(ArgumentError, match=rule):
        paper_style(font)


def test_an_installed_font_comes_before_one_that_has_all_letters():
    assert paper_style("DejaVu Serif")["font.family"] == ["DejaVu Serif", "DejaVu Sans"]
    assert paper_style("DejaVu Serif")["mathtext.rm"] == "DejaVu Serif"


@pytest.mark.parametrize("width", [0.0, -1.0, 1e9, float("nan")])
def test_an_impossible_width_is_refused(width):
    with pytest.raises(ArgumentError, match="width"), paper_picture(width):
        pass


def test_the_panels_of_a_paper_have_the_words_that_were_given():
    with paper_picture() as picture:
        axes = plot_comparison_on_paper(SIX, picture, judged_on="held-out", metric="test_loss")
    assert axes[2].get_ylabel() == "held-out loss"
    with paper_picture() as picture:
        assert plot_comparison_on_paper(SIX, picture)[2].get_ylabel() == "test accuracy"
    assert [text.get_text() for text in picture.legends[0].get_texts()][-1] == "train accuracy"
    assert axes[0].get_shared_x_axes().joined(axes[0], axes[2])
    assert len(picture.legends) == 1
    assert not any(ax.get_legend() for ax in picture.axes)
    handles = picture.legends[0].legend_handles
    assert [handle.get_color() for handle in handles[:2]] == [line.get_color() for line in axes[0].lines[:2]]


@pytest.mark.parametrize("kind", ["pdf", "svg"])
def test_the_same_picture_gives_the_same_file(tmp_path, kind):
    for name in ("a", "b"):
        with paper_picture() as picture:
            plot_schedules([Cosine(0.2, 0.0, 1000)], picture)
        save_figure(picture, tmp_path / f"{name}.{kind}")
    content = (tmp_path / f"a.{kind}").read_bytes()
    assert content == (tmp_path / f"b.{kind}").read_bytes()
    assert b"CreationDate" not in content
    picture.savefig(file := BytesIO(), format=kind, metadata={"Title": "mine"})
    assert b"mine" in file.getvalue()
    assert b"<dc:date>" not in content


@pytest.mark.parametrize("size", [3.9, 24.1])
def test_letters_that_are_too_small_or_too_large_are_refused(size):
    with pytest.raises(ArgumentError, match=r"paper_style\(size=\.\.\.\) must be"):
        paper_style(size=size)


@pytest.mark.parametrize("width", [1.9, 20.1])
def test_a_width_beyond_a_page_is_refused(width):
    with pytest.raises(ArgumentError, match="width"), paper_picture(width):
        pass


def test_all_letters_of_the_style_have_its_size_and_fonts_stay_text():
    style = paper_style("serif", 7)
    parts = ("axes.labelsize", "axes.titlesize", "xtick.labelsize", "ytick.labelsize", "legend.fontsize")
    assert {style[name] for name in ("font.size", "figure.titlesize", "legend.title_fontsize", *parts)} == {7.0}
    assert style["font.family"] == ["STIXGeneral", "DejaVu Serif", "DejaVu Sans"]
    assert (style["pdf.fonttype"], style["ps.fonttype"], style["svg.fonttype"]) == (42, 42, "none")
    assert {style[f"mathtext.{face}"] for face in ("rm", "it", "bf")} == {"STIXGeneral"}
    assert paper_style("monospace")["font.family"] == ["DejaVu Sans Mono", "DejaVu Sans"]
    lines = {"lines.linewidth": 1.0, "lines.markersize": 3.0, "axes.linewidth": 0.6, "axes.labelpad": 2.0}
    ticks = {
        f"{side}tick.major.{part}": value
        for side in "xy"
        for part, value in (("width", 0.6), ("size", 2.0), ("pad", 2.0))
    }
    wanted = lines | ticks | {"text.usetex": False, "mathtext.fontset": "custom"}
    assert {name: style[name] for name in wanted} == wanted
