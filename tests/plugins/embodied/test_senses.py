"""Everything that is sensed at one moment comes as one event, and nothing of another moment."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from click.testing import CliRunner
from faulty_environments import register

from sensorium import DeliveryPolicy, Session, VirtualClock, load_plugins
from sensorium.cli.replay import replay
from sensorium.errors import BusClosed, SettingsError
from sensorium.payloads import FusionStatistics, StreamState
from sensorium.recording.reader import Recording
from sensorium_agents.embodied import compose
from sensorium_plugins.embodied.payloads import Senses
from sensorium_sims.bridge.host import step_seconds
from sensorium_sims.bridge.payloads import EpisodeEnded, Observed
from sensorium_sims.bridge.spaces import Parts, Splitter, Vocabulary
from sensorium_sims.environments import make
from sensorium_sims.suite import play, report

if TYPE_CHECKING:
    from pathlib import Path

    from sensorium.bus import Subscription
    from sensorium.events import AnyEvent
    from sensorium.plugins import Plugins
    from sensorium.settings import Settings

AUDIO_GOAL = "sensorium/AVWorld-AudioGoal-v0"
REFER = "sensorium/AVWorld-Refer-v0"
LEVEL = "BabyAI-GoToLocal-v0"


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    return load_plugins()


async def everything(settings: Settings, plugins: Plugins) -> list[AnyEvent]:
    """Every event of a session, in order."""
    clock, events = VirtualClock(), []

    async def listen(heard: Subscription) -> None:
        with suppress(BusClosed):
            while True:
                events.append(await heard.get())

    moving = asyncio.ensure_future(clock.run())
    async with Session(settings, plugins, clock) as session:
        heard = session.bus.subscribe("#", DeliveryPolicy.block(), name="test")
        session.scope.spawn(listen(heard), name="test listens")
        await session.wait()
        while (event := heard.get_nowait()) is not None:
            events.append(event)
    moving.cancel()
    return events


def with_senses(planner: str, environment: dict[str, Any], plugins: Plugins, **more: Any) -> Any:
    """The agent, and a `senses` where its planner takes none of its own."""
    layer = {"components": {"senses": {}}} if planner in ("random", "oracle") else {}
    return compose(planner, environment, plugins, layer, **more)


def observed_directly(plugins: Plugins, ended: EpisodeEnded) -> list[Parts]:
    """What the environment gives by itself, from the same seed by the same actions."""
    env, _ = make(ended.id, plugins.environments)
    splitter = Splitter(ended.id, env.observation_space, step_seconds(env))
    words = Vocabulary(ended.id, env.action_space, env.unwrapped)
    try:
        observation, _ = env.reset(seed=ended.seed)
        found = [splitter.split(observation)]
        for action in ended.actions:
            observation, *_ = env.step(words.decode(action))
            found.append(splitter.split(observation))
        return found
    finally:
        env.close()


def assert_same(senses: Senses, parts: Parts) -> None:
    if parts.camera is None:
        assert senses.image is None
    else:
        assert senses.image is not None
        assert np.array_equal(senses.image.data, parts.camera.data)
    assert len(senses.ears) == (2 if len(parts.ears) == 2 else 0)
    for ear, alone in zip(senses.ears, parts.ears, strict=bool(senses.ears)):
        assert np.array_equal(ear.samples, alone.samples)
    if parts.ears:
        assert senses.audio is not None
        mean = np.mean([ear.samples for ear in parts.ears], axis=0)
        assert np.allclose(senses.audio.samples, mean, atol=1e-6)
    else:
        assert senses.audio is None
    assert senses.text == " ".join(text.text for text in parts.text)
    assert senses.arrays.keys() == parts.arrays.keys()
    for key, array in parts.arrays.items():
        assert np.array_equal(senses.arrays[key].values, array.values)
    assert senses.values == (parts.numbers.values if parts.numbers else {})


@pytest.mark.parametrize(
    ("planner", "name", "count", "episodes", "max_steps"),
    [
        ("follow_sound", REFER, 1, 3, 12),
        ("follow_sound", AUDIO_GOAL, 3, 5, 6),
        ("random", LEVEL, 1, 3, 10),
        ("oracle", LEVEL, 1, 8, None),
        ("random", "CartPole-v1", 1, 4, None),
    ],
)
async def test_one_set_for_each_observation_with_just_what_belongs_to_it(
    plugins: Plugins, planner: str, name: str, count: int, episodes: int, max_steps: int | None
) -> None:
    options = {
        "id": name, "episodes": episodes, "seed": 5, "count": count, "max_steps": max_steps,
    }  # fmt: skip
    events = await everything(with_senses(planner, options, plugins), plugins)
    by_id = {event.id: event for event in events}
    observed = [e for e in events if isinstance(e.payload, Observed)]
    fused = [e for e in events if isinstance(e.payload, Senses)]
    ended = {e.payload.episode: e.payload for e in events if isinstance(e.payload, EpisodeEnded)}
    assert len(ended) == episodes
    for index in range(count):
        ours = [e for e in fused if e.payload.index == index]
        theirs = [e for e in observed if e.payload.index == index]
        assert [e.parents[0] for e in ours] == [e.id for e in theirs]  # each one once, in order
        assert [e.originating_time for e in ours] == [e.originating_time for e in theirs]
        assert {e.topic for e in ours} == {f"senses/environment/{index}"}
    direct = {number: observed_directly(plugins, one) for number, one in ended.items()}
    assert len(fused) == sum(len(parts) for parts in direct.values())
    for event in fused:
        told: Senses = event.payload
        assert_same(told, direct[told.episode][told.step])
        for parent in event.parents:
            at = by_id[parent].originating_time
            text = by_id[parent].topic.startswith("text/")
            assert at <= event.originating_time if text else at == event.originating_time
    assert not [e for e in events if isinstance(e.payload, StreamState)]
    for told in (e.payload for e in events if isinstance(e.payload, FusionStatistics)):
        assert all(stream["late"] == 0 for stream in told.streams.values())


async def test_the_end_of_an_episode_and_the_next_beginning_share_a_time_and_nothing_else(
    plugins: Plugins,
) -> None:
    options = {"id": REFER, "episodes": 3, "max_steps": 2}
    events = await everything(compose("follow_sound", options, plugins), plugins)
    fused = [e for e in events if isinstance(e.payload, Senses)]
    seams = [(a, b) for a, b in pairwise(fused) if a.payload.final]
    assert len(seams) == 2
    for before, after in seams:
        assert before.originating_time == after.originating_time
        assert after.payload.step == 0
        assert not set(before.parents) & set(after.parents)
        assert not np.array_equal(before.payload.image.data, after.payload.image.data)
        assert before.payload.text != after.payload.text


async def test_an_episode_that_breaks_leaves_nothing_behind(plugins: Plugins) -> None:
    """The environment raises in its odd episodes; the others are sensed in full."""
    options = {
        "id": register(), "episodes": 4, "seed": 0, "idle_action": "1",
        "options": {"fault": "raise"},
    }  # fmt: skip
    events = await everything(with_senses("random", options, plugins), plugins)
    kinds = [e.payload.error_kind for e in events if isinstance(e.payload, EpisodeEnded)]
    assert kinds == ["", "EnvironmentFailed", "", "EnvironmentFailed"]
    counted = [
        (e.payload.episode, e.payload.arrays["observation"].values[0])
        for e in events
        if isinstance(e.payload, Senses)
    ]
    whole = [0, 1, 2, 3, 4]
    assert counted == [(n, c) for n in range(4) for c in (whole if n % 2 == 0 else [0, 1])]


@pytest.mark.parametrize(
    ("sensor", "lacks"),
    [
        ("camera", {"image"}),
        ("microphone", {"audio"}),
        ("ears", {"ears"}),
        ("text", {"text"}),
        ("state", {"values"}),
    ],
)
async def test_an_unplugged_sensor_is_missing_and_nothing_else_is(
    plugins: Plugins, sensor: str, lacks: set[str]
) -> None:
    options = {"id": REFER, "max_steps": 2}
    settings = compose("follow_sound", options, plugins, unplugged=[sensor])
    events = await everything(settings, plugins)
    fused = [e.payload for e in events if isinstance(e.payload, Senses)]
    assert len(fused) == 3
    for senses in fused:
        empty = {
            name for name in ("image", "audio", "ears", "text", "values")
            if getattr(senses, name) in (None, (), "", {})
        }  # fmt: skip
        assert empty == lacks


async def test_not_every_sensor_can_be_unplugged(plugins: Plugins) -> None:
    everyone = ["camera", "microphone", "ears", "text", "state"]
    settings = compose("follow_sound", {"id": REFER}, plugins, unplugged=everyone)
    with pytest.raises(SettingsError, match="every sensor is unplugged"):
        await everything(settings, plugins)


@pytest.mark.parametrize("count", [1, 3])
async def test_by_fused_senses_the_sound_is_followed_as_by_single_events(
    plugins: Plugins, count: int
) -> None:
    options = {"id": AUDIO_GOAL, "episodes": 4, "seed": 3, "count": count, "max_steps": 40}
    fused = await play(compose("follow_sound", options, plugins), plugins)
    single = await play(compose("bearing_follower", options, plugins), plugins)
    assert [e.actions for e in fused.episodes] == [e.actions for e in single.episodes]
    assert report(fused, environment="", agent="", seed=3)["failed"] == {}


def test_a_recorded_session_replays_to_the_same_senses_and_actions(
    plugins: Plugins, tmp_path: Path
) -> None:
    path = tmp_path / "session.mcap"
    options = {"id": AUDIO_GOAL, "episodes": 2, "max_steps": 12}
    recorder = {"components": {"recorder": {"options": {"path": str(path)}}}}
    played = asyncio.run(play(compose("follow_sound", options, plugins, recorder), plugins))
    result = CliRunner().invoke(replay, [str(path), "--json"], catch_exceptions=False)
    told = json.loads(result.stdout)
    assert told["divergence"] is None
    with Recording(path) as recording:
        recorded = list(recording.events())
    fused = [e for e in recorded if isinstance(e.payload, Senses)]
    assert len(fused) == sum(e.steps + 1 for e in played.episodes)
    steps = [e.payload.steps[0] for e in recorded if e.topic.startswith("plan/")]
    assert steps == [action for e in played.episodes for action in e.actions]


def test_joining_costs_less_than_half_a_millisecond_a_step(plugins: Plugins) -> None:
    """By processor time, beside the planner that does the same without it, by turns."""
    options = {"id": AUDIO_GOAL, "episodes": 1}
    agents = {n: compose(n, options, plugins) for n in ("bearing_follower", "follow_sound")}
    differences = []
    for _ in range(5):
        spent = {}
        for name, settings in agents.items():
            began = time.process_time()
            (episode,) = asyncio.run(play(settings, plugins)).episodes
            spent[name] = (time.process_time() - began) / episode.steps
        differences.append(spent["follow_sound"] - spent["bearing_follower"])
    assert median(differences) < 0.0005
