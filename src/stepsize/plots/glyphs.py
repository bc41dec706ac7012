"""Letters that the font has not: they are drawn as boxes, and nothing more is said of them."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def missing_glyphs_unsaid() -> Iterator[None]:
    """No warning for every letter that matplotlib's font has not; any other warning is shown as ever."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+ .*missing from", UserWarning)
        yield
