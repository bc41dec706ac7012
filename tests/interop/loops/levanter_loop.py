"""Levanter's schedules, called with the number of updates done as `optax.inject_hyperparams` calls them."""

import random
import sys
import types
from unittest.mock import MagicMock

from measuring import Case, without_init

PACKAGE = "levanter"


def _case(steps: int = 12, updates: int | None = None, **settings: object) -> Case:
    config = {"optimizer": {"learning_rate": 1.0, **settings}, "trainer": {"num_train_steps": steps}}
    return Case(config, updates or steps)


CASES = [
    _case(10, lr_schedule="linear", warmup=0.2, min_lr_ratio=0.1),
    _case(12, lr_schedule="linear", cycles=2, warmup=2, rewarmup=2, decay=2),
    _case(12, lr_schedule="inv", warmup=2),
    _case(100),
    _case(10, lr_schedule="cosine", warmup=1.0),
    _case(10, lr_schedule="cosine", warmup=0, decay=0.5),
    _case(10, lr_schedule="constant", warmup=3),
    _case(20, lr_schedule="linear", cycle_length=[5, 7, 8], rewarmup=0.2),
    _case(20, lr_schedule="cosine", cycle_length=6),
    _case(20, lr_schedule="cosine", cycles=[4, 11], rewarmup=2),
    _case(20, lr_schedule="linear", haps=[5, 12]),
    _case(20, lr_schedule="linear", cooldown=0.25, decay=0.3),
    _case(20, lr_schedule="inv_sqrt", warmup=5),
    _case(12_000, lr_schedule="inv_sqrt", warmup=100, min_lr_ratio=0.95),
    _case(10, lr_schedule="linear", warmup=0.33, decay=0.1),
]


def random_case(rng: random.Random) -> Case:
    steps = rng.randint(4, 40)

    def part() -> float:
        return rng.choice([0.0, round(rng.random(), 2), float(rng.randint(2, 6))])

    settings = {
        "lr_schedule": rng.choice(["constant", "cosine", "inv", "inv_sqrt", "linear"]),
        "min_lr_ratio": round(rng.uniform(0.01, 1.0), 3),
        "warmup": part(),
        "rewarmup": part(),
        "decay": rng.choice([None, part()]),
        **rng.choice([{}, {"cycles": rng.randint(1, 3)}, {"cycle_length": rng.randint(3, steps)}]),
    }
    return _case(steps, **settings)


def rates(case: Case) -> list[float]:
    class Registry:
        """Stands in for draccus.ChoiceRegistry."""

        @classmethod
        def register_subclass(cls, name: str) -> object:
            return lambda subclass: subclass

    for name in ("equinox", "haliax", "levanter.tracker", "levanter.utils.jax_utils"):
        sys.modules[name] = MagicMock()
    for name in ("clip_update_norm", "skipstep", "util"):
        sys.modules[f"levanter.optim.{name}"] = MagicMock()
    sys.modules["draccus"] = types.SimpleNamespace(ChoiceRegistry=Registry)
    without_init("levanter", "levanter.optim", "levanter.utils")
    from levanter.optim.config import OptimizerConfig

    class Optimizer(OptimizerConfig):
        def build(self, num_train_steps: int) -> None: ...

    schedule = Optimizer(**case.config["optimizer"]).lr_scheduler(case.config["trainer"]["num_train_steps"])
    return [float(schedule(update)) for update in range(case.updates)]
