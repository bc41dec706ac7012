"""A large store: how fast it is written by two processes, opened and read, what it takes on disk and in memory.

10,000 runs of 1,000 points (give other numbers as arguments: runs, points). The peer of the writing is the bare disk:
the same bytes of points appended to two plain files, with an fsync wherever the store commits.

On two shared cores: opened in milliseconds; every last epoch in 0.07 s; means and spreads at 300 steps in 4 s and
0.22 GB; every loss as arrays in 7 to 12 s and 0.52 GB; 429 MB on disk. Written at 150,000 points a second on a quiet
disk, 27,000 on a busy one: nearly all of it is waiting for the disk, a call at a time.
"""

import multiprocessing
import os
import resource
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from measure import ratio, seconds
from stepsize.lab.report.html import html_report
from stepsize.lab.report.summary_table import summary_table
from stepsize.plots import Picture, plot_comparison, save_figure
from stepsize.store import Store, load_runs, stored_runs
from stepsize.store.run import Epoch, Point

WRITERS = 2
BATCH = 50  # points of one call
SCHEDULES = 10
EPOCHS = 10
Numbers = list[list[float]]


def numbers(run: int, points: int) -> Numbers:
    return np.random.default_rng(run).random((points, 3)).tolist()


def write_store(path: Path, writer: int, runs: int, points: int) -> None:
    with Store.open(path) as store:
        for run in range(writer, runs, WRITERS):
            rows = [Point(50 * step, *row) for step, row in enumerate(numbers(run, points), start=1)]
            for first in range(0, points, BATCH):
                store.log(run, rows[first : first + BATCH])
            store.log(run, [Epoch(50 * points * (e + 1) // EPOCHS, 1.0, 0.5, 1.0, 0.5) for e in range(EPOCHS)])
            store.end(run, "finished", 1.0)


def write_plainly(path: Path, writer: int, runs: int, points: int) -> None:
    with open(path.with_name(f"plain-{writer}"), "wb") as file:
        for run in range(writer, runs, WRITERS):
            rows = [
                struct.pack("qqddd", run, 50 * step, *row) for step, row in enumerate(numbers(run, points), start=1)
            ]
            for first in range(0, points, BATCH):
                file.write(b"".join(rows[first : first + BATCH]))
                file.flush()
                os.fsync(file.fileno())


def write(how: Callable[[Path, int, int, int], None], path: Path, runs: int, points: int) -> float:
    """Seconds of two processes that write half of the runs each, without their start."""
    with multiprocessing.get_context("spawn").Pool(WRITERS) as pool:
        pool.starmap(numbers, [(0, 1)] * 2 * WRITERS)  # they are up and have their modules
        return seconds(lambda: pool.starmap(how, [(path, writer, runs, points) for writer in range(WRITERS)], 1))


def create(path: Path, runs: int) -> None:
    plan = [
        (f"schedule {run % SCHEDULES}", f"Constant({run % SCHEDULES + 1}.0)", run // SCHEDULES) for run in range(runs)
    ]
    Store.create(path, {"batch": 64}, {"threads": 1}, plan).close()


def means_and_spreads(directory: Path) -> None:
    results = load_runs(directory)
    outcomes = results.outcomes()
    curves = results.curves("train_loss", [run.number for run in outcomes], results.steps(300))
    names = np.array([run.name for run in outcomes])
    for name in dict.fromkeys(names):
        chosen = curves[names == name]
        np.nanmean(chosen, axis=0)
        np.nanstd(chosen, axis=0, ddof=1)


def read(label: str, directory: Path, work: Callable[[Path], object], target: str) -> None:
    """Print how long the work took in a process of its own, and the most memory it had."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=measured, args=(work, directory, queue))
    process.start()
    first, later, memory = queue.get()
    process.join()
    print(f"{label}: {first:.3f} s, again {later:.3f} s, {memory:.2f} GB at most ({target})")


def measured(
    work: Callable[[Path], object], directory: Path, queue: "multiprocessing.Queue[tuple[float, ...]]"
) -> None:
    times = [seconds(lambda: work(directory)) for _ in range(2)]
    queue.put((*times, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6))


def last_epochs(directory: Path) -> object:
    return [run.last for run in load_runs(directory).outcomes()]


def loss_of_all(directory: Path) -> object:
    return load_runs(directory).columns("train_loss")


def whole_report(directory: Path) -> object:
    """The page, the table and the picture, as a comparison ends with them."""
    results = load_runs(directory)
    runs = stored_runs(results)
    save_figure(plot_comparison(runs, Picture()), directory / "comparison.png")
    return html_report(runs, "All"), summary_table(runs)


def one_run(directory: Path) -> object:
    return load_runs(directory).run(17)


def main() -> None:
    runs, points = (int(argument) for argument in sys.argv[1:3]) if sys.argv[2:] else (10_000, 1_000)
    with TemporaryDirectory(dir=".") as folder:
        directory = Path(folder)
        small, times = max(runs // 25, 2), 5
        stored, plain = [], []
        for number in range(times):
            path = directory / f"{number}.sqlite"
            create(path, small)
            stored.append(write(write_store, path, small, points))
            plain.append(write(write_plainly, path, small, points))
            path.unlink()
        ratio(f"{small * points:,} points by two processes, times as long as bare appending", stored, plain, "<= 4")

        path = directory / "store.sqlite"
        begun = time.perf_counter()
        create(path, runs)
        made = time.perf_counter() - begun
        took = write(write_store, path, runs, points)
        total = runs * points
        print(f"a store of {runs:,} runs made in {made:.2f} s")
        print(
            f"{total:,} points written by two processes in {took:.1f} s: {total / took:,.0f} a second, {BATCH} a call"
        )
        print(f"on disk: {path.stat().st_size / 1e6:.0f} MB, {path.stat().st_size / total:.1f} bytes a point")
        read("opened", directory, load_runs, "target < 1 s")
        read("one run with its points", directory, one_run, "no target")
        read("the last epoch of every run", directory, last_epochs, "target < 1 s")
        label = "mean and spread of the loss by schedule at 300 steps, from nothing"
        read(label, directory, means_and_spreads, "no target of its own")
        read("the whole report: page, table and picture", directory, whole_report, "target < 30 s and 2 GB")
        read("the loss at every point, as arrays", directory, loss_of_all, "target < 2 GB")


if __name__ == "__main__":
    main()
