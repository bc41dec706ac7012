"""What the glossary says of PyTorch's classes, held against PyTorch."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler

import stepsize

PAGE = (Path(__file__).parents[2] / "docs" / "glossary.md").read_text()


@dataclass(frozen=True)
class Row:
    """One line of the table: PyTorch's call, ours, and how they differ."""

    there: str
    here: str
    difference: str

    @property
    def as_there(self) -> str:
        """The schedule that has PyTorch's values: the one that the last column writes out, where it does."""
        written_out = re.search("`(.+)`", self.difference)
        return written_out[1] if written_out else self.here


ROWS = {
    there.partition("(")[0]: Row(there, here, difference)
    for there, here, difference in re.findall(
        r"^\| `(\w+\(.+?)` \| `(.+?)`.*? \| (.*)\|$", PAGE.partition("## PyTorch's classes")[2], flags=re.MULTILINE
    )
}
UNTIL = {"CosineAnnealingLR": 50, "OneCycleLR": 99, "SequentialLR": 20 + 50}
"""The last step that PyTorch has, or whose rate is the same, where there is one."""


def wave(step: float) -> float:
    return 1.0 / (1.0 + step % 7)


LETTERS: dict[str, dict[str, tuple[str, str]]] = {
    "SequentialLR": {
        "a": ("ConstantLR(opt, 0.5, 40)", "Constant(0.05, 40)"),
        "b": ("CosineAnnealingLR(opt, 50, 0.01)", "Cosine(0.1, 0.01, 50)"),
    },
    "ChainedScheduler": {
        "a": ("ExponentialLR(opt, 0.9)", "Exponential(0.1, 0.9)"),
        "b": ("StepLR(opt, 30, 0.5)", "Staircase(1.0, 0.5, 30)"),
    },
}
"""What a and b of the table may stand for, there and here."""


def rates_there(name: str, last: int) -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    known: dict[str, Any] = {**vars(lr_scheduler), "opt": optimizer, "f": wave}
    known |= {letter: eval(there, known) for letter, (there, _) in LETTERS.get(name, {}).items()}
    scheduler = eval(ROWS[name].there, known)  # the text is this project's own page
    rates = []
    for _ in range(last + 1):
        rates.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        scheduler.step()
    return rates


def schedule(name: str, text: str) -> stepsize.Schedule:
    known: dict[str, Any] = {**vars(stepsize), "inf": np.inf, "f": wave}
    known |= {letter: eval(here, known) for letter, (_, here) in LETTERS.get(name, {}).items()}
    made = eval(text, known)  # the text is this project's own page
    assert isinstance(made, stepsize.Schedule)
    return made


def test_every_class_that_is_a_function_of_the_step_has_its_row() -> None:
    not_of_the_step = {"LRScheduler", "ReduceLROnPlateau", "MultiplicativeLR"}
    assert set(ROWS) == set(lr_scheduler.__all__) - not_of_the_step


@pytest.mark.parametrize("name", ROWS)
def test_the_schedule_has_the_rates_of_pytorchs_class(name: str) -> None:
    there = rates_there(name, UNTIL.get(name, 130))
    here = schedule(name, ROWS[name].as_there)(np.arange(len(there)))
    np.testing.assert_allclose(here, there, rtol=1e-9, atol=1e-15)


def test_what_the_last_column_says_is_so() -> None:
    assert {name for name, row in ROWS.items() if row.difference} == {"CosineAnnealingLR", "OneCycleLR"}
    cosine, one_cycle = (schedule(name, ROWS[name].here) for name in ("CosineAnnealingLR", "OneCycleLR"))
    rises, early = rates_there("CosineAnnealingLR", 60), rates_there("OneCycleLR", 99)
    assert cosine(60) == cosine(50) == pytest.approx(rises[50])
    assert rises[60] > 1.1 * rises[50]
    assert one_cycle(30) == pytest.approx(early[29]) == max(early)
    assert one_cycle(100) == pytest.approx(early[99]) == min(early)
