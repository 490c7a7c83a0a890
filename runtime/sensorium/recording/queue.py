"""The queue between a session and the thread that writes its recording: bounded, and counted.

Putting never waits. What finds no room makes some: the oldest event of what is shed first goes,
telemetry before video before audio before what is derived. Control and system events, and trace
records, are given up only beyond a second, hard limit. All that is given up is counted by topic.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, cast, get_type_hints

import numpy as np

from sensorium.delivery import EventClass
from sensorium.events import AnyEvent
from sensorium.payloads.base import Payload, Shed
from sensorium.recording.records import Encoded, Record

HARD = 4
"""The hard limit is so many times the queue's own."""
BASE_BYTES = 512  # what an event or record takes beside its arrays and texts
DEEPEST = 6  # levels of a tree whose arrays and texts are counted
BATCH = 256
BATCH_BYTES = 8 * 1024 * 1024  # what is taken can no longer be shed

_KEPT = len(Shed)  # rank of what is not shed


class Slot:
    """One thing in the queue."""

    __slots__ = ("rank", "record", "size", "topic")

    def __init__(self, record: Record | Encoded, topic: str, size: int, rank: int) -> None:
        self.record: Record | Encoded | None = record
        """None once it was given up."""
        self.topic = topic
        self.size = size
        self.rank = rank


@dataclass(frozen=True, slots=True)
class RecorderStatistics:
    """Counts since the recording began: ``published == written + given_up + pending``."""

    published: int
    written: int
    given_up: dict[str, int]
    """By topic."""
    pending: int
    pending_bytes: int


class RecordQueue:
    """Holds at most ``max_bytes`` and ``max_count``; one thread puts, another takes."""

    def __init__(self, max_bytes: int, max_count: int) -> None:
        self.closed = False
        self._max_bytes = max_bytes
        self._max_count = max_count
        self._slots: deque[Slot] = deque()
        self._lanes: tuple[deque[Slot], ...] = tuple(deque() for _ in Shed)
        self._bytes = 0
        self._pending = 0
        self._gone = 0  # slots whose record was given up
        self._in_hand: list[Slot] = []
        self._published = 0
        self._written = 0
        self._given_up: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._filled = threading.Condition(self._lock)
        self._waiting = False

    def put_event(self, event: AnyEvent) -> None:
        """Queue an event, or count it as given up."""
        payload = event.payload
        rank = payload.shed if payload.event_class is EventClass.DATA else _KEPT
        self._put(Slot(event, event.topic, BASE_BYTES + payload_bytes(payload), rank))

    def put(self, record: Record | Encoded, topic: str, size: int = 0) -> None:
        """Queue something that is never shed; ``topic`` is what it counts under."""
        self._put(Slot(record, topic, BASE_BYTES + size, _KEPT))

    def take(self, timeout: float | None) -> list[Slot]:
        """The next slots, in order; none after ``timeout`` seconds, or once closed and empty.

        They count as pending until :meth:`done`.
        """
        with self._lock:
            if not self._slots and not self.closed:
                self._waiting = True
                self._filled.wait(timeout)
                self._waiting = False
            size = 0
            while self._slots and len(self._in_hand) < BATCH and size < BATCH_BYTES:
                slot = self._slots.popleft()
                if slot.record is None:
                    self._gone -= 1
                    continue
                if slot.rank < _KEPT:
                    self._lanes[slot.rank].popleft()  # the oldest of its lane: this one
                self._in_hand.append(slot)
                size += slot.size
            return self._in_hand

    def done(self, failed: list[str]) -> None:
        """What was taken is written, but for these: their topics, once for each."""
        with self._lock:
            self._release(self._in_hand)
            self._written += len(self._in_hand) - len(failed)
            self._given_up.update(failed)
            self._in_hand = []

    def close(self) -> None:
        """Let nothing more in; the rest can still be taken out."""
        with self._lock:
            self.closed = True
            self._filled.notify()

    def refuse(self, topic: str) -> None:
        """Count one as given up that cannot even be queued."""
        with self._lock:
            self._published += 1
            self._given_up[topic] += 1

    def abandon(self, handled: int, failed: list[str], lost: Counter[str]) -> None:
        """Writing has failed for good: give up all there is, and all that comes.

        Of what was taken last the first ``handled`` were written, but for ``failed``; ``lost`` of
        all that was written never reached the file.
        """
        with self._lock:
            left = self._in_hand[handled:]
            self._written += len(self._in_hand) - len(left) - len(failed) - lost.total()
            self._given_up.update(failed)
            self._given_up.update(lost)
            left += [slot for slot in self._slots if slot.record is not None]
            self._given_up.update(slot.topic for slot in left)
            self._slots.clear()
            self._in_hand = []
            for lane in self._lanes:
                lane.clear()
            self._bytes = self._pending = self._gone = 0
            self._max_count = -1

    def statistics(self) -> RecorderStatistics:
        """The counts so far."""
        with self._lock:
            return RecorderStatistics(
                self._published, self._written, dict(self._given_up), self._pending, self._bytes
            )

    def _put(self, slot: Slot) -> None:
        with self._lock:
            if self.closed:
                return
            self._published += 1
            if not self._make_room(slot):
                self._given_up[slot.topic] += 1
                return
            self._slots.append(slot)
            if slot.rank < _KEPT:
                self._lanes[slot.rank].append(slot)
            self._bytes += slot.size
            self._pending += 1
            if self._waiting:
                self._waiting = False
                self._filled.notify()

    def _make_room(self, slot: Slot) -> bool:
        """Whether ``slot`` may come in, after what goes before it has gone."""
        while self._is_over(slot, 1):
            lanes = self._lanes[: slot.rank + 1]
            lane = next((lane for lane in lanes if lane), None)
            if lane is None:
                return slot.rank == _KEPT and not self._is_over(slot, HARD)
            victim = lane.popleft()
            victim.record = None
            self._given_up[victim.topic] += 1
            self._release([victim])
            self._gone += 1
            if self._gone > len(self._slots) // 2 + BATCH:
                self._slots = deque(slot for slot in self._slots if slot.record is not None)
                self._gone = 0
        return True

    def _is_over(self, slot: Slot, times: int) -> bool:
        """Whether ``slot`` does not fit; in an empty queue anything does, unless it was ended."""
        if self._max_count < 0:
            return True
        if not self._pending:
            return False
        too_many = self._pending >= times * self._max_count
        return too_many or self._bytes + slot.size > times * self._max_bytes

    def _release(self, slots: Sequence[Slot]) -> None:
        self._bytes -= sum(slot.size for slot in slots)
        self._pending -= len(slots)


def payload_bytes(payload: Payload) -> int:
    """About how much memory a payload holds on to: its arrays and texts, wherever they are."""
    kind = type(payload)
    names = _sized.get(kind)
    if names is None:
        names = _sized[kind] = _may_be_large(kind)
    size = 0
    for name in names:
        size += _held(getattr(payload, name), DEEPEST)
    return size


def _may_be_large(kind: type[Payload]) -> tuple[str, ...]:
    """Names of the fields that are no plain numbers."""
    names = [field.name for field in fields(cast("Any", kind))]
    try:
        hints = get_type_hints(kind)
    except Exception:  # noqa: BLE001 - a plugin's type may name what cannot be found
        return tuple(names)
    return tuple(name for name in names if hints.get(name) not in (int, float, bool))


def _held(value: Any, deepest: int) -> int:
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, Payload):
        return payload_bytes(value) if deepest else 0
    if isinstance(value, dict):
        value = tuple(value.values())
    if isinstance(value, list | tuple | set | frozenset) and deepest:
        if not value or isinstance(next(iter(value)), int | float):  # then so are all, mostly
            return 8 * len(value)
        return sum(8 + _held(item, deepest - 1) for item in value)
    return 0


_sized: dict[type[Payload], tuple[str, ...]] = {}
