"""Payloads of two shed classes, and what tests of mailboxes do with events."""

from __future__ import annotations

from sensorium.bus import Subscription
from sensorium.events import AnyEvent
from sensorium.payloads import Payload, Shed, payload


@payload("test.frame", shed=Shed.VIDEO)
class Frame(Payload):
    number: int


@payload("test.sound", shed=Shed.AUDIO)
class Sound(Payload):
    number: int


def names(events: list[AnyEvent]) -> list[str]:
    return [event.id for event in events]


def drain(mailbox: Subscription) -> list[AnyEvent]:
    events = []
    while (event := mailbox.get_nowait()) is not None:
        events.append(event)
    return events
