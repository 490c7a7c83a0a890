"""The page about workers holds what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorium.workers.pool import PoolModel, PoolOptions
from sensorium.workers.ray_cluster import RayModel, RayOptions

PAGE = Path(__file__).parents[4] / "docs" / "workers.md"


async def test_the_code_of_the_page_runs(
    no_leaks: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, pool, buffers, _ = blocks()
    (tmp_path / "my_model.py").write_text(model)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"print": lambda answer: answers.append(answer)}
    answers: list[float] = []
    exec(pool + buffers, names)
    await names["main"]()
    await names["watch"](Camera())
    assert answers == [2.0, 4.0, 6.0]


def blocks() -> list[str]:
    """The page's Python."""
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


class Camera:
    """Brighter and brighter."""

    light = 0

    def read_into(self, frame: np.ndarray[Any, Any]) -> None:
        self.light += 1
        frame[...] = self.light


def test_options_that_the_page_names_exist() -> None:
    words = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", PAGE.read_text()))
    known = {*PoolOptions.model_fields, *PoolModel.model_fields, "on_event", "warm_up"}
    known |= {*RayOptions.model_fields, *RayModel.model_fields}
    assert words <= known
    assert {"grace_s", "max_batch_bytes"} <= words
