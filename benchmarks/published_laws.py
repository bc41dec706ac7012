"""The fit on published loss curves: fitted to three curves of each size, six predicted.

Run by hand with the folder of the curves (README.md beside them says where they come from):

    python benchmarks/published_laws.py CURVES

The errors are averaged over the six test curves. Some of these share their first rows with a training curve, so the
table also has the errors after the branch and at the last row. `cross_validate.py` chose the defaults.
"""

import sys
from pathlib import Path

import numpy as np

from development_runs import SIZES, curves
from scoring import scores
from stepsize.curves import read_curves
from stepsize.laws import FunctionalLaw, MomentumLaw, MultiPowerLaw, fit

BRANCH = {
    "constant_72000": 24_000,
    "cosine_72000": 2160,
    "wsd_20000_24000": 20_000,
    "wsdld_20000_24000": 20_000,
    "wsdcon_3": 8000,
    "wsdcon_18": 8000,
}
"""The test curves, and the step from which no training curve has their rates or their rows."""
LAWS = {"functional": FunctionalLaw, "multi-power": MultiPowerLaw, "momentum": MomentumLaw}
PUBLISHED = {
    "25M": MultiPowerLaw(3.0405, 0.5247, 0.5079, 363.79, 2.0656, 0.5828, 0.6414),
    "100M": MultiPowerLaw(2.6514, 0.6012, 0.4530, 437.95, 2.1325, 0.5979, 0.6552),
}


def main() -> None:
    folder = Path(sys.argv[1])
    print("| size | law | R2 | MAE | RMSE | PredE | WorstE | MAE after the branch | last row | within the 90% band |")
    print("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    for size in SIZES:
        training = curves(folder, size)
        fits = {name: fit(training, law) for name, law in LAWS.items()}
        laws = {"published": PUBLISHED[size], **{name: found.law for name, found in fits.items()}}
        for name, law in laws.items():
            rows, held = [], []
            for test, branch in BRANCH.items():
                path = folder / size / f"{test}.csv"
                (run,) = read_curves(path, warmup_steps=2160, jumps=[8000] if "wsdcon" in test else [])
                predicted = law.predict(run.rates, at=run.steps)
                error = np.abs(predicted - run.losses)
                all_rows = vars(scores(predicted, run.losses)).values()
                rows.append([*all_rows, error[run.steps >= branch].mean(), error[-1]])
                if name in fits:
                    band = fits[name].predict(run.rates, at=run.steps)
                    held.append(np.mean((band.low <= run.losses) & (run.losses <= band.high)))
            cells = " | ".join(
                f"{value:.4f}" if place == 0 else f"{value:.5f}" for place, value in enumerate(np.mean(rows, 0))
            )
            print(f"| {size} | {name} | {cells} | {' '.join(f'{share:.0%}' for share in held)} |")


if __name__ == "__main__":
    main()
