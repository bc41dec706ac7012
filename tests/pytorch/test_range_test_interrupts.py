"""Ctrl-C at any moment of a range test leaves nothing changed: it is sent at each line, and at many single operations.

A real signal is raised from within a trace function, so that Python's handler runs there, as it would.
"""

import contextlib
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

    def __init__(self, kind, at, number=signal.SIGINT):
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
        range_test(model, optimizer, mse_loss, BATCHES, steps=3, seeds=(0, 1))
    except KeyboardInterrupt:
        was_interrupted = True
    finally:
        sys.settrace(None)
    assert same(state_of(model, optimizer), before)
    assert signal.getsignal(signal.SIGINT) is handler
    optimizer.step()
    scheduler.step()
    assert scheduler.position == 1  # it is paused no longer
    return was_interrupted, moment.seen


@pytest.fixture(autouse=True)
def _pythons_own_handler():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    before_trace = sys.gettrace()
    yield
    sys.settrace(before_trace)
    signal.signal(signal.SIGINT, before)


LONG = pytest.mark.long


@pytest.mark.parametrize(
    ("kind", "stride"),
    [("line", 5), ("opcode", 199), pytest.param("line", 1, marks=LONG), pytest.param("opcode", 17, marks=LONG)],
)
def test_ctrl_c_at_any_moment_leaves_nothing_changed(kind, stride):
    last = interrupted(kind, -1)[1]
    assert last > 500
    for at in range(0, last, stride):
        assert interrupted(kind, at)[0], f"event {at} of {last}"
