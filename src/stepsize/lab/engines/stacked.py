"""The engine `stacked`: many runs in one program, on a device that one run alone does not keep busy."""

from collections.abc import Mapping, Sequence
from math import ceil

import torch

from stepsize.errors import ArgumentError, RunError
from stepsize.lab.branches import shared_beginnings
from stepsize.lab.directory import ResultDirectory
from stepsize.lab.engines.local import run_jobs
from stepsize.lab.engines.runs import Job, cores, make_job
from stepsize.lab.engines.stack import Named, Stack
from stepsize.lab.engines.stack_records import record_stacks, recorded_stacks, stack_of
from stepsize.lab.engines.stack_training import StackTraining, UpdateRule, cannot_stack, update_rule
from stepsize.lab.engines.workers import Channel, Workers
from stepsize.lab.experiment import Experiment
from stepsize.lab.optimizers import experiment_optimizer
from stepsize.lab.run_spec import RunSpec
from stepsize.lab.run_watcher import RunWatcher
from stepsize.lab.seeding import CPU, seeded_draws
from stepsize.lab.tasks.by_name import experiment_task
from stepsize.lab.tasks.task import Task
from stepsize.lab.training.samples import Samples
from stepsize.schedules import Plan

MOST_ON_A_CPU = 3  # runs in a stack, unless the experiment says otherwise; more pay for small networks only


def check(experiment: Experiment) -> None:
    """Compute two networks on two samples, and compare their gradients with those of each network by itself.

    Raises:
        ArgumentError: the optimizer, the network, a Plan or feedback cannot be stacked.
    """
    if experiment.feedback:
        given = {name: str(plateau) for name, plateau in experiment.feedback}
        raise ArgumentError(
            "Experiment", "feedback", "left out for stacked runs", given, "write {engine}", engine="local"
        )
    task = experiment_task(experiment)
    if task.has_loaders:
        rule = "a task whose samples are tensors, for stacked runs"
        raise ArgumentError("Experiment", "task", rule, task.name, "write {engine}", engine="local")
    for spec in experiment.run_specs(task.horizon(experiment)):
        if isinstance(spec.schedule, Plan):
            rule = "a schedule of the rate alone for stacked runs"
            argument = f"schedules[{spec.name!r}]"
            raise ArgumentError("Experiment", argument, rule, spec.schedule, "write {engine}", engine="local")
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
                    raise RunError("its gradients differ in a stack, because of a hook or a number that each draws")
    except Exception as error:
        reason = str(error).partition("\n")[0]
        rule = f"a task whose network can be stacked ({reason})"
        raise ArgumentError("Experiment", "task", rule, task.name, "write {engine}", engine="local") from error


def _gradients(task: Task, seed: int, inputs: torch.Tensor, targets: torch.Tensor) -> Named:
    """The gradients of a network by itself, in evaluation mode."""
    model = task.initial_model(seed).eval()
    task.mean_loss(model(inputs.clone()), targets).backward()  # type: ignore[no-untyped-call]
    return {name: each.grad for name, each in model.named_parameters() if each.grad is not None}


def _close(some: Named, others: Named) -> bool:
    return all(torch.allclose(each, others[name], rtol=1e-2, atol=1e-4, equal_nan=True) for name, each in some.items())


def stacked_rule(experiment: Experiment, task: Task) -> UpdateRule:
    """The update rule of the experiment's optimizer, which must train all parameters that require a gradient.

    Raises:
        ArgumentError: the optimizer cannot be stacked.
    """
    model = task.initial_model(experiment.seeds[0])
    optimizer = experiment_optimizer(experiment, model)
    rule = update_rule(optimizer)
    trained = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    left_out = [name for name, each in model.named_parameters() if each.requires_grad and id(each) not in trained]
    if left_out:
        raise cannot_stack(
            "an optimizer of all parameters that require a gradient", f"one that leaves out {', '.join(left_out)}"
        )
    return rule


def train_runs(
    specs: Mapping[int, RunSpec],
    experiment: Experiment,
    directory: ResultDirectory,
    workers: Workers,
    watcher: RunWatcher,
) -> None:
    """Train the runs, `runs_at_once` in one program; on a CPU a program for each core, on a GPU one at a time.

    Runs that share their beginning with others are stacked across the seeds.
    """
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
            jobs.append(Job(left, stack.title(experiment), stack.checkpoint, offshoots, parents))
    run_jobs(_make_stack, jobs, experiment, directory, workers, watcher)


def _make_stack(job: Job, experiment: Experiment, directory: ResultDirectory, channel: Channel) -> None:
    stack = stack_of(job, recorded_stacks(directory))

    def build(task: Task, specs: Sequence[RunSpec | None]) -> StackTraining:
        networks = Stack(task, tuple(stack.members.values()), torch.device(experiment.device), experiment.precision)
        return StackTraining(networks, stacked_rule(experiment, task), specs, experiment.clip_norm)

    try:
        make_job(job, [*stack.members], build, experiment, directory, channel.tell, channel.should_stop)
    except torch.OutOfMemoryError as error:
        raise RunError(
            f"there is not enough memory for {len(job.runs)} runs at once",
            "start over in another directory with {runs_at_once}",
            runs_at_once=max(1, len(job.runs) // 2),
        ) from error
