"""Several processes give the episodes of one, whatever becomes of the processes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from click.testing import CliRunner

from sensorium.errors import SettingsError, SimulationError
from sensorium.payloads.codec import payload_to_json
from sensorium_agents.commands.sim import sim
from sensorium_sims.parallel import play_parallel
from sensorium_sims.results import report
from sensorium_sims.shares import split
from sensorium_sims.suite import play, settings_for

if TYPE_CHECKING:
    from sensorium.settings import Layer
    from sensorium_sims.results import Played

GOTO = "BabyAI-GoToLocal-v0"
SUPPORT = Path(__file__).parents[1] / "support"

pytestmark = pytest.mark.usefixtures("no_leaks", "no_tasks")


@pytest.fixture
def deadly(monkeypatch: pytest.MonkeyPatch) -> str:
    """An environment that ends its process, importable in other processes."""
    given = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(SUPPORT), given])))
    return "deadly_environments:sensorium-tests/Deadly-v0"


def told(played: Played) -> list[Any]:
    return [payload_to_json(episode) for episode in played.episodes]


def no_children() -> bool:
    left = psutil.Process().children(recursive=True)
    return not [one for one in left if "sensorium_sims.shares" in one.cmdline()]


def test_shares_are_whole_and_equal() -> None:
    for episodes in range(1, 30):
        for shares in range(1, 9):
            parts = split(episodes, shares)
            held = [n for part in parts for n in range(part.first, part.first + part.episodes)]
            assert held == list(range(episodes))
            sizes = [part.episodes for part in parts]
            assert min(sizes) > 0
            assert max(sizes) - min(sizes) <= 1


async def test_two_processes_give_the_episodes_of_one() -> None:
    settings = settings_for("oracle", {"id": GOTO, "episodes": 9, "seed": 5, "advice": True})
    heard: list[Any] = []
    shared = await play_parallel(settings, 2, on_episode=heard.append)
    alone = await play(settings)
    assert told(shared) == told(alone)
    assert sorted(e.seed for e in heard) == list(range(5, 14))
    assert len(shared.step_seconds) == len(alone.step_seconds)
    one, two = (report(p, environment=GOTO, agent="", seed=5) for p in (shared, alone))
    assert one | {"step_ms": 0} == two | {"step_ms": 0}
    assert no_children()


async def test_a_process_that_dies_once_changes_nothing(deadly: str, tmp_path: Path) -> None:
    """Killed in the episode of seed 2 the first time it gets there: that one is played again."""
    died = tmp_path / "died"
    settings = _walking({"id": deadly, "episodes": 6, "options": {"once": str(died)}})
    played = await play_parallel(settings, 2)
    assert died.read_text() == "2"  # it happened
    assert [e.error for e in played.episodes] == [""] * 6
    assert [e.seed for e in played.episodes] == list(range(6))
    assert no_children()


@pytest.mark.parametrize(
    ("how", "kind", "words"),
    [
        ("kill", "EnvironmentFailed", "the process it ran in ended by SIGKILL"),
        ("exit", "EnvironmentFailed", "the process it ran in ended with status 7"),
        ("stuck", "EnvironmentHung", "its process did not return within 3 s"),
    ],
)
async def test_an_episode_that_always_ends_its_process_has_failed(
    deadly: str, how: str, kind: str, words: str
) -> None:
    settings = _walking({"id": deadly, "seed": 2, "episodes": 2, "options": {"how": how}})
    played = await play_parallel(settings, 1, silence_s=3)
    assert [e.error_kind for e in played.episodes] == [kind, ""]
    bad = played.episodes[0]
    assert words in bad.error
    assert (bad.seed, bad.ending, bad.success) == (2, "failed", False)
    found = report(played, environment=deadly, agent="", seed=2)
    assert found["success_rate"] == 0.5
    assert found["hangs"] == (how == "stuck")
    assert no_children()


async def test_what_no_episode_can_do_without_ends_the_run() -> None:
    with pytest.raises(SimulationError, match=r"UnknownName: .*nobody"):
        await play_parallel(settings_for("nobody", {"id": GOTO, "episodes": 4}), 2)
    assert no_children()


async def test_an_agent_in_two_worlds_is_run_in_one_process() -> None:
    second: Layer = {"components": {"other": {"use": "environment", "options": {"id": GOTO}}}}
    with pytest.raises(SettingsError, match="without --workers"):
        await play_parallel(settings_for("random", {"id": GOTO}, second), 2)


def test_the_command_shares_episodes_and_files(tmp_path: Path) -> None:
    def run(*more: Any) -> Any:
        line = ["run", GOTO, "--agent", "oracle", "--episodes", 4, "--seed", 3, "--json", *more]
        result = CliRunner().invoke(sim, [str(a) for a in line], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout) | {"step_ms": None}

    assert run() == run("--workers", 2, "--record", tmp_path / "session.mcap")
    recorded = sorted(path.name for path in tmp_path.iterdir())
    assert recorded == ["session-seed3.mcap", "session-seed5.mcap"]


def _walking(options: dict[str, Any]) -> Any:
    return settings_for("random", {"max_steps": 3, **options})
