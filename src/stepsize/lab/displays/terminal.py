"""Progress in a terminal: a bar for every run under way, one for all, and the loss curves so far."""

import math
import time
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text

from stepsize.lab.displays.lines import STOPPING, closing_line
from stepsize.lab.watching import Standings
from stepsize.plots import sketch_losses
from stepsize.store.run import Epoch, Point, Run

_BETWEEN_SKETCHES = 2.0  # seconds; drawing one takes hundredths
_TALLEST, _LOWEST = 14, 4  # lines of a sketch
_WIDE = 105  # columns, in which everything has room
_SHORTEST = 11  # of the words before a bar: "epoch 12/90"
_AROUND = 8  # lines for the sketch's title and axis, the bar of all runs and the closing lines above


class TerminalDisplay:
    """Bars and curves in place, and above them a closing line for each run that has ended.

    A run's bar is that of its current epoch, with the loss and the accuracy, if there is one, since the last logged
    point, the rate at it, and how long the whole run will still take.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar_width = 20 if console.width >= _WIDE + 15 else 5
        one_line = Column(no_wrap=True, overflow="ellipsis")
        self._bars = Progress(
            TextColumn("{task.description}", markup=False, table_column=one_line),
            BarColumn(bar_width=self._bar_width),
            TextColumn("{task.fields[news]}", markup=False, table_column=one_line),
            console=console,
        )
        self._all_bar = Progress(
            TextColumn("all runs"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeRemainingColumn(),
            console=console,
        )
        self._bar_of: dict[int, TaskID] = {}
        self._seen_first: dict[int, tuple[float, int]] = {}
        self._sketch = Text()
        self._sketch_due = 0.0

    def begin(self, standings: Standings, source: str, directory: Path) -> None:
        self._standings = standings
        self._console.print(Text(source))
        self._console.print(Text(f"Results go to {directory}"), soft_wrap=True)
        self._all = self._all_bar.add_task("all runs", total=sum(plan.steps for plan in standings.plans))
        self._live = Live(console=self._console, get_renderable=self._screen, refresh_per_second=4, transient=True)
        self._live.start()

    def logged(self, number: int, record: Point | Epoch) -> None:
        plan, points = self._standings.plans[number], self._standings.points(number)
        epochs = self._standings.epochs(number)
        if number not in self._bar_of:
            self._bar_of[number] = self._bars.add_task("", total=plan.steps // plan.epochs, news="")
            self._seen_first[number] = time.monotonic(), record.step
        epoch = min(len(epochs) + 1, plan.epochs)
        length = plan.steps // plan.epochs
        news = f"loss {record.train_loss:.3f}"
        accurate = not math.isnan(record.train_accuracy)
        if accurate:
            news += f"  accuracy {record.train_accuracy:.3f}"
        if epochs and self._console.width >= _WIDE:
            news += (
                f"  {self._standings.judged_on} {epochs[-1].test_accuracy if accurate else epochs[-1].test_loss:.3f}"
            )
        if points:
            news += f"  rate {points[-1].lr:.3g}"
        news += self._left(number, record.step)
        name = Text(f"epoch {epoch}/{plan.epochs}  {plan.name}, seed {plan.seed}")
        name.truncate(max(_SHORTEST, self._console.width - self._bar_width - len(news) - 2), overflow="ellipsis")
        self._bars.update(
            self._bar_of[number],
            description=name.plain,
            completed=record.step - (epoch - 1) * length,
            news=news,
        )
        self._all_bar.update(self._all, completed=self._standings.steps_done)

    def ended(self, number: int, run: Run) -> None:
        if number in self._bar_of:
            self._bars.remove_task(self._bar_of.pop(number))
        self._live.console.print(Text(closing_line(run, self._standings.judged_on)))

    def _left(self, number: int, step: int) -> str:
        """How long the run will still take, at the pace that it has had since it was first heard of."""
        begun, first = self._seen_first[number]
        if step == first:
            return ""
        seconds = (time.monotonic() - begun) / (step - first) * (self._standings.plans[number].steps - step)
        minutes, left = divmod(round(seconds), 60)
        return f"  {minutes}:{left:02d} left"

    def stopping(self) -> None:
        self._live.console.print(STOPPING)

    def close(self) -> None:
        self._live.stop()

    def _screen(self) -> Group:
        if time.monotonic() >= self._sketch_due:
            self._sketch = Text.from_ansi(self._drawn())
            self._sketch_due = time.monotonic() + _BETWEEN_SKETCHES
        return Group(self._sketch, self._bars, self._all_bar)

    def _drawn(self) -> str:
        runs = self._standings.runs
        names = len({run.name for run in runs})
        room = self._console.height - names - len(self._bar_of) - _AROUND
        if not runs or room < _LOWEST:
            return ""
        return sketch_losses(
            runs, width=self._console.width, height=min(room, _TALLEST), colour=not self._console.no_color
        )
