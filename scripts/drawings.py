"""The hook of drawings: `` `Linear(1, 0, 100)`{.drawn} `` becomes a picture of that schedule.

With `{.drawn .large}` it has its axes. The picture is SVG in the colours of the page, light or dark.
"""

import html
import re
from typing import Any

from stepsize import parse

_CURVE_ALONE = 'viewBox="60 22 432 130"'


def on_page_content(content: str, **kwargs: Any) -> str:
    """Replace every piece of code of the class `drawn`; MkDocs calls this for every page."""
    return re.sub(r'<code class="drawn( large)?">(.*?)</code>', _drawing, content)


def _drawing(found: re.Match[str]) -> str:
    large, text = found[1] or "", html.unescape(found[2])
    svg = parse(text, functions=True)._repr_svg_()
    if not large:
        svg = re.sub(r'viewBox="[^"]*"', _CURVE_ALONE, svg)
    svg = re.sub(r' (?:width|height)="\d+"', "", svg.replace("\n", ""), count=2)
    return f'<span class="drawing{large}">{svg}</span>'
