from stepsize.lab.comparison import Comparison as Comparison
from stepsize.lab.comparison import compare as compare
from stepsize.lab.comparison import resume as resume
from stepsize.lab.experiment import SIX_SCHEDULES as SIX_SCHEDULES
from stepsize.lab.experiment import Experiment as Experiment
from stepsize.lab.experiment_file import read_experiment as read_experiment
from stepsize.lab.exporting import Exported as Exported
from stepsize.lab.exporting import export as export
from stepsize.lab.extending import extend as extend
from stepsize.lab.finding import find_rate as find_rate
from stepsize.lab.finding import train_grid as train_grid
from stepsize.lab.own_loops.training_run import TrainingRun as TrainingRun
from stepsize.lab.report.html import html_report as html_report
from stepsize.lab.statistics.findings import findings as findings
from stepsize.lab.tasks.by_name import load_task as load_task
from stepsize.lab.tasks.task import Task as Task
from stepsize.lab.training.loop import train as train
from stepsize.store import load_runs as load  # noqa: F401
