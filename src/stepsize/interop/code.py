"""A schedule as the source of a function that needs nothing of this project."""

import keyword
import re
from typing import Annotated, Any

from stepsize.arguments import Choice, Instance
from stepsize.checked_calls import checked
from stepsize.errors import ArgumentError
from stepsize.interop.codegen.clock import Clock
from stepsize.interop.codegen.program import Program
from stepsize.interop.codegen.terms import Language
from stepsize.interop.codegen.translation import translated
from stepsize.schedules import Plan, Schedule, parse
from stepsize.schedules.text import MaybeHorizon

_IMPORTS = (  # in two blocks, each line with what it is for
    (("import math", "math."), ("from itertools import accumulate", "accumulate(")),
    (
        ("import jax", "jax."),
        ("import jax.numpy as jnp", "jnp."),
        ("from torch.optim import Optimizer", "Optimizer)"),
        ("from torch.optim.lr_scheduler import LambdaLR", "LambdaLR("),
    ),
)
_TORCH = '''\
def {scheduler}(optimizer: Optimizer) -> LambdaLR:
    """The scheduler of an optimizer whose groups have one rate."""
    base_lr = optimizer.param_groups[0]["lr"]
    return LambdaLR(optimizer, lambda step: {name}(step) / base_lr)'''

_TORCH_RELATIVE = '''\
def {scheduler}(optimizer: Optimizer) -> LambdaLR:
    """The scheduler of an optimizer: {name} is a factor on the rate of each group."""
    return LambdaLR(optimizer, {name})'''


def _identifier(owner: str, name: str, value: Any) -> str:
    """The rule of the name of a function."""
    if not isinstance(value, str) or not value.isidentifier() or keyword.iskeyword(value):
        raise ArgumentError(owner, name, "a name that a function can have", value)
    return value


@checked
def to_code(
    schedule: Annotated[Schedule | Plan | str, Instance(Schedule | Plan | str, "a schedule, a plan or a text")],
    language: Annotated[str, Choice(("python", "torch", "jax"))] = "python",
    horizon: MaybeHorizon = None,
    name: Annotated[str, _identifier] = "learning_rate",
) -> str:
    """The schedule as the source of a Python function of the step, which does not need stepsize.

    Args:
        schedule: a schedule or its text. A plan gives a function for each of its schedules.
        language: "python", a function of one step that needs `math` only; "torch", the same with a
            `torch.optim.lr_scheduler.LambdaLR`; or "jax", a function for `jit`, `vmap` and `scan`, which stays exact
            beyond 2**24 steps.
        horizon: the run that units in the text refer to.
        name: of the function; in a plan, of that for `lr`.

    Raises:
        ArgumentError: the schedule has a Function, a plan has a ConstantProduct, or the code would be very long.

    Example:
        >>> print(to_code(Linear(0.0, 0.3, 500) >> Cosine(0.3, 0.0, 9500)), end="")
        import math
        <BLANKLINE>
        <BLANKLINE>
        def learning_rate(step: int) -> float:
            \"\"\"Linear(0.0, 0.3, 500) >> Cosine(0.3, 0.0, 9500).\"\"\"
            if step < 500:
                return 0.3 * step / 500
            if step < 10_000:
                return 0.15 * (1 + math.cos(math.pi * (step - 500) / 9500))
            return 0.0
    """
    if isinstance(schedule, str):
        schedule = parse(schedule, horizon)
    schedules = _schedules(schedule, name)
    if language == "torch" and set(schedules) != {name}:
        advice = 'write Plan(lr=...), or choose language="python"'
        raise ArgumentError("to_code", "schedule", "a rate for LambdaLR, which changes nothing else", schedule, advice)
    program = Program(Language(jax=language == "jax"), names={"step", *schedules})
    for function, each in schedules.items():
        node = translated(each, Clock(), program)
        program.add_function(function, "step", node, str(each))
    if language == "torch":
        relative = isinstance(schedule, Plan) and schedule.relative
        form = _TORCH_RELATIVE if relative else _TORCH
        program.functions.append(form.format(name=name, scheduler=program.new_name("scheduler_of")))
    return _module(program)


def _schedules(schedule: Schedule | Plan, name: str) -> dict[str, Schedule]:
    """The schedules by the name of their function."""
    if isinstance(schedule, Schedule):
        return {name: schedule}
    for key, assignment in schedule.assignments.items():
        ties = [each for each in assignment.items.values() if not isinstance(each, Schedule | tuple)]
        if ties:
            raise ArgumentError("to_code", "schedule", f"a plan whose {key} is a schedule", ties[0])
    return {
        re.sub(r"\W+", "_", re.sub(r"^lr\b", name, key)).strip("_"): each for key, each in schedule.schedules.items()
    }


def _module(program: Program) -> str:
    functions, lists = "\n\n\n".join(program.functions), "\n".join(program.lists)
    code = lists + functions
    blocks = ["\n".join(line for line, use in block if use in code) for block in _IMPORTS]
    above = "\n\n".join(filter(None, [*blocks, lists]))
    return f"{above}\n\n\n{functions}\n" if above else f"{functions}\n"
