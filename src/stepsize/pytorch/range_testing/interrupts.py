"""Ctrl-C held back while something is kept or given back, so that no interrupt leaves half of it."""

import signal
import threading
from types import FrameType
from typing import Any, Literal

HELD = (signal.SIGINT, signal.SIGTERM)
"""What programs turn into exceptions."""


class Interrupts:
    """Within this context signals wait for its end, except between `let_through` and `hold_back`.

    The first signal that is let through holds back the ones after it, so that what cleans up after it is not
    interrupted again:

        with Interrupts() as interrupts:
            begin()
            try:
                interrupts.let_through()
                work()
            finally:
                interrupts.hold_back()
                # Whatever struck, and wherever it did, signals wait from here on.
                end()

    Only Python's own handlers are dealt with, and only in the main thread, where they run.
    """

    def __init__(self) -> None:
        self._handlers: dict[int, Any] = {}
        self._state: Literal["holding", "letting through", "over"] = "holding"
        self._waiting: list[tuple[int, FrameType | None]] = []

    def __enter__(self) -> "Interrupts":
        if threading.current_thread() is threading.main_thread():
            self._handlers = {number: found for number in HELD if callable(found := signal.getsignal(number))}
        try:
            for number in self._handlers:
                signal.signal(number, self._handle)
        except BaseException:  # a signal whose turn had not come yet
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._put_back()
        finally:
            # A signal that has its own handler again may have struck before the next one had.
            self._state = "over"
            self._put_back()
            self._deliver()

    def _put_back(self) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def let_through(self) -> None:
        """Deliver the signals that wait, and those to come at once."""
        self._deliver()
        self._state = "letting through"

    def hold_back(self) -> None:
        """Let signals wait."""
        self._state = "holding"

    def _handle(self, number: int, frame: FrameType | None) -> None:
        before = self._state
        self._waiting.append((number, frame))
        if before == "letting through":
            self._state = "holding"
        if before != "holding":
            self._deliver()
            self._state = before  # the handler has raised nothing

    def _deliver(self) -> None:
        while self._waiting:
            number, frame = self._waiting.pop(0)
            self._handlers[number](number, frame)
