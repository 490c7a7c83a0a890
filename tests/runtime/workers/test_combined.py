"""Models in this process and in workers, asked through one executor."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from sensorium.clocks import WallClock
from sensorium.errors import DeadlineExceeded, ModelError
from sensorium.workers import Hosted, InProcessExecutor, Model, ModelHandle
from sensorium.workers.combined import CombinedExecutor
from sensorium.workers.pool import PoolExecutor, PoolModel, PoolOptions

FAKES = Path(__file__).parent / "pool" / "fakes.py"


class Here(Model[Any, Any]):
    def load(self, device: str) -> None: ...

    def infer(self, batch: Sequence[Any]) -> Sequence[Any]:
        return [os.getpid() for _ in batch]


async def test_each_model_runs_where_it_is_placed(no_leaks: None) -> None:
    options = PoolOptions(devices=("cpu",), spare="none", installed=False, modules=(str(FAKES),))
    pool = PoolExecutor(
        {"there": PoolModel(use="echo"), "parts": PoolModel(use="streamer")}, options
    )
    inside = InProcessExecutor({"here": Hosted(Here)})
    both = CombinedExecutor({"here": inside, "there": pool, "parts": pool})
    try:
        here, there, parts = (
            ModelHandle(both, name, WallClock()) for name in ("here", "there", "parts")
        )
        await here.load()
        assert both.loaded == ["here"]
        assert await here.infer("pid") == os.getpid()
        assert await there.infer("pid", deadline=20, priority=1, supersede="x") != os.getpid()
        async with parts.stream({"parts": 4}) as stream:
            assert [part async for part in stream] == [0, 1, 2, 3]
        assert both.loaded == ["here", "there", "parts"]
        with pytest.raises(ModelError, match="of this session: here, parts, there"):
            await both.infer("nowhere", 1)
        with pytest.raises(DeadlineExceeded):
            await parts.infer({}, deadline=0)
    finally:
        await both.close()
    assert both.loaded == []
