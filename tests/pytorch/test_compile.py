"""A compiled optimizer under a changing schedule: what is compiled again, counted."""

import shutil
import subprocess
import sys

import pytest

PROGRAM = """
import torch
from torch._dynamo.utils import counters
import stepsize as ss
from stepsize.pytorch import Scheduler
torch.set_num_threads(1)

def train(optimizer, scheduler, updates, graphs, backend="aot_eager"):
    step = torch.compile(optimizer.step, backend=backend)
    for number in range(updates):
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                parameter.grad = torch.ones_like(parameter)
        step()
        if scheduler is not None:
            scheduler.step()
        graphs.append(counters["stats"]["unique_graphs"])

def breaks():
    return sum(counters["graph_break"].values())

def parameters():
    return [torch.nn.Parameter(torch.ones(3)) for _ in range(2)]

PLAN = ss.warmup_cosine(0.3, 10, 50, init_lr=0.01)
"""

TENSORS = """
betas = (torch.tensor(0.9), torch.tensor(0.999))
optimizer = torch.optim.AdamW(parameters(), lr=torch.tensor(0.1), betas=betas, capturable=False)
rate, (beta, _) = (optimizer.param_groups[0][key] for key in ("lr", "betas"))
scheduler = Scheduler(optimizer, PLAN, betas=(ss.Linear(0.85, 0.95, 50), 0.999), auto={auto})
graphs = []
train(optimizer, scheduler, 30, graphs)
optimizer.load_state_dict(optimizer.state_dict())
assert optimizer.param_groups[0]["lr"] is rate
assert optimizer.param_groups[0]["betas"][0] is beta
train(optimizer, scheduler, 20, graphs)
assert scheduler.position == 50, scheduler.position
assert abs(float(rate) - PLAN(50)) < 1e-6 and abs(float(beta) - 0.95) < 1e-6
print(graphs[1], graphs[-1])
"""

FLOATS = """
optimizer = torch.optim.AdamW(parameters(), lr=0.1)
scheduler = Scheduler(optimizer, PLAN, auto={auto})
graphs = []
train(optimizer, scheduler, 50, graphs, "inductor")
assert scheduler.position == 50
print(graphs[0], graphs[-1])
"""

BREAKS = """
train(torch.optim.AdamW(parameters(), lr=torch.tensor(0.1)), None, 3, [])
alone = breaks()
torch._dynamo.reset()
counters.clear()
optimizer = torch.optim.AdamW(parameters(), lr=torch.tensor(0.1))
train(optimizer, Scheduler(optimizer, PLAN, auto={auto}), 3, [])
print(alone, breaks())
"""


def counted(program, auto):
    """The two numbers that the program prints, in a process of its own: the compiler's counters are global."""
    code = PROGRAM + program.format(auto=auto)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return [int(word) for word in done.stdout.split()[-2:]]


@pytest.mark.parametrize("auto", [False, True])
def test_pain_11_tensor_rate_and_betas_compile_nothing_again(auto):
    after_second, after_last = counted(TENSORS, auto)
    assert after_last == after_second


@pytest.mark.long
@pytest.mark.skipif(not (shutil.which("g++") or shutil.which("clang++")), reason="the compiler needs a C++ compiler")
@pytest.mark.parametrize("auto", [False, True])
def test_pain_11_a_float_rate_is_compiled_again_at_most_once(auto):
    after_first, after_last = counted(FLOATS, auto)
    assert after_last <= after_first + 1


@pytest.mark.parametrize("auto", [False, True])
def test_the_scheduler_adds_no_graph_break(auto):
    alone, with_scheduler = counted(BREAKS, auto)
    assert with_scheduler <= alone
