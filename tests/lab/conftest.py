"""What the tests of the lab share: one thread, as the lab's workers have, and tasks that other processes can import."""

import os
from pathlib import Path

import pytest
import torch


@pytest.fixture
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def own_tasks_found(monkeypatch):
    """Processes that are started find the modules beside the tests."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)
