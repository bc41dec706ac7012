"""Accelerate, in two processes on the CPU: the rate at every real update, and a resume of its saved state."""

import json

import pytest
import torch
from watched import PLAN, planned

import stepsize.pytorch.lr_scheduler
from stepsize import Horizon

accelerate = pytest.importorskip("accelerate", reason="needs stepsize[frameworks]")


@pytest.fixture(scope="module")
def results(trained_in_two_processes):
    """The results of each process."""
    return [json.loads((trained_in_two_processes / f"{process}.json").read_text()) for process in (0, 1)]


@pytest.fixture(params=[0, 1], ids=["first process", "second process"])
def result(request, results):
    return results[request.param]


def test_there_are_two_processes_and_they_are_in_step(results):
    first, second = results
    assert first["processes"] == second["processes"] == [2, "gloo"]
    assert first == second


def test_pain_2_by_default_a_prepared_scheduler_makes_a_step_for_each_process(result):
    """The trap: with two processes it is stepped twice at every update."""
    assert result["by default"]["used"] == planned(0, 20)[::2]
    assert result["by default, accumulating"]["used"] == planned(0, 6)[::2]
    assert result["by default"]["position"] == 20


def test_pain_5_a_scheduler_that_knows_the_horizon_warns_of_it(result):
    length, past = (each for each in result["warned of"] if "horizon" in each)
    assert "lasts 20 updates, but the horizon has 10; write .stretch(10) after the schedule, or" in length
    assert past.startswith("update 11 is past the end of the horizon, 10 updates")


@pytest.mark.parametrize("way", ["auto", "split batches", "not with the optimizer", "of the prepared optimizer"])
def test_pain_2_each_advised_setup_has_the_planned_rate_at_every_update(way, result):
    assert result[way]["used"] == planned(0, 10)
    assert result[way]["position"] == 10


@pytest.mark.parametrize(
    "way",
    [
        "auto, accumulating",
        "auto, not prepared",
        "auto, of the prepared optimizer",
        "split batches, accumulating",
        "not with the optimizer, when synced",
    ],
)
def test_pain_2_micro_batches_in_groups_of_4_and_the_rest_of_the_epoch_make_one_update_each(way, result):
    assert result[way]["used"] == planned(0, 3)
    assert result[way]["position"] == 3
    assert Horizon(samples=40, batch=2, epochs=1, accumulation=4, processes=2).steps == 3


def test_stepped_apart_from_the_optimizer_the_schedule_does_not_know_of_accumulation(result):
    """So `step_scheduler_with_optimizer=False` leaves it to the loop to step only after an update."""
    assert result["not with the optimizer, accumulating"]["used"] == [PLAN(3), PLAN(7), PLAN(9)]


@pytest.mark.parametrize("way", ["auto", "auto, not prepared", "split batches"])
def test_pain_1_a_run_resumed_from_a_saved_state_is_the_same_run(way, result):
    whole, again = result["resumed"][way]["whole"], result["resumed"][way]["again"]
    assert whole["used"] == planned(0, 6)
    assert again["used"] == planned(3, 6)
    assert again["weights"] == whole["weights"]


def test_a_class_of_pytorchs_name_takes_a_prepared_optimizer_as_pytorchs_does():
    accelerator = accelerate.Accelerator(cpu=True)
    rates = []
    for module in (torch.optim.lr_scheduler, stepsize.pytorch.lr_scheduler):
        model = torch.nn.Linear(1, 1)
        optimizer = accelerator.prepare(torch.optim.SGD(model.parameters(), lr=0.1))
        scheduler = module.CosineAnnealingLR(optimizer, 10)
        rates.append([])
        for _ in range(8):
            rates[-1] += scheduler.get_last_lr()
            optimizer.step()
            scheduler.step()
        scheduler.load_state_dict(scheduler.state_dict())
        assert optimizer.param_groups[0]["lr"] == scheduler.get_last_lr()[0]
    assert rates[1] == pytest.approx(rates[0], rel=1e-12)
