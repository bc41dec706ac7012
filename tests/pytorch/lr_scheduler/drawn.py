"""What the tests of PyTorch's names draw: optimizers, and schedulers with random arguments, there and here.

A scheduler is drawn as a value (`Spec`), so that it can be made twice: from PyTorch's module and from ours.
"""

import warnings
from dataclasses import dataclass, field
from typing import Any

import torch
from hypothesis import strategies as st
from torch.optim import lr_scheduler as torchs
from torch.optim.swa_utils import SWALR

from stepsize.pytorch import lr_scheduler as ours

THERE = {**vars(torchs), "SWALR": SWALR}
HERE = vars(ours)
STEPS = 120


@dataclass(frozen=True)
class Spec:
    """A class's name and its arguments; parts are specs themselves."""

    name: str
    arguments: dict[str, Any]
    parts: tuple["Spec", ...] = ()
    here_only: dict[str, Any] = field(default_factory=dict)
    """Keywords that PyTorch's class does not have."""

    def made(self, module: dict[str, Any], optimizer: torch.optim.Optimizer, **more: Any) -> Any:
        more = {**more, **(self.here_only if module is HERE else {})}
        parts = [part.made(module, optimizer) for part in self.parts]
        if self.name == "ChainedScheduler":
            return module[self.name](parts)
        if self.name == "SequentialLR":
            return module[self.name](optimizer, parts, **self.arguments, **more)
        return module[self.name](optimizer, **self.arguments, **more)


@dataclass(frozen=True)
class Groups:
    """An optimizer to be made: the rate of each group, and whether rates are tensors."""

    rates: tuple[float, ...]
    kind: type = torch.optim.SGD
    tensors: bool = False

    def made(self) -> torch.optim.Optimizer:
        more = {"momentum": 0.9} if self.kind is torch.optim.SGD else {"capturable": True, "foreach": True}
        as_drawn = (lambda rate: torch.tensor(rate, dtype=torch.float64)) if self.tensors else float
        groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": as_drawn(rate)} for rate in self.rates]
        return self.kind(groups, lr=as_drawn(0.1), **more) if self.tensors else self.kind(groups, lr=0.1, momentum=0.9)


rates = st.floats(1e-5, 10.0)
groups = st.builds(Groups, st.lists(rates, min_size=1, max_size=3).map(tuple), tensors=st.booleans())
lengths = st.integers(1, 140)
fractions = st.floats(0.0, 1.0)
drops = st.floats(0.1, 1.0) | st.sampled_from([0.0, 1e-5])
gammas = st.floats(0.9, 1.01)


def wave(step: float) -> float:
    return 1.0 / (1.0 + step % 7)


def slope(step: float) -> float:
    return 1.0 - 0.01 * (step % 13)


FACTORS = {
    "LambdaLR": st.fixed_dictionaries({"lr_lambda": st.sampled_from([wave, slope])}),
    "MultiplicativeLR": st.fixed_dictionaries({"lr_lambda": st.just(slope)}),
    "StepLR": st.fixed_dictionaries({"step_size": lengths}, optional={"gamma": drops}),
    "MultiStepLR": st.fixed_dictionaries({"milestones": st.lists(st.integers(0, 128), max_size=6), "gamma": drops}),
    "ConstantLR": st.fixed_dictionaries({}, optional={"factor": st.floats(0.001, 1.0), "total_iters": lengths}),
    "LinearLR": st.fixed_dictionaries(
        {}, optional={"start_factor": st.floats(0.001, 1.0), "end_factor": fractions, "total_iters": lengths}
    ),
    "ExponentialLR": st.fixed_dictionaries({"gamma": gammas}),
    "PolynomialLR": st.fixed_dictionaries({}, optional={"total_iters": lengths, "power": st.floats(0.0, 4.0)}),
}
ETA = st.floats(0.0, 0.01)
COSINES = {
    "CosineAnnealingLR": st.fixed_dictionaries({"T_max": lengths}, optional={"eta_min": ETA}),
    "CosineAnnealingWarmRestarts": st.fixed_dictionaries(
        {"T_0": st.integers(1, 25)}, optional={"T_mult": st.integers(1, 4), "eta_min": ETA}
    ),
    "SWALR": st.fixed_dictionaries(
        {"swa_lr": rates, "anneal_epochs": st.integers(0, 25)},
        optional={"anneal_strategy": st.sampled_from(["cos", "linear"])},
    ),
}
CYCLES = {
    "CyclicLR": st.fixed_dictionaries(
        {"base_lr": rates, "max_lr": rates, "step_size_up": st.integers(1, 32)},
        optional={
            "step_size_down": st.integers(0, 32),
            "mode": st.sampled_from(["triangular", "triangular2", "exp_range"]),
            "gamma": st.floats(0.95, 1.0),
            "scale_fn": st.just(wave),
            "scale_mode": st.sampled_from(["cycle", "iterations"]),
            "cycle_momentum": st.booleans(),
            "max_momentum": st.floats(0.8, 0.99),
        },
    ),
    "OneCycleLR": st.fixed_dictionaries(
        {"max_lr": rates, "total_steps": st.integers(3, 140), "pct_start": st.floats(0.0, 0.999)},
        optional={
            "anneal_strategy": st.sampled_from(["cos", "linear"]),
            "cycle_momentum": st.booleans(),
            "base_momentum": st.floats(0.5, 0.85),
            "div_factor": st.floats(1.0, 100.0),
            "final_div_factor": st.floats(1.0, 1e5),
            "three_phase": st.booleans(),
        },
    ).filter(lambda a: abs(a["pct_start"] * a["total_steps"] - 1) > 1e-9),  # PyTorch divides by 0 there
}
SINGLE = {**FACTORS, **COSINES, **CYCLES}
CHAINABLE = ["StepLR", "MultiStepLR", "ConstantLR", "LinearLR", "ExponentialLR", "PolynomialLR", "CosineAnnealingLR"]


def specs(name: str) -> st.SearchStrategy[Spec]:
    """A scheduler of this class; where PyTorch goes on past an end, with its behaviour there."""
    here_only = {"past_end": "torch"} if name in ("CosineAnnealingLR", "OneCycleLR") else {}
    return SINGLE[name].map(lambda arguments: Spec(name, arguments, here_only=here_only))


@st.composite
def sequences(draw: st.DrawFn) -> Spec:
    """Parts that PyTorch runs rightly within a sequence, and milestones."""
    names = st.sampled_from([*CHAINABLE, "LambdaLR", "CosineAnnealingWarmRestarts", "MultiplicativeLR", "SWALR"])
    parts = draw(st.lists(names.flatmap(specs), min_size=1, max_size=4))
    milestones = sorted(draw(st.sets(st.integers(1, 100), min_size=len(parts) - 1, max_size=len(parts) - 1)))
    if draw(st.booleans()):  # it gives the groups another initial rate, at which the sequence begins
        steps = draw(st.integers(124, 140))
        parts.append(Spec("OneCycleLR", {"max_lr": draw(rates), "total_steps": steps}))
        milestones.append(draw(st.integers(101, 112)))
    return Spec("SequentialLR", {"milestones": milestones}, tuple(parts))


def multiplying(name: str) -> st.SearchStrategy[Spec]:
    """A scheduler to work beside others. Where a cosine has come down to its floor, a factor has lost its digits."""
    if name != "CosineAnnealingLR":
        return specs(name)
    return st.builds(lambda steps, low: Spec(name, {"T_max": steps, "eta_min": low}), st.integers(121, 140), ETA)


chains = st.lists(st.sampled_from([*CHAINABLE, "MultiplicativeLR"]).flatmap(multiplying), min_size=1, max_size=4).map(
    lambda parts: Spec("ChainedScheduler", {}, tuple(parts))
)


def last_step(spec: Spec) -> int:
    """The last step at which PyTorch has a rate."""
    return min(STEPS, spec.arguments["total_steps"]) if spec.name == "OneCycleLR" else STEPS


def written(optimizer: torch.optim.Optimizer) -> list[float]:
    """Every group's rate and momentum, as floats."""
    return [
        float(number)
        for group in optimizer.param_groups
        for number in (group["lr"], group["momentum"] if "momentum" in group else group["betas"][0])
    ]


def course(optimizer: torch.optim.Optimizer, scheduler: Any, steps: int) -> list[list[float]]:
    """What is in the groups at steps 0 .. `steps`, stepped in the usual order."""
    rows = [written(optimizer)]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Detected call of")  # no update is made
        for _ in range(steps):
            scheduler.step()
            rows.append(written(optimizer))
    return rows
