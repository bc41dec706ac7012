import contextlib
import math
import random
from collections import defaultdict

import numpy as np
import pytest
import torch
from range_cases import bytes_of, made, same, state_of
from torch import nn
from torch.optim import SGD, Adam, Optimizer

from stepsize.pytorch import snapshot
from stepsize.pytorch.random_states import random_states, restore_random_states, seed_generator, seed_random_states
from stepsize.pytorch.snapshot import Snapshot


def updated(model, optimizer):
    for _ in range(2):
        model(torch.randn(8, 1)).square().mean().backward()
        optimizer.step()


def test_each_tensor_is_copied_once():
    shared = nn.Linear(64, 64)
    model = nn.Sequential(shared, nn.ReLU(), shared)
    model.again = shared.weight
    optimizer = Adam(model.parameters())
    model(torch.ones(1, 64)).sum().backward()
    optimizer.step()
    state = [value for entry in optimizer.state.values() for value in entry.values()]
    kept = Snapshot(model, optimizer, [shared], {"again": model})
    assert sum(copy.nbytes for copy in kept._copies) == sum(each.nbytes for each in [*model.parameters(), *state])


def test_copies_go_to_the_cpu_if_the_device_is_short_of_memory(monkeypatch):
    """The meta device stands for one; what is asked for is half of what is free."""
    on_device = torch.zeros(1000, device="meta")
    free = {"meta": 8000.0, "cpu": math.inf}
    monkeypatch.setattr(snapshot, "free_memory", lambda device: free[device.type])
    assert [copy.device.type for copy in snapshot._copies([on_device, torch.zeros(9)])] == ["meta", "cpu"]
    free["meta"] = 7999.0
    with pytest.raises(NotImplementedError, match="meta"):  # a meta tensor has no data that could be copied to the CPU
        snapshot._copies([on_device])


def test_copies_on_the_cpu_are_restored_exactly(monkeypatch):
    monkeypatch.setattr(snapshot, "free_memory", lambda device: 0.0)
    model, optimizer = made("adam")
    updated(model, optimizer)
    before = state_of(model, optimizer)
    kept = Snapshot(model, optimizer)
    kept.clear_gradients()
    updated(model, optimizer)
    assert not same(state_of(model, optimizer), before)
    kept.restore()
    assert same(state_of(model, optimizer), before)


def test_the_cpu_is_never_short_of_memory():
    assert snapshot.free_memory(torch.device("cpu")) == math.inf


def test_the_free_memory_of_a_gpu_is_what_the_driver_and_pytorchs_own_pool_have(monkeypatch):
    """Stand-ins for a GPU: 5 bytes free outside, and 100 in the pool, of which 30 are in use."""
    given = []
    answers = {"mem_get_info": (5, 1000), "memory_reserved": 100, "memory_allocated": 30}
    for name, answer in answers.items():
        monkeypatch.setattr(torch.cuda, name, lambda device, answer=answer: (given.append(device), answer)[1])
    assert snapshot.free_memory(torch.device("cuda", 1)) == 75
    assert given == [torch.device("cuda", 1)] * 3


GENERATORS = {
    "Python": (lambda: random.Random(1), lambda each: each.random()),
    "RandomState": (lambda: np.random.RandomState(1), lambda each: each.rand()),
    "Generator": (lambda: np.random.default_rng(1), lambda each: each.random()),
    "PyTorch": (lambda: torch.Generator().manual_seed(1), lambda each: torch.rand(1, generator=each).item()),
}


@pytest.mark.parametrize("kind", GENERATORS)
def test_a_random_generator_is_restored_wherever_it_stands(kind):
    make, draw = GENERATORS[kind]
    generator = make()
    kept = Snapshot({"a": [generator]})
    first = [draw(generator) for _ in range(3)]
    kept.restore()
    assert [draw(generator) for _ in range(3)] == first


@pytest.mark.parametrize("kind", GENERATORS)
def test_a_seed_decides_what_a_generator_draws(kind):
    make, draw = GENERATORS[kind]
    drawn = []
    for seed in (7, 7, 8):
        seed_generator(generator := make(), seed)
        drawn.append([draw(generator) for _ in range(3)])
    assert drawn[0] == drawn[1]
    assert not set(drawn[0]) & set(drawn[2])


def test_seeds_that_agree_in_32_bits_differ_in_python_and_numpy():
    drawn = []
    for seed in (7, 7 + 2**32):
        seed_random_states(seed)
        seed_generator(own := np.random.RandomState(0), seed)
        drawn += [random.random(), np.random.rand(), own.rand()]  # noqa: NPY002
    assert len(set(drawn)) == 4  # RandomState and NumPy's global generator are of one kind


def test_the_states_of_gpus_are_read_restored_and_seeded_too(monkeypatch):
    """Two stand-ins for GPUs, whose state is a number."""
    devices = [torch.device("cuda", 0), torch.device("cuda", 1)]
    states, present = dict(zip(devices, (10, 11), strict=True)), []

    @contextlib.contextmanager
    def device(each):
        present.append(each)
        yield
        present.pop()

    monkeypatch.setattr(torch.cuda, "get_rng_state", states.__getitem__)
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda state, each: states.update({each: state}))
    monkeypatch.setattr(torch.cuda, "manual_seed", lambda seed: states.update({present[-1]: seed}))
    monkeypatch.setattr(torch.cuda, "device", device)
    before = random_states(devices)
    drawn = [random.random(), np.random.rand(), torch.rand(1).item()]  # noqa: NPY002
    seed_random_states(5, devices)
    assert [*states.values()] == [5, 5]
    restore_random_states(before, devices)
    assert [*states.values()] == [10, 11]
    assert [random.random(), np.random.rand(), torch.rand(1).item()] == drawn  # noqa: NPY002


def test_a_snapshot_can_be_restored_repeatedly():
    model, optimizer = made("adam")
    before = state_of(model, optimizer)
    kept = Snapshot(model, optimizer)
    for _ in range(3):
        updated(model, optimizer)
        kept.restore()
        assert same(state_of(model, optimizer), before)


@pytest.mark.parametrize(
    "tensor",
    [
        torch.randn(3, 4).t(),
        torch.randn(8, 8)[::2, 1::3],
        torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
        torch.zeros(0, 3),
        torch.tensor(True),
        torch.randn(4, dtype=torch.complex64),
        torch.randn(4).to(torch.bfloat16),
        torch.tensor([math.nan, -0.0, math.inf]),
        torch.zeros(1).expand(5),
    ],
    ids=lambda tensor: f"{tuple(tensor.shape)}, {tensor.dtype}, {tensor.stride()}",
)
def test_tensors_of_every_kind_and_layout(tensor):
    bits, strides = bytes_of(torch.view_as_real(tensor) if tensor.is_complex() else tensor), tensor.stride()
    kept = Snapshot([tensor])
    if 0 not in tensor.stride():
        tensor.zero_()
    kept.restore()
    assert bytes_of(torch.view_as_real(tensor) if tensor.is_complex() else tensor) == bits
    assert tensor.stride() == strides


def test_sparse_tensors_too():
    sparse = torch.eye(3).to_sparse()
    kept = Snapshot([sparse])
    sparse.zero_()
    kept.restore()
    assert torch.equal(sparse.to_dense(), torch.eye(3))


def test_containers_are_the_same_objects_with_the_same_entries_in_the_same_order():
    inner = [1, 2]
    tree = {"b": inner, "a": (inner, {"x": 1}), "d": defaultdict(list, {"k": [0]})}
    kept = Snapshot(tree)
    inner.append(3)
    tree["a"][1].clear()
    del tree["b"]
    tree["new"] = tree["d"]["more"]
    tree["d"]["k"].clear()
    kept.restore()
    assert tree == {"b": [1, 2], "a": ([1, 2], {"x": 1}), "d": {"k": [0]}}
    assert list(tree) == ["b", "a", "d"]
    assert tree["b"] is tree["a"][0] is inner


def test_a_structure_that_contains_itself_can_be_restored():
    loop = [torch.ones(1)]
    loop.append(loop)
    kept = Snapshot(loop)
    loop[0].zero_()
    loop.pop()
    kept.restore()
    assert loop[0].item() == 1.0
    assert loop[1] is loop


class Wrapping(Optimizer):
    """An optimizer around another, as for sharpness-aware minimisation."""

    def __init__(self, base):
        super().__init__([{"params": group["params"]} for group in base.param_groups], {})
        self.base = base
        self.calls = 0

    def step(self, closure=None):
        self.calls += 1
        self.base.step()


def test_an_optimizer_within_an_optimizer_is_kept_with_its_state():
    model = nn.Linear(1, 1)
    optimizer = Wrapping(SGD(model.parameters(), lr=0.1, momentum=0.9))
    updated(model, optimizer)
    before = state_of(model, optimizer, optimizer.base)
    kept = Snapshot(model, optimizer)
    kept.clear_gradients()
    updated(model, optimizer)
    kept.restore()
    assert same(state_of(model, optimizer, optimizer.base), before)
    assert optimizer.calls == 2


@pytest.mark.parametrize("normed", [nn.utils.weight_norm, nn.utils.spectral_norm])
@pytest.mark.filterwarnings("ignore:.*weight_norm")
def test_tensors_that_pytorchs_own_modules_hold_are_given_back(normed):
    """The weight is a plain attribute there, made anew by each call."""
    torch.manual_seed(0)
    model = normed(nn.Linear(3, 3))
    optimizer = SGD(model.parameters(), lr=0.1)
    model(torch.ones(2, 3))
    weight, value = model.weight, model.weight.detach().clone()
    kept = Snapshot(model, optimizer)
    for _ in range(2):
        model(torch.randn(2, 3)).square().mean().backward()
        optimizer.step()
    assert not torch.equal(model.weight, value)
    kept.restore()
    assert model.weight is weight
    assert torch.equal(weight, value)


def test_attributes_added_to_pytorchs_modules_are_restored():
    model = nn.Sequential(nn.Linear(1, 1))
    model.calls, model.seen, model.mean = 3, [1.0], torch.ones(2)
    kept = Snapshot(model)
    model.calls += 1
    model.seen.append(2.0)
    model.mean += 1.0
    model.new = "made while running"
    kept.restore()
    assert (model.calls, model.seen, model.mean.tolist()) == (3, [1.0], [1.0, 1.0])
    assert not hasattr(model, "new")


def test_tensors_that_cannot_be_written_are_left_alone():
    module = nn.Linear(1, 1)
    module.table = np.broadcast_to(np.arange(3.0), (4, 3))
    module.fixed = np.zeros(2)
    module.fixed.flags.writeable = False
    kept = Snapshot(module)
    nn.init.zeros_(module.weight)
    kept.restore()
    assert module.weight.item() != 0.0
    assert module.table.tolist() == [[0.0, 1.0, 2.0]] * 4


class Stubborn(dict):
    """Refuses to be filled again."""

    def update(self, *_):
        raise TypeError("not like this")


def test_an_error_in_one_part_does_not_keep_the_others_from_being_restored():
    model, optimizer = made("adam")
    before = state_of(model, optimizer)
    kept = Snapshot(model, [Stubborn(a=1)], Stubborn(b=2), optimizer)
    updated(model, optimizer)
    with pytest.raises(TypeError, match="not like this"):
        kept.restore()
    assert same(state_of(model, optimizer), before)


def test_arrays_of_a_module_are_restored_in_place():
    module = torch.nn.Module()
    module.mean = mean = np.zeros(3)
    kept = Snapshot(module)
    module.mean += 1.0
    kept.restore()
    assert module.mean is mean
    assert mean.tolist() == [0, 0, 0]


def test_weights_have_moved_once_the_difference_is_larger_than_they_were():
    model = nn.Linear(2, 1)
    nn.init.ones_(model.weight), nn.init.zeros_(model.bias)
    kept = Snapshot(model)
    with torch.no_grad():
        model.weight -= 0.9
        assert not kept.has_moved()
        model.bias += 1.0
    assert kept.has_moved()


class Data:
    def __init__(self):
        self.stored, self.draws = [1, 2], np.random.default_rng(0)


def test_attributes_and_generators_of_a_source_are_restored():
    source = Data()
    stored, expected = source.stored, np.random.default_rng(0).random()
    kept = Snapshot(sources=[source])
    source.stored, source.late = [3], True
    source.draws.random()
    kept.restore()
    assert source.stored is stored
    assert not hasattr(source, "late")
    assert source.draws.random() == expected
