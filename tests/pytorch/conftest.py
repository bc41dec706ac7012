"""One thread for PyTorch: the tensors here are small, and tests that run side by side would wait for each other."""

import torch

torch.set_num_threads(1)
