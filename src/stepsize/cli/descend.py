"""`stepsize descend`: optimizers on a surface, in the terminal or in a file, and the gallery."""

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from typer.core import TyperCommand

from stepsize.cli.screen import can_encode
from stepsize.errors import ArgumentError
from stepsize.schedules import Schedule, parse

if TYPE_CHECKING:
    from stepsize.descent import Trajectory


class DescendCommand(TyperCommand):
    """A command of which -x**2 is an argument and -5,-2 a value, not unknown options."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The same, with a blank before what begins with a single dash: no option here does."""
        return super().parse_args(ctx, [f" {arg}" if arg[:1] == "-" and arg[:2] != "--" else arg for arg in args])


def descend(
    surface: Annotated[
        str | None,
        typer.Argument(metavar="SURFACE", help="A formula, e.g. '0.1*x**2 + 2*y**2', or a name, e.g. rosenbrock."),
    ] = None,
    optimizer: Annotated[
        str, typer.Option(metavar="NAME,...", help="Optimizers, with arguments or without: 'momentum(0.5),adam'.")
    ] = "GradientDescent",
    lr: Annotated[
        str, typer.Option(metavar="RATE|TEXT", help="The rate of all, a number or a schedule: 'Cosine(0.4, 0, 50)'.")
    ] = "0.1",
    start: Annotated[
        list[str] | None, typer.Option(metavar="X,Y,...", help="Where to begin, e.g. -5,-2; repeatable.")
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Updates to make.")] = 50,
    noise: Annotated[float, typer.Option(help="The standard deviation of noise on every gradient.")] = 0.0,
    seed: Annotated[int, typer.Option(min=0, help="Of the noise.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a picture (.png, .svg), an animation (.gif, .mp4) or a page (.html)."),
    ] = None,
    gallery: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write every picture of the gallery to DIR instead.")
    ] = None,
) -> None:
    """Watch optimizers descend a surface.

    Surfaces with names: wave, cubic, saddle, tanh, parabola, bowl, rosenbrock, beale, himmelblau, booth, ackley.
    """
    if gallery is not None:
        if surface is not None:
            raise ArgumentError("--gallery DIR makes pictures of its own; leave the surface out")
        _write_gallery(gallery)
        return
    if surface is None:
        raise ArgumentError("write a surface, such as '0.1*x**2 + 2*y**2' or rosenbrock, or --gallery DIR")
    if not start:
        raise ArgumentError("--start X,Y,... says where to begin, such as --start -5,-2")
    from stepsize import descent  # late, as what it needs of SymPy takes a while

    ground = descent.surface_from(surface.strip())
    starts = [_point(text) for text in start]
    rules = {text.strip(): descent.optimizer_from(text) for text in split_outside_brackets(optimizer)}
    rate = _rate(lr)
    descents = {
        str(rule): descent.descend(ground, rule, starts[0] if len(starts) == 1 else starts, steps, rate, noise, seed)
        for rule in rules.values()
    }
    if out is not None:
        print(_saved(descents, out, ground.text))
        return
    print(_sketch(descents))
    for name, trajectory in descents.items():
        for line in endings(trajectory):
            print(f"{name}: {line}")


def split_outside_brackets(text: str) -> list[str]:
    """The parts between commas that stand in no bracket."""
    parts, depth = [""], 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if character == "," and depth <= 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def endings(trajectory: "Trajectory") -> list[str]:
    """What became of each start, in words."""
    surface, told = trajectory.surface, []
    for path in trajectory.paths():
        lasted = len(path) - 1
        place = _place(path[-1])
        origin = f"from {_place(path[0])} " if trajectory.lasted.size > 1 else ""
        if lasted < trajectory.steps:
            told.append(f"{origin}diverged at step {lasted + 1}, after {place}")
            continue
        before, after = float(surface(path[0])), float(surface(path[-1]))
        rose = f", above the {before:.6g} of its start" if after > before else ""
        told.append(f"{origin}at {place} after {lasted:,} steps, where f = {after:.6g}{rose}")
    return told


def _place(point: Any) -> str:
    return f"({', '.join(f'{each:.6g}' for each in point)})"


def _point(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise ArgumentError(f'--start takes numbers such as -5,-2, got "{text.strip()}"') from None


def _rate(text: str) -> float | Schedule:
    try:
        return float(text)
    except ValueError:
        return parse(text.strip())


def _sketch(descents: "dict[str, Trajectory]") -> str:
    """Values over steps, a curve for every start."""
    from stepsize.plots import sketch_curves

    curves = {}
    for name, trajectory in descents.items():
        values = trajectory.values.reshape(trajectory.steps + 1, -1).T
        for index, each in enumerate(values):
            label = name if len(values) == 1 else f"{name} from start {index + 1}"
            curves[label] = (range(trajectory.steps + 1), each)
    size = shutil.get_terminal_size()
    return sketch_curves(
        curves,
        title="f(x)",
        width=size.columns,
        height=max(8, min(16, size.lines - 10)),
        colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ,
        ascii_only=not can_encode("▀│"),
    )


def _saved(descents: "dict[str, Trajectory]", out: Path, title: str) -> Path:
    from stepsize.plots import save_descents  # late: it loads matplotlib

    with _bars() as bars:
        bar = bars.add_task("drawing", total=None)
        return save_descents(
            descents, out, title=title, progress=lambda done, total: bars.update(bar, completed=done, total=total)
        )


def _bars() -> Progress:
    """For people who watch: on stderr, and gone when the work is done."""
    console = Console(stderr=True)
    return Progress(console=console, transient=True, disable=not console.is_terminal)


def _write_gallery(folder: Path) -> None:
    from stepsize.plots import write_gallery  # late: it loads matplotlib
    from stepsize.plots.gallery import TEXT, count_of_files

    with _bars() as bars:
        bar = bars.add_task("gallery", total=count_of_files())
        for path in write_gallery(folder):
            bars.update(bar, advance=1, description=path.name)
    print(folder / TEXT)
