"""The hook of formulas: `$\\frac{a}{b}$` becomes MathML, which browsers typeset by themselves."""

import html
import re
from typing import Any

from latex2mathml.converter import convert


def on_page_content(content: str, **kwargs: Any) -> str:
    """Replace what Arithmatex marks as a formula; MkDocs calls this for every page."""
    content = re.sub(r'<span class="arithmatex">\\\((.*?)\\\)</span>', lambda found: _typeset(found[1]), content)
    return re.sub(
        r'<div class="arithmatex">\\\[(.*?)\\\]</div>',
        lambda found: f'<p class="formula">{_typeset(found[1], display="block")}</p>',
        content,
        flags=re.DOTALL,
    )


def _typeset(latex: str, display: str = "inline") -> str:
    return convert(html.unescape(latex).strip(), display=display)
