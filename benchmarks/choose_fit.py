"""What a fit should minimise: each training curve left out in turn, and foreseen from the others.

Run by hand with the folder of the published loss curves (README.md beside them says where they come from):

    python benchmarks/choose_fit.py ../shared/data/loss-curves

Only the three training curves of each size are read; no test curve is. The defaults of `fit` are the row with the
lowest mean error.
"""

import sys
from pathlib import Path

import numpy as np

from stepsize.laws import Law, MomentumLaw, MultiPowerLaw, fit, scores
from stepsize.records import LossCurve, read_csv

TRAINING = ("cosine_24000", "constant_24000", "wsdcon_9")
SIZES = ("25M", "100M")
PRIORS = (0.0, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
HUBERS = (1e-3, 3e-3, 1.0)


def curves(folder: Path, size: str) -> list[LossCurve]:
    return [
        read_csv(folder / size / f"{name}.csv", warmup_steps=2160, jumps=[8000] if "wsdcon" in name else [])
        for name in TRAINING
    ]


def left_out(runs: list[LossCurve], law: type[Law], prior: float, huber: float) -> list[tuple[float, float]]:
    """Mean absolute and root mean square error of each run, foreseen from the others."""
    errors = []
    for run in runs:
        found = fit([other for other in runs if other is not run], law, prior=prior, huber=huber).law
        found_scores = scores(found.predict(run.rates, at=run.steps), run.losses)
        errors.append((found_scores.MAE, found_scores.RMSE))
    return errors


def main() -> None:
    folder = Path(sys.argv[1])
    by_size = [curves(folder, size) for size in SIZES]
    print("| law | Huber from | prior | MAE of each curve left out, 25M then 100M | mean MAE | mean RMSE |")
    print("|---|---:|---:|---|---:|---:|")
    for law in (MultiPowerLaw, MomentumLaw):
        for huber in HUBERS:
            for prior in PRIORS:
                errors = np.array([each for runs in by_size for each in left_out(runs, law, prior, huber)])
                each = " ".join(f"{error:.4f}" for error in errors[:, 0])
                mae, rmse = errors.mean(axis=0)
                print(f"| {law.__name__} | {huber:g} | {prior:g} | {each} | {mae:.5f} | {rmse:.5f} |")


if __name__ == "__main__":
    main()
