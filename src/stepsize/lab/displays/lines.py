"""Progress in plain lines, for a file or a pipe; those on how a run ended are the same in a terminal and a notebook."""

from pathlib import Path

from stepsize.lab.report.closing import columns, row_of
from stepsize.lab.watching import Standings
from stepsize.store.run import Epoch, Point, Run

STOPPING = "Stopping; the runs that have finished are kept"


class PlainDisplay:
    """A line when the runs begin, and one as each ends."""

    def begin(self, standings: Standings, source: str, directory: Path) -> None:
        self._standings = standings
        self._number_of_runs = len(standings.plans)
        self._ended = sum(map(standings.is_complete, range(self._number_of_runs)))
        print(source)
        print(
            f"Runs: {self._number_of_runs}, each of {standings.plans[0].steps} steps; results go to {directory}",
            flush=True,
        )

    def logged(self, number: int, record: Point | Epoch) -> None:
        pass

    def ended(self, number: int, run: Run) -> None:
        self._ended += 1
        print(f"[{self._ended}/{self._number_of_runs}] {closing_line(run, self._standings.judged_on)}", flush=True)

    def stopping(self) -> None:
        print(STOPPING, flush=True)

    def close(self) -> None:
        pass


def closing_line(run: Run, judged_on: str = "test") -> str:
    """How a run ended, in one line."""
    name = f"{run.name}, seed {run.seed}"
    if run.status != "finished":
        return f"{name}: {run.status} at step {run.points[-1].step if run.points else 0}"
    row = row_of([run])
    heads = columns([row])
    told = [f"{head.replace('test', judged_on)} {cell}" for head, cell in zip(heads, row.cells(heads), strict=True)]
    return f"{name}: {', '.join(told[1:-1])} ({run.seconds:.1f} s)"
