"""A task of the engine `ray`: a run from one checkpoint to the next, on any node."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray

from stepsize.errors import RunError
from stepsize.lab.engines.failures import account, reason
from stepsize.lab.engines.ray_cluster import other_versions, this_node
from stepsize.lab.engines.ray_code import Code
from stepsize.lab.engines.runs import Job, make_run
from stepsize.lab.environment import THREADS
from stepsize.lab.experiment import Experiment
from stepsize.lab.training.loop import End
from stepsize.store.run import Epoch, Point


@dataclass
class Segment:
    """The result of a task: its records, how it ended, and the checkpoint to continue from.

    `stored` are the steps of the records that the store already has of the run. `start` is the step that the segment
    starts at; None if it failed before it started. `branched` has the first checkpoints of runs that branch from it,
    by their files. `error` says why the run failed; `account` has the traceback too.
    """

    stored: NDArray[np.int64] = field(repr=False)
    start: int | None = None
    records: list[Point | Epoch] = field(default_factory=list)
    end: End = field(default_factory=lambda: End("failed", 0.0))
    checkpoint: bytes | None = None
    branched: dict[Path, bytes] = field(default_factory=dict)
    error: str = ""
    account: str = ""

    def rewind(self, number: int, step: int) -> int:
        """Note the step that the segment starts at; return the number of records before it."""
        self.start = step
        return int(np.count_nonzero(self.stored <= step))

    def branch(self, number: int, parent: int, step: int) -> int:
        """Return the number of records so far, of which another run gets copies."""
        return int(np.count_nonzero(self.stored <= (self.start or 0))) + len(self.records)

    def log(self, number: int, records: Sequence[Point | Epoch]) -> None:
        self.records += records


def make_segment(
    job: Job,
    experiment: Experiment,
    state: bytes | None,
    stored: NDArray[np.int64],
    code: Code,
    versions: dict[str, str],
) -> Iterator[str | Segment]:
    """Say on which node this is, and train a run from a checkpoint to the next, or to its end.

    `state` is the content of the checkpoint, whose path is used in error messages alone. `versions` are those of the
    process that started the comparison.
    """
    yield this_node()
    torch.set_num_threads(THREADS)
    segment = Segment(stored)
    last = 0

    def observe(number: int, record: Point | Epoch) -> None:
        nonlocal last
        last = record.step

    def should_stop() -> bool:
        return last - (segment.start or 0) >= experiment.checkpoint_every

    with TemporaryDirectory() as folder:
        checkpoint = Path(folder, "checkpoint.pt")
        if state is not None:
            checkpoint.write_bytes(state)
        try:
            if others := other_versions(versions):
                raise RunError(f"a node of the Ray cluster has other versions ({others})")
            here = {each.path: Path(folder, each.path.name) for each in job.offshoots}
            offshoots = [replace(each, path=here[each.path]) for each in job.offshoots]
            there = replace(job, checkpoint=checkpoint, offshoots=offshoots)
            segment.end = make_run(there, code.arrived(experiment), segment, observe, should_stop)
            segment.branched = {path: own.read_bytes() for path, own in here.items() if own.exists()}
            segment.checkpoint = checkpoint.read_bytes() if segment.end.status == "interrupted" else None
        except (Exception, SystemExit) as error:  # it is returned with what the run logged until then
            ours, theirs = str(checkpoint), str(job.checkpoint)
            segment.error, segment.account = (
                code.in_our_words(text(error)).replace(ours, theirs) for text in (reason, account)
            )
    yield segment
