"""What the fork server imports once for all workers."""

import gc

gc.disable()  # much is imported, and nothing of it is garbage

import torch._dynamo  # noqa: E402, F401  (the first update of any optimizer of PyTorch imports it: half of the time)

from stepsize.lab.engines import local, stacked  # noqa: E402, F401

gc.freeze()  # so that a collection in a worker does not copy the pages that it shares
gc.enable()
