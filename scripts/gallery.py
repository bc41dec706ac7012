"""Draw the pictures of the gallery again: run the code of its page in its folder."""

import os
import re
from pathlib import Path

folder = Path(__file__).parents[1] / "docs" / "gallery"
blocks = re.findall(r"^```python\n(.*?)^```", (folder / "index.md").read_text(), flags=re.DOTALL | re.MULTILINE)
os.environ["MPLBACKEND"] = "agg"
os.chdir(folder)
exec("\n".join(blocks))
