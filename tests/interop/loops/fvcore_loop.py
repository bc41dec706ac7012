"""fvcore's schedulers, asked for the progress update / updates before each update, as ClassyVision does."""

import random
from typing import Any

from measuring import Case, without_init

PACKAGE = "fvcore"


def _of(name: str, **settings: Any) -> dict[str, Any]:
    return {"_target_": f"fvcore.common.param_scheduler.{name}ParamScheduler", **settings}


def _case(config: dict[str, Any], updates: int = 30, base_lr: float | None = None) -> Case:
    return Case(config, updates, updates, base_lr)


def _both(first: Any, second: Any, length: float, *scaling: str) -> dict[str, Any]:
    lengths = [length, 1.0 - length]
    return _of("Composite", schedulers=[first, second], lengths=lengths, interval_scaling=list(scaling))


RAMP, WAVE = _of("Linear", start_value=0.001, end_value=1.0), _of("Cosine", start_value=1.0, end_value=0.0)
STAIRS = _of("MultiStep", values=[1.0, 0.1, 0.01], num_updates=90, milestones=[30, 60])

CASES = [
    _case(_both(RAMP, WAVE, 0.3, "rescaled", "rescaled"), 10),
    _case(_both(RAMP, WAVE, 0.3, "rescaled", "rescaled"), 11),
    _case(_both(RAMP, WAVE, 0.25, "rescaled", "fixed"), 10, 0.3),
    _case(_both(_of("Constant", value=0.4), WAVE, 1 / 3, "fixed", "rescaled"), 100),
    _case(_both(RAMP, STAIRS, 0.05, "rescaled", "fixed"), 90),
    _case(_both(RAMP, STAIRS, 0.05, "rescaled", "rescaled"), 7),
    _case(_both(WAVE, _both(RAMP, WAVE, 0.5, "fixed", "rescaled"), 0.6, "rescaled", "rescaled"), 33),
    _case(_both(RAMP, _of("Constant", value=0.4), 0.01, "rescaled", "rescaled"), 10),
    _case(WAVE, 1),
    _case(STAIRS, 3),
    _case(STAIRS, 89),
    _case(_of("MultiStep", values=[0.4, 0.3, 0.2, 0.1], num_updates=10), 25),
    _case(_of("MultiStep", values=[0.4, 0.3], milestones=[1, 4]), 25),
    _case(_of("MultiStep", values=[0.4], milestones=[5]), 25),
    _case(_of("Step", values=[0.4, 0.3, 0.0], num_updates=10), 2),
    _case(_of("StepWithFixedGamma", base_value=0.1, num_decays=3, gamma=0.1, num_updates=120), 120),
    _case(_of("StepWithFixedGamma", base_value=0.1, num_decays=7, gamma=0.5, num_updates=120), 1),
    _case(_of("Exponential", start_value=2.0, decay=0.02)),
    _case(_of("PolynomialDecay", base_value=0.1, power=0.9)),
    _case(_of("PolynomialDecay", base_value=0.0, power=0.9)),
]


def random_case(rng: random.Random) -> Case:
    def scheduler(depth: int = 0) -> dict[str, Any]:
        low, high, count = rng.random(), rng.random(), rng.randint(1, 5)
        match rng.randrange(8 if depth < 2 else 7):
            case 0:
                return _of("Constant", value=low)
            case 1:
                return _of(rng.choice(["Cosine", "Linear"]), start_value=low, end_value=high)
            case 2:
                return _of("Exponential", start_value=low, decay=high)
            case 3:
                return _of("PolynomialDecay", base_value=low, power=rng.uniform(0.5, 3.0))
            case 4:
                return _of("Step", values=[rng.random() for _ in range(count)], num_updates=9)
            case 5:
                return _of("StepWithFixedGamma", base_value=low, num_decays=count, gamma=high, num_updates=9)
            case 6:
                milestones = sorted(rng.sample(range(1, 50), count))
                return _of("MultiStep", values=[rng.random() for _ in milestones], milestones=[*milestones[:-1], 60])
        parts = [rng.randint(1, 50) for _ in range(count)]
        return _of(
            "Composite",
            schedulers=[scheduler(depth + 1) for _ in parts],
            lengths=[part / sum(parts) for part in parts],
            interval_scaling=[rng.choice(["rescaled", "fixed"]) for _ in parts],
        )

    return _case(scheduler(), rng.randint(1, 200), rng.choice([None, 0.3]))


def rates(case: Case) -> list[float]:
    without_init("fvcore", "fvcore.common")
    from fvcore.common import param_scheduler

    def made(config: dict[str, Any]) -> Any:
        settings = {name: value for name, value in config.items() if name != "_target_"}
        if "schedulers" in settings:
            settings["schedulers"] = [made(each) for each in settings["schedulers"]]
        return getattr(param_scheduler, config["_target_"].rpartition(".")[2])(**settings)

    scheduler, factor = made(case.config), 1.0 if case.base_lr is None else case.base_lr
    return [factor * scheduler(update / case.updates) for update in range(case.updates)]
