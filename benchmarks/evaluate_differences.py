"""How certain the predicted difference between two schedules is: pairs of runs whose outcome is known.

Run by hand with the folder of the runs (README.md beside them says where they come from):

    python benchmarks/evaluate_differences.py CURVES/124M

A law is learned from a few runs of one peak rate, and predicts the others of that peak. For each pair of these that
have the same length, the error of the predicted difference stands beside its standard error by the covariance of the
parameters. The last column is the relative floor that has to be added, in squares, so that a band of 90% holds 90%.
"""

import sys
from itertools import combinations, product
from pathlib import Path

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtri

from evaluate_cooldowns import read
from stepsize.laws import FunctionalLaw, Law, MomentumLaw, MultiPowerLaw, fit

LAWS: tuple[type[Law], ...] = (FunctionalLaw, MultiPowerLaw, MomentumLaw)
PEAKS = ("0.0005", "0.001")
LEARNED = {
    "three of 15,000 steps": ("wsd0.2_lr{}_T15000", "wsd0.6_lr{}_T15000", "wsd0.8_lr{}_T15000"),
    "three of 25,000 steps": ("cos10_lr{}_T25000", "wsd0.2_lr{}_T25000", "wsd0.6_lr{}_T25000"),
    "cosines and a constant rate": ("cos10_lr{}_T25000", "cos0_lr{}_T50000", "wsd0_lr{}_T50000"),
    "a constant rate and one decay": ("wsd0.2_lr{}_T50000", "wsd0_lr{}_T50000"),
    "six of both lengths": (
        "cos10_lr{}_T25000", "wsd0.1_lr{}_T25000", "wsd0.8_lr{}_T25000", "cos0_lr{}_T50000", "wsd0.4_lr{}_T50000",
        "wsd0.9_lr{}_T50000",
    ),
}  # fmt: skip
SHAPES = ("cos0", "cos10", "wsd0.1", "wsd0.2", "wsd0.2s", "wsd0.4", "wsd0.6", "wsd0.8", "wsd0.9")


def differences(folder: Path, law: type[Law], names: tuple[str, ...], peak: str) -> np.ndarray:
    """For each pair: the error of the predicted difference, the errors of both losses, the standard error, the loss."""
    learned = [name.format(peak) for name in names]
    found = fit([read(folder, name) for name in learned], law)
    rows = []
    for steps in (25_000, 50_000):
        ends = []
        for shape in SHAPES:
            name = f"{shape}_lr{peak}_T{steps}"
            if name not in learned:
                run = read(folder, name)
                last = run.steps[-1:]
                loss, slope = found.law.predict(run.rates, at=last), found.law._derivatives(run.rates, last, 1e-3)
                ends.append((loss[0], slope[0], run.losses[-1]))
        for (a, slope_a, true_a), (b, slope_b, true_b) in combinations(ends, 2):
            slope = slope_a - slope_b
            deviation = np.sqrt(slope @ found.covariance @ slope)
            rows.append((a - b - true_a + true_b, a - true_a, b - true_b, deviation, true_a))
    return np.array(rows)


def floor_for(errors: np.ndarray, deviations: np.ndarray, losses: np.ndarray, level: float = 0.9) -> float:
    """The relative floor with which bands hold a fraction `level` of the errors."""

    def missing(floor: float) -> float:
        size = np.abs(errors) / np.sqrt(deviations**2 + (floor * losses) ** 2)
        return float(np.quantile(size, level) - ndtri(0.5 + level / 2))

    return brentq(missing, 1e-9, 0.1) if missing(1e-9) > 0 else 0.0


def main() -> None:
    folder = Path(sys.argv[1])
    print(
        "| law | learned from | pairs | error of a loss | of a difference | standard error | 90% hold with a floor of |"
    )
    print("|---|---|---:|---:|---:|---:|---:|")
    for law in LAWS:
        everything = []
        for (words, names), peak in product(LEARNED.items(), PEAKS):
            rows = differences(folder, law, names, peak)
            everything.append(rows)
            error, a, b, deviation, loss = rows.T
            each = np.abs(np.concatenate([a, b])).mean()
            cells = f"{each:.4f} | {np.abs(error).mean():.4f} | {np.median(deviation):.4f}"
            floor = floor_for(error, deviation, loss)
            print(f"| {law.__name__} | {words}, {peak} | {len(rows)} | {cells} | {floor:.2%} |", flush=True)
        error, _, _, deviation, loss = np.concatenate(everything).T
        floor = floor_for(error, deviation, loss)
        print(f"| {law.__name__} | all | {error.size} | | {np.abs(error).mean():.4f} | | {floor:.2%} |", flush=True)


if __name__ == "__main__":
    main()
