"""Whoever plans, an action that fails is an event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
from hostile_worlds import everything, payloads

from sensorium.payloads import Observation, Plan
from sensorium.testing import assert_conforms, check_payload
from sensorium_plugins.embodied.monitoring import Monitor, Watch
from sensorium_plugins.embodied.payloads import ActionFailed, PlanFailed, Senses
from sensorium_sims.bridge.payloads import EpisodeEnded, EpisodeStarted

if TYPE_CHECKING:
    from sensorium.plugins import Plugins

MONITOR = {"components": {"senses": {}, "monitor": {}}}
WHERE = ("environment", 0, 0)
FAILED = ActionFailed(*WHERE, 3, "forward", "blocked", "a wall is ahead", "go")


def test_failures_travel() -> None:
    assert check_payload(ActionFailed, FAILED) == []
    assert check_payload(PlanFailed, PlanFailed(*WHERE, 3, "go", "timed_out", "too long")) == []


def started(*words: str) -> EpisodeStarted:
    return EpisodeStarted(*WHERE, 7, "lab/Maze-v0", "go", words, "Discrete")


def senses(step: int, **more: Any) -> Senses:
    told = {"image": None, "arrays": {}, "values": {}} | more
    return Senses(
        *WHERE, step, 0.0, False, told["image"], None, (), "go", told["arrays"], told["values"]
    )


def test_the_monitor_conforms() -> None:
    topics = [("sim/environment/0/started", started("left", "forward"))]
    topics += [("senses/environment/0", senses(0, values={"touch": 0}))]
    topics += [("plan/environment/0", Plan("go", ("forward",)))]
    topics += [("senses/environment/0", senses(1, values={"touch": 1}))]
    assert_conforms(Monitor, topics)


async def test_what_the_monitor_says_of_a_guesser_is_what_the_world_says(
    bundled: Plugins, capsys: Any
) -> None:
    world = {"id": "BabyAI-UnlockLocal-v0", "episodes": 2, "seed": 4, "max_steps": 120}
    events = await everything("random", world, bundled, MONITOR)
    said = {(f.episode, f.step): f.action for f in payloads(events, ActionFailed)}
    truth: dict[tuple[int, int], str] = {}
    for ended in payloads(events, EpisodeEnded):
        env = gymnasium.make("BabyAI-UnlockLocal-v0", disable_env_checker=True)
        env.reset(seed=ended.seed)
        inner: Any = env.unwrapped
        for step, action in enumerate(ended.actions, 1):
            before = (tuple(inner.agent_pos), inner.agent_dir, inner.carrying)
            cells = inner.grid.encode().tobytes()
            env.step(inner.actions[action])
            after = (tuple(inner.agent_pos), inner.agent_dir, inner.carrying)
            if before == after and cells == inner.grid.encode().tobytes() and action != "done":
                truth[ended.episode, step] = action
        env.close()
    final = {(e.episode, e.steps) for e in payloads(events, EpisodeEnded)}
    assert len(truth) > 50
    assert said.keys() - final == truth.keys() - final
    assert all(truth[key] == action for key, action in said.items() if key in truth)


async def test_touch_bars_the_way_in_the_audio_visual_world(bundled: Plugins) -> None:
    world = {"id": "sensorium/AVWorld-AudioGoal-v0", "seed": 1, "episodes": 30, "max_steps": 60}
    events = await everything("random", world, bundled, MONITOR)
    told = payloads(events, Senses)
    touched = [(s.episode, s.step) for s in told if s.values.get("touch") and s.step]
    failed = payloads(events, ActionFailed)
    assert touched
    assert [(f.episode, f.step) for f in failed] == touched
    assert {f.reason for f in failed} == {"blocked"}


def test_a_world_where_nothing_changes_says_no_effect() -> None:
    watch = Watch(started("push", "noop"))
    same = {"joint": Observation(np.ones(3, np.float32))}
    assert watch.observe(senses(0, arrays=same)) is None
    watch.expect(Plan("move", ("push", "noop", "push")))
    failed = watch.observe(senses(1, arrays=same))
    assert failed is not None
    assert (failed.action, failed.reason, failed.goal) == ("push", "no_effect", "move")
    assert watch.observe(senses(2, arrays=same)) is None  # doing nothing changes nothing
    moved = {"joint": Observation(np.zeros(3, np.float32))}
    assert watch.observe(senses(3, arrays=moved)) is None
    assert watch.done == "push"


def test_a_world_that_went_on_without_a_plan_timed_it_out() -> None:
    watch = Watch(started("left", "forward"))
    watch.observe(senses(0, values={"touch": 0}))
    watch.expect(Plan("go", ("left",)))
    failed = watch.observe(senses(4, values={"touch": 0}))
    assert failed is not None
    assert (failed.reason, failed.detail) == ("timed_out", "3 steps passed without a plan")
    assert watch.left == ()
