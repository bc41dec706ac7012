"""Pictures for papers: as wide as a column, letters of one size, fonts that stay text in PDF and SVG."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any
from weakref import WeakSet

import numpy as np
from matplotlib import rc_context
from matplotlib.font_manager import FontProperties, findfont
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from stepsize.arguments import Number
from stepsize.errors import ArgumentError, quoted
from stepsize.plots.axes import legend_layout
from stepsize.plots.comparison import plot_comparison
from stepsize.plots.figures import WIDTH, Picture, without_glyph_warnings
from stepsize.store.run import Logged

COLUMN, PAGE = 3.3, 6.75
"""Inches: the width of a column of a two-column paper, and of both columns."""

SIDE_BY_SIDE = 5.0  # inches of width from which panels stand beside each other
PANEL, WIDE_PANEL = 1.25, 1.75  # inches of height of panels above and beside each other
THIN = 0.55  # of the width of lines and the size of marks on a screen
PADDING, MARGIN = 0.02, 24.0  # inches around the panels, points beside the legend
_TICKS = {"width": 0.6, "size": 2.0, "pad": 2.0}
# They come with matplotlib; the last of each has most of the letters that the others lack.
FAMILIES = {
    "serif": ("STIXGeneral", "DejaVu Serif", "DejaVu Sans"),
    "sans-serif": ("DejaVu Sans",),
    "monospace": ("DejaVu Sans Mono", "DejaVu Sans"),
}


def paper_style(font: str = "serif", size: float = 8.0) -> dict[Any, Any]:
    """Settings of matplotlib for a figure in a paper, as `matplotlib.rc_context` and `rcParams.update` take them.

    PDF files have TrueType fonts (Type 42, which publishers ask for instead of Type 3), and SVG files have text as
    text. All letters have one size, and lines are thin.

    Args:
        font: "serif" (STIX, which looks like Times), "sans-serif" (DejaVu Sans), "monospace", or the name of an
            installed font.
        size: of the letters, in points.

    Raises:
        ArgumentError: the font is not installed, or the size is not between 4 and 24.

    Example:
        >>> import matplotlib
        >>> from stepsize.plots import paper_style
        >>> with matplotlib.rc_context(paper_style(size=9)):
        ...     matplotlib.rcParams["pdf.fonttype"], matplotlib.rcParams["xtick.labelsize"]
        (42, 9.0)
    """
    size = Number(least=4.0, most=24.0)("paper_style", "size", size)
    family = FAMILIES.get(font) or _installed(font)
    sizes = ("font.size", "axes.labelsize", "axes.titlesize", "xtick.labelsize", "ytick.labelsize", "legend.fontsize")
    return {
        **dict.fromkeys((*sizes, "figure.labelsize", "figure.titlesize", "legend.title_fontsize"), size),
        "font.family": list(family),
        "mathtext.fontset": "custom",
        **{f"mathtext.{face}": family[0] for face in ("rm", "it", "bf")},
        "text.usetex": False,
        "pdf.fonttype": 42,
        "ps.fonttype": 42,
        "svg.fonttype": "none",
        "svg.hashsalt": "stepsize",  # the same figure gives the same file
        "lines.linewidth": 1.0,
        "lines.markersize": 3.0,
        **{f"{side}.major.{part}": value for side in ("xtick", "ytick") for part, value in _TICKS.items()},
        "axes.linewidth": 0.6,
        "axes.labelpad": 2.0,
    }


@contextmanager
def paper_picture(width: float = COLUMN, font: str = "serif", size: float = 8.0) -> Iterator["PaperPicture"]:
    """A picture for a paper, which a `plot_*` function draws on in the block; `paper_style` is in use there.

    Save it with `save_figure`, in the block or after it.

    Args:
        width: in inches, from 2 to 20. A column of a two-column paper has about 3.3, and both have about 6.75.
        font: as for `paper_style`.
        size: as for `paper_style`.

    Raises:
        ArgumentError: as for `paper_style`; or the width is out of range.

    Example:
        >>> from stepsize import Cosine
        >>> from stepsize.plots import paper_picture, plot_schedules
        >>> with paper_picture(width=3.3) as picture:
        ...     ax = plot_schedules([Cosine(0.1, 0.0, 1000)], picture)
        >>> float(picture.get_figwidth()), ax.xaxis.label.get_fontsize()
        (3.3, 8.0)
    """
    picture = PaperPicture(width, font, size)
    with rc_context(picture.style):
        yield picture


class PaperPicture(Picture):
    """What `paper_picture` makes: a picture that keeps its style until it is saved."""

    def __init__(self, width: float = COLUMN, font: str = "serif", size: float = 8.0) -> None:
        width = Number(least=2.0, most=20.0)("paper_picture", "width", width)
        self.style = paper_style(font, size)
        self.legend_tiers = (((self.style["font.size"],), 2),)
        self._thinned: WeakSet[Line2D] = WeakSet()
        with rc_context(self.style):
            super().__init__()
        self.set_figwidth(width)
        layout: Any = self.get_layout_engine()
        layout.set(w_pad=PADDING, h_pad=PADDING, wspace=0.04)

    def fit(self, panel_height: float, texts: float) -> None:
        """Take the height that panels of this width and the texts need, and thin lines and marks, each only once."""
        share = (self.get_figwidth() / WIDTH) ** 0.75  # the numbers and labels of a panel do not shrink
        super().fit(share * panel_height, texts)
        legends = [*self.legends, *filter(None, (ax.get_legend() for ax in self.axes))]
        lines = chain(*(ax.lines for ax in self.axes), *(legend.get_lines() for legend in legends))
        for line in [line for line in lines if line not in self._thinned]:
            line.set(linewidth=THIN * line.get_linewidth(), markersize=THIN * line.get_markersize())
            line.set_markeredgewidth(THIN * line.get_markeredgewidth())
            self._thinned.add(line)

    def savefig(self, fname: Any, **options: Any) -> None:
        """Save as `Figure.savefig`, in the style and without the time, so that the same figure gives the same file."""
        undated = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}.get(options.get("format", ""))
        with rc_context(self.style):
            super().savefig(fname, **{"metadata": undated, **options})


def plot_comparison_on_paper(
    runs: Sequence[Logged], picture: PaperPicture, *, judged_on: str = "test", metric: str | None = None
) -> NDArray[np.object_]:
    """The panels of `plot_comparison`, beside each other if the picture is at least five inches wide.

    The legend is as wide as the picture.
    """
    across = picture.get_figwidth() >= SIDE_BY_SIDE
    axes: NDArray[np.object_] = picture.subplots(1, 3) if across else picture.subplots(3, 1, sharex=True)
    plot_comparison(runs, axes, judged_on=judged_on, metric=metric)
    below = axes[-1].get_legend()
    names = list(dict.fromkeys(run.name for run in runs))  # whole, not wrapped to the width of one panel
    labels = [*names, *(text.get_text() for text in below.get_texts()[len(names) :])]
    below.remove()
    with without_glyph_warnings():
        layout = legend_layout(picture, labels, 72 * picture.get_figwidth() - MARGIN, np.inf)
        legend = picture.legend(
            below.legend_handles,
            [str(i) for i in range(len(labels))],
            loc="outside lower center",
            borderaxespad=0,
            **(layout.options | {"borderpad": 0.4}),  # room above it
        )
        layout.fill(legend)
        height = WIDE_PANEL if across else 3 * PANEL
        picture.set_figheight(height + legend.get_window_extent().height / picture.dpi)
    return axes


def _installed(font: str) -> tuple[str, ...]:
    """The family of this name, and one for letters that it lacks."""
    try:
        findfont(FontProperties(family=[font]), fallback_to_default=False)
    except ValueError:
        rule = f"{', '.join(map(quoted, FAMILIES))} or the name of an installed font"
        raise ArgumentError("paper_style", "font", rule, font) from None
    return (font, "DejaVu Sans")
