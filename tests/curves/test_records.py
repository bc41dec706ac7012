"""Tables from JSON, lines of JSON and NumPy's archives."""

import json
from pathlib import Path

import numpy as np
import pytest

import stepsize as ss
from stepsize.curves import read_curves
from stepsize.curves.records import sheet_of_records
from stepsize.errors import DataError

RECORDS = [{"step": step, "lr": 0.1, "loss": 3.0 - step} for step in (0, 1, 2)]


def lines(records):
    return "".join(json.dumps(record) + "\n" for record in records)


WRITTEN = {
    "a list of records": json.dumps(RECORDS, indent=1),
    "records inside": json.dumps({"config": {"lr": 0.2}, "log": RECORDS}),
    "lines": lines(RECORDS),
    "lines with nothing in some places": lines([{**RECORDS[0], "eval_loss": None, "done": True}, *RECORDS[1:]]),
    "nested records": lines([{"step": k, "train": {"loss": 3.0 - k, "lr": [0.1, 0.1]}} for k in range(3)]),
    "numbers as texts": lines([{name: str(value) for name, value in each.items()} for each in RECORDS]),
    "lists": json.dumps({name: [each[name] for each in RECORDS] for name in RECORDS[0]}),
    "a record of settings first": lines([{"seed": 1, "exp_name": "a.py"}, *RECORDS]),
    "other records between": lines([{"message": "begin"}, *RECORDS, {"step": 2, "eval_loss": 1.5}]),
}  # fmt: skip


@pytest.mark.parametrize("text", WRITTEN.values(), ids=WRITTEN)
def test_json_may_be_written_in_many_ways(write, text):
    (curve,) = read_curves(write(text, "run.json"))
    assert (curve.name, curve.steps.tolist(), curve.losses.tolist()) == ("run", [0, 1, 2], [3.0, 2.0, 1.0])
    assert curve.rates.tolist() == [0.1] * 3


def test_lines_of_several_runs_are_divided(write):
    records = [{"run": run, **record} for record in RECORDS for run in ("a", "b")]
    assert [curve.name for curve in read_curves(write(lines(records)))] == ["a", "b"]


def test_an_incomplete_last_line_does_not_count(write):
    (curve,) = read_curves(write(lines(RECORDS) + '{"step": 3, "lo'))
    assert (curve.steps[-1], curve.notes) == (2, ("its last line is not complete and does not count",))


def test_arrays_of_numpy_are_read_by_their_names(tmp_path):
    path = tmp_path / "run.npz"
    np.savez(path, steps=[0, 1, 2], lrs=[0.1] * 3, train_losses=[3.0, 2.0, 1.0], weights=np.zeros((2, 2)))
    (curve,) = read_curves(path)
    assert curve.losses.tolist() == [3.0, 2.0, 1.0]
    np.savez(path, steps=[0, 1, 2], losses=[3.0, 2.0])
    with pytest.raises(DataError, match="lists of different lengths: steps 3, losses 2"):
        read_curves(path)
    path.write_bytes(b"PK no archive")
    with pytest.raises(DataError, match="cannot be read as an archive of NumPy"):
        read_curves(path)


def test_the_log_of_llama_factory_counts_the_updates_done(write):
    records = [
        {"current_steps": done, "total_steps": 9, "loss": 3.0, "eval_loss": None, "lr": 0.1, "epoch": 0.1}
        for done in range(1, 9)
    ]
    (curve,) = read_curves(write(lines([*records, {"current_steps": 8, "total_steps": 9, "loss": None}])))
    assert curve.steps.tolist() == list(range(8))


BAD_TEXTS = [
    ("{}", "no records with names and values"),
    ("[]", "no records with names and values"),
    ('{"a": 1}\nnot JSON\n{"a": 2}\n', r"line 2 is not JSON"),
    ('{"loss": [3.0, 2.0], "lr": [0.1]}', "lists of different lengths: loss 2, lr 1"),
    ("[" * 100_000, "line 1 is not JSON"),
    ('{"step": [0, 1], "loss": ["high", "low"]}', "loss is not a number: 'high'"),
]


@pytest.mark.parametrize(("text", "words"), BAD_TEXTS, ids=range(len(BAD_TEXTS)))
def test_json_without_a_log_is_refused(write, text, words):
    with pytest.raises(DataError, match=words):
        read_curves(write(text, "run.json"), schedule=ss.Constant(0.1))


def test_records_of_too_many_cells_are_refused(monkeypatch):
    monkeypatch.setattr("stepsize.curves.records._MOST_CELLS", 6)
    assert len(sheet_of_records(Path("a.json"), [{"a": 1, "b": 2, "c": 3}] * 2).rows) == 2
    with pytest.raises(DataError, match=r"a\.json has 3 records with 3 different names; a table of at most 6 cells is"):
        sheet_of_records(Path("a.json"), [{"a": 1, "b": 2, "c": 3}] * 3)


def test_the_parts_of_a_list_of_at_most_16_are_columns():
    sheet = sheet_of_records(Path("a.json"), [{"lr": [0.1] * 16, "weights": [0.1] * 17}])
    assert sheet.names == tuple(f"lr/{place}" for place in range(16))
