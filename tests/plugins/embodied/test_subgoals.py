"""An instruction is carried out subgoal by subgoal, whatever gets in the way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hostile_worlds import (
    BLOCKED,
    STOLEN,
    BallStolen,
    DoorShutInTheFace,
    everything,
    payloads,
    register,
)

from sensorium import Model, hookimpl, load_plugins
from sensorium.payloads import Plan
from sensorium_agents.embodied import compose
from sensorium_plugins.embodied.payloads import ActionFailed, PlanFailed
from sensorium_sims.balrog import environment_id
from sensorium_sims.bridge.payloads import EpisodeEnded
from sensorium_sims.suite import play

if TYPE_CHECKING:
    from sensorium.plugins import Plugins

SEARCH_ONLY = {"components": {"planner": {"options": {"policy": ""}}}}


@pytest.mark.parametrize(
    ("level", "episodes"),
    [
        ("BabyAI-GoToLocal-v0", 12),
        ("BabyAI-PickupLoc-v0", 12),
        ("BabyAI-PutNextLocal-v0", 12),
        (environment_id("open"), 6),
        (environment_id("pick_up_seq_go_to"), 6),
        ("BabyAI-KeyInBox-v0", 3),
        ("BabyAI-BlockedUnlockPickup-v0", 3),
        ("BabyAI-UnlockToUnlock-v0", 3),
        ("BabyAI-BossLevel-v0", 6),
    ],
)
async def test_every_episode_is_won(
    bundled: Plugins, level: str, episodes: int, capsys: Any
) -> None:
    environment = {"id": level, "episodes": episodes, "seed": 2000}
    played = await play(compose("subgoals", environment, bundled, SEARCH_ONLY), bundled)
    assert [e.success for e in played.episodes] == [True] * episodes


async def test_a_door_shut_in_its_face_is_an_event_and_leads_to_a_plan_round_it(
    bundled: Plugins, capsys: Any
) -> None:
    register()
    before = DoorShutInTheFace.shut
    world = {"id": BLOCKED, "episodes": 6, "seed": 3}
    events = await everything("subgoals", world, bundled, SEARCH_ONLY)
    shut = DoorShutInTheFace.shut - before
    assert shut >= 2  # it did happen
    blocked = [e for e in events if isinstance(e.payload, ActionFailed)]
    assert [e.payload.reason for e in blocked] == ["blocked"] * shut
    assert {e.payload.action for e in blocked} == {"forward"}
    assert "red door is ahead" in blocked[0].payload.detail
    for failure in blocked:
        answer = next(e for e in events[events.index(failure) :] if isinstance(e.payload, Plan))
        assert answer.originating_time == failure.originating_time  # at once
        assert answer.payload.steps[0] != "forward"
    ended = payloads(events, EpisodeEnded)
    assert [e.success for e in ended] == [True] * 6  # the way round was found


async def test_what_is_gone_when_it_is_reached_for_is_looked_for(
    bundled: Plugins, capsys: Any
) -> None:
    register()
    before = BallStolen.stolen
    world = {"id": STOLEN, "episodes": 4, "seed": 0}
    events = await everything("subgoals", world, bundled, SEARCH_ONLY)
    assert BallStolen.stolen - before == 4
    failed = payloads(events, ActionFailed)
    assert {f.action for f in failed} == {"pickup"} or not failed  # or it saw it go
    assert [e.success for e in payloads(events, EpisodeEnded)] == [True] * 4


async def test_what_cannot_be_done_is_said_and_it_goes_on_looking(
    bundled: Plugins, capsys: Any
) -> None:
    """In this episode the key lies behind the door that it opens."""
    world = {"id": "BabyAI-Unlock-v0", "seed": 63, "max_steps": 320}
    events = await everything("subgoals", world, bundled, SEARCH_ONLY)
    failed = payloads(events, PlanFailed)
    assert {f.reason for f in failed} == {"impossible"}
    assert "green key" in failed[0].detail
    (ended,) = payloads(events, EpisodeEnded)
    assert (ended.ending, ended.success) == ("truncated", False)


async def test_words_it_does_not_understand_are_said(bundled: Plugins) -> None:
    world = {"id": "MiniGrid-Empty-5x5-v0", "patience_s": 1.0}
    events = await everything("subgoals", world, bundled, SEARCH_ONLY)
    failed = payloads(events, PlanFailed)
    assert {f.reason for f in failed} == {"not_understood"}
    assert "green goal square" in failed[0].detail
    (ended,) = payloads(events, EpisodeEnded)
    assert ended.error_kind == "AgentSilent"


async def test_another_world_than_a_grid_is_said(bundled: Plugins) -> None:
    world = {"id": "CartPole-v1", "patience_s": 1.0}
    failed = payloads(await everything("subgoals", world, bundled, SEARCH_ONLY), PlanFailed)
    assert {f.reason for f in failed} == {"impossible"}


class Taught(Model[Any, Any]):
    """A policy that walks on and on: right for the seed of the test, until a wall is met."""

    asked: list[str] = []

    def load(self, device: str) -> None:
        """Nothing to load."""

    def infer(self, batch: Sequence[Any]) -> list[Any]:
        """Forward, always."""
        type(self).asked += [request["mission"] for request in batch]
        memory = np.zeros(1, np.float32)
        return [{"action": 2, "memory": memory} for _ in batch]


class TaughtPlugin:
    @hookimpl
    def sensorium_register_models(self, registry: Any) -> None:
        registry.add("walks_on", Taught)


async def test_a_learned_skill_is_told_its_subgoal_and_a_search_goes_on_where_it_fails(
    capsys: Any,
) -> None:
    plugins = load_plugins(extra=[("taught", TaughtPlugin())])
    layer = {"components": {"planner": {"options": {"policy": "walks_on"}}}}
    Taught.asked.clear()
    world = {"id": "BabyAI-GoToLocal-v0", "episodes": 6, "seed": 0}
    events = await everything("subgoals", world, plugins, layer)
    assert Taught.asked
    assert all(mission.startswith("go to the ") for mission in Taught.asked)
    assert "blocked" in {f.reason for f in payloads(events, ActionFailed)}
    assert [e.success for e in payloads(events, EpisodeEnded)] == [True] * 6
