"""Running an agent through episodes, and what came of it."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from sensorium.bus import Subscription
from sensorium.clocks import Clock, VirtualClock
from sensorium.errors import BusClosed, SettingsError, SimulationError
from sensorium.plugins import Plugins, load_plugins
from sensorium.session import Session
from sensorium.settings import Layer, Settings, load_settings, merge
from sensorium_sims import metrics
from sensorium_sims.bridge.payloads import EpisodeEnded
from sensorium_sims.bridge.seat import find_seats
from sensorium_sims.environments import in_use

ENVIRONMENT = "environment"
"""Name of the environment's component in agents that :func:`settings_for` makes."""
_LIBRARIES = ("sensorium", "gymnasium", "numpy", "minigrid", "vizdoom")


@dataclass(frozen=True)
class Played:
    """Episodes in the order of their numbers, and the real seconds of every step."""

    episodes: tuple[EpisodeEnded, ...]
    step_seconds: tuple[float, ...]


def settings_for(planner: str, environment: dict[str, Any], *layers: Layer) -> Settings:
    """An agent of three components: ``environment`` with these options, a planner and the
    actuator; ``layers`` lie over it. Raises :class:`SettingsError`."""
    composed: Layer = {
        "agent": {"name": planner, "seed": environment.get("seed", 0)},
        "components": {
            ENVIRONMENT: {
                "use": "environment",
                "options": environment,
                "on_error": {"action": "disable"},
            },
            "planner": {"use": planner},
            "act": {"use": "environment_actuator", "options": {"environment": ENVIRONMENT}},
        },
    }
    for layer in layers:
        composed = merge(composed, layer)
    return load_settings(overrides=composed, environ={})


async def play(
    settings: Settings,
    plugins: Plugins | None = None,
    *,
    clock: Clock | None = None,
    on_episode: Callable[[EpisodeEnded], None] | None = None,
) -> Played:
    """Run an agent until its environments have no more episodes.

    ``clock`` defaults to a :class:`VirtualClock`, which moves while the agent is idle. Raises
    :class:`SettingsError` for an agent without an environment, :class:`SimulationError` when its
    environment ended before its episodes did.
    """
    clock = clock or VirtualClock()
    plugins = plugins or load_plugins(
        modules=settings.plugins.modules, disabled=settings.plugins.disabled
    )
    in_use.set(plugins.environments)
    using = {n: c for n, c in settings.components.items() if (c.use or n) == "environment"}
    if not using:
        raise SettingsError("the agent has no component that uses 'environment'")
    ended: list[EpisodeEnded] = []

    def tell(episode: EpisodeEnded) -> None:
        ended.append(episode)
        if on_episode is not None:
            on_episode(episode)

    moving = asyncio.ensure_future(_move(clock))  # components may sleep before all are ready
    try:
        async with Session(settings, plugins, clock) as session:
            heard = session.bus.subscribe("sim/+/+/ended", name="suite")
            session.scope.spawn(_listen(heard, tell), name="suite listens")
            seats = [seat for name in using if (held := find_seats(name)) for seat in held.seats]
            reason = await session.wait()
            while (event := heard.get_nowait()) is not None:
                tell(event.payload)
            failures = [r.failure for n, r in session.runners.items() if n in using and r.failure]
    finally:
        moving.cancel()
        with suppress(asyncio.CancelledError):
            await moving
    if failures:
        raise failures[0]
    wanted = sum(c.options.get("episodes", 1) for c in using.values())
    if len(ended) < wanted:
        name = ", ".join(str(c.options.get("id")) for c in using.values())
        raise SimulationError(name, f"{len(ended)} of {wanted} episodes were played: {reason}")
    ended.sort(key=lambda e: (e.environment, e.episode))
    return Played(tuple(ended), tuple(s for seat in seats for s in seat.step_seconds))


async def _listen(heard: Subscription, tell: Callable[[EpisodeEnded], None]) -> None:
    with suppress(BusClosed):
        while True:
            tell((await heard.get()).payload)


async def _move(clock: Clock) -> None:
    if isinstance(clock, VirtualClock):
        await clock.run()


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
