"""`compare`: schedules side by side on equal terms, from an experiment to a directory of results."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from stepsize.lab.data import ImageData, load
from stepsize.lab.displays import display_here
from stepsize.lab.environment import environment, resolved_device
from stepsize.lab.experiment import Experiment
from stepsize.lab.live_picture import LivePicture
from stepsize.lab.optimizers import make_optimizer
from stepsize.lab.results import ResultDirectory, Row, markdown, table
from stepsize.lab.watching import Display, Standings
from stepsize.lab.workers import cores, require_portable, run_plans
from stepsize.records.run import Epoch, Point, Run


@dataclass(frozen=True)
class Comparison:
    """What a comparison found: the runs that ended, in the order of the experiment, and where their files lie."""

    experiment: Experiment
    source: str
    """Where the data came from, in a sentence."""
    directory: Path
    runs: tuple[Run, ...]

    @property
    def rows(self) -> tuple[Row, ...]:
        """The table: a row for each schedule."""
        return table(self.runs)


def compare(
    experiment: Experiment | None = None,
    out: str | Path | None = None,
    *,
    workers: int | None = None,
    display: Display | None = None,
) -> Comparison:
    """Train under every schedule with every seed, and put the results side by side.

    One single-threaded process a core trains (one process on a GPU), and the numbers do not depend on how many there
    are. While they run, `comparison.png` in the directory and the display follow. What is left at the end:
    `experiment.json`, `runs/*.json`, `comparison.png` and `.svg`, and `report.md` with the table.

    Args:
        experiment: the six schedules on Fashion-MNIST, 3 epochs, one seed, if left out.
        out: a new or empty directory; `runs/<date and time>` if left out.
        workers: the number of processes.
        display: what shows the progress; if left out, whatever suits the place: a notebook's cell, a terminal, or
            plain lines.

    Raises:
        ArgumentError: a schedule, the optimizer or the device cannot be.
        DataError: the data is missing, cut short or altered.
        OutputError: the directory cannot be used.
        RunError: a run failed; those that ended before it are kept.
        KeyboardInterrupt: runs that ended before it are kept, and the report is about them.
    """
    experiment = Experiment() if experiment is None else experiment
    make_optimizer(experiment.optimizer, [torch.zeros(1, requires_grad=True)], lr=0.1)  # refuse a wrong name early
    device = resolved_device(experiment.device)
    data = load(experiment.data)
    # Digits may stand in for Fashion-MNIST; the workers must not go and look for it again.
    settled = replace(experiment, device=device, data="digits" if data.name == "digits" else experiment.data)
    plans = settled.plans(samples=len(data.train_labels))
    for plan in plans:
        require_portable(plan)
    directory = ResultDirectory.make(None if out is None else Path(out))
    directory.write_settings({"experiment": settled.as_dict(), "data": data.source, "environment": environment(device)})
    if workers is None:
        workers = cores() if device == "cpu" else 1
    standings = Standings(plans)
    display = display_here() if display is None else display
    session = _Session(standings, directory, display)
    display.begin(standings, data.source, directory.path)
    try:
        run_plans(plans, settled, workers, session)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted; the runs that had finished are kept in {directory.path}") from None
    finally:
        session.close()
        comparison = Comparison(settled, data.source, directory.path, standings.ended_runs)
        directory.write_report(report(comparison, data))
    return comparison


def report(comparison: Comparison, data: ImageData) -> str:
    """The report in Markdown: what was compared, the table, the picture."""
    experiment = comparison.experiment
    horizon = experiment.horizon(len(data.train_labels))
    seeds = ", ".join(str(seed) for seed in experiment.seeds)
    missing = len(experiment.schedules) * len(experiment.seeds) - len(comparison.runs)
    unfinished = sum(run.status == "interrupted" for run in comparison.runs) + missing
    warning = f"\n**{unfinished} of the runs did not finish; the table is about the others.**\n" if unfinished else ""
    spread = "Spread is the standard deviation over seeds.\n" if len(experiment.seeds) > 1 else ""
    return f"""# Comparison of {len(experiment.schedules)} schedules

{comparison.source}
{experiment.optimizer}, batch size {experiment.batch_size}, {experiment.accumulate} micro-batch(es) an update,
{experiment.epochs} epochs = {horizon.steps} steps, seeds {seeds}, on {experiment.device}.
Losses and accuracies are those of the last epoch. {spread}{warning}
{markdown(comparison.rows)}
![rate, train loss and test accuracy over steps](comparison.png)
"""


class _Session:
    """The watcher of a comparison: keeps the records, writes what has ended, and keeps picture and display up."""

    def __init__(self, standings: Standings, directory: ResultDirectory, display: Display) -> None:
        self._standings = standings
        self._directory = directory
        self._display = display
        self._picture = LivePicture(standings, directory.picture("png"))

    def logged(self, number: int, record: Point | Epoch) -> None:
        self._standings.logged(number, record)
        self._display.logged(number, record)
        self._picture.refresh()

    def ended(self, number: int, run: Run) -> None:
        self._directory.write_run(number, run)
        self._standings.ended(number, run)
        self._display.ended(number, run)

    def close(self) -> None:
        """The last picture, and the end of the display."""
        self._picture.write(self._directory.picture("png"))
        self._picture.write(self._directory.picture("svg"))
        self._display.close()
