"""The names that the text and JSON forms accept, and what to write for the names of other libraries."""

from collections.abc import Callable
from typing import Any

from stepsize.schedules import arithmetic, batches, clock, formulas, piecewise
from stepsize.schedules.base import Schedule
from stepsize.schedules.function import Function
from stepsize.schedules.recipes import RECIPES

SHAPES: tuple[type[Schedule], ...] = (*formulas.SHAPES, *piecewise.SHAPES, Function)
OPERATORS: tuple[type[Schedule], ...] = (*clock.OPERATORS, *batches.OPERATORS, *arithmetic.OPERATORS)

# What the text form may call: shapes, functions and recipes by name, and the methods of a schedule.
CALLABLE: dict[str, Callable[..., Any]] = {
    item.__name__: item for items in (SHAPES, arithmetic.FUNCTIONS, RECIPES) for item in items
}
METHODS: dict[str, Callable[..., Any]] = {
    name: getattr(Schedule, name)
    for name in ("clip", "cooldown", "every", "head", "reclock", "repeat", "shift", "stretch", "tail", "warp")
}

_FOREIGN_NAMES = {
    "Cosine(start, end, steps)": "CosineAnnealingLR CosineDecay cosine_decay_schedule",
    "Cosine(start, end, steps), or with a warmup Linear(0, start, warmup) >> Cosine(start, end, steps)": (
        "CosineScheduler CosineLRScheduler"
    ),
    "warmup_cosine(peak_lr, warmup_steps, total_steps)": (
        "get_cosine_schedule_with_warmup warmup_cosine_decay_schedule LinearWarmupCosineAnnealingLR WarmupCosineLR"
    ),
    "Cosine(start, end, steps).repeat(inf)": (
        "CosineAnnealingWarmRestarts CosineDecayRestarts sgdr_schedule CosineAnnealingWarmupRestarts"
    ),
    "Rex(start, end, steps)": "RexLR REX_LR REXScheduler RexScheduler RexLRScheduler",
    "Rex(start, end, steps).repeat(inf)": "RexWithRestarts",
    "Linear(start, end, steps)": "LinearLR linear_schedule LinearDecay",
    "Linear(0, peak, warmup) >> Linear(peak, 0, steps)": "get_linear_schedule_with_warmup WarmupDecayLR",
    "Polynomial(start, end, steps, power)": (
        "PolynomialLR PolynomialDecay polynomial_decay polynomial_schedule PolyLR PolyScheduler"
    ),
    "warmup(Polynomial(peak, end, steps, power), warmup_steps)": "get_polynomial_decay_schedule_with_warmup",
    "Staircase(start, factor, every)": "StepLR StepLRScheduler StepDecay",
    "MultiStep(start, factor, boundaries)": "MultiStepLR MultiFactorScheduler MultiStepLRScheduler MultiStepDecay",
    "Piecewise(values, boundaries)": (
        "PiecewiseConstantDecay piecewise_constant piecewise_constant_schedule piecewise_constant_decay"
    ),
    "Exponential(start, factor)": "ExponentialLR",
    "Exponential(start, factor, per)": "ExponentialDecay exponential_decay ExponentialDecayLR",
    "Exponential(start, factor).tail(1).clip(stop)": "FactorScheduler",
    "InversePower(start)": "SquareRootScheduler",
    "InversePower(start, rate, 1)": "InverseTimeDecay inverse_time_decay",
    "inverse_sqrt(peak_lr, warmup_steps)": "get_inverse_sqrt_schedule InverseSquareRootSchedule InverseSquareRootLR",
    "noam(d_model, warmup_steps)": "NoamLR NoamOpt NoamDecay TransformerLRScheduler",
    "one_cycle(peak_lr, total_steps)": "OneCycleLR cosine_onecycle_schedule linear_onecycle_schedule OneCycleScheduler",
    "cyclic(low, high, up, down)": "CyclicLR CyclicalLearningRate cyclic_lr",
    "wsd(peak_lr, warmup_steps, stable_steps, decay_steps)": (
        "get_wsd_schedule WSD WSDScheduler warmup_stable_decay WarmupStableDecay"
    ),
    "wsds(peak_lr, warmup_steps, stable_steps, decay_steps)": "WSDS WSD_S",
    "infinite(peak_lr, stable_lr, warmup_steps, decay_steps)": "InfiniteLRScheduler InfiniteScheduler InfiniteLR",
    "Knots(points)": "PiecewiseLinear",
    "Constant(value)": "constant_schedule get_constant_schedule",
    "Constant(low, steps) >> Constant(base)": "ConstantLR",
    "a >> b": "SequentialLR join_schedules",
    "a * b": "ChainedScheduler",
    "a ** p": "pow power",
    "a ** 0.5": "sqrt",
    "minimum(a, b)": "min",
    "maximum(a, b)": "max",
    'Function("package.module:name")': "LambdaLR LearningRateScheduler",
}

INSTEAD_OF = {name: line for line, names in _FOREIGN_NAMES.items() for name in names.split()}
"""The line to write for a name of another library or tutorial."""

_ELSEWHERE = {
    "stepsize.pytorch": "Scheduler Plateau range_test from_torch layer_decay parameter_groups CooldownOnDemand",
    "stepsize.plots": "plot_schedules save_figure",
    "stepsize.descent": "descend",
}

IMPORTS = {name: f"from {module} import {name}" for module, names in _ELSEWHERE.items() for name in names.split()}
"""The import to write for a public name that `stepsize` itself does not have, or for one of another library."""

IMPORTS |= dict.fromkeys(("LRFinder", "LearningRateFinder", "FastaiLRFinder"), IMPORTS["range_test"])
