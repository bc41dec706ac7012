"""Configs in files: JSON, TOML, YAML, a command line in a shell script, the literals of a Python file."""

import ast
import json
import math
import re
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from stepsize.curves.text_file import text_of
from stepsize.errors import DataError, MissingExtraError, StepsizeError, quoted
from stepsize.interop.calls import literal
from stepsize.interop.command_lines import command_line

LARGEST = 2**20
"""The characters of the longest config; YAML takes half a minute to read as many."""
_MOST = 100_000  # values of a YAML file with the repeated ones


def config_in(path: Path) -> Any:
    """The settings in a file: a mapping, a list, the words of a command line, or the text if it is none of these."""
    text = text_of(path)
    if "\0" in text:
        advice = "write the arguments as JSON with training_args.to_json_string()" if path.suffix == ".bin" else ""
        raise DataError(f"{path} is not a text", advice)
    if len(text) > LARGEST:
        raise DataError(f"{path} is too large for a config", "keep the settings of the schedule alone")
    if not text.strip():
        raise DataError(f"{path} is empty")
    config = _parsed(str(path), text, _FORMATS.get(path.suffix.lower(), _json_or_words))
    if not config:
        advice = (
            "a call in it can be typed, as in --from optax 'optax.constant_schedule(0.3)'; "
            "stepsize.pytorch.from_torch reads a scheduler of PyTorch in Python"
        )
        raise DataError(f"{path} has no settings", advice if path.suffix == ".py" else "")
    if isinstance(config, dict) and "log_history" in config:
        raise DataError(f"{path} is the log of a Trainer, not its arguments", f"read it with: stepsize curves {path}")
    return config


def config_of(text: str) -> Any:
    """The settings in a text: JSON, a command line, or else the text itself."""
    return _parsed("this config", text, _json_or_words)


def _parsed(what: str, text: str, read: Callable[[str], Any]) -> Any:
    """What `read` finds in a text, which errors call `what`; DataError if it is damaged or nested too deeply."""
    try:
        return read(text)
    except StepsizeError:
        raise
    except SyntaxError as error:
        raise DataError(f"{what} is damaged: {error.msg} {_place(error.lineno, error.offset)}") from None
    except ValueError as error:
        raise DataError(f"{what} is damaged: {' '.join(str(error).split())}") from None
    except (RecursionError, MemoryError):
        raise DataError(f"{what} is nested too deeply") from None


def _place(line: int | None, column: int | None) -> str:
    """A place in a text, in the words of tomllib."""
    return f"(at line {line}, column {column})"


def _json_or_words(text: str) -> Any:
    return _json(text) if text.lstrip().startswith(("{", "[")) else command_line(text) or text.strip()


def _json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_once_each)
    except json.JSONDecodeError as error:
        said = (words for begin, words in _FAULTS.items() if error.msg.startswith(begin))
        reason = next(said, "a text has a character that JSON does not allow")
        raise ValueError(f"{reason} {_place(error.lineno, error.colno)}") from None


_FAULTS = {
    "Expecting property name": "a name in double quotes is missing",
    "Expecting value": 'a value such as 0.1, "text", true or null is missing',
    "Expecting ',' delimiter": "a comma or a closing bracket is missing",
    "Expecting ':' delimiter": "a colon is missing",
    "Extra data": "there is more after the last closing bracket",
    "Illegal trailing comma": "there is a comma before a closing bracket",
    "Unterminated string": "the closing quote of a text is missing",
}
"""What Python's reader of JSON says, and what is wrong."""


def _once_each(items: Sequence[tuple[Any, Any]]) -> dict[Any, Any]:
    """The mapping of these keys and values; ValueError if a key is given twice."""
    found: dict[Any, Any] = {}
    for key, value in items:
        if key in found:
            raise ValueError(f"{quoted(str(key))} is given twice")
        found[key] = value
    return found


def _yaml(text: str) -> Any:
    try:
        import yaml
    except ModuleNotFoundError:
        raise MissingExtraError.naming("PyYAML", "interop") from None

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        """Reads 3e-4 as a number, as YAML 1.2 does, and refuses a key that is given twice."""

        def compose_mapping_node(self, anchor: Any) -> Any:
            node = super().compose_mapping_node(anchor)
            scalars = (key for key, _ in node.value if isinstance(key, yaml.ScalarNode))
            _once_each([(key.value, None) for key in scalars if key.tag != "tag:yaml.org,2002:merge"])
            return node

    float_pattern = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+")
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", float_pattern, list("-+.0123456789"))
    try:
        config = yaml.load(text, Loader)
    except yaml.MarkedYAMLError as error:
        reason = ", ".join(each for each in (error.context, error.problem) if each)
        if error.problem == "found unhashable key":
            reason = "a key is a mapping or a list; fill in templates such as {{ lr }} before"
        raise ValueError(f"{reason} {_place(error.problem_mark.line + 1, error.problem_mark.column + 1)}") from None
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None
    except (LookupError, AttributeError):
        raise ValueError("a value does not fit its tag, such as !!int") from None
    if _count(config, {}) > _MOST:
        raise ValueError("its aliases repeat too much")
    return config


def _count(value: Any, counts: dict[int, float]) -> float:
    """The values inside a value, each as often as aliases repeat it; inf if it is inside itself."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in counts:
        counts[id(value)] = math.inf  # while the values inside are counted
        counts[id(value)] = 1 + sum(
            _count(each, counts) for each in (value.values() if isinstance(value, dict) else value)
        )
    return counts[id(value)]


def python_literals(text: str) -> dict[str, Any]:
    """The settings that a Python file assigns as literals; nothing in it is run.

    Calls of `dict`, names that were assigned before, and arithmetic of numbers are read too. What else is computed is
    left out.
    """
    found: dict[str, Any] = {}
    for statement in ast.parse(text).body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            try:
                found[statement.targets[0].id] = literal(statement.value, found)
            except (ValueError, TypeError, ArithmeticError):  # it is computed, or an error in the program
                found.pop(statement.targets[0].id, None)
    return found


_FORMATS: dict[str, Callable[[str], Any]] = {
    ".json": _json,
    ".py": python_literals,
    ".toml": tomllib.loads,
    ".yaml": _yaml,
    ".yml": _yaml,
}
