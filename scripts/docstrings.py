"""The extension of the reference: it renames `Example:` in docstrings to `Examples:`, which Griffe knows."""

import re
from typing import Any

import griffe


class Examples(griffe.Extension):
    """Rename the section, so that prompts in it are shown as code."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        if obj.docstring:
            obj.docstring.value = re.sub(r"^( *)Example:$", r"\1Examples:", obj.docstring.value, flags=re.MULTILINE)
