"""The lives of workers as the pool sees them: a process, its lanes, what is under way on each."""

from __future__ import annotations

import asyncio
import itertools
import os
import secrets
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from sensorium.workers.options import PoolOptions
from sensorium.workers.pool.arena import Outbox, Region, create_file
from sensorium.workers.pool.forks import Forks
from sensorium.workers.pool.lines import Trunk
from sensorium.workers.pool.process import WorkerProcess
from sensorium.workers.pool.protocol import Frame
from sensorium.workers.pool.requests import Request
from sensorium.workers.pool.transport import Hub, identity

if TYPE_CHECKING:
    from sensorium.workers.pool.entries import Entry

Send = Callable[[bytes, list[Frame]], bool]

BATCHES_AHEAD = 2  # in flight on one lane: one runs, one waits there, so that the lane never does

_epochs = itertools.count(1)


@dataclass(slots=True, eq=False)
class Shipped:
    """A batch that is under way."""

    number: int
    requests: list[Request]
    slots: list[int]
    """Of the arena of requests; held until it is answered."""
    head_since: float = 0.0
    """When it became the oldest of its lane: the one that runs."""
    life: Life | None = None
    """To which it was sent."""


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


class Process(Protocol):
    """What serves a life: a process here, or one on another machine."""

    tail: deque[str]
    """The last it said."""

    @property
    def pid(self) -> int:
        """Its process id, on its own machine."""

    @property
    def cause(self) -> str:
        """What it ended with, in words."""

    def kill(self) -> None:
        """End it, or have no more to do with it; the life is told, once, when that is done."""


class Life:
    """One process, from its start to its end. Its addresses are secret and its own: whatever
    comes from another life, or from a stranger, matches none."""

    process: Process

    def __init__(self, name: str, token: bytes, send: Send, now: float) -> None:
        """``token`` begins its addresses, ``send`` reaches them."""
        self.name = name
        self.epoch = next(_epochs)
        self.token = token
        self.send = send
        self.control = identity(self.token, 0)
        self.started = self.last_heard = now
        self.greeted = False
        """Whether the process is up: it has said hello."""
        self.remote = False
        """Whether it runs on another machine, and has joined."""
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
        self.trunk: Trunk | None = None
        """Of one on this machine: the lines of its lanes."""
        self.releases: list[int] = []
        """Slots of results that were read; told with the next message."""
        self._numbers = itertools.count(1)
        self.outbox = Outbox(None)
        self.results: Region | None = None

    def new_lane(self, entry: Entry, now: float) -> Lane:
        """Room for one more copy of a model."""
        number = next(self._numbers)
        lane = Lane(self, entry, number, identity(self.token, number), now)
        self.lanes[number] = lane
        if self.trunk is not None:
            self.trunk.open(number, lane.address)
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
        """Give its memory back and hang up; the process has ended."""
        if self.trunk is not None:
            self.trunk.close()
        self.outbox.close()
        if self.results is not None:
            self.results.close()


@dataclass(eq=False)
class Post:
    """One worker of the pool: a name and a device, whatever process serves it now."""

    name: str
    device: str
    remote: bool = False
    """Whether its lives join from other machines, instead of being started here."""
    instance: str = ""
    """Who joins as this, of a remote one."""
    life: Life | None = None
    spare: Life | None = None
    failures: int = 0
    """Lives in a row that ended without having answered anything."""
    lost_at: float | None = None
    given_up: str = ""
    """Why there is no life and will be none."""
    restart: asyncio.TimerHandle | None = None


def start_life(
    name: str, hub: Hub, options: PoolOptions, prepare: list[str], forks: Forks | None,
    now: float, ended: Callable[[Life], None],
) -> Life:  # fmt: skip
    """A life on this machine: starts its process, with shared memory for arrays.

    Raises OSError when the system has no room for it.
    """
    token = secrets.token_hex(8)
    life = Life(name, token.encode(), hub.send, now)
    life.trunk = Trunk(hub.received, life.kill, hub.send)
    life.send = life.trunk.send
    sizes = (options.request_arena, options.result_arena)
    files: list[int] = []
    try:
        for size in filter(None, sizes):
            files.append(create_file(size))
        config = {
            "endpoint": hub.endpoint,
            "secret": hub.secret,
            "token": token,
            "requests": [0, sizes[0]] if sizes[0] else None,
            "results": [len(files) - 1, sizes[1]] if sizes[1] else None,
            "trunk": len(files),
            "heartbeat_s": options.heartbeat_s,
            **imports(options, prepare),
        }
        inherited = (*files, life.trunk.theirs.fileno())
        life.process = WorkerProcess(
            name, config, inherited, lambda: ended(life), threads=options.threads, forks=forks
        )
    except BaseException:
        for file in files:
            os.close(file)
        life.trunk.close()
        raise
    life.trunk.theirs.close()
    if sizes[0]:
        life.outbox = Outbox(Region(files[0], sizes[0], writable=True))
    if sizes[1]:
        life.results = Region(files[-1], sizes[1], writable=False)
    return life


def imports(options: PoolOptions, prepare: list[str]) -> dict[str, Any]:
    """What a worker, or the template of workers, is told to import."""
    return {
        "installed": options.installed,
        "modules": list(options.modules),
        "disabled": list(options.disabled),
        "log_level": options.log_level,
        "prepare": prepare,
    }
