"""How often the band of a forecast holds what it should: made-up runs of laws that are as expected, and that are not.

    python benchmarks/cover_bands.py

For each law sixteen fits to three runs of 24,000 steps with noise of 0.1%. Asked for the final loss of a late decay and
of a cosine of twice the length; the band of 90% is that of one run, so that it should hold the law's own loss at least
as often.
"""

import numpy as np

from bench_laws import LAW, made_up_runs
from choose_fit import AWAY, UNSEEN
from stepsize.laws import fit

SEEDS = 16
LAWS = (LAW, *(law for laws in AWAY.values() for law in laws))


def main() -> None:
    print("| law | held | half of the band | largest error |")
    print("|---|---:|---:|---:|")
    for truth in LAWS:
        held, halves, errors = [], [], []
        for seed in range(SEEDS):
            found = fit(made_up_runs(truth, seed), type(truth))
            for plan in UNSEEN:
                low, high = found.predict(plan).final_band
                loss = truth.final(plan).loss
                held.append(low <= loss <= high)
                halves.append((high - low) / 2 / loss)
                errors.append(abs((low + high) / 2 / loss - 1))
        print(f"| `{truth}` | {np.mean(held):.0%} | {np.mean(halves):.2%} | {max(errors):.2%} |", flush=True)


if __name__ == "__main__":
    main()
