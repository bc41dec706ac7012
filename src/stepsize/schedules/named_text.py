"""[NAME=]TEXT: a text that may have a name before it."""

from collections.abc import Callable
from contextlib import suppress

from stepsize.errors import StepsizeError


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
