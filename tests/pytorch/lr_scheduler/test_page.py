"""What "Moving from PyTorch's schedulers" puts side by side has the same rates."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

import stepsize
from pytorch.lr_scheduler.drawn import HERE, wave

PAGE = (Path(__file__).parents[3] / "docs" / "moving-from-pytorch.md").read_text()
ROWS = re.findall(r"^\| `(\w+\(.+?\))` \| (?:`(.+?)`)?.*\|$", PAGE, flags=re.MULTILINE)
PARTS = {
    "SequentialLR": ("ConstantLR(opt, 0.5, 40)", "Constant(0.05, 40)", "Staircase(0.1, 0.5, 9)"),
    "ChainedScheduler": ("ExponentialLR(opt, 0.9)", "Exponential(0.1, 0.9)", "Staircase(1, 0.5, 9)"),
}
"""What a and b of the table may stand for: a there and here, and b here, which is a StepLR there."""


@pytest.mark.parametrize(("line", "schedule"), [row for row in ROWS if row[1]], ids=lambda text: text.partition("(")[0])
def test_the_line_and_the_schedule_have_the_same_rates(line, schedule):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1, momentum=0.9)
    there = {**HERE, "opt": optimizer, "f": wave}
    here = {**vars(stepsize), "inf": np.inf, "f": wave}
    name = line.partition("(")[0]
    if name in PARTS:
        a_there, a_here, b_here = PARTS[name]
        there |= {"a": eval(a_there, there), "b": eval("StepLR(opt, 9, 0.5)", there)}
        here |= {"a": eval(a_here, here), "b": eval(b_here, here)}
    scheduler = eval(line, there)  # the texts are this project's own page
    np.testing.assert_allclose(scheduler.group_schedules[0].sample(200), eval(schedule, here).sample(200), rtol=1e-12)


def test_every_class_has_its_line():
    assert {line.partition("(")[0] for line, _ in ROWS} == set(HERE["__all__"]) - {"LRScheduler"}
