"""One comparison on digits whose processes are killed thirty times, at random moments."""

import os
import random
import signal
import time

import pytest
from commands import numbers, start
from processes import workers

from stepsize.store import load_runs

EXPERIMENT = """
task = "digits"
epochs = 200
seeds = [0, 1]
batch_size = 32
log_every = 20
checkpoint_every = 100
engine = "local"
device = "cpu"
[schedules]
flat = "Constant(0.05)"
down = "Cosine(0.05, 0.0, '100%')"
"""


def last_checkpoint(out):
    """When a checkpoint was last written."""
    return max((path.stat().st_mtime_ns for path in (out / "checkpoints").glob("*")), default=0)


def kill_at_random(process, out, draw):
    """Kill the parent, or a worker if a run has progressed since the last kill; return whether a process was killed."""
    if draw.random() < 0.5:
        time.sleep(draw.uniform(0.3, 6.0))
        victims = [process.pid]
    else:
        before = last_checkpoint(out)
        while process.poll() is None and last_checkpoint(out) <= before:
            time.sleep(0.01)
        time.sleep(draw.uniform(0.0, 1.0))
        victims = workers(process.pid)
    if process.poll() is not None or not victims:
        return False
    os.kill(victim := draw.choice(victims), signal.SIGKILL)
    if victim == process.pid:
        process.wait()
    return True


@pytest.mark.long
def test_thirty_killed_parents_and_workers_leave_no_trace_in_the_numbers(tmp_path):
    experiment = tmp_path / "experiment.toml"
    experiment.write_text(EXPERIMENT)
    calm, out = tmp_path / "calm", tmp_path / "out"
    untouched = start(experiment, "--out", calm)
    output, _ = untouched.communicate(timeout=600)
    assert untouched.returncode == 0, output
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
    assert len(load_runs(out).runs()) == 4
    assert not (out / "checkpoints").exists()
