"""The hook of the command-line page: `::: stepsize VERB` becomes the usage and the options of the verb."""

import html
import re
from typing import Any

import typer

from stepsize.cli import app

_KINDS = {"int": " N", "float": " NUMBER", "str": " NAME", "path": " PATH"}  # if an option names no value of its own


def on_page_markdown(markdown: str, **kwargs: Any) -> str:
    """Write out the verbs of a page; MkDocs calls this for every page."""
    return re.sub(r"^::: stepsize (\w+)$", lambda line: described(line[1]), markdown, flags=re.MULTILINE)


def described(verb: str) -> str:
    """The usage of a verb, its help, and a table of its arguments and options."""
    command: Any = typer.main.get_command(app).commands[verb]  # type: ignore[attr-defined]
    context = command.context_class(command, info_name=f"stepsize {verb}")
    records = [record for each in command.get_params(context) if (record := each.get_help_record(context))]
    rows = [f"| `{_taking(name)}` | {_meaning(meaning)} |" for name, meaning in records if name != "--help"]
    return "\n".join(
        [
            "```console",
            f"$ {_usage(command.get_usage(context))}",
            "```",
            "",
            _plain(command.help),
            "",
            "| | meaning |",
            "|---|---|",
            *rows,
        ]
    )


def _usage(usage: str) -> str:
    """`stepsize compare [OPTIONS] [FILE]`, without the further brackets of some versions of Typer."""
    return re.sub(r"[{}]", "", usage.removeprefix("Usage: ")).replace("[[", "[").replace("]]", "]")


def _taking(name: str) -> str:
    """`--epochs N` for `--epochs <int range>`; arguments keep their names."""
    left, kind = re.fullmatch(r"(.*?)(?: <(\w+).*>)?", name).groups()  # type: ignore[union-attr]
    return f"{left}{_KINDS.get(kind, '')}" if left.startswith("--") else left


def _meaning(text: str) -> str:
    """The help of an option, with its bounds in words."""
    text = re.sub(r"([\d.]+)<=x<=([\d.]+)", r"from \1 to \2", text)
    return _plain(re.sub(r"x>=([\d.]+)", r"at least \1", text))


def _plain(text: str) -> str:
    """The text with everything escaped that would be markup, except backquotes."""
    return re.sub(r"([*_|])", r"\\\1", html.escape(text, quote=False))
