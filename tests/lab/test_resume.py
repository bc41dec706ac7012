"""A comparison that is killed repeatedly ends in the same bits as one that was not."""

import os
import random
import shutil
import signal
import sqlite3
import time
from contextlib import closing, contextmanager

import pytest
from commands import numbers, start
from in_process import train_here
from own_tasks import dropping
from processes import workers
from silent import Silent

import stepsize as ss
from stepsize.errors import DataError, OutputError, RunError, StateError
from stepsize.files import write_whole
from stepsize.lab import Experiment, compare, load_task, read_experiment, resume
from stepsize.lab.directory import lock
from stepsize.lab.engines.runs import run_title
from stepsize.lab.environment import differing, environment
from stepsize.store import Store, load_runs
from stepsize.store.run import Epoch, Point

EXPERIMENT = """
task = "own_tasks:dropping"
epochs = 24
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
    """What the runs log if nothing is killed."""
    out = tmp_path_factory.mktemp("never_killed") / "out"
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.syspath_prepend(os.path.dirname(__file__))
        train_here(monkeypatch)
        compare(read_experiment(experiment), out, display=Silent())
    return numbers(out)


@pytest.mark.long
def test_killed_parents_and_workers_leave_no_trace_in_the_numbers(tmp_path):
    draw = random.Random(0)
    (experiment := tmp_path / "experiment.toml").write_text(EXPERIMENT.replace("epochs = 24", "epochs = 60"))
    output, _ = start(experiment, "--out", tmp_path / "whole").communicate(timeout=300)
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
        victims = workers(process.pid) if draw.random() < 0.5 else []
        os.kill(draw.choice(victims) if victims else process.pid, signal.SIGKILL)
        kills += 1
    assert kills >= 4, output
    assert numbers(out) == numbers(tmp_path / "whole")
    assert not (out / "checkpoints").exists()


@pytest.mark.usefixtures("one_thread")
def test_an_interrupted_comparison_goes_on(experiment, never_killed, tmp_path, monkeypatch):
    out = tmp_path / "out"
    process = start(experiment, "--out", out)
    while not (out / "store.sqlite").exists() or not any(o.last for o in load_runs(out).outcomes()):
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    train_here(monkeypatch)
    assert resume(out, display=Silent()).directory == out
    assert numbers(out) == never_killed
    assert "resumed" in [event.kind for event in load_runs(out).events()]


def small(**more):
    schedules = more.pop("schedules", {"flat": "Constant(0.01)"})
    return Experiment(schedules, "own_tasks:dropping", epochs=2, batch_size=8, device="cpu", **more)


@pytest.mark.usefixtures("in_process")
def test_resuming_a_complete_comparison_changes_nothing(tmp_path):
    compare(small(), tmp_path, display=Silent())
    before = numbers(tmp_path)
    assert len(resume(tmp_path, display=Silent()).runs) == 1
    assert numbers(tmp_path) == before


def written(directory, **settings):
    """A complete comparison's store, without the training."""
    asked = Experiment(**{**vars(small()), **settings})
    directory.mkdir(parents=True, exist_ok=True)
    about = {"experiment": asked.as_dict(), "data": "Made by hand."}
    runs = [(plan.name, str(plan.schedule), plan.seed) for plan in asked.run_specs(64)]
    with Store.create(directory / "store.sqlite", about, environment("cpu"), runs) as store:
        store.log(0, [Point(16, 0.01, 1.0, 0.5), Epoch(16, 1.0, 0.5, 1.1, 0.6)])
        store.end(0, "finished", 1.0)
    return directory / "store.sqlite"


@pytest.mark.usefixtures("in_process")
def test_a_tuning_that_another_process_ends_meanwhile_is_not_resumed(tmp_path, monkeypatch):
    written(tmp_path / "tuning")
    aside = written(tmp_path / "aside")

    @contextmanager
    def awaited(directory):
        """The lock, acquired after the tuning has ended and the comparison has been trained."""
        shutil.move(aside, tmp_path)
        yield

    monkeypatch.setattr("stepsize.lab.comparing.lock", awaited)
    assert len(resume(tmp_path, display=Silent()).rows) == 1


def test_a_store_without_an_experiment_cannot_be_resumed(tmp_path):
    store = written(tmp_path)
    with closing(sqlite3.connect(store)) as connection, connection:
        connection.execute("UPDATE experiment SET settings = '{}'")
    with pytest.raises(DataError, match=rf"{store} does not have the experiment, so only load_runs can read its runs"):
        resume(tmp_path, display=Silent())


def test_two_commands_on_one_directory_are_kept_apart(tmp_path):
    written(tmp_path)
    with lock(tmp_path), pytest.raises(OutputError, match=f"in use by process {os.getpid()}"):
        resume(tmp_path, display=Silent())


@pytest.mark.usefixtures("in_process")
def test_a_resume_on_another_processor_is_refused_or_recorded(tmp_path, monkeypatch):
    written(tmp_path)
    monkeypatch.setattr("torch.backends.cpu.get_cpu_capability", lambda: "ABACUS")
    with pytest.raises(
        StateError,
        match=rf"^{tmp_path} was begun in another environment \(cpu_capability: .*, and here ABACUS\), so the numbers "
        "would not be the same to the last bit; resume it anyway with elsewhere=True, which is recorded$",
    ):
        resume(tmp_path, display=Silent())
    resume(tmp_path, display=Silent(), elsewhere=True)
    assert "ABACUS" in load_runs(tmp_path).events()[-1].text


@pytest.mark.usefixtures("in_process")
def test_a_resume_under_another_version_of_stepsize_is_recorded(tmp_path, monkeypatch):
    written(tmp_path)
    resume(tmp_path, display=Silent())
    version, same = ss.__version__, load_runs(tmp_path).events()[-1]
    monkeypatch.setattr("stepsize.__version__", "99.0")
    resume(tmp_path, display=Silent())
    other = load_runs(tmp_path).events()[-1]
    assert [(same.kind, same.text), (other.kind, other.text)] == [
        ("resumed", ""),
        ("resumed", f"stepsize: {version}, and here 99.0"),
    ]


@pytest.mark.usefixtures("in_process")
def test_a_resume_on_other_data_is_refused_or_recorded(tmp_path, monkeypatch):
    task = "own_tasks:of_changing_size"
    store = written(tmp_path, task=task, digests=load_task(task).digests)
    monkeypatch.setenv("OF_SIZE", "32")
    load_task.cache_clear()
    what = r"train inputs: 64 x 1 float32 \w{16}, and here 32 x 1 float32 \w{16}; train targets: [^;]*"
    with pytest.raises(
        StateError,
        match=rf"the data of the task .* have changed since .* was begun \({what}\), so its runs would not be on equal "
        "terms; restore them, or start over in another directory, or resume it anyway with elsewhere=True, which is "
        "recorded$",
    ):
        resume(tmp_path, display=Silent())
    resume(tmp_path, display=Silent(), elsewhere=True)
    assert "and here 32 x 1 float32" in load_runs(tmp_path).events()[-1].text
    with closing(sqlite3.connect(store)) as connection, connection:
        connection.execute("UPDATE experiment SET settings = json_remove(settings, '$.experiment.digests')")
    assert resume(tmp_path, display=Silent()).rows[0].finished == 1, "an older store has none"
    load_task.cache_clear()


def test_the_task_of_these_tests_draws_while_it_trains():
    assert any(type(module).__name__ == "Dropout" for module in dropping().model().modules())
    assert load_task("own_tasks:dropping").samples == 64


@pytest.mark.long
def test_a_run_whose_process_dies_each_time_has_failed_and_the_others_are_made(tmp_path):
    experiment = Experiment({"flat": "Constant(0.01)"}, "own_tasks:dying", epochs=2, seeds=(0, 1, 2), device="cpu")
    with pytest.raises(
        RunError,
        match="the run 'flat' with seed 1 failed: the process that trained it died 3 times without progress, "
        "killed or out "
        "of memory",
    ):
        compare(experiment, tmp_path, workers=2, display=Silent())
    results = load_runs(tmp_path)
    assert [outcome.status for outcome in results.outcomes()] == ["finished", "failed", "finished"]
    assert [event.kind for event in results.events() if event.number == 1].count("process died") == 2


class Impatient(Silent):
    """Raises Ctrl-C when a run has reached this step."""

    def __init__(self, step):
        self._step = step

    def logged(self, number, record):
        if record.step >= self._step:
            raise KeyboardInterrupt


LONG = {"schedules": {"flat": "Constant(0.01)"}, "task": "own_tasks:dropping", "device": "cpu", "batch_size": 8}


def stopped(out, step, **settings):
    """A directory with a comparison that was stopped, and its one checkpoint."""
    with pytest.raises(KeyboardInterrupt):
        compare(Experiment(**{**LONG, "epochs": 60, "log_every": 1, **settings}), out, display=Impatient(step))
    (checkpoint,) = (out / "checkpoints").glob("*.pt")
    return checkpoint


@pytest.mark.parametrize(
    "other",
    [{"batch_size": 4}, {"optimizer_args": {"momentum": 0.5}}, {"clip_norm": 1.0}, {"held_out": True}],
    ids=lambda other: next(iter(other)),
)
def test_a_title_depends_on_every_setting_and_not_on_other_runs(other):
    plan, *_ = small().run_specs(64)
    assert run_title(plan, Experiment(**LONG)) != run_title(plan, Experiment(**{**LONG, **other}))
    more = {"seeds": (0, 1), "schedules": {"flat": "Constant(0.01)", "down": "Constant(0.1)"}, "digests": ("a",) * 4}
    assert run_title(plan, Experiment(**LONG)) == run_title(plan, Experiment(**{**LONG, **more}))


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize(("engine", "other"), [("local", {"batch_size": 4}), ("stacked", {"seeds": (1,)})])
def test_a_checkpoint_of_another_experiment_is_refused(tmp_path, engine, other):
    foreign = stopped(tmp_path / "other", 5, engine=engine, **other)
    own = stopped(tmp_path / "own", 5, engine=engine)
    shutil.copy(foreign, own)
    kept = numbers(tmp_path / "own")
    with pytest.raises(RunError, match=r"is a checkpoint of another run, .* and this run is .*; delete it"):
        resume(tmp_path / "own", display=Silent())
    assert [line.replace("failed", "interrupted") for line in numbers(tmp_path / "own")] == kept


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("engine", ["local", "stacked"])
def test_the_advice_for_a_damaged_checkpoint_works(tmp_path, engine):
    checkpoint = stopped(tmp_path / "out", 5, engine=engine)
    checkpoint.write_bytes(checkpoint.read_bytes()[:-200])
    with pytest.raises((RunError, StateError), match=rf"{checkpoint} is damaged, or is not a checkpoint; delete it"):
        resume(tmp_path / "out", display=Silent())
    checkpoint.unlink()
    (run,) = resume(tmp_path / "out", display=Silent()).runs
    assert [point.step for point in run.points] == list(range(1, 481))


def lose(directory, condition):
    """Delete points, as a recovery of a damaged store may lose them."""
    with closing(sqlite3.connect(directory / "store.sqlite")) as connection, connection:
        assert connection.execute(f"DELETE FROM points WHERE {condition}").rowcount


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("engine", ["local", "stacked"])
def test_a_run_with_a_gap_in_its_points_starts_over(tmp_path, engine):
    stopped(tmp_path / "out", 400, engine=engine, checkpoint_every=200)
    lose(tmp_path / "out", "step BETWEEN 100 AND 150")
    with closing(sqlite3.connect(tmp_path / "out" / "store.sqlite")) as connection, connection:
        connection.execute("UPDATE runs SET status = 'running', points = NULL, epochs = NULL")  # as after a kill
    (run,) = resume(tmp_path / "out", display=Silent()).runs
    assert [point.step for point in run.points] == list(range(1, 481))
    whole = Experiment(**{**LONG, "epochs": 60, "log_every": 1, "engine": engine, "checkpoint_every": 200})
    compare(whole, tmp_path / "whole", display=Silent())
    assert numbers(tmp_path / "out") == numbers(tmp_path / "whole")


@pytest.mark.usefixtures("in_process")
def test_a_stack_starts_over_if_one_of_its_runs_has_a_gap(tmp_path):
    asked = {"epochs": 4, "engine": "stacked", "checkpoint_every": 10, "seeds": (0, 1), "runs_at_once": 2}
    stopped(tmp_path / "out", 15, **asked)
    lose(tmp_path / "out", "run = 1 AND step BETWEEN 3 AND 5")
    with closing(sqlite3.connect(tmp_path / "out" / "store.sqlite")) as connection, connection:
        connection.execute("UPDATE runs SET status = 'running', points = NULL, epochs = NULL")  # as after a kill
    heard, display = [], Silent()
    display.logged = lambda number, record: heard.append((number, record.step))
    runs = resume(tmp_path / "out", display=display).runs
    assert heard[:2] == [(0, 1), (1, 1)]
    assert [[point.step for point in run.points] for run in runs] == [list(range(1, 33))] * 2


@pytest.mark.usefixtures("in_process")
def test_an_ended_run_that_has_lost_points_is_trained_again_after_a_rewind(tmp_path):
    asked = small(seeds=(0, 1, 2), log_every=1)
    compare(asked, tmp_path / "out", display=Silent())
    whole, store = numbers(tmp_path / "out"), tmp_path / "out" / "store.sqlite"
    lose(tmp_path / "out", "run = 1 AND step > 2")
    with pytest.raises(DataError, match=r"run 1 in .* take the run back with Store.open\(.*\).rewind\(1, 0\)"):
        resume(tmp_path / "out", display=Silent())
    with Store.open(store) as opened:
        opened.rewind(1, 0)
    again = resume(tmp_path / "out", display=Silent())
    assert numbers(tmp_path / "out") == whole
    assert again.rows[0].finished == 3


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("engine", ["local", "stacked"])
def test_the_records_are_in_the_store_before_a_checkpoint_is_written(tmp_path, engine, monkeypatch):
    stored = []

    def write(path, content):
        stored.append(len(load_runs(tmp_path).run(0).points))
        write_whole(path, content)

    monkeypatch.setattr("stepsize.lab.training.checkpoint.write_whole", write)
    settings = {"epochs": 3, "log_every": 1, "checkpoint_every": 10, "engine": engine}
    compare(Experiment(**LONG, **settings), tmp_path, display=Silent())
    assert stored[:2] == [10, 20]


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("engine", ["local", "stacked"])
def test_a_run_that_fails_keeps_what_it_has_logged(tmp_path, engine, monkeypatch):
    """Its rate is negative from step 3 on."""
    monkeypatch.syspath_prepend(os.path.dirname(__file__))
    fickle = {"schedules": {"fickle": 'Function("fickle_rate:rate")'}, "functions": True, "batch_size": 32}
    with pytest.raises(RunError, match="step 3"):
        compare(Experiment(**{**LONG, **fickle, "engine": engine, "log_every": 1}), tmp_path, display=Silent())
    (run,) = load_runs(tmp_path).runs()
    assert (run.status, [point.step for point in run.points]) == ("failed", [1, 2])
    assert "Traceback" in load_runs(tmp_path).events()[0].text


@pytest.mark.usefixtures("in_process")
def test_an_experiment_whose_value_names_a_function_is_resumed(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(os.path.dirname(__file__))
    schedules = {"cosh": ss.Function("math:cosh").clip(0.01, 0.02)}
    before = compare(small(schedules=schedules), tmp_path, display=Silent())
    assert resume(tmp_path, display=Silent()).runs == before.runs


@pytest.mark.parametrize(
    ("name", "value", "differs"),
    [
        ("python", "3.9.0", True),
        ("system", "{major}.999-x86_64-with-glibc2.36", False),
        ("system", "Linux-2.4.1-x86_64-with-glibc2.36", True),
        ("system", "Linux-6.17.44-x86_64-with-glibc2.36", True),
        ("device", "NVIDIA H100", True),
        ("threads", "2", True),
        ("time", "2020-01-01T00:00:00+00:00", False),
    ],
)
def test_pythons_version_matters_and_the_kernels_patch_level_does_not(name, value, differs):
    now = {**environment("cpu"), "system": "Linux-6.18.44-x86_64-with-glibc2.36"}
    before = {**now, name: value.format(major="Linux-6.18")}
    assert bool(differing(before, now)) == differs


def test_a_resume_without_the_gpu_is_refused(tmp_path):
    written(tmp_path, device="cuda:77")
    for elsewhere in (False, True):
        with pytest.raises(
            StateError,
            match=r"was begun on cuda:77, but there is none here; resume it on a machine that has one, or start "
            r"over in "
            r"another directory with device='auto'$",
        ):
            resume(tmp_path, display=Silent(), elsewhere=elsewhere)
