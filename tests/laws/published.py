"""Published loss curves, read from a folder beside the checkout, and their published laws and errors.

Tests that need the curves are skipped without them.

Source: Luo et al., arXiv 2503.12811 (2025), and their repository (MIT licence).
"""

from pathlib import Path

import numpy as np
import pytest
from benchmarks.scoring import Scores

from stepsize.curves import LossCurve
from stepsize.laws import MultiPowerLaw

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "loss-curves"
PEAK, WARMUP = 3e-4, 2160
TRAINING = ("cosine_24000", "constant_24000", "wsdcon_9")
TEST = ("constant_72000", "cosine_72000", "wsd_20000_24000", "wsdld_20000_24000", "wsdcon_3", "wsdcon_18")
SIZES = ("25M", "100M")

LAWS = {
    "25M": MultiPowerLaw(3.0405, 0.5247, 0.5079, 363.79, 2.0656, 0.5828, 0.6414),
    "100M": MultiPowerLaw(2.6514, 0.6012, 0.4530, 437.95, 2.1325, 0.5979, 0.6552),
}
"""As published, fitted on the training curves."""
TABLE = {
    "25M": Scores(0.9988, 0.00376, 0.00465, 0.00110, 0.00409),
    "100M": Scores(0.9983, 0.00435, 0.00592, 0.00142, 0.00583),
}
"""Their errors, averaged over the test curves."""


def curve(size: str, name: str) -> LossCurve:
    """A curve, with the rates of the source: the files do not have the warmup."""
    path = DATA / size / f"{name}.csv"
    if not path.exists():
        pytest.skip("the published loss curves are not beside this checkout")
    steps, logged, losses = np.loadtxt(path, delimiter=",", skiprows=1, unpack=True)
    last = int(steps[-1])
    if name.startswith("wsdcon"):
        rates = np.full(last + 1, PEAK)
        rates[8000:] = float(name.split("_")[1]) * 1e-5
    else:
        rates = np.interp(np.arange(last + 1), [WARMUP, *steps], [PEAK, *logged])
    rates[:WARMUP] = np.linspace(0.0, PEAK, WARMUP)
    return LossCurve(name, steps, losses, rates)


def mean_scores(each: list[Scores]) -> Scores:
    """The errors averaged over curves."""
    return Scores(*np.mean([list(vars(scores).values()) for scores in each], axis=0))
