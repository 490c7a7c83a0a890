"""Filling a suite's table: every agent in every row, whatever goes wrong in one of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sensorium.errors import RunFailed, SensoriumError
from sensorium.settings import Settings
from sensorium_sims import metrics
from sensorium_sims.bridge.payloads import EpisodeEnded
from sensorium_sims.parallel import play_parallel
from sensorium_sims.results import Played, report, versions
from sensorium_sims.suites import Row, Suite

_OF_ENVIRONMENTS = (
    "UnknownName", "MissingDependency", "PluginError", "SimulationError", "EnvironmentFailed",
    "EnvironmentHung", "BadObservation", "OutsideActionSpace",
)  # fmt: skip
"""Kinds of error that fail a row's episodes; any other says that the agent cannot run here."""
Compose = Callable[[Row, str, dict[str, Any]], Settings]
"""From a row, an agent and options of the environment to a whole agent's settings."""


@dataclass(frozen=True)
class Cell:
    """One agent in one row."""

    row: Row
    agent: str
    kind: str
    """What kind of agent it is: trained, privileged …"""
    result: dict[str, Any] | None
    """As :func:`sensorium_sims.results.report` has it; None where the agent cannot run."""
    error: str = ""
    """What went wrong with the whole row."""
    episodes: tuple[EpisodeEnded, ...] = ()


@dataclass(frozen=True)
class Filled:
    """A suite with its results."""

    suite: Suite
    seed: int
    cells: tuple[Cell, ...]

    def overall(self) -> list[dict[str, Any]]:
        """Of each agent that ran in every row: the mean over tasks, and all episodes together."""
        found = []
        for agent in dict.fromkeys(cell.agent for cell in self.cells):
            own = [c.result for c in self.cells if c.agent == agent and c.result is not None]
            if len(own) < len(self.suite.rows):
                continue
            count = sum(one["episodes"] for one in own)
            won = round(sum(one["success_rate"] * one["episodes"] for one in own))
            rate = won / count
            found.append(
                {
                    "agent": agent,
                    "mean_over_tasks": sum(one["success_rate"] for one in own) / len(own),
                    "episodes": count,
                    "success_rate": rate,
                    "ci95": list(metrics.wilson(won, count)),
                    "standard_error": (rate * (1 - rate) / count) ** 0.5,
                }
            )
        return found

    def as_json(self) -> dict[str, Any]:
        """The whole table as plain values."""
        rows = [
            {
                "task": cell.row.task,
                "kind": cell.kind,
                "unplugged": list(cell.row.unplugged),
                "error": cell.error,
                "published": [one.model_dump() for one in cell.row.published],
                **(cell.result or {"env": cell.row.env, "agent": cell.agent}),
            }
            for cell in self.cells
        ]
        for row in rows:
            row.pop("versions", None)
        whole = {
            "suite": self.suite.name,
            "title": self.suite.title,
            "about": self.suite.about,
            "seed": self.seed,
            "rows": rows,
        }
        if self.suite.overall:
            published = [one.model_dump() for one in self.suite.overall_published]
            whole |= {"overall": self.overall(), "published": published}
        return whole | {"versions": versions()}


def run_suite(
    suite: Suite,
    compose: Compose,
    *,
    agents: Sequence[str] = (),
    episodes: int | None = None,
    seed: int = 0,
    workers: int = 1,
    on_cell: Callable[[Cell], None] | None = None,
    on_episode: Callable[[EpisodeEnded], None] | None = None,
) -> Filled:
    """Play every row with each of its agents, or with ``agents`` alone, in processes of their own.

    An environment that cannot be made, or takes its process with it, fails its episodes, by the
    name of the error; an agent that cannot run here (a model that is missing) has no result. Both
    are said in the cell, and the suite goes on.
    """
    cells = []
    for row in suite.rows:
        for agent in agents or row.agents or tuple(suite.agents):
            count = episodes or row.episodes or suite.episodes
            cell = _cell(suite, row, agent, compose, count, seed, workers, on_episode)
            cells.append(cell)
            if on_cell is not None:
                on_cell(cell)
    return Filled(suite, seed, tuple(cells))


def _cell(
    suite: Suite, row: Row, agent: str, compose: Compose, episodes: int, seed: int, workers: int,
    on_episode: Callable[[EpisodeEnded], None] | None,
) -> Cell:  # fmt: skip
    kind = suite.agents.get(agent, "")
    asked = {
        "id": row.env,
        "options": row.options,
        "episodes": episodes,
        "seed": seed,
        "max_steps": row.max_steps,
    }
    try:
        settings = compose(row, agent, asked)
    except SensoriumError as error:
        return Cell(row, agent, kind, None, str(error))
    try:
        played = asyncio.run(play_parallel(settings, workers, on_episode=on_episode))
    except RunFailed as error:
        if error.kind not in _OF_ENVIRONMENTS or _names_no_environment(error):
            return Cell(row, agent, kind, None, f"{error.kind}: {error.text}")
        return _all_failed(row, agent, kind, episodes, seed, error.kind, error.text)
    except SensoriumError as error:
        return Cell(row, agent, kind, None, str(error))
    result = report(played, environment=row.env, agent=agent, seed=seed)
    return Cell(row, agent, kind, result, episodes=played.episodes)


def _names_no_environment(error: RunFailed) -> bool:
    """Whether it is a name that the agent knows and nobody else: of a model, say."""
    return error.kind == "UnknownName" and "environment" not in error.text.partition("'")[0]


def _all_failed(
    row: Row, agent: str, kind: str, episodes: int, seed: int, name: str, text: str
) -> Cell:
    """The row has failed as a whole: each of its episodes counts as failed."""
    result = report(Played((), ()), environment=row.env, agent=agent, seed=seed)
    result |= {
        "episodes": episodes,
        "success_rate": 0.0,
        "ci95": list(metrics.wilson(0, episodes)),
        "failed": {name: episodes},
        "hangs": episodes * (name == "EnvironmentHung"),
    }
    return Cell(row, agent, kind, result, f"{name}: {text}")
