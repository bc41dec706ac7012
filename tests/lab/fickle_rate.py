"""A rate that is one thing when it is tried and another when it trains."""

import multiprocessing


def rate(step):
    """0.1, but negative from step 3 on in a process that was started to train."""
    return -0.1 if multiprocessing.parent_process() is not None and step >= 3 else 0.1
