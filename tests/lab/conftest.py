"""What the tests of the lab share: one thread, as the lab's workers have."""

import pytest
import torch
from in_process import in_process  # noqa: F401  (a fixture)


@pytest.fixture
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
