"""Files that are written completely or not at all; tests/plots/test_files.py has pictures."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsize.errors import OutputError
from stepsize.files import check_place, spreadsheet_cell, text_of_cell, whole_file, write_whole


def test_the_content_is_on_the_disk_before_the_file_gets_its_name(tmp_path, monkeypatch):
    calls = []
    for name in ("fsync", "replace"):
        original = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *given, name=name, call=original: calls.append(name) or call(*given))
    write_whole(tmp_path / "a.txt", b"content")
    assert calls == ["fsync", "replace"]
    assert (tmp_path / "a.txt").read_bytes() == b"content"


@pytest.mark.parametrize("write", [check_place, lambda path: write_whole(path, b"content")], ids=["check", "write"])
@pytest.mark.parametrize(
    ("path", "cause"),
    [
        ("no/a.txt", "no such folder: no"),
        ("file/a.txt", "no such folder: file"),
        ("folder", "it is a folder"),
        ("/proc/a.txt", "it cannot be made there"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused_with_the_cause(tmp_path, monkeypatch, path, cause, write):
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("content")
    Path("folder").mkdir()
    with pytest.raises(OutputError) as caught:
        write(Path(path))
    assert str(caught.value) == f"cannot write {path}: {cause}"
    assert sorted(os.listdir()) == ["file", "folder"]
    assert Path("file").read_text() == "content"


@pytest.mark.parametrize(
    ("error", "cause"), [(OSError(28, "No space left on device"), "no space left on device"), (OSError("Odd"), "odd")]
)
def test_an_error_in_writing_keeps_the_file_as_it_was(tmp_path, error, cause):
    path = tmp_path / "a.txt"
    path.write_text("before")

    def write():
        with whole_file(path) as part:
            part.write_text("half")
            raise error

    with pytest.raises(OutputError, match=rf"a\.txt: {cause}$"):
        write()
    assert path.read_text() == "before"
    assert os.listdir(tmp_path) == ["a.txt"]
    check_place(path)
    assert path.read_text() == "before"


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        *[(text, text) for text in ("", "a", "'", "a=1", "'a", "1-2", "-1", "+.5", "-1.5e-3", "+1e+5", " =1")],
        *[(text, f"'{text}") for text in ("=1", "+a", "-", "@a", "\t1", "\ra", "\uff1da", "-1e", "-1a", "'=a", "'-1")],
        *[(text, f"'{text}") for text in ("\uff0ba", "\uff0da", "\uff20a", "--1", "-1e--5")],
    ],
)
def test_a_cell_that_a_spreadsheet_would_run_begins_with_an_apostrophe(text, cell):
    assert spreadsheet_cell(text) == cell
    assert text_of_cell(cell) == text


@given(st.text("='+-@\t1.ea \uff1d"))
def test_a_cell_brings_its_text_back(text):
    assert text_of_cell(spreadsheet_cell(text)) == text
