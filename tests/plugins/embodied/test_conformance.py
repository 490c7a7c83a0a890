"""The embodied agent's components and payloads are what every plugin's should be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sensorium import VirtualClock
from sensorium.errors import ComponentError
from sensorium.payloads import Audio, Image, Observation, State, Text
from sensorium.testing import assert_conforms, check_payload, run_component
from sensorium_plugins.embodied.payloads import Senses
from sensorium_plugins.embodied.planners import FollowSound, Policy
from sensorium_plugins.embodied.senses import SensesFuser
from sensorium_sims.bridge.payloads import EpisodeStarted, Observed

WHERE = ("environment", 0, 0)
LOUD = Audio(np.full(800, 0.02, np.float32), 16_000)
QUIET = Audio(np.full(800, 0.01, np.float32), 16_000)
STARTED = EpisodeStarted(*WHERE, 7, "lab/Maze-v0", "go", ("left", "right"), "Discrete(2)")
OBSERVED = Observed(*WHERE, 0, 0.0, False)
PICTURE = Image(np.zeros((4, 4, 3), np.uint8))
VIEW = Observation(np.zeros(147, np.float32))


def senses(step: int = 0, *, final: bool = False) -> Senses:
    return Senses(
        *WHERE, step, 0.5, final, PICTURE, LOUD, (LOUD, QUIET), "go there",
        {"image": VIEW}, {"touch": 1},
    )  # fmt: skip


def test_senses_travel() -> None:
    assert check_payload(Senses, senses()) == []
    nothing = Senses(*WHERE, 0, 0.0, True, None, None, (), "", {}, {})
    assert check_payload(Senses, nothing) == []


@pytest.mark.parametrize(
    ("component", "events"),
    [
        (FollowSound, [("senses/environment/0", senses())]),
        (
            SensesFuser,
            [
                ("sim/environment/0/started", STARTED),
                ("camera/environment/image", PICTURE),
                ("text/environment", Text("go")),
                ("state/environment", State({"touch": 0})),
                ("sim/environment/0/observed", OBSERVED),
            ],
        ),
    ],
)
def test_components_conform(component: Any, events: Any) -> None:
    assert_conforms(component, events)


async def test_the_policy_gives_the_memory_back_and_forgets_it_with_the_episode() -> None:
    asked: list[Any] = []

    def decide(request: Any) -> Any:
        asked.append(request)
        before = -1 if request["memory"] is None else int(request["memory"][0])
        return {"action": len(asked) % 2, "memory": np.array([before + 1], np.float32)}

    models = {"babyai_policy": decide}
    async with run_component(Policy, models=models, clock=VirtualClock()) as harness:
        for _ in range(2):
            await harness.send("sim/environment/0/started", STARTED)
            for step in range(3):
                await harness.send("senses/environment/0", senses(step))
                await harness.settled()
            await harness.send("senses/environment/0", senses(3, final=True))
            await harness.settled()
        plans = [e.payload.steps for e in harness.events_on("plan/environment/0")]
    memories = [None if r["memory"] is None else int(r["memory"][0]) for r in asked]
    assert memories == [None, 0, 1] * 2  # none is asked for in the end
    assert asked[0]["mission"] == "go there"
    assert np.size(asked[0]["view"]) == 147
    assert plans == [("right",), ("left",)] * 3


async def test_a_policy_for_another_world_says_so() -> None:
    models = {"babyai_policy": lambda request: {"action": 6, "memory": np.zeros(1, np.float32)}}
    async with run_component(Policy, models=models) as harness:
        await harness.send("sim/environment/0/started", STARTED)
        await harness.send("senses/environment/0", senses())
        await harness.settled()
        assert harness.failures[0].kind == ComponentError.__name__
        assert "the environment has 2" in str(harness.failures[0])
