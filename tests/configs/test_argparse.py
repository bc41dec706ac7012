"""Schedules as arguments of argparse."""

from argparse import ArgumentParser

import pytest

import stepsize as ss


def parser():
    made = ArgumentParser(prog="train")
    made.add_argument("--lr", type=ss.parse, default=ss.Constant(0.1))
    made.add_argument("--plan", type=ss.Plan.parse, default="Plan(lr=0.1)")
    return made


def test_texts_are_read():
    given = parser().parse_args(["--lr", "Linear(0, 0.3, 500)"])
    assert (given.lr, given.plan) == (ss.Linear(0, 0.3, 500), ss.Plan(lr=0.1))


def test_the_user_sees_the_place_and_the_advice(capsys):
    with pytest.raises(SystemExit):
        parser().parse_args(["--lr", "Cosin(0.3, 0, 100)"])
    assert capsys.readouterr().err.splitlines()[-3:] == [
        'train: error: argument --lr: "Cosin" is not a shape or recipe; did you mean "Cosine"?',
        "  Cosin(0.3, 0, 100)",
        "  ^",
    ]


def test_a_unit_needs_a_horizon(capsys):
    with pytest.raises(SystemExit):
        parser().parse_args(["--plan", 'Plan(lr=Cosine(0.3, 0, "100%"))'])
    assert '"100%" needs a horizon, which says how long the run is' in capsys.readouterr().err
