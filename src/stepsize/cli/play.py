"""`stepsize play`: a page in the browser to build, compare and understand schedules."""

from typing import Annotated, Any

import typer

from stepsize.arguments import Maybe, Whole
from stepsize.cli.options import numeric
from stepsize.cli.runs import LogOptions, with_log_options
from stepsize.errors import ArgumentError

LAST_PORT = 65_535


def _port(owner: str, name: str, value: Any) -> int:
    if (port := Whole(1)(owner, name, value)) > LAST_PORT:
        raise ArgumentError(owner, name, f"a whole number from 1 to {LAST_PORT}", value)
    return int(port)


@with_log_options
def play(
    logs: LogOptions,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[[NAME=]TEXT|CONFIG|RUNS|DIR]...",
            help="Schedules, files with configs of other tools, logs to predict losses from, or the directory of a "
            "comparison, finished or under way.",
        ),
    ] = None,
    port: Annotated[int | None, numeric("N", "The port on 127.0.0.1. [default: a free one]"), Maybe(_port)] = None,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in your browser, or only print its address.")
    ] = True,
) -> None:
    """Play with schedules on a page in your browser.

    Drag the numbers of a schedule and see its rates, their sum, its bound and the predicted loss. The page is served
    on this machine only, needs no network, and ends with Ctrl-C.
    """
    from stepsize.play.server import serve  # late: it loads the server
    from stepsize.play.subjects import subject_of

    def tell(address: str) -> None:
        print(f"{address}\nCtrl-C ends it.", flush=True)

    serve(subject_of(words or [], logs.read), port or 0, tell, browser)
