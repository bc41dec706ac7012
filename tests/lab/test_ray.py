"""The engine on a real Ray on this machine: the same numbers as the local engine, also if workers are killed."""

import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
from commands import numbers, start
from own_tasks import X
from silent import Silent
from torch import nn

from stepsize.errors import ArgumentError, MissingExtraError, RunError
from stepsize.lab import Experiment, Task, compare
from stepsize.lab.engines.choice import chosen
from stepsize.store import load_runs

pytest.importorskip("ray", reason="needs stepsize[ray]")
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::FutureWarning", "ignore::DeprecationWarning"
)  # Ray's own

HERE = Path(__file__).parent
SETTINGS = {
    "task": "own_tasks:dropping",
    "epochs": 60,
    "seeds": (0, 1),
    "batch_size": 8,
    "log_every": 3,
    "checkpoint_every": 60,
    "optimizer": "adamw",
    "device": "cpu",
}
TWO = {"flat": "Constant(0.01)", "down": "Cosine(0.01, 0.0, '100%')"}


def experiment(**settings):
    return Experiment(settings.pop("schedules", TWO), **SETTINGS | settings)


@pytest.fixture(scope="module")
def ray():
    """A small Ray of two CPUs, on this machine alone."""
    import ray

    ray.init(
        address="local",
        num_cpus=2,
        object_store_memory=80 * 2**20,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
    )
    yield ray
    ray.shutdown()


@pytest.fixture(scope="module")
def by_local(tmp_path_factory, ray):
    out = tmp_path_factory.mktemp("local") / "out"
    compare(experiment(engine="local"), out, display=Silent())
    return numbers(out)


def segments_at_work():
    """The processes of Ray that train a segment of a run, found by the name that Ray gives them."""
    found = []
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if line.read_bytes().startswith(b"ray::make_segment"):
                found.append(int(line.parent.name))
        except OSError:  # it has ended
            continue
    return found


@pytest.mark.long
def test_thirty_killed_workers_leave_no_trace_in_the_numbers(ray, tmp_path):
    asked = {"task": "digits", "epochs": 250, "batch_size": 32, "checkpoint_every": 100, "log_every": 20}
    compare(experiment(engine="local", **asked), tmp_path / "local", display=Silent())
    draw, kills, over = random.Random(0), [], threading.Event()

    def kill():
        while len(kills) < 30 and not over.wait(draw.uniform(0.0, 1.0)):
            # A run whose worker dies three times before it has got any further has failed, so let both get on first.
            saved = [path.stat().st_mtime for path in (tmp_path / "out" / "checkpoints").glob("*.pt")]
            newer = [when for when in saved if not kills or when > kills[-1]]
            victims = segments_at_work()
            if victims and len(newer) >= min(2, max(len(saved), 1)):
                os.kill(draw.choice(victims), signal.SIGKILL)
                kills.append(time.time())

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        compare(experiment(engine="ray", **asked), tmp_path / "out", display=Silent())
    finally:
        over.set()
        thread.join()
    assert numbers(tmp_path / "out") == numbers(tmp_path / "local")
    assert len(kills) == 30
    assert "process died" in {event.kind for event in load_runs(tmp_path / "out").events()}
    assert not (tmp_path / "out" / "checkpoints").exists()


@pytest.mark.long
def test_the_numbers_are_those_of_local(ray, by_local, tmp_path):
    compare(experiment(engine="ray"), tmp_path / "out", display=Silent())
    assert numbers(tmp_path / "out") == by_local


@pytest.mark.long
def test_divergence_and_failure_are_reported(ray, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(HERE)
    wild = {"wild": "Constant(1e30)", "calm": "Constant(0.01)"}
    runs = compare(experiment(engine="ray", schedules=wild, epochs=8), tmp_path / "wild", display=Silent()).runs
    assert [run.status for run in runs] == ["diverged", "finished"] * 2
    asked = experiment(engine="ray", task="test_ray:failing", seeds=(0,))
    with pytest.raises(RunError, match=r"the run 'flat' with seed 0 failed: KeyError\('no such luck'\)"):
        compare(asked, tmp_path / "failing", display=Silent())
    assert [len(run.points) for run in load_runs(tmp_path / "failing").runs()] == [2, 2]  # up to the failing update


@pytest.mark.long
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_comparison_that_is_stopped_goes_on_with_the_same_numbers(by_local, tmp_path, sent):
    asked = ["own_tasks:dropping", *(f"{name}={text}" for name, text in TWO.items())]
    asked = [word for pair in zip(("--task", "--schedule", "--schedule"), asked, strict=True) for word in pair]
    (tmp_path / "asked.toml").write_text("log_every = 3\ncheckpoint_every = 60\n", encoding="utf-8")
    more = ["--epochs", "60", "--seeds", "0,1", "--batch-size", "8", "--optimizer", "adamw", "--engine", "ray"]
    command = start(tmp_path / "asked.toml", *asked, *more, "--device", "cpu", "--out", tmp_path / "out")
    while command.poll() is None and not any((tmp_path / "out" / "checkpoints").glob("*.pt")):
        time.sleep(0.05)
    command.send_signal(sent)
    said, _ = command.communicate(timeout=120)
    assert command.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}[sent], said
    assert "interrupted" in said
    assert numbers(tmp_path / "out") != by_local
    again = start("--resume", tmp_path / "out")
    said, _ = again.communicate(timeout=300)
    assert again.returncode == 0, said
    assert numbers(tmp_path / "out") == by_local


class Failing(nn.Linear):
    """Raises at the eighth update."""

    def forward(self, x):
        self.seen = getattr(self, "seen", 0) + 1
        if self.seen == 8:
            raise KeyError("no such luck")
        return super().forward(x)


def failing():
    """A network that cannot be trained."""
    return Task(lambda: Failing(1, 1), (X, X), (X, X), nn.functional.mse_loss, None, "failing")


def test_a_gpu_and_a_missing_ray_are_refused(monkeypatch):
    with pytest.raises(
        ArgumentError, match="must be a CPU for Ray, got 'cuda'; write device='cpu', or engine='stacked'"
    ):
        chosen(experiment(engine="ray", device="cuda"))
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"'\.\[ray\]'"):
        chosen(experiment(engine="ray"))
