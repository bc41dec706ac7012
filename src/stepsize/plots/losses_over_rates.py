"""What every picture of a range test shows: which losses are in view, and the words of its suggestions."""

import numpy as np

from stepsize.curves.range_test import RangeTest
from stepsize.curves.suggestions import DEFAULT, Suggestions


def losses_in_view(test: RangeTest) -> tuple[float, float]:
    """The lowest and the highest loss that is shown: what shot up is not."""
    losses = test.losses
    if not losses.size:
        return 0.0, 1.0
    used = losses[: max(len(test.smoothed), 1)]
    first, low = float(np.median(used[:3])), float(used.min())
    high = min(float(used.max()), first + 0.6 * (first - low))
    room = 0.08 * (high - low) or 0.1 * abs(high) or 1.0
    return low - room, high + room


def rule_labels(found: Suggestions | None) -> list[tuple[float, str]]:
    """Each suggested rate and what to call it; the one to take first is marked."""
    rates = {} if found is None else found.by_rule
    return [(rate, f"{rule}: {rate:.2g}{' (suggested)' if rule == DEFAULT else ''}") for rule, rate in rates.items()]
