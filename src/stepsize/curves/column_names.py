"""What the names of columns mean: steps, rates or losses, and what steps count.

A rank says how well a name fits: the lowest fits best, and None means that the name does not fit.
"""

import re

import numpy as np

from stepsize.curves.loss_curve import Floats
from stepsize.curves.sheet import NUMBERED

_REPEATED = re.compile(rf"{NUMBERED.pattern}|\.\d+$")  # as pandas writes it
_SINGULAR = {
    "losses": "loss", "steps": "step", "updates": "update", "iters": "iter", "iterations": "iteration",
    "batches": "batch", "epochs": "epoch", "samples": "sample", "examples": "sample", "example": "sample",
    "tokens": "token", "lrs": "lr", "rates": "rate", "microbatches": "microbatch", "microsteps": "microstep",
}  # fmt: skip
_TRAIN = {"train", "training", "trainer", "trn", "tr"}
_HELD_OUT = {"val", "valid", "validation", "eval", "evaluation", "test", "dev"}
_COUNTS = {"step", "iter", "iteration", "it", "update", "batch"}
_OF_COUNTS = {"current", "cur", "num", "n", "idx", "index", "completed", "global", "optimizer", "optim", "no", "number"}
_OF_AMOUNTS = _TRAIN | {"consumed", "seen", "processed", "num", "n", "total", "trained", "cumulative", "global"}
_OF_RATES = _TRAIN | {"optim", "optimizer", "opt", "current", "cur", "scheduler", "schedule"}
_NO_RATES = {
    "min", "max", "base", "peak", "init", "initial", "target", "final", "end", "scale", "mult", "multiplier", "ratio",
    "decay", "factor", "warmup",
}  # fmt: skip
_OF_LOSSES = {
    "lm", "ce", "cross", "entropy", "xent", "nll", "mlm", "language", "model", "total", "mean", "avg", "average",
    "reduced", "step", "iter", "batch", "main",
}  # fmt: skip
_NO_LOSSES = {"scale", "scaler", "weight", "best", "min", "lowest", "std", "coef", "z", "aux"}
_TIMES = {"time", "second", "seconds", "sec", "minutes", "hours", "timestamp", "runtime"}
UPDATES, EPOCHS, SAMPLES, TOKENS, MICRO, TIME = "updates", "epochs", "samples", "tokens", "micro-batches", "time"
_UNITS = {
    "epoch": EPOCHS, "sample": SAMPLES, "token": TOKENS, "microbatch": MICRO, "microstep": MICRO,
    "micro batch": MICRO, "micro step": MICRO,
}  # fmt: skip


def step_rank(name: str, whole: bool) -> int | None:
    """The rank of a name as that of steps, for a column of whole numbers or of others."""
    words = {*_words(name)}
    core = words - _TRAIN - _OF_COUNTS
    if len(core) == 1 and core <= _COUNTS and whole:
        if "global" in words:
            return 0
        if "update" in words or {"optimizer", "optim"} & words:
            return 1
        return 4 if name == "_step" else 3 if "batch" in words else 2  # _step counts what Weights & Biases was sent
    if core and core <= _COUNTS:
        return 5  # refused later, unless there is a better one
    return 6 if unit_of(name) not in (UPDATES, TIME) else None


def rate_rank(name: str) -> int | None:
    """The rank of a name as that of rates."""
    words = {*_words(name)}
    is_rate = words & {"lr", "lrate"} or {"learning", "rate"} <= words or words == {"rate"}
    if not is_rate or words & _NO_RATES:
        return None
    return 1 if words - _OF_RATES - {"lr", "lrate", "learning", "rate"} else 0


def loss_rank(name: str) -> int | None:
    """The rank of a name as that of losses; those of training come first."""
    words = {*_words(name)}
    if words == {"value"}:
        return 9  # TensorBoard's export of one scalar
    if not words & {"loss", "ce", "nll", "xent", "entropy"} or words & _NO_LOSSES:
        return None
    rest = words - _TRAIN - _HELD_OUT - {"loss"}
    place = 0 if not rest else 1 if rest <= _OF_LOSSES else 2 if rest <= {*_OF_LOSSES, "epoch"} else 6
    return place + 3 if words & _HELD_OUT and place < 6 else place


def unit_of(step: str) -> str:
    """What a column of steps counts, by its name."""
    words = _words(step)
    if _TIMES & {*words} and not _COUNTS & {*words}:
        return TIME
    rest = [word for word in words if word not in _OF_AMOUNTS]
    return _UNITS.get(" ".join(rest), UPDATES)


def is_held_out(loss: str) -> bool:
    """Whether a column has losses of samples that the run does not train on, by its name."""
    return bool(_HELD_OUT & {*_words(loss)})


def has_fractions(counts: Floats) -> bool:
    """Whether some numbers are not whole."""
    return bool(np.any((np.floor(counts) != counts) & ~np.isnan(counts)))


def _words(name: str) -> list[str]:
    """The words of a name, in lower case and in the singular."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", _REPEATED.sub("", name)).lower()
    apart = re.sub(r"^(train|valid|val|eval|test)(?=loss)", r"\1 ", apart)
    return [_SINGULAR.get(word, word) for word in re.findall(r"[a-z]+|\d+", apart)]
