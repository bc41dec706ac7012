"""Configs in files: JSON, TOML, YAML, a command line in a shell script, the literals of a Python file."""

import ast
import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stepsize.curves.text_file import text_of
from stepsize.errors import DataError, MissingExtraError, StepsizeError
from stepsize.interop.literals import literal

_WORDS = re.compile(r"[\s\"'()]+")
_ASSIGNMENT = re.compile(r"""^\s*(?:export\s+)?(\w+)=["']?([^\s"'()]+)["']?\s*$""", re.MULTILINE)


def config_in(path: Path) -> Any:
    """The settings in a file: a mapping, a list, the words of a command line, or the text if it is none of these.

    Raises:
        DataError: the file cannot be read, or is damaged, empty or a log.
        MissingExtraError: it is YAML, and PyYAML is not installed.
    """
    text = text_of(path)
    if "\0" in text:
        advice = "write the arguments as JSON with training_args.to_json_string()" if path.suffix == ".bin" else ""
        raise DataError(f"{path} is not a text", advice)
    try:
        config = _FORMATS.get(path.suffix.lower(), config_of)(text)
    except StepsizeError:
        raise
    except (ValueError, SyntaxError) as error:
        raise DataError(f"{path} is damaged: {' '.join(str(error).split())}") from None
    if not config:
        raise DataError(f"{path} has no settings")
    if isinstance(config, dict) and "log_history" in config:
        raise DataError(f"{path} is the log of a Trainer, not its arguments", f"read it with: stepsize curves {path}")
    return config


def config_of(text: str) -> Any:
    """The settings in a text: JSON, a command line, or else the text itself."""
    if text.lstrip().startswith(("{", "[")):
        return json.loads(text)
    return command_line(text) or text.strip()


def command_line(text: str) -> list[str]:
    """The options with their values in a command line or a shell script; variables that it sets are filled in."""
    text = re.sub(r"\\\r?\n", " ", re.sub(r"(^|\s)#.*$", "", text, flags=re.MULTILINE))
    for name, value in _ASSIGNMENT.findall(text):
        text = text.replace(f"${{{name}}}", value)
        text = re.sub(rf"\${name}\b", lambda _, value=value: value, text)  # type: ignore[misc]
    lines = [[word for word in _WORDS.split(line) if word] for line in re.split(r"[\n;|&<>]", text)]
    return [word for line in lines for word in _from_first_option(line)]


def _from_first_option(words: list[str]) -> list[str]:
    options = [index for index, word in enumerate(words) if re.match(r"--[A-Za-z]", word)]
    return words[options[0] :] if options else []


def _yaml(text: str) -> Any:
    try:
        import yaml
    except ModuleNotFoundError:
        raise MissingExtraError.naming("PyYAML", "interop") from None

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        """Reads 3e-4 as a number, as YAML 1.2 does."""

    float_pattern = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+")
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", float_pattern, list("-+.0123456789"))
    try:
        return yaml.load(text, Loader)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None


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
    ".json": json.loads,
    ".py": python_literals,
    ".toml": tomllib.loads,
    ".yaml": _yaml,
    ".yml": _yaml,
}
