"""`stepsize descend`: optimizers on a surface, in the terminal or in a file."""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stepsize.arguments import Count, Many, NonNegative, Number, Whole
from stepsize.cli.options import inside, numbers, numeric, typed, writable
from stepsize.cli.schedules import EPOCHS
from stepsize.cli.screen import form_here, print_sketch, progress
from stepsize.errors import ArgumentError, ParseError, StepsizeError, gathered, raise_together
from stepsize.horizon import Horizon
from stepsize.schedules import Schedule, parse

if TYPE_CHECKING:
    from stepsize.descent import Surface, Trajectory
    from stepsize.descent.optimizer import Optimizer

RATE = 0.1


def _points(owner: str, name: str, value: Sequence[Any]) -> list[tuple[float, ...]]:
    for each in value:
        if any(isinstance(part, str) for part in each):
            raise ArgumentError(owner, name, "coordinates such as -5,-2", ",".join(map(str, each)))
    return [Many(Number())(owner, name, each) for each in value]


def _surface(owner: str, name: str, text: str) -> "Surface":
    from stepsize.descent import surface_from  # late: the other verbs need none of it

    try:
        return surface_from(text)
    except StepsizeError as error:
        raise error.about(owner, name) from None


def _optimizers(owner: str, name: str, texts: Sequence[str]) -> "list[Optimizer[Any]]":
    from stepsize.descent import optimizer_from

    rules, errors = list["Optimizer[Any]"](), list[StepsizeError]()
    for text in chain.from_iterable(map(split_outside_brackets, texts)):
        with gathered(errors):
            rules.append(optimizer_from(text))
    raise_together([error.about(owner, name) for error in errors])
    return rules


def _rate_or_text(owner: str, name: str, text: str) -> str:
    """The rule of a rate; lengths that are parts of --steps are read later."""
    try:
        _ = _rate(text, None)
    except ParseError as error:
        if "horizon" not in error.settings:
            raise error.about(owner, name) from None
    return text


def _drawing(owner: str, name: str, path: Path) -> Path:
    return writable(owner, name, inside(owner, path))


def descend(
    surface: Annotated[
        Any,
        typer.Argument(
            parser=str, metavar="SURFACE", help="A formula, e.g. '0.1*x**2 + 2*y**2', or a name, e.g. rosenbrock."
        ),
        _surface,
    ],
    start: Annotated[
        list[Any],
        typed(
            "X,Y,...",
            "A starting point, e.g. -5,-2; repeatable. [default: on a named surface, the upper left]",
            numbers,
        ),
        _points,
    ] = [],  # noqa: B006  (typer copies it)
    optimizer: Annotated[
        list[Any],
        typed("NAME,...", "Optimizers, with arguments or without: 'momentum(0.5),adam'; repeatable. [default: sgd]"),
        _optimizers,
    ] = [],  # noqa: B006
    lr: Annotated[
        str | None,
        typer.Option(
            metavar="RATE|TEXT",
            help='The learning rate, a number or a schedule: \'Cosine(0.4, 0, 50)\'; lengths such as "10%" and "rest" '
            "are parts of --steps. [default: 0.1; 1 for adadelta, which has no rate of its own]",
        ),
        _rate_or_text,
    ] = None,
    steps: Annotated[Count, numeric("N", "Updates to make.")] = 50,
    noise: Annotated[NonNegative, numeric("X", "Standard deviation of the noise on every gradient.")] = 0.0,
    seed: Annotated[int, numeric("N", "Seed of the noise."), Whole(0)] = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|DIR",
            help="Write a picture (.png, .svg, .pdf, .jpg, .webp), an animation (.gif, .mp4) or a page (.html); "
            "in a directory, the file is descend.png.",
        ),
        _drawing,
    ] = None,
) -> None:
    """Watch optimizers descend a surface.

    Named surfaces: wave, cubic, saddle, tanh, parabola, bowl, rosenbrock, beale, himmelblau, booth, ackley.
    """
    from stepsize import descent  # late: the other verbs need none of it

    if not start and surface.start is None:
        raise ArgumentError("descend", "start", "given for a formula", None, "write {start}", start=...)
    rules = optimizer or [descent.GradientDescent()]
    rate = None if lr is None else _rate(lr, steps)
    starts = start or [surface.start]
    where = starts[0] if len(starts) == 1 else starts
    rates = [rate if rate is not None else 1.0 if isinstance(rule, descent.Adadelta) else RATE for rule in rules]
    descents = {
        str(rule): descent.descend(surface, rule, where, steps, own, noise, seed)
        for rule, own in zip(rules, rates, strict=True)
    }
    if out is not None:
        print(_saved(descents, out, surface.text))
        return
    print_sketch(_sketch(descents))
    for name, trajectory in descents.items():
        for line in endings(trajectory):
            print(f"{name}: {line}")


def split_outside_brackets(text: str) -> list[str]:
    """The parts between the commas that are outside brackets."""
    parts, depth = [""], 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if character == "," and depth <= 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def endings(trajectory: "Trajectory") -> list[str]:
    """How the path from each start ended, in words."""
    surface, lines = trajectory.surface, []
    for path, stopped in zip(trajectory.paths(), trajectory.stopped.flat, strict=True):
        lasted = len(path) - 1
        took = f"{lasted:,} step{'s'[: lasted != 1]}"
        place = _place(path[-1])
        origin = f"from {_place(path[0])} " if trajectory.lasted.size > 1 else ""
        if stopped:
            lines.append(f"{origin}stopped after {took} at {place}, where the gradient is undefined")
            continue
        if lasted < trajectory.steps:
            lines.append(f"{origin}diverged at step {lasted + 1}, after {place}")
            continue
        before, after = float(surface(path[0])), float(surface(path[-1]))
        rose = f", above the {before:z.6g} of its start" if after > before else ""
        lines.append(f"{origin}at {place} after {took}, where f = {after:z.6g}{rose}")
    return lines


def _place(point: Any) -> str:
    return f"({', '.join(f'{each:z.6g}' for each in point)})"


def _rate(text: str, steps: int | None) -> float | Schedule:
    try:
        return float(text)
    except ValueError:
        if written := EPOCHS.search(text):
            reason = f"{written[0]} is a length in epochs, and a descent has none"
            advice = 'write a number of steps, or a part of the descent such as "10%"'
            raise ParseError(reason, text, written.start(), advice) from None
        return parse(text.strip(), None if steps is None else Horizon(samples=steps, batch=1, epochs=1))


def _sketch(descents: "dict[str, Trajectory]") -> str:
    from stepsize.plots import sketch_curves

    curves = {}
    for name, trajectory in descents.items():
        values = trajectory.values.reshape(trajectory.steps + 1, -1).T
        for index, each in enumerate(values):
            label = name if len(values) == 1 else f"{name} from start {index + 1}"
            curves[label] = (range(trajectory.steps + 1), each)
    return sketch_curves(curves, title="f(x)", **form_here(around=10))


def _saved(descents: "dict[str, Trajectory]", out: Path, title: str) -> Path:
    from stepsize.plots import save_descents  # late: it loads matplotlib

    with progress() as bars:
        bar = bars.add_task("drawing", total=None)
        return save_descents(
            descents, out, title=title, progress=lambda done, total: bars.update(bar, completed=done, total=total)
        )
