"""Names that markup, spreadsheets, terminals and file systems take for more than names."""

import csv
import io
import os
import re
from pathlib import Path

import pytest

from stepsize.cli.screen import print_table
from stepsize.curves import read_curves
from stepsize.errors import ArgumentError, visible
from stepsize.files import spreadsheet_cell, text_of_cell
from stepsize.lab import Experiment
from stepsize.lab.directory import run_file_name
from stepsize.lab.report.paper_table import runs_csv
from stepsize.store import Run, Store, load_runs
from stepsize.store.run import Point, StoredRun

PRINTABLE = [
    "<script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-1 * x",
    "@SUM(A1)",
    "../../etc/passwd",
    "x" * 10_000,
    "\N{CJK UNIFIED IDEOGRAPH-540D}" * 100,
    "'=1",
    "\N{FULLWIDTH EQUALS SIGN}1+1",
    "\N{FULLWIDTH HYPHEN-MINUS}1+1",
    'a,"b"',
    "[red]bold[/red]",
]
FORMULAS = "=+-@\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH HYPHEN-MINUS}"
OBEYED = ["\x1b[2J", "\x1b]0;title\x07", "\u202egnp.exe", "a\rb", "a\0b", "a\x08b", "\x9b2J", "\u2028"]


@pytest.mark.parametrize("name", OBEYED)
def test_a_terminal_shows_signs_and_does_not_obey_them(name, capsys):
    assert visible(name).isprintable()
    assert visible(printed := "two\nlines with\u00a0a\u3000space") == printed
    assert str(ArgumentError("", name, "a number", 1)).isprintable()
    print_table((name, "b"), [(name, name)], left=[0])
    out = capsys.readouterr().out
    assert all(each.isprintable() or each == "\n" for each in out)
    with pytest.raises(ArgumentError, match="a name of printable characters"):
        Experiment({name: "Constant(0.1)"})


@pytest.mark.parametrize("name", PRINTABLE)
def test_a_table_has_a_name_in_full(name, capsys):
    print_table(("name", "b"), [(name, "1")], left=[0])
    shown = "".join(line[:-1].strip() for line in capsys.readouterr().out.splitlines()[1:])
    assert shown == name


@pytest.mark.parametrize("name", [*PRINTABLE, *OBEYED, "..", "."])
def test_the_folder_of_a_run_stays_in_its_directory_and_is_its_own(tmp_path, name):
    if "\0" in name:  # which the rule of names refuses, and so does every file system
        return
    place = tmp_path / run_file_name(name, 0)
    place.mkdir()
    assert [each.resolve() for each in tmp_path.iterdir()] == [place.resolve()]
    assert place.resolve().parent == tmp_path
    assert len(os.fsencode(place.name)) < 143
    assert run_file_name(name, 0) != run_file_name(name + "a", 0)


def test_a_spreadsheet_takes_no_name_in_an_export_for_a_formula(tmp_path):
    runs = [(name, "-1.0 * Constant(0.1)", 0) for name in PRINTABLE]
    with Store.create(tmp_path / "store.sqlite", {}, {}, runs) as store:
        for number in range(len(runs)):
            store.log(number, [Point(step, 0.1, 2.0 / step, 0.5) for step in (1, 2)])
    load_runs(tmp_path).write_csv(tmp_path / "points.csv")
    with open(tmp_path / "points.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    cells = [cell for row in rows for cell in (row["name"], row["schedule"])]
    assert not any(cell[0] in FORMULAS for cell in cells)
    assert [text_of_cell(row["name"]) for row in rows[::2]] == PRINTABLE
    assert {text_of_cell(row["schedule"]) for row in rows} == {runs[0][1]}


def test_a_table_of_a_paper_is_read_back_and_has_no_formula():
    names = [*PRINTABLE, "-0.5"]
    runs = [StoredRun.of(number, Run(name, "Constant(0.1)", -5, (), (), 1.0)) for number, name in enumerate(names)]
    rows = list(csv.DictReader(io.StringIO(runs_csv(runs, []))))
    assert [text_of_cell(row["schedule"]) for row in rows] == names
    assert not any(row["schedule"][0] in FORMULAS for row in rows[:-1])
    assert (rows[-1]["schedule"], rows[-1]["seed"]) == ("-0.5", "-5")


def test_the_names_of_an_export_are_read_back(tmp_path):
    names = ["=cmd|' /C calc'!A0", "+model=a", "plain"]
    with Store.create(tmp_path / "store.sqlite", {}, {}, [(name, "Constant(0.1)", 0) for name in names]) as store:
        for number in range(3):
            store.log(number, [Point(step, 0.1, 2.0 / step, 0.5) for step in (1, 2)])
    load_runs(tmp_path).write_csv(tmp_path / "points.csv")
    assert [curve.name for curve in read_curves(tmp_path / "points.csv")] == names


@pytest.mark.parametrize("number", ["-5", "+0.1", "-1e-3", "12"])
def test_numbers_stay_numbers(number):
    assert spreadsheet_cell(number) == number


def test_an_apostrophe_before_a_word_stays():
    assert text_of_cell("'tis") == spreadsheet_cell("'tis") == "'tis"


def test_curves_of_hostile_logs_have_names_that_can_be_printed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a\x1b[2J.csv").write_text("step,loss,lr\n0,3,0.1\n1,2,0.1\n")
    (curve,) = read_curves("a\x1b[2J.csv")
    assert curve.name == "a\\x1b[2J"


def test_a_name_of_more_than_100_bytes_is_cut_in_the_name_of_a_file():
    assert run_file_name("a" * 100, 3) == f"{'a' * 100}-seed3"
    assert run_file_name("/", 3) == "%2F-seed3" != run_file_name("%2F", 3)
    eta = "\N{GREEK SMALL LETTER ETA}"  # of two bytes
    assert run_file_name(eta * 50, 3) == f"{eta * 50}-seed3"
    assert run_file_name(eta * 51, 3).startswith(f"{eta * 50}~")
    assert re.fullmatch("a{100}~[0-9a-f]{16}-seed3", run_file_name("a" * 101, 3))
