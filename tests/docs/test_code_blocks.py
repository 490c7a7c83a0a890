"""The Python on the pages of docs/ runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(
    "page",
    [
        "bus.md",
        "clip.md",
        "embodied.md",
        "fusion.md",
        "fusion_networks.md",
        "metrics.md",
        "planners.md",
        "recording.md",
        "telemetry.md",
        "training.md",
        "world.md",
    ],
)
def test_the_blocks_of_a_page_run(page: str) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    assert blocks
    code = "\n".join(blocks)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
