"""What is said of loaders, losses and weights that cannot be used, and of batches that a network cannot take."""

import math

import pytest
from loader_tasks import Stream, X, Y, drawing, network, task_of, trained
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from stepsize.errors import ArgumentError, RunError
from stepsize.lab import Experiment, Task
from stepsize.lab.engines import stacked

pytestmark = pytest.mark.usefixtures("one_thread")


def test_settings_of_the_loader_are_refused_in_the_experiment():
    with pytest.raises(ArgumentError) as caught:
        task_of([(X, Y)]).horizon(Experiment(batch_size=16, drop_last=True, steps=10, samples=8))
    assert [each.argument for each in caught.value.problems] == ["samples", "batch_size", "drop_last", "steps"]
    assert "DataLoader(..., batch_size=16)" in str(caught.value)
    words = "steps=...) must be left out, since the loader has 1 batch in a pass, got 10; write epochs=..."
    assert words in str(caught.value)


def test_the_stacked_engine_refuses_loaders(monkeypatch):
    monkeypatch.setattr(stacked, "experiment_task", lambda _: task_of(drawing()))
    with pytest.raises(ArgumentError, match=r"must be a task whose samples are tensors, .*; write engine='local'"):
        stacked.check(Experiment(engine="stacked"))


class Changing:
    """A loader that gives another number of batches than it says, or says another number in each pass."""

    def __init__(self, given, said):
        self.given, self.said, self.passes = given, said, 0

    def __len__(self):
        return self.said[min(self.passes, len(self.said) - 1)]

    def __iter__(self):
        self.passes += 1
        yield from [(X, Y)] * self.given


@pytest.mark.parametrize(
    ("loader", "words"),
    [
        (
            Changing(2, [3]),
            "the loader gave 2 of its 3 batches in pass 1; the length of a run, and with it its schedule, is fixed "
            "before "
            "it begins: give every pass as many batches$",
        ),
        (Changing(4, [3]), "^the loader gave more than its 3 batches in pass 1; the length of a run"),
        (Changing(9, [3]), "gave more than its 3 batches in pass 1; the length of a run"),
        (Changing(3, [3, 5]), "has 5 batches in pass 2, but had another number before"),
        (Changing(0, [3]), "gave 0 of its 3 batches"),
        ([(X[:0], Y[:0])], "a batch has no tensor with a row for each sample"),
        (
            [("a", "b")],
            r"a batch has no tensor with a row for each sample, got \('a', 'b'\); turn its parts into tensors, as by "
            r"torch\.as_tensor$",
        ),
        (
            DataLoader([[1.0], [2.0]]),
            "a batch must be a tuple or a list of at least two parts, a mapping or a tensor, got one of 1; yield "
            r"\(inputs, targets\), a dictionary of tensors, or a tensor$",
        ),
    ],
)
def test_a_loader_that_does_not_keep_its_word_is_refused(loader, words):
    with pytest.raises(RunError, match=words):
        trained(task_of(loader))


def test_a_test_loader_without_batches_is_refused():
    with pytest.raises(
        RunError, match=r"^the loader gave no batch; give one that can be read again, with at least one batch$"
    ):
        trained(task_of([(X, Y)], test=Changing(0, [1])))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            iter([(X, Y)]),
            "it can be read once; give an object whose __iter__ begins again, or a list of batches$",
        ),
        (TensorDataset(X, Y), r"write DataLoader\(dataset, batch_size=256\)"),
        (Stream(), r"write DataLoader\(dataset, batch_size=256\)"),
        ([], "a loader with at least one batch"),
        (X, "two tensors, inputs and targets, or a loader"),
        (X.numpy(), "two tensors, inputs and targets, or a loader"),
        (7, "must be two tensors, inputs and targets, or a loader: a re-iterable of batches, got 7"),
        (
            (X.numpy(), Y.numpy()),
            "a batch is a tuple or a list of at least two parts, a mapping or a tensor; see torch.as_tensor$",
        ),
        (
            (X, Y),
            "two tensors, inputs and targets, as the other samples are, got .*; give train and test in one form, as "
            "tensors or as loaders$",
        ),
    ],
)
def test_what_is_neither_tensors_nor_a_loader_is_refused(given, words):
    with pytest.raises(ArgumentError, match=words):
        task_of(given, drawing())


def test_a_loss_of_outputs_and_targets_is_told_from_one_of_batches():
    with pytest.raises(
        RunError,
        match=r"^the loss of the task 'task' fails on a batch, but works on its last part \(.*\); with loaders it gets "
        r"\(outputs, batch\): write loss=lambda outputs, batch: your_loss\(outputs, batch\[-1\]\)$",
    ):
        trained(task_of([(X, Y)], loss=lambda outputs, targets: ((outputs - targets) ** 2).mean()))
    for batch, kind in (({"input": X}, "mappings"), (X, "tensors")):
        words = (
            rf"^the batches of the task 'task' are {kind}, but its outputs have no loss; give the task loss=\.\.\., a "
            r"function \(outputs, batch\) that returns the mean loss$"
        )
        with pytest.raises(RunError, match=words):
            trained(task_of([batch], net=lambda: nn.Linear(1, 1), loss=functional.cross_entropy))
    with pytest.raises(ZeroDivisionError):
        trained(task_of([(X, Y)], loss=lambda outputs, batch: 1 / 0))
    with pytest.raises(ZeroDivisionError):
        trained(task_of([{"input": X}], net=lambda: nn.Linear(1, 1), loss=lambda outputs, batch: 1 / 0))


class Failing(nn.Module):
    def forward(self, x):
        return x + None


def test_a_type_error_within_the_network_is_its_own():
    with pytest.raises(TypeError, match="unsupported operand"):
        trained(task_of([(X, Y)], net=lambda: nn.Sequential(nn.Linear(1, 1), Failing())))


@pytest.mark.parametrize(
    ("batch", "words"),
    [
        (
            (X, Y, Y),
            r"^the network cannot be called as model\(\*batch\[:-1\]\) with a batch of the loader: too many positional "
            "arguments; write a network that takes these arguments, or a collate_fn that makes others$",
        ),
        ({"input": X, "index": Y}, r"as model\(\*\*batch\) .*: got an unexpected keyword argument 'index'; write"),
        ([X, Y, Y], r"cannot be called as model\(\*batch\[:-1\]\) .*: too many positional arguments"),
    ],
)
def test_a_network_that_takes_other_arguments_than_the_batch_has_is_refused(batch, words):
    with pytest.raises(RunError, match=words):
        trained(task_of([batch], net=lambda: nn.Linear(1, 1), loss=lambda outputs, _: outputs.mean()))


@pytest.mark.parametrize("weight", [0, -1.0, math.nan, math.inf])
def test_a_weight_that_is_not_positive_is_refused(weight):
    words = f"`weight` of the task 'task' must return a finite number above 0, got {weight:g}$"
    with pytest.raises(RunError, match=words):
        trained(task_of([(X, Y)], weight=lambda batch: weight))
    with pytest.raises(ArgumentError, match="must be a function of the batch of a loader"):
        Task(network, (X, Y), (X, Y), weight=lambda batch: 1.0)


def test_a_loss_that_is_nan_diverges():
    assert trained(task_of([(X, math.nan * Y)]))[0].status == "diverged"
    assert trained(task_of([(X, Y)], [(X, math.nan * Y)]))[0].status == "diverged"


def normalised():
    return nn.Sequential(nn.Linear(1, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))


def test_batch_normalisation_of_one_sample_names_drop_last():
    tensors = Task(normalised, (X, Y), (X, Y), functional.mse_loss, None)
    loader = task_of(DataLoader(TensorDataset(X, Y), 63), net=normalised)
    where = "in the experiment or in train", "in the DataLoader"
    for task, settings, place in zip((tensors, loader), ({"batch_size": 63}, {}), where, strict=True):
        with pytest.raises(
            RunError,
            match="^the network of the task 'task' has batch normalisation, which cannot train on a batch of one "
            "sample, "
            f"such as the last one of an epoch; leave that batch out with drop_last=True {place}$",
        ):
            trained(task, **settings)
    assert trained(tensors, batch_size=63, drop_last=True)[0].epochs[-1].step == 2
    whole = DataLoader(TensorDataset(X, Y), 63, drop_last=True)
    assert trained(task_of(whole, net=normalised))[0].epochs[-1].step == 2
