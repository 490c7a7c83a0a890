"""Runs one component: set-up, its loop, its failures, its end."""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from sensorium.bus import Merged, Subscription
from sensorium.components import Component, Context, Source
from sensorium.delivery import DropReason
from sensorium.effects import Effects
from sensorium.errors import BusClosed, Cancelled, PayloadError
from sensorium.events import AnyEvent
from sensorium.payloads.base import Payload
from sensorium.payloads.system import ComponentEnded, ComponentFailed, ComponentReady
from sensorium.plugins.hookspecs import ErrorAction
from sensorium.session.emit import BoundEmit, Publisher
from sensorium.session.host import Host
from sensorium.session.supervision import Supervisor
from sensorium.session.surroundings import Mailbox
from sensorium.session.tasks import TaskScope
from sensorium.session.wiring import Part
from sensorium.trace import UNTRACED

_Work = Callable[[], Coroutine[Any, Any, None]]  # not begun, so that it may never be

INTERRUPTED_TOPIC = "system/interrupted"


class Runner:
    """One component of a session and everything that keeps it going."""

    def __init__(self, session: Host, part: Part) -> None:
        self.name = name = part.name
        self.component_class = part.component_class
        self.traces = part.component_class.traces
        self.ready = asyncio.Event()
        """Set once the component takes events, or has ended without."""
        self.ended = asyncio.Event()
        self.failure: Exception | None = None
        """What it last raised, if that disabled it."""
        self.busy = False
        self.inputs = part.inputs
        self.outputs = part.outputs
        self.log = logging.LoggerAdapter(
            logging.getLogger(f"sensorium.component.{name}"), {"component": name}
        )
        self._session = session
        self._part = part
        self._supervisor = Supervisor(part.on_error)
        self._publisher = Publisher(session.bus, name, self.outputs)
        self._subscriptions: list[Subscription] = []
        self._scope = TaskScope(self._spawned_failed)
        self._spawn_error: Exception | None = None
        self._decided: ErrorAction | None = None
        self._clock = session.surroundings.clock_of(name)
        self._mailbox: Mailbox = Merged(())
        self._component: Component | None = None
        self._current: asyncio.Task[Exception | None] | None = None
        """``process`` of an interruptible component, or ``run`` of a source."""

    @property
    def is_source(self) -> bool:
        """Whether it makes events by itself."""
        return issubclass(self.component_class, Source)

    @property
    def is_traced(self) -> bool:
        """Whether a session that is recorded notes what it does."""
        return self.component_class.kind not in UNTRACED

    @property
    def idle(self) -> bool:
        """Whether it has ended, or waits with nothing in its mailboxes."""
        if self.ended.is_set():
            return True
        return not self.busy and not any(s.pending for s in self._subscriptions)

    @property
    def unfinished(self) -> bool:
        """Whether the component will emit by itself, later."""
        component = self._component
        return component is not None and not self.ended.is_set() and component.unfinished

    def subscribe(self) -> None:
        """Open the mailboxes: before anything is set up, so that nothing published is missed."""
        for key, wanted in self.inputs.items():
            policy = wanted.policy or wanted.payload_type.default_policy
            subscription = self._session.bus.subscribe(
                wanted.pattern, policy, name=f"{self.name}.{key}"
            )
            self._subscriptions.append(subscription)

    async def run(self) -> None:
        """Set up and run the component until it ends; restart it as the supervisor says."""
        interruptions: Subscription | None = None
        if self.component_class.interruptible:
            interruptions = self._session.bus.tap(
                self._interrupted, name=f"{self.name}.interrupted", pattern=INTERRUPTED_TOPIC
            )
        reason = "cancelled"
        try:
            reason = await self._live()
        finally:
            if interruptions is not None:
                interruptions.close()
            for subscription in self._subscriptions:
                subscription.close()
                self._session.report_drops(subscription.statistics(), final=True)
            self.busy = False
            self.ready.set()
            self.ended.set()
            self._session.activity()
            if not self._session.bus.closed:
                self._session.announce_soon(ComponentEnded(self.name, reason))

    async def _live(self) -> str:
        while True:
            error, during, event = await self._one_life()
            if error is None:
                return "reached its end" if self.is_source else "its inputs closed"
            if self._session.bus.closed:  # it would not end in time, and now nobody listens
                return "outlived the session"
            action = await self._report(error, during, event)
            self.busy = False
            self._session.activity()
            if action is ErrorAction.STOP:
                self.failure = error
                self._session.request_stop(f"component {self.name!r} failed: {error}")
                return "stopped the session"
            if action is not ErrorAction.RESTART:
                self.failure = error
                return f"disabled: {error}"
            await self._clock.sleep(self._supervisor.backoff(self._clock.now()))

    async def _one_life(self) -> tuple[Exception | None, str, AnyEvent | None]:
        """From set-up to close; returns what ended it, when, and at which event."""
        during, event = "setup", None
        outcome: Exception | None = None
        self._spawn_error = self._decided = None
        component: Component | None = None
        try:
            component = self._component = self.component_class(self._part.options, self._context())
            await component.setup()
            await self._announce(ComponentReady(self.name))
            self.ready.set()
            self._session.activity()
            if isinstance(component, Source):
                during = "run"
                await self._session.started.wait()
                outcome = await self._run_source(component)
            else:
                during = "process"
                outcome, event = await self._serve(component)
        except Exception as error:  # noqa: BLE001 - the supervisor decides, whatever it was
            outcome = error
        except asyncio.CancelledError:
            outcome = _not_asked_for()
        finally:
            stuck = await self._scope.cancel(self._session.settings.shutdown.cancel_s)
            for name in stuck:
                self.log.error("task %s of component %s ignores cancellation", name, self.name)
            failed = await self._close(component)
            await self._session.ledger.abandon(self.name, self._clock)
        if outcome is None and failed is not None:
            return failed, "close", None
        return outcome, during, event

    async def _close(self, component: Component | None) -> Exception | None:
        try:
            if component is not None:
                await component.close()
        except Exception as error:  # noqa: BLE001 - closing must not hide the first failure
            self.log.error("component %s failed in close: %s", self.name, error)
            return error
        return None

    async def _run_source(self, component: Source) -> Exception | None:
        """Run a source to its end, or until a task that it spawned fails."""
        if self._spawn_error is None:
            running = partial(component.run, self._publisher.because_of(None))
            error = await self._as_task(running, f"{self.name} running")
            return self._spawn_error or error
        return self._spawn_error

    async def _serve(self, component: Any) -> tuple[Exception | None, AnyEvent | None]:
        """Hand events to ``process`` one at a time, until the inputs close or it fails."""
        mailbox = self._session.surroundings.mailbox_of(self.name, self._subscriptions)
        self._mailbox = mailbox
        if self._spawn_error is not None:  # raised while setting up
            mailbox.stop()
        names, wanted = list(self.inputs), list(self.inputs.values())
        while True:
            try:
                index, event = await mailbox.get()
            except BusClosed:
                return self._spawn_error, None
            self.busy = True
            component.came_by = names[index]
            if isinstance(event.payload, wanted[index].payload_type):
                error = await self._process(component, event, index)
            else:
                error = PayloadError(
                    f"{event.topic} carries {type(event.payload).__name__}; the input takes"
                    f" {wanted[index].payload_type.__name__}"
                )
            if error is not None and not await self._skips(error, event):
                return error, event  # busy until the failure has been reported
            self.busy = False
            self._session.activity()

    async def _process(self, component: Any, event: AnyEvent, index: int) -> Exception | None:
        work: _Work = partial(component.process, event, self._publisher.because_of(event))
        if self._session.telemetry is not None:
            mailbox = self._subscriptions[index]
            work = self._session.telemetry.measured(work, self.name, event, mailbox)
        if not self.component_class.interruptible:
            return await _outcome(work)
        return await self._as_task(work, f"{self.name} processing {event.id}")

    async def _as_task(self, work: _Work, name: str) -> Exception | None:
        """Do ``work`` where it can be cancelled by itself; returns what it raised."""
        self._current = self._session.scope.spawn(_outcome(work), name=name)
        try:
            await asyncio.wait([self._current])
        except asyncio.CancelledError:
            self._current.cancel()
            await asyncio.wait([self._current])
            raise
        finally:
            current, self._current = self._current, None
        return None if current.cancelled() else current.result()

    async def _skips(self, error: Exception, event: AnyEvent) -> bool:
        self._decided = self._decide(error, "process")
        if self._decided is not ErrorAction.SKIP:
            return False
        await self._announce_failure(error, "process", event, ErrorAction.SKIP)
        return True

    def _interrupted(self, event: AnyEvent) -> None:
        """Give up what waits and what is under way, in the very moment of the interruption."""
        for subscription in self._subscriptions:
            subscription.discard(DropReason.INTERRUPTED, lambda held: True)
        if self._current is not None and not self.is_source:
            self._current.cancel()

    async def _report(self, error: Exception, during: str, event: AnyEvent | None) -> ErrorAction:
        action = self._decided or self._decide(error, during)
        self._session.count_failure(self.name)
        await self._announce_failure(error, during, event, action)
        return action

    def _decide(self, error: Exception, during: str) -> ErrorAction:
        now = self._clock.now()
        asked = self._session.ask_plugins(self.name, self._component, error)
        action = asked or self._supervisor.decide(error, during=during, now=now)
        if action is ErrorAction.SKIP and during != "process":
            return ErrorAction.DISABLE
        if action is ErrorAction.RESTART and during == "close":
            return ErrorAction.DISABLE  # its work was done: doing it again mends nothing
        return action

    async def _announce_failure(
        self, error: Exception, during: str, event: AnyEvent | None, action: ErrorAction
    ) -> None:
        at = f" at event {event.id} ({event.topic})" if event is not None else ""
        self.log.error(
            "component %s failed in %s%s: %s: %s -> %s",
            self.name, during, at, type(error).__name__, error, action.value,
            exc_info=error if self.log.isEnabledFor(logging.DEBUG) else None,
        )  # fmt: skip
        if event is not None and isinstance(event.payload, ComponentFailed):
            return  # said in the log: announcing it could go round for ever
        failed = ComponentFailed(
            component=self.name,
            plugin=self._part.plugin,
            error=f"{type(error).__name__}: {error}",
            kind=type(error).__name__,
            action=action.value,
            during=during,
            event=event.id if event is not None else "",
        )
        await self._announce(failed)

    async def _announce(self, payload: Payload) -> None:
        await self._session.announce(payload, source=self.name)

    def _context(self) -> Context:
        surroundings = self._session.surroundings
        return Context(
            name=self.name,
            clock=self._clock,
            log=self.log,
            payloads=self._session.plugins.payloads,
            seed=zlib.crc32(self.name.encode()) ^ self._session.settings.agent.seed,
            models=surroundings.models_of(self.name),
            emit=BoundEmit(self._publisher, None),
            spawn=self._spawn,
            announce=self._announce,
            effects=Effects(self._session.ledger, self.name, self._clock),
            trace=self._session.trace,
        )

    def _spawn(self, coroutine: Coroutine[Any, Any, None], *, name: str) -> None:
        task = self._scope.spawn(coroutine, name=f"{self.name} {name}")
        task.add_done_callback(lambda _: self._session.activity())

    def _spawned_failed(self, name: str, error: Exception) -> None:
        """A task the component spawned raised: the component failed."""
        self.log.error("%s raised %s: %s", name, type(error).__name__, error)
        self._spawn_error = self._spawn_error or error
        self._mailbox.stop()
        if self.is_source and self._current is not None:
            self._current.cancel()


async def _outcome(work: _Work) -> Exception | None:
    try:
        await work()
    except Exception as error:  # noqa: BLE001 - handed to the supervisor
        return error
    except asyncio.CancelledError:
        return _not_asked_for()
    return None


def _not_asked_for() -> Exception:
    """The error of a task that met a cancelled future; re-raises if the task is to end itself."""
    task = asyncio.current_task()
    if task is None or task.cancelling():
        raise
    return Cancelled("something that it waited for was cancelled")
