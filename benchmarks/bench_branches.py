"""What ten cooldowns of one run cost with shared beginnings, against trunk plus branches and against ten separate runs.

Ten schedules leave the rate 0.1 at ten different steps for a cooldown over a fifth of the run. Three contenders train
them with the engine `local` in one process: shared, shared and killed in the middle (the restart counts), and apart.
Trunk plus branches is the share of the time apart that their updates have of all updates; so shared pays for its
checkpoints, its process and its reports out of a tenth of that. The logged numbers must be the same to the last bit.

    python benchmarks/bench_branches.py [--task digits|fashion-mnist] [--epochs 4] [--samples 60000] [--rounds 3]
"""

import argparse
import multiprocessing
import signal
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path

from measure import Silent, ratio, seconds
from stepsize.lab import Experiment, compare, load_task, resume
from stepsize.lab.engines import runs
from stepsize.store import load_runs

STARTS = range(44, 81, 4)  # percent of the run
EPOCHS = {"digits": 200, "fashion-mnist": 4}


def cooldowns(task: str, epochs: int, samples: int | None) -> Experiment:
    schedules = {f"at {at}%": f'Constant(0.1).cooldown("{at}%", "20%")' for at in STARTS}
    settings = {"epochs": epochs, "samples": samples, "batch_size": 64, "checkpoint_every": 250}
    return Experiment(schedules, task, **settings, device="cpu", engine="local")


def shared(asked: Experiment, out: Path, workers: int) -> None:
    compare(asked, out, workers=workers, display=Silent())


def killed(asked: Experiment, out: Path, workers: int, after: float) -> None:
    """The same, killed after some seconds and resumed."""
    process = multiprocessing.get_context("spawn").Process(target=shared, args=(asked, out, workers))
    process.start()
    time.sleep(after)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL, "it had ended before it was killed"
    resume(out, workers=workers, display=Silent())


def apart(asked: Experiment, out: Path, workers: int) -> None:
    """Each run by itself."""
    shared_beginnings, runs.shared_beginnings = runs.shared_beginnings, lambda *_: {}
    try:
        compare(asked, out, workers=workers, display=Silent())
    finally:
        runs.shared_beginnings = shared_beginnings


def numbers(out: Path) -> list[str]:
    """Everything that the runs logged."""
    return [repr((run.name, run.points, run.epochs, run.status)) for run in load_runs(out).runs()]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--task", default="digits", choices=EPOCHS)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--samples", type=int)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    load_task(given.task)
    asked = cooldowns(given.task, given.epochs or EPOCHS[given.task], given.samples)
    taken: dict[str, list[float]] = {"shared": [], "killed": [], "apart": []}
    for _ in range(given.rounds):
        with tempfile.TemporaryDirectory() as folder:
            outs = [Path(folder, name) for name in taken]
            taken["shared"].append(seconds(partial(shared, asked, outs[0], given.workers)))
            taken["killed"].append(seconds(partial(killed, asked, outs[1], given.workers, taken["shared"][-1] / 2)))
            taken["apart"].append(seconds(partial(apart, asked, outs[2], given.workers)))
            assert numbers(outs[0]) == numbers(outs[1]) == numbers(outs[2]), "the bits differ"
            stored = load_runs(outs[0]).runs()
    every = sum(run.points[-1].step for run in stored)
    trained = every - sum(run.branched_at or 0 for run in stored)
    print(f"{given.task}: {trained:,} of {every:,} updates are trained; same bits in all rounds")
    for name, each in taken.items():
        print(f"{name}: {statistics.median(each):.1f} s")
    least = [trained / every * time_apart for time_apart in taken["apart"]]
    ratio("apart, times shared", taken["apart"], taken["shared"], f"{every / trained / 1.1:.2f}")
    ratio("shared, times trunk plus branches", taken["shared"], least, "<= 1.1")
    ratio("shared and killed in the middle, times trunk plus branches", taken["killed"], least, "none")


if __name__ == "__main__":
    main()
