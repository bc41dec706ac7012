"""The command line: one file for each verb; parsing and printing only."""

import gc
import io
import os
import sys
from contextlib import suppress
from itertools import takewhile
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from stepsize import __version__
from stepsize.arguments import refuse_unknown
from stepsize.cli.check import check
from stepsize.cli.compare import Terminated, compare
from stepsize.cli.convert import convert
from stepsize.cli.cooldown import cooldown
from stepsize.cli.curves import curves
from stepsize.cli.descend import descend
from stepsize.cli.design import design
from stepsize.cli.export import export
from stepsize.cli.find import find
from stepsize.cli.init import init
from stepsize.cli.play import play
from stepsize.cli.plot import plot
from stepsize.cli.predict import predict
from stepsize.cli.rank import rank
from stepsize.cli.verb import Verb
from stepsize.cli.words import CommandLine
from stepsize.errors import StepsizeError, visible

HELP = ("--help", "-h")


class Verbs(TyperGroup):
    """The verbs, whose errors name options."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        refuse_unknown(
            "stepsize",
            takewhile(lambda word: word.startswith("-"), args),
            ("--version", "--install-completion", "--show-completion", *HELP),
        )
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        refuse_unknown("stepsize", args[:1], self.commands)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run a verb; its errors are in the words of the command line, and an interrupt sets the exit code."""
        try:
            return super().invoke(ctx)
        except StepsizeError as error:
            if ctx.invoked_subcommand in self.commands:
                error.words = error.words or CommandLine(self.commands[ctx.invoked_subcommand].params)
            raise
        except KeyboardInterrupt as interrupt:
            print(f"stepsize: {str(interrupt) or 'interrupted'}", file=sys.stderr)
            raise typer.Exit(143 if isinstance(interrupt, Terminated) else 130) from None


app = typer.Typer(
    name="stepsize",
    cls=Verbs,
    help="The learning-rate toolkit: see schedules, find a rate, compare on real training, predict the loss.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": HELP},
)
VERBS = (plot, play, check, convert, compare, export, descend, find, init, curves, predict, design, cooldown, rank)
for verb in VERBS:
    app.command(cls=Verb)(verb)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"stepsize {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """The learning-rate toolkit: see schedules, find a rate, compare on real training, predict the loss."""


def main() -> None:
    """Run the command line and exit.

    The exit code is 0, or 2 after an error that one message on stderr explains, 130 after Ctrl-C, 143 after SIGTERM
    in verbs that wait for it, and 1 if the reader of the output has closed it.
    """
    _find_modules_here()
    if sys.stdout is None:  # the caller closed it: no output is wanted
        sys.stdout = io.TextIOWrapper(io.BytesIO())
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as Python does for stderr
    try:
        try:
            app()
        finally:
            print(end="", flush=True)  # while a failure can still be reported
            gc.freeze()  # at the end Python would look for garbage in all of PyTorch, for half a second
    except StepsizeError as error:
        _fail(error.message(CommandLine([])))
    except BrokenPipeError:
        _drop_output()
        sys.exit(1)
    except OSError as error:
        _drop_output()
        _fail(": ".join(str(part) for part in (error.filename, error.strerror or error) if part))
    except KeyboardInterrupt:
        sys.exit(130)


def _find_modules_here() -> None:
    """Put the current folder on the path, so that `--task mytask:parabola` finds mytask.py there.

    It comes last: a user's file must not replace a module of the same name of Python or of an installed package.
    For the same reason child processes must not look there first, as `python -c` does.
    """
    os.environ.setdefault("PYTHONSAFEPATH", "1")
    with suppress(FileNotFoundError):  # the current folder was removed
        if os.getcwd() not in sys.path:
            sys.path.append(os.getcwd())


def _drop_output() -> None:
    """Discard the buffered output: Python would try to write it again at exit and set its own exit code."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(message: str) -> NoReturn:
    print(f"stepsize: {visible(message)}", file=sys.stderr)
    sys.exit(2)
