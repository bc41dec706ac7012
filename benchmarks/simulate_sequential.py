"""How often `until_told` is wrong, and how many seeds it saves, on differences that are known.

    python benchmarks/simulate_sequential.py

A spread is the standard deviation of the difference of two schedules over seeds. 2,000 comparisons for each line, with
a budget of 20 seeds. First the decisions of `stepsize.lab` itself, also where its assumption of normal differences does
not hold; then the choice of the method and of the rounds, by its mean number of seeds.
"""

import math
from collections.abc import Callable

import numpy as np

from stepsize.lab.sequential import Looks, boundaries, first_size, next_size
from stepsize.lab.statistics import Metric, findings

COMPARISONS, MOST, ERROR = 2_000, 20, 0.05
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
    """The verdicts on the other schedules, and the seeds that were used; `values` has a row for each schedule."""
    sizes = [first_size(1, MOST)]
    while True:
        size = sizes[-1]
        runs = {str(index): dict(enumerate(row[:size].tolist())) for index, row in enumerate(values)}
        found = findings(METRIC, runs, looks=Looks(SEEDS, tuple(sizes), MOST, margin))[1:]
        verdicts = [each.verdict for each in found]
        if size == MOST or not {"open", "unknown"} & set(verdicts):
            return verdicts, size
        sizes.append(next_size(size, MOST))


def simulate(name: str, difference: float, others: int, margin: float | None = None, draw: Draw = normal) -> None:
    """Print a line: how often any verdict of a comparison is wrong, and what the others are."""
    random = np.random.default_rng(0)
    wrong, apart, small, seeds, fixed = 0, 0, 0, 0, 0
    for _ in range(COMPARISONS):
        values = draw(random, (others + 1, MOST))
        values[1:] += difference
        verdicts, used = decided(values, margin)
        false = {"better", "worse"} if difference == 0 else {"worse"}
        if margin is not None and abs(difference) >= margin:
            false |= {"small"}
        wrong += bool(false & set(verdicts))
        apart += sum(verdict in ("better", "worse") for verdict in verdicts)
        small += verdicts.count("small")
        seeds += used
        whole = {str(index): dict(enumerate(row.tolist())) for index, row in enumerate(values)}
        fixed += sum(each.verdict in ("better", "worse") for each in findings(METRIC, whole)[1:])
    shares = [count / COMPARISONS / others for count in (apart, fixed, small)]
    cells = [f"{wrong / COMPARISONS:.2%}", *(f"{share:.0%}" for share in shares), f"{seeds / COMPARISONS:.1f}"]
    limit = "-" if margin is None else f"{margin:g} spreads"
    print(f"| {name} | {others} | {limit} | {' | '.join(cells)} |", flush=True)


def mean_seeds(name: str, sizes: tuple[int, ...], crossed: Callable[[int, np.ndarray], np.ndarray]) -> None:
    """Print a line: the mean number of seeds and the share told apart, for one comparison of known difference."""
    noise = np.random.default_rng(0).standard_normal((10 * COMPARISONS, MOST))
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
    print("| true difference | differences | margin | wrong | told apart | by 20 fixed | small | seeds |")
    print("|---|---:|---|---:|---:|---:|---:|---:|")
    for others in (1, 5):
        for name, difference in (("none", 0.0), ("half a spread", 0.5), ("one spread", 1.0)):
            simulate(name, difference, others)
        for name, difference in (("none", 0.0), ("half a spread", 0.5), ("one spread", 1.0)):
            simulate(name, difference, others, margin=1.0)
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
