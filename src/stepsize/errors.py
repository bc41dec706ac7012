"""Everything that stepsize raises on purpose.

    StepsizeError (a ValueError)
    ├── ArgumentError      something was given a value that it cannot have
    ├── StepError          a schedule was asked for a step that does not exist, or overflows there
    ├── ParseError         a text is no schedule, optimizer or formula; points at the place
    ├── FormatError        a dictionary (JSON) is not a schedule
    ├── DataError          a data set, a log or a store is missing, cut short or altered
    │   └── DamagedStoreError  a store is damaged; names the command that recovers it
    ├── OutputError        a result cannot be written, or would overwrite another
    ├── RunError           a training run could not be carried out
    ├── DriverError        a scheduler can no longer drive its optimizer
    ├── StateError         a saved state cannot be loaded
    ├── FitError           runs do not determine a law, or do not reach as far as it is asked
    └── MissingExtraError  an optional dependency is not installed (also an ImportError)

A message names what was given, what is allowed, and what to write instead.
"""

import shlex
from pathlib import Path


class StepsizeError(ValueError):
    """The base of every error that stepsize raises on purpose."""


class ArgumentError(StepsizeError):
    """A function, a value or a command was given an argument that it cannot have."""


class StepError(StepsizeError):
    """A schedule was asked for a step that does not exist, or its value overflows there."""


class ParseError(StepsizeError):
    """A text is no schedule, optimizer or formula.

    `text` is what was read, `position` the 0-based place in it, `reason` the sentence without the picture.
    """

    def __init__(self, reason: str, text: str, position: int) -> None:
        self.reason = reason
        self.text = text
        self.position = position
        super().__init__(f"{reason}\n{_pointer(text, position)}")

    def __reduce__(self) -> tuple[type["ParseError"], tuple[str, str, int]]:
        return type(self), (self.reason, self.text, self.position)


class FormatError(StepsizeError):
    """A dictionary (JSON) is not a schedule."""


class DataError(StepsizeError):
    """A data set, a log or a store is missing, cut short or altered."""


class DamagedStoreError(DataError):
    """The file at `path` is a damaged store, or none; `reason` is what SQLite says.

    The message has the command with which SQLite writes what it can still read to a new file.
    """

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        self.reason = reason
        old, new = (shlex.quote(str(each)) for each in (path, path.with_name(f"{path.stem}-recovered{path.suffix}")))
        super().__init__(
            f"{path} is damaged, or no store ({reason}); recover what is readable with: "
            f"sqlite3 {old} .recover | sqlite3 {new}"
        )

    def __reduce__(self) -> tuple[type["DamagedStoreError"], tuple[Path, str]]:
        return type(self), (self.path, self.reason)


class OutputError(StepsizeError):
    """A result cannot be written, or would overwrite another."""


class RunError(StepsizeError):
    """A training run could not be carried out."""


class DriverError(StepsizeError):
    """A scheduler can no longer drive its optimizer."""


class StateError(StepsizeError):
    """A saved state cannot be loaded."""


class FitError(StepsizeError):
    """Runs do not determine a law of loss curves, or do not reach as far as it is asked."""


class MissingExtraError(StepsizeError, ImportError):
    """An optional dependency is not installed."""

    @classmethod
    def naming(cls, package: str, extra: str) -> "MissingExtraError":
        """The error for a missing `package` that `extra` of stepsize installs."""
        return cls(f"{package} is not installed; install it with: pip install 'stepsize[{extra}]'")


def _pointer(text: str, position: int, width: int = 72) -> str:
    """Two lines: the part of `text` around `position`, and a caret below the place."""
    start = max(0, min(position - width // 2, len(text) - width))
    end = min(len(text), start + width)
    before = "..." if start else ""
    after = "..." if end < len(text) else ""
    shown = "".join(c if c.isprintable() else " " for c in text[start:end])
    return f"  {before}{shown}{after}\n  {' ' * (len(before) + position - start)}^"
