"""The environment as sources and an actuator, in lockstep and free-running."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sensorium import Session, VirtualClock
from sensorium.events import NS_PER_S
from sensorium.settings import load_settings
from sensorium_sims.bridge.payloads import EpisodeEnded, EpisodeStarted, Observed
from sensorium_sims.direct import expert_of, guessing, run_direct
from sensorium_sims.overhead import measure
from sensorium_sims.suite import Played, play, report, settings_for

if TYPE_CHECKING:
    from sensorium.plugins import Plugins

REFER = "sensorium/AVWorld-Refer-v0"


async def played(plugins: Plugins, planner: str, **options: Any) -> tuple[EpisodeEnded, ...]:
    settings = settings_for(planner, {"advice": planner == "oracle", **options})
    return (await play(settings, plugins)).episodes


@pytest.mark.parametrize(
    ("name", "planner", "episodes"),
    [
        ("BabyAI-GoToLocal-v0", "oracle", 12),
        ("BabyAI-PickupLoc-v0", "oracle", 6),
        ("BabyAI-PutNextLocal-v0", "oracle", 4),
        ("BabyAI-Unlock-v0", "random", 2),
        ("sensorium/AVWorld-Refer-v0", "oracle", 4),
        ("sensorium/AVWorld-Fetch-v0", "oracle", 2),
        ("sensorium/AVWorld-AudioGoal-v0", "random", 8),
        ("CartPole-v1", "random", 5),
    ],
)
async def test_episodes_over_the_bus_are_those_of_a_plain_loop(
    plugins: Plugins, name: str, planner: str, episodes: int
) -> None:
    over_bus = await played(plugins, planner, id=name, episodes=episodes, seed=3)
    registry = plugins.environments
    policy = guessing if planner == "random" else expert_of(registry, name)
    plain = run_direct(name, policy, episodes=episodes, seed=3, registry=registry)
    assert [e.error for e in over_bus] == [""] * episodes
    assert [(e.seed, e.actions, e.rewards) for e in over_bus] == [
        (e.seed, e.actions, e.rewards) for e in plain
    ]
    assert [e.ending == "terminated" for e in over_bus] == [e.terminated for e in plain]


async def test_side_by_side_gives_the_same_episodes_as_one_by_one(plugins: Plugins) -> None:
    one = await played(plugins, "oracle", id="BabyAI-GoToLocal-v0", episodes=9)
    three = await played(plugins, "oracle", id="BabyAI-GoToLocal-v0", episodes=9, count=3)
    assert [(e.seed, e.actions, e.rewards) for e in one] == [
        (e.seed, e.actions, e.rewards) for e in three
    ]
    assert {e.index for e in three} == {0, 1, 2}


async def test_what_is_published_and_when(plugins: Plugins) -> None:
    settings = settings_for("fixed", {"id": REFER, "seed": 2, "max_steps": 3}, FORWARD)
    clock = VirtualClock(start=5 * NS_PER_S)
    async with Session(settings, plugins, clock) as session:
        heard = session.bus.subscribe("#", name="test")
        moving = session.scope.spawn(clock.run(), name="moving")
        await session.wait()
        moving.cancel()
        events = []
        while (event := heard.get_nowait()) is not None:
            events.append(event)
    shown = [e for e in events if e.source == "environment" and not e.topic.startswith("system")]
    times = [(e.originating_time - 5 * NS_PER_S) / NS_PER_S for e in shown]
    first = [e.topic for e, at in zip(shown, times, strict=True) if at == 0]
    assert first == [
        "sim/environment/0/started",
        "camera/environment/image",
        "microphone/environment/audio",
        "ears/environment/left",
        "ears/environment/right",
        "text/environment",
        "state/environment",
        "sim/environment/0/observed",
    ]
    observed = [e for e in shown if isinstance(e.payload, Observed)]
    assert [e.payload.step for e in observed] == [0, 1, 2, 3]
    assert [e.payload.final for e in observed] == [False, False, False, True]
    assert [(e.originating_time / NS_PER_S) for e in observed] == pytest.approx([5, 5.2, 5.4, 5.6])
    left = next(e.payload for e in shown if e.topic == "ears/environment/left")
    assert (left.sample_rate, len(left.samples)) == (16_000, 3200)
    (started,) = [e.payload for e in shown if isinstance(e.payload, EpisodeStarted)]
    assert started.actions == ("left", "right", "forward", "pick_up", "drop", "stop")
    assert started.goal.startswith("find the ")
    texts = [e for e in shown if e.topic == "text/environment"]
    assert [e.payload.text for e in texts] == [started.goal]  # once: it does not change
    plans = [e for e in events if e.topic == "plan/environment/0"]
    assert [p.originating_time for p in plans] == [o.originating_time for o in observed[:3]]


FORWARD = {"components": {"planner": {"options": {"steps": ["forward"]}}}}


def planned(**options: Any) -> Any:
    return {"components": {"planner": {"options": options}}}


async def test_in_lockstep_the_world_waits_for_slow_thoughts(plugins: Plugins, steady: str) -> None:
    """The planner thinks for three steps' time on the clock: nothing is missed, time goes on."""
    settings = settings_for("fixed", {"id": steady, "episodes": 2}, planned(think_s=0.3))
    clock = VirtualClock()
    result = await play(settings, plugins, clock=clock)
    assert [e.actions for e in result.episodes] == [("1",) * 4] * 2
    assert [e.missed_deadlines + e.unanswered for e in result.episodes] == [0, 0]
    assert clock.now() / NS_PER_S == pytest.approx(8 * 0.3, abs=0.5)


async def test_a_long_plan_is_done_step_by_step(plugins: Plugins, steady: str) -> None:
    layer = planned(steps=["2", "1", "0"], every=3)
    settings = settings_for("fixed", {"id": steady}, layer)
    (episode,) = (await play(settings, plugins)).episodes
    assert episode.actions == ("2", "1", "0", "2")


async def test_a_newer_plan_takes_the_place_of_an_older_one(plugins: Plugins, steady: str) -> None:
    settings = settings_for("fixed", {"id": steady}, planned(steps=["2", "1", "0"], every=2))
    (episode,) = (await play(settings, plugins)).episodes
    assert episode.actions == ("2", "1", "2", "1")


async def test_free_running_counts_late_actions(plugins: Plugins, steady: str) -> None:
    """Thinking takes 2.5 steps: the action for one observation comes in the third step after."""
    options = {"id": steady, "mode": "free", "rate_hz": 10, "idle_action": "0"}
    settings = settings_for("fixed", options, planned(think_s=0.25))
    (episode,) = (await play(settings, plugins)).episodes
    assert episode.actions == ("0", "0", "1", "0")
    assert episode.missed_deadlines == 4
    quick = settings_for("fixed", options, planned(think_s=0.05))
    (episode,) = (await play(quick, plugins)).episodes
    assert episode.actions == ("1", "1", "1", "1")
    assert episode.missed_deadlines == 0
    assert episode.success


async def test_free_running_without_an_idle_action_goes_on_as_before(
    plugins: Plugins, steady: str
) -> None:
    options = {"id": steady, "mode": "free", "rate_hz": 10}
    settings = settings_for("fixed", options, planned(steps=["2"], every=100))
    (episode,) = (await play(settings, plugins)).episodes
    assert episode.actions == ("2", "2", "2", "2")
    assert episode.missed_deadlines == 3


async def test_the_measures_of_a_suite(plugins: Plugins) -> None:
    settings = settings_for("oracle", {"id": REFER, "episodes": 3, "advice": True})
    told = []
    result = await play(settings, plugins, on_episode=told.append)
    assert len(told) == 3
    found = report(result, environment=REFER, agent="oracle", seed=0)
    assert found["success_rate"] == 1.0
    assert found["ci95"] == pytest.approx([0.438, 1.0], abs=1e-3)
    assert 0.7 < found["spl"] <= 1.0
    assert found["soft_spl"] == pytest.approx(found["spl"], abs=0.01)
    assert found["sna"] == 1.0
    assert found["wrong_object_rate"] == 0.0
    assert found["hangs"] == found["missed_deadlines"] == 0
    assert 0 < found["step_ms"]["p50"] <= found["step_ms"]["p99"]
    assert {"python", "sensorium", "gymnasium", "numpy"} <= found["versions"].keys()


async def test_a_failed_episode_counts_in_path_measures(plugins: Plugins) -> None:
    options = {"id": REFER, "episodes": 2, "patience_s": 5.0}
    silent = await play(settings_for("fixed", options, planned(steps=[])), plugins)
    guided = await play(settings_for("oracle", {**options, "advice": True}), plugins)
    mixed = Played((guided.episodes[0], silent.episodes[1]), ())
    alone = report(Played(guided.episodes[:1], ()), environment="", agent="", seed=0)
    found = report(mixed, environment="", agent="", seed=0)
    for key in ("spl", "soft_spl", "sna", "success_rate"):
        assert found[key] == pytest.approx(alone[key] / 2)
    assert found["failed"] == {"AgentSilent": 1}


async def test_a_settings_file_is_an_agent_in_a_world(plugins: Plugins) -> None:
    """Written by hand, run by a plain session, as `sensorium run` does."""
    settings = load_settings(
        overrides={
            "components": {
                "maze": {
                    "use": "environment",
                    "options": {"id": "BabyAI-GoToLocal-v0", "advice": True},
                },
                "oracle": {},
                "legs": {
                    "use": "environment_actuator",
                    "options": {"environment": "maze"},
                },
            }
        }
    )
    clock = VirtualClock()
    async with Session(settings, plugins, clock) as session:
        heard = session.bus.subscribe("sim/maze/0/ended", name="test")
        moving = session.scope.spawn(clock.run(), name="moving")
        assert await session.wait() == "every source reached its end"
        moving.cancel()
        assert (await heard.get()).payload.success


def test_the_overhead_is_measured_on_equal_episodes(plugins: Plugins) -> None:
    settings = settings_for("random", {"id": "CartPole-v1", "episodes": 3})
    found = measure(settings, plugins, guessing, runs=1)
    assert found["steps"] > 20
    assert found["overhead_processor_ms"] < 20
    assert found["plain_loop_ms"] > 0
