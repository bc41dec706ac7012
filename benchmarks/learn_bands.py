"""Learn how wrong a law is where it predicts, from the results of cross_validate.py, and check it by cross-fitting.

    python benchmarks/learn_bands.py results.jsonl --law FunctionalLaw

The relative error of a prediction is taken to have the variance

    (parameters of_parameters)^2 + distance^2 + base^2 + (length log2 longer)^2 + (peak log2 apart)^2

of `forecast.py` and `model_error.py`. For each factor of the uncertainty of the parameters, the other constants
minimise the mean interval score of the band of 90% (Gneiting and Raftery, 2007), with the same weight for each kind of
split, and half of it for final losses and half for rows after the branch. They are learned from the splits that
predict runs of one peak rate, and checked on those of the other.
"""

import argparse
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import ndtri

from development_runs import KINDS
from stepsize.laws.model_error import ModelError

START = (0.002, 0.003, 0.003)
FACTORS = (1.0, 0.7, 0.6, 0.5, 0.4, 0.3)  # of the uncertainty of the parameters
MISSED = 2 / (1 - 0.9)  # the price of an error beyond the band, in the interval score
LEVELS = (0.68, 0.9, 0.95)


@dataclass(frozen=True)
class Errors:
    """The relative errors of predictions, one each, with what their spread depends on, shape `(predictions,)`."""

    kind: np.ndarray  # its place in KINDS
    peak: np.ndarray  # of the run
    final: np.ndarray  # whether this is a final loss, or one of the rows of a run
    weight: np.ndarray  # 1, or the share of one row
    off: np.ndarray
    of_parameters: np.ndarray
    distance: np.ndarray
    longer: np.ndarray
    apart: np.ndarray

    @classmethod
    def of(cls, found: list[dict[str, Any]]) -> "Errors":
        """The errors in the results of a procedure."""
        table = []
        for one in found:
            for run in one["runs"]:
                peak = re.search(r"_lr([\d.]+)", run["run"])
                of_run = list(KINDS).index(one["kind"]), float(peak[1]) if peak else 0.0
                distance, rows = max(run["scatter"], run["left_out"] or 0.0), len(run["off"]) - 1
                for place, off in enumerate(run["off"]):
                    final = place == rows
                    weight = 1.0 if final else 1.0 / rows
                    of_row = abs(off), run["of_parameters"][place], distance, run["longer"][place], run["apart"]
                    table.append((*of_run, final, weight, *of_row))
        return cls(*np.array(table).T)

    def where(self, chosen: np.ndarray) -> "Errors":
        return Errors(**{name: column[chosen] for name, column in vars(self).items()})

    def spread(self, error: ModelError) -> np.ndarray:
        return np.hypot(self.distance, error.relative(self.of_parameters, self.longer, self.apart))

    def mean(self, values: np.ndarray, final: bool) -> float:
        """The mean in which every kind has the same weight."""
        parts = [(self.kind == kind) & (self.final == final) for kind in np.unique(self.kind)]
        return float(np.mean([np.average(values[part], weights=self.weight[part]) for part in parts]))

    def score(self, error: ModelError) -> float:
        """The mean interval score of the band of 90%, of final losses and of rows."""
        half = ndtri(0.95) * self.spread(error)
        scores = 2 * half + MISSED * np.maximum(0.0, self.off - half)
        return self.mean(scores, True) + self.mean(scores, False)

    def learned(self, parameters: float) -> ModelError:
        def score(logs: np.ndarray) -> float:
            # A constant without data stays at its start.
            undetermined = 1e-6 * float(((logs - np.log(START)) ** 2).sum())
            return self.score(ModelError(parameters, *np.exp(logs), difference=0.0)) + undetermined

        found = minimize(score, np.log(START), method="Nelder-Mead", options={"xatol": 1e-2, "fatol": 1e-7})
        return ModelError(parameters, *np.exp(found.x), difference=0.0)

    def held(self, error: ModelError) -> str:
        """The shares of final losses and of rows within the bands of all levels, and half of the usual band."""
        spread = self.spread(error)
        shares = [
            " / ".join(f"{self.mean(self.off <= ndtri(0.5 + level / 2) * spread, final):.0%}" for level in LEVELS)
            for final in (True, False)
        ]
        return " | ".join([*shares, f"{ndtri(0.95) * np.median(spread[self.final == 1]):.2%}"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("--law", default="FunctionalLaw")
    options = parser.parse_args()
    found = [json.loads(line) for line in options.results.read_text().splitlines()]
    errors = Errors.of([one for one in found if one["procedure"] == options.law])

    print("| parameters | learned from, checked on | base | length | peak | finals | rows | half of the band | score |")
    print("|---:|---|---:|---:|---:|---:|---:|---:|---:|")
    everywhere = np.ones(errors.kind.shape, np.bool_)
    at = {peak: errors.peak == peak for peak in (5e-4, 1e-3)}
    cases = [("all, all", everywhere, everywhere)] + [
        (f"the other, {peak:g}", ~here, here) for peak, here in at.items()
    ]
    for parameters in FACTORS:
        for name, learned, checked in cases:
            error, others = errors.where(learned).learned(parameters), errors.where(checked)
            constants = " | ".join(f"{value:.4f}" for value in (error.base, error.length, error.peak))
            cells = f"{constants} | {others.held(error)} | {others.score(error):.4f}"
            print(f"| {parameters} | {name} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
