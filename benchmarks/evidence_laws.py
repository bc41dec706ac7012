"""Predictions for runs of the lab: laws fitted to the runs of some schedules, asked for those of all others.

Run by hand with the directories of experiments, and the schedules to learn from, each as <directory's name>/<name>:

    python benchmarks/evidence_laws.py runs/short runs/long --learn short/cosine --learn short/constant --out table.md

For each other schedule: the mean of its seeds at the end (the last twentieth of its rows) and how far from it the
multi-power law, the momentum law and the naive guess are. The naive guess is that the loss ends as that of the schedule
learned from whose rates are most alike, at the same part of the run. Beside it stands the standard deviation of one
seed, below which nothing can be predicted.

A law stands there twice: as `fit` finds it, and fitted to the rows after a step, of several that are given with
`--begin` the one from which the runs learned from predict one another best (`Fit.left_out`); the others are not looked
at for it.
"""

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np

from stepsize.curves import LossCurve, read_curves
from stepsize.errors import StepsizeError
from stepsize.files import write_whole
from stepsize.laws import Fit, Law, MomentumLaw, MultiPowerLaw, fit

END = 0.05


def by_schedule(places: list[Path]) -> dict[str, list[LossCurve]]:
    """The seeds of every schedule."""
    found: dict[str, list[LossCurve]] = defaultdict(list)
    for place in places:
        for curve in read_curves(place):
            found[f"{place.name}/{curve.name.rpartition(', seed')[0] or curve.name}"].append(curve)
    return found


def end_of(curve: LossCurve) -> np.ndarray:
    """The rows at the end."""
    return curve.steps >= (1 - END) * curve.steps[-1]


def end_loss(curve: LossCurve) -> float:
    return float(curve.losses[end_of(curve)].mean())


def distance(a: LossCurve, b: LossCurve) -> float:
    """How unlike the rates of two runs are, at the same parts of them."""
    z = np.linspace(0, 1, 500)
    rates = [run.rates[(z * run.steps[-1]).round().astype(int)] for run in (a, b)]
    return float(np.abs(rates[0] - rates[1]).mean())


def from_best_step(training: list[LossCurve], law: type[Law], begins: list[int]) -> tuple[Fit, int]:
    """The fit that begins where the runs learned from predict one another best, each left out in turn."""
    fits = [(fit([curve.after(begin) for curve in training], law), begin) for begin in begins]
    return min(fits, key=lambda found: (found[0].left_out is None, found[0].left_out or found[0].scatter))


def learned(training: list[LossCurve], begins: list[int]) -> dict[str, Fit]:
    """The fits of both laws, by the words above their columns."""
    fits = {}
    for name, law in (("multi-power", MultiPowerLaw), ("momentum", MomentumLaw)):
        try:
            fits[name] = fit(training, law)
            best, begin = from_best_step(training, law, begins)
        except StepsizeError as error:
            print(f"{name}: {error}")
            continue
        fits[f"{name} from {begin}"] = best
    for name, found in fits.items():
        left_out = "none could be left out" if found.left_out is None else f"{found.left_out:.2%} when left out"
        print(f"{name}: {found.law}; {left_out}; {'; '.join(found.diagnosis)}\n")
    return fits


def table(schedules: dict[str, list[LossCurve]], learn: list[str], begins: list[int]) -> list[str]:
    unknown = sorted(set(learn) - set(schedules))
    if unknown:
        raise SystemExit(f"there is no {', '.join(unknown)}; there are {', '.join(sorted(schedules))}")
    training = [curve for name in learn for curve in schedules[name]]
    fits = learned(training, begins)
    titles = ["schedule", "steps", "end loss", *fits, "naive guess", "one seed"]
    lines = [
        f"Learned from {', '.join(learn)} ({len(training)} runs).",
        "",
        f"| {' | '.join(titles)} |",
        f"|---|{'---:|' * (len(titles) - 1)}",
    ]
    for name, seeds in schedules.items():
        if name in learn:
            continue
        ends = [end_loss(curve) for curve in seeds]
        cells = [name, f"{seeds[0].steps[-1] + 1:,}", f"{np.mean(ends):.4f}"]
        for found in fits.values():
            predicted = found.law.predict(seeds[0].rates, at=seeds[0].steps[end_of(seeds[0])]).mean()
            cells.append(f"{predicted - np.mean(ends):+.4f}")
        nearest = min(learn, key=lambda known, seeds=seeds: distance(schedules[known][0], seeds[0]))
        cells.append(f"{np.mean([end_loss(curve) for curve in schedules[nearest]]) - np.mean(ends):+.4f}")
        cells.append(f"{np.std(ends, ddof=1):.4f}" if len(ends) > 1 else "")
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("places", nargs="+", type=Path)
    parser.add_argument("--learn", action="append", required=True)
    parser.add_argument("--begin", default="0", help="steps from which to learn, tried in turn: 0,200,400")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    text = (
        "\n".join(table(by_schedule(asked.places), asked.learn, [int(step) for step in asked.begin.split(",")])) + "\n"
    )
    print(text)
    if asked.out:
        write_whole(asked.out, text.encode())


if __name__ == "__main__":
    main()
