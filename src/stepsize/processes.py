"""How processes that train are started: on Linux as forks of a server that has imported what they need.

On other systems each is started by itself: libraries of macOS do not work after a fork, and Windows has none.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from typing import Any

_PRELOADED = "stepsize.lab.engines.preloaded"


def start_server() -> None:
    """Start the fork server if it does not run yet. It needs seconds for its imports, and this call does not wait."""
    if sys.platform == "linux":
        from multiprocessing import forkserver  # which other systems need not have

        forkserver.set_forkserver_preload([_PRELOADED])
        with on_interrupt(signal.SIG_IGN):  # the server inherits this
            forkserver.ensure_running()


def start_process(target: Callable[..., object], *arguments: object) -> BaseProcess:
    """Start a process that calls the function; it ignores Ctrl-C, which the parent handles."""
    start_server()
    if sys.platform == "linux":
        process = multiprocessing.get_context("forkserver").Process(target=target, args=arguments)
        with _importable_script():
            process.start()  # which waits for the server, and can be interrupted
        return process
    spawned = multiprocessing.get_context("spawn").Process(target=target, args=arguments)
    with on_interrupt(signal.SIG_IGN), _importable_script():  # the process inherits this
        spawned.start()
    return spawned


@contextmanager
def _importable_script() -> Iterator[None]:
    """Hide the script from `multiprocessing`, which imports it, if no file has it, as in `python - <<EOF`."""
    script = sys.modules["__main__"]
    path = getattr(script, "__file__", None)
    if path is None or os.path.exists(path):
        yield
        return
    script.__file__ = None
    try:
        yield
    finally:
        script.__file__ = path


@contextmanager
def on_interrupt(handler: Any) -> Iterator[None]:
    """Handle Ctrl-C with this handler, in the main thread, which alone receives it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
