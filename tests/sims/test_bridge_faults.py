"""What goes wrong in an environment fails its episode by name, and nothing else."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import av
import pytest
from faulty_environments import Forgetful, Steady

from sensorium import VirtualClock, hookimpl, load_plugins
from sensorium.errors import (
    EnvironmentFailed,
    EnvironmentHung,
    SettingsError,
    UnknownName,
)
from sensorium.payloads.acting import Plan
from sensorium.plugins.environments import EnvironmentRegistry
from sensorium.testing import run_component
from sensorium_sims.bridge.actuator import EnvironmentActuator
from sensorium_sims.bridge.host import EnvironmentHost, Recipe
from sensorium_sims.bridge.seat import close_seats, open_seats
from sensorium_sims.bridge.threads import EnvironmentThread
from sensorium_sims.suite import Played, play, report, settings_for

if TYPE_CHECKING:
    from pathlib import Path

    from sensorium.plugins import Plugins

LIMIT_S = 0.3

pytestmark = pytest.mark.usefixtures("no_leaks", "no_tasks")


def faulty(steady: str, fault: str, **options: Any) -> Any:
    return settings_for(
        "fixed",
        {
            "id": steady,
            "episodes": 4,
            "options": {"fault": fault},
            "step_limit_s": LIMIT_S,
            **options,
        },
    )


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        ("raise", "EnvironmentFailed", "step raised ZeroDivisionError: in the physics"),
        ("exit", "EnvironmentFailed", "step raised RuntimeError: SystemExit: 3"),
        ("hang", "EnvironmentHung", "step did not return within 0.3 s"),
        ("nan", "BadObservation", "not a number"),
        ("shape", "BadObservation", "has shape (4,), not (3,)"),
        ("dtype", "BadObservation", "is float64, not float32"),
        ("none", "BadObservation", "is missing"),
        ("reward", "BadObservation", "the reward is inf"),
    ],
)
async def test_every_fault_has_its_name_and_the_suite_goes_on(
    plugins: Plugins, steady: str, fault: str, kind: str, words: str
) -> None:
    result = await play(faulty(steady, fault), plugins)
    good, bad = result.episodes[::2], result.episodes[1::2]
    assert [e.error_kind for e in bad] == [kind, kind]  # the fault happened, both times
    for episode in bad:
        assert steady in episode.error
        assert words in episode.error
        assert (episode.ending, episode.success) == ("failed", False)
    for episode in good:
        assert (episode.error, episode.success, episode.steps) == ("", True, 4)
    found = report(result, environment=steady, agent="fixed", seed=0)
    assert found["success_rate"] == 0.5
    assert found["failed"] == {kind: 2}
    assert found["spl"] is None  # this environment tells no lengths
    assert found["hangs"] == 2 * (fault == "hang")
    assert Steady.made == 2  # a fresh one after each failure that another episode follows
    assert Steady.closed == 2


async def test_an_environment_that_cannot_be_made_fails_every_episode(
    plugins: Plugins, steady: str
) -> None:
    result = await play(faulty(steady, "make"), plugins)
    assert [e.error_kind for e in result.episodes] == ["EnvironmentFailed"] * 4
    assert "RuntimeError: no licence" in result.episodes[0].error


async def test_what_cannot_be_interrupted_is_left_behind_and_the_suite_goes_on(
    plugins: Plugins, steady: str
) -> None:
    """A step that waits in C for ever: the thread stays until the wait ends, the suite does not."""
    waiting: list[Steady] = []
    reset = Steady.reset

    def remembered(self: Steady, **given: Any) -> Any:
        waiting.append(self)
        return reset(self, **given)

    Steady.reset = remembered  # type: ignore[method-assign]
    try:
        result = await play(faulty(steady, "wait", episodes=3), plugins)
    finally:
        Steady.reset = reset  # type: ignore[method-assign]
    assert [e.error_kind for e in result.episodes] == ["", "EnvironmentHung", ""]
    assert any(thread.name.startswith("environment") for thread in threading.enumerate())
    for environment in waiting:
        environment.release.set()


async def test_a_film_is_whole_although_the_last_episode_failed(
    plugins: Plugins, steady: str, tmp_path: Path
) -> None:
    path = tmp_path / "film.mp4"
    result = await play(faulty(steady, "raise", video=str(path)), plugins)
    assert [e.error_kind for e in result.episodes] == ["", "EnvironmentFailed"] * 2
    with av.open(str(path)) as film:
        assert len(list(film.decode(video=0))) == 2 * (5 + 2)


@pytest.mark.parametrize("steps", [("7",), ("1", "fly"), ("",)])
async def test_a_plan_outside_the_action_space(
    plugins: Plugins, steady: str, steps: tuple[str, ...]
) -> None:
    layer = {"components": {"planner": {"options": {"steps": list(steps)}}}}
    result = await play(settings_for("fixed", {"id": steady, "episodes": 2}, layer), plugins)
    assert [e.error_kind for e in result.episodes] == ["OutsideActionSpace"] * 2
    assert f"{steps[-1]!r} is no action; there are: 0, 1, 2" in result.episodes[0].error
    assert result.episodes[0].steps == 0


async def test_an_agent_that_says_nothing(plugins: Plugins, steady: str) -> None:
    layer = {"components": {"planner": {"options": {"steps": []}}}}
    options = {"id": steady, "patience_s": 50.0}
    clock = VirtualClock()
    (episode,) = (await play(settings_for("fixed", options, layer), plugins, clock=clock)).episodes
    assert episode.error_kind == "AgentSilent"
    assert "no plan came within 50 s" in episode.error
    assert clock.now() >= 50e9  # of simulated time
    idle = settings_for("fixed", {**options, "idle_action": "1"}, layer)
    (episode,) = (await play(idle, plugins)).episodes
    assert (episode.actions, episode.unanswered, episode.success) == (("1",) * 4, 4, True)


async def test_an_expert_that_thinks_for_ever(steady: str) -> None:
    registry = EnvironmentRegistry()
    expert = f"{Forgetful.__module__}:Forgetful"
    registry.add(steady, f"{Steady.__module__}:Steady", expert=expert)
    recipe = Recipe(steady, {}, registry, True, None, LIMIT_S, LIMIT_S, None)
    host = EnvironmentHost(recipe, "expert")
    assert (await host.reset(0)).advice == "1"
    with pytest.raises(EnvironmentHung, match="reset did not return"):
        await host.reset(1)
    assert await host.discard()
    assert (await host.reset(2)).advice == "1"
    assert await host.close()


async def test_an_expert_of_a_plugin_that_hangs_is_counted(steady: str) -> None:
    class Labs:
        @hookimpl
        def sensorium_register_environments(self, registry: Any) -> None:
            registry.add(
                "sensorium-tests/Lab-v0",
                f"{Steady.__module__}:Steady",
                expert=f"{Forgetful.__module__}:Forgetful",
            )

    plugins = load_plugins(extra=[("labs", Labs())])
    options = {"id": "sensorium-tests/Lab-v0", "episodes": 3, "advice": True}
    settings = settings_for("oracle", {**options, "make_limit_s": LIMIT_S})
    result = await play(settings, plugins)
    assert [e.error_kind for e in result.episodes] == ["", "EnvironmentHung", ""]
    assert [e.success for e in result.episodes] == [True, False, True]
    assert report(result, environment="lab", agent="oracle", seed=0)["hangs"] == 1


async def test_advice_without_an_expert(steady: str) -> None:
    recipe = Recipe(steady, {}, EnvironmentRegistry(), True, None, 5, 5, None)
    host = EnvironmentHost(recipe, "no expert")
    with pytest.raises(EnvironmentFailed, match="has no expert"):
        await host.reset(0)
    await host.discard()


async def test_an_unknown_environment_is_named_with_those_alike(plugins: Plugins) -> None:
    host = EnvironmentHost(
        Recipe("BabyAI-GoToLocl-v0", {}, plugins.environments, False, None, 60, 5, None), "unknown"
    )
    with pytest.raises(UnknownName, match="Did you mean 'BabyAI-GoToLocal-v0'"):
        await host.reset(0)
    await host.discard()


async def test_two_environments_of_one_name(plugins: Plugins, steady: str) -> None:
    first, second = await asyncio.gather(
        play(settings_for("fixed", {"id": steady, "episodes": 20}), plugins),
        play(settings_for("fixed", {"id": steady}), plugins),
        return_exceptions=True,
    )
    assert isinstance(first, Played)
    assert len(first.episodes) == 20
    assert "give it another name" in str(second)


async def test_an_agent_without_an_environment(plugins: Plugins) -> None:
    layer = {"components": {"environment": {"enabled": False, "use": "text"}}}
    settings = settings_for("fixed", {"id": "x"}, layer)
    with pytest.raises(SettingsError):
        await play(settings, plugins)


@pytest.mark.parametrize(
    ("topic", "words"),
    [("plan/environment/0", "no environment named"), ("plan/environment/one", "no environment")],
)
async def test_a_plan_for_no_environment(topic: str, words: str) -> None:
    async with run_component(EnvironmentActuator) as harness:
        await harness.send(topic, Plan("go", ("1",)))
        await harness.settled()
        assert words in harness.failures[0].error


async def test_a_plan_for_an_environment_that_there_is_not() -> None:
    open_seats("environment", 2)
    try:
        async with run_component(EnvironmentActuator) as harness:
            await harness.send("plan/environment/1", Plan("go", ("1",)))  # between episodes: void
            await harness.send("plan/environment/2", Plan("go", ("1",)))
            await harness.settled()
            (failure,) = harness.failures
            assert "there are environments 0 to 1" in failure.error
    finally:
        close_seats("environment")


async def test_a_thread_answers_raises_and_ends() -> None:
    thread = EnvironmentThread("test")
    assert await thread.call("e", "adding", 5, lambda a, b: a + b, 1, 2) == 3
    with pytest.raises(TimeoutError, match="its own"):
        await thread.call("e", "raising", 5, _raise, TimeoutError("its own"))
    with pytest.raises(RuntimeError, match="StopIteration"):
        await thread.call("e", "raising", 5, _raise, StopIteration())
    assert await thread.close(5)
    assert not thread.alive


def _raise(error: Exception) -> None:
    raise error
