"""A batch of the fuzz test: `batch.py SEED NUMBER` prints a line for each case, and dies at one that goes wrong."""

import contextlib
import copy
import faulthandler
import json
import random
import resource
import shutil
import signal
import sqlite3
import string
import sys
from pathlib import Path

import numpy as np
import torch

import stepsize as ss
from stepsize.curves import read_curves
from stepsize.errors import StepsizeError
from stepsize.lab import load, read_experiment
from stepsize.lab.experiment_file import EXAMPLE
from stepsize.pytorch import Plateau, Scheduler
from stepsize.schedules.plan_text import parse_either
from stepsize.store import Store, load_runs, stored_runs
from stepsize.store.run import Epoch, Point, Value

SECONDS, MEMORY = 10, 2**30
FORMATS = Path(__file__).parents[1] / "curves" / "formats"
STRANGE = [
    *("", "0", "-1", "1e308", "9" * 400, "nan", "inf", "1_000", "%s", "../", "x" * 5000),
    *("\0", "\x1b[2J", "\u202e", "\ufeff", "\n", "\r\n", "\N{LATIN SMALL LETTER E WITH ACUTE}", "\N{GRINNING FACE}"),
    *("'", '"', "(", ")", "[", "{", ",", "=", ">>", "**", ".repeat(10000)"),
]
VALUES = [
    *(None, True, -1, 0, 2**70, -(2**70), 10**400, 1e308, float("nan"), float("inf")),
    *("", "x" * 10000, "\x1b[2J", "Constant(1)", b"\xff", [], {}, [[]], {"a": {"b": []}}, [1e9] * 100),
]
TEXTS = [
    "Linear(0.0, 0.2, 100) >> Cosine(0.2, 0.02, 900)",
    "wsd(0.4, 100, 700, 200, decay='1-sqrt') * 2 + 0.1",
    "Constant(1, 9).repeat(5, 0.9, 1.5).every(3).warp(2).clip(0, 1)",
    'minimum(Table((1, 2, 3)), Piecewise((1, 2), (9,))) ** 2 - MultiStep(0.5, 0.5, ("30%", "80%"))',
    "Linear(0, 1, 1000).reclock(Linear(1, 9, 100)).cooldown(10, 20).stretch(7).shift(3).head(90).tail(4)",
    'Plan(lr=[one_cycle(0.5, 1000), 0.1], betas=(0.9, 0.99), weight_decay={"a": sgdr(0.1, 0, 9, 2, times=3)})',
]


def mutated(text: str, chance: random.Random) -> str:
    """The text with some pieces removed, doubled, moved, replaced or inserted."""
    for _ in range(chance.choice((1, 1, 2, 5))):
        a, b = sorted(chance.randrange(len(text) + 1) for _ in range(2))
        b = min(b, a + chance.choice((0, 1, 5, 50)))
        piece = chance.choice(
            (chance.choice(STRANGE), text[a:b] * chance.choice((0, 2, 100)), chance.choice(string.printable))
        )
        if chance.random() < 0.3 and (number := "".join(filter(str.isdigit, text[a : a + 1]))):
            piece = chance.choice(("0", number * 20, "1e15", "-" + number, number + ".5"))
        text = text[:a] + piece + text[b:]
    return text


def use(schedule: ss.Schedule) -> None:
    """Ask a schedule for all that costs time: values, texts, equality."""
    last = int(min(schedule.steps, 2**53))
    for step in (0, 1, last // 2, last, last + 1):
        with contextlib.suppress(StepsizeError):
            schedule(step)
    with contextlib.suppress(StepsizeError):
        schedule(np.arange(200))
    assert ss.parse(str(schedule), functions=True) == schedule
    hash(schedule)


def text(chance: random.Random) -> None:
    found = parse_either(mutated(chance.choice(TEXTS), chance), ss.Horizon(1000, 10, 5))
    for each in found.values() if isinstance(found, ss.Plan) else [found]:
        if isinstance(each, ss.Schedule):
            use(each)


def state(chance: random.Random) -> None:
    parameter = torch.nn.Parameter(torch.zeros(1))
    make = lambda: Scheduler(  # noqa: E731
        torch.optim.SGD([parameter], lr=0.1), ss.Linear(0.1, 0.0, 9), feedback=Plateau(patience=1)
    )
    scheduler = make()
    scheduler.optimizer.step()
    scheduler.step()
    form = copy.deepcopy(scheduler.state_dict())
    place = form
    while isinstance(place, dict) and place:
        key = chance.choice([*place])
        if not isinstance(place[key], dict) or chance.random() < 0.5:
            place[chance.choice((key, key, "other"))] = copy.deepcopy(chance.choice(VALUES))
            break
        place = place[key]
    other = make()
    other.load_state_dict(form)
    other.optimizer.step()
    other.step()


def experiment(chance: random.Random) -> None:
    path = Path("experiment.toml")
    path.write_bytes(mutated(EXAMPLE, chance).encode(errors="replace"))
    read_experiment(path).run_specs(1500)


def store(chance: random.Random) -> None:
    folder = Path("results")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    path = folder / "store.sqlite"
    asked = {"schedules": {"flat": "Constant(0.1)"}, "task": "digits"}
    settings = {"experiment": asked, "data": "digits", "trials": []}
    points = [Point(1, 0.1, 2.0, 0.5), Point(2, 0.1, 1.5, 0.5)]
    with Store.create(path, settings, {}, [("flat", "Constant(0.1)", seed) for seed in (0, 1)]) as made:
        made.log(0, [*points, Epoch(2, 1.5, 0.5, 1.5, 0.5), Value(2, "f1", 0.5)])
        made.end(0, "finished", 1.0)
    if chance.random() < 0.4:
        content = bytearray(path.read_bytes())
        for _ in range(chance.choice((1, 3, 30))):
            begin = chance.randrange(len(content))
            content[begin : begin + 8] = chance.randbytes(chance.choice((1, 8)))
        path.write_bytes(content[: chance.choice((len(content), chance.randrange(len(content))))])
    else:
        with contextlib.closing(sqlite3.connect(path)) as connection, connection:
            table = chance.choice(("experiment", "runs", "points", "epochs", "metrics", "events"))
            columns = [name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")]
            column = chance.choice(columns)
            with contextlib.suppress(sqlite3.Error, OverflowError):
                given = chance.choice([*VALUES, json.dumps(mutated_json(settings, chance))])
                given = json.dumps(given, default=repr) if isinstance(given, list | dict) else given
                connection.execute(f"UPDATE {table} SET {column} = ?", (given,))
    errors = list[StepsizeError]()
    results = load_runs(path)
    for act in (
        results.outcomes, results.runs, results.events, results.columns, results.check, results.steps,
        lambda: results.columns(table="metrics"), lambda: stored_runs(results), lambda: load(folder).table,
        lambda: read_curves(folder), lambda: results.write_csv("out.csv"), lambda: rewound(path),
    ):  # fmt: skip
        try:
            act()
        except StepsizeError as error:
            errors.append(error)
    if errors:
        raise errors[0]


def rewound(path: Path) -> None:
    with Store.open(path) as opened:
        opened.rewind(0, 1)
        opened.event("fuzz", "text", 0)


def mutated_json(form: object, chance: random.Random) -> object:
    """The form with one value, anywhere in it, replaced."""
    if isinstance(form, dict) and form and chance.random() < 0.8:
        key = chance.choice([*form])
        return {**form, key: mutated_json(form[key], chance)}
    return chance.choice([each for each in VALUES if not isinstance(each, bytes)])


def log(chance: random.Random) -> None:
    sample = chance.choice(sorted(FORMATS.iterdir()))
    place = Path(sample.name)
    (shutil.copytree if sample.is_dir() else shutil.copy)(sample, place)
    try:
        files = [each for each in place.rglob("*") if each.is_file()] if place.is_dir() else [place]
        file = chance.choice(files)
        content = file.read_bytes()
        if chance.random() < 0.5:
            content = mutated(content.decode("latin-1"), chance).encode("latin-1", errors="replace")
        else:
            changed = bytearray(content)
            for _ in range(chance.choice((1, 3, 30))):
                begin = chance.randrange(len(changed) or 1)
                changed[begin : begin + 1] = chance.randbytes(chance.choice((0, 1, 9)))
            content = bytes(changed)
        file.write_bytes(content)
        read_curves(place, schedule=ss.Constant(0.1) if chance.random() < 0.3 else None)
    finally:
        shutil.rmtree(place) if place.is_dir() else place.unlink()


KINDS = [text, state, experiment, store, log]


def main(seed: int, number: int) -> None:
    faulthandler.enable()
    faulthandler.register(signal.SIGVTALRM, chain=True)  # say where a case hangs, and end
    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    status = Path("/proc/self/status").read_text().splitlines()
    used = next(int(line.split()[1]) for line in status if line.startswith("VmData")) * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (used + MEMORY, used + MEMORY))
    for index in range(number):
        kind = KINDS[index % len(KINDS)]
        print(index, kind.__name__, end=" ", flush=True)
        signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
        try:
            kind(random.Random(f"{seed} {index}"))
            print("read", flush=True)
        except StepsizeError as error:
            said = str(error)
            assert said
            assert len(said) < 20_000
            assert all(each.isprintable() or each in "\n\u00a0\u3000" for each in said), repr(said)
            print("refused", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
