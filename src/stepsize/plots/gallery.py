"""The gallery: every exhibit as a picture, some as animations, and a page that shows them."""

import math

from matplotlib.figure import Figure

from stepsize.descent.exhibits import Batches, Examinations, Exhibit, Panels
from stepsize.plots.batches import HEIGHT, plot_batches
from stepsize.plots.convexity import plot_convexity
from stepsize.plots.descents import PANEL_HEIGHT, descent_panels, descents_figure
from stepsize.plots.figures import blank_figure, blank_panels, settle


def exhibit_figure(exhibit: Exhibit) -> Figure:
    """The picture of an exhibit, as a figure that pyplot does not know of."""
    match exhibit.content():
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
