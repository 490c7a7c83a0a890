"""Scores are BALROG's, with an interval beside."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from sensorium import load_plugins
from sensorium_sims import metrics
from sensorium_sims.balrog import TASKS
from sensorium_sims.balrog.protocol import play_all, score, standard_error, table, tasks
from sensorium_sims.bridge.payloads import EpisodeEnded
from sensorium_sims.suite import settings_for

if TYPE_CHECKING:
    from sensorium.plugins import Plugins


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    return load_plugins()


def ended(success: bool | None, steps: int = 10, error: str = "") -> EpisodeEnded:
    return EpisodeEnded(
        "environment", 0, 0, 0, "id", steps, 0.0, success, "terminated", error, error, 0, 0, (), (),
        {},
    )  # fmt: skip


def test_there_are_five_tasks_with_their_limits() -> None:
    assert [task.name for task in tasks()] == list(TASKS)
    assert [task.limit for task in tasks()] == [64, 64, 128, 128, 128]


def test_the_standard_error_is_the_one_balrog_prints() -> None:
    points = [1.0] * 20 + [0.0] * 5
    spread = math.sqrt(sum((x - 0.8) ** 2 for x in points) / 25)
    assert standard_error(points) == pytest.approx(100 * spread / 5) == pytest.approx(8.0)
    assert standard_error([1.0] * 25) == 0.0
    assert standard_error([1.0]) == 0.0
    # 100 of 125, as a best model scores: within what is published, 80 +- 5.7 of 50 episodes
    assert standard_error([1.0] * 40 + [0.0] * 10) == pytest.approx(5.66, abs=0.01)


def test_a_failed_episode_scores_nothing_and_is_counted() -> None:
    told = score("goto", [ended(True), ended(False, 64), ended(None, 3, "EnvironmentHung")])
    assert told.percent == pytest.approx(100 / 3)
    assert told.ci95 == metrics.wilson(1, 3)
    assert (told.episodes, told.failed) == (3, 1)
    assert told.mean_steps == pytest.approx(77 / 3)


async def test_the_bot_plays_all_of_it(plugins: Plugins, capsys: Any) -> None:
    told: list[str] = []
    scores = await play_all(
        lambda world: settings_for("oracle", world | {"advice": True}),
        plugins,
        episodes=3,
        seed=50,
        on_episode=lambda task, episode: told.append(f"{task} {episode.seed}"),
    )
    assert told == [f"{task} {seed}" for task in TASKS for seed in (50, 51, 52)]
    assert [(s.task, s.episodes, s.percent) for s in scores] == [
        *((task, 3, 100.0) for task in TASKS), ("overall", 15, 100.0),
    ]  # fmt: skip
    lines = table(scores).splitlines()
    assert lines[0].split()[:3] == ["task", "n", "score"]
    assert lines[-1].startswith("overall ")
    assert "100.0 ± 0.0" in lines[-1]


async def test_guessing_is_far_from_it(plugins: Plugins, capsys: Any) -> None:
    compose = lambda world: settings_for("random", world)  # noqa: E731
    scores = await play_all(compose, plugins, episodes=4, only=["open", "putnext"])
    assert [s.task for s in scores] == ["open", "putnext", "overall"]
    assert scores[-1].percent < 50
