"""A comparison that is killed again and again ends in the same bits as one that never was."""

import os
import random
import signal
import time

import pytest
from commands import numbers, start
from own_tasks import dropping
from processes import children
from silent import Silent

from stepsize.errors import OutputError, RunError, StateError
from stepsize.lab import Experiment, compare, load_task, resume
from stepsize.records import load_runs, lock

pytestmark = pytest.mark.usefixtures("own_tasks_found")
EXPERIMENT = """
task = "own_tasks:dropping"
epochs = 60
seeds = [0, 1]
batch_size = 8
log_every = 3
checkpoint_every = 20
[optimizer]
name = "adamw"
[schedules]
flat = "Constant(0.01)"
down = "Cosine(0.01, 0.0, '100%')"
"""


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    path = tmp_path_factory.mktemp("experiment") / "experiment.toml"
    path.write_text(EXPERIMENT)
    return path


@pytest.fixture(scope="module")
def never_killed(experiment, tmp_path_factory):
    """What the runs log when nothing happens to them."""
    out = tmp_path_factory.mktemp("never_killed") / "out"
    process = start(experiment, "--out", out)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    return numbers(out)


@pytest.mark.long
def test_killed_parents_and_workers_leave_no_trace_in_the_numbers(experiment, never_killed, tmp_path):
    draw = random.Random(0)
    out = tmp_path / "out"
    kills = 0
    process = start(experiment, "--out", out)
    while True:
        time.sleep(draw.uniform(0.1, 0.8))
        if process.poll() is not None:
            output = process.communicate()[0]
            if process.returncode == 0:
                break
            process = start("--resume", out) if (out / "store.sqlite").exists() else start(experiment, "--out", out)
            continue
        if kills >= 8 or not (out / "store.sqlite").exists():
            continue
        victims = children(process.pid, "spawn_main") if draw.random() < 0.5 else []
        os.kill(draw.choice(victims) if victims else process.pid, signal.SIGKILL)
        kills += 1
    assert kills >= 4, output
    assert numbers(out) == never_killed
    assert not (out / "checkpoints").exists()


def test_an_interrupted_comparison_goes_on(experiment, never_killed, tmp_path):
    out = tmp_path / "out"
    process = start(experiment, "--out", out)
    while not (out / "store.sqlite").exists() or not any(o.last for o in load_runs(out).outcomes()):
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert resume(out, display=Silent()).directory == out
    assert numbers(out) == never_killed
    assert "resumed" in [event.kind for event in load_runs(out).events()]


def small(**more):
    return Experiment({"flat": "Constant(0.01)"}, "own_tasks:dropping", epochs=2, batch_size=8, device="cpu", **more)


def test_resuming_what_is_complete_changes_nothing(tmp_path):
    compare(small(), tmp_path, display=Silent())
    before = numbers(tmp_path)
    assert len(resume(tmp_path, display=Silent()).runs) == 1
    assert numbers(tmp_path) == before


def test_two_commands_on_one_directory_are_kept_apart(tmp_path):
    compare(small(), tmp_path, display=Silent())
    with lock(tmp_path), pytest.raises(OutputError, match=f"in use by process {os.getpid()}"):
        resume(tmp_path, display=Silent())


def test_a_resume_elsewhere_is_refused_or_noted(tmp_path, monkeypatch):
    compare(small(), tmp_path, display=Silent())
    monkeypatch.setattr("torch.backends.cpu.get_cpu_capability", lambda: "ABACUS")
    with pytest.raises(StateError, match=r"cpu_capability: .*, and here ABACUS.*elsewhere"):
        resume(tmp_path, display=Silent())
    resume(tmp_path, display=Silent(), elsewhere=True)
    assert "ABACUS" in load_runs(tmp_path).events()[-1].text


def test_the_task_of_these_tests_draws_while_it_trains():
    assert any(type(module).__name__ == "Dropout" for module in dropping().model().modules())
    assert load_task("own_tasks:dropping").samples == 64


@pytest.mark.long
def test_a_run_whose_process_dies_each_time_has_failed_and_the_others_are_made(tmp_path):
    experiment = Experiment({"flat": "Constant(0.01)"}, "own_tasks:dying", epochs=2, seeds=(0, 1, 2), device="cpu")
    with pytest.raises(RunError, match="the run 'flat' with seed 1 failed: the process that trained it died 3 times"):
        compare(experiment, tmp_path, workers=2, display=Silent())
    results = load_runs(tmp_path)
    assert [outcome.status for outcome in results.outcomes()] == ["finished", "failed", "finished"]
    assert [event.kind for event in results.events() if event.number == 1].count("process died") == 2
