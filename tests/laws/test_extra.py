"""Without SciPy, the laws name the extra to install; a broken SciPy is not a missing one."""

import importlib
import subprocess
import sys

import pytest


def test_without_scipy_the_extra_is_named():
    code = "import sys; sys.modules['scipy'] = None; import stepsize.laws"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "MissingExtraError: SciPy is not installed; install it with: pip install '.[laws]' in a clone" in done.stderr


def test_a_broken_scipy_is_not_reported_as_missing(tmp_path, monkeypatch):
    (tmp_path / "scipy.py").write_text("import part_of_scipy")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [each for each in sys.modules if each.partition(".")[0] == "scipy" or each == "stepsize.laws"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ModuleNotFoundError, match="part_of_scipy"):
        importlib.import_module("stepsize.laws")
