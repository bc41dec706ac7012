"""The directory of a comparison: which are taken, what its files are called, and what it records of failures."""

import os
import re

import pytest

from stepsize.errors import OutputError
from stepsize.lab import directory
from stepsize.lab.directory import ResultDirectory, run_file_name
from stepsize.store import Store, load_runs

RUNS = [("a", "Constant(1)", seed) for seed in range(4)]


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("warm-up [1]", "warm-up [1]"),
        ('/\\:*?"<>|%', "%2F%5C%3A%2A%3F%22%3C%3E%7C%25"),
        ("n" * 100, "n" * 100),
        ("n" * 101, "n" * 100 + "~1c2ffa742d6101b7"),
        ("é" * 50, "é" * 50),
        ("n" + "é" * 50, "n" + "é" * 49 + "~8f606d9d689d4bb4"),
    ],
)
def test_the_files_of_a_run_have_its_name_if_every_file_system_can_have_it(name, file):
    assert run_file_name(name, 3) == f"{file}-seed3"
    assert len(os.fsencode(run_file_name(name, 3))) <= 100 + 17 + 6


def test_the_files_of_runs_have_their_places(tmp_path):
    place = ResultDirectory(tmp_path)
    assert place.store == tmp_path / "store.sqlite"
    assert [place.checkpoint(number) for number in (7, 1234)] == [
        tmp_path / "checkpoints" / "007.pt",
        tmp_path / "checkpoints" / "1234.pt",
    ]
    assert place.run_folder("a/b", 0) == tmp_path / "runs" / "a%2Fb-seed0"


def test_a_directory_is_made_with_those_above_it_or_an_empty_one_is_taken(tmp_path):
    place = ResultDirectory.claim(tmp_path / "of" / "mine")
    assert [path.name for path in place.path.iterdir()] == ["checkpoints"]
    (tmp_path / "empty").mkdir()
    assert ResultDirectory.claim(tmp_path / "empty").path == tmp_path / "empty"


def test_what_is_no_directory_cannot_be_used(tmp_path):
    (tmp_path / "file").touch()
    words = {"file": "it is not an empty directory, and results are never overwritten", "file/in": "not a directory"}
    for name, reason in words.items():
        path = tmp_path / name
        expected = f"{path} cannot be used for results: {reason}; name another directory"
        with pytest.raises(OutputError, match=f"^{re.escape(expected)}$"):
            ResultDirectory.claim(path)


def test_directories_of_one_second_are_numbered(tmp_path, monkeypatch):
    class Now:
        @staticmethod
        def now():
            return Now()

        def strftime(self, form):
            assert form == "%Y%m%d-%H%M%S"
            return "20260102-030405"

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(directory, "datetime", Now)
    taken = [str(ResultDirectory.claim(None).path) for _ in range(3)]
    assert taken == [f"runs/20260102-030405{number}" for number in ("", "-2", "-3")]


def test_checkpoints_are_removed_and_their_folder_made_again(tmp_path):
    place = ResultDirectory.claim(tmp_path / "out")
    place.checkpoint(0).touch()
    for _ in range(2):  # also if it is there, or gone, already
        place.remove_checkpoints()
    assert not any(place.path.iterdir())
    for _ in range(2):
        place.make_checkpoint_folder()
    assert [path.name for path in place.path.iterdir()] == ["checkpoints"]
    place.abandon()
    place.abandon()
    assert not place.path.exists()


def test_a_failure_is_recorded_for_the_runs_that_are_not_complete(tmp_path):
    place = ResultDirectory(tmp_path)
    with Store.create(place.store, {}, {}, RUNS) as store:
        store.end(1, "finished", 2.0)
        store.end(2, "diverged", 3.0, 5)
    place.fail([3, 2, 1, 0], "no memory")
    place.note("resumed", "elsewhere")
    place.note("notice", "of a run", 3)
    results = load_runs(tmp_path)
    assert [(run.status, run.seconds) for run in results.outcomes()] == [
        ("failed", 0.0),
        ("finished", 2.0),
        ("diverged", 3.0),
        ("failed", 0.0),
    ]
    assert [(event.kind, event.text, event.number) for event in results.events()] == [
        ("failed", "no memory", 0),
        ("failed", "no memory", 3),
        ("resumed", "elsewhere", None),
        ("notice", "of a run", 3),
    ]
