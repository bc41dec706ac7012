"""The tables of "Move from PyTorch's schedulers": PyTorch's line, ours, and the schedule agree."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler

import stepsize
from pytorch.lr_scheduler.drawn import HERE, THERE, wave
from stepsize.pytorch import from_torch

PAGE = (Path(__file__).parents[2] / "docs" / "moving-from-pytorch.md").read_text()
CLASSES, TRANSFORMERS = (
    re.findall(r"^\| `(\w+\(.+?\))` \| (?:`(.+?)`)?.*\|$", table, flags=re.MULTILINE)
    for table in PAGE.split("The functions of transformers")
)
SCHEDULES = {line.partition("(")[0]: (line, schedule) for line, schedule in CLASSES if schedule}
PARTS = {  # examples of a (PyTorch's line, our schedule) and of b (our schedule of StepLR(opt, 9, 0.5))
    "SequentialLR": ("ConstantLR(opt, 0.5, 40)", "Constant(0.05, 40)", "Staircase(0.1, 0.5, 9)"),
    "ChainedScheduler": ("ExponentialLR(opt, 0.9)", "Exponential(0.1, 0.9)", "Staircase(1, 0.5, 9)"),
}
UNTIL = {"CosineAnnealingLR": 50, "OneCycleLR": 99}  # the last step of PyTorch's classes that do not hold their end
WITHOUT_SCHEDULE = {"LRScheduler", "ReduceLROnPlateau", "MultiplicativeLR", "SWALR"}  # not functions of the step alone


def made(name, module):
    """The scheduler of the row, from PyTorch's module or from ours."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1, momentum=0.9)
    known = {**module, "opt": optimizer, "f": wave}
    if name in PARTS:
        known |= {"a": eval(PARTS[name][0], known), "b": eval("StepLR(opt, 9, 0.5)", known)}
    return eval(SCHEDULES[name][0], known)


def schedule(name):
    known = {**vars(stepsize), "inf": np.inf, "f": wave}
    if name in PARTS:
        known |= {"a": eval(PARTS[name][1], known), "b": eval(PARTS[name][2], known)}
    return eval(SCHEDULES[name][1], known)


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_schedule_has_the_rates_of_pytorchs_line(name):
    scheduler, rates = made(name, THERE), []
    for _ in range(UNTIL.get(name, 200) + 1):
        rates.append(scheduler.optimizer.param_groups[0]["lr"])
        scheduler.optimizer.step()
        scheduler.step()
    np.testing.assert_allclose(schedule(name).sample(len(rates)), rates, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_schedule_has_the_rates_of_our_line(name):
    np.testing.assert_allclose(made(name, HERE).group_schedules[0].sample(200), schedule(name).sample(200), rtol=1e-12)


def test_every_class_has_its_line():
    assert {line.partition("(")[0] for line, _ in CLASSES} == set(HERE["__all__"]) - {"LRScheduler", "options"}


def test_every_class_that_is_a_function_of_the_step_has_its_schedule():
    assert set(SCHEDULES) == {*lr_scheduler.__all__, "SWALR"} - WITHOUT_SCHEDULE


@pytest.mark.parametrize(("line", "text"), TRANSFORMERS)
def test_the_schedule_has_the_rates_of_the_function_of_transformers(line, text):
    functions = vars(pytest.importorskip("transformers.optimization", reason="needs stepsize[frameworks]"))
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    [theirs] = from_torch(eval(line, {**functions, "opt": optimizer}))
    np.testing.assert_allclose(stepsize.parse(text).sample(501), theirs.sample(501), rtol=1e-9, atol=1e-15)
