"""A language model of bytes, trained on text that every machine has: the source of Python's standard library."""

import functools
import math
import sysconfig
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, scaled_dot_product_attention

from stepsize.errors import DataError
from stepsize.lab.tasks.task import Task

CONTEXT = 128  # bytes in a sample; the target of each byte is the next one
TEST_EVERY = 20  # every twentieth window is in the test set
_LEFT_OUT = {"test", "tests", "idlelib", "lib2to3", "site-packages", "dist-packages", "__pycache__"}


class Transformer(nn.Module):
    """A small decoder-only transformer over bytes: (n, length) whole numbers below 256 to scores (n, length, 256).

    It has pre-norm blocks of causal attention and a GELU layer four times as wide, and learned positions; the output
    layer shares the embedding's weights. 2 blocks, 64 dimensions and 4 heads make 124 thousand parameters.

    Reference: Radford et al., "Language Models are Unsupervised Multitask Learners" (2019).
    """

    def __init__(self, dimensions: int = 64, blocks: int = 2, heads: int = 4, context: int = CONTEXT) -> None:
        super().__init__()
        self.tokens = nn.Embedding(256, dimensions)
        self.positions = nn.Parameter(torch.zeros(context, dimensions))
        stack = [_Block(dimensions, heads) for _ in range(blocks)]
        self.blocks = nn.Sequential(*stack)
        self.norm = nn.LayerNorm(dimensions)
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
        for block in stack:
            for last in (block.leave, block.down):  # the residual sum over the blocks keeps its size
                nn.init.normal_(last.weight, std=0.02 / math.sqrt(2 * blocks))

    def forward(self, inputs: Tensor) -> Tensor:
        """Scores for the next byte at each place."""
        hidden: Tensor = self.tokens(inputs.long()) + self.positions[: inputs.shape[1]]
        hidden = self.norm(self.blocks(hidden))
        return hidden @ self.tokens.weight.T


class _Block(nn.Module):
    def __init__(self, dimensions: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm, self.layer_norm = nn.LayerNorm(dimensions), nn.LayerNorm(dimensions)
        self.enter = nn.Linear(dimensions, 3 * dimensions, bias=False)
        self.leave = nn.Linear(dimensions, dimensions, bias=False)
        self.up = nn.Linear(dimensions, 4 * dimensions, bias=False)
        self.down = nn.Linear(4 * dimensions, dimensions, bias=False)

    def forward(self, hidden: Tensor) -> Tensor:
        number, length, dimensions = hidden.shape
        parts = self.enter(self.attention_norm(hidden)).view(number, length, 3, self.heads, -1)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        mixed = scaled_dot_product_attention(query, key, value, is_causal=True)
        hidden = hidden + self.leave(mixed.transpose(1, 2).reshape(number, length, dimensions))
        wide: Tensor = nn.functional.gelu(self.up(self.layer_norm(hidden)))
        narrow: Tensor = self.down(wide)
        return hidden + narrow


def next_byte_loss(scores: Tensor, targets: Tensor) -> Tensor:
    """The mean cross-entropy of the next bytes, in nats."""
    return cross_entropy(scores.flatten(0, 1), targets.flatten().long())


def right_bytes(scores: Tensor, targets: Tensor) -> Tensor:
    """The fraction of bytes that have the highest score, summed over the samples."""
    return (scores.argmax(dim=2) == targets).float().mean(dim=1).sum()


@functools.lru_cache(maxsize=1)
def stdlib_lm() -> Task:
    """Language modelling on the source of Python's standard library.

    The text is the bytes of the running interpreter's library, in the order of the paths, cut into windows of 128;
    every twentieth window is in the test set. Tests, installed packages and what belongs to the build (its
    `_sysconfigdata` and `config-` folders) are left out. The text depends on the version and distribution of Python.
    """
    root = Path(sysconfig.get_path("stdlib"))
    files = sorted(
        (path.relative_to(root).as_posix(), path)
        for path in root.rglob("*.py")
        if not any(folder in _LEFT_OUT or folder.startswith("config-") for folder in path.relative_to(root).parts[:-1])
        and not path.name.startswith("_sysconfigdata")
    )
    text = b"".join(path.read_bytes() for _, path in files)
    windows = (len(text) - 1) // CONTEXT
    if windows < TEST_EVERY:
        raise DataError(f"{root} has no source of Python's standard library, which the task stdlib-lm needs")
    stream = np.frombuffer(text, np.uint8)
    inputs = stream[: windows * CONTEXT].reshape(windows, CONTEXT)
    targets = stream[1 : windows * CONTEXT + 1].reshape(windows, CONTEXT)
    held_out = np.arange(windows) % TEST_EVERY == TEST_EVERY - 1

    def part(chosen: np.ndarray) -> tuple[Tensor, Tensor]:
        return torch.from_numpy(inputs[chosen]), torch.from_numpy(targets[chosen])

    return Task(
        Transformer,
        part(~held_out),
        part(held_out),
        next_byte_loss,
        right_bytes,
        "stdlib-lm",
        source=f"The text is the source of Python's standard library, {len(files):,} files with {len(text):,} bytes.",
    )
