"""How often `until_told` is wrong, and how many seeds it saves, on differences that are known.

    python benchmarks/simulate_sequential.py

A spread is the standard deviation of the difference of two schedules over seeds. 20,000 comparisons for each line, with
a budget of 20 seeds; 20 of them are decided by `stepsize.lab.findings` too, with the same result. First normal
differences, then some that are not, and last the choice of the method and of the rounds by the mean number of seeds.
"""

import math
from collections.abc import Callable

import numpy as np

from stepsize.lab.statistics.differences import Looks, boundaries, first_size, next_size
from stepsize.lab.statistics.findings import Metric, findings

COMPARISONS, CHECKED, MOST, ERROR = 20_000, 20, 20, 0.05
SEEDS = tuple(range(MOST))
METRIC = Metric("test_accuracy", "accuracy", higher_is_better=True)
SAMPLES = 360  # of a test set whose accuracies are counted

Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


def normal(draw: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return draw.standard_normal(shape) / math.sqrt(2)


def heavy(draw: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Student's t with 3 degrees of freedom: one run in fifty is far off."""
    return draw.standard_t(3, shape) / math.sqrt(6)


def skewed(draw: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return (draw.exponential(size=shape) - 1) / math.sqrt(2)


def counted(draw: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Accuracies near 0.97 on 360 samples, of which many are equal."""
    accuracy = 0.97
    return (draw.binomial(SAMPLES, accuracy, shape) / SAMPLES - accuracy) / math.sqrt(
        2 * accuracy * (1 - accuracy) / SAMPLES
    )


def decided(values: np.ndarray, margin: float | None) -> tuple[list[str], int]:
    """The verdicts of the lab on one comparison, and the seeds that were used; `values` has a row for each schedule."""
    sizes = [first_size(1, MOST)]
    while True:
        size = sizes[-1]
        runs = {str(index): dict(enumerate(row[:size].tolist())) for index, row in enumerate(values)}
        verdicts = [each.verdict for each in findings(METRIC, runs, looks=Looks(SEEDS, tuple(sizes), MOST, margin))[1:]]
        if size == MOST or not {"open", "unknown"} & set(verdicts):
            return verdicts, size
        sizes.append(next_size(size, MOST))


def all_decided(differences: np.ndarray, margin: float | None) -> tuple[np.ndarray, np.ndarray]:
    """The same for many comparisons at once: verdicts `(comparisons, others)`, and seeds.

    `differences` has the shape `(comparisons, others, seeds)`.
    """
    count, others, _ = differences.shape
    sizes = rounds()
    low, high = np.full((count, others), -np.inf), np.full((count, others), np.inf)
    verdicts, seeds = np.full((count, others), "unknown"), np.zeros(count, int)
    for size, end in zip(sizes, boundaries(sizes, tuple(ERROR / others * size / MOST for size in sizes)), strict=True):
        seen = differences[..., :size]
        mean, reach = seen.mean(2), end * seen.std(2, ddof=1) / math.sqrt(size)
        narrower = np.maximum(low, mean - reach), np.minimum(high, mean + reach)
        agrees = (reach > 1e-12) & (narrower[0] < narrower[1])
        low, high = np.where(agrees, narrower[0], low), np.where(agrees, narrower[1], high)
        kinds = np.select(
            [np.isinf(low), low > 0, high < 0, np.maximum(-low, high) < (margin or 0)],
            ["unknown", "better", "worse", "small"],
            "open",
        )
        verdicts[seeds == 0] = kinds[seeds == 0]
        ends = (size == MOST) | ~np.isin(kinds, ["open", "unknown"]).any(1)
        seeds[(seeds == 0) & ends] = size
    return verdicts, seeds


def simulate(name: str, difference: float, others: int, margin: float | None = None, draw: Draw = normal) -> None:
    """Print a line: how often any verdict of a comparison is wrong, and what the others are."""
    values = draw(np.random.default_rng(0), (COMPARISONS, others + 1, MOST))
    values[:, 1:] += difference
    differences = values[:, 1:] - values[:, :1]
    verdicts, seeds = all_decided(differences, margin)
    for place in range(CHECKED):
        assert decided(values[place], margin) == (verdicts[place].tolist(), seeds[place])
    false = ["better", "worse"] if difference == 0 else ["worse"]
    if margin is not None and abs(difference) >= margin:
        false.append("small")
    t = abs(differences.mean(2)) / differences.std(2, ddof=1) * math.sqrt(MOST)
    shares = [
        np.isin(verdicts, ["better", "worse"]).mean(),
        (t > boundaries((MOST,), (ERROR / others,))[0]).mean(),
        (verdicts == "small").mean(),
    ]
    limit = "-" if margin is None else f"{margin:g} spreads"
    wrong = np.isin(verdicts, false).any(1).mean()
    cells = [f"{wrong:.2%}", *(f"{share:.0%}" for share in shares), f"{seeds.mean():.1f}"]
    print(f"| {name} | {others} | {limit} | {' | '.join(cells)} |", flush=True)


def mean_seeds(name: str, sizes: tuple[int, ...], crossed: Callable[[int, np.ndarray], np.ndarray]) -> None:
    """Print a line: the mean number of seeds and the share told apart, for one comparison of known difference."""
    noise = np.random.default_rng(0).standard_normal((COMPARISONS, MOST))
    cells = []
    for difference in (0.0, 0.5, 1.0, 2.0):
        told = np.zeros((len(noise), len(sizes)), bool)
        for place, size in enumerate(sizes):
            seen = noise[:, :size] + difference
            told[:, place] = crossed(place, abs(seen.mean(1)) / seen.std(1, ddof=1) * math.sqrt(size))
        used = np.where(told.any(1), np.array(sizes)[told.argmax(1)], MOST)
        cells.append(f"{used.mean():.1f} ({told.any(1).mean():.0%})")
    print(f"| {name} | {' | '.join(cells)} |", flush=True)


def rounds() -> tuple[int, ...]:
    """The numbers of seeds at the looks."""
    sizes = [first_size(1, MOST)]
    while sizes[-1] < MOST:
        sizes.append(next_size(sizes[-1], MOST))
    return tuple(sizes)


def group_sequential(sizes: tuple[int, ...]) -> Callable[[int, np.ndarray], np.ndarray]:
    ends = boundaries(sizes, tuple(ERROR * size / MOST for size in sizes))
    return lambda place, t: t > ends[place]


def mixture(sizes: tuple[int, ...]) -> Callable[[int, np.ndarray], np.ndarray]:
    """The confidence sequence for Student's t with a normal mixture over effects of standard deviation 1."""

    def crossed(place: int, t: np.ndarray) -> np.ndarray:
        n = sizes[place]
        ratio = (1 + t**2 / (n - 1)) / (1 + t**2 / ((n - 1) * (1 + n)))
        return ratio ** (n / 2) / math.sqrt(1 + n) > 1 / ERROR

    return crossed


def main() -> None:
    print("| true difference | differences | margin | wrong | told apart | at 20 fixed | small | seeds |")
    print("|---|---:|---|---:|---:|---:|---:|---:|")
    for others in (1, 5):
        for name, difference in (("none", 0.0), ("half a spread", 0.5), ("one spread", 1.0)):
            simulate(name, difference, others)
        for name, difference in (("none", 0.0), ("half a spread", 0.5), ("one spread", 1.0)):
            simulate(name, difference, others, margin=1.5)
        simulate("one spread", 1.0, others, margin=1.0)
    for name, draw in (("heavy tails", heavy), ("skewed runs", skewed), ("accuracies of 360 samples", counted)):
        simulate(f"none, {name}", 0.0, 5, draw=draw)
    print("\n| method and looks | none | half a spread | one spread | two spreads |")
    print("|---|---:|---:|---:|---:|")
    every = tuple(range(4, MOST + 1))
    mean_seeds("these rounds", rounds(), group_sequential(rounds()))
    mean_seeds("a look at every seed", every, group_sequential(every))
    mean_seeds("4 rounds of 5 seeds", (5, 10, 15, 20), group_sequential((5, 10, 15, 20)))
    mean_seeds("a confidence sequence, every seed", every, mixture(every))
    mean_seeds("20 seeds", (MOST,), group_sequential((MOST,)))


if __name__ == "__main__":
    main()
