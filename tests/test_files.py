"""Files that are written completely or not at all; tests/plots/test_files.py has pictures."""

import os

from stepsize.files import write_whole


def test_the_content_is_on_the_disk_before_the_file_gets_its_name(tmp_path, monkeypatch):
    calls = []
    for name in ("fsync", "replace"):
        original = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *given, name=name, call=original: calls.append(name) or call(*given))
    write_whole(tmp_path / "a.txt", b"content")
    assert calls == ["fsync", "replace"]
    assert (tmp_path / "a.txt").read_bytes() == b"content"
