"""The public names, their parameters and their defaults are those of `signatures.txt`, which changes with them."""

import importlib
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

PACKAGES = (
    *("stepsize", "stepsize.schedules", "stepsize.curves", "stepsize.descent", "stepsize.interop", "stepsize.laws"),
    *("stepsize.pytorch", "stepsize.pytorch.lr_scheduler", "stepsize.plots", "stepsize.lab", "stepsize.store"),
    "stepsize.play",
)


def signature(function: Callable[..., Any]) -> str:
    """Names, kinds and defaults of the parameters; a default that is an object has the name of its class."""
    parts, starred = list[str](), False
    for each in inspect.signature(function).parameters.values():
        if each.kind is each.KEYWORD_ONLY and not starred:
            parts.append("*")
        starred = starred or each.kind in (each.KEYWORD_ONLY, each.VAR_POSITIONAL)
        stars = "*" if each.kind is each.VAR_POSITIONAL else "**" if each.kind is each.VAR_KEYWORD else ""
        default = getattr(each.default, "__qualname__", None) or repr(each.default)
        default = type(each.default).__name__ if " at 0x" in default else default
        parts.append(f"{stars}{each.name}{'' if each.default is each.empty else f'={default}'}")
    return f"({', '.join(parts)})"


def public() -> Iterator[str]:
    """A line for each public function, class and method of ours, under the first name that it has."""
    seen = set[int]()
    for package in PACKAGES:
        module = importlib.import_module(package)
        for name in sorted(getattr(module, "__all__", vars(module))):
            if name.startswith(("_", "LogAppliedIn")):  # the latter load another framework
                continue
            value = getattr(module, name)
            ours = callable(value) and getattr(value, "__module__", "").startswith("stepsize")
            if not ours or id(value) in seen:
                continue
            seen.add(id(value))
            yield f"{package}.{name}{signature(value)}"
            for method, kept in vars(value).items() if inspect.isclass(value) else ():
                plain = isinstance(kept, classmethod | staticmethod) or inspect.isfunction(kept)
                if plain and not method.startswith("_") and kept.__module__.startswith("stepsize"):
                    yield f"{package}.{name}.{method}{signature(getattr(value, method))}"


def test_every_public_signature_is_the_one_that_is_written_down() -> None:
    pytest.importorskip("torch")
    found, written = list(public()), Path(__file__).with_name("signatures.txt").read_text("utf-8").splitlines()
    assert [line for line in found if line not in written] == [], "new or changed"
    assert [line for line in written if line not in found] == [], "gone or changed"
