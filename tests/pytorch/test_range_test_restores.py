"""A range test leaves nothing changed: all there is of model, optimizer and draws, to the bit and to the object."""

import copy
import random
import tracemalloc

import numpy as np
import pytest
import torch
from range_cases import X, Y, loader, made, same, state_of, train, update
from torch import nn
from torch.nn.functional import mse_loss
from torch.optim import SGD, AdamW
from torch.optim.lr_scheduler import CosineAnnealingLR, OneCycleLR
from torch.optim.optimizer import register_optimizer_step_post_hook

import stepsize as ss
from stepsize.errors import ArgumentError
from stepsize.pytorch import Scheduler, range_test
from stepsize.pytorch import lr_scheduler as own_lr_scheduler

BATCHES = [(X[:16], Y[:16]), (X[16:32], Y[16:32]), (X[32:], Y[32:])]
QUICK = {"start_lr": 1e-4, "end_lr": 3.0, "steps": 6}
OPTIMIZERS = {
    "sgd": {"momentum": 0.9, "weight_decay": 0.01},
    "adam": {"amsgrad": True},
    "adamw": {"foreach": False},
    "adagrad": {},
    "adadelta": {},
    "rmsprop": {"momentum": 0.5, "centered": True},
    "nadam": {},
    "radam": {},
    "adamax": {},
    "asgd": {},
    "rprop": {},
    "adafactor": {},
}


@pytest.mark.parametrize(
    ("name", "begun"), [("sgd", False), ("adam", False), *((name, True) for name in OPTIMIZERS)], ids=str
)
def test_training_after_a_range_test_equals_training_without_one(name, begun):
    """Both if the test fills an optimizer's empty state and if training has begun."""
    results = []
    for tested in (False, True):
        model, optimizer = made(name, **OPTIMIZERS[name])
        batches = loader(generator=torch.Generator().manual_seed(3))
        losses = train(model, optimizer, batches, epochs=int(begun))
        if tested:
            before = state_of(model, optimizer)
            assert len(range_test(model, optimizer, mse_loss, batches, **QUICK, seeds=(0, 1)).losses) > 3
            assert same(state_of(model, optimizer), before)
        losses += train(model, optimizer, batches)
        results.append((losses, [parameter.detach().clone() for parameter in model.parameters()], torch.rand(3)))
    assert same(*results)


def test_the_state_compared_sees_every_kind_of_change():
    """The test of the tests: each of these is found."""
    changes = [
        lambda model, optimizer: model.enter.weight.data.add_(1e-7),
        lambda model, optimizer: model.norm.running_mean.add_(1e-7),
        lambda model, optimizer: setattr(model, "mean", model.mean.clone()),
        lambda model, optimizer: setattr(model.enter.weight, "grad", torch.zeros_like(model.enter.weight)),
        lambda model, optimizer: model.frozen.train(),
        lambda model, optimizer: setattr(model, "calls", 99),
        lambda model, optimizer: model.history.append(0.0),
        lambda model, optimizer: optimizer.param_groups[0].update(lr=0.0500001),
        lambda model, optimizer: optimizer.param_groups[0].update(initial_lr=0.05),
        lambda model, optimizer: optimizer.state[model.enter.weight],
        lambda model, optimizer: setattr(optimizer, "_opt_called", True),
        lambda model, optimizer: torch.rand(1),
        lambda model, optimizer: random.random(),
        lambda model, optimizer: np.random.random(),  # noqa: NPY002
    ]
    for change in changes:
        model, optimizer = made()
        before = state_of(model, optimizer)
        assert same(state_of(model, optimizer), before)
        change(model, optimizer)
        assert not same(state_of(model, optimizer), before)


def test_gradients_are_the_same_objects_and_none_stays_none():
    model, optimizer = made()
    mse_loss(model(X[:8]), Y[:8]).backward()
    model.leave.bias.grad = None
    before = state_of(model, optimizer)
    range_test(model, optimizer, mse_loss, BATCHES, **QUICK)
    assert same(state_of(model, optimizer), before)
    assert model.leave.bias.grad is None
    assert model.enter.weight.grad is not None


@pytest.mark.parametrize("mode", [True, False])
def test_the_mode_of_each_module_is_restored_and_frozen_ones_stay_in_eval(mode):
    model, optimizer = made()
    seen = []

    def closure(model, batch):
        seen.append((model.training, model.frozen.training, model.norm.training))
        return mse_loss(model(batch[0]), batch[1])

    model.train(mode)
    model.frozen.eval()
    range_test(model, optimizer, None, BATCHES, closure=closure, **QUICK)
    assert set(seen) == ({(True, False, True)} if mode else {(True, True, True)})
    assert (model.training, model.frozen.training, model.norm.training) == (mode, False, mode)


@pytest.mark.parametrize(("error", "at"), [(RuntimeError, 0), (KeyboardInterrupt, 1), (SystemExit, 5)])
def test_an_error_in_the_users_code_leaves_nothing_changed(error, at):
    model, optimizer = made("adam")
    calls = []

    def closure(model, batch):
        loss = mse_loss(model(batch[0]), batch[1])
        calls.append(loss)
        if len(calls) > at:
            raise error("stop")
        return loss

    train(model, optimizer, BATCHES)
    before = state_of(model, optimizer)
    with pytest.raises(error, match="stop"):
        range_test(model, optimizer, None, BATCHES, closure=closure, **QUICK)
    assert same(state_of(model, optimizer), before)


def test_two_range_tests_in_a_row_have_the_same_result():
    model, optimizer = made("adamw")
    batches = loader()
    assert range_test(model, optimizer, mse_loss, batches, **QUICK) == range_test(
        model, optimizer, mse_loss, batches, **QUICK
    )


@pytest.mark.parametrize("workers", [0, 2])
def test_the_iteration_of_a_loader_that_is_under_way_goes_on_where_it_stood(workers):
    seen = []
    for tested in (False, True):
        model, optimizer = made()
        batches = loader(num_workers=workers, persistent_workers=workers > 0)
        under_way = iter(batches)
        first = next(under_way)
        if tested:
            range_test(model, optimizer, mse_loss, batches, **QUICK)
        seen.append([first, *under_way, *batches])
    assert same(*seen)


class Counted:
    """Goes another way with every pass, by a counter and generators of every kind; None until the first."""

    def __init__(self, length=48):
        self.length, self.passes, self.begun = length, 0, None
        self.python, self.new, self.old = random.Random(1), np.random.default_rng(2), np.random.RandomState(3)
        self.torch = torch.Generator().manual_seed(4)

    def __len__(self):
        return self.length

    def __iter__(self):
        self.passes += 1
        self.begun = self.late = True
        for _ in range(self.length):
            drawn = self.python.random() + self.new.random() + self.old.random_sample()
            drawn += torch.rand((), generator=self.torch).item() + self.passes
            yield int(drawn / 4 * self.length) % self.length


class CountedBatches(Counted):
    """The same without a loader."""

    def __iter__(self):
        return ((X[i : i + 8], Y[i : i + 8]) for i in super().__iter__())


class CountedData(torch.utils.data.Dataset):
    """A data set that answers otherwise with every call."""

    def __init__(self):
        self.calls, self.draws = 0, random.Random(1)

    def __len__(self):
        return 48

    def __getitem__(self, index):
        self.calls += 1
        return X[index] + 0.01 * self.calls + self.draws.random(), Y[index]


DATA = torch.utils.data.TensorDataset(X, Y)
SOURCES = {
    "a sampler": lambda: torch.utils.data.DataLoader(DATA, 8, sampler=Counted()),
    "a sampler in a sampler of batches": lambda: torch.utils.data.DataLoader(
        DATA, batch_sampler=torch.utils.data.BatchSampler(Counted(), 8, drop_last=False)
    ),
    "an iterable of one's own": CountedBatches,
    "a data set": lambda: torch.utils.data.DataLoader(CountedData(), 8),
    "a data set in a subset of one of several": lambda: torch.utils.data.DataLoader(
        torch.utils.data.Subset(torch.utils.data.ConcatDataset([DATA, CountedData()]), range(40, 64)), 8
    ),
}


@pytest.mark.parametrize("made_of", SOURCES.values(), ids=SOURCES)
def test_counters_and_generators_of_data_sources_are_restored(made_of):
    seen = []
    for tested in (False, True):
        model, optimizer = made()
        batches = made_of()
        if tested:
            range_test(model, optimizer, mse_loss, batches, **QUICK, validation=batches)
            assert not hasattr(batches, "late")
        seen.append([list(batches), list(batches)])
    assert same(*seen)


class Stored(torch.utils.data.Dataset):
    """Numbers in one large array."""

    def __init__(self, numbers):
        self.numbers = numbers

    def __len__(self):
        return len(self.numbers)

    def __getitem__(self, index):
        return X[index % 48], Y[index % 48]


def test_a_data_set_in_a_read_only_file_is_accepted(tmp_path):
    np.zeros(48, dtype=np.uint16).tofile(tmp_path / "data.bin")
    data = Stored(np.memmap(tmp_path / "data.bin", dtype=np.uint16, mode="r"))
    model, optimizer = made("adam")
    before = state_of(model, optimizer)
    range_test(model, optimizer, mse_loss, torch.utils.data.DataLoader(data, 8), **QUICK)
    assert same(state_of(model, optimizer), before)


@pytest.mark.parametrize("kind", [bytearray, np.zeros, torch.zeros, lambda size: {0: bytearray(size)}])
def test_a_data_set_is_not_copied(kind):
    size = 32 * 2**20
    data = Stored(kind(size))
    model, optimizer = made()
    batches = torch.utils.data.DataLoader(data, batch_sampler=[[0, 1]])
    tracemalloc.start()
    try:
        range_test(model, optimizer, mse_loss, batches, **QUICK)
        assert tracemalloc.get_traced_memory()[1] < size / 4
    finally:
        tracemalloc.stop()


def test_a_seed_decides_the_order_of_a_loader_with_a_generator_of_its_own():
    model, optimizer = made()
    batches = loader(generator=torch.Generator().manual_seed(3))
    tests = [range_test(model, optimizer, mse_loss, batches, **QUICK, seeds=seeds) for seeds in ((1, 2), (2, 1))]
    assert tests[0].runs == tests[1].runs[::-1]
    assert tests[0].runs[0].losses != tests[0].runs[1].losses
    low, high = tests[0].band
    assert (low < high).any()


def test_a_scaler_is_restored():
    results = []
    for tested in (False, True):
        model, optimizer = made("sgd", momentum=0.9)
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10, growth_interval=3)
        if tested:
            before = state_of(model, optimizer, scaler)
            settings = {"autocast": torch.bfloat16, "scaler": scaler, "clip_norm": 1.0}
            seen = range_test(model, optimizer, mse_loss, BATCHES, **settings, **QUICK)
            assert len(seen.losses) > 3
            assert same(state_of(model, optimizer, scaler), before)
        for inputs, targets in BATCHES * 4:
            scaler.scale(mse_loss(model(inputs), targets)).backward()
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
        results.append((scaler.state_dict()["scale"], [p.detach() for p in model.parameters()]))
    assert same(*results)


def test_a_shared_tensor_rate_stays_the_same_tensor():
    model, _ = made()
    rate = torch.tensor(0.05)
    optimizer = AdamW([{"params": [model.enter.weight]}, {"params": [model.leave.weight]}], lr=rate, capturable=False)
    used = []
    optimizer.register_step_pre_hook(
        lambda optimizer, *_: used.append([float(group["lr"]) for group in optimizer.param_groups])
    )
    before = state_of(model, optimizer)
    range_test(model, optimizer, mse_loss, BATCHES, start_lr=[1e-4, 1e-3], end_lr=[0.1, 0.2], steps=12)
    assert same(state_of(model, optimizer), before)
    assert used[0] == pytest.approx([1e-4, 1e-3])
    assert used[-1] == pytest.approx([0.1, 0.2])
    assert optimizer.param_groups[0]["lr"] is optimizer.param_groups[1]["lr"] is rate
    assert rate.item() == torch.tensor(0.05).item()


def test_the_parameters_of_a_loss_are_restored_too():
    model, _ = made()
    criterion = nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1))
    optimizer = SGD([*model.enter.parameters(), *criterion.parameters()], lr=0.1)

    class Learned(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = criterion

        def forward(self, outputs, targets):
            return mse_loss(self.inner(outputs), targets)

    before = state_of(criterion, optimizer)
    range_test(model, optimizer, Learned(), BATCHES, **QUICK)
    assert same(state_of(criterion, optimizer), before)


def test_a_lazy_model_is_refused():
    model = nn.Sequential(nn.LazyLinear(1))
    optimizer = SGD(model.parameters(), lr=0.1)
    with pytest.raises(ArgumentError, match=r"without lazy layers.*; run it on one batch first"):
        range_test(model, optimizer, mse_loss, BATCHES)


@pytest.mark.parametrize(
    "translated",
    [lambda model: torch.compile(model, backend="eager"), torch.jit.script, lambda model: torch.jit.trace(model, X)],
    ids=["compiled", "scripted", "traced"],
)
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning", "ignore:.*torch.jit:FutureWarning")
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_a_compiled_or_scripted_model_is_restored(translated):
    torch.manual_seed(0)
    inner = nn.Sequential(nn.Linear(1, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    model = translated(inner)
    optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
    model.eval()
    before = [*map(torch.clone, model.parameters()), *map(torch.clone, model.buffers())]
    assert len(range_test(model, optimizer, mse_loss, BATCHES, **QUICK).losses) > 3
    assert same([*model.parameters(), *model.buffers()], before)
    assert not any(module.training for module in model.modules())
    assert not optimizer.state


# Schedulers and hooks.


@pytest.mark.parametrize("auto", [False, True])
def test_an_attached_scheduler_keeps_its_position(auto):
    model, optimizer = made()
    scheduler = Scheduler(optimizer, ss.Linear(0.3, 0.0, 10), weight_decay=ss.Linear(0.0, 0.1, 10), auto=auto)
    for batch in BATCHES:
        update(model, optimizer, batch)
        scheduler.step()
    before, state = state_of(model, optimizer), copy.deepcopy(scheduler.state_dict())
    range_test(model, optimizer, mse_loss, BATCHES, **QUICK)
    assert scheduler.position == 3
    assert scheduler.state_dict() == state
    assert same(state_of(model, optimizer), before)
    update(model, optimizer, BATCHES[0])
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] == ss.Linear(0.3, 0.0, 10)(4)


def test_a_scheduler_that_the_users_closure_steps_is_paused():
    model, optimizer = made()
    scheduler = Scheduler(optimizer, ss.Linear(0.3, 0.0, 10))
    rates = []

    def closure(model, batch):
        rates.append(optimizer.param_groups[0]["lr"])
        scheduler.step()
        return mse_loss(model(batch[0]), batch[1])

    seen = range_test(model, optimizer, None, BATCHES, closure=closure, **QUICK)
    assert rates == seen.rates.tolist()
    assert scheduler.position == 0


def test_a_rate_set_by_hand_beside_a_scheduler_is_kept():
    model, optimizer = made()
    Scheduler(optimizer, ss.Linear(0.3, 0.0, 10), auto=True)
    optimizer.param_groups[0]["lr"] = 0.07
    range_test(model, optimizer, mse_loss, BATCHES, **QUICK)
    assert optimizer.param_groups[0]["lr"] == 0.07


@pytest.mark.parametrize(
    "attach",
    [
        lambda optimizer: CosineAnnealingLR(optimizer, 10),
        lambda optimizer: OneCycleLR(optimizer, 0.1, total_steps=10),
        lambda optimizer: own_lr_scheduler.CosineAnnealingLR(optimizer, 10),
    ],
)
def test_pytorchs_own_schedulers_are_untouched(attach):
    rates = []
    for tested in (False, True):
        model, optimizer = made("sgd", momentum=0.9)
        scheduler = attach(optimizer)
        rates.append([])
        for batch in BATCHES:
            if tested:
                before, state = state_of(model, optimizer), copy.deepcopy(scheduler.state_dict())
                range_test(model, optimizer, mse_loss, BATCHES, **QUICK)
                assert scheduler.state_dict() == state
                assert same(state_of(model, optimizer), before)
            update(model, optimizer, batch)
            scheduler.step()
            rates[-1] += scheduler.get_last_lr()
    assert rates[0] == rates[1]


def test_hooks_before_the_step_are_called_and_hooks_after_it_are_not():
    model, optimizer = made()
    before, after = [], []
    optimizer.register_step_pre_hook(lambda *_: before.append(1))
    optimizer.register_step_post_hook(lambda *_: after.append(1))
    seen = range_test(model, optimizer, mse_loss, BATCHES, **QUICK)
    assert (len(before), len(after)) == (len(seen.losses), 0)
    update(model, optimizer, BATCHES[0])
    assert len(after) == 1


def test_global_hooks_after_the_step_are_not_called():
    heard, error = [], RuntimeError("stop")
    handle = register_optimizer_step_post_hook(lambda *_: heard.append(1))
    try:
        model, optimizer = made()
        range_test(model, optimizer, mse_loss, BATCHES, **QUICK)

        def observe(*_):
            raise error

        with pytest.raises(RuntimeError, match="stop"):
            range_test(model, optimizer, mse_loss, BATCHES, observe=observe, **QUICK)
        assert heard == []
        update(model, optimizer, BATCHES[0])
        assert heard == [1]
    finally:
        handle.remove()


def test_another_optimizer_of_the_model_is_unchanged():
    model, optimizer = made()
    other = SGD([model.leave.bias], lr=0.1)
    before = state_of(model, optimizer, other)
    range_test(model, optimizer, mse_loss, BATCHES, **QUICK)
    assert same(state_of(model, optimizer, other), before)
