"""Which runs form a stack: chosen along their shared beginnings, and recorded in a file beside their checkpoints.

Stacks are recorded before they are trained, all in one file: what a row draws, and its last bits, depend on its place,
and a kill must not leave some of the stacks without those that branch from them.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stepsize.errors import StateError
from stepsize.files import write_whole
from stepsize.lab.branches import Branch, Branches
from stepsize.lab.directory import ResultDirectory
from stepsize.lab.engines.runs import WHICH_RUNS, Job, fingerprint
from stepsize.lab.experiment import Experiment
from stepsize.lab.run_spec import RunSpec
from stepsize.lab.training.checkpoint import Offshoot
from stepsize.store import load_runs


@dataclass(frozen=True)
class StackRecord:
    """The seed of each run of a stack, by number, in the order of the rows; and the checkpoint of the stack.

    If the runs branch from those of another stack, `parents` has these, row by row, and `step` is where they branch.
    """

    checkpoint: Path
    members: Mapping[int, int]
    parents: Sequence[int] = ()
    step: int = 0

    def title(self, experiment: Experiment) -> str:
        """Text that identifies the stack by all that decides its numbers."""
        known = load_runs(self.checkpoint.parents[1]).outcomes()
        runs = [(known[number].name, known[number].schedule, seed) for number, seed in self.members.items()]
        settings = fingerprint(experiment, *WHICH_RUNS, runs=runs)
        return f"the runs {', '.join(map(str, self.members))}, {experiment.task}, settings {settings}"

    def branches(self) -> Branches:
        """Where the runs branch."""
        return {number: Branch(parent, self.step) for number, parent in zip(self.members, self.parents, strict=False)}

    def offshoots(self, stacks: Sequence["StackRecord"], experiment: Experiment) -> list[Offshoot]:
        """Those of the stacks that branch from this one."""
        row = {number: place for place, number in enumerate(self.members)}
        return [
            Offshoot(
                each.step,
                dict(zip(each.members, each.parents, strict=True)),
                [row[parent] for parent in each.parents],
                each.checkpoint,
                each.title(experiment),
            )
            for each in stacks
            if each.parents and each.parents[0] in row
        ]


def record_stacks(
    directory: ResultDirectory, specs: Mapping[int, RunSpec], branches: Branches, size: int
) -> list[StackRecord]:
    """Form stacks of at most `size` of these runs, and record them in a file.

    Runs that branch from one stack at the same step form a stack.
    """

    def formed(numbers: Sequence[int]) -> Iterator[StackRecord]:
        for first in range(0, len(numbers), size):
            rows = numbers[first : first + size]
            begins = [branches[number] for number in rows if number in branches]
            parents, step = [each.parent for each in begins], begins[0].step if begins else 0
            members = {number: specs[number].seed for number in rows}
            yield StackRecord(_checkpoint(directory, rows[0]), members, parents, step)
            children = [number for number in sorted(branches) if branches[number].parent in rows]
            for at in sorted({branches[number].step for number in children}):
                yield from formed([number for number in children if branches[number].step == at])

    stacks = list(formed([number for number in sorted(specs) if number not in branches]))
    forms = [{"members": [*each.members.items()], "parents": each.parents, "step": each.step} for each in stacks]
    directory.make_checkpoint_folder()
    write_whole(_checkpoint(directory, min(specs)).with_suffix(".json"), json.dumps(forms).encode())
    return stacks


def recorded_stacks(directory: ResultDirectory) -> list[StackRecord]:
    """The stacks that are recorded in the directory.

    Raises:
        StateError: a record is damaged.
    """
    stacks = []
    for path in sorted(directory.checkpoint(0).parent.glob("stack-*.json")):
        try:
            for form in json.loads(path.read_text()):
                members = {int(number): int(seed) for number, seed in form["members"]}
                parents = [int(number) for number in form["parents"]]
                stacks.append(StackRecord(_checkpoint(directory, min(members)), members, parents, int(form["step"])))
        except (ValueError, TypeError, KeyError) as error:
            reason = f"{path}, the record of which runs form a stack, is damaged"
            raise StateError(reason, "delete it, and its runs start over") from error
    return stacks


def _checkpoint(directory: ResultDirectory, first: int) -> Path:
    return directory.checkpoint(first).with_name(f"stack-{first:03d}.pt")


def stack_of(job: Job, stacks: Sequence[StackRecord]) -> StackRecord:
    """The stack whose runs, or some of them, are those of the job."""
    return next(each for each in stacks if min(job.runs) in each.members)
