"""Schedules called with steps of TensorFlow; one test, so that only one process imports it."""

import numpy as np
import pytest
from array_cases import GRID, PARTS, PLAN, around_boundaries, close

import stepsize as ss


@pytest.mark.long
def test_values_are_numpys_in_eager_mode_and_in_functions(monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    tf = pytest.importorskip("tensorflow")

    for plan in PARTS.values():
        steps = around_boundaries(plan)
        close(plan(tf.constant(steps)), plan, steps)
        close(plan(tf.constant(steps, tf.int32)), plan, steps)
    for name in ("chain", "chain of hundreds", "repeat with growth", "knots", "stretch", "long table", "reclock"):
        steps = around_boundaries(PARTS[name])
        close(tf.function(PARTS[name])(tf.constant(steps)), PARTS[name], steps)

    assert PLAN(tf.constant(501)).dtype == tf.float32
    assert PLAN(tf.Variable(250)).numpy() == pytest.approx(0.15)
    assert (PLAN + 1.0)(tf.constant(-3)).numpy() == 1.0
    assert PLAN(tf.constant(250.5)).numpy() == pytest.approx(PLAN(250.5), rel=1e-6)
    function = ss.Linear(0.0, 1.0, 3) >> ss.Function(lambda t: 0.1 * 0.5 ** (t / 10))
    close(function(tf.constant(GRID[:40])), function, GRID[:40])
    np.testing.assert_allclose(tf.function(function)(tf.constant(13)), 0.05, rtol=1e-6)
