"""Pictures in a few colours: files several times smaller, with the colours of all paths kept."""

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import to_rgb
from PIL import Image

from stepsize.plots.style import COLOURS

COMMON = 128
TINTS = (1.0, 0.75, 0.5, 0.25)
"""Of each path's colour, towards white: its edges."""


def in_few_colours(pictures: Sequence[Image.Image]) -> list[Image.Image]:
    """The pictures in one palette: what is common in the last, and every path's colour however thin the path is.

    Black and white stay as they are.
    """
    whole = [picture.convert("RGB") for picture in pictures]
    common = whole[-1].quantize(COMMON).getpalette() or []
    paths = np.array([to_rgb(colour) for colour in COLOURS])
    tints = np.concatenate([part * paths + (1.0 - part) for part in TINTS] + [[[0.0] * 3, [1.0] * 3]])
    palette = Image.new("P", (1, 1))
    palette.putpalette([*common[: 3 * COMMON], *(255 * tints).round().astype(int).ravel().tolist()])
    return [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in whole]
