"""Ctrl-C at any moment of a range test leaves nothing changed.

A trace function raises a real signal at each line, and at many single operations.
"""

import contextlib
import gc
import signal
import sys
import threading
from pathlib import Path

import pytest
import torch
from range_cases import same, state_of
from torch import nn
from torch.nn.functional import mse_loss
from torch.optim import Adam

import stepsize as ss
import stepsize.pytorch
from stepsize.pytorch import Scheduler, range_test
from stepsize.pytorch.range_testing import _Interrupts

WATCHED = (str(Path(stepsize.pytorch.__file__).parent), contextlib.__file__)
BATCHES = [(torch.ones(2, 1), torch.zeros(2, 1))]


class Moment:
    """A trace function that sends a signal at one of the events in the watched files, and counts all."""

    def __init__(self, kind, at):
        self.kind, self.at, self.seen = kind, at, 0

    def __call__(self, frame, event, argument):
        if not frame.f_code.co_filename.startswith(WATCHED):
            return None
        frame.f_trace_opcodes = self.kind == "opcode"
        if event == self.kind:
            self.seen += 1
            if self.seen - 1 == self.at:
                signal.raise_signal(signal.SIGINT)
        return self


def interrupted(kind, at):
    """Whether a range test was interrupted at this event; what must hold after it in any case."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(1, 2), nn.Dropout(0.5), nn.Linear(2, 1))
    optimizer = Adam(model.parameters(), lr=0.1)
    scheduler = Scheduler(optimizer, ss.Linear(0.1, 0.0, 10))
    before, handler = state_of(model, optimizer), signal.getsignal(signal.SIGINT)
    moment, was_interrupted = Moment(kind, at), False
    sys.settrace(moment)
    try:
        range_test(model, optimizer, mse_loss, BATCHES, steps=2, seeds=(0, 1))
    except KeyboardInterrupt:
        was_interrupted = True
    finally:
        sys.settrace(None)
    assert same(state_of(model, optimizer), before)
    assert signal.getsignal(signal.SIGINT) is handler
    assert torch.is_grad_enabled()
    optimizer.step()
    scheduler.step()
    assert scheduler.position == 1  # it is paused no longer
    return was_interrupted, moment.seen


@pytest.fixture(autouse=True)
def _handler():
    """Python's own, which a shell's background job does not have."""
    before, before_trace = signal.signal(signal.SIGINT, signal.default_int_handler), sys.gettrace()
    yield
    sys.settrace(before_trace)
    signal.signal(signal.SIGINT, before)


LONG = pytest.mark.long


@pytest.mark.parametrize(
    ("kind", "stride"),
    [
        ("line", 29),
        ("opcode", 701),
        pytest.param("line", 5, marks=LONG),
        pytest.param("opcode", 101, marks=LONG),
    ],
)
def test_ctrl_c_at_any_moment_leaves_nothing_changed(kind, stride):
    gc.collect()  # schedulers that earlier tests left are looked through, which counts as events
    last = interrupted(kind, -1)[1]
    assert last > 500
    for at in range(0, last, stride):
        assert interrupted(kind, at)[0], f"event {at} of {last}"


def test_ctrl_c_again_and_again_is_delivered_after_the_restore():
    torch.manual_seed(0)
    model = nn.Linear(1, 1)
    optimizer = Adam(model.parameters(), lr=0.1)
    before = state_of(model, optimizer)

    def impatient(*_):
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        range_test(model, optimizer, mse_loss, BATCHES, steps=3, observe=impatient)
    assert same(state_of(model, optimizer), before)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("allowed", [True, False])
def test_ctrl_c_that_is_held_back_is_delivered_once_it_is_allowed_or_at_the_end(allowed):
    reached = []

    def hold():
        with _Interrupts() as interrupts:
            signal.raise_signal(signal.SIGINT)
            reached.append("held")
            if allowed:
                interrupts.allow()
                reached.append("not interrupted")

    with pytest.raises(KeyboardInterrupt):
        hold()
    assert reached == ["held"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_handler_of_ones_own_hears_of_a_ctrl_c_once():
    heard = []
    signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    with _Interrupts() as interrupts:
        interrupts.allow()
        signal.raise_signal(signal.SIGINT)
        assert heard == [signal.SIGINT]
    assert heard == [signal.SIGINT]


@pytest.mark.parametrize("ignored", [signal.SIG_IGN, lambda *_: None], ids=["by the system", "by a function"])
def test_the_test_continues_if_ctrl_c_is_ignored(ignored):
    signal.signal(signal.SIGINT, ignored)
    model = nn.Linear(1, 1)
    losses = []

    def observe(*_):
        signal.raise_signal(signal.SIGINT)
        losses.append(1)

    range_test(model, Adam(model.parameters()), mse_loss, BATCHES, steps=3, observe=observe)
    assert len(losses) == 3
    assert signal.getsignal(signal.SIGINT) is ignored


def test_in_another_thread_it_works_too():
    model, seen = nn.Linear(1, 1), []
    thread = threading.Thread(
        target=lambda: seen.append(range_test(model, Adam(model.parameters()), mse_loss, BATCHES, steps=3))
    )
    thread.start()
    thread.join()
    assert len(seen[0].losses) == 3
