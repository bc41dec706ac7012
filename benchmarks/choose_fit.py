"""Choose what a fit minimises, for each law: each training curve is left out in turn and predicted from the others.

Run by hand with the folder of the published loss curves (README.md beside them says where they come from):

    python benchmarks/choose_fit.py ../shared/data/loss-curves

Only the three training curves of each size are read; no test curve is. The defaults of `fit` for a law are its row with
the lowest mean absolute error over the six, to five decimals, and of equals that with the lowest root mean square
error. All six have an alpha near 1/2, where it is expected, so that they cannot tell how much expectation is too much.
Rows are therefore not chosen if they predict a made-up run of a law that is not as expected worse than to 1%.

The last column says how much of a difference from the chosen row six curves can tell: the mean of the paired
differences, with its standard error.
"""

import sys
from itertools import product
from pathlib import Path

import numpy as np

import stepsize as ss
from bench_laws import PEAK, WARMUP, made_up_runs
from scoring import scores
from stepsize.curves import LossCurve, read_curves
from stepsize.laws import Law, MomentumLaw, MultiPowerLaw, fit
from stepsize.laws.parametrization import MultiPowerParametrization, Prior

TRAINING = ("cosine_24000", "constant_24000", "wsdcon_9")
SIZES = ("25M", "100M")
PRIORS = (0.0, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
HUBERS = (1e-3, 2e-3, 5e-3, 1.0)
SPEEDS = (0.02, 0.05, 0.1)
"""Where the multi-power law's C peak^(1 - gamma) is expected."""
MOST_AWAY = 0.01
AWAY: dict[type[Law], tuple[Law, ...]] = {
    MultiPowerLaw: (
        MultiPowerLaw(3.0, 0.52, 0.7, 400.0, 0.3, 0.3, 0.5),
        MultiPowerLaw(2.0, 1.0, 0.3, 600.0, 1.0, 0.8, 0.3),
        MultiPowerLaw(3.0, 0.5, 0.45, 300.0, 20.0, 0.4, 0.7),
    ),
    MomentumLaw: (
        MomentumLaw(3.0, 0.52, 0.7, 0.3, 0.998),
        MomentumLaw(3.0, 0.52, 0.7, 1.2, 0.99),
        MomentumLaw(2.0, 1.0, 0.35, 1.0, 0.995),
    ),
}
"""Laws that are not as expected."""
UNSEEN = (
    ss.wsd(PEAK, WARMUP, 17_000, 4840, final_lr=0.1 * PEAK),
    ss.warmup_cosine(PEAK, WARMUP, 48_000, final_lr=0.1 * PEAK),
)


def curves(folder: Path, size: str) -> list[LossCurve]:
    paths = [folder / size / f"{name}.csv" for name in TRAINING]
    return list(read_curves(paths, warmup_steps=2160, jumps=[8000]))


def left_out(runs: list[LossCurve], law: type[Law], prior: float, huber: float) -> list[tuple[float, float]]:
    """Mean absolute and root mean square error of each run, predicted from the others."""
    errors = []
    for run in runs:
        found = fit([other for other in runs if other is not run], law, prior=prior, huber=huber).law
        found_scores = scores(found.predict(run.rates, at=run.steps), run.losses)
        errors.append((found_scores.MAE, found_scores.RMSE))
    return errors


def away(law: type[Law], prior: float, huber: float) -> float:
    """The largest relative error at the end of schedules that were not run, under laws that are not as expected."""
    errors = []
    for truth in AWAY[law]:
        found = fit(made_up_runs(truth), law, prior=prior, huber=huber).law
        errors += [abs(found.final(plan).loss / truth.final(plan).loss - 1.0) for plan in UNSEEN]
    return max(errors)


def main() -> None:
    folder = Path(sys.argv[1])
    by_size = [curves(folder, size) for size in SIZES]
    usual = MultiPowerParametrization.prior
    for law in (MultiPowerLaw, MomentumLaw):
        rows = {}
        for speed, huber, prior in product(SPEEDS if law is MultiPowerLaw else (None,), HUBERS, PRIORS):
            if speed is not None:
                centre = np.where(usual.index == 4, np.log(speed), usual.centre)
                MultiPowerParametrization.prior = Prior(usual.index, centre, usual.width)
            errors = np.array([each for runs in by_size for each in left_out(runs, law, prior, huber)])
            rows[speed, huber, prior] = errors, away(law, prior, huber)
        MultiPowerParametrization.prior = usual
        ranks = {row: (round(errors[:, 0].mean(), 5), errors[:, 1].mean()) for row, (errors, _) in rows.items()}
        best = min((row for row in rows if rows[row][1] <= MOST_AWAY), key=ranks.__getitem__)
        print(f"{law.__name__}: chosen {best}\n")
        print("| C expected at | Huber from | prior | MAE, 25M then 100M | MAE | RMSE | above the chosen | made-up |")
        print("|---:|---:|---:|---|---:|---:|---:|---:|")
        for row, (errors, off) in rows.items():
            speed, huber, prior = row
            each = " ".join(f"{error:.4f}" for error in errors[:, 0])
            above = errors[:, 0] - rows[best][0][:, 0]
            told = f"{above.mean():.5f} ± {above.std(ddof=1) / np.sqrt(above.size):.5f}"
            mae, rmse = ranks[row]
            print(f"| {speed or ''} | {huber:g} | {prior:g} | {each} | {mae:.5f} | {rmse:.5f} | {told} | {off:.2%} |")
        print(flush=True)


if __name__ == "__main__":
    main()
