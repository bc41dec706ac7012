"""The processes of training loops of the user's own: how they end, what they leave behind, and how they are resumed."""

import os
import pickle
import random
import re
import shutil
import signal
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import commands
import pytest
from ray_stand_in import Here, Remote, Watched
from silent import Silent

from stepsize.errors import RunError
from stepsize.lab import Experiment, compare, resume
from stepsize.lab.own_loops import processes
from stepsize.lab.own_loops.training_run import Journal, JournalReader, RunPlace, TrainingRun
from stepsize.lab.run_spec import RunSpec
from stepsize.schedules import Linear, parse
from stepsize.store import load_runs

LOOPS = Path(__file__).parent / "own_loops"


def own(name, schedules, steps=20, **settings):
    return Experiment(schedules, f"{LOOPS / name}.py:train", steps=steps, **settings)


class Child:
    """The process of a run, forked from this one; `leave` lets it think that this one has died."""

    def __init__(self, name, folder, seed=0):
        spec = RunSpec(name, Linear(0.2, 0.0, 20), seed, 1, 20)
        (folder / "out" / "checkpoints").mkdir(parents=True)
        journal, task = folder / "out" / "checkpoints" / "journal", f"{LOOPS / 'misbehaving'}.py:train"
        place = RunPlace(spec, task, None, folder / "out", journal, folder / "stop", "cpu", "")
        self.reader, self.output = JournalReader(journal), folder / "output.txt"
        read, self.pipe = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                self.become_the_run(read, folder)
            finally:
                os._exit(7)
        os.close(read)
        self.place = pickle.dumps(place)

    def become_the_run(self, pipe, folder):
        os.setsid()
        os.chdir(folder)
        os.close(self.pipe)
        os.dup2(pipe, 0)
        output = os.open(self.output, os.O_WRONLY | os.O_CREAT)
        os.dup2(output, 1)
        os.dup2(output, 2)
        sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w")
        processes.main()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)

    def start(self):
        os.write(self.pipe, self.place)
        return self

    def leave(self):
        os.close(self.pipe)
        return self

    def code(self):
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def entries(self):
        return [{key: each[key] for key in each if key != "seconds"} for each in self.reader.new()]


RETURNED = {"error": "", "account": ""}


@pytest.mark.parametrize(
    ("name", "logged", "printed"),
    [
        ("silent", [], ""),
        ("stops", [], "done\n"),
    ],
)
def test_the_journal_of_a_loop_that_returns(name, logged, printed, tmp_path):
    child = Child(name, tmp_path).start()
    assert child.code() == 0
    assert child.entries() == [{"begin": True}, *logged, RETURNED]
    assert child.output.read_text() == printed


def test_the_global_generators_begin_alike_for_a_seed_and_differ_between_seeds(tmp_path):
    draws = {}
    for folder, seed in (("first", 3), ("again", 3), ("other", 4)):
        child = Child("draws", tmp_path / folder, seed).start()
        assert child.code() == 0
        draws[folder] = child.entries()[1]["values"]
    assert draws["first"] == draws["again"]
    assert all(draws["first"][name] != draws["other"][name] for name in ("python", "numpy", "torch"))


def test_the_journal_of_a_loop_that_raises_has_the_reason_and_the_traceback(tmp_path):
    child = Child("raises", tmp_path).start()
    assert child.code() == 0
    end = child.entries()[-1]
    assert re.fullmatch(r"ValueError\('no more data'\) in misbehaving.py, line \d+", end["error"])
    assert end["account"].startswith(end["error"] + "\n\nTraceback")
    assert "ValueError: no more data" in child.output.read_text()


def test_a_loop_that_exits_with_a_code_has_failed(tmp_path):
    child = Child("exits", tmp_path).start()
    assert child.code() == 0
    assert re.match(r"SystemExit\(3\) in misbehaving.py, line \d+$", child.entries()[-1]["error"])


@pytest.mark.parametrize(
    ("name", "notices"),
    [
        ("well", ["{folder}/events.sqlite appeared during the run, outside its folder: if the run wrote it, {why}"]),
        ("careless", ["wrote {folder}/weights.bin, outside its folder: {why}"]),
        ("caches", []),
    ],
)
def test_files_outside_the_folder_of_a_run_are_noticed(name, notices, tmp_path):
    child = Child(name, tmp_path).start()
    assert child.code() == 0
    why = "runs at the same time overwrite each other's files there"
    said = [entry["notice"] for entry in child.entries() if "notice" in entry]
    assert said == [notice.format(folder=os.path.realpath(tmp_path), why=why) for notice in notices]


def test_a_run_ends_with_the_process_that_started_it(tmp_path):
    child = Child("hangs", tmp_path).start()
    until = time.monotonic() + 60
    while not any("step" in entry for entry in child.entries()) and time.monotonic() < until:
        time.sleep(0.01)
    assert child.leave().code() == -signal.SIGKILL


def test_a_run_does_not_begin_if_the_process_that_started_it_has_died(tmp_path):
    child = Child("silent", tmp_path).start().leave()
    assert child.code() == 0
    assert child.entries() == []


class Ending:
    """The process of a loop that ends as the name of its schedule says; `killed` are those that were killed."""

    def __init__(self, place):
        self.name, self.code, journal = place.spec.name, None, Journal(place.journal)
        run = TrainingRun(place, journal)
        if self.name in ("returns", "lingers", "unjudged"):
            run.log(20, lr=0.1, **{"train_loss" if self.name == "unjudged" else "val_f1": 0.5})
            journal.end()
            self.code = None if self.name == "lingers" else 0
        elif self.name == "diverges":
            run.log(10, train_loss=1e9)
        elif self.name == "raises":
            journal.end("ValueError(3)", "the traceback")
            self.code = 1
        elif self.name in ("leaves", "dies"):
            place.folder.mkdir(parents=True)
            (place.folder / "output.txt").write_text("leaving\n" if self.name == "leaves" else "")
            self.code = 3 if self.name == "leaves" else -signal.SIGKILL

    def exit_code(self):
        return self.code

    def kill(self):
        self.killed.add(self.name)
        self.code = self.code or -signal.SIGKILL


def test_how_each_process_ends_decides_over_its_run_alone(tmp_path, monkeypatch):
    monkeypatch.setattr("stepsize.lab.own_loops.engine.LocalProcess", Ending)
    monkeypatch.setattr("stepsize.lab.own_loops.engine._GRACE", 0.1)
    monkeypatch.setattr(Ending, "killed", set(), raising=False)
    failed = {
        "raises": "ValueError(3)",
        "leaves": "its process exited with 3 before its loop returned (leaving); its output is in {output}",
        "dies": "its process was killed by SIGKILL; its output is in {output}",
        "hangs": "it logged nothing for 0.3 s",
        "unjudged": 'it logged no "val_f1"; it logged "lr", "train_loss"',
    }
    names = ["returns", "lingers", "diverges", *failed]
    settings = {"metric": "val_f1", "mode": "max", "timeout": 0.3, "loss_limit": 1e6}
    experiment = own("misbehaving", dict.fromkeys(names, "Constant(0.1)"), **settings)
    with pytest.raises(RunError) as raised:
        compare(experiment, tmp_path / "out", display=Silent(), workers=8)
    results = load_runs(tmp_path / "out")
    statuses = {run.name: run.status for run in results.outcomes()}
    assert statuses == {"returns": "finished", "lingers": "finished", "diverges": "diverged"} | dict.fromkeys(
        failed, "failed"
    )
    told = {names[event.number]: event.text for event in results.events() if event.kind == "failed"}
    for name, why in failed.items():
        why = why.format(output=tmp_path / "out" / "runs" / f"{name}-seed0" / "output.txt")
        assert told[name] == ("the traceback" if name == "raises" else f"the run {name!r} with seed 0 failed: {why}")
        assert f"the run {name!r} with seed 0 failed: {why}" in str(raised.value)
    assert Ending.killed == {"lingers", "diverges", *failed}


BAD = {
    "raises": r"ValueError\('no more data'\) in misbehaving.py, line",
    "exits": r"SystemExit\(3\) in misbehaving.py",
    "leaves": r"its process exited with 0 before its loop returned \(leaving\)",
    "dies": "its process was killed by SIGKILL",
    "hangs": "it logged nothing for 60 s",
    "unjudged": 'it logged no "val_f1"; it logged "train_loss", "lr"',
}


@pytest.mark.long
def test_a_run_that_misbehaves_fails_by_itself(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ["well", *BAD, "diverges", "careless"]
    experiment = own("misbehaving", dict.fromkeys(names, "Constant(0.1)"), metric="val_f1", mode="max", timeout=60)
    with pytest.raises(RunError, match="the results of the other runs are in out"):
        compare(experiment, "out", display=Silent(), workers=3)
    results = load_runs("out")
    good = {"well": "finished", "diverges": "diverged", "careless": "finished"}
    assert {run.name: run.status for run in results.outcomes()} == dict.fromkeys(BAD, "failed") | good
    told = {names[event.number]: event.text for event in results.events() if event.kind == "failed"}
    for name, reason in BAD.items():
        assert re.search(reason, told[name])
    assert Path("out/runs/well-seed0/output.txt").read_text() == "all done\n"
    report = Path("out/report.md").read_text()
    assert "events.sqlite appeared during the run, outside its folder" in report
    assert "runs appeared" not in report
    assert "careless, seed 0: wrote" in report
    assert "weights.bin, outside its folder" in report
    assert "ignores run.schedule: it logged lr 0.123 at step 5, but the schedule has 0.1" in report


class Loop:
    """The process of a loop that logs as far as the name of its schedule says; Ctrl-C comes at the first look."""

    interrupted = False

    def __init__(self, place):
        self.name, self.stop, self.code = place.spec.name, place.stop, None
        self.journal = Journal(place.journal)
        TrainingRun(place, self.journal).log(20 if self.name == "at its end" else 19, train_loss=1.0)

    def exit_code(self):
        if not self.interrupted:
            Loop.interrupted = True
            raise KeyboardInterrupt
        if self.code is None and self.stop.exists() and self.name != "deaf":
            self.code = 0
            self.journal.end()
        return self.code

    def kill(self):
        self.code = self.code or -signal.SIGKILL


class Resumed:
    """The process of a loop that nobody asks to stop, and that comes to its end."""

    def __init__(self, place):
        assert not place.stop.exists()
        journal = Journal(place.journal)
        TrainingRun(place, journal).log(20, train_loss=1.0)
        journal.end()

    def exit_code(self):
        return 0

    def kill(self):
        """It has ended."""


def test_after_an_interrupt_only_a_run_with_its_last_step_is_finished(tmp_path, monkeypatch):
    monkeypatch.setattr("stepsize.lab.own_loops.engine.LocalProcess", Loop)
    monkeypatch.setattr("stepsize.lab.own_loops.engine._GRACE", 0.2)
    monkeypatch.setattr(Loop, "interrupted", False)
    names = ["at its end", "on its way", "deaf"]
    with pytest.raises(KeyboardInterrupt):
        compare(
            own("misbehaving", dict.fromkeys(names, "Constant(0.1)")), tmp_path / "out", display=Silent(), workers=3
        )
    results = load_runs(tmp_path / "out")
    statuses = {run.name: run.status for run in results.outcomes()}
    assert statuses == {"at its end": "finished", "on its way": "interrupted", "deaf": "interrupted"}
    assert {event.number for event in results.events() if event.kind == "notice"} == {0}, "of a run that has finished"
    monkeypatch.setattr("stepsize.lab.own_loops.engine.LocalProcess", Resumed)
    assert {run.status for run in resume(tmp_path / "out", display=Silent()).runs} == {"finished"}


@pytest.mark.parametrize(("workers", "most"), [(None, 2), (1, 1)])
def test_each_gpu_has_one_run_at_a_time(workers, most, tmp_path, monkeypatch):
    places, running = [], []

    class OnGpu(Resumed):
        def __init__(self, place):
            super().__init__(place)
            places.append(place)
            running.append([each for each in places if each not in ended])
            self.place = place

        def exit_code(self):
            ended.append(self.place)
            return 0

    ended = []
    monkeypatch.setattr("stepsize.lab.own_loops.engine.LocalProcess", OnGpu)
    monkeypatch.setattr("stepsize.lab.own_loops.engine.cores", lambda: 7)
    monkeypatch.setattr("stepsize.lab.own_loops.engine.visible_gpus", lambda device: ["3", "GPU-5"])
    names = dict.fromkeys("abcde", "Constant(0.1)")
    compare(own("misbehaving", names, device="cpu"), tmp_path / "out", display=Silent(), workers=workers)
    assert [(place.device, place.visible) for place in places] == [("cuda", "3"), ("cuda", "GPU-5")] * 2 + [
        ("cuda", "3")
    ]
    assert max(map(len, running)) == most


def test_a_process_has_one_thread_unless_the_environment_asks_for_more(tmp_path, monkeypatch):
    asked = {}

    class Started:
        def __init__(self, command, **options):
            asked.update(options)
            self.stdin = (tmp_path / "stdin").open("wb")

    monkeypatch.setattr(processes.subprocess, "Popen", Started)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    spec = RunSpec("flat", Linear(0.2, 0.0, 20), 0, 1, 20)
    place = RunPlace(
        spec, "own:train", None, tmp_path / "run", tmp_path / "journal", tmp_path / "stop", "cuda", "GPU-5"
    )
    processes.start(place).stdin.close()
    chosen = {name: asked["env"][name] for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "CUDA_VISIBLE_DEVICES")}
    assert chosen == {"OMP_NUM_THREADS": "3", "MKL_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "GPU-5"}
    assert asked["env"]["PATH"] == os.environ["PATH"]
    assert asked["start_new_session"]
    with (tmp_path / "stdin").open("rb") as description:
        assert pickle.load(description) == sys.path
        assert pickle.load(description) == place


def test_folders_of_other_comparisons_are_known_by_their_stores(tmp_path):
    for name in ("a/store.sqlite", "runs/20260101-000000/store.sqlite", "data/deep/in/store.sqlite"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    assert [processes._has_results(tmp_path / name) for name in ("a", "runs", "data")] == [True, True, False]


class Cluster(Here):
    """A Ray cluster whose runs end at the third look; the run `stray` comes to a machine without the folder."""

    def __init__(self, interrupt):
        self.interrupt = interrupt
        self.looks = 0

    def remote(self, **options):
        return lambda function: Remote(lambda place, folders: place)

    def wait(self, tasks, num_returns=1, timeout=None):
        self.looks += 1
        if self.interrupt and self.looks == 2:
            raise KeyboardInterrupt
        ended = tasks[0].spec.name == "stray" or self.looks > 6
        return (tasks, []) if ended else ([], tasks)

    def get(self, place):
        if place.spec.name == "stray":
            error = self.exceptions.RayTaskError()
            error.cause = RunError("the machine n2 does not have the folder")
            raise error
        journal = Journal(place.journal)
        TrainingRun(place, journal).log(20, train_loss=1.0)
        journal.end()
        return 0


@pytest.mark.parametrize(
    ("interrupt", "error", "message", "status"),
    [
        (False, RunError, "'stray' with seed 0 failed: the machine n2 does not have the folder", "failed"),
        (True, KeyboardInterrupt, None, "interrupted"),
    ],
)
def test_a_run_that_ray_cannot_start_fails_by_itself(interrupt, error, message, status, tmp_path, monkeypatch):
    @contextmanager
    def joined_cluster(workers, code):
        yield Cluster(interrupt), code

    monkeypatch.setattr("stepsize.lab.engines.ray.ray_module", Here)
    monkeypatch.setattr("stepsize.lab.own_loops.engine.joined_cluster", joined_cluster)
    monkeypatch.setattr("stepsize.lab.own_loops.engine.check_nodes", lambda contact, experiment, code: None)
    monkeypatch.setattr("stepsize.lab.own_loops.engine.Contact", Watched)
    names = ["one", "stray", "two"]
    experiment = own("misbehaving", dict.fromkeys(names, "Constant(0.1)"), engine="ray")
    with pytest.raises(error, match=message):
        compare(experiment, tmp_path / "out", display=Silent(), workers=3)
    ends = {run.name: (run.status, [point.step for point in run.points]) for run in load_runs(tmp_path / "out").runs()}
    assert ends == {"one": ("finished", [20]), "stray": (status, []), "two": ("finished", [20])}


LARGE = [
    pytest.param(name, marks=pytest.mark.long) for name in ("with_lightning", "with_trainer", "with_jax", "with_keras")
]


@pytest.mark.parametrize("name", ["plain_torch", *LARGE])
def test_real_libraries_train_at_the_rates_of_the_schedule(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = 'Linear(0.0, 0.1, 4) >> Cosine(0.1, 0.01, "rest")'
    comparison = compare(own(name, {"warmup": text}), "out", display=Silent())
    (run,) = comparison.runs
    schedule = parse(run.schedule)
    assert [point.step for point in run.points] == list(range(1, 21))
    shift = 0 if name == "with_keras" else 1  # Keras shows the rate of the next update
    expected = [schedule(point.step - shift) for point in run.points]
    assert run.column("lr") == pytest.approx(expected, rel=1e-6)
    assert run.points[-1].train_loss < run.points[0].train_loss
    assert all("run.schedule" not in note for note in comparison.table.notes)
    assert sorted(os.listdir()) == ["out"]


def runs_in_progress(folder):
    """The processes of runs that were started in a folder, on Linux."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or belongs to another user
            if os.readlink(process / "cwd") == str(folder) and b"own_process" in (process / "cmdline").read_bytes():
                found.append(process)
    return found


def wait_for_logs(directory):
    """Wait until the loops log, or all have ended."""

    def size():
        return sum(journal.stat().st_size for journal in directory.glob("checkpoints/*.jsonl"))

    until, begun = time.monotonic() + 120, size()
    while time.monotonic() < until and size() < begun + 5000:
        time.sleep(0.02)


@pytest.mark.long
def test_the_command_finds_a_loop_in_the_current_folder_and_resumes_it_after_kills(tmp_path):
    shutil.copy(LOOPS / "plain_torch.py", tmp_path / "mytask.py")
    chance, begun = random.Random(0), ["--task", "mytask:train", "--steps", 400, "--seeds", "0,1"]
    begun += ["--schedule", "flat=Constant(0.05)", "--schedule", 'down=Cosine(0.1, 0.0, "100%")']
    whole = commands.start(*begun, "--out", "whole", cwd=tmp_path)
    assert "Report and picture: whole" in whole.communicate()[0]
    process = commands.start(*begun, "--out", "cut", cwd=tmp_path)
    for _ in range(3):
        wait_for_logs(tmp_path / "cut")
        time.sleep(chance.uniform(0.0, 0.3))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        process = commands.start("--resume", "cut", cwd=tmp_path)
    said, _ = process.communicate()
    assert process.returncode == 0, said
    assert not runs_in_progress(tmp_path)  # those of a killed comparison have ended with it
    assert commands.numbers(tmp_path / "cut") == commands.numbers(tmp_path / "whole")


@pytest.mark.long
def test_ray_makes_the_same_runs(tmp_path):
    shutil.copy(LOOPS / "plain_torch.py", tmp_path / "mytask.py")
    for engine in ("local", "ray"):
        settings = ["--task", "mytask:train", "--steps", 40, "--schedule", "flat=Constant(0.05)", "--engine", engine]
        process = commands.start(*settings, "--schedule", "low=Constant(0.01)", "--out", engine, cwd=tmp_path)
        assert "Report and picture" in process.communicate()[0]
    assert commands.numbers(tmp_path / "ray") == commands.numbers(tmp_path / "local")
