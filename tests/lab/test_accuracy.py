"""Only tasks that have an accuracy report one, never above 1; a plateau with mode "max" follows it."""

import math

import pytest
import torch
from own_tasks import X
from torch import nn
from torch.nn import functional
from torch.optim.lr_scheduler import ReduceLROnPlateau

from stepsize.errors import ArgumentError, RunError
from stepsize.lab import Task, load_task, train
from stepsize.lab.engines.stack import Stack
from stepsize.lab.tasks.judging import usual_right
from stepsize.lab.training.samples import Samples, Tally, measure
from stepsize.pytorch import Plateau, Scheduler

pytestmark = pytest.mark.usefixtures("one_thread")

POSITIVE = (X > 0).float()
CLASSES = (X[:, 0] > 0).long()
IMAGES = X.reshape(-1, 1, 1, 1).expand(-1, 1, 4, 4).contiguous()
PIXELS = (IMAGES[:, 0] > 0).long()


def squeezed():
    return nn.Sequential(nn.Linear(1, 1), nn.Flatten(0))


def bytes_loss(outputs, targets):
    return functional.cross_entropy(outputs, targets.long())


def own_loss(outputs, targets):
    return functional.mse_loss(outputs, targets.to(outputs.dtype))


# A network, inputs, targets and a loss.
WITH = {
    "classes": (lambda: nn.Linear(1, 2), X, CLASSES, functional.cross_entropy),
    "bytes as classes": (lambda: nn.Linear(1, 3), X, CLASSES.to(torch.uint8), bytes_loss),
    "pixels": (lambda: nn.Conv2d(1, 2, 1), IMAGES, PIXELS, functional.cross_entropy),
    "tokens": (lambda: nn.Conv1d(1, 2, 1), IMAGES[:, 0, :1], PIXELS[:, 0], nn.CrossEntropyLoss()),
    "logits (n, 1)": (lambda: nn.Linear(1, 1), X, POSITIVE, functional.binary_cross_entropy_with_logits),
    "logits (n,)": (squeezed, X, POSITIVE[:, 0], nn.BCEWithLogitsLoss()),
    "logits of pixels": (lambda: nn.Conv2d(1, 1, 1), IMAGES, PIXELS[:, None].float(), nn.BCEWithLogitsLoss()),
    "probabilities": (lambda: nn.Sequential(nn.Linear(1, 1), nn.Sigmoid()), X, POSITIVE, nn.BCELoss()),
    "chances": (lambda: nn.Sequential(nn.Linear(1, 1), nn.Sigmoid()), X, POSITIVE, functional.binary_cross_entropy),
}  # fmt: skip
WITHOUT = {
    "a line": (lambda: nn.Linear(1, 1), X, 2 * X, functional.mse_loss),
    "a flat line": (squeezed, X, 2 * X[:, 0], functional.l1_loss),
    "several numbers": (lambda: nn.Linear(1, 3), X, X.expand(-1, 3), functional.mse_loss),
    "whole numbers": (lambda: nn.Linear(1, 1), X, POSITIVE.long(), own_loss),
    "several whole numbers": (lambda: nn.Linear(1, 3), X, POSITIVE.long().expand(-1, 3), own_loss),
    "0 and 1 by a square": (lambda: nn.Linear(1, 1), X, POSITIVE, functional.mse_loss),
    "several labels": (lambda: nn.Linear(1, 3), X, POSITIVE.expand(-1, 3), nn.BCEWithLogitsLoss()),
    "images": (lambda: nn.Conv2d(1, 1, 1), IMAGES, IMAGES, functional.mse_loss),
    "shares of classes": (lambda: nn.Linear(1, 2), X, torch.cat([POSITIVE, 1 - POSITIVE], 1), functional.cross_entropy),
}


def task_of(case, **more):
    network, inputs, targets, loss = case
    return Task(network, (inputs, targets), (inputs, targets), loss, **more)


def trained(task, lr=0.5, epochs=20, **settings):
    model = task.initial_model(0)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.5)
    return train(
        model, task, optimizer, lr(optimizer) if callable(lr) else lr, epochs=epochs, batch_size=16, **settings
    )


@pytest.mark.parametrize("name", WITH)
def test_classes_and_binary_answers_have_an_accuracy_that_rises_to_1(name):
    epochs = trained(task_of(WITH[name])).epochs
    for each in epochs:
        assert 0 <= each.train_accuracy <= 1
        assert 0 <= each.test_accuracy <= 1
    assert epochs[-1].test_accuracy > 0.9


@pytest.mark.parametrize("name", WITHOUT)
def test_other_tasks_have_no_accuracy(name):
    log = trained(task_of(WITHOUT[name]), epochs=1)
    assert all(math.isnan(each.train_accuracy) for each in (*log.points, *log.epochs))
    assert math.isnan(log.epochs[-1].test_accuracy)


WORDS = {"classes": "highest of 2 class scores", "pixels": "highest of 2 class scores", "tokens": "highest of 2 class"}
WORDS |= {"bytes as classes": "highest of 3 class scores", "probabilities": "probability above 0.5"}
WORDS |= {"chances": "probability above 0.5"}


@pytest.mark.parametrize("name", WITH | WITHOUT)
def test_the_task_says_how_right_samples_are_counted(name):
    expected = WORDS.get(name, "sign of a logit" if name in WITH else "none: outputs")
    assert task_of((WITH | WITHOUT)[name]).accuracy.startswith(expected)


def test_the_task_says_that_the_user_counts_or_nobody():
    assert task_of(WITH["classes"], correct=None).accuracy == "none: the task has correct=None"
    assert task_of(WITH["classes"], correct=lambda *_: 1).accuracy == "counted by the task's own function"
    unfit = Task(lambda: nn.Linear(2, 2), (X, CLASSES), (X, CLASSES))
    assert unfit.accuracy == "unknown, since the network does not take the test samples"


@pytest.mark.parametrize("name", ["classes", "logits (n, 1)", "pixels", "a line", "several labels"])
def test_a_stack_has_the_accuracy_of_each_network_alone(name):
    case = (WITH | WITHOUT)[name]
    task = task_of((lambda: nn.Sequential(case[0]()), *case[1:]))
    samples = Samples(*task.test)
    together = Stack(task, (0, 1), torch.device("cpu")).measure(samples)
    alone = [measure(task.initial_model(seed), task, samples) for seed in (0, 1)]
    for one, other in zip(together, alone, strict=True):
        assert one[1] == pytest.approx(other[1], nan_ok=True)


def test_a_sample_with_several_targets_counts_by_its_fraction():
    scores = torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0], [0.0, 0.0]]])  # two samples, two classes, two places
    right = usual_right(functional.cross_entropy, scores, torch.tensor([[0, 0], [0, 0]]))
    assert right.item() == 1.5


def test_a_count_above_the_number_of_samples_is_refused():
    case = (lambda: nn.Sequential(nn.Conv2d(1, 2, 1)), *WITH["pixels"][1:])
    task = task_of(case, correct=lambda outputs, targets: (outputs.argmax(1) == targets).sum())
    words = (
        r"^`correct` of the task counted \d+ right of 64 samples; count each sample once, or by its fraction of right "
        r"targets if it has several$"
    )
    with pytest.raises(RunError, match=words):
        trained(task)
    with pytest.raises(RunError, match="count each sample once"):
        Stack(task, (0, 1), torch.device("cpu")).measure(Samples(*task.test))


def test_a_count_below_zero_is_refused_and_one_that_rounding_has_raised_is_all_of_them():
    with pytest.raises(RunError, match=r"counted -\d+ right of \d+ samples"):
        trained(task_of(WITH["classes"], correct=lambda *_: torch.tensor(-1)))
    rounded = task_of(WITH["classes"], correct=lambda _, targets: torch.tensor(len(targets) * (1 + 5e-7)).double())
    assert {epoch.test_accuracy for epoch in trained(rounded, epochs=1).epochs} == {1.0}


def test_a_correct_that_is_not_a_function_is_refused():
    with pytest.raises(ArgumentError, match=r'must be a function, "auto" or None, got \'top1\''):
        task_of(WITH["classes"], correct="top1")


PLATEAU = {"mode": "max", "factor": 0.5, "patience": 0, "threshold": 0.2, "threshold_mode": "abs"}
FOLLOWS = {
    "ours": lambda optimizer: Scheduler(optimizer, 0.1, feedback=Plateau(**PLATEAU)),
    "torch": lambda optimizer: ReduceLROnPlateau(optimizer, **PLATEAU),
}


@pytest.mark.parametrize("kind", FOLLOWS)
def test_a_plateau_of_mode_max_follows_the_test_accuracy(kind):
    task = load_task("digits")
    model = task.initial_model(0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    log = train(model, task, optimizer, FOLLOWS[kind](optimizer), epochs=6, batch_size=64)
    judge = ReduceLROnPlateau(torch.optim.SGD([torch.zeros(1)], lr=0.1), **PLATEAU)
    expected = [0.1]
    for epoch in log.epochs[:-1]:
        judge.step(epoch.test_accuracy)
        expected += judge.get_last_lr()
    assert [point.lr for point in log.points if point.step in {each.step for each in log.epochs}] == expected
    assert len(set(expected)) > 1


@pytest.mark.parametrize("kind", FOLLOWS)
@pytest.mark.parametrize("correct", ["auto", None])
def test_a_plateau_of_mode_max_without_an_accuracy_is_refused_at_the_first_point(kind, correct):
    seen = []
    words = (
        "^the plateau follows the accuracy, which the task does not have; "
        r'write mode="min" to follow the test loss, or give the task `correct`$'
    )
    with pytest.raises(RunError, match=words):
        trained(task_of(WITHOUT["a line"], correct=correct), FOLLOWS[kind], observe=seen.append)
    assert seen == []


def test_a_plateau_of_the_train_accuracy_needs_an_accuracy_too():
    def follows(optimizer):
        return Scheduler(optimizer, 0.1, feedback=Plateau(**PLATEAU, metric="train_accuracy"))

    with pytest.raises(RunError, match="follows the accuracy, which the task does not have"):
        trained(task_of(WITHOUT["a line"]), follows)


@pytest.mark.parametrize("ignored", [-100, 255])
@pytest.mark.parametrize("shape", [(8,), (8, 5)])
def test_targets_that_are_ignored_are_neither_right_nor_wrong(ignored, shape):
    targets = torch.zeros(shape, dtype=torch.long)
    scores = functional.one_hot(targets, 3).float().movedim(-1, 1)
    targets[:4] = 1  # wrong
    loss = nn.CrossEntropyLoss(ignore_index=ignored)
    assert usual_right(loss, scores, targets) == 4
    targets[2:6] = ignored  # half of the wrong ones and half of the right ones
    assert usual_right(loss, scores, targets) == 4
    targets[:2] = ignored
    assert usual_right(loss, scores, targets) == 8


def test_a_padded_sample_counts_by_its_targets_that_are_not_padding():
    scores = functional.one_hot(torch.tensor([[0, 1, 2, 0], [1, 1, 1, 1]]), 3).float().transpose(1, 2)
    targets = torch.tensor([[0, 2, -100, -100], [1, -100, -100, -100]])
    assert usual_right(functional.cross_entropy, scores, targets) == 1.5


@pytest.mark.parametrize(
    ("loss", "outputs", "targets", "right"),
    [
        (functional.binary_cross_entropy_with_logits, [0.0, 1e-9, -1.0, 0.75], [0.0, 1.0, 1.0, 0.5], 2.0),
        (functional.binary_cross_entropy, [0.5, 0.6, 0.4, 0.75], [0.0, 1.0, 1.0, 0.5], 2.0),
        (nn.BCELoss(), [[0.25], [0.75]], [[0.0], [1.0]], 2.0),
        (functional.cross_entropy, [[0.0, 1.0], [1.0, 0.0], [1.0, 0.0]], [1, 2, 1], 1.5),  # there is no class 2
        (functional.cross_entropy, [[0.0, 1.0], [1.0, 0.0], [1.0, 0.0]], [1, -1, 1], 1.5),
        (functional.cross_entropy, [[0.0, 1.0], [1.0, 0.0]], [-100, -100], 0.0),
        (functional.cross_entropy, [[0.0], [1.0]], [0, 0], None),  # a single class is none
        (functional.mse_loss, [[0.0], [1.0]], [[0.0], [1.0]], None),
        (nn.BCEWithLogitsLoss(), [[0.0, 1.0]], [[0.0, 1.0]], None),
        (nn.BCEWithLogitsLoss(), [[0.0], [1.0]], [0.0, 1.0], None),
    ],
)
def test_right_samples_are_counted_at_the_limits_of_classes_and_thresholds(loss, outputs, targets, right):
    found = usual_right(loss, torch.tensor(outputs), torch.tensor(targets))
    assert (found if found is None else found.item()) == right


def test_a_tally_has_the_means_over_all_samples_of_unequal_batches():
    tally, rows = Tally(), [(1.0, 2.0, 4.0), (0.5, 3.0, 2.0), (0.0, 1.0, 1.0)]
    for loss, right, size in rows:
        tally.add(torch.tensor([loss, 2 * loss]), torch.tensor([right, right / 2]), size)
    assert tally.means() == [(5 / 7, 6 / 7), (10 / 7, 3 / 7)]
    again = Tally.of(tally.state(), torch.device("cpu"))
    assert (again.means(), again.sizes) == (tally.means(), [4.0, 2.0, 1.0])
    assert Tally.of(tally.state([1]), torch.device("cpu")).means() == [(10 / 7, 3 / 7)]
    more = Tally()
    more.add(torch.tensor([8.0, 0.0]), torch.tensor([0.0, 1.0]), 1.0)
    tally.extend(more)
    assert tally.means() == [(13 / 8, 6 / 8), (10 / 8, 4 / 8)]
    none = Tally()
    none.add(torch.tensor(3.0), None, 2.0)
    assert repr(none.means()) == "[(3.0, nan)]"
    assert Tally.of(none.state([0]), torch.device("cpu")).losses[0].item() == 3.0
