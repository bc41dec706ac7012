"""Runs as arguments of the command line: where they are, how they are read, and the law that is learned from them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stepsize.arguments import nearest
from stepsize.errors import ArgumentError
from stepsize.records import LossCurve, read_curves

if TYPE_CHECKING:
    from stepsize.laws import Fit

Runs = Annotated[
    list[Path],
    typer.Argument(
        metavar="RUNS", help="Finished runs: directories of `stepsize compare`, TensorBoard's folders, CSV files."
    ),
]
Columns = Annotated[
    str | None,
    typer.Option(
        metavar="NAME=COLUMN,...",
        help="What a log calls things, where it is not the usual: step=update,lr=rate,loss=ce",
    ),
]
LogWarmup = Annotated[
    int | None,
    typer.Option(
        min=0, metavar="N", help="The warmup that logs beginning late left out, in steps; 0 if there was none."
    ),
]
LogJump = Annotated[
    list[int] | None,
    typer.Option(min=1, metavar="STEP", help="A step from which on a logged rate was suddenly another; repeatable."),
]


def read_runs(
    places: Sequence[Path], columns: str | None, log_warmup: int | None, log_jump: Sequence[int] | None
) -> list[LossCurve]:
    """The curves of all places, in order."""
    named = _columns(columns)
    return [
        curve
        for place in places
        for curve in read_curves(
            place,
            step=named.get("step"),
            lr=named.get("lr"),
            loss=named.get("loss"),
            warmup_steps=log_warmup,
            jumps=log_jump or (),
        )
    ]


def learned(curves: Sequence[LossCurve]) -> "Fit":
    """The multi-power law of several runs, the momentum law of one; says what it is and what it leaves open."""
    from stepsize.laws import MomentumLaw, MultiPowerLaw, fit  # late: they load SciPy

    law = MultiPowerLaw if len(curves) > 1 else MomentumLaw
    found = fit(curves, law)
    name = "multi-power law" if law is MultiPowerLaw else "momentum law (one run determines no more)"
    rows = sum(run.steps.size for run in found.runs)
    print(
        f"{name}, learned from {rows:,} rows of {_count(len(curves), 'run')}, which lie {found.scatter:.2%} around it"
    )
    if found.left_out is not None:
        print(f"runs left out in turn and foreseen from the others: off by {found.left_out:.2%}")
    for remark in found.diagnosis:
        print(f"note: {remark}")
    print()
    return found


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _columns(text: str | None) -> dict[str, str]:
    named: dict[str, str] = {}
    for part in (text or "").split(",") if text else ():
        name, equals, column = (piece.strip() for piece in part.partition("="))
        if not equals or not column:
            raise ArgumentError(f'--columns takes NAME=COLUMN,... such as step=update,loss=ce, got "{part}"')
        if name not in ("step", "lr", "loss"):
            advice = nearest(name, ("step", "lr", "loss")) or "known are step, lr, loss"
            raise ArgumentError(f'--columns has no "{name}"; {advice}')
        named[name] = column
    return named
