"""Everything that stepsize raises on purpose.

    StepsizeError (a ValueError)
    ├── ArgumentError      an argument has a value that is not allowed
    ├── StepError          a schedule was asked for a step that does not exist, or has no finite value there
    ├── ParseError         a text is not a schedule, an optimizer or a formula; points at the place
    ├── FormatError        a dictionary (JSON) is not a schedule
    ├── DataError          a data set, a log or a store is missing, cut short or altered
    │   └── DamagedStoreError  a store is damaged; names the command that recovers it
    ├── OutputError        a result cannot be written, or would overwrite another
    ├── RunError           a training run could not be carried out
    ├── DriverError        a scheduler can no longer drive its optimizer
    ├── StateError         a saved state cannot be loaded
    ├── FitError           runs do not determine a law, or are too short for what is asked
    └── MissingExtraError  an optional dependency is not installed (also an ImportError)

An error is data: who was given what, what is allowed, and what to write instead. `str(error)` writes it in
Python's words; the command line and the reader of TOML files have `Words` of their own.
"""

import ast
import inspect
import os
import pickle
from argparse import ArgumentTypeError
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from pathlib import Path


class Words:
    """How arguments and values are written for the reader of an error; here as in a call in Python."""

    def argument(self, owner: str, name: str) -> str:
        """The argument `name` of the function or class `owner`."""
        return f"{owner}({name}=...)" if owner else name

    def unknown(self, owner: str, name: str) -> str:
        """That `owner` has no argument `name`."""
        is_function = " " not in owner and not owner.startswith("-")  # and not "the plan" or "--columns"
        return f"{owner} has no {'argument ' if is_function else ''}{shown(name)}"

    def rule(self, rule: str) -> str:
        """What a value must be."""
        return rule

    def value(self, value: Any) -> str:
        """A value that was given."""
        return shown(value)

    def got(self, value: Any) -> str:
        """The end of a sentence that says what was given."""
        return f", got {self.value(value)}"

    def setting(self, owner: str, name: str, value: Any) -> str:
        """The argument `name` set to a value; `...` stands for a value of the reader's choice, a method for a call."""
        if inspect.isfunction(value):
            return f"{value.__qualname__}(...)"
        return f"{name}={'...' if value is ... else self.value(value)}"

    def place(self, error: "StepsizeError") -> str:
        """Where the error is, such as the line of a file: put before the message."""
        return ""

    def hint(self, error: "StepsizeError") -> str:
        """What the reader may have meant: a line put after the message."""
        return ""


PYTHON = Words()


class StepsizeError(ValueError):
    """The base of every error that stepsize raises on purpose.

    `reason` says what is wrong, `advice` what to write instead. `{name}` in the advice stands for the argument of that
    name in `settings`, which each reader's `Words` write their own way. `owner` and `argument` name the argument that
    the error is about, and `key` the key of an experiment. `others` are further problems of the same input.
    """

    owner = ""
    argument = ""
    key = ""
    others: tuple["StepsizeError", ...] = ()
    words: Words | None = None

    def __init__(self, reason: str, advice: str = "", /, **settings: Any) -> None:
        super().__init__(reason, advice)
        self.reason = reason
        self.advice = advice
        self.settings = settings

    @property
    def problems(self) -> tuple["StepsizeError", ...]:
        """This error and the others of the same input."""
        return (self, *self.others)

    def separated(self) -> tuple["StepsizeError", ...]:
        """The problems, each on its own: the first no longer holds the others."""
        problems, self.others = self.problems, ()
        return problems

    def about(self, owner: str, argument: str) -> Self:
        """This error, with all its problems about an argument."""
        for each in self.problems:
            each.owner, each.argument = owner, argument
        return self

    def message(self, words: Words = PYTHON) -> str:
        """The error in these words, or in its own if it has some: a line for each problem of the same input."""
        words = self.words or words
        lines = []
        for each in self.problems:
            lines.append(f"{words.place(each)}{each._sentence(words)}")
            if hint := words.hint(each):
                lines.append(hint)
        return visible("\n".join(lines))

    def __str__(self) -> str:
        return self.message()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.message()!r})"

    def _sentence(self, words: Words) -> str:
        about = f"{words.argument(self.owner, self.argument)}: " if self.argument else ""
        return _joined(about + self.reason, self._advice(words))

    def _advice(self, words: Words) -> str:
        if not self.settings:
            return self.advice
        return self.advice.format(**{key: words.setting(self.owner, key, each) for key, each in self.settings.items()})


class ArgumentError(StepsizeError):
    """An argument of a function, a class or a command has a value that is not allowed.

    `Linear(steps=...) must be a whole number of at least 1, got 0` has the owner "Linear", the argument "steps", the
    rule "a whole number of at least 1", and the value 0. Without a rule, the owner does not have the argument. The
    value `inspect.Parameter.empty` is that of an argument that was left out.
    """

    def __init__(self, owner: str, argument: str, rule: str, value: Any, advice: str = "", /, **settings: Any) -> None:
        super().__init__(rule, advice, **settings)
        self.args = (owner, argument, rule, value, advice)
        self.owner = owner
        self.argument = argument
        self.rule = rule
        self.value = value

    def __reduce__(self) -> tuple[Any, ...]:
        try:
            pickle.dumps(self.value)
            value = self.value
        except Exception:
            value = _Described(shown(self.value))
        given = (self.owner, self.argument, self.rule, value, self.advice)
        return type(self), given, {**self.__dict__, "value": value}

    def _sentence(self, words: Words) -> str:
        if not self.rule:
            return _joined(words.unknown(self.owner, self.argument), self._advice(words))
        whose = words.argument(self.owner, self.argument) if self.argument else self.owner
        got = "" if self.value is inspect.Parameter.empty else words.got(self.value)
        return _joined(f"{whose} must be {words.rule(self.rule)}{got}", self._advice(words))


class StepError(StepsizeError):
    """A schedule was asked for a step that does not exist, or its value there overflows or is not real."""


class ParseError(StepsizeError, ArgumentTypeError):
    """A text is not a schedule, an optimizer or a formula.

    `text` is what was read, `position` the 0-based place in it, `reason` the sentence without the picture. It is also
    argparse's error, so that `add_argument("--lr", type=parse)` shows its message.
    """

    def __init__(self, reason: str, text: str, position: int, advice: str = "", /, **settings: Any) -> None:
        super().__init__(reason, advice, **settings)
        self.args = (reason, text, position, advice)
        self.text = text
        self.position = position

    def _sentence(self, words: Words) -> str:
        return f"{super()._sentence(words)}\n{_pointer(self.text, self.position)}"


class FormatError(StepsizeError):
    """A dictionary (JSON) is not a schedule."""


class DataError(StepsizeError):
    """A data set, a log or a store is missing, cut short or altered."""


class DamagedStoreError(DataError):
    """The file at `path` is a damaged store, or not a store at all; `reason` is what SQLite says.

    The message has the command with which SQLite writes what it can still read to a new file.
    """

    def __init__(self, path: "Path", reason: str) -> None:
        import shlex

        old, new = (shlex.quote(str(each)) for each in (path, path.with_name(f"{path.stem}-recovered{path.suffix}")))
        super().__init__(
            f"{path} is damaged, or is not a store ({reason})",
            f"recover what is readable with: sqlite3 {old} .recover | sqlite3 {new}",
        )
        self.args = (path, reason)
        self.path = path


class OutputError(StepsizeError):
    """A result cannot be written, or would overwrite another."""


class RunError(StepsizeError):
    """A training run could not be carried out."""


class DriverError(StepsizeError):
    """A scheduler can no longer drive its optimizer."""


class StateError(StepsizeError):
    """A saved state cannot be loaded."""


class FitError(StepsizeError):
    """Runs do not determine a law of loss curves, or are too short for what is asked."""


class MissingExtraError(StepsizeError, ImportError):
    """An optional dependency is not installed."""

    @classmethod
    def naming(cls, package: str, extra: str) -> "MissingExtraError":
        """The error for a missing `package` that `extra` of stepsize installs."""
        return cls(f"{package} is not installed", f"install it with: pip install '.[{extra}]' in a clone of stepsize")


@contextmanager
def concerning(key: str) -> Iterator[None]:
    """Errors raised inside are about this key of an experiment."""
    try:
        yield
    except StepsizeError as error:
        for each in error.problems:
            each.key = each.key or key
        raise


@contextmanager
def gathered(errors: list[StepsizeError]) -> Iterator[None]:
    """Append an error raised inside to `errors`, for `raise_together`."""
    try:
        yield
    except StepsizeError as error:
        errors.append(error)


def raise_together(errors: Sequence[StepsizeError]) -> None:
    """Raise the problems of one input as one error: the first, which holds the others; nothing if there are none."""
    if errors:
        first = errors[0]
        first.others = (*first.others, *(each for error in errors[1:] for each in error.problems))
        raise first


def name_and_item(argument: str) -> tuple[str, Any]:
    """An argument's name, and the key or index of the item that an error is about: `schedules['a']`; None if none."""
    name, bracket, rest = argument.partition("[")
    item: Any = rest.removesuffix("]") if bracket else None
    with suppress(ValueError, SyntaxError):  # an item of an item stays a text: `points[0][1]`
        item = ast.literal_eval(item) if bracket else None
    return name, item


def shown(value: Any, longest: int = 60) -> str:
    """`repr(value)` as one line of a readable length, or a path in full, or the name of a class; never raises."""
    try:
        is_path = isinstance(value, os.PathLike)
        text = value.__name__ if isinstance(value, type) else str(value) if is_path else repr(value)
    except Exception as error:
        text = f"<{type(value).__name__} whose repr raises {type(error).__name__}>"
    return one_line(text, 4096 if isinstance(value, os.PathLike) else longest)  # a path may be copied


def visible(text: str) -> str:
    """The text with control characters and marks of direction written out: a terminal shows and does not obey them."""
    if text.isprintable():
        return text
    shown_as_is = ("\n", "\N{NO-BREAK SPACE}", "\N{IDEOGRAPHIC SPACE}")
    return "".join(
        each if each.isprintable() or each in shown_as_is else each.encode("unicode_escape").decode() for each in text
    )


def quoted(word: str, longest: int = 40) -> str:
    """A word of the caller's in double quotes, as one line of a readable length without unprintable characters."""
    return f'"{one_line("".join(c if c.isprintable() or c.isspace() else " " for c in word), longest)}"'


def first_few(words: Sequence[str], most: int, between: str = ", ") -> str:
    """The first words, and how many are left out: `a, b and 1,234 more`."""
    left_out = f" and {len(words) - most:,} more" if len(words) > most else ""
    return f"{between.join(words[:most])}{left_out}"


def distinct_texts(one: float, other: float) -> tuple[str, str]:
    """Two numbers with as few digits as tell them apart."""
    for digits in (4, 6, 9, 12, 17):
        texts = f"{one:.{digits}g}", f"{other:.{digits}g}"
        if texts[0] != texts[1]:
            break
    return texts


def one_line(text: str, longest: int) -> str:
    """A text as one line, cut to `longest` characters."""
    begin = text[: 10 * longest]  # the rest could not be shown, however many blanks are left out
    line = " ".join(part.strip() for part in begin.splitlines())
    return line if begin == text and len(line) <= longest else f"{line[: longest - 3]}..."


class _Described:
    """In place of a value that cannot be pickled: its description."""

    def __init__(self, description: str) -> None:
        self.description = description

    def __repr__(self) -> str:
        return self.description


def _joined(sentence: str, advice: str) -> str:
    return f"{sentence}; {advice}" if advice else sentence


def _pointer(text: str, position: int, width: int = 72) -> str:
    """Two lines: the part of `text` around `position`, and a caret below the place."""
    start = max(0, min(position - width // 2, len(text) - width))
    end = min(len(text), start + width)
    before = "..." if start else ""
    after = "..." if end < len(text) else ""
    shown_part = "".join(c if c.isprintable() else " " for c in text[start:end])
    return f"  {before}{shown_part}{after}\n  {' ' * (len(before) + position - start)}^"
