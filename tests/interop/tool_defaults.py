"""The defaults of the tools' own schedulers, read from their source; no tool is imported.

`python tests/interop/tool_defaults.py` records those of the tools in build/peers, for machines without them.
"""

import ast
import contextlib
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from measuring import HERE, PEERS

from stepsize.interop.calls import literal

RECORDED = HERE / "recorded" / "defaults.json"
FILES = {
    "axolotl": ("torch/optim/lr_scheduler.py",),
    "composer": ("composer/optim/scheduler.py",),
    "deepspeed": ("deepspeed/runtime/lr_schedules.py",),
    "fvcore": ("fvcore/common/param_scheduler.py",),
    "keras": ("keras/src/optimizers/schedules/learning_rate_schedule.py",),
    "levanter": ("levanter/optim/config.py",),
    "mmengine": ("mmengine/optim/scheduler/param_scheduler.py",),
    "olmo_core": ("olmo_core/optim/scheduler.py",),
    "optax": ("optax/schedules/_schedule.py",),
    "paddle": ("paddle/optimizer/lr.py",),
    "pytorch_optimizer": (
        "pytorch_optimizer/base/scheduler.py",
        "pytorch_optimizer/lr_scheduler/chebyshev.py",
        "pytorch_optimizer/lr_scheduler/cosine_anealing.py",
        "pytorch_optimizer/lr_scheduler/linear_warmup.py",
        "pytorch_optimizer/lr_scheduler/rex.py",
        "pytorch_optimizer/lr_scheduler/wsd.py",
    ),
    "timm": ("timm/scheduler/scheduler_factory.py",),
    "torchtitan": ("torchtitan/components/optimizer/lr_scheduler.py",),
    "transformers": ("transformers/optimization.py", "transformers/training_args.py"),
}
"""The files that define the schedulers of each tool; axolotl's one cycle is PyTorch's."""

Definition = ast.ClassDef | ast.FunctionDef


def is_readable(tool: str) -> bool:
    """Whether the tool is installed."""
    return all(_found(file) for file in FILES[tool])


def defaults_of(tool: str) -> dict[str, dict[str, Any]]:
    """The defaults of all that an installed tool's files define, by name and setting."""
    places = [found for file in FILES[tool] if (found := _found(file))]
    body = [each for place in places for each in ast.parse(place.read_text()).body]
    known = {each.name: each for part in body for each in ast.walk(part) if isinstance(each, Definition)}
    assigned = [each for each in body if isinstance(each, ast.Assign) and isinstance(each.value, ast.Constant)]
    constants = {ast.unparse(each.targets[0]): ast.literal_eval(each.value) for each in assigned}
    return {name: dict(_defaults(node, known, constants)) for name, node in known.items()}


def recorded() -> dict[str, dict[str, dict[str, Any]]]:
    """The recorded defaults by tool, scheduler and setting."""
    found: dict[str, dict[str, dict[str, Any]]] = json.loads(RECORDED.read_text())
    return found


def _found(file: str) -> Path | None:
    return next((Path(place, file) for place in (PEERS, *sys.path) if Path(place, file).is_file()), None)


def _defaults(
    node: Definition, known: Mapping[str, Definition], constants: Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:
    """The defaults of a function, or of a class: of its __init__, or of its fields after those of its bases."""
    if isinstance(node, ast.FunctionDef):
        arguments = node.args
        named = (*arguments.args[len(arguments.args) - len(arguments.defaults) :], *arguments.kwonlyargs)
        values = zip((each.arg for each in named), (*arguments.defaults, *arguments.kw_defaults), strict=True)
    elif own := [each for each in node.body if isinstance(each, ast.FunctionDef) and each.name == "__init__"]:
        yield from _defaults(own[0], known, constants)
        return
    else:
        for base in node.bases:
            if isinstance(base, ast.Name) and base.id in known:
                yield from _defaults(known[base.id], known, constants)
        values = ((ast.unparse(each.target), each.value) for each in node.body if isinstance(each, ast.AnnAssign))
    for name, value in values:
        if value is not None:
            with contextlib.suppress(ValueError):  # one that is computed
                yield name, _value(value, constants)


def _value(node: ast.expr, constants: Mapping[str, Any]) -> Any:
    """A default as JSON has it; a member of an enumeration is its name."""
    match node:
        case ast.Call(ast.Name("field"), [], [ast.keyword("default", value), *_]):
            return _value(value, constants)
        case ast.Attribute(_, name):
            return name
    found = literal(node, constants)
    return list(found) if isinstance(found, tuple) else found


if __name__ == "__main__":
    from test_defaults import SCHEDULERS, compared

    lines = [f"{json.dumps(tool)}: {json.dumps(compared(tool, defaults_of(tool)))}" for tool in SCHEDULERS]
    RECORDED.write_text("{\n" + ",\n".join(lines) + "\n}\n")
