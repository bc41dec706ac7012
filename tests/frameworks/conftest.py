"""Nothing is asked of the network: what the frameworks know is on this machine."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"  # read when a library of Hugging Face's is imported

collect_ignore = ["two_processes.py"]  # a program, which imports what may be missing
