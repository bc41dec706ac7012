"""The engine `local`: runs side by side on this machine, one single-threaded process a core."""

from collections.abc import Mapping

from stepsize.errors import OutputError
from stepsize.lab.directory import ResultDirectory
from stepsize.lab.engines.failures import account
from stepsize.lab.engines.one_run import make_run
from stepsize.lab.engines.pool import Channel, Job, cores, run_jobs
from stepsize.lab.experiment import Experiment, RunSpec
from stepsize.lab.standings import Watcher
from stepsize.store import Store
from stepsize.store.run import Epoch, Point


def check(experiment: Experiment) -> None:
    """It makes every run."""


def run_plans(
    numbered: Mapping[int, RunSpec],
    experiment: Experiment,
    directory: ResultDirectory,
    workers: int | None,
    watcher: Watcher,
) -> None:
    """Make the runs, a process for each, so many at a time as there are cores, or one on a GPU."""
    if workers is None:
        workers = cores() if experiment.device == "cpu" else 1
    jobs = [{number: plan} for number, plan in numbered.items()]
    run_jobs(_work, jobs, experiment, directory, workers, watcher, lambda job: directory.checkpoint(min(job)))


def _work(job: Job, experiment: Experiment, directory: ResultDirectory, channel: Channel) -> None:
    ((number, plan),) = job.items()
    checkpoint = directory.checkpoint(number)

    def tell(record: Point | Epoch) -> None:
        channel.news.put((number, record))

    with Store.open(directory.store) as store:
        try:
            log = make_run(number, plan, experiment, store, checkpoint, tell, channel.stop.is_set)
        except OutputError:
            raise
        except BaseException as error:
            store.end(number, "failed", 0.0)
            store.event("failed", account(error), number)
            raise
        store.end(number, log.status, log.seconds, log.diverged_at)
    if log.status != "interrupted":
        checkpoint.unlink(missing_ok=True)
