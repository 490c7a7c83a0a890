"""docs/mujoco.md and docs/doom.md are true: their Python runs, and what they name is there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from sensorium.errors import MissingDependency
from sensorium_sims.doom import need_sound
from sensorium_sims.mujoco.graphics import check

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize(("page", "needs"), [("mujoco.md", check), ("doom.md", need_sound)])
def test_the_python_of_the_pages_runs(page: str, needs: object) -> None:
    try:
        needs(page)  # type: ignore[operator]
    except MissingDependency as error:
        pytest.skip(str(error))
    code = "\n".join(re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.DOTALL))
    assert "gymnasium.make" in code
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("page", ["mujoco.md", "doom.md"])
def test_links_lead_somewhere(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    anchors = {h.lower().replace(" ", "-") for h in re.findall(r"^#+ (.*)", text, re.MULTILINE)}
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if target.startswith("#"):
            assert target[1:] in anchors, target
        else:
            assert (DOCS / target).exists(), target
