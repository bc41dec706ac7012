"""Displays of the progress of runs: plain lines, a figure in a notebook, or bars and curves in a terminal."""

import math
import sys
import time
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text

from stepsize import plots
from stepsize.lab.report.summary_table import result_line
from stepsize.lab.run_spec import RunSpec
from stepsize.lab.standings import Display, Standings
from stepsize.plots.terminal import has_colours
from stepsize.store import Run
from stepsize.store.run import Epoch, Point, Record, Value

STOPPING = "Stopping; the runs that have finished are kept"
_BETWEEN_FIGURES = 3.0  # seconds
_BETWEEN_SKETCHES = 2.0  # seconds; drawing one takes hundredths
_TALLEST, _LOWEST = 14, 4  # lines of a sketch
_WIDE = 105  # columns that have room for everything
_SHORTEST = 12  # characters of the name before a bar
_AROUND = 8  # lines for the sketch's title and axis, the bar of all runs and the lines above


def display_here() -> Display:
    """A notebook's cell, a terminal, or plain lines for a file or a pipe."""
    ipython = sys.modules.get("IPython")  # imported elsewhere too, but only a notebook has a kernel
    if ipython is not None and hasattr(ipython.get_ipython(), "kernel"):
        return NotebookDisplay()
    console = Console()
    moves = console.is_terminal and not console.is_dumb_terminal  # a dumb one cannot update a line in place
    return TerminalDisplay(console) if moves else PlainDisplay()


class PlainDisplay(Display):
    """Print a line when the runs begin, and one as each ends."""

    def begin(self, standings: Standings, source: str, directory: Path) -> None:
        specs = standings.specs
        self._standings = standings
        self._ended = sum(map(standings.is_complete, range(len(specs))))
        print(source)
        print(f"Runs: {len(specs)}, each of {specs[0].steps} steps; results go to {directory}", flush=True)

    def ended(self, number: int, run: Run) -> None:
        self._ended += 1
        line = result_line(run, self._standings.terms)
        print(f"[{self._ended}/{len(self._standings.specs)}] {line}", flush=True)

    def stopping(self) -> None:
        print(STOPPING, flush=True)


class NotebookDisplay(PlainDisplay):
    """The same, with one figure of all runs that is redrawn in the cell, also when a round of seeds is added."""

    _directory: Path | None = None

    def begin(self, standings: Standings, source: str, directory: Path) -> None:
        from IPython.display import display  # every notebook has it, and nothing else needs it

        super().begin(standings, source, directory)
        if directory != self._directory:
            self._handle: Any = display(self._picture(), display_id=True)  # type: ignore[no-untyped-call]
        self._directory = directory
        self._due = time.monotonic() + _BETWEEN_FIGURES

    def logged(self, number: int, record: Record) -> None:
        if time.monotonic() >= self._due:
            self._draw()

    def close(self) -> None:
        self._draw()

    def _draw(self) -> None:
        self._handle.update(self._picture())
        self._due = time.monotonic() + _BETWEEN_FIGURES

    def _picture(self) -> Any:
        from IPython.display import Image

        content = BytesIO()  # not a figure, whose appearance depends on the notebook's settings
        picture = plots.Picture()
        self._standings.draw(picture)
        picture.savefig(content, format="png", dpi=100)
        return Image(content.getvalue(), format="png")  # type: ignore[no-untyped-call]


class TerminalDisplay(Display):
    """Update bars and curves in place, and print a line above them as each run ends.

    A run's bar is that of its current epoch. It shows the loss and the accuracy since the previous logged point, the
    test accuracy (or the test loss) of the last epoch, the rate, and how long the run will still take. In a narrow
    terminal the test accuracy takes the place of the loss, which the curves show.
    """

    def __init__(self, console: Console) -> None:
        self._console = console

    def begin(self, standings: Standings, source: str, directory: Path) -> None:
        self._standings = standings
        console = self._console
        self._bar_width = 20 if console.width >= _WIDE + 15 else 5
        one_line = Column(no_wrap=True, overflow="ellipsis")
        self._bars = Progress(
            TextColumn("{task.description}", markup=False, table_column=one_line),
            BarColumn(bar_width=self._bar_width),
            TextColumn("{task.fields[news]}", markup=False, table_column=one_line),
            console=console,
        )
        percent = TextColumn("{task.percentage:>3.0f}%")
        self._all_bar = Progress(
            TextColumn("{task.description}"), BarColumn(), percent, TimeRemainingColumn(), console=console
        )
        self._bar_of: dict[int, TaskID] = {}
        self._began: dict[int, tuple[float, int]] = {}  # when a run logged first, and at which step
        self._sketch = Text()
        self._sketch_due = 0.0
        console.print(Text(source))
        console.print(Text(f"Results go to {directory}"), soft_wrap=True)
        self._all = self._all_bar.add_task("all runs", total=standings.steps_to_do)
        self._live = Live(console=console, get_renderable=self._screen, refresh_per_second=4, transient=True)
        self._live.start()

    def starting(self, workers: int) -> None:
        if not self._began:
            self._all_bar.update(self._all, description=f"starting {workers} worker{'s'[: workers != 1]}")

    def logged(self, number: int, record: Record) -> None:
        if isinstance(record, Value):
            return
        spec, epochs = self._standings.specs[number], self._standings.epochs[number]
        length = spec.steps // spec.epochs
        if number not in self._bar_of:
            self._bar_of[number] = self._bars.add_task("", total=length, news="")
            self._began[number] = time.monotonic(), record.step
        epoch = min(len(epochs) + 1, spec.epochs)
        news = self._news(number, record)
        room = self._console.width - self._bar_width - 2
        name = self._label(spec, epoch, room - len("  ".join(news)))
        while len(news) > 1 and cell_len(name) + len("  ".join(news)) > room:
            del news[0]
        completed = record.step - (epoch - 1) * length
        self._bars.update(self._bar_of[number], description=name, completed=completed, news="  ".join(news))
        standings = self._standings
        done, to_do = standings.steps_done, standings.steps_to_do
        self._all_bar.update(self._all, description="all runs", completed=done, total=to_do)

    def ended(self, number: int, run: Run) -> None:
        if number in self._bar_of:
            self._bars.remove_task(self._bar_of.pop(number))
        self._live.console.print(Text(result_line(run, self._standings.terms)))

    def stopping(self) -> None:
        self._live.console.print(STOPPING)

    def close(self) -> None:
        self._live.stop()

    def _label(self, spec: RunSpec, epoch: int, room: int) -> str:
        """What is before the bar of a run: its epoch, its name and its seed, of which only the name is cut."""
        names = list(dict.fromkeys(each.name for each in self._standings.specs))
        for head in (f"epoch {epoch}/{spec.epochs}  ", f"{epoch}/{spec.epochs} "):
            left = room - len(f"{head}, seed {spec.seed}")
            if left >= min(cell_len(spec.name), _SHORTEST):
                break
        return f"{head}{_shortened(spec.name, names, max(left, _SHORTEST))}, seed {spec.seed}"

    def _news(self, number: int, record: Point | Epoch) -> list[str]:
        points, epochs = self._standings.points[number], self._standings.epochs[number]
        accurate, wide = not math.isnan(record.train_accuracy), self._console.width >= _WIDE
        news = []
        if wide or not (accurate and epochs):
            news.append(f"loss {record.train_loss:z.3f}")
        if accurate:
            news.append(f"accuracy {record.train_accuracy:z.3f}")
        if epochs and (accurate or wide):
            judged = epochs[-1].test_accuracy if accurate else epochs[-1].test_loss
            news.append(f"{self._standings.terms.judged_on} {judged:z.3f}")
        if points:
            news.append(f"rate {points[-1].lr:.3g}")
        begun, first = self._began[number]
        if record.step > first:
            pace = (time.monotonic() - begun) / (record.step - first)
            minutes, seconds = divmod(round(pace * (self._standings.specs[number].steps - record.step)), 60)
            news.append(f"{minutes}:{seconds:02d} left")
        return news

    def _screen(self) -> Group:
        if time.monotonic() >= self._sketch_due:
            runs, width = self._standings.runs, self._console.width
            room = self._console.height - len({run.name for run in runs}) - len(self._bar_of) - _AROUND
            height, colour = min(room, _TALLEST), has_colours(self._console)
            fits = runs and room >= _LOWEST
            drawn = plots.sketch_losses(runs, width=width, height=height, colour=colour) if fits else ""
            self._sketch = Text.from_ansi(drawn)
            self._sketch_due = time.monotonic() + _BETWEEN_SKETCHES
        return Group(self._sketch, self._bars, self._all_bar)


def _shortened(name: str, names: Sequence[str], room: int) -> str:
    """The name in at most `room` characters, different from those of the other names.

    It is cut at its end, or else at its beginning or in its middle; it has its number if all of these leave it unclear.
    """
    if cell_len(name) <= room:
        return name

    def end(text: str, room: int = room - 1) -> str:
        return f"{set_cell_size(text, room)}…" if cell_len(text) > room else text

    def begin(text: str, room: int = room - 1) -> str:
        return end(text[::-1], room)[::-1]

    def middle(text: str) -> str:
        return end(text, (room - 1) // 2) + begin(text, (room - 1) // 2).removeprefix("…")

    for cut in (end, begin, middle):
        if len({*map(cut, names)}) == len(names):
            return cut(name)
    return end(f"{names.index(name) + 1}: {name}")
