"""Learn how wrong a law is where it predicts, from the results of cross_validate.py, and check it by cross-fitting.

    python benchmarks/learn_bands.py results.jsonl --law FunctionalLaw

The relative error of a prediction is taken to have the variance

    parameters^2 + distance^2 + base^2 (1 + (few / schedules)^2 + (length log2 longer)^2 + (peak log2 apart)^2)

of `forecast.py`. The constants minimise the mean interval score of the band of 90% (Gneiting and Raftery, 2007), with
the same weight for each kind of split, and half of it for final losses and half for rows after the branch. They are
learned from the splits that predict runs of one peak rate, and checked on those of the other; and learned without a
kind, and checked on it.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import ndtri

from development_runs import KINDS

NAMES = ("base", "few", "length", "peak")
START = (0.004, 2.0, 0.5, 1.0)
MISSED = 2 / (1 - 0.9)  # the price of an error beyond the band, in the interval score
LEVELS = (0.68, 0.9, 0.95)


class Errors:
    """The relative errors of predictions at final losses and at rows, one each, with what their spread depends on."""

    def __init__(self, found: list[dict[str, Any]]) -> None:
        rows = []
        for one in found:
            for run in one["runs"]:
                own = max(run["scatter"], run["left_out"] or 0.0)
                where = list(KINDS).index(one["kind"]), float(run["run"].partition("_lr")[2].partition("_")[0] or 0)
                count = len(run["off"])
                for place, (off, longer, sd) in enumerate(
                    zip(run["off"], run["longer"], run["of_parameters"], strict=True)
                ):
                    final = place == count - 1
                    weight = 1.0 if final else 1.0 / (count - 1)
                    known = own**2 + sd**2
                    features = 1 / run["schedules"], np.log2(max(longer, 1.0)), abs(np.log2(run["peak"]))
                    rows.append((*where, final, weight, abs(off), known, *features))
        self.rows = np.array(rows)

    def where(self, chosen: np.ndarray) -> "Errors":
        part = object.__new__(Errors)
        part.rows = self.rows[chosen]
        return part

    @property
    def kind(self) -> np.ndarray:
        return self.rows[:, 0]

    @property
    def peak(self) -> np.ndarray:
        return self.rows[:, 1]

    @property
    def final(self) -> np.ndarray:
        return self.rows[:, 2] == 1.0

    def spread(self, constants: np.ndarray) -> np.ndarray:
        base, *factors = np.exp(constants)
        return np.sqrt(self.rows[:, 5] + base**2 * (1.0 + ((self.rows[:, 6:] * factors) ** 2).sum(axis=1)))

    def score(self, constants: np.ndarray) -> float:
        half = ndtri(0.95) * self.spread(constants)
        scores = 2 * half + MISSED * np.maximum(0.0, self.rows[:, 4] - half)
        parts = [(self.kind == kind) & (self.final == final) for kind in np.unique(self.kind) for final in (0, 1)]
        return float(np.mean([np.average(scores[part], weights=self.rows[part, 3]) for part in parts]))

    def learned(self) -> np.ndarray:
        found = minimize(self.score, np.log(START), method="Nelder-Mead", options={"xatol": 1e-2, "fatol": 1e-7})
        return np.asarray(found.x)

    def held(self, constants: np.ndarray) -> str:
        """The shares of final losses and rows within the bands of all levels, each kind with the same weight."""
        off, spread = self.rows[:, 4], self.spread(constants)
        cells = []
        for final in (True, False):
            shares = []
            for level in LEVELS:
                inside = off <= ndtri(0.5 + level / 2) * spread
                parts = [(self.kind == kind) & (self.final == final) for kind in np.unique(self.kind)]
                shares.append(np.mean([np.average(inside[part], weights=self.rows[part, 3]) for part in parts]))
            cells.append(" / ".join(f"{share:.0%}" for share in shares))
        return " | ".join([*cells, f"{ndtri(0.95) * np.median(spread[self.final]):.2%}"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("--law", default="FunctionalLaw")
    options = parser.parse_args()
    found = [json.loads(line) for line in options.results.read_text().splitlines()]
    errors = Errors([one for one in found if one["procedure"] == options.law])

    def row(name: str, learned: Errors, checked: Errors) -> None:
        constants = learned.learned()
        values = " ".join(f"{value:.3g}" for value in np.exp(constants))
        print(f"| {name} | {values} | {checked.held(constants)} |", flush=True)

    print(f"| learned from, checked on | {', '.join(NAMES)} | finals | rows | half of the band |")
    print("|---|---|---:|---:|---:|")
    row("all, all", errors, errors)
    for peak in (5e-4, 1e-3):
        here = errors.peak == peak
        row(f"the other peak, {peak:g}", errors.where(~here), errors.where(here))
    for place, kind in enumerate(KINDS):
        here = errors.kind == place
        if here.any():
            row(f"the other kinds, {kind}", errors.where(~here), errors.where(here))


if __name__ == "__main__":
    main()
