"""What a DeepSpeed config says beside its scheduler: the optimizer, which may have no betas, and its rate."""

from stepsize import Constant, Linear, Plan
from stepsize.interop import from_deepspeed

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
