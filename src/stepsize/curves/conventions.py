"""The conventions of tools: by what names their logs are recognized, and what the numbers in them mean."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Convention:
    """How one tool logs."""

    tool: str
    rows: tuple[frozenset[str], ...]  # names; a row of a text log, or a table, has all names of one of these sets
    steps_done: bool = False  # whether a row counts the updates done, not the index of the last one
    means: bool = False  # whether a loss is the mean since the row before
    step: str = ""  # the name of the step, if its name does not tell
    loss: tuple[str, ...] = ()  # the names of the loss, the preferred one first
    lr: tuple[str, ...] = ()  # how the names of the rates begin
    lr_decimals: int | None = None  # to which a rate is rounded

    def has(self, names: Collection[str]) -> bool:
        """Whether a row with these names is one of this tool."""
        return any(row.issubset(names) for row in self.rows)


def _rows(*rows: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(row.split(" + ")) for row in rows)


# docs/reading-logs.md names the source of each.
PRINTED = (
    Convention(
        "Megatron-LM",
        _rows("elapsed time per iteration (ms)"),
        steps_done=True,
        means=True,
        loss=("lm loss",),
        lr=("learning rate",),
    ),
    Convention("llm.c", _rows("trl", "tel"), step="s", loss=("trl", "tel"), lr=("lr",)),
    Convention(
        "llm.c",
        _rows("loss + norm + lr", "train loss + norm + lr"),
        steps_done=True,
        loss=("loss", "train loss"),
        lr=("lr",),
    ),
    Convention("modded-nanogpt", _rows("train_time"), steps_done=True, loss=("train_loss", "val_loss")),
    Convention("nanoGPT", _rows("loss + time", "train loss + val loss"), loss=("loss", "train loss")),
    Convention(
        "fairseq",
        _rows("loss + num_updates"),
        steps_done=True,
        means=True,
        step="num_updates",  # "update" counts epochs
        loss=("loss",),
        lr=("lr",),
    ),
    Convention("torchtitan", _rows("loss + tps", "loss + wps"), steps_done=True, loss=("loss",), lr=("lr",)),
    Convention(
        "OLMo",
        _rows("train/CrossEntropyLoss", "train/CE loss"),
        steps_done=True,
        loss=("train/CrossEntropyLoss", "train/CE loss"),
        lr=("optim/LR",),
        lr_decimals=4,
    ),
    Convention(
        "Composer",
        _rows("Train time/batch + Train loss/train/total"),
        step="Train time/batch",
        loss=("Train loss/train/total",),
        lr=("Train lr-",),
        lr_decimals=4,
    ),
    Convention(
        "transformers",
        _rows("loss + learning_rate + epoch"),
        steps_done=True,
        means=True,
        loss=("loss",),
        lr=("learning_rate",),
    ),
)
"""The conventions of text logs."""
KEPT = (
    Convention(
        "transformers",
        _rows(
            "loss + grad_norm + learning_rate + epoch",
            "train/loss + train/global_step",
            "train/loss + train/learning_rate + train/epoch",
            "Step + Training Loss",  # the table in a notebook
        ),
        steps_done=True,
        means=True,
    ),
    Convention("LLaMA-Factory", _rows("current_steps + total_steps"), steps_done=True, means=True),
    Convention("torchtitan", _rows("loss_metrics/global_avg_loss"), steps_done=True),
    Convention(
        "stepsize", _rows("rate + train/loss + train/accuracy", "updates + mean_loss"), steps_done=True, means=True
    ),
)
"""The conventions of what trainers give to trackers, and write to tables."""
UNKNOWN = Convention("", (frozenset(),))
"""The convention of a log that no known tool has written."""


def convention_of(rows: Collection[Collection[str]], among: Sequence[Convention]) -> Convention:
    """The convention of the tool that wrote rows with these names."""
    return next((each for each in among if any(map(each.has, rows))), UNKNOWN)
