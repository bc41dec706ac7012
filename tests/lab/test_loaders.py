"""Tasks whose samples come in loaders: batches of any form, weights, seeds, positions, lengths."""

import functools
import itertools
import math
import random
from collections import UserDict

import numpy as np
import pytest
import torch
from loader_tasks import Drawing, Recorded, Stream, X, Y, drawing, network, task_of, trained
from torch import nn
from torch.nn import functional
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    SubsetRandomSampler,
    TensorDataset,
)

from stepsize.errors import ArgumentError, ParseError, RunError
from stepsize.lab import Experiment, Task, load_task
from stepsize.lab.tasks.sample_forms import on_device

pytestmark = pytest.mark.usefixtures("one_thread")


def logged(log):
    return [(each.step, each.train_loss) for each in log.points], [each.test_loss for each in log.epochs]


def test_a_list_of_batches_trains_as_a_plain_loop_does():
    batches = [*zip(X.split(20), Y.split(20), strict=True)]
    _, weights = trained(task_of(batches, net=lambda: nn.Linear(1, 1)))
    model = task_of(batches, net=lambda: nn.Linear(1, 1)).initial_model(0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for inputs, targets in batches * 2:
        functional.mse_loss(model(inputs), targets).backward()
        optimizer.step()
        optimizer.zero_grad()
    assert [parameter.tolist() for parameter in model.parameters()] == weights


class Shifting(nn.Linear):
    def forward(self, x):
        return super().forward(x.add_(1.0))


def test_a_network_that_works_in_place_leaves_a_list_of_batches_as_it_is():
    batches = [(X.clone(), Y.clone())]
    trained(task_of(batches, batches, net=lambda: Shifting(1, 1)))
    assert torch.equal(batches[0][0], X)


class Named(nn.Linear):
    """A network in the manner of transformers, whose outputs hold the loss."""

    def forward(self, inputs, targets=None, scale=None):
        outputs = super().forward(inputs["x"] if isinstance(inputs, dict) else inputs)
        if targets is None:
            return outputs, inputs
        return {"loss": functional.mse_loss(outputs, targets), "logits": outputs}


FORMS = {
    "tuples": ([(X, Y)], functional.mse_loss),
    "lists": ([[X, Y]], nn.MSELoss()),
    "mappings": ([{"inputs": X, "targets": Y}], functional.cross_entropy),
    "nested": ([({"x": X}, Y)], lambda outputs, batch: functional.mse_loss(outputs[0], batch[1])),
    "a number first": ([{"scale": torch.tensor(1.0), "inputs": X, "targets": Y}], functional.cross_entropy),
    "tensors": ([X], lambda outputs, batch: functional.mse_loss(outputs[0], batch**2 + batch)),
    "three parts": ([(X, Y, X)], lambda outputs, batch: functional.mse_loss(outputs["logits"], batch[1])),
}  # fmt: skip


def test_a_loss_of_pytorch_with_settings_gets_the_targets():
    smooth = functools.partial(functional.huber_loss, delta=100.0)
    _, weights = trained(task_of([(X, Y)], None, smooth, lambda: nn.Linear(1, 1)))
    half = lambda outputs, batch: functional.mse_loss(outputs, batch[1]) / 2  # noqa: E731
    _, expected = trained(task_of([(X, Y)], None, half, lambda: nn.Linear(1, 1)))
    np.testing.assert_allclose(weights[0], expected[0], rtol=1e-6)
    np.testing.assert_allclose(weights[1], expected[1], rtol=1e-6)


def test_a_loss_without_a_gradient_is_refused_if_the_outputs_are_no_tensor_too():
    def cut_off(outputs, batch):
        return functional.mse_loss(outputs["logits"], batch["targets"]).detach()

    batches = [{"inputs": X, "targets": Y}]
    with pytest.raises(RunError, match="has no gradient; remove what cuts it off"):
        trained(task_of(batches, batches, cut_off, lambda: Named(1, 1)))


def test_parts_of_a_batch_that_are_no_tensors_stay_as_they_are():
    batch = {"x": X, "names": ["a", "b"], "pair": (Y, "c")}
    moved = on_device(batch, torch.device("cpu"))
    assert (moved["names"], moved["pair"][1]) == (["a", "b"], "c")
    assert type(on_device(UserDict(batch), torch.device("cpu"))) is UserDict
    assert torch.equal(moved["x"], X)
    assert moved["x"] is not X


@pytest.mark.parametrize("form", FORMS)
def test_batches_of_any_form_train_alike(form):
    batches, loss = FORMS[form]
    kind = nn.Linear if form in ("tuples", "lists") else Named
    log, weights = trained(task_of(batches, batches, loss, lambda: kind(1, 1)))
    plain, expected = trained(task_of([(X, Y)], None, net=lambda: nn.Linear(1, 1)))
    assert weights == expected
    assert logged(log) == logged(plain)


def test_a_batch_of_transformers_reaches_its_model_and_the_loss_of_its_outputs():
    transformers = pytest.importorskip("transformers")
    sizes = {"vocab_size": 11, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    config = transformers.BertConfig(**sizes, intermediate_size=8, num_labels=2)
    tokens = torch.randint(11, (6, 5), generator=torch.Generator().manual_seed(0))
    batch = transformers.BatchEncoding({"input_ids": tokens, "labels": tokens[:, 0] % 2})
    task = Task(lambda: transformers.BertForSequenceClassification(config), [batch], [batch])
    log, _ = trained(task, 0.5, epochs=8)
    assert log.epochs[-1].test_loss < log.epochs[0].test_loss < 1
    assert math.isnan(log.epochs[-1].test_accuracy)
    assert task.accuracy == "none: the task counts none in such batches"


def padded(*sizes):
    """A batch with a row for each size, in which as many targets are not padding."""
    targets = torch.full((len(sizes), 6), -100)
    for row, size in enumerate(sizes):
        targets[row, :size] = torch.arange(size) % 3
    return torch.linspace(-1, 1, len(sizes) * 6).reshape(len(sizes), 6, 1), targets


def tokens_loss(outputs, batch):
    return functional.cross_entropy(outputs.transpose(1, 2), batch[1])


def tokens_in(batch):
    return (batch[1] >= 0).sum()


def tokens_right(outputs, batch):
    return (outputs.argmax(dim=2) == batch[1]).sum()


def test_accumulation_over_padded_batches_equals_one_big_batch():
    parts = [padded(1), padded(6, 2), padded(3, 3, 3)]
    whole = tuple(torch.cat(each) for each in zip(*parts, strict=True))
    settings = {"net": lambda: nn.Linear(1, 3), "loss": tokens_loss, "weight": tokens_in, "correct": tokens_right}
    apart, weights = trained(task_of(parts, parts, **settings), epochs=3, accumulation=3)
    together, expected = trained(task_of([whole], [whole], **settings), epochs=3)
    for one, other in zip(weights, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)
    for one, other in zip(apart.epochs, together.epochs, strict=True):
        assert tuple(vars(one).values()) == pytest.approx(tuple(vars(other).values()), rel=1e-5)
    unweighted, _ = trained(task_of(parts, parts, **{**settings, "weight": None, "correct": None}), accumulation=3)
    assert abs(unweighted.epochs[-1].test_loss - together.epochs[1].test_loss) > 1e-3


@pytest.mark.parametrize("workers", [{}, {"num_workers": 2}, {"num_workers": 2, "persistent_workers": True}])
def test_the_same_seed_gives_the_same_samples_whatever_the_network_draws(workers):
    seen = []
    loader = drawing(**workers)
    for rate, net in ((0.1, network), (0.3, lambda: nn.Linear(1, 1))):
        loss = Recorded()
        random.random(), np.random.rand(), torch.rand(7)  # noqa: NPY002
        trained(task_of(loader, loss=loss, net=net), rate)
        seen.append(loss.seen)
    assert seen[0] == seen[1]
    epochs = seen[0][:4], seen[0][4:]
    assert epochs[0] != epochs[1]


def test_another_seed_gives_other_samples_and_an_evaluation_is_the_same_each_time():
    seen = []
    for seed in (0, 1):
        loss = Recorded()
        trained(task_of(drawing(), loss=loss), seed=seed)
        seen.append(loss.seen)
    assert seen[0] != seen[1]
    log, _ = trained(task_of(drawing(), drawing()), rate=0.0)
    assert log.epochs[0].test_loss == log.epochs[1].test_loss


def test_the_epoch_is_told_to_samplers_and_data_sets():
    told = []

    class Told(RandomSampler):
        def set_epoch(self, epoch):
            told.append(epoch)

    data = TensorDataset(X, Y)
    trained(task_of(DataLoader(data, batch_sampler=BatchSampler(Told(data), 16, drop_last=False))), epochs=3)
    assert told == [0, 1, 2]


LOADERS = {
    "in process": drawing,
    "two workers": lambda: drawing(num_workers=2),
    "batches": lambda: [(X, Y), (Y, X)] * 2,
}


@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.parametrize("stops_at", [3, 4])
def test_a_resume_continues_in_the_same_bits(tmp_path, name, stops_at):
    steps = []
    settings = {"log_every": 1, "checkpoint": tmp_path / "run.pt", "observe": lambda each: steps.append(each.step)}
    task, never_stopped = task_of(LOADERS[name]()), trained(task_of(LOADERS[name]()), log_every=1)
    trained(task, **settings, should_stop=lambda: steps[-1] >= stops_at)
    log, weights = trained(task_of(LOADERS[name]()), **settings)
    assert weights == never_stopped[1]
    assert logged(log)[1] == logged(never_stopped[0])[1][-len(log.epochs) :]


def test_a_stream_needs_steps_and_its_resume_says_that_it_may_be_inexact(tmp_path):
    task = task_of(DataLoader(Stream(), batch_size=None))
    with pytest.raises(ArgumentError, match=r"steps=.* must be given, since the loader has no length, .*steps=2000"):
        trained(task)
    with pytest.raises(ArgumentError, match=r"must be a multiple of epochs=2, got 9; write steps=10"):
        trained(task, steps=9)
    whole, weights = trained(task, 'Cosine(0.1, 0.0, "100%")', steps=10, accumulation=3, log_every=1)
    assert [each.step for each in whole.epochs] == [5, 10]
    steps = []
    settings = {"steps": 10, "accumulation": 3, "log_every": 1, "checkpoint": tmp_path / "run.pt"}
    trained(task, 'Cosine(0.1, 0.0, "100%")', **settings, observe=lambda each: steps.append(each.step),
            should_stop=lambda: len(steps) == 7)  # fmt: skip
    with pytest.warns(
        UserWarning,
        match="^the training samples are a stream: the batches already seen were skipped, but it may have given "
        "others, so "
        "the bits may differ from those of a run without an interruption",
    ):
        _, again = trained(task, 'Cosine(0.1, 0.0, "100%")', **settings)
    assert again == weights


def test_a_finite_stream_begins_again_when_it_has_no_more():
    class Quarters(IterableDataset):
        def __iter__(self):
            return zip(X.split(16), X.split(16), strict=True)

    loss = Recorded()
    trained(task_of(DataLoader(Quarters(), batch_size=None), loss=loss), epochs=2, steps=6)
    assert loss.seen == [X.split(16)[number].flatten().tolist() for number in (0, 1, 2, 3, 0, 1)]


def test_lengths_in_samples_are_those_of_a_data_loader_with_a_batch_size():
    asked = Experiment({"down": 'Linear(0.1, 0.0, "64sp")'}, epochs=3, accumulation=2)
    horizon = task_of(DataLoader(TensorDataset(X, Y), 10, drop_last=True)).horizon(asked)
    assert (horizon.epoch_steps, horizon.steps, horizon.of("30sp")) == (3, 9, 2)
    some = DataLoader(TensorDataset(X, Y), 10, sampler=SubsetRandomSampler(range(30)))
    assert task_of(some).horizon(Experiment(epochs=3)).steps == 9
    for length in ("64sp", "64tok"):
        asked = Experiment({"down": f'Linear(0.1, 0.0, "{length}")'})
        with pytest.raises(ParseError, match="since the loader does not say its number of samples"):
            asked.run_specs(task_of([(X, Y)]).horizon(asked))


def test_the_digests_of_loaders_are_their_sizes_as_far_as_they_are_known():
    batches, pairs = [(X, Y)] * 3, TensorDataset(X, Y)
    some = DataLoader(pairs, 10, sampler=SubsetRandomSampler(range(34)))
    assert task_of(some, batches).digests == ("train batches: 4 with 34 samples", "test batches: 3")
    whole = DataLoader(pairs, batch_sampler=BatchSampler(SequentialSampler(pairs), 10, drop_last=True))
    stream = DataLoader(Stream(), batch_size=None)
    assert task_of(stream, whole).digests == ("train batches: any number", "test batches: 6")
    assert [task_of(each).samples for each in (some, batches, whole, stream)] == [34, None, None, None]


def test_samples_can_be_held_out_from_a_data_loader_that_is_shuffled_or_in_order():
    task = task_of(drawing())
    held = task.first(50).held_out()
    assert (held.samples, len(held.test.dataset)) == (40, 10)
    rows = [X[each.dataset.dataset.indices][each.dataset.indices] for each in (held.train, held.test)]
    assert torch.equal(torch.cat(rows).sort(dim=0).values, X[:50])
    assert trained(held)[0].epochs[-1].step == 6
    whole = DataLoader(Drawing(), 16, shuffle=True, drop_last=True, collate_fn=list, generator=torch.Generator())
    held = task_of(whole).held_out()
    assert (held.train.drop_last, held.test.drop_last) == (True, False)
    assert isinstance(held.test.sampler, SequentialSampler)
    assert isinstance(held.train.sampler, RandomSampler)
    for each in (held.train, held.test):
        assert (each.collate_fn, each.generator) == (list, whole.generator)
    pairs = TensorDataset(X, Y)
    some = [RandomSampler(pairs, replacement=True), RandomSampler(pairs, num_samples=30), SubsetRandomSampler(range(9))]
    loaders = (DataLoader(pairs, 16, sampler=sampler) for sampler in some)
    for loader in ([(X, Y)], DataLoader(Stream(), batch_size=None), *loaders):
        with pytest.raises(
            ArgumentError,
            match=r"held_out=\.\.\.\) must be left out, since the task's loader is not a DataLoader with a "
            r"batch_size, in "
            "order or shuffled, got True; choose the samples in the task",
        ):
            task_of(loader).horizon(Experiment(held_out=True, steps=3))


def test_accuracies_of_pairs_are_chosen_by_their_shapes():
    images, classes = load_task("digits").test
    loader = DataLoader(TensorDataset(images, classes), 90)
    task = Task(load_task("digits").model, loader, loader)
    tensors = Task(load_task("digits").model, (images, classes), (images, classes))
    assert task.accuracy == tensors.accuracy == "highest of 10 class scores"
    one, other = (trained(each, batch_size=size)[0].epochs[-1] for each, size in ((task, None), (tensors, 90)))
    assert 0 < one.test_accuracy < 1
    assert abs(one.test_accuracy - other.test_accuracy) < 0.2


def test_drop_last_leaves_out_other_samples_in_each_epoch():
    seen = []

    def loss(outputs, targets):
        seen.append(targets.flatten().tolist())
        return functional.mse_loss(outputs, targets)

    task = Task(lambda: nn.Linear(1, 1), (X, Y), (X, Y), loss, None)
    log, _ = trained(task, 'Constant(0.1).head("100%")', batch_size=15, accumulation=3, drop_last=True)
    assert log.epochs[-1].step == 4
    first, second = (sorted(itertools.chain(*seen[at : at + 4])) for at in (0, 5))  # the fifth is the test set
    assert len(first) == len(second) == 60
    assert first != second
    assert Experiment(batch_size=15, accumulation=3, drop_last=True, epochs=2).horizon(64).steps == 4
