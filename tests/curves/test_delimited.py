"""Tables of cells: the sign between them, names, numbers, and several runs in one file."""

import codecs
import gzip
import tracemalloc

import numpy as np
import pytest
from logs import AT, LOSSES, PLAN, csv_of

from stepsize.curves import read_curves
from stepsize.errors import DataError


def check(path, **settings):
    (curve,) = read_curves(path, **settings)
    np.testing.assert_array_equal(curve.steps, AT)
    np.testing.assert_array_equal(curve.losses, LOSSES)
    np.testing.assert_array_equal(curve.rates[AT], PLAN(AT))
    return curve


WRITTEN = {
    "semicolons": csv_of().replace(",", ";"),
    "tabs": csv_of().replace(",", "\t"),
    "bars": csv_of().replace(",", "|"),
    "blanks": csv_of().replace(",", "   "),
    "decimal commas": csv_of().replace(",", ";").replace(".", ","),
    "Windows": csv_of().replace("\n", "\r\n"),
    "a comment": "# made on Monday\n\n" + csv_of(),
    "NumPy's savetxt": "# " + csv_of().replace(",", " "),
    "quotes": csv_of().replace("step,lr,loss", '"step","lr","loss"'),
    "quotes after blanks": csv_of().replace("step,lr,loss", '"step", "lr", "loss"'),
    "blanks around names": (csv_of() + "step,lr,loss\n").replace("step,lr,loss", "step , lr , loss "),
    "an index": "\n".join(
        f"{'' if row == 0 else row},{line}" for row, line in enumerate(csv_of().splitlines())
    ),
    "another index": "\n".join(
        f"{'Unnamed: 0' if row == 0 else row},{line}" for row, line in enumerate(csv_of().splitlines())
    ),
    "a blank column at the end": csv_of().replace("\n", ",\n"),
    "a blank beyond the last column": csv_of()[:-1] + ",\t\n",
    "names once more": csv_of() + "step,lr,loss\n",
    "texts": "\n".join(f"{line},2025-01-0{row % 9 + 1}" for row, line in enumerate(csv_of().splitlines())),
}  # fmt: skip


@pytest.mark.parametrize("text", WRITTEN.values(), ids=WRITTEN)
def test_a_table_may_be_written_in_many_ways(write, text):
    check(write(text.replace("2025-01-01", "date", 1)))


THOUSANDS = {
    "commas in quotes": 'step,lr,loss\n"0","0.3","3.500"\n"1,000","0.3","3.141"\n',
    "commas between tabs": "step\tlr\tloss\n0\t0.3\t3.500\n1,000\t0.3\t3.141\n",
    "points": "step;lr;loss\n0;0,3;3,500\n1.000;0,3;3,141\n",
    "none, but decimal commas in quotes": 'step,lr,loss\n"0","0,3","3,500"\n"1000","0,3","3,141"\n',
}


def test_a_comma_between_digits_is_that_of_decimals_unless_others_have_points(write):
    for rate, loss in (("1", 3.5), ("0.1", 3500.0)):
        (curve,) = read_curves(write(f"step;lr;loss\n0;{rate};3,500\n1;{rate};3,141\n"))
        assert curve.losses[0] == loss


@pytest.mark.parametrize("text", THOUSANDS.values(), ids=THOUSANDS)
def test_thousands_are_told_from_decimals(write, text):
    (curve,) = read_curves(write(text))
    assert curve.steps.tolist() == [0, 1000]
    assert curve.losses.tolist() == [3.5, 3.141]
    assert curve.rates[0] == 0.3


@pytest.mark.parametrize(
    "content",
    [
        codecs.BOM_UTF8 + csv_of().encode(),
        csv_of().encode("utf-16"),
        csv_of().encode("utf-16-le"),
        csv_of().encode("utf-16-be"),
        gzip.compress(csv_of().encode()),
        ("# Größe\n" + csv_of()).encode("latin-1"),
    ],
    ids=["BOM", "UTF-16", "UTF-16 LE", "UTF-16 BE", "gzip", "Latin-1"],
)
def test_a_text_may_be_encoded_in_many_ways(tmp_path, content):
    (tmp_path / "run.csv.gz").write_bytes(content)
    assert check(tmp_path / "run.csv.gz").name == "run"


def test_columns_may_have_other_names_and_any_order(write):
    path = write("epoch,train ce,temperature,t\n0,3.0,0.2,0\n0,2.5,0.192,4\n")
    (curve,) = read_curves(path, step="t", lr="temperature", loss="train ce")
    np.testing.assert_allclose(curve.rates, [0.2, 0.198, 0.196, 0.194, 0.192])


def test_cells_may_be_empty(write):
    for empty in ("", "None", "null", "N/A", "NA", "nan", "<NA>", "-"):
        (curve,) = read_curves(write(f"step,lr,loss\n0,0.2,3\n1,0.15,{empty}\n\n2,0.1,2\n"))
        assert curve.steps.tolist() == [0, 2]
        assert curve.rates.tolist() == [0.2, 0.15, 0.1]
    (curve,) = read_curves(write("step,lr,loss\n0,0.2,3\n1,0.2,nan\n2,0.2,2\n3,0.2,nan\n"))  # as pandas writes it
    assert curve.steps.tolist() == [0, 2]


def test_an_incomplete_last_line_of_a_run_that_is_being_logged_does_not_count(write):
    curve = check(write(csv_of() + "100,0.0"))
    assert curve.notes == ("its last line is not complete and does not count",)


RUNS = [
    ("run", "a", "b", ["a", "b"]),
    ("run_name", "a=10, x", "b", ["a=10, x", "b"]),
    ("Experiment", "a", "b", ["a", "b"]),
    ("run", "0", "1", ["run 0", "run 1"]),
    ("run", "'=a", "b", ["=a", "b"]),
    ("seed", "0", "1", ["seed 0", "seed 1"]),
]


@pytest.mark.parametrize(("column", "first", "second", "names"), RUNS)
def test_a_column_of_runs_divides_a_file(write, column, first, second, names):
    rows = csv_of().splitlines()[1:]
    lines = [f'"{run}",{row}' for row in rows for run in (first, second)]
    curves = read_curves(write("\n".join([f"{column},step,lr,loss", *lines])))
    assert [curve.name for curve in curves] == names
    for curve in curves:
        np.testing.assert_array_equal(curve.losses, LOSSES)


def test_the_lines_of_a_file_of_several_runs_are_those_of_the_file(write):
    """Comments and lines of other runs count, and blanks after a name do not."""
    rows = ["a,0,0.1,3", "b ,0,0.1,3", "a ,1,0.1,2", "b,1,0.1,nan"]
    with pytest.raises(DataError, match=r"run\.csv, b, line 6: loss is not finite at step 1: the run diverged"):
        read_curves(write("\n".join(["# made on Monday", "run,step,lr,loss", *rows])))
    curves = read_curves(write("\n".join(["run,step,lr,loss", *rows[:3], "b,1,0.1,2"])))
    assert [(curve.name, curve.steps.size) for curve in curves] == [("a", 2), ("b", 2)]


def test_runs_are_told_apart_by_all_that_differs(write):
    rows = [f"a,{seed},{name},0,{row}" for seed in (0, 1) for name in "xy" for row in csv_of().splitlines()[1:]]
    curves = read_curves(write("\n".join(["experiment,seed,name,trial,step,lr,loss", *rows])))
    assert [curve.name for curve in curves] == ["seed 0, x", "seed 0, y", "seed 1, x", "seed 1, y"]


@pytest.mark.parametrize("names", [["", "", "x", "x"], ["w", "x", "y", "z"]])
def test_a_column_that_names_some_rows_or_each_of_them_does_not_divide_a_file(write, names):
    rows = "".join(f"{name},{step},0.1,3\n" for step, name in enumerate(names))
    (curve,) = read_curves(write("name,step,lr,loss\n" + rows))
    assert (curve.name, curve.steps.tolist()) == ("run", [0, 1, 2, 3])


def test_a_file_of_one_run_has_the_name_that_it_gives(write):
    rows = [f"mine,7,{row}" for row in csv_of().splitlines()[1:]]
    assert check(write("\n".join(["run,seed,step,lr,loss", *rows]))).name == "mine"
    rows = [f"7,{row}" for row in csv_of().splitlines()[1:]]
    assert check(write("\n".join(["seed,step,lr,loss", *rows]))).name == "run"


BAD_FILES = [
    (b"", "is empty"),
    (b"  \n", "is empty"),
    (b"# nothing\n", "has no rows"),
    (b"step,lr,loss\n", "has no rows, only the names"),
    (b"step,lr,loss\n\n,,\n", "has no rows, only the names"),
    (b"0,0.1,3\n1,0.1,3\n", "does not name its columns; write their names into the first line: step,lr,loss"),
    (b"step,lr,loss\n0,0.1,3\n1,0.1\n", "line 3: 2 cells for 3 columns; a row needs a cell for each column"),
    (b"step,lr,loss\n0,0.1,3\n1\n", "line 3: 1 cell for 3 columns"),
    (b"step,lr,loss\n0,0,1,4,2\n", "line 2: 5 cells for 3 columns"),
    (b"# made on Monday, by me, at home, again\n0,0.1,3\n1,0.1,3\n", "does not name its columns"),
    (
        b"step,lr,loss\n" + b"0,0.1,3\n" * 20 + b"1,0.1," + b"3" * 200_000,
        "read as a table: field larger than field limit",
    ),
    (b"Dear reader,\nthis is a letter\nand no log.\n", "is not a log that stepsize knows"),
    (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "neither a text nor a file that stepsize knows"),
    (bytes(range(128, 256)) * 4, "neither a text nor a file that stepsize knows"),
    (gzip.compress(csv_of().encode())[:40], "cannot be read"),
]


@pytest.mark.parametrize(("content", "words"), BAD_FILES, ids=range(len(BAD_FILES)))
def test_a_file_that_is_no_table_is_refused_in_words(tmp_path, content, words):
    (tmp_path / "run.csv").write_bytes(content)
    with pytest.raises(DataError, match=words):
        read_curves(tmp_path / "run.csv")


def test_a_huge_text_is_refused(write, monkeypatch):
    monkeypatch.setattr("stepsize.curves.text_file.LARGEST", 2**20)
    with pytest.raises(DataError, match="more than 1 MB of text; keep the lines of the log alone"):
        read_curves(write(csv_of() * 2000))


def test_a_short_log_takes_little_memory(write):
    path = write(csv_of())
    tracemalloc.start()
    try:
        read_curves(path)
        assert tracemalloc.get_traced_memory()[1] < 2**25
    finally:
        tracemalloc.stop()
