"""What is known about the text logs of some tools: how a row is recognized, and what its numbers mean."""

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True)
class TextFormat:
    """The conventions of one tool.

    Attributes:
        tool: its name.
        rows: sets of keys; a row of the log has all keys of one of them.
        steps_done: whether a row counts the updates done, not the index of the last one.
        means: whether a loss is the mean since the row before.
        step: the key of the step, if names do not tell.
        loss: the keys of the loss, the preferred one first.
        lr: how the keys of the rates begin.
        lr_decimals: how many decimals a rate is rounded to.
    """

    tool: str
    rows: tuple[frozenset[str], ...]
    steps_done: bool = False
    means: bool = False
    step: str = ""
    loss: tuple[str, ...] = ()
    lr: tuple[str, ...] = ()
    lr_decimals: int | None = None

    def has(self, keys: Collection[str]) -> bool:
        """Whether a row with these keys is one of this tool."""
        return any(row.issubset(keys) for row in self.rows)


def _rows(*rows: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(row.split(" + ")) for row in rows)


# docs/reading-logs.md names the source of each.
FORMATS = (
    TextFormat(
        "Megatron-LM",
        _rows("elapsed time per iteration (ms)"),
        steps_done=True,
        means=True,
        loss=("lm loss",),
        lr=("learning rate",),
    ),
    TextFormat("llm.c", _rows("trl", "tel"), step="s", loss=("trl", "tel"), lr=("lr",)),
    TextFormat(
        "llm.c",
        _rows("loss + norm + lr", "train loss + norm + lr"),
        steps_done=True,
        loss=("loss", "train loss"),
        lr=("lr",),
    ),
    TextFormat("modded-nanogpt", _rows("train_time"), steps_done=True, loss=("train_loss", "val_loss")),
    TextFormat("nanoGPT", _rows("loss + time", "train loss + val loss"), loss=("loss", "val loss")),
    TextFormat("torchtitan", _rows("loss + tps", "loss + wps"), steps_done=True, loss=("loss",), lr=("lr",)),
    TextFormat(
        "OLMo",
        _rows("train/CrossEntropyLoss", "train/CE loss"),
        steps_done=True,
        loss=("train/CrossEntropyLoss", "train/CE loss"),
        lr=("optim/LR",),
        lr_decimals=4,
    ),
    TextFormat(
        "Composer",
        _rows("Train time/batch + Train loss/train/total"),
        step="Train time/batch",
        loss=("Train loss/train/total",),
        lr=("Train lr-",),
        lr_decimals=4,
    ),
    TextFormat(
        "transformers",
        _rows("loss + learning_rate + epoch"),
        steps_done=True,
        means=True,
        loss=("loss",),
        lr=("learning_rate",),
    ),
)
