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
from stepsize.interop.recognition import framework
from stepsize.interop.tool_schedule import Run
from stepsize.plots.curves import line_style

HORIZON = Horizon(samples=2, batch=2, epochs=50)  # epochs of one update, for tools that count epochs
CONFIGS: dict[str, Any] = {
    "deepspeed": {
        "type": "WarmupCosineLR",
        "params": {"total_num_steps": 50, "warmup_num_steps": 5, "cos_min_ratio": 0.1, "warmup_type": "linear"},
    },
    "megatron": "--lr 1.0 --min-lr 0.1 --lr-decay-style cosine --lr-warmup-iters 5 --train-iters 50 "
    "--global-batch-size 8",
    "timm": "--sched cosine --lr 1.0 --min-lr 0.1 --warmup-epochs 5 --warmup-lr 0 --epochs 50 --sched-on-updates",
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
        rates = tool.read(config, Run("curves", HORIZON)).rates(np.arange(60))
        shared.setdefault(tuple(np.round(rates, 6)), []).append(tool.title)
    return {", ".join(titles): np.array(rates) for rates, titles in shared.items()}


def figure() -> Figure:
    """The whole run, its beginning and its end."""
    figure = Figure(figsize=(8, 4.6), layout="constrained")
    panels = figure.subplot_mosaic([["run", "run"], ["begin", "end"]], height_ratios=[1, 1.3])
    for index, (titles, rates) in enumerate(curves().items()):
        style = line_style(index) | {"linewidth": 1.3, "label": titles}
        panels["run"].plot(rates, **style)
        panels["begin"].plot(rates[:10], marker=".", **style)
        panels["end"].plot(range(43, 58), rates[43:58], marker=".", **style)
    panels["run"].set(xlim=(0, 59), ylabel="rate")
    panels["begin"].set(xlabel="update", ylabel="rate", title="The beginning")
    panels["end"].set(xlabel="update", ylim=(-0.02, 0.22), title="The end")
    figure.legend(*panels["run"].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    return figure


def drawn() -> str:
    """The picture as SVG."""
    page = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "stepsize"}):
        figure().savefig(page, format="svg", metadata={"Date": None})
    svg = page.getvalue()
    return f'<figure class="curves">{svg[svg.index("<svg") :]}</figure>'.replace("\n", " ")
