"""Runs for reports: of made-up schedules, and as views of arrays."""

from dataclasses import dataclass, field, replace

import numpy as np
from made_up import made_up_run

from stepsize import Constant, Cosine, Linear

SCHEDULES = {"flat": Constant(0.3), "cosine": Cosine(0.2, 0.02, 300), "down": Linear(0.2, 0.0, 300)}
WICKED = (
    '<script>alert("x")</script>',
    "</script><!-- & -->",
    "{{ 7 * 7 }} {% raw %} `${1}` \\u003c",
    "a \"quoted\" & 'single' name",
    "🚀 ünïcode ☃ \u202eleft",
    "a name of many words " * 10,
    "W" * 200,
)
HOSTILE = (
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "\u202etxt.exe \u2066",
    "x" * 10_000,
    "many words " * 1_000,
    "nul\x00\x1b[31m\x07",
    "../../etc/passwd",
    "\"quoted' `code` $x^2$ [a](javascript:alert(1)) | # *b*",
)
ABOUT = {
    "title": "Three schedules",
    "settings": {
        "schedules": {"flat": "Constant(0.3)"},
        "batch_size": 256,
        "seeds": [0, 1, 2],
        "functions": False,
        "clip": None,
    },
    "source": "Digits, bundled with scikit-learn.",
    "environment": {"torch": "2.13.0", "revision": ""},
    "planned": 9,
}


RUNS = [
    replace(
        made_up_run(name, schedule, 10 * seed + index, diverges=(name, seed) == ("flat", 1)),
        seed=seed,
    )
    for seed in range(3)
    for index, (name, schedule) in enumerate(SCHEDULES.items())
]
"""Three seeds of three schedules; one run diverges."""


@dataclass(frozen=True)
class View:
    """A run whose columns are arrays."""

    name: str
    seed: int
    loss: np.ndarray = field(repr=False)
    schedule: str = "Cosine(0.2, 0.0, 50000)"
    status: str = "finished"
    diverged_at: int | None = None

    def column(self, name: str) -> np.ndarray:
        return {"step": 50.0 * np.arange(1, len(self.loss) + 1), "train_loss": self.loss}[name]

    def epoch_column(self, name: str) -> np.ndarray:
        return {"step": np.array([50.0 * len(self.loss)])}.get(name, self.loss[-1:])


def views(schedules: int, seeds: int, points: int) -> list[View]:
    """Runs whose losses end between 1 and 2."""
    noise = np.random.default_rng(0)
    return [
        View(f"schedule {number}", seed, 1 + np.linspace(1, 0, points) + 0.01 * noise.random(points))
        for number in range(schedules)
        for seed in range(seeds)
    ]
