"""A store through kills, full disks and damage: what was committed is there once, and losses are told."""

import os
import random
import re
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest

from stepsize.errors import DataError, OutputError
from stepsize.records import Epoch, Point, Results, Run, Store, load_runs, lock, salvage
from stepsize.records.run_views import stored_runs

RUNS = 12
POINTS = 300
EPOCH = Epoch(POINTS, 1.0, 0.5, 2.0, 0.25)
PAGE = 4096
TABLES = {"experiment": 1, "runs": 2, "points": 3, "epochs": 4, "events": 5}  # the pages where they begin, from 0


def points(first: int, count: int) -> list[Point]:
    return [Point(step, 0.1, 1 / step, step / 1000) for step in range(first, first + count)]


def run_python(code: str, *arguments: object) -> "subprocess.Popen[str]":
    head = "import sys\nfrom test_store_faults import *\n"
    return subprocess.Popen(
        [sys.executable, "-c", head + code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
    )


# Kills

WRITER = """
number = int(sys.argv[2])
with Store.open(sys.argv[1]) as store:
    found = load_runs(sys.argv[1]).run(number)
    store.rewind(number, found.points[-1].step if found.points else 0)
    step = len(found.points)
    print(step, flush=True)
    while True:
        store.log(number, points(step + 1, 7))
        step += 7
        print(step, flush=True)
        time.sleep(random.uniform(0, 0.003))
"""


def test_what_a_killed_process_committed_is_there_once(tmp_path):
    """Two writers, each killed at a random moment, again and again; what they said was logged must be there."""
    path = tmp_path / "store.sqlite"
    chance = random.Random(0)
    Store.create(path, {}, {}, [("flat", "Constant(0.1)", 0), ("flat", "Constant(0.1)", 1)]).close()
    said = [0, 0]
    for _ in range(10):
        writers = [run_python(WRITER, path, number) for number in (0, 1)]
        for writer in writers:
            assert writer.stdout.readline()
        for writer in chance.sample(writers, 2):
            time.sleep(chance.uniform(0, 0.1))
            writer.send_signal(signal.SIGKILL)
        for number, writer in enumerate(writers):
            lines = writer.communicate()[0].split()
            said[number] = int(lines[-1]) if lines else said[number]
        for number, run in enumerate(load_runs(path).runs()):
            steps = [point.step for point in run.points]
            assert steps == list(range(1, len(steps) + 1))
            assert len(steps) % 7 == 0
            assert len(steps) >= said[number]
            assert run.points == tuple(points(1, len(steps)))
    assert min(said) > 100
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_process_killed_while_it_makes_the_store_leaves_none_or_all(tmp_path):
    code = "Store.create(sys.argv[1], {}, {}, [('flat', 'Constant(0.1)', seed) for seed in range(20000)]).close()"
    begun = time.perf_counter()
    run_python(code, tmp_path / "measured.sqlite").communicate()
    took = time.perf_counter() - begun
    chance = random.Random(1)
    for attempt in range(6):
        path = tmp_path / f"{attempt}.sqlite"
        maker = run_python(code, path)
        time.sleep(chance.uniform(0.6, 1) * took)
        maker.kill()
        maker.communicate()
        if path.exists():
            assert len(load_runs(path).outcomes()) == 20000


# Full disks

LIMITED = """
import resource
path = sys.argv[1]
with Store.open(path) as store:
    store.log(0, points(1, 7))
    size = int(sys.argv[2]) + max(os.stat(path).st_size, os.stat(path + "-wal").st_size)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    step = 7
    try:
        while True:
            store.log(0, points(step + 1, 7))
            step += 7
    except OutputError as error:
        print(step, error)
    try:
        store.log(0, points(step + 1, 7))
    except OutputError as error:
        pass
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits on files are POSIX's")
@pytest.mark.parametrize("room", [100, 20_000, 300_000])
def test_a_full_disk_is_told_and_leaves_the_store_whole(tmp_path, room):
    path = tmp_path / "store.sqlite"
    Store.create(path, {}, {}, [("flat", "Constant(0.1)", 0)]).close()
    writer = run_python(LIMITED, path, room)
    out, err = writer.communicate()
    assert (writer.returncode, err) == (0, "")
    step, error = out.split(maxsplit=1)
    assert re.match(r"cannot write .*store.sqlite: the disk .*; what was stored before is unharmed", error)
    assert load_runs(path).run(0).points == tuple(points(1, int(step)))
    with Store.open(path) as store:
        store.log(0, points(int(step) + 1, 7))
    assert len(load_runs(path).run(0).points) == int(step) + 7


# Damage


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A store of twelve runs of 300 points, the last of them still running, closed."""
    path = tmp_path_factory.mktemp("sound") / "store.sqlite"
    with Store.create(
        path, {"batch": 64}, {"threads": 1}, [("flat", "Constant(0.1)", s) for s in range(RUNS)]
    ) as store:
        for number in range(RUNS):
            for step in range(1, POINTS, 50):
                store.log(number, points(step, 50))
            store.log(number, [EPOCH])
            if number < RUNS - 1:
                store.end(number, "finished", 1.5)
        store.event("start", "all at once")
    return path


@pytest.fixture
def path(sound, tmp_path):
    return Path(shutil.copy(sound, tmp_path))


def pages(path: Path) -> list[int]:
    """The leaves of the points, from 0, by their numbers in the file."""
    content = path.read_bytes()
    return [
        page for page in range(1, len(content) // PAGE) if content[page * PAGE] == 0x0A and page != TABLES["epochs"]
    ]


def overwrite(path: Path, offset: int, content: bytes) -> None:
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(content)


def read_all(path: Path) -> None:
    results = load_runs(path)
    results.outcomes()
    results.runs()
    results.columns()


@pytest.mark.parametrize("garbage", [bytes(PAGE), b"\xff" * PAGE, random.Random(2).randbytes(PAGE)])
@pytest.mark.parametrize("which", [0, 7, -6])
def test_an_overwritten_page_of_points_costs_its_points_only(path, garbage, which):
    overwrite(path, pages(path)[which] * PAGE, garbage)
    before = path.read_bytes()
    with pytest.raises(
        DataError, match=r"is damaged.*of its 12 runs 1[01] can be saved whole and [12] in part: .*salvage"
    ):
        read_all(path)
    saved = salvage(path)
    assert path.read_bytes() == before
    assert saved.path == path.with_name("store-salvaged.sqlite")
    assert len(saved.whole) >= 10
    assert sorted(saved.whole + saved.part) == list(range(RUNS))
    results = load_runs(saved.path)
    assert (results.settings, results.environment) == ({"batch": 64}, {"threads": 1})
    for number, run in enumerate(results.runs()):
        assert set(run.points) <= set(points(1, POINTS))
        assert len(run.points) == POINTS if number in saved.whole else 100 < len(run.points) < POINTS
        ended = "finished" if number in saved.whole else "interrupted"  # a resume makes it again
        assert run.status == (ended if number < RUNS - 1 else "running")
        assert len(run.epochs) == 1
    assert [e.number for e in results.events() if e.kind == "salvage"] == list(saved.part)
    assert not list(path.parent.glob(".salvage-*"))


def test_of_a_run_that_would_go_on_only_what_lies_before_the_gap_is_kept(path):
    """Or it would be continued from a point that lies behind a gap."""
    overwrite(path, pages(path)[-2] * PAGE, bytes(PAGE))
    saved = salvage(path)
    assert RUNS - 1 in saved.part
    steps = [point.step for point in load_runs(saved.path).run(RUNS - 1).points]
    assert steps == list(range(1, len(steps) + 1))
    assert len(steps) < POINTS
    with Store.open(saved.path) as store:
        store.log(RUNS - 1, points(len(steps) + 1, 5))


@pytest.mark.parametrize("keep", [0.1, 0.3, 0.7, 0.95])
def test_of_a_file_that_was_cut_short_the_rest_is_saved(path, keep):
    os.truncate(path, int(path.stat().st_size * keep))
    with pytest.raises(DataError, match=r"is damaged.*of its 12 runs \d+ can be saved whole and \d+ in part"):
        load_runs(path)
    saved = salvage(path)
    assert len(saved.whole) >= int(RUNS * keep) - 2
    for number in saved.whole:
        assert load_runs(saved.path).run(number).points == tuple(points(1, POINTS))


@pytest.mark.parametrize("garbage", [bytes(100), b"\xff" * PAGE, random.Random(3).randbytes(PAGE)])
def test_without_its_first_page_everything_else_is_saved(path, garbage):
    overwrite(path, 0, garbage)
    with pytest.raises(DataError, match=r"damaged, or no store.*of its 12 runs 12 can be saved whole and 0 in part"):
        load_runs(path)
    saved = salvage(path)
    assert saved.whole == tuple(range(RUNS))
    assert load_runs(saved.path).settings == {"batch": 64}
    assert load_runs(saved.path).runs() == tuple(load_runs(saved.path).run(number) for number in range(RUNS))


def test_runs_whose_rows_are_lost_are_told_by_what_was_planned(path):
    """Their points are there; how they ended is not, so they go on."""
    overwrite(path, TABLES["runs"] * PAGE, bytes(PAGE))
    with pytest.raises(DataError, match="of its 12 runs 0 can be saved whole and 12 in part"):
        load_runs(path).outcomes()
    saved = salvage(path)
    assert saved.part == tuple(range(RUNS))
    for number, run in enumerate(load_runs(saved.path).runs()):
        assert run == Run("flat", "Constant(0.1)", number, tuple(points(1, POINTS)), (EPOCH,), 0.0, "interrupted")


@pytest.mark.parametrize("table", ["experiment", "epochs", "events"])
def test_without_the_other_tables_the_points_are_saved(path, table):
    overwrite(path, TABLES[table] * PAGE, bytes(PAGE))
    saved = salvage(path)
    assert (saved.whole or saved.part) == tuple(range(RUNS))
    results = load_runs(saved.path)
    assert all(run.points == tuple(points(1, POINTS)) for run in results.runs())
    assert results.settings == ({} if table == "experiment" else {"batch": 64})


def test_what_a_killed_writer_left_beside_a_damaged_store_is_saved(tmp_path):
    """Its points are still in the companion file, and the store itself has lost its first page."""
    path = tmp_path / "store.sqlite"
    Store.create(path, {}, {}, [("flat", "Constant(0.1)", 0)]).close()
    writer = run_python("store = Store.open(sys.argv[1])\nstore.log(0, points(1, 70))\nos.kill(os.getpid(), 9)", path)
    writer.communicate()
    assert path.with_name("store.sqlite-wal").stat().st_size > PAGE
    overwrite(path, 0, bytes(PAGE))
    saved = salvage(path)
    assert load_runs(saved.path).run(0).points == tuple(points(1, 70))


def test_points_that_are_silently_gone_are_missed(path):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM points WHERE run = 3 AND step = 77")
    for read in (lambda results: results.run(3), lambda results: results.check(), stored_runs):
        with pytest.raises(DataError, match=r"run 3 has 299 of its 300 points.* 11 can be saved whole and 1 in part"):
            read(load_runs(path))


def overwritten(results: Results, ended: Iterable[int]) -> int:
    """How many points and epochs are not what was stored, of runs of which those that have ended have all."""
    wrong, truth = 0, (*points(1, POINTS), EPOCH)
    results.check()
    results.columns()
    for number, run in enumerate(results.runs()):
        assert (len(run.points), len(run.epochs)) == (POINTS, 1) or number not in ended
        wrong += len({*run.points, *run.epochs} - {*truth})
    return wrong


def test_random_damage_is_told_or_stays_within_the_bytes_that_were_overwritten(path):
    """Nothing but numbers in their places can be wrong unnoticed, and salvage spreads no damage."""
    chance = random.Random(4)
    content = path.read_bytes()
    outcomes = []
    for _ in range(25):
        size = chance.choice((1, 4, 40, 200))
        path.write_bytes(content)
        overwrite(path, chance.randrange(len(content) - size), chance.randbytes(size))
        at_most = 2 + size // 30  # rows are some 35 bytes and more
        try:
            outcomes.append(overwritten(load_runs(path), range(RUNS - 1)))
            assert outcomes[-1] <= at_most
        except DataError:
            outcomes.append("told")
        try:
            saved = salvage(path)
        except DataError:
            continue
        assert overwritten(load_runs(saved.path), {*saved.whole} - {RUNS - 1}) <= at_most
        saved.path.unlink()
    assert {0, "told"} < {*outcomes}, "some of all kinds"


@pytest.mark.parametrize("step", [-7, 40, 200, 11_489])
@pytest.mark.parametrize("number", [3, RUNS - 1])
def test_a_step_that_was_overwritten_is_not_saved(path, number, step):
    """It stands out of order among its neighbours."""
    row = path.read_bytes().index(struct.pack(">Bhdd", number, 150, 0.1, 1 / 150))
    overwrite(path, row + 1, struct.pack(">h", step))
    saved = salvage(path)
    assert number in saved.part
    run = load_runs(saved.path).run(number)
    assert run.status == ("running" if number == RUNS - 1 else "interrupted")
    assert set(run.points) < set(points(1, POINTS))
    assert len(run.points) in ((148, 149) if number == RUNS - 1 else (297, 298, 299))


@pytest.mark.parametrize("content", [b"not a store at all", b"\x89PNG\r\n" + bytes(range(256)) * 100])
def test_another_kind_of_file_is_no_store(tmp_path, content):
    path = tmp_path / "store.sqlite"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"damaged, or no store .*; nothing in it can be saved"):
        load_runs(path)
    with pytest.raises(DataError, match=r"nothing in .*store.sqlite can be saved"):
        salvage(path)
    assert path.read_bytes() == content
    assert not path.with_name("store-salvaged.sqlite").exists()


def test_another_kind_of_database_is_no_store(tmp_path):
    path = tmp_path / "store.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE bookmarks (address TEXT)")
    with pytest.raises(DataError, match="not a store of stepsize"):
        load_runs(path)


def test_an_empty_file_is_told(tmp_path):
    (tmp_path / "store.sqlite").touch()
    with pytest.raises(DataError, match="is empty: there is nothing in it that could be saved"):
        load_runs(tmp_path)


def test_a_store_of_a_newer_version_is_told_and_unharmed(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 2")
    for act in (load_runs, Store.open):
        with pytest.raises(DataError, match=r"newer stepsize.*version 2.*reads 1.*nothing is wrong.*update"):
            act(path)


def test_salvage_overwrites_nothing_and_keeps_off_a_store_in_use(path):
    with lock(path.parent), pytest.raises(OutputError, match="is in use by process"):
        salvage(path)
    salvage(path)
    with pytest.raises(OutputError, match=r"store-salvaged.sqlite is there already"):
        salvage(path)


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are POSIX's")
def test_a_store_in_a_folder_that_cannot_be_looked_into_is_told(path):
    code = """
if os.geteuid() == 0:
    os.seteuid(65534)
try:
    load_runs(sys.argv[1])
except DataError as error:
    print(error)
"""
    path.parent.chmod(0)
    try:
        out, err = run_python(code, path).communicate()
    finally:
        path.parent.chmod(0o755)
    assert err == ""
    assert out.endswith("cannot be read: permission denied\n")


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are POSIX's")
def test_a_store_in_a_folder_that_cannot_be_written_to_is_read(path):
    code = """
if os.geteuid() == 0:
    os.seteuid(65534)
try:
    Store.open(sys.argv[1])
except (OutputError, DataError) as error:
    print(len(load_runs(sys.argv[1]).runs()), error)
"""
    path.parent.chmod(0o555)
    path.chmod(0o444)
    for above in list(path.parents)[1:4]:
        if above.name.startswith(("pytest-", "popen-")):
            above.chmod(0o755)
    try:
        reader = run_python(code, path)
        out, err = reader.communicate()
    finally:
        path.parent.chmod(0o755)
    assert err == ""
    assert re.match(r"12 .*store.sqlite cannot be (opened|read)", out)
