"""Environments that step together give the episodes that each gives alone."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import pytest

from sensorium.errors import SettingsError
from sensorium.payloads.codec import payload_to_json
from sensorium_sims.suite import play, settings_for

if TYPE_CHECKING:
    from sensorium.plugins import Plugins

SUPPORT = Path(__file__).parents[1] / "support"
STEADY = "faulty_environments:sensorium-tests/Steady-v0"
DEADLY = "deadly_environments:sensorium-tests/Deadly-v0"

pytestmark = pytest.mark.usefixtures("no_tasks")


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    given = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(SUPPORT), given])))


async def episodes(
    plugins: Plugins, planner: str, layer: Any = None, **options: Any
) -> list[dict[str, Any]]:
    asked = {"advice": planner == "oracle", **options}
    played = await play(settings_for(planner, asked, layer or {}), plugins)
    told = [payload_to_json(one) for one in played.episodes]
    return [{k: v for k, v in one.items() if k != "index"} for one in told]


@pytest.mark.parametrize(
    ("kind", "name", "planner", "count"),
    [
        ("sync", "BabyAI-GoToLocal-v0", "oracle", 3),
        ("async", "BabyAI-GoToLocal-v0", "oracle", 2),
        ("sync", "sensorium/AVWorld-Refer-v0", "oracle", 2),
        ("sync", "CartPole-v1", "random", 3),
    ],
)
async def test_vector_episodes_equal_single_ones(
    plugins: Plugins, kind: str, name: str, planner: str, count: int
) -> None:
    alone = await episodes(plugins, planner, id=name, episodes=7, seed=3)
    together = await episodes(
        plugins, planner, id=name, episodes=7, seed=3, count=count, vector=kind
    )
    assert together == alone
    assert [one["error"] for one in alone] == [""] * 7
    assert not multiprocessing.active_children()


@pytest.mark.parametrize(
    ("kind", "fault", "error"),
    [
        ("sync", "raise", "EnvironmentFailed"),
        ("async", "raise", "EnvironmentFailed"),
        ("sync", "nan", "BadObservation"),
        ("sync", "hang", "EnvironmentHung"),
        ("async", "hang", "EnvironmentHung"),
    ],
)
async def test_a_member_s_fault_is_its_own(
    plugins: Plugins, kind: str, fault: str, error: str
) -> None:
    """Odd seeds fail; the even ones beside them end as they do alone."""
    options = {"options": {"fault": fault}, "step_limit_s": 0.3, "id": STEADY}
    together = await episodes(plugins, "fixed", **options, episodes=4, count=2, vector=kind)
    assert [one["error_kind"] for one in together] == ["", error, "", error]
    assert [one["actions"] for one in together[::2]] == [["1"] * 4] * 2
    assert [one["success"] for one in together] == [True, False, True, False]


async def test_a_process_that_dies_fails_its_own_episode(plugins: Plugins) -> None:
    told = await episodes(
        plugins, "fixed", id=DEADLY, episodes=5, count=2, vector="async", max_steps=3
    )
    assert [one["error_kind"] for one in told] == ["", "", "EnvironmentFailed", "", ""]
    assert "its process died" in told[2]["error"]
    assert [one["steps"] for one in told] == [3, 3, 0, 3, 3]
    assert not multiprocessing.active_children()


async def test_a_silent_agent_s_episode_fails_and_the_next_begins(plugins: Plugins) -> None:
    layer = {"components": {"planner": {"options": {"steps": []}}}}
    told = await episodes(
        plugins, "fixed", layer, id=STEADY, episodes=4, count=2, vector="sync", patience_s=5
    )
    assert [one["error_kind"] for one in told] == ["AgentSilent"] * 4


async def test_slow_thoughts_and_cut_off_episodes(plugins: Plugins) -> None:
    """``max_steps`` ends an episode that its environment would go on with."""
    layer = {"components": {"planner": {"options": {"think_s": 0.25}}}}
    told = await episodes(
        plugins, "fixed", layer, id=STEADY, episodes=5, count=2, vector="sync", max_steps=2
    )
    assert [one["actions"] for one in told] == [["1"] * 2] * 5
    assert [one["ending"] for one in told] == ["truncated"] * 5


async def test_the_first_one_is_filmed(plugins: Plugins, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    await episodes(plugins, "fixed", id=STEADY, episodes=4, count=2, vector="sync", video=str(film))
    with av.open(str(film)) as opened:
        assert len(list(opened.decode(video=0))) == 2 * 5


async def test_a_vector_environment_does_not_run_free(plugins: Plugins) -> None:
    with pytest.raises(SettingsError, match="lockstep"):
        await episodes(plugins, "fixed", id=STEADY, vector="sync", mode="free")
