"""Playing BALROG's five tasks, and scoring them as BALROG does, with Wilson's interval beside.

An episode scores 1 if its instruction is carried out within the level's limit, else 0; a failed
episode scores 0. A task's score is the mean over its episodes, the overall score the mean over all
episodes, with the standard error that BALROG prints: the standard deviation of the scores (dividing
by n) over the root of n. It is 0 where all episodes are alike, which is why the interval stands
beside it.

BALROG draws its seeds at random; here they are ``seed``, ``seed + 1`` … in each task, so that a
score can be had again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev
from typing import Any

from sensorium.plugins import Plugins
from sensorium.settings import Settings
from sensorium_sims import metrics
from sensorium_sims.balrog import TASKS, environment_id
from sensorium_sims.bridge.payloads import EpisodeEnded
from sensorium_sims.suite import play

EPISODES = 25
"""Of each task."""
OVERALL = "overall"

Compose = Callable[[dict[str, Any]], Settings]
"""From an environment's options (``id``, ``seed``, ``episodes``) to an agent in it."""


@dataclass(frozen=True, slots=True)
class Task:
    """One of the five."""

    name: str
    summary: str
    environment: str
    """Its id."""
    limit: int
    """Steps of an episode at most."""


@dataclass(frozen=True, slots=True)
class Score:
    """Of one task, or of all."""

    task: str
    episodes: int
    percent: float
    standard_error: float
    """In percent, as BALROG has it."""
    ci95: tuple[float, float]
    """Wilson's interval of the rate."""
    mean_steps: float
    failed: int
    """Episodes that ended in an error: an environment's, or a plan outside the action space."""


def tasks() -> list[Task]:
    """The five tasks in BALROG's order."""
    limits = {"goto": 64, "pickup": 64}
    return [
        Task(name, what, environment_id(name), limits.get(name, 128))
        for name, what in TASKS.items()
    ]


async def play_all(
    compose: Compose,
    plugins: Plugins,
    *,
    episodes: int = EPISODES,
    seed: int = 0,
    only: Sequence[str] = (),
    on_episode: Callable[[str, EpisodeEnded], None] | None = None,
) -> list[Score]:
    """The scores of one agent in each task (or ``only`` some), and overall, last.

    Raises what :func:`sensorium_sims.suite.play` raises for an agent that cannot run at all.
    """
    scores: list[Score] = []
    every: list[EpisodeEnded] = []
    for task in tasks():
        if only and task.name not in only:
            continue
        settings = compose({"id": task.environment, "seed": seed, "episodes": episodes})

        def tell(episode: EpisodeEnded, name: str = task.name) -> None:
            if on_episode is not None:
                on_episode(name, episode)

        played = (await play(settings, plugins, on_episode=tell)).episodes
        scores.append(score(task.name, played))
        every += played
    return [*scores, score(OVERALL, every)]


def score(task: str, episodes: Sequence[EpisodeEnded]) -> Score:
    """What episodes come to."""
    points = [float(bool(episode.success)) for episode in episodes]
    return Score(
        task,
        len(points),
        100 * fmean(points) if points else 0.0,
        standard_error(points),
        metrics.wilson(int(sum(points)), len(points)),
        fmean(episode.steps for episode in episodes) if points else 0.0,
        sum(bool(episode.error_kind) for episode in episodes),
    )


def standard_error(points: Sequence[float]) -> float:
    """Of scores between 0 and 1, in percent, as BALROG computes it."""
    return 100 * pstdev(points) / math.sqrt(len(points)) if len(points) > 1 else 0.0


def table(scores: Sequence[Score]) -> str:
    """The scores as lines of text."""
    lines = [f"{'task':20} {'n':>4} {'score':>13} {'95 % interval':>16} {'steps':>6} {'failed':>6}"]
    for row in scores:
        low, high = (f"{100 * bound:.1f}" for bound in row.ci95)
        shown = f"{row.percent:.1f} ± {row.standard_error:.1f}"
        lines.append(
            f"{row.task:20} {row.episodes:4} {shown:>13} {f'{low} to {high}':>16}"
            f" {row.mean_steps:6.1f} {row.failed:6}"
        )
    return "\n".join(lines)
