"""The page about workers holds what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sensorium.workers.pool import PoolModel, PoolOptions

PAGE = Path(__file__).parents[4] / "docs" / "workers.md"


async def test_the_code_of_the_page_runs(
    no_leaks: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, pool = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "my_model.py").write_text(model)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(pool, names)
    await names["main"]()  # type: ignore[operator]


def test_options_that_the_page_names_exist() -> None:
    words = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", PAGE.read_text()))
    known = {*PoolOptions.model_fields, *PoolModel.model_fields, "on_event", "warm_up"}
    assert words <= known
    assert {"grace_s", "max_batch_bytes"} <= words
