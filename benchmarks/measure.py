"""How the benchmarks measure: rounds of all contenders in turn, and ratios with their spread.

This machine and yours are shared and noisy. Contenders are therefore timed alternately within each round, a ratio is
taken within the round, and the median ratio is printed with the lowest and the highest.
"""

import statistics
import time
from collections.abc import Callable


class Silent:
    """A display that shows nothing."""

    def begin(self, *_: object) -> None: ...
    def logged(self, *_: object) -> None: ...
    def ended(self, *_: object) -> None: ...
    def starting(self, workers: int) -> None: ...
    def stopping(self) -> None: ...
    def close(self) -> None: ...


def seconds(work: Callable[[], object]) -> float:
    """The wall time of one call."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def rounds(contenders: dict[str, Callable[[], object]], times: int) -> dict[str, list[float]]:
    """The wall times of every contender, one in each round, after one call of each that is not counted."""
    for work in contenders.values():
        work()
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(times):
        for name, work in contenders.items():
            taken[name].append(seconds(work))
    return taken


def ratio(label: str, larger: list[float], smaller: list[float], target: str) -> None:
    """Print how many times as long the first took as the second."""
    ratios = [a / b for a, b in zip(larger, smaller, strict=True)]
    print(
        f"{label}: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}, "
        f"{len(ratios)} rounds; target {target})"
    )
