"""Ours: a pool with one worker. A request that was under way is asked again by the pool."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Literal

from sensorium.workers.pool import PoolExecutor, PoolModel, PoolOptions
from sensorium_benchmarks.recovery.deaths import PAUSE_S, Death, figures

PLUGIN = str(Path(__file__).with_name("plugin.py"))


def recover(deaths: int) -> dict[str, float]:
    """The default: a started process stands by, without models."""
    return asyncio.run(_recover(deaths, "blank"))


def recover_cold(deaths: int) -> dict[str, float]:
    """Nothing stands by."""
    return asyncio.run(_recover(deaths, "none"))


def recover_warm(deaths: int) -> dict[str, float]:
    """A process with the model stands by."""
    return asyncio.run(_recover(deaths, "warm"))


async def _recover(deaths: int, spare: Literal["none", "blank", "warm"]) -> dict[str, float]:
    options = PoolOptions(devices=("cpu",), spare=spare, installed=False, modules=(PLUGIN,))
    waits = []
    async with PoolExecutor({"who": PoolModel(use="who")}, options) as pool:
        for _ in range(deaths):
            pid = await pool.infer("who", None)
            await asyncio.sleep(PAUSE_S)
            death = Death(pid)
            waits.append(death.until(await pool.infer("who", None)))
    return figures(waits)
