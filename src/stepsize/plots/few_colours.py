"""Pictures in a few colours: files several times smaller, with the colours of all paths kept."""

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import to_rgb
from PIL import Image

from stepsize.plots.style import COLOURS

COMMON, NEARLY_WHITE = 128, 244
TINTS = (1.0, 0.75, 0.5, 0.25)
"""Of each path's colour, towards white: its edges."""


def in_few_colours(pictures: Sequence[Image.Image]) -> list[Image.Image]:
    """The pictures in one palette: what is common in the last, and every path's colour however thin the path is.

    Black and white stay as they are.
    """
    whole = [picture.convert("RGB") for picture in pictures]
    common = np.array(whole[-1].quantize(COMMON).getpalette()).reshape(-1, 3)[:COMMON]
    common = common[common.min(axis=1) < NEARLY_WHITE]  # or Pillow takes such a one for white
    paths = np.array([to_rgb(colour) for colour in COLOURS])
    tints = np.concatenate([part * paths + (1.0 - part) for part in TINTS] + [[[0.0] * 3, [1.0] * 3]])
    palette = Image.new("P", (1, 1))
    palette.putpalette([*(255 * tints).round().astype(int).ravel().tolist(), *common.ravel().tolist()])
    return [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in whole]
