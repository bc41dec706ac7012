"""The gallery: every exhibit as a picture, some as animations, and the pages that show them."""

import math
import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

from stepsize.descent.exhibits import EXHIBITS
from stepsize.descent.showings import Batches, Content, Examinations, Panels
from stepsize.errors import OutputError
from stepsize.files import write_whole
from stepsize.plots.animation import save_animation
from stepsize.plots.batches import HEIGHT, plot_batches
from stepsize.plots.convexity import plot_convexity
from stepsize.plots.descent_page import Section, descents_page
from stepsize.plots.descents import PANEL_HEIGHT, descent_panels, descents_figure
from stepsize.plots.few_colours import in_few_colours
from stepsize.plots.figures import blank_figure, blank_panels, settle

DOTS_AN_INCH = 100
PAGE, TEXT = "play.html", "index.md"


def write_gallery(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """Write the gallery to a folder, file by file, each yielded once it is written: go through all of them.

    There is a .png for every exhibit, a .gif for those that move, `play.html` with a slider for every descent, and
    `index.md`, which shows them with their words. Files of these names are written over.

    Raises:
        OutputError: the folder or a file in it cannot be written.
        MissingExtraError: scikit-learn, whose data one of them descends, is not installed.
    """
    target = Path(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write a gallery to {target}: {(error.strerror or str(error)).lower()}") from error
    sections = []
    for exhibit in EXHIBITS:
        content = exhibit.content()
        write_whole(target / f"{exhibit.name}.png", _png(exhibit_figure(content)))
        yield target / f"{exhibit.name}.png"
        if isinstance(content, Panels):
            if exhibit.moving:
                yield save_animation(content.panels, target / f"{exhibit.name}.gif")
            sections.append(Section(exhibit.title, exhibit.caption, content.panels))
    write_whole(target / PAGE, descents_page("Descents", sections).encode())
    yield target / PAGE
    write_whole(target / TEXT, gallery_text().encode())
    yield target / TEXT


def _png(figure: Figure) -> bytes:
    """The picture as a small file."""
    drawn, small = BytesIO(), BytesIO()
    figure.savefig(drawn, format="png", dpi=DOTS_AN_INCH)
    in_few_colours([Image.open(drawn)])[0].save(small, format="png", optimize=True)
    return small.getvalue()


def count_of_files() -> int:
    """How many files a gallery has."""
    return len(EXHIBITS) + sum(exhibit.moving for exhibit in EXHIBITS) + len((PAGE, TEXT))


def gallery_text() -> str:
    """The page that shows the pictures, in Markdown with one sentence a line."""
    parts = [
        "# Gallery",
        "Stars are known minima, crosses saddle points; a ring is where a descent begins.\n"
        f"Every descent can be played, step by step, on [one page]({PAGE}).\n"
        "`stepsize descend --gallery DIR` makes this page and everything on it.",
    ]
    for exhibit in EXHIBITS:
        file = f"{exhibit.name}.{'gif' if exhibit.moving else 'png'}"
        parts += [f"## {exhibit.title}", exhibit.caption.replace(". ", ".\n"), f"![{exhibit.title}]({file})"]
    return "\n\n".join(parts) + "\n"


def exhibit_figure(content: Content) -> Figure:
    """The picture of an exhibit's content, as a figure that pyplot does not know of."""
    match content:
        case Panels(panels):
            if len(panels) == 1:
                return descents_figure(*panels.values())
            return descent_panels(panels, columns=3 if len(panels) == 3 else 2)
        case Batches(descents, lowest):
            figure, axes = blank_figure()
            plot_batches(descents, axes[0], lowest=lowest)
            settle(figure, HEIGHT)
            return figure
        case Examinations(panels):
            figure, panes = blank_panels(math.ceil(len(panels) / 2), 2, PANEL_HEIGHT)
            for ax, (title, each) in zip(panes, panels.items(), strict=True):
                plot_convexity(each.subject, each.domain, each.answer, ax)
                ax.set_title(f"{title}: {'convex' if each.answer else 'not convex'}", fontsize=9.5)
                ax.tick_params(labelsize=8)
            return figure
