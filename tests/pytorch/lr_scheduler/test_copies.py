"""Copies of the classes of PyTorch's names."""

import copy
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytorch.lr_scheduler import drawn
from pytorch.lr_scheduler.drawn import HERE
from pytorch.lr_scheduler.stepping import every_spec, rates, sgd
from stepsize.pytorch.lr_scheduler import ReduceLROnPlateau, StepLR


@pytest.mark.filterwarnings("ignore:.*has been overridden after")  # PyTorch's, of copies
@settings(max_examples=25)
@given(spec=every_spec, groups=drawn.groups, at=st.integers(0, 40), how=st.sampled_from(["copy", "pickle"]))
def test_copies_go_on_by_themselves(spec, groups, at, how):
    optimizer = groups.made()
    scheduler = spec.made(HERE, optimizer)
    at = 1 + min(at, drawn.last_step(spec) // 2)
    drawn.course(optimizer, scheduler, at)
    other = copy.deepcopy(scheduler) if how == "copy" else pickle.loads(pickle.dumps(scheduler))
    more = min(20, drawn.last_step(spec) - at)
    expected = drawn.course(optimizer, scheduler, more)
    assert other.optimizer is not optimizer
    assert drawn.course(other.optimizer, other, more) == expected


def test_a_copy_writes_what_it_was_loaded_with_into_its_own_optimizer():
    optimizer = sgd()
    scheduler = StepLR(optimizer, 1, 0.5)
    scheduler.seek(3)
    other = copy.deepcopy(scheduler)
    other.optimizer.load_state_dict(sgd().state_dict())
    assert rates(other.optimizer) == rates(optimizer) == [0.0125]
    plateau = copy.deepcopy(ReduceLROnPlateau(optimizer, patience=0))
    plateau.step(1.0)
    plateau.step(1.0)
    assert (rates(plateau.optimizer), rates(optimizer)) == ([pytest.approx(0.00125)], [0.0125])
