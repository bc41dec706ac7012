"""Ctrl-C at any moment of a range test leaves nothing changed: it is sent at each line, and at many single operations.

So is SIGTERM, where a handler makes an exception of it, as programs do that want to end in order.

A real signal is raised from within a trace function, so that Python's handler runs there, as it would.
"""

import contextlib
import gc
import signal
import sys
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

WATCHED = (str(Path(stepsize.pytorch.__file__).parent), contextlib.__file__)
BATCHES = [(torch.ones(2, 1), torch.zeros(2, 1))]


class Moment:
    """A trace function that sends a signal at one of the events in the watched files, and counts all."""

    def __init__(self, kind, at, number):
        self.kind, self.at, self.number, self.seen = kind, at, number, 0

    def __call__(self, frame, event, argument):
        if not frame.f_code.co_filename.startswith(WATCHED):
            return None
        frame.f_trace_opcodes = self.kind == "opcode"
        if event == self.kind:
            self.seen += 1
            if self.seen - 1 == self.at:
                signal.raise_signal(self.number)
        return self


def interrupted(kind, at, number=signal.SIGINT):
    """Whether a range test was interrupted at this event; what must hold after it in any case."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(1, 2), nn.Dropout(0.5), nn.Linear(2, 1))
    optimizer = Adam(model.parameters(), lr=0.1)
    scheduler = Scheduler(optimizer, ss.Linear(0.1, 0.0, 10))
    before, handler = state_of(model, optimizer), signal.getsignal(number)
    moment, was_interrupted = Moment(kind, at, number), False
    sys.settrace(moment)
    try:
        range_test(model, optimizer, mse_loss, BATCHES, steps=3, seeds=(0, 1))
    except (KeyboardInterrupt, SystemExit):
        was_interrupted = True
    finally:
        sys.settrace(None)
    assert same(state_of(model, optimizer), before)
    assert signal.getsignal(number) is handler
    assert torch.is_grad_enabled()
    optimizer.step()
    scheduler.step()
    assert scheduler.position == 1  # it is paused no longer
    return was_interrupted, moment.seen


@pytest.fixture(autouse=True)
def _handlers_that_raise():
    raising = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: lambda *_: sys.exit(143)}
    before = {number: signal.signal(number, handler) for number, handler in raising.items()}
    before_trace = sys.gettrace()
    yield
    sys.settrace(before_trace)
    for number, handler in before.items():
        signal.signal(number, handler)


LONG = pytest.mark.long


@pytest.mark.parametrize(
    ("number", "kind", "stride"),
    [
        (signal.SIGINT, "line", 5),
        (signal.SIGINT, "opcode", 199),
        (signal.SIGTERM, "line", 20),
        pytest.param(signal.SIGINT, "line", 1, marks=LONG),
        pytest.param(signal.SIGINT, "opcode", 17, marks=LONG),
    ],
)
def test_a_signal_at_any_moment_leaves_nothing_changed(number, kind, stride):
    gc.collect()  # schedulers that earlier tests left are looked through, which counts as events
    last = interrupted(kind, -1)[1]
    assert last > 500
    for at in range(0, last, stride):
        assert interrupted(kind, at, number)[0], f"event {at} of {last}"
