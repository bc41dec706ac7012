"""Stores of made-up comparisons, for exports."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from stepsize import Cosine
from stepsize.lab import Experiment
from stepsize.store import Store
from stepsize.store.run import Epoch, Point, Value

ENVIRONMENT = {"stepsize": "0.2.0", "torch": "2.13.0", "numpy": "2.4.6", "python": "3.11.7", "device": "cpu"}
HOSTILE = (  # and printable: a store refuses others
    "<script>alert(1)</script>",
    "=1+1",
    "@SUM(A1)",
    "_ & % $ # { } ~ ^ \\",
    "\\input{/etc/passwd}",
    "$\\frac{1}{0}$ $x",
    "a" * 10_000,
    "a" * 10_000 + "b",
    "../../../etc/cron.d/x",
    "[4pt] * & \\\\ \\end{tabular}",
    "*",
    "-1",
    'a "quoted" `name` --',
    "é ł ☃ 🚀 学习率",
    "",
)


def write_results(
    folder: Path,
    names: Sequence[str],
    seeds: int = 5,
    *,
    about: Mapping[str, object] = {},
    bad: str = "",
    **experiment: object,
) -> Path:
    """The store of a comparison of cosines with these names; the run of seed 0 of `bad` diverges."""
    schedules = {name: str(Cosine(0.1 + 0.01 * number, 0.0, 300)) for number, name in enumerate(names)}
    settings = {"schedules": {"a": "Constant(1)", "b": "Constant(2)"}, "task": "digits", "batch_size": 64}
    asked = Experiment(**{**settings, "seeds": tuple(range(seeds)), **experiment})
    named = {name: text for name, text in schedules.items() if name}  # an experiment refuses ""
    form = {"experiment": asked.as_dict() | {"schedules": named}, "data": "Made-up data.", **about}
    runs = [(name, text, seed) for seed in range(seeds) for name, text in schedules.items()]
    noise = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    with Store.create(folder / "store.sqlite", form, ENVIRONMENT, runs) as store:
        for number, (name, _, seed) in enumerate(runs):
            place = list(names).index(name)
            store.log(number, _records(noise, 0.01 * place, asked.metric))
            diverged = name == bad and seed == 0
            store.end(number, "diverged" if diverged else "finished", 1.0, 300 if diverged else None)
    return folder


def _records(noise: np.random.Generator, better: float, metric: str | None) -> list[Point | Epoch | Value]:
    steps = [100, 200, 300]
    losses = [2.3 * np.exp(-step / 100) + 0.3 + 0.05 * noise.random() - better for step in steps]
    points = [Point(step, 0.1, loss, 0.8) for step, loss in zip(steps, losses, strict=True)]
    epochs = [
        Epoch(step, loss, 0.8, loss + 0.1, 0.9 - 0.1 * loss + 0.01 * noise.random())
        for step, loss in zip(steps, losses, strict=True)
    ]
    if metric is None:
        return [*points, *epochs]
    return [*points, *epochs, *(Value(step, metric, loss) for step, loss in zip(steps, losses, strict=True))]
