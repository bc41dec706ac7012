"""The settings of OLMo-core's warmups and decays, whose lengths are updates or parts of the run."""

from dataclasses import dataclass

from stepsize.arguments import MaybeFraction, MaybePhase, NonNegative
from stepsize.errors import ArgumentError
from stepsize.interop.phases import phase
from stepsize.schedules import Linear, Schedule


def length_of(name: str, total: int, whole: int | None, part: float | None) -> int:
    """The length of a warmup or a decay, given in steps or as a part of the total."""
    if part is None:
        if whole is None:
            raise ArgumentError("OLMo-core", name, f"given, or {name}_fraction", None)
        return whole
    if whole is not None:
        raise ArgumentError("OLMo-core", name, f"left out, if {name}_fraction is given", whole)
    return round(total * part)


@dataclass(frozen=True, kw_only=True)
class Warmup:
    """The settings of a warmup; `warmup_steps` is the earlier name of `warmup`."""

    warmup: MaybePhase = None
    warmup_steps: MaybePhase = None
    warmup_fraction: MaybeFraction = None
    warmup_min_lr: NonNegative = 0.0

    def steps(self, total: int) -> int:
        whole = self.warmup_steps if self.warmup is None else self.warmup
        return length_of("warmup", total, whole, self.warmup_fraction)

    def to(self, peak: float, total: int) -> Schedule | None:
        return phase(Linear, self.warmup_min_lr, peak, self.steps(total))


@dataclass(frozen=True, kw_only=True)
class Decay:
    """The settings of a decay; `decay_steps` is the earlier name of `decay`."""

    decay: MaybePhase = None
    decay_steps: MaybePhase = None
    decay_fraction: MaybeFraction = None
    decay_min_lr: NonNegative = 0.0

    def steps(self, total: int) -> int:
        whole = self.decay_steps if self.decay is None else self.decay
        part = 0.1 if whole is None and self.decay_fraction is None else self.decay_fraction
        steps = length_of("decay", total, whole, part)
        if steps == 0:
            raise ArgumentError("OLMo-core", "decay", "at least 1, since OLMo-core divides by it", 0)
        return steps
