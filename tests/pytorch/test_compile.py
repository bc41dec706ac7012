"""How often a compiled optimizer is compiled again under a changing schedule."""

import json
import shutil
import subprocess
import sys

import pytest

PROGRAM = """
import torch
from torch._dynamo.utils import counters
import stepsize as ss
from stepsize.pytorch import Attribute, Scheduler
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

def parameters():
    return [torch.nn.Parameter(torch.ones(3)) for _ in range(2)]

PLAN = ss.warmup_cosine(0.3, 10, 50, init_lr=0.01)
"""

TENSORS_AND_BREAKS = """
import json

def tensors(auto):
    torch._dynamo.reset()
    counters.clear()
    betas = (torch.tensor(0.9), torch.tensor(0.999))
    optimizer = torch.optim.AdamW(parameters(), lr=torch.tensor(0.1), betas=betas, capturable=False)
    rate, (beta, _) = (optimizer.param_groups[0][key] for key in ("lr", "betas"))
    scheduler = Scheduler(optimizer, PLAN, betas=(ss.Linear(0.85, 0.95, 20), 0.999), auto=auto)
    graphs = []
    train(optimizer, scheduler, 12, graphs)
    optimizer.load_state_dict(optimizer.state_dict())
    assert optimizer.param_groups[0]["lr"] is rate
    assert optimizer.param_groups[0]["betas"][0] is beta
    train(optimizer, scheduler, 8, graphs)
    assert scheduler.position == 20, scheduler.position
    assert abs(float(rate) - PLAN(20)) < 1e-6 and abs(float(beta) - 0.95) < 1e-6
    return graphs[1], graphs[-1]

def breaks(auto):
    torch._dynamo.reset()
    counters.clear()
    optimizer = torch.optim.AdamW(parameters(), lr=torch.tensor(0.1))
    train(optimizer, None if auto is None else Scheduler(optimizer, PLAN, auto=auto), 3, [])
    return sum(counters["graph_break"].values())

class Softened(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("temperature", torch.tensor(1.0))

    def forward(self, x):
        return torch.softmax(x / self.temperature, -1)

def buffer():
    torch._dynamo.reset()
    counters.clear()
    model = Softened()
    compiled = torch.compile(model, backend="aot_eager")
    targets = {"temperature": Attribute(model, "temperature")}
    optimizer = torch.optim.SGD(parameters())
    scheduler = Scheduler(optimizer, temperature=ss.Linear(2.0, 1.0, 10), targets=targets)
    x = torch.tensor([0.0, 1.0])
    for _ in range(10):
        assert torch.allclose(compiled(x), torch.softmax(x / scheduler.values()["temperature"], -1))
        optimizer.step()
        scheduler.step()
    return counters["stats"]["unique_graphs"]

graphs = {str(auto): tensors(auto) for auto in (False, True)}
broken = {str(auto): breaks(auto) for auto in (None, False, True)}
print(json.dumps({"graphs": graphs, "buffer": buffer(), "breaks": broken}))
"""

FLOATS = """
optimizer = torch.optim.AdamW(parameters(), lr=0.1)
scheduler = Scheduler(optimizer, PLAN, auto={auto})
graphs = []
train(optimizer, scheduler, 50, graphs, "inductor")
assert scheduler.position == 50
print(graphs[0], graphs[-1])
"""


def printed(program):
    """The last line that a program prints, in a process of its own: the compiler's counters are global."""
    done = subprocess.run([sys.executable, "-c", PROGRAM + program], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def counted():
    """All counts of one process, as importing the compiler takes longer than using it."""
    return json.loads(printed(TENSORS_AND_BREAKS))


@pytest.mark.parametrize("auto", ["False", "True"])
def test_pain_11_tensor_rate_and_betas_compile_nothing_again(auto, counted):
    after_second, after_last = counted["graphs"][auto]
    assert after_last == after_second


def test_a_driven_buffer_of_a_compiled_model_compiles_nothing_again(counted):
    assert counted["buffer"] == 1


@pytest.mark.long
@pytest.mark.skipif(not (shutil.which("g++") or shutil.which("clang++")), reason="the compiler needs a C++ compiler")
@pytest.mark.parametrize("auto", [False, True])
def test_pain_11_a_float_rate_is_compiled_again_at_most_once(auto):
    after_first, after_last = map(int, printed(FLOATS.format(auto=auto)).split())
    assert after_last <= after_first + 1


@pytest.mark.parametrize("auto", ["False", "True"])
def test_the_scheduler_adds_no_graph_break(auto, counted):
    assert counted["breaks"][auto] <= counted["breaks"]["None"]
