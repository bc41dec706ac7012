"""A process that answers the page's questions, one at a time; one that takes too long is ended and started again.

A text or a config may ask for more time or memory than there is. In a process of its own that harms no other answer.
Questions and answers are lines of JSON. The first line is the subject, pickled.
"""

import asyncio
import base64
import json
import os
import pickle
import signal
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from typing import Any

from stepsize.play.subjects import Subject

MEMORY = 4 * 2**30  # bytes, at most
LONGEST_ANSWER = 64 * 2**20  # bytes


class Worker:
    """Answers questions about a subject, each within `seconds`."""

    def __init__(self, subject: Subject, seconds: float) -> None:
        self._subject = base64.b64encode(pickle.dumps(subject)) + b"\n"
        self._seconds = seconds
        self._process: Process | None = None
        self._lock = asyncio.Lock()

    async def answer(self, question: str, form: Any) -> bytes:
        line = json.dumps([question, form]).encode() + b"\n"
        async with self._lock:
            try:
                process = await self.started()
                assert process.stdin is not None
                assert process.stdout is not None
                process.stdin.write(line)
                await process.stdin.drain()
                answered = await asyncio.wait_for(process.stdout.readline(), self._seconds)
                if answered:
                    return answered
                refused = "this could not be computed: it ended the process that tried"
            except TimeoutError:
                refused = f"this takes more than {self._seconds:g} seconds to compute"
            except (ConnectionError, ValueError):  # it has died; or its line is too long
                refused = "this could not be computed"
            await self.stop()
            return json.dumps({"refused": refused}).encode()

    async def started(self) -> Process:
        """The process, which is started if there is none."""
        if self._process is None:
            command = (sys.executable, "-m", "stepsize.play.worker")
            self._process = await asyncio.create_subprocess_exec(
                *command, stdin=PIPE, stdout=PIPE, limit=LONGEST_ANSWER, env=os.environ | {"OMP_NUM_THREADS": "1"}
            )
            assert self._process.stdin is not None
            self._process.stdin.write(self._subject)
        return self._process

    async def stop(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
            self._process = None


def main() -> None:
    """Answer the questions on stdin until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server ends this process
    _limit_memory()
    from stepsize.play.answers import answer  # late: the server, which has `Worker`, needs none of it

    answers, sys.stdout = sys.stdout, sys.stderr  # what a library prints is no answer
    subject: Subject = pickle.loads(base64.b64decode(sys.stdin.buffer.readline()))
    for line in sys.stdin.buffer:
        question, form = json.loads(line)
        print(json.dumps(answer(subject, question, form), allow_nan=False), file=answers, flush=True)


def _limit_memory() -> None:
    with suppress(ImportError, ValueError, OSError):  # Windows has no such limit, and macOS not this one
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))


if __name__ == "__main__":
    main()
