"""What a range test does and sees; what it gives back has a file of its own."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from range_cases import X, Y, loader, made
from torch import nn
from torch.nn.functional import mse_loss
from torch.optim import LBFGS, SGD, AdamW
from torch.optim.lr_scheduler import LambdaLR

import stepsize as ss
from stepsize.errors import ArgumentError
from stepsize.pytorch import Scheduler, range_test
from stepsize.pytorch.range_sweep import Judge

BATCHES = [(X[:16], Y[:16]), (X[16:32], Y[16:32]), (X[32:], Y[32:])]
QUICK = {"start_lr": 1e-4, "end_lr": 0.1, "steps": 6}


def line(lr=0.1, groups=1):
    """A model without draws, and SGD."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 1))
    if groups == 1:
        return model, SGD(model.parameters(), lr=lr)
    return model, SGD([{"params": model[0].parameters(), "lr": lr}, {"params": model[2].parameters(), "lr": lr / 4}])


def by_hand(rates, batches, accumulation=1, clip=None, settings=None):
    """The losses of a plain loop at these rates."""
    model, _ = line()
    optimizer = SGD(model.parameters(), lr=0.1, **(settings or {}))
    losses, place = [], 0
    for rate in rates:
        optimizer.param_groups[0]["lr"] = rate
        total = 0.0
        for _ in range(accumulation):
            inputs, targets = batches[place % len(batches)]
            place += 1
            loss = mse_loss(model(inputs), targets)
            (loss / accumulation).backward()
            total += loss.item()
        if clip is not None:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(total / accumulation)
    return losses


# What it sees.


@pytest.mark.parametrize("accumulation", [1, 2, 5])
@pytest.mark.parametrize("clip", [None, 0.01])
def test_the_losses_are_those_of_a_plain_loop_at_the_same_rates(accumulation, clip):
    """Batches are gone through again where there are too few."""
    model, optimizer = line()
    seen = range_test(model, optimizer, mse_loss, BATCHES, accumulation=accumulation, clip_norm=clip, **QUICK)
    assert seen.runs[0].losses == pytest.approx(by_hand(seen.rates, BATCHES, accumulation, clip), rel=1e-6)
    assert seen.stopped == "end"


@settings(max_examples=20)
@given(st.floats(1e-8, 1e-2), st.floats(1.5, 1e6), st.integers(2, 40), st.booleans())
def test_the_rates_go_from_the_first_to_the_last_both_included(start, times, steps, geometric):
    model, optimizer = line()
    rates = []
    seen = range_test(
        model,
        optimizer,
        None,
        [0],
        closure=lambda model, _: model[0].weight.sum() * 0.0,
        start_lr=start,
        end_lr=start * times,
        steps=steps,
        shape="geometric" if geometric else "linear",
        observe=lambda step, rate, loss: rates.append((step, rate, loss)),
    )
    expected = (np.geomspace if geometric else np.linspace)(start, start * times, steps)
    assert seen.rates == pytest.approx(expected, rel=1e-9)
    assert (seen.rates[0], seen.rates[-1]) == (start, start * times)
    assert [(step, loss) for step, _, loss in rates] == [(step, 0.0) for step in range(steps)]
    assert [rate for _, rate, _ in rates] == pytest.approx(seen.rates, rel=1e-12)


def test_the_optimizer_has_the_rate_when_it_steps():
    model, optimizer = line()
    used = []
    optimizer.register_step_pre_hook(lambda optimizer, *_: used.append(optimizer.param_groups[0]["lr"]))
    assert range_test(model, optimizer, mse_loss, BATCHES, **QUICK).rates.tolist() == used


def test_a_tensor_rate_is_written_in_place():
    model, _ = line()
    rate, used = torch.tensor(0.1), []
    optimizer = AdamW(model.parameters(), lr=rate)
    optimizer.register_step_pre_hook(
        lambda optimizer, *_: used.append((optimizer.param_groups[0]["lr"] is rate, float(rate)))
    )
    seen = range_test(model, optimizer, mse_loss, BATCHES, **QUICK)
    assert all(same for same, _ in used)
    assert [value for _, value in used] == pytest.approx(seen.rates, rel=1e-6)


def test_groups_keep_their_ratio_and_the_highest_goes_through_the_range():
    model, optimizer = line(0.2, groups=2)
    optimizer.param_groups.reverse()  # the highest need not come first
    used = []
    optimizer.register_step_pre_hook(lambda optimizer, *_: used.append([g["lr"] for g in optimizer.param_groups]))
    seen = range_test(model, optimizer, mse_loss, BATCHES, **QUICK)
    assert used == [[rate / 4, rate] for rate in seen.rates]
    assert seen.group_rates(0.01) == pytest.approx((0.0025, 0.01))


def test_ratios_are_those_of_the_base_rates_where_a_warmup_has_made_them_zero():
    model, optimizer = line(0.2, groups=2)
    Scheduler(optimizer, ss.Linear(0.0, 1.0, 10), relative=True)
    assert [group["lr"] for group in optimizer.param_groups] == [0.0, 0.0]
    seen = range_test(model, optimizer, mse_loss, BATCHES, **QUICK)
    assert seen.group_rates(0.01) == pytest.approx((0.01, 0.0025))


def test_each_group_may_have_a_range_of_its_own():
    model, optimizer = line(groups=2)
    used = []
    optimizer.register_step_pre_hook(lambda optimizer, *_: used.append([g["lr"] for g in optimizer.param_groups]))
    seen = range_test(model, optimizer, mse_loss, BATCHES, start_lr=[1e-4, 1e-3], end_lr=[0.1, 0.1], steps=4)
    assert pytest.approx(np.array([np.geomspace(1e-4, 0.1, 4), np.geomspace(1e-3, 0.1, 4)])) == np.array(used).T
    assert seen.rates == pytest.approx(np.geomspace(1e-4, 0.1, 4))
    assert seen.group_rates(seen.rates[1]) == pytest.approx(tuple(used[1]))


def test_with_a_range_for_each_group_the_result_is_about_the_highest_one():
    model, optimizer = line(groups=2)
    seen = range_test(model, optimizer, mse_loss, BATCHES, start_lr=[1e-6, 1e-4], end_lr=[1e-3, 1.0], steps=4)
    assert seen.rates == pytest.approx(np.geomspace(1e-4, 1.0, 4))
    assert seen.group_rates(1.0) == pytest.approx((1e-3, 1.0))


def test_the_validation_loss_is_taken_after_each_update_in_eval_mode_and_judged():
    model, optimizer = made()
    modes = []

    def loss(outputs, targets):
        modes.append(model.training)
        return mse_loss(outputs, targets)

    seen = range_test(model, optimizer, loss, BATCHES[:1], validation=BATCHES[1:], **QUICK)
    assert modes == [True, False, False] * 6
    (run,) = seen.runs
    assert len(run.validation_losses) == len(run.losses) == 6
    assert seen.losses.tolist() == list(run.validation_losses)
    assert seen.losses.tolist() != list(run.losses)


def test_a_part_that_is_in_eval_mode_stays_so_after_a_validation():
    model, seen = nn.Sequential(nn.Linear(1, 8), nn.BatchNorm1d(8), nn.Linear(8, 1)), []
    model[1].eval()
    model[1].register_forward_pre_hook(lambda module, _: seen.append((model.training, module.training)))
    range_test(model, SGD(model.parameters(), lr=0.1), mse_loss, BATCHES, validation=BATCHES[:1], **QUICK)
    assert seen == [(True, False), (False, False)] * 6


def test_a_seed_decides_what_a_data_set_with_a_generator_of_its_own_draws():
    class Noisy(torch.utils.data.Dataset):
        generator = None

        def __len__(self):
            return 48

        def __getitem__(self, index):
            return X[index], Y[index] + torch.rand(1, generator=self.generator)

    data = Noisy()
    data.generator = torch.Generator()
    model, optimizer = line()
    runs = range_test(model, optimizer, mse_loss, torch.utils.data.DataLoader(data, 8), seeds=(1, 2), **QUICK).runs
    assert runs[0].losses != runs[1].losses


def test_autocasting_computes_in_the_type_it_is_given():
    model, optimizer = line()
    types = []

    def loss(outputs, targets):
        types.append(outputs.dtype)
        return mse_loss(outputs.float(), targets)

    range_test(model, optimizer, loss, BATCHES, autocast=torch.bfloat16, **QUICK)
    assert set(types) == {torch.bfloat16}


def test_a_scaled_loss_makes_the_same_updates():
    model, optimizer = line()
    plain = range_test(model, optimizer, mse_loss, BATCHES, clip_norm=0.5, **QUICK)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**8)
    scaled = range_test(model, optimizer, mse_loss, BATCHES, clip_norm=0.5, scaler=scaler, **QUICK)
    assert scaled.losses == pytest.approx(plain.losses, rel=1e-5)


def test_it_goes_on_from_the_momentum_that_there_is():
    model, _ = line()
    optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
    fresh = range_test(model, optimizer, mse_loss, BATCHES, **QUICK)
    assert fresh.losses == pytest.approx(by_hand(fresh.rates, BATCHES, settings={"momentum": 0.9}), rel=1e-6)
    for parameter in model.parameters():
        optimizer.state[parameter]["momentum_buffer"] = torch.ones_like(parameter)
    assert range_test(model, optimizer, mse_loss, BATCHES, **QUICK).losses[2] != fresh.losses[2]


def test_earlier_gradients_are_not_used():
    model, optimizer = line()
    without = range_test(model, optimizer, mse_loss, BATCHES, **QUICK)
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 100.0)
    assert range_test(model, optimizer, mse_loss, BATCHES, **QUICK) == without


def test_gradients_of_parameters_outside_the_optimizer_do_not_accumulate():
    """Its gradient would grow from update to update, and leave less and less of the others'."""
    model, _ = line()
    optimizer = SGD(model[2].parameters(), lr=0.1)
    seen = range_test(model, optimizer, mse_loss, [(X, Y)], clip_norm=0.01, **QUICK)
    expected = []
    for rate in seen.rates:
        loss = mse_loss(model(X), Y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.01)
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()
        model.zero_grad()
        expected.append(loss.item())
    assert seen.losses == pytest.approx(expected, rel=1e-6)


def test_it_works_if_gradients_are_disabled():
    model, optimizer = line()
    expected = range_test(model, optimizer, mse_loss, BATCHES, **QUICK)
    with torch.no_grad():
        assert range_test(model, optimizer, mse_loss, BATCHES, **QUICK) == expected
        assert not torch.is_grad_enabled()


def test_it_works_in_inference_mode_too():
    model, optimizer = line()
    expected = range_test(model, optimizer, mse_loss, BATCHES, **QUICK)
    with torch.inference_mode():
        assert range_test(model, optimizer, mse_loss, BATCHES, **QUICK) == expected
        assert torch.is_inference_mode_enabled()
    assert not any(parameter.is_inference() for parameter in model.parameters())
    assert range_test(model, optimizer, mse_loss, BATCHES, **QUICK) == expected


def test_a_batch_may_be_none():
    model, optimizer = line()
    seen = range_test(model, optimizer, None, [None], closure=lambda model, batch: model(X).square().mean(), **QUICK)
    assert len(seen.losses) == 6


def test_seeds_are_runs_from_the_same_start():
    model, optimizer = made()
    seen = range_test(model, optimizer, mse_loss, loader(), seeds=(3, 4), **QUICK)
    turned = range_test(model, optimizer, mse_loss, loader(), seeds=(4, 3), **QUICK)
    assert [run.seed for run in seen.runs] == [3, 4]
    assert seen.runs == turned.runs[::-1]
    assert seen.runs[0].losses != seen.runs[1].losses
    with pytest.raises(ArgumentError, match="different from one another"):
        range_test(model, optimizer, mse_loss, loader(), seeds=(3, 3), **QUICK)


# Why it stops.


def test_it_stops_if_the_loss_diverges():
    model, optimizer = line()
    seen = range_test(model, optimizer, mse_loss, [(X, Y)], start_lr=1e-3, end_lr=1e3, steps=200)
    assert seen.stopped == "diverged"
    assert len(seen.rates) < 200
    assert np.isfinite(seen.losses).all()
    assert 0.01 < seen.suggest().rate < seen.suggest().largest_stable < 10.0


def test_an_infinite_stop_factor_stops_only_at_a_loss_that_is_not_finite():
    model, optimizer = line()
    seen = range_test(model, optimizer, mse_loss, BATCHES, start_lr=1e-3, end_lr=1e9, steps=300, stop_factor=math.inf)
    assert seen.stopped == "not finite"
    assert np.isfinite(seen.losses).all()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("at", [0, 7])
def test_a_loss_that_is_not_finite_ends_it_before_the_update(value, at):
    model, optimizer = line()
    losses, updates = [], []
    optimizer.register_step_pre_hook(lambda *_: updates.append(1))

    def closure(model, batch):
        losses.append(1)
        return mse_loss(model(batch[0]), batch[1]) * (value if len(losses) > at else 1.0)

    seen = range_test(model, optimizer, None, BATCHES, closure=closure, start_lr=1e-4, end_lr=0.1, steps=20)
    assert (seen.stopped, len(seen.losses), len(updates)) == ("not finite", at, at)


@settings(max_examples=25)
@given(st.floats(-1e3, 1e3), st.floats(0.01, 1e3))
def test_a_loss_that_is_negative_or_near_zero_is_not_taken_for_divergence(level, size):
    """The descent counts where the lowest value does not: level and size of the loss do not decide."""
    model, optimizer = line()
    shape = iter([*np.linspace(1.0, 0.0, 15), *np.linspace(0.0, 0.9, 5)])
    seen = range_test(
        model,
        optimizer,
        None,
        [0],
        closure=lambda model, _: model[0].weight.sum() * 0.0 + level + size * next(shape),
        steps=20,
    )
    assert seen.stopped == "end"


STOPS = {
    "not come down: four times the first": ([2.3, 9.1, 9.3], 2),
    "come down by a little: four times the lowest": ([2.3, 2.0, 7.9, 8.1], 3),
    "come down by much: three times the descent above the lowest": ([2.3, 0.3, 6.2, 6.4], 3),
    "down to zero": ([1.0, 0.0, 2.9, 3.1], 3),
    "from a negative one: three times its size above the lowest": ([-100.0, -101.0, 201.0, 203.0], 3),
    "on and on": ([2.3, 0.3, 6.2, 6.0], None),
}


@pytest.mark.parametrize(("losses", "over"), STOPS.values(), ids=STOPS)
def test_the_step_at_which_a_loss_has_diverged(losses, over):
    judge = Judge(factor=4.0, smoothing=0.0, has_moved=lambda: True)
    found = [judge.is_over(loss) for loss in losses]
    assert [index for index, is_over in enumerate(found) if is_over] == ([] if over is None else [over])


def test_the_loss_is_smoothed_without_bias():
    """After 1 and x it is (x + 0.5) / 1.5 for beta = 0.5: 5.93 of 8.4, and 5.8 of 8.2."""
    for last, over in ((8.4, True), (8.2, False)):
        judge = Judge(factor=5.9, smoothing=0.5, has_moved=lambda: True)
        assert [judge.is_over(loss) for loss in (1.0, last)] == [False, over]


@pytest.mark.parametrize(
    ("losses", "over"),
    [
        ([1.0, 1.1] * 15 + [50.0] * 4, 32),  # the third in a row
        ([1.0, 1.1] * 15 + [50.0, 50.0, 1.0, 50.0, 50.0], None),
        ([1.0, 1.1] * 8 + [50.0] * 8, 19),  # the twentieth of all
        ([0.0, *(1e-30 * 10.0**power for power in range(25))], 19),  # from zero on, the size is that of the first rise
    ],
)
def test_of_weights_that_have_hardly_moved_the_last_three_of_twenty_losses_are_far_above(losses, over):
    judge = Judge(4.0, 0.7, has_moved=lambda: False)
    assert next((index for index, loss in enumerate(losses) if judge.is_over(loss)), None) == over


def test_weights_that_have_hardly_moved_need_a_rise_beyond_the_noise():
    """Losses that differ by factors must rise further than steady ones, and one batch is never enough."""
    noisy = [10.0 ** (-3 + index % 3) for index in range(60)]
    steady = [1.0 + 0.1 * (index % 3) for index in range(60)]
    for losses, diverged in (([*noisy, 3.0], False), ([*noisy, 50.0, 3000.0, 90.0, 500.0, 800.0], True)):
        judge = Judge(4.0, 0.7, has_moved=lambda: False)
        assert any(judge.is_over(loss) for loss in losses) == diverged
    judge = Judge(4.0, 0.7, has_moved=lambda: False)
    assert [judge.is_over(loss) for loss in [*steady, 20.0, 30.0, 40.0]] == [False] * 62 + [True]


NOISES = {
    "a batch in ten is a hundred times as hard": lambda draws: (
        draws.lognormal(-6.0, 0.5) * draws.choice([1, 100], p=[0.9, 0.1])
    ),
    "log-normal": lambda draws: draws.lognormal(-5.0, 1.5),
    "around zero": lambda draws: draws.normal(),
    "of batches of 16, most of it from few samples": lambda draws: draws.exponential(size=16).__pow__(3).mean(),
}


@pytest.mark.parametrize("noise", NOISES.values(), ids=NOISES)
def test_noise_alone_is_rarely_taken_for_divergence(noise):
    """In one of a hundred tests at most. By the size of the rise alone it is in more than one in eight."""
    draws, over, far = np.random.default_rng(11), 0, 0
    for _ in range(300):
        judge, losses = Judge(4.0, 0.7, has_moved=lambda: False), [float(noise(draws)) for _ in range(100)]
        over += any(judge.is_over(loss) for loss in losses)
        judge = Judge(4.0, 0.7, has_moved=lambda: False)
        far += any(judge.is_far_above(loss) for loss in losses)
    assert over <= 3
    assert far > 37


# What it refuses.


def empty():
    return nn.ReLU(), None


def frozen():
    model, optimizer = line()
    return model.requires_grad_(False), optimizer


REFUSED = [
    ({"model": nn.ReLU()}, "must be a torch.nn.Module with parameters, got"),
    (
        dict(zip(("model", "optimizer"), frozen(), strict=True)),
        "of this model that require a gradient, got SGD; write SGD",
    ),
    ({"model": frozen()[0]}, "made for parameters of this model that require a gradient"),
    ({"model": lambda x: x}, "must be a torch.nn.Module"),
    ({"optimizer": SGD([torch.zeros(1, requires_grad=True)], lr=0.1)}, "made for parameters of this model"),
    ({"optimizer": 0.1}, "must be an optimizer of PyTorch, got 0.1"),
    ({"batches": []}, "batches=...\\) must be at least one batch in every pass, got .*; write a DataLoader or a list"),
    ({"batches": iter(BATCHES)}, "must be iterable more than once"),
    ({"batches": (batch for batch in BATCHES)}, "returns the same iterator each time; give the DataLoader or a list"),
    ({"batches": 3}, "a DataLoader, or a list of batches, got 3"),
    ({"batches": [X]}, r"must be pairs \(inputs, targets\), got a tensor of shape \(48, 1\)"),
    (
        {"batches": [(X, Y, Y)]},
        r"got a tuple of 3; for other batches write closure=..., a function \(model, batch\) that returns the loss",
    ),
    ({"validation": []}, "validation=...\\) must be at least one batch in every pass"),
    ({"loss_fn": lambda out, y: (out - y) ** 2}, r"one number, got a tensor of shape \(16, 1\); take the mean"),
    ({"loss_fn": lambda out, y: 0.5}, "one number, got 0.5"),
    (
        {"loss_fn": lambda out, y: mse_loss(out, y).detach()},
        r"trained parameter, got tensor.*; return it without .detach\(\) or .item\(\), and compute it outside torch",
    ),
    (
        {"loss_fn": None},
        r"function \(outputs, targets\), or None with a closure, got None; closure=... is a function \(model, batch\)",
    ),
    ({"loss_fn": nn.MSELoss}, r"got MSELoss; MSELoss is a class; write MSELoss\(\)"),
    ({"loss_fn": BATCHES, "batches": nn.MSELoss()}, r"the order is range_test\(model, optimizer, loss_fn, batches\)"),
    ({"closure": lambda model, batch: 0}, "or None with a closure, got <function"),
    ({"start_lr": 1.0, "end_lr": 0.1}, "must be below the last rate, got 1.0; the last rate is end_lr=0.1"),
    ({"start_lr": 0.1, "end_lr": 0.1}, "must be below the last rate"),
    ({"start_lr": 0.0}, "start_lr=...\\) must be a finite number > 0"),
    ({"end_lr": math.inf}, "end_lr=...\\) must be a finite number > 0"),
    ({"start_lr": [1e-3, 1e-3], "end_lr": [1.0, 1.0]}, "one rate for each of the 1 parameter groups"),
    ({"start_lr": [1e-3]}, r"must be of the form of end_lr: a number, or a list of .*; here end_lr=10.0$"),
    ({"steps": 1}, "at least 2, got 1"),
    ({"steps": 10.5}, "write 10 or 11"),
    ({"accumulation": 0}, "at least 1, got 0"),
    ({"autocast": True}, "autocast=...\\) must be a floating-point type such as torch.bfloat16, got True"),
    (
        {"autocast": torch.int32},
        "autocast=...\\) must be a floating-point type such as torch.bfloat16, got torch.int32",
    ),
    ({"scaler": True}, "scaler=...\\) must be a torch.amp.GradScaler, got True"),
    ({"observe": 3}, "observe=...\\) must be a function .update, rate, loss., got 3"),
    ({"shape": "lineal"}, 'did you mean "linear"'),
    ({"seeds": (0, -1)}, "at least 0, got -1"),
    ({"stop_factor": 1.0}, "> 1"),
    ({"smoothing": 1.0}, "<= 0.999"),
    ({"clip_norm": 0.0}, "> 0"),
]


def test_the_repr_leaves_out_the_losses():
    model, optimizer = line()
    test = range_test(model, optimizer, mse_loss, BATCHES, steps=50)
    assert len(repr(test)) < 250


@pytest.mark.parametrize(("changed", "words"), REFUSED, ids=[words for _, words in REFUSED])
def test_wrong_arguments_are_refused(changed, words):
    model, optimizer = line()
    given = {"model": model, "optimizer": optimizer, "loss_fn": mse_loss, "batches": BATCHES, "steps": 5, **changed}
    if given["model"] is not model and given["optimizer"] is optimizer and isinstance(given["model"], nn.Module):
        given["optimizer"] = SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    with pytest.raises(ArgumentError, match=words):
        range_test(**given)


class Stored:
    """Its __iter__ returns the one iterator that it stores."""

    def __init__(self, batches):
        self.batches = iter(batches)

    def __iter__(self):
        return self.batches


class StoredInALoader(torch.utils.data.DataLoader):
    def __iter__(self):
        self.stored = self.__dict__.get("stored") or super().__iter__()
        return self.stored


class StoredBehindAGenerator(Stored):
    def __iter__(self):
        yield from self.batches


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Stored, "its __iter__ returns the same iterator each time; give the DataLoader or a list"),
        (partial(StoredInALoader, batch_size=None), "its __iter__ returns the same iterator each time; "),
        (StoredBehindAGenerator, "at least one batch in every pass, got .*StoredBehindAGenerator"),
    ],
)
@pytest.mark.parametrize("name", ["batches", "validation"])
def test_a_loader_that_returns_one_stored_iterator_is_named_as_such(name, kind, words):
    model, optimizer = line()
    with pytest.raises(ArgumentError, match=rf"range_test\({name}=...\).*{words}"):
        range_test(model, optimizer, mse_loss, **{"batches": BATCHES, name: kind(BATCHES)}, **QUICK)


def squared(outputs, targets):
    return ((outputs - targets) ** 2).mean()


@pytest.mark.parametrize(
    ("loss", "targets"),
    [(mse_loss, Y.squeeze(1)), (squared, Y.squeeze(1)), (nn.functional.l1_loss, Y[:, :, None])],
    ids=["PyTorch's", "one's own", "more dimensions"],
)
@pytest.mark.parametrize("size", [2, 48])
def test_outputs_and_targets_that_broadcast_against_each_other_are_refused(loss, targets, size):
    model, optimizer = line()
    words = (
        r"the targets' shape in range_test must be that of the model's outputs, \(\d+, 1\), got .*; or the loss "
        r"compares each output with every target; write outputs.squeeze\(1\), for example$"
    )
    with pytest.raises(ArgumentError, match=words):
        range_test(model, optimizer, loss, [(X[:size], targets[:size])], **QUICK)


@pytest.mark.parametrize(
    ("loss", "targets"),
    [
        (lambda outputs, targets: mse_loss(outputs.squeeze(1), targets), Y.squeeze(1)),
        (
            lambda outputs, targets: nn.functional.cross_entropy(torch.cat([outputs, -outputs], 1), targets),
            (Y[:, 0] > 0.5) * 1,
        ),
        (lambda outputs, targets: nn.functional.cross_entropy(outputs, targets), torch.zeros(48, dtype=torch.long)),
        (lambda outputs, targets: (outputs[:, 0] - 0.1 * targets).square().mean(), torch.arange(48)),
        (lambda outputs, targets: outputs.mean(), torch.arange(48)),
        (mse_loss, Y),
    ],
    ids=["squeezed", "classes", "one class", "one column", "no targets", "one shape"],
)
def test_a_loss_that_is_right_for_different_ranks_is_accepted(loss, targets):
    model, optimizer = line()
    assert len(range_test(model, optimizer, loss, [(X, targets)], **QUICK).losses) == 6


@pytest.mark.parametrize(("shuffle", "size", "fixed"), [(False, 24, True), (True, 24, False), (False, 48, False)])
def test_a_loader_of_several_batches_that_does_not_shuffle_is_noted(shuffle, size, fixed):
    model, optimizer = line()
    batches = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X, Y), size, shuffle=shuffle)
    assert range_test(model, optimizer, mse_loss, batches, **QUICK).fixed_order == fixed
    assert not range_test(model, optimizer, mse_loss, BATCHES, **QUICK).fixed_order


def test_several_processes_are_refused():
    from torch.testing._internal.distributed.fake_pg import FakeStore

    model, optimizer = line()
    torch.distributed.init_process_group("fake", rank=0, world_size=2, store=FakeStore())
    try:
        with pytest.raises(
            ArgumentError, match="distributed must be 1, got 2; run range_test before init_process_group, or"
        ):
            range_test(model, optimizer, mse_loss, BATCHES, **QUICK)
    finally:
        torch.distributed.destroy_process_group()
    assert len(range_test(model, optimizer, mse_loss, BATCHES, **QUICK).losses) == 6


def test_lbfgs_is_refused():
    model, _ = line()
    with pytest.raises(ArgumentError, match="must be an optimizer other than LBFGS"):
        range_test(model, LBFGS(model.parameters()), mse_loss, BATCHES)


def test_an_optimizer_under_a_scheduler_of_pytorch_causes_no_warning():
    model, optimizer = line()
    LambdaLR(optimizer, lambda step: 1 / (1 + step))
    assert len(range_test(model, optimizer, mse_loss, BATCHES, **QUICK).losses) == 6


# Pain 13: the finder leaves the model changed, is fooled by noise, does not stop at NaN.


def test_pain_13_noise_gives_no_suggestion_but_the_data():
    model, optimizer = line()
    noise = torch.Generator().manual_seed(0)
    seen = range_test(
        model,
        optimizer,
        None,
        [0],
        closure=lambda model, _: model[0].weight.sum() * 0.0 + 1.0 + 0.1 * torch.randn(1, generator=noise),
    )
    assert seen.suggest().rate is None
    assert "noise" in seen.suggest().reason
    assert len(seen.losses) == len(seen.rates) == 100
