"""The lengths of runs, and which run of a store belongs to which spec."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsize import Horizon
from stepsize.errors import ArgumentError
from stepsize.lab import Experiment
from stepsize.lab.run_spec import specs_of
from stepsize.store import Store, load_runs


@given(st.integers(1, 10**9), st.integers(1, 500), st.integers(1, 4096), st.integers(1, 16))
def test_a_task_without_samples_makes_the_updates_that_were_asked_for(steps, epochs, batch_size, accumulation):
    experiment = Experiment(steps=steps, epochs=epochs, batch_size=batch_size, accumulation=accumulation)
    horizon = experiment.horizon(None)
    assert horizon.steps == steps
    assert horizon.of("1ep") == -(-steps // epochs)


def test_steps_and_samples_exclude_each_other():
    for settings, samples, words in (
        ({"steps": 9}, 64, "left out, as the task has 64 samples, got 9; write epochs=..."),
        ({}, None, "given, as the task has no number of samples, got None; write steps=1000"),
    ):
        with pytest.raises(ArgumentError) as refused:
            Experiment(**settings).horizon(samples)
        assert str(refused.value) == f"Experiment(steps=...) must be {words}"
    assert Experiment(samples=100, batch_size=10, epochs=2).horizon(None).steps == 20


def test_specs_over_a_horizon_have_its_steps():
    (spec,) = Experiment({"a": 'Cosine(1, 0, "50%")'}).run_specs(Horizon(samples=70, batch=1, epochs=1))
    assert spec.steps == 70
    assert str(spec.schedule) == "Cosine(1.0, 0.0, 35)"


def test_a_run_has_at_most_a_thousand_million_updates():
    experiment = Experiment({"a": "Constant(1)"})
    (spec,) = experiment.run_specs(Horizon(samples=1_000_000_000, batch=1, epochs=1))
    assert spec.steps == 1_000_000_000
    with pytest.raises(ArgumentError) as refused:
        experiment.run_specs(Horizon(samples=1_000_000_001, batch=1, epochs=1))
    assert str(refused.value) == (
        "Experiment(epochs=...) must be few enough for runs of at most 1,000,000,000 updates, got 3; these have "
        "1,000,000,001"
    )


def test_a_value_that_cannot_be_is_refused_with_its_step_and_with_the_argument_that_has_it():
    long = Experiment({"a": "Constant(0.1, 70000) >> Constant(1e39)"}, steps=100_000, epochs=1)
    (spec,) = long.run_specs(long.horizon(None))
    with pytest.raises(ArgumentError) as refused:
        spec.validate()
    assert str(refused.value) == (
        "Experiment(schedules['a']=...) must be a schedule whose values are from 0 to 3.4e+38, got 1e+39; this is at "
        "step 70000 of 100000; bound it with .clip(low, high)"
    )
    for value in (0.0, 3e38):
        (spec,) = Experiment({"a": f"Constant({value})"}).run_specs(64)
        spec.validate()
    with pytest.raises(
        ArgumentError, match=r"times 2 \(the largest factor of tune_peak\), .* got 6e\+38; this is at step 0"
    ):
        spec.validate(2.0)
    decays = (
        ({"a": "Constant(0.1)"}, "Constant(1e39)", "weight_decay="),
        (*({"a": "Plan(lr=0.1, weight_decay=Constant(1e39))"}, None, r"schedules\['a'\]="),),
    )
    for schedules, decay, argument in decays:
        (spec,) = Experiment(schedules, weight_decay=decay).run_specs(64)
        with pytest.raises(ArgumentError, match=argument):
            spec.validate()


def test_runs_of_a_store_are_known_by_name_and_seed(tmp_path):
    experiment = Experiment({"a": "Constant(1)", "b": "Constant(2)"}, seeds=(0, 1))
    runs = [(spec.name, str(spec.schedule), spec.seed) for spec in experiment.run_specs(64)]
    Store.create(tmp_path / "store.sqlite", {}, {}, [runs[2], runs[0], runs[3], runs[1]]).close()
    again = replace(experiment, seeds=(1, 0)).run_specs(64)
    found = specs_of(load_runs(tmp_path).outcomes(), again)
    assert [(spec.name, spec.seed) for spec in found] == [("a", 1), ("a", 0), ("b", 1), ("b", 0)]
