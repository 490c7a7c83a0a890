"""The planner of the listening arenas, with a model that says what it was asked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sensorium import VirtualClock
from sensorium.errors import ComponentError
from sensorium.payloads import Audio, Image
from sensorium.testing import run_component
from sensorium_plugins.embodied.doom import Listener
from sensorium_plugins.embodied.payloads import Senses
from sensorium_sims.bridge.payloads import EpisodeStarted

WHERE = ("environment", 0, 0)
WORDS = ("left", "right", "forward")
STARTED = EpisodeStarted(*WHERE, 7, "sensorium/DoomFind-v0", "go", WORDS, "Discrete(3)")
EAR = Audio(np.full(1260, 0.1, np.float32), 11_025)
PICTURE = Image(np.zeros((120, 160, 3), np.uint8))


def senses(step: int = 0, *, deaf: bool = False, final: bool = False) -> Senses:
    ears = () if deaf else (EAR, EAR)
    return Senses(*WHERE, step, 0.0, final, PICTURE, None, ears, "go", {}, {})


async def test_it_gives_senses_memory_and_the_last_action_on() -> None:
    asked: list[Any] = []

    def decide(request: Any) -> Any:
        asked.append(request)
        return {"action": len(asked) % 3, "memory": np.array([len(asked)], np.float32)}

    models = {"doom_policy": decide}
    async with run_component(Listener, models=models, clock=VirtualClock()) as harness:
        for deaf in (False, True):
            await harness.send("sim/environment/0/started", STARTED)
            for step in range(2):
                await harness.send("senses/environment/0", senses(step, deaf=deaf))
                await harness.settled()
            await harness.send("senses/environment/0", senses(2, final=True))
            await harness.settled()
        plans = [e.payload.steps for e in harness.events_on("plan/environment/0")]
    assert [r["last"] for r in asked] == [None, 1, None, 0]
    memories = [None if r["memory"] is None else int(r["memory"][0]) for r in asked]
    assert memories == [None, 1, None, 3]
    assert [None if r["ears"] is None else r["ears"].shape for r in asked] == [
        (2, 1260), (2, 1260), None, None,
    ]  # fmt: skip
    assert asked[0]["camera"].shape == (120, 160, 3)
    assert plans == [("right",), ("forward",), ("left",), ("right",)]


async def test_a_policy_for_another_world_says_so() -> None:
    models = {"doom_policy": lambda request: {"action": 5, "memory": np.zeros(1, np.float32)}}
    async with run_component(Listener, models=models) as harness:
        await harness.send("sim/environment/0/started", STARTED)
        await harness.send("senses/environment/0", senses())
        await harness.settled()
        assert harness.failures[0].kind == ComponentError.__name__
        assert "the environment has 3" in str(harness.failures[0])


@pytest.mark.parametrize("missing", ["camera", "words"])
async def test_what_is_missing_is_none(missing: str) -> None:
    asked: list[Any] = []

    def decide(request: Any) -> Any:
        asked.append(request)
        return {"action": 0, "memory": np.zeros(1, np.float32)}

    told = senses()
    changed = {"image": None} if missing == "camera" else {"text": ""}
    async with run_component(Listener, models={"doom_policy": decide}) as harness:
        await harness.send("sim/environment/0/started", STARTED)
        await harness.send("senses/environment/0", replace(told, **changed))
        await harness.settled()
    assert asked[0]["camera" if missing == "camera" else "mission"] == (
        None if missing == "camera" else ""
    )
