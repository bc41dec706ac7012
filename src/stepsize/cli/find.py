"""`stepsize find`: a learning rate for a task, by a range test or by training at each rate of a grid."""

import json
import math
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, TextColumn

from stepsize.arguments import Count, Many, Number, Positive, Whole
from stepsize.cli.options import (
    Accumulation,
    BatchSize,
    Device,
    OptimizerName,
    PictureFile,
    Seeds,
    TaskName,
    numbers,
    numeric,
    typed,
    writable,
)
from stepsize.cli.screen import form_here, print_sketch, print_table, progress
from stepsize.cli.verb import typed_in
from stepsize.errors import ArgumentError, RunError, StepsizeError, raise_together
from stepsize.files import write_whole

if TYPE_CHECKING:
    from stepsize.curves import RangeTest
    from stepsize.curves.suggestions import Suggestions
    from stepsize.lab.finding import Grid

FAR_APART = 10.0  # rules that differ by this factor or more disagree


def _optimizer_args(owner: str, name: str, texts: Sequence[str]) -> tuple[tuple[str, Any], ...]:
    """The rule of NAME=VALUE, with values as in the table [optimizer] of an experiment file; the arguments as pairs."""
    given: dict[str, Any] = {}
    errors: list[StepsizeError] = []
    for text in texts:
        try:
            line = tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            line = {}
        if len(line) != 1 or line.keys() & given.keys():
            advice = "write e.g. momentum=0.9, nesterov=true, betas=[0.9,0.95] or 'name=\"text\"'"
            rule = "NAME=VALUE with a value as in TOML, each name once"
            errors.append(ArgumentError(owner, name, rule, text, advice))
        given |= line
    raise_together(errors)
    return tuple(given.items())


def find(
    context: typer.Context,
    task: TaskName = "fashion-mnist",
    optimizer: OptimizerName = "sgd",
    optimizer_arg: Annotated[
        list[Any] | None,
        typed("NAME=VALUE", "A further argument of the optimizer, e.g. momentum=0.9; repeatable."),
        _optimizer_args,
    ] = None,
    clip_norm: Annotated[float | None, numeric("NORM", "Bound on the gradient's norm."), Number(above=0.0)] = None,
    start_lr: Annotated[Positive, numeric("RATE", "The first rate.")] = 1e-7,
    end_lr: Annotated[Positive, numeric("RATE", "The last rate.")] = 10.0,
    steps: Annotated[int, numeric("N", "Updates from the first rate to the last."), Whole(2)] = 100,
    linear: Annotated[
        bool, typer.Option("--linear", help="Raise the rate by equal differences instead of equal factors.")
    ] = False,
    batch_size: BatchSize = None,
    accumulation: Accumulation = 1,
    seeds: Seeds = "0",
    device: Device = "auto",
    out: PictureFile = None,
    as_json: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write losses, rates and suggestions to FILE."),
        writable,
    ] = None,
    grid: Annotated[
        bool,
        typer.Option("--grid", help="Also train at a grid of rates around the suggestion, judged on held-out samples."),
    ] = False,
    rates: Annotated[
        Any,
        typed("RATE,RATE,...", "The rates of the grid, e.g. 0.01,0.001,0.0001.", numbers),
        Many(Number(above=0.0)),
    ] = None,
    epochs: Annotated[Count, numeric("N", "Passes over the training set at each rate of the grid.")] = 1,
) -> None:
    """Find a learning rate by a range test.

    A range test is a short run with a rising rate, whose loss suggests a rate. With --grid the network is also trained
    at each rate of a grid, and both answers are shown together.
    """
    if rates is not None and not grid:
        raise ArgumentError("--rates", "", "given together with --grid", rates)
    if "epochs" in typed_in(context) and not grid:
        raise ArgumentError(
            "--epochs", "", "given together with --grid", epochs, "a range test is --steps updates long"
        )
    if start_lr >= end_lr:
        rule = "below the last rate"
        raise ArgumentError("find_rate", "start_lr", rule, start_lr, "the last rate is {end_lr}", end_lr=end_lr)
    from stepsize import lab  # late: it loads PyTorch, which a wrong word need not wait for
    from stepsize.lab.optimizers import check_names
    from stepsize.lab.tasks.by_name import task_with_data
    from stepsize.plots import sketch_range_test

    check_names("find_rate", optimizer, dict(optimizer_arg or ()))
    training: dict[str, Any] = {
        "optimizer": optimizer,
        "optimizer_args": dict(optimizer_arg or ()),
        "clip_norm": clip_norm,
        "batch_size": batch_size,
        "seeds": seeds,
        "device": device,
    }
    loaded = task_with_data(task)
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
    print_sketch(sketch_range_test(test, found, **form_here(around=12)))
    for line in _verdict(found):
        print(line)
    _write(test, found, None, out, as_json)
    if grid:
        around = _around(found) if rates is None else rates
        trained = lab.train_grid(around, task=task, epochs=epochs, accumulation=accumulation, **training)
        _print_grid(trained)
        print(f"Report and picture of the grid: {trained.comparison.directory}")
        _write(test, found, trained, out, as_json)
    for path in (out, as_json):
        if path is not None:
            print(path)


@contextmanager
def _progress(updates: int) -> Iterator[Callable[[int, float, float], object]]:
    with progress(TextColumn("range test"), BarColumn(), TextColumn("{task.fields[news]}")) as bar:
        task = bar.add_task("", total=updates, news="")

        def observe(step: int, rate: float, loss: float) -> None:
            bar.update(task, advance=1, news=f"rate {rate:.1e}  loss {loss:z.4g}")

        yield observe


def _around(found: "Suggestions") -> tuple[float, ...]:
    from stepsize.lab.finding import AROUND

    if found.rate is None:
        raise RunError(
            f"there is no suggestion to put a grid around ({found.reason})", "give {rates}", rates="0.1,0.01,0.001"
        )
    return tuple(float(f"{found.rate * factor:.2g}") for factor in AROUND)


def _verdict(found: "Suggestions") -> list[str]:
    """The lines below the picture; if there is no suggestion, the picture gives the reason."""
    if found.rate is None:
        return []
    lines = [f"Suggested rate: {found.rate:.2g}"]
    if found.disagreement >= FAR_APART:
        times = f"{found.disagreement:.0f}"
        lines.append(f"The rules differ by a factor of {times}: look at the picture, or try --seeds 0,1,2 or --grid")
    return lines


def _print_grid(trained: "Grid") -> None:
    rows = []
    for rate, losses in trained.losses.items():
        mean = sum(losses) / len(losses)
        loss = f"{mean:z.4f}" if math.isfinite(mean) else "diverged"
        rows.append((f"{rate:.3g}", loss, "best" if rate == trained.best else ""))
    print_table(("rate", "held-out loss", ""), rows, left=[2])


def _write(
    test: "RangeTest", found: "Suggestions", trained: "Grid | None", out: Path | None, as_json: Path | None
) -> None:
    """Write the requested files: once before the grid is trained, and again after it."""
    losses = None if trained is None else trained.losses
    if out is not None:
        from stepsize.plots import Picture, plot_range_test, save_figure  # late: they load matplotlib

        save_figure(plot_range_test(test, found, Picture(), trained=losses), out)
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
