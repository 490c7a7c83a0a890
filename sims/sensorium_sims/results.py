"""What episodes come to: rates with intervals, path measures, times."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from sensorium_sims import metrics
from sensorium_sims.bridge.payloads import EpisodeEnded

_LIBRARIES = ("sensorium", "gymnasium", "numpy", "minigrid", "vizdoom", "mujoco")


@dataclass(frozen=True)
class Played:
    """Episodes in the order of their numbers, and the real seconds of every step."""

    episodes: tuple[EpisodeEnded, ...]
    step_seconds: tuple[float, ...]


def report(played: Played, *, environment: str, agent: str, seed: int) -> dict[str, Any]:
    """The measures of a suite, as `sensorium sim run --json` prints them.

    A failed episode is no success. ``spl``, ``soft_spl`` and ``sna`` are None for environments
    that do not tell lengths, ``success_rate`` where success is unknown.
    """
    episodes = played.episodes
    judged = [e for e in episodes if e.success is not None]
    won = sum(bool(e.success) for e in judged)
    wrong = [e.figures.get("wrong_object") for e in episodes]
    return {
        "env": environment,
        "agent": agent,
        "episodes": len(episodes),
        "seed": seed,
        "success_rate": won / len(judged) if judged else None,
        "ci95": list(metrics.wilson(won, len(judged))) if judged else None,
        "spl": _path_measure(_spl, episodes),
        "soft_spl": _path_measure(_soft_spl, episodes),
        "sna": _path_measure(_sna, episodes),
        "wrong_object_rate": metrics.mean(wrong),
        "mean_steps": metrics.mean(float(e.steps) for e in episodes),
        "mean_reward": metrics.mean(e.total_reward for e in episodes),
        "failed": _failed(episodes),
        "hangs": sum(e.error_kind == "EnvironmentHung" for e in episodes),
        "missed_deadlines": sum(e.missed_deadlines for e in episodes),
        "unanswered": sum(e.unanswered for e in episodes),
        "step_ms": {
            "p50": _milliseconds(played.step_seconds, 0.5),
            "p99": _milliseconds(played.step_seconds, 0.99),
        },
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """What a number depends on: Python and libraries."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _failed(episodes: Sequence[EpisodeEnded]) -> dict[str, int]:
    kinds = [e.error_kind for e in episodes if e.error_kind]
    return {kind: kinds.count(kind) for kind in sorted(set(kinds))}


def _milliseconds(seconds: Sequence[float], share: float) -> float | None:
    return round(metrics.quantile(seconds, share) * 1000, 3) if seconds else None


def _path_measure(
    measure: Callable[[EpisodeEnded], float | None], episodes: Sequence[EpisodeEnded]
) -> float | None:
    """The mean; a failed episode counts as 0 where the others tell lengths."""
    found = [measure(episode) for episode in episodes]
    if all(value is None for value in found):
        return None
    return metrics.mean(
        0.0 if value is None and episode.error_kind else value
        for value, episode in zip(found, episodes, strict=True)
    )


def _spl(episode: EpisodeEnded) -> float | None:
    told = episode.figures
    if "shortest_path" not in told:
        return None
    return metrics.spl(bool(episode.success), told["shortest_path"], told["path_length"])


def _soft_spl(episode: EpisodeEnded) -> float | None:
    told = episode.figures
    if "way_left" not in told:
        return None
    return metrics.soft_spl(told["way_at_start"], told["way_left"], told["path_length"])


def _sna(episode: EpisodeEnded) -> float | None:
    told = episode.figures
    if "shortest_actions" not in told:
        return None
    return metrics.sna(bool(episode.success), int(told["shortest_actions"]), int(told["actions"]))
