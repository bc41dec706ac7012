"""What depends on a seed, and what does not."""

# ruff: noqa: NPY002  (NumPy's global state, which others draw from, is what is tested)

import random

import numpy as np
import pytest
import torch

from stepsize.errors import ArgumentError
from stepsize.lab import Task
from stepsize.lab.seeding import sample_order
from stepsize.lab.tasks.images import digits, digits_net


def weights(model):
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def test_the_initial_weights_are_those_after_manual_seed():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        expected = weights(digits_net())
    assert torch.equal(weights(digits().initial_model(3)), expected)
    assert not torch.equal(weights(digits().initial_model(4)), expected)


def drawn_elsewhere():
    """A network whose weights are drawn from NumPy and from Python."""
    model = torch.nn.Linear(2, 1)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[np.random.randn(), random.random()]]))
    return model


def test_weights_that_are_drawn_elsewhere_than_in_pytorch_depend_on_the_seed_alone():
    x = torch.zeros(2, 2)
    task = Task(drawn_elsewhere, (x, x), (x, x))
    one = weights(task.initial_model(0))
    np.random.rand(), random.random()
    assert torch.equal(weights(task.initial_model(0)), one)
    assert (weights(task.initial_model(1)) != one).all()


def test_making_a_model_leaves_the_callers_random_states_alone():
    before = torch.get_rng_state(), random.getstate(), repr(np.random.get_state())
    digits().initial_model(3)
    x = torch.zeros(2, 2)
    Task(drawn_elsewhere, (x, x), (x, x)).initial_model(3)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (random.getstate(), repr(np.random.get_state())) == before[1:]


def test_an_order_is_a_permutation_that_depends_on_seed_and_epoch_alone():
    order = sample_order(1000, 0, 0)
    assert sorted(order.tolist()) == list(range(1000))
    torch.rand(7)
    assert torch.equal(sample_order(1000, 0, 0), order)
    orders = {tuple(sample_order(1000, seed, epoch).tolist()) for seed in range(4) for epoch in range(4)}
    assert len(orders) == 16


def test_an_order_stays_what_it_was_in_earlier_versions():
    assert sample_order(8, 0, 0).tolist() == [6, 4, 1, 3, 7, 5, 2, 0]
    assert sample_order(8, 1, 2).tolist() == [2, 1, 6, 4, 3, 7, 5, 0]


@pytest.mark.parametrize("seed", [-1, 1.5, "0", True, 2**64])
def test_an_invalid_seed_is_refused(seed):
    with pytest.raises(ArgumentError, match=r"Task\.initial_model\(seed=\.\.\.\)"):
        digits().initial_model(seed)
