"""The hook of languages: the pages in `docs/zh` are marked as Chinese.

By this mark browsers choose the font and the voice. Without it some show Japanese forms of characters.
"""

from typing import Any


def on_post_page(output: str, page: Any, **kwargs: Any) -> str:
    """Mark the page; MkDocs calls this for every page."""
    return output.replace('<html lang="en"', '<html lang="zh-CN"', 1) if page.url.startswith("zh/") else output
