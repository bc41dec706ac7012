"""`stepsize find`: a learning rate for a task, by a range test or by training at each rate of a grid."""

import json
import math
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from stepsize.cli.options import Accumulation, BatchSize, Device, OptimizerName, PictureFile, TaskName, seeds_of
from stepsize.cli.screen import form_here
from stepsize.errors import ArgumentError, RunError, quoted
from stepsize.files import check_place, write_whole

if TYPE_CHECKING:
    from stepsize.curves import RangeTest, Suggestions
    from stepsize.lab.finding import Grid

FAR_APART = 10.0
"""Rules that differ by this factor or more are not of one mind."""


def find(
    task: TaskName = "fashion-mnist",
    optimizer: OptimizerName = "sgd",
    optimizer_arg: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="What else the optimizer is given, e.g. momentum=0.9; repeatable."),
    ] = None,
    clip_norm: Annotated[float | None, typer.Option(metavar="NORM", help="Bound on the gradient's norm.")] = None,
    start_lr: Annotated[float, typer.Option(metavar="RATE", help="The first rate.")] = 1e-7,
    end_lr: Annotated[float, typer.Option(metavar="RATE", help="The last rate.")] = 10.0,
    steps: Annotated[int, typer.Option(min=2, help="Updates from the first rate to the last.")] = 100,
    linear: Annotated[
        bool, typer.Option("--linear", help="Raise the rate by equal differences, not by the same factor.")
    ] = False,
    batch_size: BatchSize = 256,
    accumulation: Accumulation = 1,
    seeds: Annotated[str, typer.Option(metavar="N,N,...", help="One run for every seed; their mean is judged.")] = "0",
    device: Device = "auto",
    out: PictureFile = None,
    as_json: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write losses, rates and suggestions to FILE.")
    ] = None,
    grid: Annotated[
        bool,
        typer.Option("--grid", help="Train at a grid of rates around the suggestion too, judged on held-out samples."),
    ] = False,
    rates: Annotated[
        str | None, typer.Option(metavar="RATE,RATE,...", help="The rates of the grid, e.g. 0.01,0.001,0.0001.")
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the training set at each rate of the grid.")] = 1,
) -> None:
    """Find a learning rate: raise it in a short run, watch the loss, and say which rates that speaks for.

    With --grid the network is also trained, at each rate of a grid, and the two answers are shown together.
    """
    from stepsize import lab  # late: it loads PyTorch, which `stepsize --help` need not wait for
    from stepsize.plots import sketch_range_test

    if rates is not None and not grid:
        raise ArgumentError("--rates are those of the grid; write --grid beside it")
    wanted = None if rates is None else _rates(rates)
    _check_places(out, as_json)
    training: dict[str, Any] = {
        "optimizer": optimizer,
        "optimizer_args": _optimizer_args(optimizer_arg or ()),
        "clip_norm": clip_norm,
        "batch_size": batch_size,
        "seeds": seeds_of(seeds),
        "device": device,
    }
    loaded = lab.load_task(task)
    print(loaded.source)
    with _progress(steps * len(training["seeds"])) as observe:
        test = lab.find_rate(
            loaded,
            start_lr=start_lr,
            end_lr=end_lr,
            steps=steps,
            shape="linear" if linear else "geometric",
            accumulation=accumulation,
            observe=observe,
            **training,
        )
    found = test.suggest()
    print(sketch_range_test(test, found, **form_here(around=12)))
    for line in _verdict(found):
        print(line)
    _write(test, found, None, out, as_json)
    if grid:
        around = _around(found) if wanted is None else wanted
        try:
            trained = lab.train_grid(around, task=task, epochs=epochs, accumulation=accumulation, **training)
        except KeyboardInterrupt as interrupt:
            print(f"stepsize: {str(interrupt) or 'interrupted'}", file=sys.stderr)
            raise typer.Exit(130) from None
        Console().print(_table(trained))
        print(f"Report and picture of the grid: {trained.comparison.directory}")
        _write(test, found, trained, out, as_json)
    for path in (out, as_json):
        if path is not None:
            print(path)


@contextmanager
def _progress(updates: int) -> Iterator[Callable[[int, float, float], object]]:
    """A bar on stderr, where that is a terminal: how far the test has come, and at which rate and loss it is."""
    console = Console(stderr=True)
    columns = TextColumn("range test"), BarColumn(), TextColumn("{task.fields[news]}")
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=updates, news="")

        def observe(step: int, rate: float, loss: float) -> None:
            bar.update(task, advance=1, news=f"rate {rate:.1e}  loss {loss:.4g}")

        yield observe


def _rates(text: str) -> tuple[float, ...]:
    with suppress(ValueError):
        rates = tuple(float(rate) for rate in text.split(","))
        if all(0.0 < rate < math.inf for rate in rates):
            return rates
    raise ArgumentError(f"--rates takes numbers above 0 such as 0.01,0.001,0.0001, got {quoted(text)}")


def _optimizer_args(texts: Sequence[str]) -> dict[str, Any]:
    """The arguments in NAME=VALUE, each as it would stand under [optimizer] in the file of an experiment."""
    given: dict[str, Any] = {}
    for text in texts:
        try:
            line = tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            line = {}
        if len(line) != 1 or line.keys() & given.keys():
            raise ArgumentError(
                "--optimizer-arg takes NAME=VALUE such as momentum=0.9, nesterov=true or betas=[0.9,0.95], each name "
                f"once, got {quoted(text)}"
            )
        given |= line
    return given


def _check_places(out: Path | None, as_json: Path | None) -> None:
    """Refuse what could not be written, before the test and not after it."""
    if out is not None:
        from stepsize import plots  # late: they load matplotlib

        _ = plots.save_figure  # which says what to install, where that is missing
        from stepsize.plots.figures import picture_kind

        picture_kind(out)
    for path in (out, as_json):
        if path is not None:
            check_place(path)


def _around(found: "Suggestions") -> tuple[float, ...]:
    from stepsize.lab.finding import AROUND

    if found.rate is None:
        raise RunError(f"there is no suggestion to put a grid around ({found.reason}); give --rates 0.1,0.01,0.001")
    return tuple(float(f"{found.rate * factor:.2g}") for factor in AROUND)


def _verdict(found: "Suggestions") -> list[str]:
    """What to say below the picture, which gives the reason where there is no suggestion."""
    if found.rate is None:
        return []
    lines = [f"Suggested rate: {found.rate:.2g}"]
    if found.disagreement >= FAR_APART:
        lines.append(
            f"The rules differ by a factor of {found.disagreement:.0f}: look at the picture, try --seeds 0,1,2, or ask "
            "--grid"
        )
    return lines


def _table(trained: "Grid") -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("rate", "held-out loss", ""):
        table.add_column(Text(column), justify="right" if column else "left")
    for rate, losses in trained.losses.items():
        mean = sum(losses) / len(losses)
        loss = f"{mean:.4f}" if math.isfinite(mean) else "diverged"
        table.add_row(f"{rate:.3g}", loss, "best" if rate == trained.best else "")
    return table


def _write(
    test: "RangeTest", found: "Suggestions", trained: "Grid | None", out: Path | None, as_json: Path | None
) -> None:
    """The files that were asked for; before the grid is trained and after it."""
    losses = None if trained is None else trained.losses
    if out is not None:
        from stepsize.plots import range_test_figure, save_figure  # late: they load matplotlib

        save_figure(range_test_figure(test, found, losses), out)
    if as_json is not None:
        form: dict[str, Any] = {
            "suggestions": asdict(found),
            "suggested": found.rate,
            "disagreement": None if found.rate is None else found.disagreement,
            "rates": test.rates.tolist(),
            "losses": test.losses.tolist(),
            "smoothed": test.smoothed.tolist(),
            "range_test": test.as_dict(),
        }
        if losses is not None:
            grid = {f"{rate:g}": [loss if math.isfinite(loss) else None for loss in losses[rate]] for rate in losses}
            form["grid"] = grid
        write_whole(as_json, json.dumps(form, indent=1, allow_nan=False).encode())
