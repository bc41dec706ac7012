"""Choose how losses are predicted: every procedure predicts the held-out runs of ten kinds of splits.

Run by hand with the folder of the loss curves (README.md there says where they come from):

    python benchmarks/cross_validate.py ../shared/data/loss-curves --out results.json
    python benchmarks/cross_validate.py --read results.json

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
import sys
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from development_runs import KINDS, Run, Split, splits
from stepsize import laws
from stepsize.errors import StepsizeError
from stepsize.laws.diagnosis import groups_by_schedule

FLOOR = 0.0013  # of the final loss: its standard deviation from run to run
LEVELS = (0.68, 0.9, 0.95)
ROWS = 25  # after the branch, of each run
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
    """What a procedure says of the runs asked for in a split."""
    split = splits(folder)[place]
    found: dict[str, Any] = {"kind": split.kind, "split": split.name, "procedure": procedure}
    law, settings = settings_of(procedure)
    try:
        begin = int(settings.pop("begin", 0))
        fitted = laws.fit([run.curve.after(begin) for run in split.learned], law, **settings)
    except StepsizeError as error:
        return {**found, "refused": str(error), "runs": []}
    found["law"], found["scatter"], found["left_out"] = str(fitted.law), fitted.scatter, fitted.left_out
    found["schedules"] = len(groups_by_schedule([run.curve for run in split.learned]))
    found["runs"] = [asked(fitted, split, run) for run in split.asked]
    return found


def asked(fitted: laws.Fit, split: Split, run: Run) -> dict[str, Any]:
    steps = run.curve.steps
    new = np.flatnonzero(steps >= branch(run, split.learned))
    chosen = new[np.unique(np.linspace(0, new.size - 1, min(ROWS, new.size)).round().astype(int))] if new.size else new
    end = run.length - 1
    forecast = fitted.predict(run.rates, at=np.append(steps[chosen], end))
    measured = run.curve.losses[chosen]
    return {
        "run": run.name,
        "longer": run.length / max(other.length for other in split.learned),
        "peak": run.rates.max() / max(other.rates.max() for other in split.learned),
        "final": run.final,
        "predicted": forecast.final_loss,
        "bands": [fitted.predict(run.rates, at=[end], level=level).final_band for level in LEVELS],
        "rows": (forecast.losses[:-1] - measured).tolist(),
        "halves": ((forecast.high - forecast.low)[:-1] / 2).tolist(),
    }


def results(folder: Path, kinds: list[str], procedures: list[str], processes: int) -> list[dict[str, Any]]:
    work = [
        (place, procedure)
        for place, split in enumerate(splits(folder))
        if split.kind in kinds
        for procedure in procedures
    ]
    found = []
    with ProcessPoolExecutor(processes) as pool:
        for done in pool.map(evaluated, [folder] * len(work), *zip(*work, strict=True)):
            found.append(done)
            print(f"\r{len(found)} of {len(work)}, {done['kind']}, {done['split']}\033[K", end="", file=sys.stderr)
    print(file=sys.stderr)
    return found


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


def summary(those: list[dict[str, Any]], errors: dict[tuple[str, str], float]) -> str:
    """The cells of a kind."""
    runs = [run for one in those for run in one["runs"]]
    ranks = [
        spearmanr([run["predicted"] for run in one["runs"]], [run["final"] for run in one["runs"]])[0]
        for one in those
        if len(one["runs"]) > 2
    ]
    held = [[low <= run["final"] <= high for low, high in run["bands"]] for run in runs]
    rows = [abs(off) <= half for run in runs for off, half in zip(run["rows"], run["halves"], strict=True)]
    width = np.mean([np.ptp(run["bands"][1]) / 2 for run in runs]) if runs else np.nan
    mae = np.mean([errors[one["kind"], one["split"]] for one in those])
    shares = " / ".join(f"{share:.0%}" for share in np.mean(held, axis=0)) if held else ""
    refused = sum("refused" in one for one in those)
    cells = [f"{len(those)}, {len(runs)} runs" + (f", {refused} refused" if refused else "")]
    cells += [f"{mae:.4f}", f"{np.mean(ranks):.3f}" if ranks else "", shares, f"{np.mean(rows):.0%}", f"{width:.4f}"]
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
    parser.add_argument("--out", type=Path, help="where the results go, as JSON")
    parser.add_argument("--laws", nargs="+", default=[law for law in LAWS if hasattr(laws, law)])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    found = [one for path in options.read for one in json.loads(path.read_text())]
    if options.folder:
        found += results(options.folder, options.kinds, options.laws, options.processes)
        if options.out:
            options.out.write_text(json.dumps(found))
    report(found)


if __name__ == "__main__":
    main()
