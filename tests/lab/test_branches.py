"""Runs that share their beginning: which branch from which, and that they end in the same bits as apart."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from in_process import train_here
from ray_stand_in import stand_in
from silent import Silent
from test_resume import Impatient

import stepsize as ss
from stepsize.errors import RunError
from stepsize.files import write_whole
from stepsize.lab import Experiment, compare, resume
from stepsize.lab.directory import ResultDirectory
from stepsize.lab.engines import runs, stacked
from stepsize.lab.run_spec import Branch, RunSpec, shared_beginnings
from stepsize.pytorch import Plateau
from stepsize.store import load_runs

STEPS = 20


def specs(*schedules, seeds=(0,), steps=STEPS, **settings):
    """Runs of these schedules, seed by seed, by number."""
    every = [RunSpec(f"{each}", each, seed, 1, steps, **settings) for seed in seeds for each in schedules]
    return dict(enumerate(every))


def cooldown(at, steps=4):
    return ss.Constant(0.1).cooldown(at, steps)


def test_cooldowns_of_one_run_branch_from_one_of_them():
    branches = shared_beginnings(specs(*map(cooldown, (4, 12, 8, 14)), seeds=(3, 5)))
    # At the step of a cooldown itself the value is still the same.
    assert branches == {
        0: Branch(1, 5),
        2: Branch(1, 9),
        3: Branch(1, 13),
        4: Branch(5, 5),
        6: Branch(5, 9),
        7: Branch(5, 13),
    }


ALONE = [([1], [], 0), ([0], [1], 5), ([2], [1], 9), ([3], [1], 13)]
ALONE += [([row + 4 for row in rows], [parent + 4 for parent in parents], step) for rows, parents, step in ALONE]
TOGETHER = [([1, 5], [], 0), ([0, 4], [1, 5], 5), ([2, 6], [1, 5], 9), ([3, 7], [1, 5], 13)]


@pytest.mark.parametrize(("size", "expected"), [(1, ALONE), (2, TOGETHER), (8, TOGETHER)])
def test_runs_that_branch_from_one_stack_at_one_step_form_a_stack(tmp_path, size, expected):
    family, directory = specs(*map(cooldown, (4, 12, 8, 14)), seeds=(3, 5)), ResultDirectory(tmp_path)
    stacks = stacked.record_stacks(directory, family, shared_beginnings(family), size)
    for found in (stacks, stacked.recorded_stacks(directory)):
        assert [(list(each.members), list(each.parents), each.step) for each in found] == expected
        assert {seed for each in found for seed in each.members.values()} == {3, 5}


def test_a_run_that_has_begun_branches_no_more_but_others_branch_from_it():
    family = specs(*map(cooldown, (4, 12, 8)))
    assert shared_beginnings(family, begun={0}) == {1: Branch(0, 5), 2: Branch(1, 9)}
    assert shared_beginnings(family, begun={0, 1, 2}) == {}


def test_equal_values_are_shared_however_they_are_written():
    flat, drawn = ss.Constant(0.1), ss.Linear(0.1, 0.1, 5) >> ss.Linear(0.1, 0.0, 10)
    assert shared_beginnings(specs(flat, drawn)) == {1: Branch(0, 6)}
    assert shared_beginnings(specs(flat, ss.Plan(lr=drawn))) == {1: Branch(0, 6)}
    assert shared_beginnings(specs(flat, flat)) == {1: Branch(0, STEPS - 1)}


@pytest.mark.parametrize(
    "other",
    [
        ss.Plan(lr=0.1, relative=True),
        ss.Plan(lr=0.1, weight_decay=0.0),
        ss.Plan(lr=[0.1]),
        ss.Constant(0.1 + 2e-17),
        ss.Plan(lr=0.1, weight_decay=ss.ConstantProduct(0.01)),
    ],
    ids=str,
)
def test_runs_that_get_other_values_share_nothing(other):
    assert shared_beginnings(specs(ss.Plan(lr=0.1), other)) == {}


def test_runs_with_feedback_share_nothing():
    plain = specs(ss.Constant(0.1), cooldown(8), seeds=(0, 1))
    assert shared_beginnings(plain | specs(ss.Constant(0.1), cooldown(8), feedback=Plateau())) == {3: Branch(2, 9)}


def test_a_beginning_shorter_than_a_twentieth_of_the_run_is_not_shared():
    assert shared_beginnings(specs(ss.Constant(0.1), cooldown(3), steps=100)) == {}
    assert shared_beginnings(specs(ss.Constant(0.1), cooldown(4), steps=100)) == {1: Branch(0, 5)}


@given(st.lists(st.lists(st.sampled_from([0.1, 0.2]), min_size=6, max_size=6), min_size=2, max_size=9))
def test_no_update_is_made_twice(tables):
    branches = shared_beginnings(specs(*map(ss.Table, tables), steps=6))
    made = 6 * len(tables) - sum(branch.step for branch in branches.values())
    beginnings = {tuple(table[:length]) for table in tables for length in range(1, 7)}
    again = len(tables) - len({tuple(table) for table in tables})  # runs that are equal make their last update each
    assert made == len(beginnings) + again
    for number, branch in branches.items():
        assert tables[number][: branch.step] == tables[branch.parent][: branch.step]


# A star, a branch of a branch, a run that diverges, and one that would diverge with it.
TREE = {
    "early": "Constant(0.01).cooldown(31, 20)",
    "late": "Constant(0.01).cooldown(52, 20)",
    "twice": "Constant(0.01).cooldown(31, 20).head(40) >> Constant(0.002)",
    "whole": "Constant(0.01)",
    "wild": "Constant(0.01, 20) >> Constant(1e30)",
    "as wild": "Constant(0.01, 20) >> Constant(1e30, 20) >> Constant(0.01)",
}
BRANCHES = [(1, 32), (None, None), (0, 40), (1, 53), (1, 20), (4, 22)]


def tree(**settings):
    given = {"task": "own_tasks:dropping", "epochs": 12, "batch_size": 8, "log_every": 3, "checkpoint_every": 10}
    return Experiment(TREE, **given | {"optimizer": "adamw", "device": "cpu", "engine": "local"} | settings)


def ends(directory):
    """Everything that the runs logged, and how they ended, except the seconds."""
    return [repr((r.name, r.seed, r.points, r.epochs, r.status, r.diverged_at)) for r in load_runs(directory).runs()]


@pytest.fixture(scope="module")
def apart(tmp_path_factory):
    """What the runs of the tree log if each is trained by itself."""
    out = tmp_path_factory.mktemp("apart") / "out"
    with pytest.MonkeyPatch.context() as monkeypatch:
        train_here(monkeypatch)
        monkeypatch.setattr(runs, "shared_beginnings", lambda *_: {})
        compare(tree(), out, display=Silent())
    assert {run.parent for run in load_runs(out).outcomes()} == {None}
    return ends(out)


@pytest.mark.usefixtures("in_process", "one_thread")
def test_branches_end_in_the_same_bits_as_apart(tmp_path, apart):
    comparison = compare(tree(), tmp_path, display=Silent())
    assert ends(tmp_path) == apart
    outcomes = load_runs(tmp_path).outcomes()
    assert [(run.parent, run.branched_at) for run in outcomes] == BRANCHES
    note = "5 of 6 runs branch from others: 261 of 428 updates were trained (39% saved)."
    assert comparison.table.notes[-1] == note
    assert note in (tmp_path / "report.md").read_text().replace("\\", "")
    assert note in (tmp_path / "report.html").read_text()


@pytest.mark.usefixtures("in_process", "one_thread")
def test_a_stopped_tree_continues_in_the_same_bits_and_is_still_shared(tmp_path, apart):
    draw = random.Random(0)
    with pytest.raises(KeyboardInterrupt):
        compare(tree(), tmp_path, display=Impatient(45))
    stops = 1
    while stops < 30:
        try:
            resume(tmp_path, display=Impatient(draw.randint(20, 97)))
            break
        except KeyboardInterrupt:
            stops += 1
    assert stops > 3
    assert ends(tmp_path) == apart
    assert [(run.parent, run.branched_at) for run in load_runs(tmp_path).outcomes()] == BRANCHES


@pytest.mark.usefixtures("one_thread")
def test_ray_carries_the_branches_from_task_to_task(tmp_path, apart, monkeypatch):
    stand_in(monkeypatch)
    compare(tree(engine="ray"), tmp_path, display=Silent())
    assert ends(tmp_path) == apart
    assert [(run.parent, run.branched_at) for run in load_runs(tmp_path).outcomes()] == BRANCHES


@pytest.mark.usefixtures("in_process", "one_thread")
def test_a_parent_that_a_kill_took_back_branches_from_its_branch(tmp_path):
    schedules = {"whole": "Constant(0.01)", "early": "Constant(0.01).cooldown(31, 20)"}
    asked = replace(tree(checkpoint_every=1000), schedules=schedules)
    with pytest.raises(KeyboardInterrupt):
        compare(asked, tmp_path, display=Impatient(45))
    (tmp_path / "checkpoints" / "000.pt").unlink()  # a kill would not have written it
    assert (tmp_path / "checkpoints" / "001.pt").exists()
    comparison = resume(tmp_path, display=Silent())
    assert [(run.parent, run.branched_at) for run in load_runs(tmp_path).outcomes()] == [(1, 32), (None, None)]
    assert "1 of 2 runs branches from another: 160 of 192 updates were trained" in comparison.table.notes[-1]


@pytest.mark.usefixtures("in_process", "one_thread")
def test_stacks_of_several_seeds_branch(tmp_path, monkeypatch):
    asked = tree(task="own_tasks:line", seeds=(0, 1), engine="stacked", runs_at_once=2)
    with pytest.raises(KeyboardInterrupt):
        compare(asked, tmp_path / "shared", display=Impatient(50))
    resume(tmp_path / "shared", display=Silent())
    monkeypatch.setattr(stacked, "shared_beginnings", lambda *_: {})
    compare(asked, tmp_path / "apart", display=Silent())
    shared, apart = (load_runs(tmp_path / name).runs() for name in ("shared", "apart"))
    for one, other in zip(shared, apart, strict=True):
        assert (one.status, one.diverged_at) == (other.status, other.diverged_at)
        for name in ("step", "lr", "train_loss"):
            assert one.column(name) == pytest.approx(other.column(name), rel=1e-4, nan_ok=True)
        assert one.epoch_column("test_loss") == pytest.approx(other.epoch_column("test_loss"), rel=1e-4, nan_ok=True)
    assert [run.branched_at for run in shared if run.seed == 1] == [step for _, step in BRANCHES]


@pytest.mark.usefixtures("in_process", "one_thread")
def test_a_kill_as_stacks_are_recorded_changes_nothing(tmp_path, monkeypatch):
    asked = tree(task="own_tasks:line", seeds=(0, 1), engine="stacked", runs_at_once=2)
    compare(asked, tmp_path / "whole", display=Silent())

    def killed(*args):
        write_whole(*args)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(stacked, "write_whole", killed)
        patch.setattr(ResultDirectory, "abandon", lambda _: None)
        with pytest.raises(KeyboardInterrupt):
            compare(asked, tmp_path / "killed", display=Silent())
    resume(tmp_path / "killed", display=Silent())
    assert ends(tmp_path / "killed") == ends(tmp_path / "whole")
    outcomes = [load_runs(tmp_path / name).outcomes() for name in ("killed", "whole")]
    assert len({tuple((run.parent, run.branched_at) for run in each) for each in outcomes}) == 1


@pytest.mark.usefixtures("in_process", "one_thread")
def test_if_the_parent_fails_the_branches_train_by_themselves(tmp_path):
    schedules = {"fickle": 'Function("fickle_rate:rate")', "flat": "Constant(0.1)"}
    asked = Experiment(
        schedules, "own_tasks:line", epochs=2, functions=True, batch_size=8, device="cpu", engine="local"
    )
    with pytest.raises(RunError, match="'fickle' with seed 0 failed"):
        compare(asked, tmp_path, display=Silent())
    failed, flat = load_runs(tmp_path).runs()
    assert (failed.status, flat.status, flat.branched_at) == ("failed", "finished", None)
    assert flat.points[-1].step == 16
