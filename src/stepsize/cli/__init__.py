"""The command line: one file a verb; parsing and printing only."""

import io
import os
import sys
from typing import Annotated

import typer

from stepsize import __version__
from stepsize.cli.compare import compare
from stepsize.cli.cooldown import cooldown
from stepsize.cli.descend import DescendCommand, descend
from stepsize.cli.design import design
from stepsize.cli.find import find
from stepsize.cli.init import init
from stepsize.cli.plot import PlotCommand, plot
from stepsize.cli.predict import predict
from stepsize.cli.rank import rank
from stepsize.errors import StepsizeError

app = typer.Typer(
    name="stepsize",
    help="The learning-rate toolkit: see schedules, find a rate, compare on real training, foresee the loss.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command(cls=PlotCommand)(plot)
app.command()(compare)
app.command(cls=DescendCommand)(descend)
app.command()(find)
app.command()(init)
app.command()(predict)
app.command()(design)
app.command()(cooldown)
app.command()(rank)


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
    """The learning-rate toolkit: see schedules, find a rate, compare on real training, foresee the loss."""


def main() -> None:
    """Run the command line and exit.

    The exit code is 0, or 2 after an error that one message on stderr explains, 130 after Ctrl-C (143 after
    SIGTERM, where it is waited for), and 1 where the reader of the output has gone.
    """
    if sys.stdout is None:  # closed by the caller, who wants no output
        sys.stdout = io.TextIOWrapper(io.BytesIO())
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    # Tasks and functions are named as module:name. Last, so that a file here cannot replace an installed module.
    sys.path.append(os.getcwd())
    try:
        try:
            app()
        finally:
            print(end="", flush=True)  # here, where a failure can still be put in words
    except BrokenPipeError:
        _drop_output()
        sys.exit(1)
    except StepsizeError as error:
        _fail(str(error))
    except OSError as error:
        _drop_output()
        _fail(": ".join(str(part) for part in (error.filename, error.strerror or error) if part))
    except KeyboardInterrupt:
        sys.exit(130)


def _drop_output() -> None:
    """Let what is left in the buffer go nowhere: Python would try again at its end, and exit with a code of its own."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(message: str) -> None:
    print(f"stepsize: {message}", file=sys.stderr)
    sys.exit(2)
