"""Choose how losses are predicted: every procedure predicts the held-out runs of ten kinds of splits.

Run by hand with the folder of the loss curves (README.md there says where they come from):

    python benchmarks/cross_validate.py CURVES --out results.jsonl
    python benchmarks/cross_validate.py --read results.jsonl

A procedure is a law with the keywords of `fit`, such as `FunctionalLaw` or `MultiPowerLaw,huber=0.005`; `begin=1000`
learns from the rows after step 1000. The score of a
procedure is the mean over the kinds, each with the same weight, of the mean absolute error of the final loss; a split
that it refuses counts with the error of the momentum law there. Differences to the first procedure are paired over the
splits, and their standard error takes the splits of a kind as one. `docs/evidence/predicting.md` has the criterion.

The table gives for each kind: the mean absolute error of the final loss, the rank correlation within a split, the share
of final losses within the band of 90% and of rows after the branch within it, and the mean of half its width.
"""

import argparse
import json
import os
import sys
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import ndtri
from scipy.stats import spearmanr

from development_runs import KINDS, Run, Split, splits
from stepsize import laws
from stepsize.errors import StepsizeError
from stepsize.laws.diagnosis import groups_by_schedule
from stepsize.laws.fitting import BEGINNING
from stepsize.laws.forecast import check_peak

FLOOR = 0.0013  # of the final loss: its standard deviation from run to run
LEVELS = np.array([0.68, 0.9, 0.95])
FACTORS = ndtri(0.5 + LEVELS / 2) / ndtri(0.5 + 0.9 / 2)  # of the width of the band of 90%
ROWS = 10  # after the branch, of each run
SAME = 0.01  # rates that differ by a smaller fraction of the peak are the same
FALLBACK = "MomentumLaw"
LAWS = ("MultiPowerLaw", "MomentumLaw", "FunctionalLaw")

splits = cache(splits)


def settings_of(procedure: str) -> tuple[type[laws.Law], dict[str, float]]:
    name, *settings = procedure.split(",")
    pairs = (setting.split("=") for setting in settings)
    return getattr(laws, name), {key: float(value) for key, value in pairs}


def branch(run: Run, learned: tuple[Run, ...]) -> int:
    """The first step at which the rate of the run is not that of any run learned from."""
    shared = 0
    for other in learned:
        size = min(run.length, other.length)
        apart = np.flatnonzero(np.abs(run.rates[:size] - other.rates[:size]) > SAME * run.rates.max())
        shared = max(shared, int(apart[0]) if apart.size else size)
    return shared


def evaluated(folder: Path, place: int, procedure: str) -> dict[str, Any]:
    """What a procedure says of the runs asked for in a split.

    A law that refuses several peak rates is fitted to the runs of each, and asked for those of the same.
    """
    split = splits(folder)[place]
    found = {"kind": split.kind, "split": split.name, "procedure": procedure}
    runs = []
    try:
        try:
            runs = answers(split, split.learned, split.asked, procedure)
        except StepsizeError:
            if split.kind != "two peaks":
                raise
            for peak in sorted({run.rates.max() for run in split.learned}):
                learned, those = (
                    tuple(run for run in runs if run.rates.max() == peak) for runs in (split.learned, split.asked)
                )
                runs += answers(split, learned, those, procedure)
    except StepsizeError as error:
        return {**found, "refused": str(error), "runs": []}
    return {**found, "runs": runs}


def answers(split: Split, learned: tuple[Run, ...], those: tuple[Run, ...], procedure: str) -> list[dict[str, Any]]:
    law, settings = settings_of(procedure)
    begin = int(settings.pop("begin", 0))
    fitted = laws.fit([run.curve.after(begin) for run in learned], law, **settings)
    of_fit = {
        "law": str(fitted.law),
        "scatter": fitted.scatter,
        "left_out": fitted.left_out,
        "schedules": len(groups_by_schedule([run.curve for run in learned])),
    }
    return [of_fit | answer(fitted, learned, run) for run in those]


def answer(fitted: laws.Fit, learned: tuple[Run, ...], run: Run) -> dict[str, Any]:
    """The predictions at the end of a run and at rows after the branch; errors and bands are relative to them.

    Rows in the beginning, which the fit leaves out, are left out here too.
    """
    steps = run.curve.steps
    new = np.flatnonzero(steps >= branch(run, learned))
    chosen = new[np.linspace(0, new.size - 1, min(ROWS, new.size)).round().astype(int)]
    sums = np.cumsum(run.rates)
    chosen = chosen[sums[steps[chosen]] >= BEGINNING * sums[-1]]
    at = np.append(steps[chosen], run.length - 1)
    forecast = fitted.predict(run.rates, at=at)
    measured = np.append(run.curve.losses[chosen], run.final)
    jacobian = fitted.law._derivatives(run.rates, at, 1e-3)
    of_parameters = np.sqrt(np.einsum("ij,jk,ik->i", jacobian, fitted.covariance, jacobian))
    return {
        "run": run.name,
        "apart": check_peak(run.rates.max(), fitted.runs),
        "final": run.final,
        "predicted": forecast.final_loss,
        "longer": ((at + 1) / max(other.length for other in learned)).tolist(),
        "off": (forecast.losses / measured - 1.0).tolist(),
        "half": ((forecast.high - forecast.low) / 2 / forecast.losses).tolist(),
        "of_parameters": (of_parameters / forecast.losses).tolist(),
    }


def results(folder: Path, kinds: list[str], procedures: list[str], processes: int) -> Iterator[dict[str, Any]]:
    places = [place for place, split in enumerate(splits(folder)) if split.kind in kinds]
    work = [(place, procedure) for procedure in procedures for place in places]
    with ProcessPoolExecutor(processes) as pool:
        every = pool.map(evaluated, [folder] * len(work), *zip(*work, strict=True))
        for number, done in enumerate(every, start=1):
            yield done
            what = f"{done['procedure']}, {done['kind']}, {done['split']}"
            print(f"\r{number} of {len(work)}, {what}\033[K", end="", file=sys.stderr)
    print(file=sys.stderr)


def errors_of(found: list[dict[str, Any]]) -> dict[str, dict[tuple[str, str], float]]:
    """For each procedure, the mean absolute error of the final loss in every split, by kind and name."""
    errors: dict[str, dict[tuple[str, str], float]] = defaultdict(dict)
    for one in found:
        if one["runs"]:
            offs = [abs(run["predicted"] - run["final"]) for run in one["runs"]]
            errors[one["procedure"]][one["kind"], one["split"]] = float(np.mean(offs))
    for one in found:
        split = one["kind"], one["split"]
        if not one["runs"]:
            errors[one["procedure"]][split] = errors[FALLBACK].get(split, np.nan)
    return errors


def highest_rank(finals: np.ndarray) -> float:
    """The rank correlation that a law without any error would have with final losses that differ from run to run."""
    noise = np.random.default_rng(0).normal(0.0, FLOOR, (200, finals.size))
    return float(np.mean([spearmanr(finals, finals + each)[0] for each in noise]))


def summary(those: list[dict[str, Any]], errors: dict[tuple[str, str], float]) -> str:
    """The cells of a kind."""
    runs = [run for one in those for run in one["runs"]]
    ranks = [
        spearmanr([run["predicted"] for run in one["runs"]], [run["final"] for run in one["runs"]])[0]
        for one in those
        if len(one["runs"]) > 2
    ]
    possible = [highest_rank(np.array([run["final"] for run in one["runs"]])) for one in those if len(one["runs"]) > 2]
    held = [abs(run["off"][-1]) <= FACTORS * run["half"][-1] for run in runs]
    rows = [abs(off) <= half for run in runs for off, half in list(zip(run["off"], run["half"], strict=True))[:-1]]
    width = np.mean([run["half"][-1] * run["predicted"] for run in runs]) if runs else np.nan
    mae = np.mean([errors[one["kind"], one["split"]] for one in those])
    shares = " / ".join(f"{share:.0%}" for share in np.mean(held, axis=0)) if held else ""
    refused = sum("refused" in one for one in those)
    cells = [f"{len(those)}, {len(runs)} runs" + (f", {refused} refused" if refused else "")]
    cells += [
        f"{mae:.4f}",
        f"{np.mean(ranks):.3f} of {np.mean(possible):.3f}" if ranks else "",
        shares,
        f"{np.mean(rows):.0%}",
        f"{width:.4f}",
    ]
    return " | ".join(cells)


def report(found: list[dict[str, Any]]) -> None:
    errors = errors_of(found)
    kinds = [kind for kind in KINDS if any(one["kind"] == kind for one in found)]
    levels = " / ".join(f"{level:.0%}" for level in LEVELS)
    means = {
        procedure: np.array([np.mean([e for (k, _), e in of.items() if k == kind]) for kind in kinds])
        for procedure, of in errors.items()
    }
    for procedure in errors:
        print(f"\n{procedure}\n\n| kind | splits | MAE | Spearman | finals within {levels} | rows | half of the band |")
        print("|---|---|---:|---:|---:|---:|---:|")
        of = [one for one in found if one["procedure"] == procedure]
        for kind in kinds:
            print(f"| {kind} | {summary([one for one in of if one['kind'] == kind], errors[procedure])} |")
        print(f"| all | {summary(of, errors[procedure])} |")
    first = next(iter(means))
    print(f"\nFrom run to run the final loss has a standard deviation of {FLOOR}.\n")
    print("| procedure | score | above the first |\n|---|---:|---:|")
    for procedure, mean in means.items():
        above = mean - means[first]
        error = above.std(ddof=1) / np.sqrt(above.size) if above.size > 1 else np.nan
        print(f"| {procedure} | {mean.mean():.5f} | {above.mean():+.5f} ± {error:.5f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--read", action="append", type=Path, default=[], help="results of earlier runs")
    parser.add_argument("--out", type=Path, help="where the results go, a line of JSON for each split")
    parser.add_argument("--laws", nargs="+", default=[law for law in LAWS if hasattr(laws, law)])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    found = [json.loads(line) for path in options.read for line in path.read_text().splitlines()]
    if options.folder:
        with open(options.out or os.devnull, "w") as file:
            for done in results(options.folder, options.kinds, options.laws, options.processes):
                found.append(done)
                print(json.dumps(done), file=file, flush=True)
    report(found)


if __name__ == "__main__":
    main()
