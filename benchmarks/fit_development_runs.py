"""What the functional law finds in the development runs, and what it leaves over: fits to all runs of a group.

Run by hand with the folder of the loss curves (README.md there says where they come from):

    python benchmarks/fit_development_runs.py CURVES

The first table has the parameters, the second the mean error of the final loss for each kind of schedule, in units of
0.001. A law that misses something shows it here, because it was fitted to these very runs.
"""

import sys
from pathlib import Path

import numpy as np

from development_runs import SIZES, Run, curves, read_runs
from stepsize.laws import fit

SHAPES = ("wsd0.1", "wsd0.2", "wsd0.2s", "wsd0.4", "wsd0.6", "wsd0.8", "wsd0.9", "cos0", "cos10")


def groups(folder: Path) -> dict[str, list[Run]]:
    runs = read_runs(folder)
    found = {
        f"124M, peak {peak:g}": [run for run in runs if run.peak == peak and "long" not in run.name]
        for peak in (5e-4, 1e-3)
    }
    found["124M, all"] = runs
    for size in SIZES:
        found[size] = [Run(curve, float(curve.losses[-1])) for curve in curves(folder, size)]
    return found


def main() -> None:
    print("| runs | number | scatter | alpha | rho | p | kappa | D | N0 / peak |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    errors = {}
    for name, runs in groups(Path(sys.argv[1])).items():
        found = fit([run.curve for run in runs])
        law, error = found.law, found.uncertainty
        named = ("alpha", "rho", "p", "kappa", "D")
        values = " | ".join(f"{getattr(law, each):.2f} ± {error[each]:.2f}" for each in named)
        start = law.N0 / max(run.rates.max() for run in runs)
        print(f"| {name} | {len(runs)} | {found.scatter:.2%} | {values} | {start:.2f} |", flush=True)
        if name not in SIZES:
            errors[name] = [(run.kind, law.final(run.rates).loss - run.final) for run in runs]
    print(f"\n| runs | {' | '.join(SHAPES)} |\n|---|{'---:|' * len(SHAPES)}")
    for name, of in errors.items():
        means = (1e3 * np.mean([off for kind, off in of if kind == shape]) for shape in SHAPES)
        print(f"| {name} | {' | '.join(f'{mean:+.1f}' for mean in means)} |")


if __name__ == "__main__":
    main()
