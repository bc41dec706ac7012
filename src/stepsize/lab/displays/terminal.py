"""Progress in a terminal: a bar for every run under way, one for all, and the loss curves so far."""

import time
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text

from stepsize.lab.table import STOPPING, closing_line
from stepsize.lab.watching import Standings
from stepsize.plots import sketch_losses
from stepsize.records.run import Epoch, Point, Run

_BETWEEN_SKETCHES = 2.0  # seconds; drawing one takes hundredths
_TALLEST, _LOWEST = 14, 4  # lines of a sketch
_AROUND = 8  # lines for the sketch's title and axis, the bar of all runs and the closing lines above


class TerminalDisplay:
    """Bars and curves in place, and above them a closing line for each run that has ended.

    A run's bar is that of its current epoch, with the loss and accuracy since the last logged point.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        one_line = Column(no_wrap=True, overflow="ellipsis")
        self._bars = Progress(
            TextColumn("{task.description}", markup=False, table_column=one_line),
            BarColumn(bar_width=20 if console.width >= 90 else 5),
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
        plan, run = self._standings.plans[number], self._standings[number]
        if number not in self._bar_of:
            self._bar_of[number] = self._bars.add_task("", total=plan.steps // plan.epochs, news="")
        epoch = min(len(run.epochs) + 1, plan.epochs)
        length = plan.steps // plan.epochs
        news = f"loss {record.train_loss:.3f}  accuracy {record.train_accuracy:.3f}"
        if run.epochs:
            news += f"  test {run.epochs[-1].test_accuracy:.3f}"
        self._bars.update(
            self._bar_of[number],
            description=f"epoch {epoch}/{plan.epochs}  {plan.name}, seed {plan.seed}",
            completed=record.step - (epoch - 1) * length,
            news=news,
        )
        done = sum(run.points[-1].step for run in self._standings.runs)
        self._all_bar.update(self._all, completed=done)

    def ended(self, number: int, run: Run) -> None:
        if number in self._bar_of:
            self._bars.remove_task(self._bar_of.pop(number))
        self._live.console.print(Text(closing_line(run)))

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
