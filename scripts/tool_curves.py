"""The hook of the picture of other tools: `::: the curves of tools` becomes what each of them makes of one schedule.

Tools whose rates are equal at every update share a curve.
"""

import io
import re
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from stepsize.horizon import Horizon
from stepsize.interop.frameworks import framework
from stepsize.interop.tool_schedule import Run
from stepsize.plots.curves import line_style

HORIZON = Horizon(samples=2, batch=2, epochs=50)  # epochs of one update, for tools that count epochs
MARKERS = "os^vDPX*<>pdh8"

CONFIGS: dict[str, Any] = {
    "axolotl": {
        "lr_scheduler": "cosine",
        "cosine_min_lr_ratio": 0.1,
        "learning_rate": 1.0,
        "warmup_steps": 5,
        "max_steps": 50,
    },
    "composer": {
        "scheduler": {"name": "CosineAnnealingWithWarmupScheduler", "t_warmup": "5ba", "alpha_f": 0.1},
        "max_duration": "50ba",
    },
    "deepspeed": {
        "type": "WarmupCosineLR",
        "params": {"total_num_steps": 50, "warmup_num_steps": 5, "cos_min_ratio": 0.1, "warmup_type": "linear"},
    },
    "fvcore": {
        "_target_": "fvcore.common.param_scheduler.CompositeParamScheduler",
        "schedulers": [
            {"_target_": "fvcore.common.param_scheduler.LinearParamScheduler", "start_value": 0.0, "end_value": 1.0},
            {"_target_": "fvcore.common.param_scheduler.CosineParamScheduler", "start_value": 1.0, "end_value": 0.1},
        ],
        "lengths": [0.1, 0.9],
        "interval_scaling": ["rescaled", "rescaled"],
    },
    "megatron": "--lr 1.0 --min-lr 0.1 --lr-decay-style cosine --lr-warmup-iters 5 --train-iters 50 "
    "--global-batch-size 8",
    "mmengine": [
        {"type": "LinearLR", "start_factor": 0.001, "begin": 0, "end": 5, "by_epoch": False},
        {"type": "CosineAnnealingLR", "eta_min": 0.1, "begin": 5, "end": 50, "by_epoch": False},
    ],
    "olmo_core": {"type": "cos_with_warmup", "warmup": 5, "alpha_f": 0.1},
    "paddle": {
        "name": "LinearWarmup",
        "learning_rate": {"name": "CosineAnnealingDecay", "learning_rate": 1.0, "T_max": 45, "eta_min": 0.1},
        "warmup_steps": 5,
        "start_lr": 0.0,
        "end_lr": 1.0,
    },
    "pytorch_optimizer": {"name": "cosine", "t_max": 50, "max_lr": 1.0, "min_lr": 0.1, "warmup_steps": 5},
    "timm": "--sched cosine --lr 1.0 --min-lr 0.1 --warmup-epochs 5 --warmup-lr 0 --epochs 50 --sched-on-updates",
    "torchtitan": {
        "lr_scheduler": {"warmup_steps": 5, "decay_ratio": 0.9, "decay_type": "cosine", "min_lr_factor": 0.1},
        "optimizer": {"lr": 1.0},
        "training": {"steps": 50},
    },
    "transformers": {
        "lr_scheduler_type": "cosine_with_min_lr",
        "lr_scheduler_kwargs": {"min_lr_rate": 0.1},
        "learning_rate": 1.0,
        "warmup_steps": 5,
        "max_steps": 50,
    },
}
"""A warmup of 10% and a cosine to 10%, as a user of each tool would write it."""


def on_page_markdown(markdown: str, **kwargs: Any) -> str:
    """Draw the picture on the page that has its line; MkDocs calls this for every page."""
    return re.sub(r"^::: the curves of tools$", lambda _: drawn(), markdown, flags=re.MULTILINE)


def curves() -> dict[str, np.ndarray[Any, Any]]:
    """The rates of each curve, by the titles of the tools that share it."""
    shared: dict[tuple[float, ...], list[str]] = {}
    for name, config in CONFIGS.items():
        tool = framework("curves", name)
        rates = tool.read(config, Run("curves", HORIZON, base_lr=1.0)).rates(np.arange(60))
        shared.setdefault(tuple(np.round(rates, 6)), []).append(tool.title)
    return {", ".join(titles): np.array(rates) for rates, titles in shared.items()}


def figure() -> Figure:
    """The whole run, its beginning and its end."""
    figure = Figure(figsize=(8, 6.4), layout="constrained")
    panels = figure.subplot_mosaic([["run", "run"], ["begin", "end"]], height_ratios=[1, 2])
    for index, (titles, rates) in enumerate(curves().items()):
        line = line_style(index) | {"linewidth": 1.0, "label": titles}
        marked = line | {"marker": MARKERS[index], "markersize": 10 - 0.7 * index, "markerfacecolor": "none"}
        panels["run"].plot(rates, **line)
        panels["begin"].plot(rates[:9], **marked)
        panels["end"].plot(range(45, 57), rates[45:57], **marked)
    panels["run"].set(xlim=(0, 59), ylabel="rate")
    panels["begin"].set(xlabel="update", ylabel="rate", title="The beginning")
    panels["end"].set(xlabel="update", title="The end")
    figure.legend(*panels["begin"].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    return figure


def drawn() -> str:
    """The picture as SVG."""
    page = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "stepsize"}):
        figure().savefig(page, format="svg", metadata={"Date": None})
    svg = page.getvalue()
    return f'<figure class="curves">{svg[svg.index("<svg") :]}</figure>'.replace("\n", " ")
