"""A made-up run and its logs."""

import numpy as np

import stepsize as ss

PLAN = ss.Linear(0.0, 0.2, 10) >> ss.Cosine(0.2, 0.02, 90)
AT = np.arange(0, 100, 5)
LOSSES = 2.0 + 1.0 / (1.0 + AT)
PANEL = '"Step","a - {0}","a - {0}__MIN","a - {0}__MAX","b - {0}"\n'
"""The first line of a Weights & Biases export of two runs, for a metric."""


def csv_of(steps=AT, plan=PLAN, losses=LOSSES, head="step,lr,loss"):
    rows = [f"{step},{plan(int(step))!r},{loss!r}" for step, loss in zip(steps, losses.tolist(), strict=True)]
    return "\n".join([head, *rows]) + "\n"
