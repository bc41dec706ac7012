"""Command lines: the options in a text or a shell script, and the settings that they are."""

import ast
import re
import shlex
from collections.abc import Sequence
from itertools import dropwhile
from typing import Any

from stepsize.errors import ArgumentError
from stepsize.interop.calls import literal

_SHORT, _OPTION = re.compile(r"-[A-Za-z]"), re.compile(r"--[A-Za-z]")
_WORDS = re.compile(r"[\s\"'()]+")
_ASSIGNMENT = re.compile(r"""^\s*(?:export\s+)?(\w+)=["']?([^\s"']{1,200})["']?\s*$""", re.MULTILINE)
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?::?-([^{}]*))?\})")  # $NAME, ${NAME} or ${NAME:-DEFAULT}
_ARITHMETIC = re.compile(r"\$\(\(([^()\n]{1,200})\)\)")


def command_line(text: str) -> list[str]:
    """The options with their values in a command line or a shell script; variables that it sets are filled in."""
    text = re.sub(r"\\\r?\n", " ", re.sub(r"(^|\s)#.*$", "", text, flags=re.MULTILINE))
    values: dict[str, str] = {}
    for name, value in _ASSIGNMENT.findall(text):
        values[name] = _filled_in(value, values)
    text = _filled_in(text, values)
    lines = [[word for word in _WORDS.split(line) if word] for line in re.split(r"[\n;|&<>]", text)]
    return [word for line in lines for word in dropwhile(lambda word: not _OPTION.match(word), line)]


def _filled_in(text: str, values: dict[str, str]) -> str:
    """The text with the values of variables, their defaults, and whole numbers for its arithmetic."""

    def value(match: re.Match[str]) -> str:
        found: str | None = values.get(match[1] or match[2], match[3])
        return match[0] if found is None or len(found) > 200 else found

    def result(match: re.Match[str]) -> str:
        expression = re.sub(r"[A-Za-z_]\w*", lambda name: values.get(name[0], name[0]), match[1])
        try:
            return str(int(literal(ast.parse(expression.strip(), mode="eval").body)))
        except (SyntaxError, ValueError, TypeError, ArithmeticError):
            return match[0]

    return _ARITHMETIC.sub(result, _VARIABLE.sub(value, text))


def options(owner: str, given: str | Sequence[Any]) -> dict[str, Any]:
    """The options in a command line or its words by name: `--lr-decay-style cosine` is lr_decay_style."""
    try:
        words = shlex.split(given.replace("\\\n", " ")) if isinstance(given, str) else [str(each) for each in given]
    except ValueError as error:
        raise ArgumentError(owner, "config", "an argument list such as --lr 3e-4", given, str(error).lower()) from None
    values_of: dict[str, list[Any]] = {}
    name = None
    for word in words:
        if word.startswith("--"):
            option, equals, value = word[2:].partition("=")
            name = option.replace("-", "_")
            values_of[name] = [plain(value)] if equals else []
        elif _SHORT.match(word):  # an option such as -b, which concerns no schedule
            name = None
        elif name is not None:  # words before the first option are the command
            values_of[name].append(plain(word))
    if words and not values_of:
        given, advice = " ".join(words), "stepsize.pytorch.from_torch reads a scheduler of PyTorch in Python"
        rule = "settings, or an argument list such as --lr 3e-4"
        raise ArgumentError(owner, "config", rule, given, advice if "(" in given else "")
    return {name: each if len(each) > 1 else each[0] if each else True for name, each in values_of.items()}


def plain(text: str) -> Any:
    """The number, True, False or None that a word of a command line or a config file stands for, or the word."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return {"true": True, "false": False, "none": None, "null": None}.get(text.lower(), text)
