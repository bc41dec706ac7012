"""A file with a test's own text."""

import pytest


@pytest.fixture
def write(tmp_path):
    def write(text, name="run.csv"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write
