"""What a DeepSpeed config says beside its scheduler: the optimizer, which may have no betas, and its rate."""

import pytest

from stepsize import Constant, Linear, Plan
from stepsize.interop import check, from_deepspeed

CYCLE = {"type": "OneCycle", "params": {"cycle_min_lr": 0.1, "cycle_max_lr": 0.5, "cycle_first_step_size": 5}}
WARMUP = {"type": "WarmupLR", "params": {"warmup_num_steps": 4, "warmup_type": "linear"}}


def test_betas_are_cycled_if_the_optimizer_has_some() -> None:
    rates = Linear(0.1, 0.5, 5) >> Linear(0.5, 0.1, 5) >> Constant(0.1)
    found = from_deepspeed({"optimizer": {"type": "Adam"}, "scheduler": CYCLE})
    assert isinstance(found, Plan)
    assert found["lr"] == rates
    assert found(5)["betas"] == (0.8, 0.99)
    assert from_deepspeed({"optimizer": {"type": "SGD"}, "scheduler": CYCLE}) == rates


def test_the_peak_of_a_warmup_without_one_is_the_optimizers_rate() -> None:
    config = {"optimizer": {"type": "Adam", "params": {"lr": 0.3}}, "scheduler": WARMUP}
    assert from_deepspeed(config) == Constant(0.0, 1) >> Linear(0.0, 0.3, 4)
    assert from_deepspeed(config, base_lr=0.5) == Constant(0.0, 1) >> Linear(0.0, 0.5, 4)
    config["optimizer"]["params"]["lr"] = "auto"
    assert from_deepspeed(config) == Plan(lr=Constant(0.0, 1) >> Linear(0.0, 1.0, 4), relative=True)


def test_the_rate_of_the_optimizer_that_a_scheduler_replaces_is_found() -> None:
    params = {"warmup_max_lr": 1e-5, "warmup_num_steps": 100, "warmup_type": "linear"}
    config = {
        "optimizer": {"type": "AdamW", "params": {"lr": 1e-4}},
        "scheduler": {"type": "WarmupLR", "params": params},
    }
    (finding, _) = check(config)
    assert (finding.kind, finding.mend, finding.note) == ("unused", '"warmup_max_lr": 0.0001', False)
    for same in ({**params, "warmup_max_lr": 1e-4}, {"warmup_type": "linear", "warmup_num_steps": 100}):
        kinds = [each.kind for each in check({**config, "scheduler": {"type": "WarmupLR", "params": same}})]
        assert kinds == ["zero"]


@pytest.mark.parametrize("total", [1, 2, 3, 50])
def test_the_warmup_that_is_advised_fits_into_the_run(total: int) -> None:
    def scheduler(warmup: int) -> dict[str, object]:
        params = {"total_num_steps": total, "warmup_num_steps": warmup, "warmup_type": "linear"}
        return {"scheduler": {"type": "WarmupDecayLR", "params": params}}

    mends = [each.mend for each in check(scheduler(100)) if each.kind == "warmup" and "num_steps" in each.mend]
    assert len(mends) == (total > 2)
    for mend in mends:
        assert "warmup" not in [each.kind for each in check(scheduler(int(mend.split()[1])))]


def test_a_logarithm_that_was_not_chosen_is_found() -> None:
    params = {"total_num_steps": 10_000, "warmup_num_steps": 1000}
    (steep,) = [
        each for each in check({"scheduler": {"type": "WarmupDecayLR", "params": params}}) if each.kind == "steep"
    ]
    assert (steep.mend, steep.note) == ('"warmup_type": "linear"', False)
    params |= {"warmup_type": "linear"}
    assert "steep" not in [each.kind for each in check({"scheduler": {"type": "WarmupDecayLR", "params": params}})]
