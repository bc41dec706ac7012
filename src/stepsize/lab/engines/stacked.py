"""The engine `stacked`: many runs in one program, on a device that one run alone does not keep busy.

Stacks are chosen along the shared beginnings of the runs. They are recorded before they are trained, all in one file:
what a row draws, and its last bits, depend on its place, and a kill must not leave some of the stacks without those
that branch from them.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil
from pathlib import Path

import torch

from stepsize.errors import ArgumentError, RunError, StateError
from stepsize.files import write_whole
from stepsize.lab.directory import ResultDirectory
from stepsize.lab.engines.local import run_jobs
from stepsize.lab.engines.runs import WHICH_RUNS, Job, fingerprint, make_job
from stepsize.lab.engines.stack import Named, Stack
from stepsize.lab.engines.stack_training import StackTraining, UpdateRule, cannot_stack, update_rule
from stepsize.lab.engines.workers import Training
from stepsize.lab.environment import cores
from stepsize.lab.experiment import Experiment
from stepsize.lab.optimizers import experiment_optimizer
from stepsize.lab.run_spec import Branch, Branches, RunSpec, shared_beginnings
from stepsize.lab.seeding import CPU, seeded_draws
from stepsize.lab.tasks.by_name import experiment_task
from stepsize.lab.tasks.task import Task
from stepsize.lab.training.checkpoint import Offshoot
from stepsize.lab.training.samples import Samples
from stepsize.schedules import Plan
from stepsize.store import load_runs

MOST_ON_A_CPU = 3  # runs in a stack, unless the experiment says otherwise; more pay for small networks only


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
        return {number: Branch(parent, self.step) for number, parent in zip(self.members, self.parents, strict=False)}

    def offshoots(self, stacks: Sequence["StackRecord"], experiment: Experiment) -> list[Offshoot]:
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
    """The stacks that are recorded in the directory."""
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


def check(experiment: Experiment) -> None:
    """Compute two networks on two samples, and compare their gradients with those of each network by itself."""
    if experiment.feedback:
        raise cannot_stack("feedback", "left out", {name: str(plateau) for name, plateau in experiment.feedback})
    task = experiment_task(experiment)
    if task.has_loaders:
        raise cannot_stack("task", "a task whose samples are tensors,", task.name)
    for spec in experiment.run_specs(task.horizon(experiment)):
        if isinstance(spec.schedule, Plan):
            raise cannot_stack(f"schedules[{spec.name!r}]", "a schedule of the rate alone", spec.schedule)
    stacked_rule(experiment, task)
    inputs, targets = (part[:2].expand(2, *part[:2].shape) for part in task.train)
    try:
        with seeded_draws(0):
            stack = Stack(task, (0, 1), CPU)  # with two seeds: a stack that shares its samples is a simpler case
            together, _, _ = stack.gradients(inputs, targets, training=False)  # before batch norm has moved
            stack.gradients(inputs, targets)
            stack.measure(Samples(*(part[:2] for part in task.test)))
            for row, seed in enumerate(stack.seeds):
                model, again = (_gradients(task, seed, inputs[row], targets[row]) for _ in range(2))
                if _close(model, again) and not _close(model, {name: each[row] for name, each in together.items()}):
                    why = "because of a hook or a random number that each network draws"
                    raise RunError(f"its gradients differ in a stack, {why}")
    except Exception as error:
        reason = str(error).partition("\n")[0]
        rule = f"a task whose network can be stacked ({reason})"
        raise ArgumentError("Experiment", "task", rule, task.name, "write {engine}", engine="local") from error


def _gradients(task: Task, seed: int, inputs: torch.Tensor, targets: torch.Tensor) -> Named:
    model = task.initial_model(seed).eval()
    task.mean_loss(model(inputs.clone()), targets).backward()  # type: ignore[no-untyped-call]
    return {name: each.grad for name, each in model.named_parameters() if each.grad is not None}


def _close(some: Named, others: Named) -> bool:
    return all(torch.allclose(each, others[name], rtol=1e-2, atol=1e-4, equal_nan=True) for name, each in some.items())


def stacked_rule(experiment: Experiment, task: Task) -> UpdateRule:
    """The update rule of the experiment's optimizer, which must train all parameters that require a gradient."""
    model = task.initial_model(experiment.seeds[0])
    optimizer = experiment_optimizer(experiment, model)
    rule = update_rule(optimizer)
    trained = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    left_out = [name for name, each in model.named_parameters() if each.requires_grad and id(each) not in trained]
    if left_out:
        given = f"one that leaves out {', '.join(left_out)}"
        raise cannot_stack("optimizer", "an optimizer of all parameters that require a gradient", given)
    return rule


def train_runs(specs: Mapping[int, RunSpec], training: Training) -> None:
    """Train the runs, `runs_at_once` in one program; on a CPU a program for each core, on a GPU one at a time.

    Runs that share their beginning with others are stacked across the seeds.
    """
    experiment, directory, _, watcher = training
    on_cpu = experiment.device == "cpu"
    stacks = recorded_stacks(directory)
    known = {number for stack in stacks for number in stack.members}
    new = {number: spec for number, spec in specs.items() if number not in known}
    if new:
        branches = shared_beginnings(new)
        trunks = len(new) - len(branches)
        most = min(MOST_ON_A_CPU, ceil(trunks / cores())) if on_cpu else trunks
        stacks += record_stacks(directory, new, branches, experiment.runs_at_once or most)
    jobs = []
    for stack in sorted(stacks, key=lambda each: len(each.parents) > 0):  # others wait for those without parents
        watcher.branching(stack.branches())
        if left := {number: specs[number] for number in stack.members if number in specs}:
            offshoots, parents = stack.offshoots(stacks, experiment), frozenset(stack.parents)
            jobs.append(Job(left, stack.title(experiment), stack.checkpoint, offshoots, parents, stack.members))
    run_jobs(partial(make_job, _stack), jobs, training)


def _stack(task: Task, job: Job, experiment: Experiment, specs: Sequence[RunSpec | None]) -> StackTraining:
    networks = Stack(task, tuple(job.seeds.values()), torch.device(experiment.device), experiment.precision)
    return StackTraining(networks, stacked_rule(experiment, task), specs, experiment.clip_norm)
