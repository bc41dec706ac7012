"""Families of schedules by name, and the member of each that a law foresees the lowest loss of."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from stepsize.laws.law import Law
from stepsize.laws.rates import Floats
from stepsize.schedules import Cosine, Linear, Polynomial, Schedule, warmup, wsd


@dataclass(frozen=True)
class Room:
    """What schedules may do: a warmup to the peak, so many steps in all, no rate below the last."""

    steps: int
    peak_lr: float
    warmup_steps: int
    final_lr: float

    @property
    def down(self) -> int:
        """The steps after the warmup."""
        return self.steps - self.warmup_steps


Made = Callable[[Room, Floats], Schedule]


def _wsd(shape: str) -> Made:
    def made(room: Room, x: Floats) -> Schedule:
        decay = min(room.down, max(1, round(x[1] * room.down)))
        return wsd(room.peak_lr, room.warmup_steps, room.down - decay, decay, 0.0, _floor(room, x), shape)

    return made


def _cosine(room: Room, x: Floats) -> Schedule:
    return warmup(Cosine(room.peak_lr, _floor(room, x), room.down), room.warmup_steps)


def _linear(room: Room, x: Floats) -> Schedule:
    return warmup(Linear(room.peak_lr, _floor(room, x), room.down), room.warmup_steps)


def _power(room: Room, x: Floats) -> Schedule:
    return warmup(Polynomial(room.peak_lr, _floor(room, x), room.down, round(4.0 * x[1], 3)), room.warmup_steps)


def _floor(room: Room, x: Floats) -> float:
    """The rate at the end, to three digits: x[0] of the way from the lowest that is allowed up to the peak."""
    return max(float(f"{room.final_lr + x[0] * (room.peak_lr - room.final_lr):.3g}"), room.final_lr)


FAMILIES: dict[str, tuple[Made, tuple[float, ...]]] = {
    "wsd, linear": (_wsd("linear"), (0.05, 0.3)),
    "wsd, cosine": (_wsd("cosine"), (0.05, 0.3)),
    "wsd, 1-sqrt": (_wsd("1-sqrt"), (0.05, 0.3)),
    "linear": (_linear, (0.05,)),
    "cosine": (_cosine, (0.05,)),
    "power": (_power, (0.05, 0.5)),
}
"""How a member is made of numbers from 0 to 1, and where to begin: the first says how high the rate stays at the end,
the second how long the decay is (of wsd), or its power (a quarter of it)."""


def best_member(family: str, law: Law, room: Room) -> tuple[Schedule, float]:
    """The member of a family with the lowest final loss under the law, and that loss."""
    made, start = FAMILIES[family]

    def loss(x: Floats) -> float:
        return law.final(made(room, x).sample()).loss

    # Lengths are whole numbers, so that a simplex sees a slope where a derivative would see none.
    best = minimize(
        loss, np.array(start), method="Nelder-Mead", bounds=[(0.0, 1.0), (0.02, 1.0)][: len(start)],
        options={"xatol": 2e-3, "fatol": 1e-7, "maxfev": 150},
    )  # fmt: skip
    return made(room, best.x), float(best.fun)
