"""What each config of the tests means is as recorded: its schedule as text, what it names, and what `check` finds."""

import pytest
from meanings import TOOLS, meaning_of, recorded
from measuring import recorded_cases


@pytest.mark.parametrize("tool", TOOLS)
def test_the_meaning_of_every_config_of_a_tool_is_as_recorded(tool: str) -> None:
    for case, theirs in zip(recorded_cases(tool), recorded()[tool], strict=True):
        assert meaning_of(tool, case) == theirs, case
