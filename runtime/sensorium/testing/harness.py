"""Running one component by itself, in a real session on a real bus."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sensorium.bus import Subscription
from sensorium.clocks import Clock, VirtualClock, WallClock, tasks_blocked
from sensorium.components import Component
from sensorium.delivery import DeliveryPolicy, EventClass
from sensorium.errors import BusClosed, ComponentError, PluginError, SensoriumError
from sensorium.events import NS_PER_S, AnyEvent
from sensorium.payloads.base import Payload
from sensorium.payloads.system import ComponentFailed
from sensorium.plugins.hookspecs import ErrorAction
from sensorium.plugins.manager import Plugins, load_plugins
from sensorium.session import Session
from sensorium.settings import Settings
from sensorium.topics import matches
from sensorium.workers.model import Model

SENDER = "harness"
STUCK_S = 10.0  # real seconds: nothing a test waits for takes longer
CANCEL_S = 1.0  # real seconds a cancelled component has to end

FakeModel = type[Model[Any, Any]] | Model[Any, Any] | Callable[[Any], Any]


class Harness:
    """The running component as a test sees it. Made by :func:`run_component`."""

    def __init__(self, session: Session, name: str, heard: Subscription) -> None:
        self.session = session
        self.name = name
        """The component's name in the session."""
        self._runner = session.runners[name]
        self._heard = heard
        self._from_component: list[AnyEvent] = []
        self._failures_seen = False

    @property
    def clock(self) -> Clock:
        """The session's clock."""
        return self.session.clock

    @property
    def events(self) -> list[AnyEvent]:
        """Data and control events the component has published so far, in order."""
        published = (e for e in self._taken() if e.event_class is not EventClass.SYSTEM)
        return sorted(published, key=lambda event: event.sequence)

    @property
    def announcements(self) -> list[AnyEvent]:
        """System events in the component's name so far: ready, failed, its source's state."""
        system = (e for e in self._taken() if e.event_class is EventClass.SYSTEM)
        return sorted(system, key=lambda event: event.sequence)

    @property
    def failures(self) -> list[ComponentFailed]:
        """What the component has raised so far. A test that never looks fails if there is any."""
        self._failures_seen = True
        return self._failed()

    @property
    def error(self) -> Exception | None:
        """The exception that ended the component, if one did."""
        self._failures_seen = True
        return self._runner.failure

    @property
    def ended(self) -> bool:
        """Whether the component has ended: a source at its end, or disabled after a failure."""
        return self._runner.ended.is_set()

    def events_on(self, pattern: str) -> list[AnyEvent]:
        """Those of :attr:`events` whose topic falls under ``pattern`` (MQTT wildcards)."""
        return [event for event in self.events if matches(pattern, event.topic)]

    async def send(
        self, topic: str, payload: Payload, *, originating_time: int | None = None
    ) -> AnyEvent:
        """Publish an event for the component; ``originating_time`` (ns) defaults to now.

        Raises :class:`ComponentError` when the component does not listen to that topic or has
        ended: the event would go nowhere.
        """
        patterns = [wanted.pattern for wanted in self._runner.inputs.values()]
        if not any(matches(pattern, topic) for pattern in patterns):
            listened = ", ".join(patterns) or "nothing: it is a source"
            raise ComponentError(self.name, f"does not take {topic!r}; it takes: {listened}")
        if self.ended:
            raise ComponentError(self.name, f"has ended{self._why()}: it takes no more events")
        return await self.session.bus.publish(
            topic, payload, source=SENDER, originating_time=originating_time
        )

    async def interrupt(self, reason: str = "a test") -> None:
        """Interrupt the session, as a user who starts to speak does."""
        await self.session.interrupt(reason)
        await tasks_blocked()

    async def settled(self) -> None:
        """Return once the component has worked off everything that was sent.

        Under a :class:`VirtualClock`, a component that sleeps in ``process`` needs
        :meth:`advance`. Raises :class:`ComponentError` after 10 real seconds.
        """
        try:
            await asyncio.wait_for(self.session.settled(), STUCK_S)
        except TimeoutError:
            raise ComponentError(
                self.name, "is still busy. Does it sleep on a clock that needs advance()?"
            ) from None
        await tasks_blocked()

    async def advance(self, seconds: float) -> None:
        """Move the virtual clock; every sleeper wakes at its time and runs to its next wait."""
        await self._virtual("advance()").advance(seconds)

    async def finished(self, *, within: float = 3600.0) -> None:
        """Return once a source has reached its end, moving a virtual clock as needed.

        Raises :class:`ComponentError` when it has not after ``within`` seconds of its clock
        (and, where threads are at work, 10 real seconds).
        """
        clock = self.clock
        if isinstance(clock, VirtualClock):
            limit = clock.now() + round(within * NS_PER_S)
            await tasks_blocked()
            while not self.ended and (when := clock.next_wake) is not None and when <= limit:
                await clock.advance((when - clock.now()) / NS_PER_S)
            within = STUCK_S
        try:
            await asyncio.wait_for(self._runner.ended.wait(), within)
        except TimeoutError:
            raise ComponentError(self.name, "has not reached its end in time") from None

    def _virtual(self, wanted_by: str) -> VirtualClock:
        if not isinstance(self.clock, VirtualClock):
            raise SensoriumError(f"{wanted_by} needs run_component(..., clock=VirtualClock())")
        return self.clock

    def _taken(self) -> list[AnyEvent]:
        while (event := self._heard.get_nowait()) is not None:
            self.keep(event)
        return self._from_component

    def keep(self, event: AnyEvent) -> None:
        """Remember an event that was heard on the bus."""
        if event.source == self.name:
            self._from_component.append(event)

    def _failed(self) -> list[ComponentFailed]:
        payloads = [event.payload for event in self.announcements]
        return [payload for payload in payloads if isinstance(payload, ComponentFailed)]

    def _why(self) -> str:
        failed = self._failed()
        return f" ({failed[-1].error})" if failed else ""

    def unseen_failure(self) -> str:
        """The first failure in words, unless the test has looked at the failures."""
        failed = [] if self._failures_seen else self._failed()
        if not failed:
            return ""
        at = f" at event {failed[0].event}" if failed[0].event else ""
        return f"failed in {failed[0].during}{at}: {failed[0].error}"


@asynccontextmanager
async def run_component(
    component: type[Component],
    *,
    options: Mapping[str, Any] | None = None,
    name: str = "",
    plugins: Iterable[Any] = (),
    clock: Clock | None = None,
    models: Mapping[str, FakeModel] | None = None,
    on_error: ErrorAction = ErrorAction.DISABLE,
    seed: int = 0,
) -> AsyncIterator[Harness]:
    """Run ``component`` in a session of its own; yields once it is set up (or has failed to).

    ``name`` defaults to the class's name in snake case. ``plugins`` are modules or objects with
    hooks to load beside it. ``models`` gives what ``self.model(name)`` finds: a
    :class:`Model` class or object, or a function from one request to one result.
    ``on_error`` is what a failure leads to where no plugin says otherwise.

    Raises :class:`SettingsError` for options it does not take, :class:`PluginError` for a plugin
    that does not load, and at the end :class:`ComponentError` for a failure that the test did
    not look at.
    """
    name = name or _snake_case(component.__name__)
    session = Session(
        Settings.model_validate(_settings(name, options, models or {}, on_error, seed)),
        _load(component, name, plugins, models or {}),
        clock or WallClock(),
    )
    heard = session.bus.subscribe("#", DeliveryPolicy.block(1024), name=SENDER)
    harness: Harness | None = None
    try:
        async with session:
            harness = Harness(session, name, heard)
            session.scope.spawn(_listen(heard, harness), name="harness listens")
            yield harness
            await tasks_blocked()
    except Exception as error:
        if harness is not None and (failure := harness.unseen_failure()):
            error.add_note(f"component {name!r} {failure}")
        raise
    if failure := harness.unseen_failure():
        raise ComponentError(name, failure)


async def _listen(heard: Subscription, harness: Harness) -> None:
    """Keep the mailbox empty, so that the harness never holds the component up."""
    try:
        while True:
            harness.keep(await heard.get())
    except BusClosed:
        return


def _settings(
    name: str,
    options: Mapping[str, Any] | None,
    models: Mapping[str, FakeModel],
    on_error: ErrorAction,
    seed: int,
) -> dict[str, Any]:
    return {
        "agent": {"seed": seed},
        "shutdown": {"cancel_s": CANCEL_S},
        "watchdog": {"enabled": False},  # it watches real time, which a test has no say in
        "models": {model: {"placement": "inline"} for model in models},
        "components": {
            name: {"options": dict(options or {}), "on_error": {"action": on_error.value}}
        },
    }


def _load(
    component: type[Component],
    name: str,
    plugins: Iterable[Any],
    models: Mapping[str, FakeModel],
) -> Plugins:
    extra = [(f"test-{index}", plugin) for index, plugin in enumerate(plugins)]
    loaded = load_plugins(installed=False, extra=extra)
    for failed in loaded.failures:
        said = failed.error.removeprefix(f"plugin {failed.name!r}: ")
        raise PluginError(failed.origin, said)
    registry = loaded.kinds.get(component.kind)
    if registry is None:
        raise PluginError(
            component.__name__,
            "is of no kind: subclass Source, Perceiver, Fuser, Planner, Actuator or Sink",
        )
    if name not in registry or registry.get(name) is not component:
        registry.add(name, component)
    for model, fake in models.items():
        loaded.models.add(model, _as_model(fake))
    return loaded


def _as_model(fake: FakeModel) -> type[Model[Any, Any]]:
    if isinstance(fake, type):
        return fake
    held = fake if isinstance(fake, Model) else staticmethod(fake)
    return type("Fake", (_Fake,), {"held": held})


class _Fake(Model[Any, Any]):
    """Answers with a function, or with another model."""

    held: Any = None

    def load(self, device: str) -> None:
        if isinstance(self.held, Model):
            self.held.load(device)

    def infer(self, batch: Sequence[Any]) -> Sequence[Any]:
        if isinstance(self.held, Model):
            return self.held.infer(batch)
        return [self.held(request) for request in batch]

    def stream(self, request: Any) -> Any:
        if isinstance(self.held, Model):
            return self.held.stream(request)
        return super().stream(request)


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
