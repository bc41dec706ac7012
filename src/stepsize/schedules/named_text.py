"""[NAME=]TEXT: a text that may have a name before it; and whether a word names a file instead."""

import re
from collections.abc import Callable
from contextlib import suppress

from stepsize.errors import StepsizeError

_FILE = re.compile(r"[^\s()'\"]+\.[a-z]\w*", re.IGNORECASE)


def is_file_name(word: str) -> bool:
    """Whether a word is the path of a file with an ending, and not the text of a schedule."""
    return _FILE.fullmatch(word) is not None


def named(text: str, read: Callable[[str], object]) -> tuple[str, str]:
    """The name, "" if there is none, and the rest of [NAME=]TEXT.

    Names and texts may both contain "=". The name ends at the first "=" after which `read` accepts the rest; if there
    is none, at the last "=" outside brackets. The number after "=" in brackets is an argument, even if none is closed.
    """
    parts, end = [("", text)], None
    depth = 0
    for place, character in enumerate(text):
        depth += (character in "([") - (character in ")]")
        if character == "=" and (depth <= 0 or "(" in text[place:]):
            parts.append((_unquoted(text[:place]), text[place + 1 :].strip()))
            end = len(parts) - 1 if depth <= 0 else end
    for name, rest in parts:
        with suppress(StepsizeError):
            read(rest)
            return name, rest
    return parts[end or 0]


def _unquoted(name: str) -> str:
    """A name without blanks and a pair of quotes around it."""
    name = name.strip()
    return name[1:-1] if len(name) > 1 and name[0] == name[-1] and name[0] in "\"'" else name
