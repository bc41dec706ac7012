"""What each config of the tests means: its schedule as text, what it names, and what `check` finds in it.

`python tests/interop/meanings.py` records it again. Numbers have twelve digits, and of several updates with the lowest
rate none is named: more would depend on the machine.
"""

import json
import re
from typing import Any

from measuring import HERE, Case, recorded_cases

from stepsize import Horizon
from stepsize.interop.config_check import findings
from stepsize.interop.frameworks import FRAMEWORKS, meaning
from stepsize.interop.tool_schedule import Run

RECORDED = HERE / "recorded" / "meanings.json"
TOOLS = [each.name for each in FRAMEWORKS]


def meaning_of(tool: str, case: Case) -> dict[str, str]:
    """The parts of what a config means, by name, without those that are empty."""
    horizon = Horizon(**case.horizon) if isinstance(case.horizon, dict) else case.horizon
    run = Run.of("read", horizon, case.base_lr)
    found = meaning(case.config, run, tool)
    parts: dict[str, Any] = {"schedule": found.value, **vars(found)} | {"rates": None, "others": None, "tool": None}
    looks = findings(found, run.horizon)
    parts["findings"] = [f"{each.sentence}{' (a note)' * each.note}; {each.mend}" for each in looks]
    parts = {name: part for name, part in parts.items() if part or (part == 0.0 and part is not False)}
    return {name: with_twelve_digits(part) for name, part in parts.items()}


def meanings_of(tool: str) -> list[dict[str, str]]:
    return [meaning_of(tool, case) for case in recorded_cases(tool)]


def recorded() -> dict[str, list[dict[str, str]]]:
    """The recorded meanings by tool, in the order of its cases."""
    found: dict[str, list[dict[str, str]]] = json.loads(RECORDED.read_text())
    return found


def with_twelve_digits(part: Any) -> str:
    """The text of something, with shorter numbers."""
    text = re.sub(r"(the lowest \w+ is [^,]+), at update [\d,]+", r"\1", str(part))
    return re.sub(r"\d*\.\d+(e-?\d+)?", lambda digits: f"{float(digits[0]):.12g}", text)


if __name__ == "__main__":
    tools = (f"{json.dumps(tool)}: [\n" + ",\n".join(map(json.dumps, meanings_of(tool))) + "\n]" for tool in TOOLS)
    RECORDED.write_text("{" + ",\n".join(tools) + "}\n")
