"""Texts in Markdown: every character is shown as itself, and none of them is markup."""

import re


class Code(str):
    """A piece of text that is set in the letters of a typewriter."""


def in_markdown(piece: str) -> str:
    """A piece of a sentence, or of code if it is `Code`; characters that cannot be printed become blanks.

    Example:
        >>> from stepsize.lab.report.markdown_text import Code, in_markdown
        >>> print(in_markdown("a|b"), in_markdown(Code("a|b")), in_markdown(Code("a`b")))
        a\\|b `a|b` `` a`b ``
    """
    text = "".join(sign if sign.isprintable() else " " for sign in piece)
    if isinstance(piece, Code):
        fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
        return f"{fence} {text} {fence}" if "`" in text else f"`{text}`" if text else ""
    return re.sub(r"([\\`*_\[\]<>#|$~&])", r"\\\1", text)
