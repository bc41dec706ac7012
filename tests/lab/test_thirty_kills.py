"""One comparison on digits whose processes are killed thirty times, at random moments."""

import os
import random
import signal
import time
from contextlib import suppress

import pytest
from commands import numbers, start
from in_process import train_here
from processes import workers
from silent import Silent

from stepsize.lab import compare, read_experiment
from stepsize.lab.engines import runs
from stepsize.store import load_runs

EXPERIMENT = """
task = "digits"
epochs = 200
batch_size = 32
log_every = 20
checkpoint_every = 100
engine = "local"
device = "cpu"
"""
SCHEDULES = {
    "apart": """
seeds = [0, 1]
[schedules]
flat = "Constant(0.05)"
down = "Cosine(0.05, 0.0, '100%')"
""",
    "a tree of branches": """
[schedules]
early = "Constant(0.05).cooldown(1000, 4000)"
late = "Constant(0.05).cooldown(3000, 4000)"
later = "Constant(0.05).cooldown(5555, 3000)"
twice = "Constant(0.05).cooldown(3000, 4000).head(4000) >> Constant(0.02)"
""",
}


def checkpoints(out):
    """When each checkpoint was written."""
    found = {}
    for path in (out / "checkpoints").glob("*.pt"):
        with suppress(FileNotFoundError):  # its run has just ended
            found[path] = path.stat().st_mtime_ns
    return found


def kill_at_random(process, out, draw):
    """Kill the parent, or a worker if both have progressed since the last kill; return whether a process was killed.

    A run whose worker dies three times before it has progressed has failed, and its branches begin without it.
    """
    if draw.random() < 0.5:
        time.sleep(draw.uniform(0.3, 6.0))
        victims = [process.pid]
    else:
        before = now = checkpoints(out)
        while process.poll() is None and (now == before or len(before.items() - now.items()) < min(2, len(before))):
            time.sleep(0.01)
            now = checkpoints(out)
        time.sleep(draw.uniform(0.0, 1.0))
        victims = workers(process.pid)
    if process.poll() is not None or not victims:
        return False
    os.kill(victim := draw.choice(victims), signal.SIGKILL)
    if victim == process.pid:
        process.wait()
    return True


@pytest.mark.long
@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("kind", SCHEDULES)
def test_thirty_killed_parents_and_workers_leave_no_trace_in_the_numbers(tmp_path, monkeypatch, kind):
    experiment = tmp_path / "experiment.toml"
    experiment.write_text(EXPERIMENT + SCHEDULES[kind])
    calm, out = tmp_path / "calm", tmp_path / "out"
    train_here(monkeypatch)
    monkeypatch.setattr(runs, "shared_beginnings", lambda *_: {})
    compare(read_experiment(experiment), calm, display=Silent())  # each run by itself
    draw, kills = random.Random(0), 0
    process = start(experiment, "--out", out)
    while kills < 30:
        kills += kill_at_random(process, out, draw)
        if process.poll() is not None:
            assert process.returncode == -signal.SIGKILL, process.communicate()[0]
            process.stdout.close()
            process = start("--resume", out) if (out / "store.sqlite").exists() else start(experiment, "--out", out)
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 0, output
    assert numbers(out) == numbers(calm)
    parents = [run.parent for run in load_runs(out).outcomes()]
    assert (len(parents), parents.count(None)) == (4, 4 if kind == "apart" else 1)
    assert not (out / "checkpoints").exists()
