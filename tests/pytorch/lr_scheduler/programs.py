"""Random programs that use schedulers: what is constructed, and what is then done with it, drawn from a seed.

A program runs once with PyTorch's classes and once more with those of this package, or with both in turns.
"""

import random
import warnings
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.optim import lr_scheduler as pytorch
from torch.optim.swa_utils import SWALR

from stepsize.pytorch import lr_scheduler as ours

THERE = {**vars(pytorch), "SWALR": SWALR}
HERE = vars(ours)
USUAL = ["step"] * 12 + ["set", "resume", "resume"]
UNUSUAL = [[]] * 6 + [["jump"], ["add"], ["remove"], ["add", "remove", "jump"]]


def halving(t):
    return 1.0 / (1.0 + t % 7)


def sinking(t):
    return 1.0 - 0.01 * (t % 13)


@dataclass
class Construction:
    """A class's name and its arguments; parts are constructions themselves."""

    name: str
    arguments: dict[str, Any]
    parts: list["Construction"] = field(default_factory=list)

    def made(self, module, optimizer):
        parts = [part.made(module, optimizer) for part in self.parts]
        if self.name == "ChainedScheduler":
            return module[self.name](parts)
        return module[self.name](optimizer, *([parts] if parts else []), **self.arguments)


@dataclass
class Program:
    """An optimizer, a scheduler, and operations: each a name and what it takes."""

    rates: list[float]
    kind: str
    tensors: bool
    scheduler: Construction
    operations: list[tuple[str, Any]]


def program(seed: int) -> Program:
    """The program of this seed."""
    draw = random.Random(seed)
    operations = USUAL + draw.choice(UNUSUAL)
    return Program(
        rates=[draw.choice([0.1, 1.0, draw.uniform(1e-4, 5.0)]) for _ in range(draw.choice([1, 1, 2, 3]))],
        kind=draw.choice(["SGD", "SGD", "Adam"]),
        tensors=draw.random() < 0.2,
        scheduler=_construction(draw, depth=0),
        operations=[_operation(draw, operations) for _ in range(draw.randint(5, 40))],
    )


def _operation(draw, names):
    name = draw.choice(names)
    what = {
        "step": lambda: draw.uniform(0.0, 2.0),  # the metric of a plateau
        "jump": lambda: draw.randint(0, 20),
        "set": lambda: (draw.random(), draw.uniform(0.0, 1.0)),
        "add": lambda: draw.uniform(0.001, 1.0),
        "remove": draw.random,
        "resume": lambda: (draw.choice(["here", "there"]), draw.choice(["os", "so", "s"])),
    }[name]()
    return name, what


def _construction(draw, depth):
    arguments = {
        "LambdaLR": lambda: {"lr_lambda": draw.choice([halving, sinking])},
        "MultiplicativeLR": lambda: {"lr_lambda": sinking},
        "StepLR": lambda: {"step_size": draw.randint(1, 9), "gamma": draw.choice([0.1, 0.5, 0.0, 1.0])},
        "MultiStepLR": lambda: {"milestones": [draw.randint(0, 20) for _ in range(3)], "gamma": draw.uniform(0.1, 1)},
        "ConstantLR": lambda: {"factor": draw.uniform(0.0, 1.0), "total_iters": draw.randint(0, 9)},
        "LinearLR": lambda: {
            "start_factor": draw.uniform(0.01, 1.0),
            "end_factor": draw.choice([1.0, 0.0, draw.random()]),
            "total_iters": draw.choice([0, draw.randint(1, 12), 7.5]),
        },
        "ExponentialLR": lambda: {"gamma": draw.uniform(0.5, 1.1)},
        "PolynomialLR": lambda: {"total_iters": draw.randint(0, 12), "power": draw.choice([0.0, 1.0, 2.5])},
        "CosineAnnealingLR": lambda: {
            "T_max": draw.choice([draw.randint(1, 15), 7.5]),
            "eta_min": draw.choice([0.0, 0.01]),
        },
        "CosineAnnealingWarmRestarts": lambda: {"T_0": draw.randint(1, 9), "T_mult": draw.randint(1, 3)},
        "SWALR": lambda: {
            "swa_lr": draw.uniform(0.001, 1.0),
            "anneal_epochs": draw.randint(0, 9),
            "anneal_strategy": draw.choice(["cos", "linear"]),
        },
        "CyclicLR": lambda: {
            "base_lr": draw.uniform(0.01, 0.1),
            "max_lr": draw.uniform(0.1, 1.0),
            "step_size_up": draw.randint(1, 9),
            "step_size_down": draw.choice([None, 3]),
            "mode": draw.choice(["triangular", "triangular2", "exp_range"]),
            "cycle_momentum": draw.random() < 0.7,
        },
        "OneCycleLR": lambda: {
            "max_lr": draw.uniform(0.1, 1.0),
            "total_steps": draw.randint(2, 60),
            "pct_start": draw.choice([0.3, draw.random()]),
            "three_phase": draw.random() < 0.3,
            "cycle_momentum": draw.random() < 0.7,
        },
        "ReduceLROnPlateau": lambda: {"patience": draw.randint(0, 3), "mode": draw.choice(["min", "max"])},
    }
    if depth < 3 and draw.random() < (0.45 if depth == 0 else 0.2):
        parts = [_construction(draw, depth + 1) for _ in range(draw.randint(1, 3))]
        if draw.random() < 0.5:
            return Construction("ChainedScheduler", {}, parts)
        milestones = sorted(draw.randint(0, 25) for _ in parts[1:])
        return Construction("SequentialLR", {"milestones": milestones}, parts)
    names = [name for name in arguments if depth == 0 or name != "ReduceLROnPlateau" or draw.random() < 0.05]
    name = draw.choice(names)
    return Construction(name, arguments[name]())


class Run:
    """A program in progress, with the classes of one module or, after a resume, of the other."""

    def __init__(self, program: Program, module: dict[str, Any], resumes: bool) -> None:
        self.program, self.resumes = program, resumes
        self.groups: list[tuple[str, float]] = []  # the groups added and removed so far
        self.touched = False  # by other hands since the last step
        self.optimizer, self.scheduler = self.fresh(module)

    def fresh(self, module):
        as_drawn = torch.tensor if self.program.tensors else float
        groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": as_drawn(r)} for r in self.program.rates]
        more = {"momentum": 0.9} if self.program.kind == "SGD" else {"capturable": self.program.tensors}
        optimizer = getattr(torch.optim, self.program.kind)(groups, lr=as_drawn(0.1), foreach=True, **more)
        return optimizer, self.program.scheduler.made(module, optimizer)

    def do(self, name: str, what: Any) -> None:
        groups, plateau = self.optimizer.param_groups, isinstance(self.scheduler, pytorch.ReduceLROnPlateau)
        if name == "step":
            self.scheduler.step(*[what] * plateau)
            self.touched = False
        elif name == "jump":
            self.scheduler.step(*[1.0] * plateau, what)
            self.touched = False
        elif name == "set":
            place, rate = what
            pytorch._update_param_group_val(groups[int(place * len(groups))], "lr", rate)
            self.touched = True
        elif name == "resume":
            self.resume(*what)
        else:
            self.touched = True
            self.groups.append((name, what))
            self.change_groups(self.optimizer, name, what)

    def change_groups(self, optimizer, name, what):
        if name == "add":
            rate = torch.tensor(what) if self.program.tensors else what
            optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))], "lr": rate})
        elif len(optimizer.param_groups) > 1:
            del optimizer.param_groups[int(what * len(optimizer.param_groups))]

    def resume(self, side, order):
        """Go on in a new program with the states of this one; PyTorch's classes need the optimizer's state, too."""
        if not self.resumes:
            return
        known = isinstance(self.scheduler, ours.restoring.Restoring)
        removed = any(name == "remove" for name, _ in self.groups)
        if side == "there" or (
            (self.touched or removed) and not known
        ):  # PyTorch's state does not tell what others did
            side, order = "there", "so"
        states = {"s": self.scheduler.state_dict(), "o": self.optimizer.state_dict()}
        self.optimizer, self.scheduler = self.fresh(HERE if side == "here" else THERE)
        for name, what in self.groups:
            self.change_groups(self.optimizer, name, what)
        loads = {"s": self.scheduler.load_state_dict, "o": self.optimizer.load_state_dict}
        for each in order:
            loads[each](states[each])

    def seen(self):
        """The rates and momenta, and where the scheduler says it is."""
        rates = [
            (float(group["lr"]), float(group["momentum"] if "momentum" in group else group["betas"][0]))
            for group in self.optimizer.param_groups
        ]
        return rates, list(map(float, self.scheduler.get_last_lr())), getattr(self.scheduler, "last_epoch", None)


def trace(program: Program, module: dict[str, Any], resumes: bool) -> list[Any]:
    """What is seen after each operation, up to the first error; a step after an error is nobody's business."""
    seen: list[Any] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", ".*saved with other arguments")
        try:
            run = Run(program, module, resumes)
            seen.append(run.seen())
            for name, what in program.operations:
                run.do(name, what)
                seen.append(run.seen())
        except Exception as error:
            seen.append((type(error), str(error)))
    return seen
