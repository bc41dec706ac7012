"""A store after kills, full disks and damage: what was committed is there once, and losses are reported."""

import os
import pickle
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from stepsize.errors import ArgumentError, DamagedStoreError, DataError, OutputError
from stepsize.store import Results, Store, load_runs, stored_runs
from stepsize.store.database import APPLICATION, VERSION, translated_errors
from stepsize.store.run import Epoch, Point

RUNS = 12
POINTS = 300
EPOCH = Epoch(POINTS, 1.0, 0.5, 2.0, 0.25)
PAGE = 4096
TABLES = {"experiment": 1, "runs": 2, "points": 3, "epochs": 4, "events": 5}  # the pages where they begin, from 0


def points(first: int, count: int) -> list[Point]:
    return [Point(step, 0.1, 1 / step, step / 1000) for step in range(first, first + count)]


def run_python(code: str, *arguments: object) -> "subprocess.Popen[str]":
    head = "import sys\nfrom stepsize.errors import DataError, OutputError\nfrom test_store_faults import *\n"
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
    """Two writers are killed at random moments, repeatedly; what they reported as logged must be there."""
    path = tmp_path / "store.sqlite"
    chance = random.Random(0)
    Store.create(path, {}, {}, [("flat", "Constant(0.1)", 0), ("flat", "Constant(0.1)", 1)]).close()
    said = [0, 0]
    for _ in range(4):
        writers = [run_python(WRITER, path, number) for number in (0, 1)]
        for number, writer in enumerate(writers):
            said[number] = int([writer.stdout.readline() for _ in range(5)][-1])
        for writer in chance.sample(writers, 2):
            time.sleep(chance.uniform(0, 0.05))
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


def test_a_process_killed_while_it_makes_the_store_leaves_no_store_or_a_whole_one(tmp_path):
    code = "Store.create(sys.argv[1], {}, {}, [('flat', 'Constant(0.1)', seed) for seed in range(20000)]).close()"
    begun = time.perf_counter()
    run_python(code, tmp_path / "measured.sqlite").communicate()
    took = time.perf_counter() - begun
    chance = random.Random(1)
    for attempt in range(3):
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
for path, room in zip(sys.argv[1::2], sys.argv[2::2]):
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    with Store.open(path) as store:
        store.log(0, points(1, 7))
        size = int(room) + max(os.stat(path).st_size, os.stat(path + "-wal").st_size)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
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
def test_a_full_disk_is_reported_and_leaves_the_store_whole(tmp_path):
    rooms = {tmp_path / f"{room}.sqlite": room for room in (100, 20_000, 300_000)}
    for path in rooms:
        Store.create(path, {}, {}, [("flat", "Constant(0.1)", 0)]).close()
    writer = run_python(LIMITED, *(argument for pair in rooms.items() for argument in pair))
    out, err = writer.communicate()
    assert (writer.returncode, err) == (0, "")
    for path, line in zip(rooms, out.splitlines(), strict=True):
        step, error = line.split(maxsplit=1)
        assert re.match(r"cannot write .*sqlite: the disk .*; what was stored before is unharmed", error)
        assert load_runs(path).run(0).points == tuple(points(1, int(step)))
        with Store.open(path) as store:
            store.log(0, points(int(step) + 1, 7))
        assert len(load_runs(path).run(0).points) == int(step) + 7


# Damage


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A closed store of twelve runs of 300 points, the last of them unfinished."""
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
    results.events()
    results.runs()
    results.columns()


@pytest.mark.parametrize("garbage", [bytes(PAGE), b"\xff" * PAGE, random.Random(2).randbytes(PAGE)])
@pytest.mark.parametrize("page", ["first", *TABLES, "a leaf", "the last leaf"])
def test_an_overwritten_page_is_refused_with_the_command_that_recovers_the_rest(path, garbage, page):
    at = {"first": 0, "a leaf": pages(path)[7], "the last leaf": pages(path)[-1], **TABLES}[page]
    overwrite(path, at * PAGE, garbage)
    before = path.read_bytes()
    command = f"recover what is readable with: sqlite3 {path} .recover | sqlite3 {path.parent}/store-recovered.sqlite"
    with pytest.raises(DamagedStoreError, match=re.escape(command)) as caught:
        read_all(path)
    assert pickle.loads(pickle.dumps(caught.value)).args == caught.value.args
    assert path.read_bytes() == before


@pytest.mark.parametrize("keep", [0.1, 0.3, 0.7, 0.95])
def test_a_file_that_was_cut_short_is_refused(path, keep):
    os.truncate(path, int(path.stat().st_size * keep))
    with pytest.raises(DamagedStoreError, match=r"is damaged.*\.recover"):
        read_all(path)


def test_a_path_with_a_space_is_quoted_for_the_shell(tmp_path):
    path = tmp_path / "two words.sqlite"
    path.write_bytes(b"not a store at all")
    with pytest.raises(DamagedStoreError, match=r"sqlite3 '.*/two words.sqlite' .recover \| sqlite3 '.*/two words-rec"):
        load_runs(path)


def recovers() -> bool:
    """Whether the sqlite3 on this machine has .recover; Debian 12 builds it without."""
    command = ["sqlite3", ":memory:", "CREATE TABLE a (b)", ".recover"]
    if not shutil.which("sqlite3"):
        return False
    return "error" not in subprocess.run(command, capture_output=True, text=True).stderr


@pytest.mark.skipif(not recovers(), reason="the sqlite3 of this machine has no .recover")
def test_the_recovered_file_is_a_store(path):
    overwrite(path, pages(path)[7] * PAGE, bytes(PAGE))
    with pytest.raises(DamagedStoreError) as caught:
        read_all(path)
    subprocess.run(str(caught.value).partition("with: ")[2], shell=True, check=True)
    check_recovered(path.with_name("store-recovered.sqlite"))


@pytest.mark.skipif(not shutil.which("sqlite3"), reason="there is no sqlite3 on this machine")
def test_the_file_recovered_from_a_dump_is_a_store(path):
    """docs/store.md has this command for a sqlite3 without .recover."""
    overwrite(path, pages(path)[7] * PAGE, bytes(PAGE))
    head = f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION};"
    new = path.with_name("new.sqlite")
    subprocess.run(
        f"(echo '{head}'; sqlite3 {path} .dump | sed 's/^ROLLBACK.*/COMMIT;/') | sqlite3 {new}", shell=True, check=True
    )
    check_recovered(new)


def check_recovered(path: Path) -> None:
    """Check a store that has lost a leaf of points: the rest is there, and runs that lost points are trained again."""
    results = load_runs(path)
    assert (results.settings, results.environment) == ({"batch": 64}, {"threads": 1})
    assert [event.kind for event in results.events()] == ["start"]
    lost = set()
    for number in range(RUNS):
        try:
            kept = results.run(number).points
        except DataError:
            lost.add(number)
        else:
            assert kept == tuple(points(1, POINTS))
    assert len(lost) in (1, 2)
    with Store.open(path) as store:
        for number in lost:
            assert store.rewind(number, 0) == 0
    results.check()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_missing_points_are_noticed(path):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM points WHERE run = 3 AND step = 77")
    for read in (lambda results: results.run(3), lambda results: results.check(), stored_runs):
        with pytest.raises(
            DataError,
            match=r"run 3 in .* has 299 of its 300 points: the file was damaged; take the run back with "
            r"Store\.open\('.*store\.sqlite'\)\.rewind\(3, 0\), and resume the comparison to train it again$",
        ):
            read(load_runs(path))


def test_missing_runs_are_noticed(path):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM runs WHERE number = 3")
    with pytest.raises(DataError, match=r"has 11 of its 12 runs; start over in another directory"):
        load_runs(path).check()


def overwritten(results: Results) -> int:
    """How many points and epochs are not what was stored; every run that has ended has all of them."""
    wrong, truth = 0, (*points(1, POINTS), EPOCH)
    results.check()
    results.columns()
    for number, run in enumerate(results.runs()):
        assert (len(run.points), len(run.epochs)) == (POINTS, 1) or number == RUNS - 1
        wrong += len({*run.points, *run.epochs} - {*truth})
    return wrong


def test_random_damage_is_reported_or_changes_only_the_overwritten_bytes(path):
    """Only stored numbers can be wrong without an error."""
    chance = random.Random(4)
    content = path.read_bytes()
    outcomes = []
    for _ in range(25):
        size = chance.choice((1, 4, 40, 200))
        path.write_bytes(content)
        overwrite(path, chance.randrange(len(content) - size), chance.randbytes(size))
        try:
            outcomes.append(overwritten(load_runs(path)))
            assert outcomes[-1] <= 2 + size // 30  # rows are some 35 bytes and more
        except DataError:
            outcomes.append("told")
    assert {0, "told"} < {*outcomes}, "some of all kinds"


@pytest.mark.parametrize("content", [b"not a store at all", b"\x89PNG\r\n" + bytes(range(256)) * 100])
def test_another_kind_of_file_is_refused(tmp_path, content):
    path = tmp_path / "store.sqlite"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"damaged, or is not a store \(file is not a database\)"):
        load_runs(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("table", ["runs", "points", "experiment"])
def test_a_view_in_place_of_a_table_is_refused(path, table):
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS run, i AS step FROM n"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"DROP TABLE {table}")
        connection.execute(f"CREATE VIEW {table} AS {endless}")
    with pytest.raises(DamagedStoreError, match=f"a store has tables only, and this one has the view {table}"):
        load_runs(path)


PROGRAMS = {
    "a store has tables only, and this one has the trigger t": [
        "CREATE TRIGGER t AFTER INSERT ON events BEGIN DELETE FROM points; END"
    ],
    "a store has tables only, and this one has the index i": ["CREATE INDEX i ON events (hex(zeroblob(400)))"],
    "a store has plain tables only, and events is virtual or has a generated column": [
        "ALTER TABLE events ADD COLUMN more AS (hex(zeroblob(400000000)))"
    ],
    "a store has plain tables only, and words is virtual or has a generated column": [
        "CREATE VIRTUAL TABLE words USING fts5(text)"
    ],
    "the table events is not as stepsize makes it": [
        "DROP TABLE events",
        "CREATE TABLE events (time, run, kind, text CHECK (length(zeroblob(9)) > 1))",
    ],
}


@pytest.mark.parametrize("words", PROGRAMS)
def test_what_sqlite_would_evaluate_is_refused(path, words):
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in PROGRAMS[words]:
            connection.execute(statement)
    for use in (load_runs, Store.open):
        with pytest.raises(DamagedStoreError, match=words):
            use(path)


@pytest.mark.parametrize(
    "change",
    [
        "runs SET name = x'ff'",
        "runs SET name = char(27) || '[2J'",
        "runs SET name = 'a' || char(8238) || 'b'",
        "runs SET seed = 9e999",
        "runs SET parent = 'x'",
        "runs SET status = 'other'",
        "points SET step = 9e999 WHERE step = 300",
        "experiment SET settings = '[]', environment = '5'",
        f"experiment SET settings = '{'[' * 100_000}', environment = '{'[' * 100_000}'",
    ],
    ids=lambda change: change[:40],
)
def test_values_of_another_kind_are_refused(path, change):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"UPDATE {change}")
    results = load_runs(path)
    for read in (lambda: results.settings, lambda: results.environment) if "experiment" in change else (results.runs,):
        with pytest.raises(DamagedStoreError, match=r"store\.sqlite is damaged, or is not a store"):
            read()


@pytest.mark.parametrize(
    ("change", "read", "words"),
    [
        ("runs SET name = char(27)", Results.runs, "run 0 has a text in place of a number, or characters that are not"),
        ("runs SET seed = 'x'", Results.outcomes, "run 0 has a text in place of a number, or characters that are not"),
        ("points SET step = 9e999 WHERE step = 300", Results.columns, "a run or a step is not a whole number"),
        ("experiment SET settings = '[]'", lambda results: results.settings, "its settings have another form"),
    ],
)
def test_what_is_wrong_with_a_value_is_told(path, change, read, words):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"UPDATE {change}")
    with pytest.raises(DamagedStoreError, match=rf"\({words}"):
        read(load_runs(path))


@pytest.mark.parametrize("name", ["char(27)", "x'ff'"])
def test_a_metric_whose_name_is_no_text_is_refused(path, name):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"INSERT INTO metrics VALUES (0, 1, {name}, 0.5)")
    for read in (lambda: load_runs(path).metrics, lambda: load_runs(path).run(0)):
        with pytest.raises(DamagedStoreError, match=r"\(the name of a metric is not a text of printable characters\)"):
            read()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (sqlite3.SQLITE_FULL, "the disk is full"),
        (sqlite3.SQLITE_IOERR_WRITE, r"the disk refuses it \(an input or output error, or a limit on file sizes\)"),
        (sqlite3.SQLITE_BUSY, "another process has been writing to it for 60 s"),
        (sqlite3.SQLITE_READONLY_DIRECTORY, "it is write-protected"),
        (sqlite3.SQLITE_CANTOPEN, "it cannot be opened, or its folder cannot be written to"),
        (sqlite3.SQLITE_LOCKED, "what SQLite says"),
    ],
)
def test_each_error_of_sqlite_has_a_reason_in_words(code, words):
    error = sqlite3.OperationalError("what SQLite says")
    error.sqlite_errorcode = code
    for writing, kind, message in (
        (True, OutputError, f"^cannot write a.sqlite: {words}; what was stored before is unharmed$"),
        (False, DataError, f"^a.sqlite cannot be read: {words}$"),
    ):
        with pytest.raises(kind, match=message), translated_errors(Path("a.sqlite"), writing=writing):
            raise error


def test_damage_that_is_noticed_while_writing_is_damage():
    error = sqlite3.DatabaseError("malformed")
    for code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_FORMAT):
        error.sqlite_errorcode = code
        with pytest.raises(DamagedStoreError, match="malformed"), translated_errors(Path("a.sqlite"), writing=True):
            raise error
    with pytest.raises(DamagedStoreError), translated_errors(Path("a.sqlite"), writing=False):
        raise sqlite3.OperationalError("text that is not UTF-8")


@pytest.mark.parametrize("change", ["run = 'x'", "run = 0.5", "time = x'ff'", "kind = x'ff'", "text = x'00'"])
def test_events_of_another_kind_are_refused(path, change):
    with Store.open(path) as store:
        store.event("resumed", "by hand")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"UPDATE events SET {change}")
    with pytest.raises(DamagedStoreError, match=r"\(an event has a value of another kind\)"):
        load_runs(path).events()


@pytest.mark.parametrize("name", ["a\nb", "\x1b[2J", "\0", "\u202ea"])
def test_a_store_is_not_made_with_names_that_a_terminal_obeys(tmp_path, name):
    with pytest.raises(ArgumentError, match="printable characters"):
        Store.create(tmp_path / "store.sqlite", {}, {}, [(name, "Constant(0.1)", 0)])


@pytest.mark.parametrize("name", ["store.sqlite", "store.sqlite-wal", "store.sqlite-shm", "store.sqlite-journal"])
def test_a_link_in_place_of_a_file_of_the_store_is_refused_and_what_it_leads_to_stays(path, tmp_path, name):
    thesis = tmp_path / "thesis.tex"
    place = path.with_name(name)
    if place.exists():
        place.rename(thesis)
    else:
        thesis.write_bytes(b"years of work")
    before = thesis.read_bytes()
    place.symlink_to(thesis)
    for use in (load_runs, Store.open):
        with pytest.raises(
            DataError, match=rf"{name} is a link to .*thesis.tex; results hold no links: delete it, or put what"
        ):
            use(path)
    assert thesis.read_bytes() == before


def test_another_kind_of_database_is_refused(tmp_path):
    path = tmp_path / "store.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE bookmarks (address TEXT)")
    with pytest.raises(DataError, match=r"store\.sqlite is an SQLite file, but not a store of stepsize$"):
        load_runs(path)


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "store.sqlite").touch()
    with pytest.raises(DataError, match="is empty"):
        load_runs(tmp_path)


@pytest.mark.parametrize(
    ("version", "words"),
    [
        (
            VERSION + 1,
            rf"was written by a newer stepsize: it is a store of version {VERSION + 1}, and this one reads {VERSION}; "
            "nothing is wrong with it, update stepsize$",
        ),
        (
            VERSION - 1,
            rf"was written by an older stepsize: it is a store of version {VERSION - 1}, and this one reads {VERSION}; "
            "nothing is wrong with it, read it with that one$",
        ),
    ],
)
def test_a_store_of_another_version_is_refused_and_unharmed(path, version, words):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {version}")
    for act in (load_runs, Store.open):
        with pytest.raises(DataError, match=words):
            act(path)


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are POSIX's")
def test_a_store_in_an_unreadable_folder_is_reported(path):
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
def test_a_store_in_a_write_protected_folder_can_be_read(path):
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
