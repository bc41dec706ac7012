"""The runs on which procedures of prediction are chosen, and the ways in which they are split into learned and asked.

The folder holds the curves described in its README.md: `124M` with 76 runs and their final losses, and the training
curves of `25M` and `100M`. No test curve is read.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from stepsize.curves import LossCurve, read_curves

TRAINING = ("cosine_24000", "constant_24000", "wsdcon_9")
SIZES = ("25M", "100M")
PEAKS = (5e-4, 1e-3)
LENGTHS = (25_000, 50_000)
LEVEL = 1e-3  # a loss that falls by less between its last two rows no longer changes at the end

KINDS = {
    "same length": "constant, cosine and one WSD, the other WSDs",
    "two schedules": "two runs of one length, the others of it",
    "cosine only": "cosines of all lengths, all WSDs",
    "longer": "short runs, runs of up to five times their length",
    "constant + WSD": "a constant rate and one WSD, the others of this length",
    "five random": "five schedules of one peak, all others of it",
    "other peak": "runs of one peak, runs of the other",
    "two peaks": "runs of both peaks, all others of both",
    "many": "8 to 12 schedules of one peak, the one left out",
    "published": "two of three published training curves, the third",
}
"""The kinds of splits: what is learned from, what is asked for."""


def curves(folder: Path, size: str) -> list[LossCurve]:
    """The published training curves of a size."""
    found = []
    for name in TRAINING:
        jumps = [8000] if "wsdcon" in name else []
        found += read_curves(folder / size / f"{name}.csv", warmup_steps=2160, jumps=jumps)
    return found


@dataclass(frozen=True)
class Run:
    """A run with the rates of all its updates, and the loss at its end."""

    curve: LossCurve
    final: float

    @property
    def name(self) -> str:
        return self.curve.name

    @property
    def rates(self) -> np.ndarray:
        return self.curve.rates

    @cached_property
    def schedule(self) -> str:
        """The name without the number of a repetition."""
        return self.name.removesuffix("_2")

    @cached_property
    def kind(self) -> str:
        return self.name.partition("_lr")[0]

    @cached_property
    def peak(self) -> float:
        return float(re.search(r"_lr([\d.]+)", self.name)[1])

    @property
    def length(self) -> int:
        return self.rates.size

    def until(self, length: int) -> "Run":
        """The run as if it had stopped there."""
        kept = self.curve.steps < length
        cut = LossCurve(self.name, self.curve.steps[kept], self.curve.losses[kept], self.rates[:length])
        return Run(cut, float(cut.losses[-1]))


@dataclass(frozen=True)
class Split:
    """Runs to learn from and runs to ask for; `kind` is one of KINDS."""

    kind: str
    name: str
    learned: tuple[Run, ...]
    asked: tuple[Run, ...]


def read_runs(folder: Path) -> list[Run]:
    """The 76 runs, in the order of their names.

    The final losses come from another evaluation, which is about .036 above that of the rows. This difference is the
    median over the runs whose loss no longer changes, and is subtracted.
    """
    finals = dict(line.split(",") for line in (folder / "124M" / "final.csv").read_text().split()[1:])
    found, offsets = [], []
    for path in sorted((folder / "124M").glob("*_lr*.csv")):
        steps, rates, losses = np.genfromtxt(path, delimiter=",", skip_header=1, unpack=True)
        logged = np.isfinite(losses)
        every = np.interp(np.arange(steps[-1] + 1), steps, rates)
        found.append(LossCurve(path.stem, steps[logged], losses[logged], every))
        before, last = losses[logged][-2:]
        if before - last < LEVEL:
            offsets.append(float(finals[path.stem]) - last)
    return [Run(curve, float(finals[curve.name]) - float(np.median(offsets))) for curve in found]


def splits(folder: Path) -> list[Split]:
    """All splits of the ten kinds."""
    runs = read_runs(folder)
    found = [*_of_one_length(runs), *_of_several_lengths(runs), *_random(runs), *_of_many(runs), *_published(folder)]
    return sorted(found, key=lambda split: list(KINDS).index(split.kind))


def _asked(runs: Sequence[Run], learned: Sequence[Run]) -> tuple[Run, ...]:
    """The runs whose schedule is not among the learned ones, and whose rate decays."""
    known = {run.schedule for run in learned}
    return tuple(run for run in runs if run.schedule not in known and run.kind != "wsd0")


def _of_one_length(runs: list[Run]) -> Iterator[Split]:
    for peak in PEAKS:
        constant = next(run for run in runs if run.kind == "wsd0" and run.peak == peak and run.length == 50_000)
        for length in LENGTHS:
            where = f"{peak:g}, {length}"
            group = [run for run in runs if (run.peak, run.length) == (peak, length) and "long" not in run.name]
            named = {run.kind: run for run in group if not run.name.endswith("_2")}
            flat = constant.until(length)
            wsds = [run for run in group if run.kind.startswith("wsd")]
            for part in ("wsd0.1", "wsd0.2", "wsd0.6"):
                learned = (flat, named["cos10"], named[part])
                yield Split("same length", f"{where}, {part}", learned, _asked(wsds, learned))
                yield Split("constant + WSD", f"{where}, {part}", learned[::2], _asked(group, learned[::2]))
            for one, two in (("cos10", "wsd0.2"), ("wsd0.2", "wsd0.6"), ("cos0", "wsd0.8")):
                learned = (named[one], named[two])
                yield Split("two schedules", f"{where}, {one} + {two}", learned, _asked(group, learned))


def _of_several_lengths(runs: list[Run]) -> Iterator[Split]:
    for peak in PEAKS:
        group = [run for run in runs if run.peak == peak and "long" not in run.name]
        other = [run for run in runs if run.peak != peak and "long" not in run.name]
        for kinds in (("cos0", "cos10"), ("cos10",)):
            learned = tuple(run for run in group if run.kind in kinds)
            wsds = [run for run in group if run.kind.startswith("wsd")]
            yield Split("cosine only", f"{peak:g}, {' + '.join(kinds)}", learned, _asked(wsds, learned))
        for longest, least in ((15_000, 25_000), (25_000, 35_000)):
            learned = tuple(run for run in group if run.length <= longest)
            asked = _asked([run for run in group if run.length >= least], learned)
            yield Split("longer", f"{peak:g}, all of {longest}", learned, asked)
        few = tuple(run for run in group if run.length == 25_000 and run.kind in ("cos10", "wsd0.2", "wsd0.6"))
        asked = _asked([run for run in group if run.length == 50_000], few)
        yield Split("longer", f"{peak:g}, three of 25000", few, asked)
        three = tuple(run for run in group if run.length == 50_000 and run.kind in ("cos10", "wsd0.2", "wsd0.6"))
        for name, learned in (
            ("three of 50000", three),
            ("six of two lengths", (*few, *three)),
            ("every fourth", tuple(group[::4])),
        ):
            yield Split("other peak", f"{peak:g}, {name}", learned, _asked(other, ()))
    long = [run for run in runs if "long" in run.name]
    learned = tuple(run for run in long if run.length <= 100_000)
    yield Split("longer", "100000 to 200000", learned, _asked(long, learned))
    learned = tuple(run for run in runs if run.peak == PEAKS[1] and run.length == 50_000 and run.kind != "cos10")
    yield Split("longer", "50000 to 200000", learned, _asked([run for run in long if run.length > 50_000], learned))


def _random(runs: list[Run]) -> Iterator[Split]:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        both: list[Run] = []
        for peak in PEAKS:
            group = [run for run in runs if run.peak == peak and "long" not in run.name]
            schedules = sorted({run.schedule for run in group if run.kind != "wsd0"})
            chosen = set(rng.choice(schedules, 5, replace=False))
            learned = tuple(run for run in group if run.schedule in chosen)
            yield Split("five random", f"{peak:g}, seed {seed}", learned, _asked(group, learned))
            both += learned
        asked = _asked([run for run in runs if "long" not in run.name], both)
        yield Split("two peaks", f"seed {seed}", tuple(both), asked)


def _of_many(runs: list[Run]) -> Iterator[Split]:
    for peak in PEAKS:
        for lengths in ((25_000,), (50_000,), (15_000, 35_000)):
            group = [
                run for run in runs if run.peak == peak and run.length in lengths and not run.name.startswith("long")
            ]
            for schedule in sorted({run.schedule for run in group if run.kind != "wsd0"})[::4]:
                learned = tuple(run for run in group if run.schedule != schedule)
                yield Split("many", f"without {schedule}", learned, _asked(group, learned))


def _published(folder: Path) -> Iterator[Split]:
    for size in SIZES:
        runs = [Run(curve, float(curve.losses[-1])) for curve in curves(folder, size)]
        for run in runs:
            learned = tuple(other for other in runs if other is not run)
            yield Split("published", f"{size}, without {run.name}", learned, (run,))
