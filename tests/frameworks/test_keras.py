"""Schedules in Keras's optimizers, on each backend, trained, saved and loaded in separate processes."""

import os
import subprocess
import sys

import pytest

import stepsize as ss
from stepsize.interop import to_keras

PLAN = ss.Linear(0.0, 0.3, 3) >> ss.Cosine(0.3, 0.01, 7)

TRAIN = f"""
import keras
import numpy as np
import stepsize as ss
from stepsize.interop import to_keras

class Rates(keras.callbacks.Callback):
    def on_train_batch_begin(self, batch, logs=None):
        print(float(self.model.optimizer.learning_rate))

model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])
model.compile(keras.optimizers.SGD(to_keras(ss.{PLAN!r}.head(10))), "mse")
model.fit(np.ones((12, 2), "float32"), np.ones((12, 1), "float32"), batch_size=1, verbose=0, callbacks=[Rates()])
model.save("model.keras")
""".replace(f"ss.{PLAN!r}", f"ss.parse('{PLAN!r}')")

LOAD = """
import keras
import stepsize.interop.keras_schedule

model = keras.models.load_model("model.keras")
print(int(model.optimizer.iterations), float(model.optimizer.learning_rate))
"""


@pytest.mark.long
@pytest.mark.parametrize("backend", ["jax", "torch", "tensorflow"])
def test_a_model_trains_with_the_rates_of_the_plan_and_loads_with_them(backend, tmp_path):
    pytest.importorskip(backend)
    environment = os.environ | {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}

    def run(program):
        command = [sys.executable, "-c", program]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout

    rates = [float(line) for line in run(TRAIN).split()]
    assert rates == pytest.approx([PLAN(step) for step in range(12)], abs=1e-7)
    position, rate = run(LOAD).split()
    assert int(position) == 12
    assert float(rate) == pytest.approx(0.01)


def test_a_saved_model_names_the_schedule_as_one_of_stepsize():
    keras = pytest.importorskip("keras")
    saved = keras.saving.serialize_keras_object(to_keras(PLAN))
    assert saved["registered_name"] == "stepsize>KerasSchedule"
    assert saved["config"] == {"schedule": str(PLAN)}
    assert keras.saving.deserialize_keras_object(saved).schedule == PLAN


def test_what_is_not_a_schedule_is_refused():
    with pytest.raises(ss.StepsizeError, match="must be a schedule or its text"):
        to_keras(0.1)


def test_a_text_has_the_units_of_the_horizon():
    assert to_keras('Linear(0, 1, "50%")', ss.Horizon(100, 10, 2)).schedule == ss.Linear(0.0, 1.0, 10)
    with pytest.raises(ss.StepsizeError, match="needs a horizon"):
        to_keras('Linear(0, 1, "50%")')


def test_a_schedule_takes_steps_as_keras_counts_them():
    keras = pytest.importorskip("keras")
    schedule = to_keras(PLAN)
    assert float(schedule(keras.Variable(2, dtype="int32"))) == pytest.approx(0.2)
    assert schedule(2) == pytest.approx(0.2)
    assert type(schedule).from_config(schedule.get_config()).schedule == PLAN


def test_keras_is_asked_for_if_it_is_missing(monkeypatch):
    monkeypatch.delitem(sys.modules, "stepsize.interop.keras_schedule", raising=False)
    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(ss.StepsizeError, match="keras is not installed"):
        to_keras(PLAN)


@pytest.mark.parametrize("function", ["math:cos", lambda step: 0.1])
def test_a_function_of_a_saved_model_is_not_run_and_the_error_says_how_to_load_the_rest(function):
    from stepsize.interop.keras_schedule import KerasSchedule

    with pytest.raises(ss.StepsizeError, match="compile=False"):
        KerasSchedule.from_config(to_keras(ss.Function(function)).get_config())
