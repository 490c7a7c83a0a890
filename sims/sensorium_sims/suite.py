"""Running an agent through episodes, and what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from sensorium.bus import Subscription
from sensorium.clocks import Clock, VirtualClock
from sensorium.errors import BusClosed, SettingsError, SimulationError
from sensorium.events import AnyEvent
from sensorium.plugins import Plugins, load_plugins
from sensorium.session import Session
from sensorium.settings import ComponentSettings, Layer, Settings, load_settings, merge
from sensorium_sims.bridge.payloads import EpisodeEnded, EpisodeStarted
from sensorium_sims.bridge.seat import find_seats
from sensorium_sims.environments import in_use
from sensorium_sims.results import Played, report, versions

__all__ = [
    "ENVIRONMENT", "Played", "environments_of", "play", "report", "settings_for", "versions",
]  # fmt: skip

ENVIRONMENT = "environment"
"""Name of the environment's component in agents that :func:`settings_for` makes."""


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


def environments_of(settings: Settings) -> dict[str, ComponentSettings]:
    """The components that are environments, by name."""
    return {n: c for n, c in settings.components.items() if (c.use or n) == "environment"}


async def play(
    settings: Settings,
    plugins: Plugins | None = None,
    *,
    clock: Clock | None = None,
    on_episode: Callable[[EpisodeEnded], None] | None = None,
    on_start: Callable[[EpisodeStarted], None] | None = None,
) -> Played:
    """Run an agent until its environments have no more episodes.

    ``clock`` defaults to a :class:`VirtualClock`, which moves while the agent is idle. Raises
    :class:`SettingsError` for an agent without an environment, :class:`SimulationError` when its
    environment ended before its episodes did, and where the agent answered nothing in any episode
    because a component of it failed, that failure (:class:`ModelUnavailable`, say).
    """
    clock = clock or VirtualClock()
    plugins = plugins or load_plugins(
        modules=settings.plugins.modules, disabled=settings.plugins.disabled
    )
    in_use.set(plugins.environments)
    using = environments_of(settings)
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
            if on_start is not None:
                begins = partial(_begun, on_start)
                session.bus.tap(begins, name="suite starts", pattern="sim/+/+/started")
            session.scope.spawn(_listen(heard, tell), name="suite listens")
            seats = [seat for name in using if (held := find_seats(name)) for seat in held.seats]
            reason = await session.wait()
            while (event := heard.get_nowait()) is not None:
                tell(event.payload)
            failures = [r.failure for n, r in session.runners.items() if n in using and r.failure]
            if all(episode.error_kind == "AgentSilent" for episode in ended):  # it cannot speak
                failures += [r.failure for r in session.runners.values() if r.failure]
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


def _begun(tell: Callable[[EpisodeStarted], None], event: AnyEvent) -> None:
    tell(event.payload)


async def _listen(heard: Subscription, tell: Callable[[EpisodeEnded], None]) -> None:
    with suppress(BusClosed):
        while True:
            tell((await heard.get()).payload)


async def _move(clock: Clock) -> None:
    if isinstance(clock, VirtualClock):
        await clock.run()
