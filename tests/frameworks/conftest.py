"""Settings of the tests in frameworks, and the trainings in two processes, which several of them read."""

import importlib.util
import os

import pytest
import torch

os.environ["HF_HUB_OFFLINE"] = "1"  # use no network; read when a library of Hugging Face's is imported

collect_ignore = ["two_processes.py"]  # a program, which imports what may be missing

torch.set_num_threads(1)  # the tensors are small, and tests that run side by side would wait for each other


@pytest.fixture(scope="session")
def trained_in_two_processes(tmp_path_factory):
    """The folder of the results; all trainings run in one go, as starting takes longer than training."""
    from watched import in_two_processes

    if importlib.util.find_spec("accelerate") is None:
        pytest.skip("needs stepsize[frameworks]")
    folder = tmp_path_factory.mktemp("two_processes")
    in_two_processes("two_processes.py", folder)
    return folder
