"""How processes are started: what they inherit, and what is hidden from them for that time."""

import multiprocessing
import signal
import sys
import threading
from types import SimpleNamespace

import pytest

from stepsize.processes import on_interrupt, start_process


def ignored(*_): ...


@pytest.fixture
def _handler():
    """A handler of Ctrl-C that a test can recognize."""
    before = signal.signal(signal.SIGINT, ignored)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_handler")
def test_ctrl_c_is_handled_otherwise_for_a_time_and_in_the_main_thread_alone():
    seen = []
    with on_interrupt(signal.SIG_IGN):
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    assert signal.getsignal(signal.SIGINT) is ignored

    def elsewhere():
        with on_interrupt(signal.SIG_IGN):
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert seen == [ignored]


class Spawned:
    """Stands for a process that is started by itself; notes what it inherits."""

    def __init__(self, target, args):
        self.call, self.inherits = (target, args), None

    def start(self):
        self.inherits = signal.getsignal(signal.SIGINT), sys.modules["__main__"].__file__


@pytest.mark.usefixtures("_handler")
@pytest.mark.parametrize("exists", [True, False])
def test_elsewhere_than_on_linux_a_process_is_started_by_itself(monkeypatch, exists):
    script = __file__ if exists else "<stdin>"
    monkeypatch.setattr("sys.platform", "darwin")
    monkeypatch.setattr(
        multiprocessing, "get_context", lambda kind: SimpleNamespace(**{"spawn": {"Process": Spawned}}[kind])
    )
    monkeypatch.setattr(sys.modules["__main__"], "__file__", script, raising=False)
    started = start_process(print, 1, 2)
    assert started.call == (print, (1, 2))
    assert started.inherits == (signal.SIG_IGN, script if exists else None)
    assert sys.modules["__main__"].__file__ == script
    assert signal.getsignal(signal.SIGINT) is ignored
