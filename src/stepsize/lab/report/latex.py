r"""Texts in LaTeX: every character is shown as itself, and none of them is a command.

The result is ASCII, so that it compiles with pdfLaTeX, XeLaTeX and LuaLaTeX, in every encoding of the input.
"""

import re
import unicodedata

LETTERS = (
    "\\providecommand{\\stepsizeletter}[2]{\\ifdefined\\XeTeXversion\\symbol{#1}\\else"
    "\\ifdefined\\luatexversion\\symbol{#1}\\else[U+#2]\\fi\\fi}\n"
)
"""The definition that a file needs if `escaped` has written letters that pdfLaTeX may not have."""

_SIGNS = {
    **{sign: f"\\{sign}" for sign in "#$%&_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "\N{LEFT DOUBLE QUOTATION MARK}": "``",
    "\N{RIGHT DOUBLE QUOTATION MARK}": "''",
    '"': r"\symbol{34}",  # babel makes it a command in some languages
    "`": r"\textasciigrave{}",
    "[": "{[}",  # after a line of a table it would begin an argument
    "*": "{*}",
    "±": r"$\pm$",
    "\N{EN DASH}": r"\textendash{}",
    "\N{EM DASH}": r"\textemdash{}",
    "\N{MINUS SIGN}": "$-$",
}
_ACCENTS = dict(zip("\u0300\u0301\u0302\u0303\u0308\u030a\u0327\u030c", "`'^~\"rcv", strict=True))
_LONG_WORD = 16


def escaped(text: str) -> str:
    r"""The text in LaTeX, without characters that cannot be printed; long words may break across lines."""
    text = re.sub(r'(^|(?<=[ (]))"', "\N{LEFT DOUBLE QUOTATION MARK}", text)
    return _broken(text.replace('"', "\N{RIGHT DOUBLE QUOTATION MARK}"))


def code(text: str) -> str:
    """The text in LaTeX, in the letters of a typewriter."""
    return rf"\texttt{{{_broken(text)}}}"


def _broken(text: str) -> str:
    words = "".join(sign if sign.isprintable() else " " for sign in text).split(" ")
    return " ".join(r"\allowbreak{}".join(map(_word, re.findall(f".{{1,{_LONG_WORD}}}", word))) for word in words)


def _word(word: str) -> str:
    return re.sub("--", "-{}-", re.sub("--", "-{}-", "".join(map(_sign, word))))


def _sign(sign: str) -> str:
    if sign in _SIGNS:
        return _SIGNS[sign]
    if sign.isascii():
        return sign
    letter, accent = (*unicodedata.normalize("NFD", sign), "")[:2]
    if unicodedata.normalize("NFD", sign) == letter + accent and letter.isascii() and accent in _ACCENTS:
        return rf"\{_ACCENTS[accent]}{{{letter}}}"
    return rf"\stepsizeletter{{{ord(sign)}}}{{{ord(sign):04X}}}"
