import signal
import threading

import pytest

from stepsize.pytorch.range_testing.interrupts import Interrupts


@pytest.fixture
def heard():
    """A handler for both signals that notes them and raises nothing."""
    noted = []
    before = {number: signal.signal(number, lambda n, _: noted.append(n)) for number in (signal.SIGINT, signal.SIGTERM)}
    yield noted
    for number, handler in before.items():
        signal.signal(number, handler)


def test_signals_wait_until_they_are_let_through_and_at_the_end(heard):
    with Interrupts() as interrupts:
        signal.raise_signal(signal.SIGINT)
        assert heard == []
        interrupts.let_through()
        assert heard == [signal.SIGINT]
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)  # the handler has raised nothing, so the work goes on
        assert heard == [signal.SIGINT, signal.SIGTERM, signal.SIGINT]
        interrupts.hold_back()
        signal.raise_signal(signal.SIGTERM)
        assert len(heard) == 3
    assert len(heard) == 4
    signal.raise_signal(signal.SIGINT)
    assert len(heard) == 5


def test_after_one_that_raises_the_next_waits_for_the_end():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    done = []

    def work():
        with Interrupts() as interrupts:
            interrupts.let_through()
            try:
                signal.raise_signal(signal.SIGINT)
            finally:
                signal.raise_signal(signal.SIGINT)
                done.append("cleaned up")

    try:
        with pytest.raises(KeyboardInterrupt):
            work()
        assert done == ["cleaned up"]
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_signals_that_python_does_not_handle_are_left_alone():
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with Interrupts():
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


def test_in_another_thread_there_is_nothing_to_hold_back():
    handlers = []

    def work():
        with Interrupts() as interrupts:
            interrupts.let_through()
            handlers.append(signal.getsignal(signal.SIGINT))

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert handlers == [before]


def test_one_within_another(heard):
    with Interrupts() as outer:
        outer.let_through()
        with Interrupts() as inner:
            signal.raise_signal(signal.SIGINT)
            assert heard == []
            inner.let_through()
            assert heard == [signal.SIGINT]
        signal.raise_signal(signal.SIGINT)
    assert len(heard) == 2
