"""The engine `stacked`: the runs of an experiment as one program, on a device that one run alone leaves idle."""

import time
from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path

import torch

from stepsize.arguments import shown
from stepsize.errors import ArgumentError, OutputError, RunError
from stepsize.lab.directory import ResultDirectory
from stepsize.lab.engines.pool import Channel, Job, cores, run_jobs
from stepsize.lab.engines.stack import Stack
from stepsize.lab.engines.stack_checkpoint import (
    load_stack,
    new_checkpoint,
    records_laid_down,
    save_stack,
    stacks_laid_down,
)
from stepsize.lab.engines.stack_loop import StackLoop
from stepsize.lab.engines.stack_updates import UpdateRule, update_rule
from stepsize.lab.experiment import Experiment, Plan, fingerprint
from stepsize.lab.journal import Journal
from stepsize.lab.optimizers import make_optimizer
from stepsize.lab.samples import Samples, Tally
from stepsize.lab.seeding import seeded_draws
from stepsize.lab.task import Task
from stepsize.lab.tasks import experiment_task
from stepsize.lab.training import has_diverged
from stepsize.lab.watching import COMPLETE, Watcher
from stepsize.records import Store, load_runs
from stepsize.records.run import Status


def check(experiment: Experiment) -> None:
    """Try two networks on two samples.

    Raises:
        ArgumentError: the optimizer or the network cannot be stacked.
    """
    task = experiment_task(experiment)
    _rule(experiment, task)
    inputs, targets = (part[:2].expand(2, *part[:2].shape) for part in task.train)
    try:
        with seeded_draws(0, torch.device("cpu")):
            stack = Stack(task, experiment.seeds[:1] * 2, torch.device("cpu"))
            stack.gradients(inputs, targets, Tally())
            stack.measure(Samples(*(part[:2] for part in task.test)))
    except Exception as error:
        reason = str(error).partition("\n")[0]
        raise ArgumentError(
            f'the network of the task {task.name!r} cannot be stacked: {reason}; write engine = "local"'
        ) from error


def run_plans(
    numbered: Mapping[int, Plan],
    experiment: Experiment,
    directory: ResultDirectory,
    workers: int | None,
    watcher: Watcher,
) -> None:
    """Make the runs, `runs_at_once` in one program; on a CPU a program a core, on a GPU one at a time."""
    if workers is None:
        workers = cores() if experiment.device == "cpu" else 1
    left = dict(sorted(numbered.items()))
    jobs: list[Job] = []
    for numbers in stacks_laid_down(directory).values():
        under_way = {number: left.pop(number) for number in numbers if number in left}
        if under_way:
            jobs.append(under_way)
    at_once = experiment.runs_at_once or max(1, ceil(len(left) / workers))
    fresh = list(left.items())
    jobs += [dict(fresh[begin : begin + at_once]) for begin in range(0, len(fresh), at_once)]
    run_jobs(_work, jobs, experiment, directory, workers, watcher)


def _rule(experiment: Experiment, task: Task) -> UpdateRule:
    """How the optimizer updates, once it is known that it has the parameters that a stack trains: all that can be."""
    model = task.initial_model(experiment.seeds[0])
    made = make_optimizer(experiment.optimizer, model.parameters(), 0.1, dict(experiment.optimizer_args))
    rule = update_rule(made)
    taken = {id(parameter) for group in made.param_groups for parameter in group["params"]}
    left = [name for name, each in model.named_parameters() if each.requires_grad and id(each) not in taken]
    if left:
        raise ArgumentError(
            f'the engine "stacked" trains every parameter that requires a gradient, and the optimizer '
            f'{shown(experiment.optimizer)} leaves out {", ".join(left)}; write engine = "local"'
        )
    return rule


def _work(job: Job, experiment: Experiment, directory: ResultDirectory, channel: Channel) -> None:
    with Store.open(directory.store) as store:
        outcomes = load_runs(directory.path).outcomes()
        # Of a job whose process died some runs may have ended before.
        left = {number: Journal(store, number) for number in job if outcomes[number].status not in COMPLETE}
        try:
            try:
                _train(job, left, experiment, directory, channel, store)
            finally:
                for journal in left.values():
                    journal.flush()  # what runs that fail have logged is kept too
        except OutputError:
            raise
        except Exception as error:
            for number in left:
                store.end(number, "failed", 0.0)
                store.event("failed", str(error), number)
            if isinstance(error, torch.OutOfMemoryError):
                half = max(1, len(job) // 2)
                raise RunError(f"no memory for {len(job)} runs at once; write runs_at_once = {half}") from error
            raise


def _train(
    job: Job,
    left: dict[int, Journal],
    experiment: Experiment,
    directory: ResultDirectory,
    channel: Channel,
    store: Store,
) -> None:
    """Train the stack from its beginning or its checkpoint; a run that ends is struck off `left`.

    A run's seconds are its share of the stack's.
    """
    started, first = time.perf_counter(), min(job)
    found = _found(first, left, experiment, directory)
    path, numbers = found or (new_checkpoint(directory, first), tuple(job))
    task, device = experiment_task(experiment), torch.device(experiment.device)
    plans = [job.get(number) for number in numbers]  # None: it has diverged, and its row only takes part
    seeds = [0 if plan is None else plan.seed for plan in plans]
    stack = Stack(task, seeds, device, experiment.precision)
    training, test = Samples.on(device, task.train), Samples.on(device, task.test)
    loop = StackLoop(stack, _rule(experiment, task), plans, experiment, training, test)
    status: Status = "finished"
    with seeded_draws(job[first].seed, device):
        if found:
            started -= load_stack(path, loop)
        laid_down = loop.progress.step

        def end(number: int, status: Status, diverged_at: int | None = None) -> None:
            left.pop(number).flush()
            store.end(number, status, (time.perf_counter() - started) / len(numbers), diverged_at)

        for records in loop.records():
            for number, record in zip(numbers, records, strict=True):
                if number in left:
                    left[number].add(record)
                    channel.news.put((number, record))
                    if has_diverged(record, experiment.loss_limit):
                        end(number, "diverged", record.step)
            if not left:
                break
            if loop.epoch_to_come:
                continue
            stopping = channel.stop.is_set()
            if stopping or loop.progress.step - laid_down >= experiment.checkpoint_every:
                for journal in left.values():
                    journal.flush()
                lengths = {number: left[number].length if number in left else 0 for number in numbers}
                save_stack(path, loop, lengths, _title(numbers, experiment), time.perf_counter() - started)
                laid_down = loop.progress.step
            if stopping:
                status = "interrupted"
                break
        for number in sorted(left):
            end(number, status)
    if status == "finished":
        path.unlink(missing_ok=True)


def _found(
    first: int, left: Mapping[int, Journal], experiment: Experiment, directory: ResultDirectory
) -> tuple[Path, tuple[int, ...]] | None:
    """The checkpoint that the stack of this run goes on from, and the runs of its rows; the records are taken there.

    None where the stack begins: there is no checkpoint, or of the records before it some are lost, as they may be in
    a store that was salvaged.
    """
    for path, numbers in stacks_laid_down(directory).items():
        if first in numbers:
            step, records = records_laid_down(path, _title(numbers, experiment))
            for journal in left.values():
                journal.rewind(step)
            if all(journal.length == records.get(number) for number, journal in left.items()):
                return path, numbers
            path.unlink()
    for journal in left.values():
        journal.rewind(0)
    return None


def _title(numbers: Sequence[int], experiment: Experiment) -> str:
    """What tells the stack from others, as text."""
    return f"{len(numbers)} runs from {numbers[0]} on, {experiment.task}, settings {fingerprint(experiment)}"
