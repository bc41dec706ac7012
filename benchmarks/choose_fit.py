"""What a fit should minimise, for each law: each training curve left out in turn, and foreseen from the others.

Run by hand with the folder of the published loss curves (README.md beside them says where they come from):

    python benchmarks/choose_fit.py ../shared/data/loss-curves

Only the three training curves of each size are read; no test curve is. The defaults of `fit` for a law are its row with
the lowest mean absolute error over the six, to five decimals, and of equals that with the lowest root mean square
error. Rows with a larger prior than MOST_PRIOR are shown and not chosen. The last column says how much of a difference
from the chosen row six curves can tell: the mean of the paired differences, with its standard error.
"""

import sys
from pathlib import Path

import numpy as np

from stepsize.laws import Law, MomentumLaw, MultiPowerLaw, fit, scores
from stepsize.laws.fit_forms import Expected, MultiPowerForm
from stepsize.records import LossCurve, read_csv

TRAINING = ("cosine_24000", "constant_24000", "wsdcon_9")
SIZES = ("25M", "100M")
PRIORS = (0.0, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
MOST_PRIOR = 1e-3
"""Beyond, alpha stays near 1/2 against runs that say otherwise; these six, whose alpha is near 1/2, cannot show it."""
HUBERS = (1e-3, 2e-3, 5e-3, 1.0)
Row = tuple[float | None, float, float]
"""Where C is expected, from where Huber, and the prior."""
SPEEDS = (0.02, 0.05, 0.1)
"""Where the multi-power law's C peak^(1 - gamma) is expected."""


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


def chosen(rows: dict[Row, np.ndarray]) -> Row:
    """The row to take, by the rule above."""

    def error(row: Row) -> tuple[float, float]:
        mae, rmse = rows[row].mean(axis=0)
        return round(mae, 5), rmse

    return min((row for row in rows if row[2] <= MOST_PRIOR), key=error)


def main() -> None:
    folder = Path(sys.argv[1])
    by_size = [curves(folder, size) for size in SIZES]
    usual = MultiPowerForm.expected
    for law in (MultiPowerLaw, MomentumLaw):
        rows: dict[Row, np.ndarray] = {}
        for speed in SPEEDS if law is MultiPowerLaw else (None,):
            if speed is not None:
                centre = np.where(usual.index == 4, np.log(speed), usual.centre)
                MultiPowerForm.expected = Expected(usual.index, centre, usual.width)
            for huber in HUBERS:
                for prior in PRIORS:
                    errors = [each for runs in by_size for each in left_out(runs, law, prior, huber)]
                    rows[speed, huber, prior] = np.array(errors)
        MultiPowerForm.expected = usual
        speed, huber, prior = best = chosen(rows)
        print(f"{law.__name__}: {f'C expected at {speed:g}, ' if speed else ''}Huber from {huber:g}, prior {prior:g}\n")
        print("| C expected at | Huber from | prior | MAE, 25M then 100M | mean MAE | mean RMSE | above the chosen |")
        print("|---:|---:|---:|---|---:|---:|---:|")
        for (speed, huber, prior), errors in rows.items():
            mae, rmse = errors.mean(axis=0)
            each = " ".join(f"{error:.4f}" for error in errors[:, 0])
            above = errors[:, 0] - rows[best][:, 0]
            told = f"{above.mean():.5f} ± {above.std(ddof=1) / np.sqrt(above.size):.5f}"
            print(f"| {speed or ''} | {huber:g} | {prior:g} | {each} | {mae:.5f} | {rmse:.5f} | {told} |")
        print()


if __name__ == "__main__":
    main()
