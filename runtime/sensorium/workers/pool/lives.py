"""The lives of workers as the pool sees them: a process, its lanes, what is under way on each."""

from __future__ import annotations

import itertools
import json
import os
import secrets
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from sensorium.workers.options import PoolOptions
from sensorium.workers.pool.arena import Outbox, Region, create_file
from sensorium.workers.pool.process import WorkerProcess
from sensorium.workers.pool.requests import Request
from sensorium.workers.pool.transport import Hub, identity

if TYPE_CHECKING:
    from sensorium.workers.pool.dispatch import Entry

BATCHES_AHEAD = 2  # in flight on one lane: one runs, one waits there, so that the lane never does

_epochs = itertools.count(1)


@dataclass(slots=True, eq=False)
class Shipped:
    """A batch that is under way."""

    number: int
    requests: dict[int, Request]
    slots: list[int]
    """Of the arena of requests; held until it is answered."""
    head_since: float = 0.0
    """When it became the oldest of its lane: the one that runs."""


@dataclass(slots=True, eq=False)
class Lane:
    """One copy of one model on one life."""

    life: Life
    entry: Entry
    number: int
    address: bytes
    since: float
    state: Literal["loading", "ready", "unloading", "failed"] = "loading"
    memory: int = 0
    in_flight: deque[Shipped] = field(default_factory=deque)

    @property
    def outstanding(self) -> int:
        """Requests under way."""
        return sum(len(batch.requests) for batch in self.in_flight)

    def find(self, number: int) -> Shipped | None:
        """The batch of that number."""
        return next((batch for batch in self.in_flight if batch.number == number), None)


class Life:
    """One process, from its start to its end. Its addresses are secret and its own: whatever
    comes from another life, or from a stranger, matches none."""

    def __init__(
        self, name: str, hub: Hub, options: PoolOptions, prepare: list[str], now: float,
        ended: Callable[[Life], None],
    ) -> None:  # fmt: skip
        self.name = name
        self.epoch = next(_epochs)
        self.token = secrets.token_hex(8).encode()
        self.control = identity(self.token, 0)
        self.started = self.last_heard = now
        self.greeted = False
        """Whether the process is up: it has said hello."""
        self.standby = False
        """A warm spare: it has its models and gets no requests."""
        self.announced = False
        self.reserved: Entry | None = None
        """Kept free of everything else for a suspect request of that model."""
        self.reason = ""
        """Why we ended it, if we did."""
        self.answered = 0
        self.rss = 0
        self.refused = 0
        self.device = ""
        self.lanes: dict[int, Lane] = {}
        self.releases: list[int] = []
        """Slots of results that were read; told with the next message."""
        self._numbers = itertools.count(1)
        requests = _file(options.request_arena)
        results = _file(options.result_arena)
        config: dict[str, Any] = {
            "endpoint": hub.endpoint,
            "secret": hub.secret,
            "token": self.token.decode(),
            "requests": [requests, options.request_arena] if options.request_arena else None,
            "results": [results, options.result_arena] if options.result_arena else None,
            "heartbeat_s": options.heartbeat_s,
            "installed": options.installed,
            "modules": list(options.modules),
            "disabled": list(options.disabled),
            "log_level": options.log_level,
            "prepare": prepare,
        }
        files = tuple(file for file in (requests, results) if file >= 0)
        try:
            self.process = WorkerProcess(
                name, json.loads(json.dumps(config)), files, lambda: ended(self),
                threads=options.threads,
            )  # fmt: skip
        except BaseException:
            for file in files:
                os.close(file)
            raise
        self.outbox = Outbox(_region(requests, options.request_arena, writable=True))
        self.results = _region(results, options.result_arena, writable=False)

    def new_lane(self, entry: Entry, now: float) -> Lane:
        """Room for one more copy of a model."""
        number = next(self._numbers)
        lane = Lane(self, entry, number, identity(self.token, number), now)
        self.lanes[number] = lane
        return lane

    def lanes_of(self, entry: Entry) -> Iterator[Lane]:
        """The lanes of that model."""
        return (lane for lane in self.lanes.values() if lane.entry is entry)

    @property
    def outstanding(self) -> int:
        """Requests under way, of all models."""
        return sum(lane.outstanding for lane in self.lanes.values())

    def take_releases(self) -> list[int]:
        """What the next message shall release."""
        releases, self.releases = self.releases, []
        return releases

    def kill(self, reason: str) -> None:
        """End the process now."""
        self.reason = self.reason or reason
        self.process.kill()

    @property
    def cause(self) -> str:
        """Why it ended, with the last it said."""
        cause = self.reason or self.process.cause
        last = " | ".join(list(self.process.tail)[-3:])
        return f"{cause}; it last said: {last}" if last else cause

    def close(self) -> None:
        """Give its memory back; the process has ended."""
        self.outbox.close()
        if self.results is not None:
            self.results.close()


def _file(size: int) -> int:
    return create_file(size) if size else -1


def _region(file: int, size: int, *, writable: bool) -> Region | None:
    return Region(file, size, writable=writable) if file >= 0 else None
