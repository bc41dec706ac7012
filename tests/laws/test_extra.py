"""Without SciPy, the laws name the extra to install."""

import subprocess
import sys


def test_without_scipy_the_extra_is_named():
    code = "import sys; sys.modules['scipy'] = None; import stepsize.laws"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "MissingExtraError: SciPy is not installed; install it with: pip install '.[laws]' in a clone" in done.stderr
