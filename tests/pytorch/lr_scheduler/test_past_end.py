"""What the classes of PyTorch's names do past their end."""

import pytest

from pytorch.lr_scheduler.drawn import THERE
from pytorch.lr_scheduler.stepping import rates, sgd, stepped, update
from stepsize.errors import ArgumentError
from stepsize.pytorch.lr_scheduler import CosineAnnealingLR, OneCycleLR


@pytest.mark.parametrize(("length", "last"), [(5, 5), (5.5, 6)])
def test_pain_6_a_cosine_holds_its_end_and_warns_once(length, last):
    optimizer = sgd()
    scheduler = CosineAnnealingLR(optimizer, T_max=length, eta_min=0.01)
    stepped(optimizer, scheduler, times=last)
    update(optimizer)
    with pytest.warns(
        UserWarning, match=rf"past its end, step {last}, and holds its last rate.*past_end=\"torch\""
    ) as seen:
        scheduler.step()
    assert seen[0].filename == __file__
    stepped(optimizer, scheduler, times=20)
    assert rates(optimizer) == [0.01]


def test_pain_6_a_cycle_holds_its_last_rate():
    optimizer = sgd(momentum=0.9)
    scheduler = OneCycleLR(optimizer, 0.5, total_steps=10, anneal_strategy="linear", final_div_factor=2)
    stepped(optimizer, scheduler, times=10)  # the usual loop, which PyTorch lets pass
    assert rates(optimizer) == [pytest.approx(0.01)]
    with pytest.warns(UserWarning, match="past its end, step 10"):
        stepped(optimizer, scheduler)
    stepped(optimizer, scheduler, times=5)
    assert rates(optimizer) == [pytest.approx(0.01)]


def test_past_end_torch_has_pytorchs_rates():
    arguments = {"max_lr": 0.5, "total_steps": 10, "anneal_strategy": "linear", "final_div_factor": 2}
    there, here = sgd(momentum=0.9), sgd(momentum=0.9)
    theirs, ours = THERE["OneCycleLR"](there, **arguments), OneCycleLR(here, **arguments, past_end="torch")
    stepped(there, theirs, times=10)
    stepped(here, ours, times=10)
    assert rates(there)[0] < 0.0
    assert rates(here) == rates(there)
    for scheduler, optimizer in ((theirs, there), (ours, here)):
        with pytest.raises(ValueError, match="11"):
            stepped(optimizer, scheduler)
    with pytest.raises(ArgumentError, match='"hold" or "torch"'):
        CosineAnnealingLR(sgd(), 5, past_end="wrap")
