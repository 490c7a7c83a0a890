"""Keeps the workers of a pool alive: starts, watches, replaces and ends their processes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from sensorium.errors import ModelError
from sensorium.errors import WorkerLost as WorkerLostError
from sensorium.payloads.base import Payload
from sensorium.payloads.system import WorkerLost, WorkerReady, WorkerRestarted
from sensorium.workers.options import PoolOptions
from sensorium.workers.pool import joining, protocol
from sensorium.workers.pool.dispatch import Dispatcher
from sensorium.workers.pool.door import Door
from sensorium.workers.pool.entries import Entry
from sensorium.workers.pool.faults import rebuild
from sensorium.workers.pool.forks import Forks
from sensorium.workers.pool.lives import Lane, Life, Post, imports, start_life
from sensorium.workers.pool.transport import Hub
from sensorium.workers.pool.watching import trouble

log = logging.getLogger("sensorium.workers")

RESERVE = "reserve"


class Supervisor:
    """The posts of a pool and the lives that serve them."""

    def __init__(
        self,
        options: PoolOptions,
        entries: dict[str, Entry],
        hub: Hub,
        dispatcher: Dispatcher,
        announce: Callable[[Payload], None],
    ) -> None:
        self.options = options
        self.posts = {name: Post(name, d) for name, d in options.worker_names().items()}
        self.lives: dict[bytes, Life] = {}
        """By token."""
        self.reserve: Life | None = None
        """A started process that has no post and no model yet."""
        self._entries = entries
        self._hub = hub
        self._dispatcher = dispatcher
        self._announce = announce
        self._loop = asyncio.get_running_loop()
        self._prepare = sorted({entry.spec.use for entry in entries.values()})
        self._forks = (
            Forks(imports(options, self._prepare), options.threads) if options.fork else None
        )
        self._closing = False
        self._all_ended = asyncio.Event()
        self.door = Door(options, hub, self) if options.listen else None
        """Where remote workers join."""
        self._tick_s = min(options.heartbeat_s, options.grace_s, options.hang_s / 2) / 2
        self._next_tick = self._loop.time() + self._tick_s
        self._timer = self._loop.call_at(self._next_tick, self._tick)

    def start(self) -> None:
        """Start a process for every post. Workers on other machines come by themselves."""
        for post in self.posts.values():
            post.life = self._spawn(post.name)

    # --- models ---------------------------------------------------------------------------

    def posts_of(self, entry: Entry) -> list[Post]:
        """The posts that host that model."""
        names = entry.spec.workers
        return [post for post in self.posts.values() if not names or post.name in names]

    def load(self, entry: Entry) -> None:
        """Bring a model up on every life of its posts; posts given up are tried again."""
        entry.wanted = True
        entry.error = None
        if self.door is not None and not self.posts_of(entry):
            log.warning("model %r waits for a worker to join at %s", entry.name, self.door.endpoint)
        for post in self.posts_of(entry):
            if post.given_up:
                post.given_up, post.failures = "", 0
                post.life = self._spawn(post.name)
            for life in (post.life, post.spare):
                if life is not None and life.greeted:
                    self._load_on(life, post, entry)

    def loading(self, entry: Entry) -> bool:
        """Whether a lane of that model is there, or may still come."""
        for post in self.posts_of(entry):
            life = post.life
            if life is None:
                if not post.given_up:
                    return True
            elif not life.greeted or any(lane.state != "failed" for lane in life.lanes_of(entry)):
                return True
        if self.door is None:
            return False
        return not self.posts or any(name not in self.posts for name in entry.spec.workers)

    def unload(self, entry: Entry) -> list[Lane]:
        """Let a model go everywhere; returns the lanes that were told to."""
        entry.wanted = False
        told = []
        for life in self.lives.values():
            for lane in life.lanes_of(entry):
                if lane.state == "ready":
                    self.send(life, lane.address, protocol.encode(protocol.Unload()))
                if lane.state in ("loading", "ready"):
                    lane.state = "unloading"  # one that loads is told when it is up
                    told.append(lane)
        entry.lanes = []
        return told

    def send(self, life: Life, address: bytes, frames: list[protocol.Frame]) -> None:
        """Send to a life. One that cannot be reached any more is ended: nothing waits for it."""
        if not life.send(address, frames) and not self._closing:
            life.kill("its connection is gone")

    # --- what lives say -------------------------------------------------------------------

    def hello(self, life: Life, message: protocol.Hello) -> None:
        """The process is up."""
        life.greeted = True
        for failure in message.failures:
            log.warning("%s cannot load plugin %s", life.name, failure)
        post = self._post_of(life)
        if post is not None:
            self.equip(life, post)

    def loaded(self, lane: Lane, message: protocol.Loaded) -> None:
        """A model is up on a lane."""
        if lane.state == "unloading":
            self.send(lane.life, lane.address, protocol.encode(protocol.Unload()))
        if lane.state != "loading":
            return
        lane.entry.error = None
        lane.state, lane.memory = "ready", message.memory
        lane.life.device = message.device
        if not lane.life.standby:
            lane.entry.lanes.append(lane)
            self._dispatcher.pump_soon(lane.entry)
        lane.entry.changed.set()
        self._look_ready(lane.life)

    def load_failed(self, lane: Lane, message: protocol.LoadFailed) -> None:
        """A model cannot be loaded there."""
        entry = lane.entry
        if lane.state == "unloading":
            del lane.life.lanes[lane.number]
            entry.changed.set()
            return
        lane.state = "failed"
        entry.error = rebuild(entry.name, message.error)
        log.error("%s: %s", lane.life.name, entry.error)
        entry.changed.set()
        if not self.loading(entry):
            self._dispatcher.fail_waiting(entry, entry.error)
        self._look_ready(lane.life)

    def unloaded(self, lane: Lane) -> None:
        """A model is gone from there."""
        lane.life.lanes.pop(lane.number, None)
        lane.entry.changed.set()
        post = self._post_of(lane.life)
        if post is not None and lane.entry.wanted:  # it was wanted again meanwhile
            self._load_on(lane.life, post, lane.entry)

    # --- lives ----------------------------------------------------------------------------

    def _spawn(self, name: str, *, standby: bool = False) -> Life:
        life = start_life(
            name, self._hub, self.options, self._prepare, self._forks, self._loop.time(),
            self.ended,
        )  # fmt: skip
        life.standby = standby
        self.lives[life.token] = life
        return life

    def _post_of(self, life: Life) -> Post | None:
        return next((p for p in self.posts.values() if life in (p.life, p.spare)), None)

    def equip(self, life: Life, post: Post) -> None:
        """Load on a life what its post hosts; it is up."""
        for entry in self._entries.values():
            if entry.wanted and post in self.posts_of(entry):
                self._load_on(life, post, entry)
        self._look_ready(life)

    def _load_on(self, life: Life, post: Post, entry: Entry) -> None:
        for lane in list(life.lanes_of(entry)):
            if lane.state == "failed":
                del life.lanes[lane.number]
        missing = entry.spec.concurrency - sum(1 for _ in life.lanes_of(entry))
        for _ in range(missing):
            lane = life.new_lane(entry, self._loop.time())
            order = protocol.Load(
                lane.number, entry.name, entry.spec.use, entry.spec.options, post.device
            )
            self.send(life, life.control, protocol.encode(order))

    def _look_ready(self, life: Life) -> None:
        if life.announced or any(lane.state == "loading" for lane in life.lanes.values()):
            return
        post = self._post_of(life)
        if post is None or life.standby:
            return
        life.announced = True
        since = life.started if post.lost_at is None else post.lost_at
        post.lost_at = None
        seconds = self._loop.time() - since
        device = life.device or post.device
        self._announce(WorkerReady(post.name, device, life.epoch, life.process.pid, seconds))
        self._provide_spares()

    def _provide_spares(self) -> None:
        """Start what stands by, once nobody who works is still starting."""
        if self._closing or any(
            post.life and not post.life.announced and not post.remote
            for post in self.posts.values()
        ):
            return
        try:
            if self.options.spare == "blank" and self.reserve is None and self.options.devices:
                self.reserve = self._spawn(RESERVE)
            if self.options.spare == "warm":
                for post in self.posts.values():
                    if post.spare is None and not post.given_up and not post.remote:
                        post.spare = self._spawn(f"{post.name} (spare)", standby=True)
        except OSError as error:  # tried again when the next worker is ready
            log.error("no spare worker can be started: %s", error)

    def ended(self, life: Life) -> None:
        """The process of a life is gone."""
        self._drain()  # what it said before counts
        self.lives.pop(life.token, None)
        if not self._closing:
            pid, in_flight = life.process.pid, life.outstanding
            self._announce(WorkerLost(life.name, life.epoch, pid, life.cause, in_flight))
            log.warning("worker %s was lost: %s", life.name, life.cause)
        self._dispatcher.lose(life)
        life.close()
        if not self._closing:
            self._replace(life)
        if not self.lives:
            self._all_ended.set()

    def _replace(self, life: Life) -> None:
        if life is self.reserve:
            self.reserve = None
            return  # the next one is started when it is needed or a worker is ready
        post = self._post_of(life)
        if post is None:
            return
        if life is post.spare:
            post.spare = None
            return
        post.life = None
        post.lost_at = self._loop.time() if post.lost_at is None else post.lost_at
        if post.remote:
            return  # it comes back, or does not
        post.failures = 0 if life.answered else post.failures + 1
        if post.failures >= self.options.max_failures:
            self._give_up(post, life)
            return
        post.restart = self._loop.call_later(self._wait_s(post.failures), self._man, post)

    def _wait_s(self, failures: int) -> float:
        if failures <= 1:
            return 0.0
        wait_s = self.options.backoff_s * 2.0 ** min(failures - 2, 30)
        return min(wait_s, self.options.max_backoff_s)

    def _man(self, post: Post) -> None:
        """Give a post a life: its spare, the reserve (both may still be starting), or a new one."""
        post.restart = None
        spare, reserve = post.spare, self.reserve
        if spare is not None:
            how, post.spare = "warm", None
            post.life, spare.name, spare.standby = spare, post.name, False
            for lane in spare.lanes.values():
                if lane.state == "ready":
                    lane.entry.lanes.append(lane)
                    self._dispatcher.pump_soon(lane.entry)
            if spare.greeted:
                self.equip(spare, post)
        elif reserve is not None:
            how, self.reserve = "blank", None
            post.life, reserve.name = reserve, post.name
            if reserve.greeted:
                self.equip(reserve, post)
        else:
            try:
                how, post.life = "cold", self._spawn(post.name)
            except OSError as error:  # no descriptors or processes left: later, perhaps
                log.error("worker %s cannot be started: %s", post.name, error)
                post.failures += 1
                wait_s = max(self.options.backoff_s, self._wait_s(post.failures))
                post.restart = self._loop.call_later(wait_s, self._man, post)
                return
        assert post.life is not None
        self._announce(WorkerRestarted(post.name, post.life.epoch, post.failures, how))

    def _give_up(self, post: Post, life: Life) -> None:
        post.given_up = life.cause
        log.error(
            "worker %s is given up: %s lives in a row answered nothing; the last: %s",
            post.name, post.failures, life.cause,
        )  # fmt: skip
        self._announce(WorkerRestarted(post.name, life.epoch, post.failures, "given_up"))
        for entry in self._entries.values():
            if post in self.posts_of(entry):
                entry.changed.set()
                if not self.loading(entry):
                    error = WorkerLostError(entry.name, post.name, f"given up: {life.cause}")
                    entry.error = error
                    self._dispatcher.fail_waiting(entry, error)

    # --- watching -------------------------------------------------------------------------

    def _tick(self) -> None:
        now = self._loop.time()
        late = now - self._next_tick
        if late > self._tick_s:  # the loop stood still: we, not they, were not listening
            for life in self.lives.values():
                life.last_heard += late
        self._drain()
        for life in list(self.lives.values()):
            if life.remote:  # told so that it knows, and so that we do when it is gone
                self.send(life, life.control, [joining.PULSE])
            reason = trouble(life, self.options, now)
            if reason:
                life.kill(reason)
        self._next_tick = now + self._tick_s
        self._timer = self._loop.call_at(self._next_tick, self._tick)

    def _drain(self) -> None:
        self._hub.drain()
        for life in tuple(self.lives.values()):
            if life.trunk is not None:
                life.trunk.drain()
        if self.door is not None:
            self.door.drain()

    # --- the end --------------------------------------------------------------------------

    async def close(self) -> None:
        """End every process, in order if it will, and wait until it is gone."""
        self._closing = True
        self._timer.cancel()
        for post in self.posts.values():
            if post.restart is not None:
                post.restart.cancel()
        self._tell_all(self.lives.values())
        try:
            await self._wait_ended(self.options.stop_s)
        finally:
            for life in list(self.lives.values()):
                life.kill("the pool was closed")
            await self._wait_ended(None)
            if self.door is not None:
                self.door.close()
            if self._forks is not None:
                await self._forks.close()

    def _tell_all(self, lives: Iterable[Life]) -> None:
        for life in lives:
            if life.remote or not life.greeted:
                life.kill("the pool was closed")
                continue
            for lane in life.lanes.values():
                if lane.state in ("loading", "ready"):
                    self.send(life, lane.address, protocol.encode(protocol.Unload()))
            self.send(life, life.control, protocol.encode(protocol.Stop()))

    async def _wait_ended(self, timeout_s: float | None) -> None:
        if not self.lives:
            return
        self._all_ended.clear()
        try:
            await asyncio.wait_for(self._all_ended.wait(), timeout_s)
        except TimeoutError:
            return

    def explain(self, entry: Entry) -> BaseException:
        """Why no lane of that model is there."""
        if entry.error is not None:
            return entry.error
        return ModelError(entry.name, "no worker of the pool hosts it")
