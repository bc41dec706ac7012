"""Whether the forecast of a running run should be shifted to its own log: cooldowns whose outcome is known.

Run by hand with the folder of the runs (README.md beside them says where they come from):

    python benchmarks/evaluate_cooldowns.py CURVES/124M

A case is a constant rate up to the step at which a cooldown branches from it, and the measured loss at the end of that
cooldown. The law is learned from three other runs: of a shorter or equal length, of another peak rate, or with another
order of the data. Five procedures predict that loss: the running run is among the runs of the fit (`together`), or not
(`apart`); the forecast is that of the law, or shifted by the run's distance from the law (the median over the last
quarter of its rows), or by the part of it that the law's scatter and the error of the median leave (`shrunk`).
"""

import sys
from collections import defaultdict
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np

from stepsize.curves import LossCurve, read_curves
from stepsize.laws import Fit, FunctionalLaw, Law, MomentumLaw, MultiPowerLaw, fit
from stepsize.laws.estimate import robust_deviation
from stepsize.laws.parametrization import PARAMETRIZATIONS

LAWS: tuple[type[Law], ...] = (FunctionalLaw, MultiPowerLaw, MomentumLaw)
BEGIN = 1000  # earlier rows are left out
PROCEDURES = ("apart", "apart, shifted", "apart, shrunk", "together", "together, shifted")
PEAKS = ("0.0005", "0.001")
LAST = ("0.1", "0.2", "0.4", "0.6")  # the fraction of a run that its cooldown takes


def cases() -> Iterator[tuple[str, tuple[str, ...], str]]:
    """What is learned from, in words and as names of runs, and the run whose beginning is the running one."""
    for peak, other in (PEAKS, PEAKS[::-1]):
        for steps, longer in ((15_000, (25_000, 35_000, 50_000)), (25_000, (35_000, 50_000)), (50_000, (50_000,))):
            learned = f"wsd0.2_lr{peak}_T{steps}", f"wsd0.6_lr{peak}_T{steps}", f"wsd0.8_lr{peak}_T{steps}"
            for last, each in product(LAST, longer):
                if f"wsd{last}_lr{peak}_T{each}" not in learned:
                    yield f"{steps:,} steps", learned, f"wsd{last}_lr{peak}_T{each}"
        learned = f"cos10_lr{other}_T25000", f"cos0_lr{other}_T50000", f"wsd0.2_lr{other}_T25000"
        for last, each in product(LAST, (25_000, 50_000)):
            yield "another peak", learned, f"wsd{last}_lr{peak}_T{each}"
    learned = "cos10_lr0.001_T25000", "cos0_lr0.001_T50000", "wsd0.2_lr0.001_T25000"
    for last, each in (("0.2", 50_000), ("0.2", 100_000), ("0.2", 200_000), ("0.6", 100_000)):
        yield "another data order", learned, f"long_wsd{last}_lr0.001_T{each}"


def read(folder: Path, name: str) -> LossCurve:
    (run,) = read_curves(folder / f"{name}.csv")
    return run.after(BEGIN)


def running_part(run: LossCurve) -> LossCurve:
    """The rows before the cooldown of a run."""
    branch = int(np.flatnonzero(run.rates >= 0.9999 * run.peak_lr)[-1])
    kept = run.steps <= branch
    return LossCurve("running", run.steps[kept], run.losses[kept], run.rates[: branch + 1])


def distance(found: Fit, running: LossCurve) -> tuple[float, float]:
    """The logarithmic distance of the recent rows from the law, and the part that is left after shrinking."""
    recent = running.steps >= running.steps[-max(1, running.steps.size // 4)]
    off = np.log(running.losses[recent] / found.law.predict(running.rates, at=running.steps[recent]))
    shift = float(np.median(off))
    variance = robust_deviation(off - shift) ** 2 / 2
    of_law = max(found.scatter, found.left_out or 0.0) ** 2
    return shift, shift * of_law / (of_law + variance)


def predictions(law: type[Law], others: list[LossCurve], running: LossCurve, rates: np.ndarray) -> np.ndarray:
    """The final loss by each procedure."""
    finals = []
    for runs in (others, [*others, running]):
        found = fit(runs, law)
        loss = found.law.final(rates).loss
        shift, shrunk = distance(found, running)
        finals += [loss, loss * np.exp(shift), loss * np.exp(shrunk)]
    return np.array(finals[:5])


def main() -> None:
    folder = Path(sys.argv[1])
    print(f"| law | learned from | cases | {' | '.join(PROCEDURES)} |")
    print(f"|---|---|---:|{'---:|' * len(PROCEDURES)}")
    for law in LAWS:
        errors = defaultdict(list)
        for kind, learned, name in cases():
            if kind == "another peak" and PARAMETRIZATIONS[law].one_peak:
                continue
            run = read(folder, name)
            losses = predictions(law, [read(folder, each) for each in learned], running_part(run), run.rates)
            errors[kind].append(np.abs(losses - run.losses[-1]))
        for kind, each in errors.items():
            means = " | ".join(f"{mean:.4f}" for mean in np.mean(each, axis=0))
            print(f"| {law.__name__} | {kind} | {len(each)} | {means} |", flush=True)


if __name__ == "__main__":
    main()
