"""Watching events go by: what ``sensorium run --show PATTERN`` prints."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from rich.text import Text

from sensorium import Session
from sensorium.bus import Subscription
from sensorium.delivery import DeliveryPolicy
from sensorium.events import AnyEvent
from sensorium_agents.console import console

LONGEST = 160  # characters of one field


def watch(session: Session, patterns: Iterable[str]) -> None:
    """Print the events under ``patterns`` until the session ends.

    Raises :class:`TopicError` for a malformed pattern.
    """
    for pattern in patterns:
        seen = session.bus.subscribe(
            pattern, DeliveryPolicy.drop_oldest(256), name=f"show {pattern}"
        )
        session.scope.spawn(_print_all(seen), name=seen.name)


async def _print_all(seen: Subscription) -> None:
    async with seen:
        async for event in seen:
            console.print(Text.assemble((event.topic, "magenta"), "  ", line_of(event)))


def line_of(event: AnyEvent) -> str:
    """The payload in one line: arrays by their shape, long text cut."""
    payload = event.payload
    if not is_dataclass(payload):
        return type(payload).__name__
    return "  ".join(f"{f.name}={_short(getattr(payload, f.name))}" for f in fields(payload))


def _short(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{list(value.shape)}"
    text = f"{value:.3g}" if isinstance(value, float) else repr(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
