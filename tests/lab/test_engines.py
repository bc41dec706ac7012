"""Which engine trains the runs, and how it is chosen."""

import re

import pytest
from typer.testing import CliRunner

from stepsize.cli import app
from stepsize.errors import ArgumentError
from stepsize.lab import Experiment
from stepsize.lab.engines import ENGINES, chosen
from stepsize.lab.experiment_file import EXAMPLE


def test_an_unknown_engine_is_refused():
    with pytest.raises(ArgumentError, match=r'engine=.*"local" or "stacked" or "ray".*did you mean "stacked"'):
        Experiment(task="digits", engine="stackd")


def test_every_engine_has_a_name_in_the_file_and_on_the_command_line():
    help_text = re.sub(r"\s+", "", CliRunner().invoke(app, ["compare", "--help"], env={"COLUMNS": "200"}).output)
    for name in ENGINES:
        assert f'"{name}"' in EXAMPLE
        assert name in help_text


def test_choosing_an_engine_leaves_the_setting_at_auto():
    experiment = Experiment(task="digits", device="cpu")
    assert experiment.engine == "auto"
    assert chosen(experiment) == "local"
    assert Experiment.of_dict(experiment.as_dict()).engine == "auto"
