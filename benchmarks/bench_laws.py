"""Laws of loss curves: grouped evaluation against exact, fits of three and of 76 runs, a design, and memory.

The peer is the same code with every change of the rate counted alone, which is what a plain evaluation of the law does;
both are vectorised. Three runs are of the size of the published ones (24,000 steps, a row every 128), made by a law
with noise; 76 have 20,000 to 50,000 steps and a row every 50. The authors of the multi-power law take 43 to 48 s for
the fit of three such runs (their figure, one core).
"""

import statistics
import time
import tracemalloc

import numpy as np

import stepsize as ss
from measure import ratio, rounds
from stepsize.curves import LossCurve
from stepsize.laws import FunctionalLaw, Law, MomentumLaw, MultiPowerLaw, design, fit
from stepsize.laws.functional_rows import FunctionalRows
from stepsize.laws.parametrization import EFFECTIVE_SPREAD

PEAK, WARMUP, STEPS = 3e-4, 2160, 24_000
LAW = FunctionalLaw(L0=2.7, A=6.0, alpha=0.5, B=4.0, C=2.5, rho=1.4, p=1.8, kappa=0.5, D=0.3, N0=6e-5)
COSINE = ss.warmup_cosine(PEAK, WARMUP, STEPS, final_lr=0.1 * PEAK)
PLANS = {
    "cosine": COSINE,
    "constant": ss.warmup(ss.Constant(PEAK, STEPS), WARMUP),
    "drop": ss.warmup(ss.Piecewise((PEAK, 0.3 * PEAK), (8000 - WARMUP,)), WARMUP),
}


def made_up_runs(law: Law = LAW, seed: int = 0) -> list[LossCurve]:
    rng = np.random.default_rng(seed)
    at = np.arange(WARMUP + 16, STEPS, 128)
    return [
        LossCurve(name, at, law.predict(plan, STEPS, at=at) * np.exp(rng.normal(0, 1e-3, at.size)), plan)
        for name, plan in PLANS.items()
    ]


def processor_seconds(work, times: int) -> str:
    """The median time of one core, which does not count what others do on a shared machine, with the extremes."""
    taken = []
    for _ in range(times):
        begun = time.process_time()
        work()
        taken.append(time.process_time() - begun)
    return f"{statistics.median(taken):.2f} s of one core ({min(taken):.2f} to {max(taken):.2f}"


def peak_mebibytes(work) -> float:
    tracemalloc.start()
    work()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / 2**20


def many_runs(seed: int = 0) -> list[LossCurve]:
    """76 runs: WSDs and cosines of several lengths, at two peak rates."""
    rng = np.random.default_rng(seed)
    runs = []
    for number, (steps, peak) in enumerate((n, p) for n in (20_000, 30_000, 40_000, 50_000) for p in (5e-4, 1e-3)):
        shapes = [ss.warmup_cosine(peak, 300, steps, final_lr=part * peak) for part in (0.0, 0.1)]
        shapes += [ss.wsd(peak, 300, steps - 300 - tail, tail) for tail in range(steps // 10, steps - 300, steps // 9)]
        for place, plan in enumerate(shapes[: 10 if number < 4 else 9]):
            at = np.arange(400, steps, 50)
            losses = LAW.predict(plan, at=at) * np.exp(rng.normal(0, 2e-3, at.size))
            runs.append(LossCurve(f"{steps} {peak} {place}", at, losses, plan))
    return runs


def main() -> None:
    runs = made_up_runs()
    curves = [(run.rates, run.steps) for run in runs]
    grouped, exact = (FunctionalRows.of(curves, LAW, spread) for spread in (EFFECTIVE_SPREAD, 0.0))
    error = np.abs(grouped.losses(LAW)[0] - exact.losses(LAW)[0]).max()
    taken = rounds({"exact": lambda: exact.losses(LAW), "grouped": lambda: grouped.losses(LAW)}, 9)
    label = f"losses and derivatives at {sum(len(at) for _, at in curves)} rows, times faster grouped"
    ratio(f"{label} (largest error {error:.1e})", taken["exact"], taken["grouped"], ">= 20")

    at = np.arange(16, STEPS, 16)
    for tolerance in (1e-3, 1e-4, 1e-5):
        error = np.abs(LAW.predict(COSINE, at=at, tolerance=tolerance) - LAW.predict(COSINE, at=at, tolerance=0))
        work = {
            "exact": lambda: LAW.predict(COSINE, at=at, tolerance=0),
            "grouped": lambda tolerance=tolerance: LAW.predict(COSINE, at=at, tolerance=tolerance),
        }
        taken = rounds(work, 3)
        label = f"a cosine at {at.size} steps to {tolerance:g}, times faster than exactly"
        ratio(f"{label} (largest error {error.max():.1e})", taken["exact"], taken["grouped"], ">= 5")

    for law in (FunctionalLaw, MultiPowerLaw, MomentumLaw):
        print(
            f"fit of three runs, {law.__name__}: {processor_seconds(lambda law=law: fit(runs, law), 9)}; target < 0.5)"
        )
    many = many_runs()
    rows = sum(run.steps.size for run in many)
    print(f"fit of {len(many)} runs, {rows:,} rows: {processor_seconds(lambda: fit(many), 3)}; target < 10)")
    work = processor_seconds(lambda: design(LAW, PEAK, STEPS, warmup_steps=WARMUP), 3)
    print(f"design of {STEPS:,} steps: {work}; target < 5)")

    for rows in (1500, 3000, 6000, 12_000):
        at = np.linspace(1, STEPS - 1, rows).astype(int)
        grouped, exact = (
            peak_mebibytes(lambda t=tolerance, at=at: LAW.predict(COSINE, at=at, tolerance=t))
            for tolerance in (1e-4, 0)
        )
        prepared = peak_mebibytes(lambda at=at: FunctionalRows.of([(COSINE.sample(), at)], LAW, EFFECTIVE_SPREAD))
        print(
            f"memory at {rows:,} rows, MiB: predict {grouped:.0f}, exactly {exact:.0f}; ready for a fit {prepared:.0f}"
        )


if __name__ == "__main__":
    main()
