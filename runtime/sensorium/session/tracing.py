"""Notes what a session lends its components, for whoever listens (see :mod:`sensorium.trace`)."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Container,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import (
    AbstractContextManager,
    aclosing,
    asynccontextmanager,
    contextmanager,
)
from typing import TYPE_CHECKING, Any

from sensorium.bus import EventBus, Merged, Subscription, SubscriptionStatistics
from sensorium.clocks import Clock
from sensorium.events import AnyEvent
from sensorium.plugins.manager import Plugins
from sensorium.session.surroundings import Mailbox, Surroundings
from sensorium.settings import Settings
from sensorium.trace import (
    ClockRead,
    ModelAsked,
    ModelCall,
    ModelPart,
    Sleep,
    Steps,
    Taken,
    TraceListener,
    TraceRecord,
)
from sensorium.workers.executor import ModelHandle

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import DTypeLike, NDArray


class SessionTrace:
    """Tells its listeners of everything: ``context.trace`` of a session that is recorded."""

    def __init__(self, bus: EventBus, settings: Settings, plugins: Plugins) -> None:
        self.settings = settings
        self.plugins = plugins
        self._bus = bus
        self.step = Steps().now
        self._listeners: list[TraceListener] = []

    def listen(self, listener: TraceListener, name: str) -> None:
        """Tell ``listener`` of everything from now until the session ends."""
        self._listeners.append(listener)
        self._bus.tap(listener.published, name=name)

    def statistics(self) -> list[SubscriptionStatistics]:
        """Counts of every subscription of the session."""
        return self._bus.statistics()

    def note(self, record: TraceRecord) -> None:
        """Tell everybody who listens."""
        for listener in self._listeners:
            listener.traced(record)


class TracedSurroundings(Surroundings):
    """Lends what a live session lends, and notes each use."""

    def __init__(
        self,
        clock: Clock,
        models: Mapping[str, ModelHandle],
        trace: SessionTrace,
        untraced: Container[str],
    ) -> None:
        super().__init__(clock, models)
        self._trace = trace
        self._untraced = untraced
        self._lent: dict[str, dict[str, ModelHandle]] = {}
        self._sleeps: dict[str, Iterator[int]] = defaultdict(itertools.count)

    def clock_of(self, component: str) -> Clock:
        """The session's clock; what it tells the component is noted."""
        if component in self._untraced:
            return self._clock
        return _TracedClock(self._clock, component, self._trace, self._sleeps[component])

    def models_of(self, component: str) -> Mapping[str, ModelHandle]:
        """The session's models; what they answer the component is noted.

        A component that is restarted goes on counting its calls.
        """
        if component in self._untraced:
            return self._models
        if component not in self._lent:
            self._lent[component] = {
                name: _TracedModel(handle, component, self._clock.now, self._trace)
                for name, handle in self._models.items()
            }
        return self._lent[component]

    def mailbox_of(self, component: str, subscriptions: Sequence[Subscription]) -> Mailbox:
        """A plain mailbox; which events it hands out is noted."""
        if component in self._untraced:
            return Merged(subscriptions)
        return _TracedMailbox(Merged(subscriptions), component, self._clock.now, self._trace)


class _TracedClock(Clock):
    def __init__(
        self, clock: Clock, component: str, trace: SessionTrace, numbers: Iterator[int]
    ) -> None:
        def now() -> int:
            at = clock.now()
            trace.note(ClockRead(component, at))
            return at

        self.now = now
        self._clock = clock
        self._component = component
        self._trace = trace
        self._numbers = numbers

    async def sleep_until(self, when: int, *, background: bool = False) -> None:
        name, number = self._component, next(self._numbers)
        self._trace.note(Sleep(name, when, self._clock.now(), woke=False, number=number))
        await self._clock.sleep_until(when, background=background)
        self._trace.note(
            Sleep(name, when, self._clock.now(), woke=True, number=number, step=self._trace.step())
        )

    def hold(self) -> AbstractContextManager[None]:
        return self._clock.hold()


class _TracedMailbox:
    def __init__(
        self, mailbox: Mailbox, component: str, now: Callable[[], int], trace: SessionTrace
    ) -> None:
        self._mailbox = mailbox
        self._component = component
        self._now = now
        self._trace = trace
        self.stop = mailbox.stop

    async def get(self) -> tuple[int, AnyEvent]:
        index, event = await self._mailbox.get()
        self._trace.note(Taken(self._component, index, event.id, self._now(), self._trace.step()))
        return index, event


class _TracedModel(ModelHandle):
    """A model as one component sees it, each call of which is noted when it has ended."""

    def __init__(
        self, handle: ModelHandle, component: str, now: Callable[[], int], trace: SessionTrace
    ) -> None:
        self.name = handle.name
        self._handle = handle
        self._component = component
        self._now = now
        self._trace = trace
        self._numbers = itertools.count()

    async def load(self) -> None:
        """As :meth:`ModelHandle.load`."""
        await self._handle.load()

    async def infer(self, request: Any, **options: Any) -> Any:
        """As :meth:`ModelHandle.infer`."""
        with self._noting(request) as note:
            result = await self._handle.infer(request, **options)
            note("done", result)
        return result

    def buffer(self, shape: tuple[int, ...], dtype: DTypeLike = "uint8") -> NDArray[np.generic]:
        """As :meth:`ModelHandle.buffer`."""
        return self._handle.buffer(shape, dtype)

    @asynccontextmanager
    async def stream(self, request: Any, **options: Any) -> AsyncIterator[AsyncIterator[Any]]:
        """As :meth:`ModelHandle.stream`; the call is noted when its parts have ended, failed or
        are read no further."""

        async def noted(parts: AsyncIterator[Any]) -> AsyncGenerator[Any, None]:
            with self._noting(request) as note:
                async for one in parts:
                    note("part", one)
                    yield one
                note("done")

        async with self._handle.stream(request, **options) as parts, aclosing(noted(parts)) as own:
            yield own

    @contextmanager
    def _noting(self, request: Any) -> Iterator[Callable[..., None]]:
        """Notes that a call begins; gives what notes its parts and its end."""
        from sensorium.recording.digest import large_and_frozen, request_digest

        number, begun = next(self._numbers), self._now()

        def tell(outcome: str, *parts: Any, asked: str = "", **error: Any) -> None:
            at = self._now()
            came = tuple(ModelPart(at, value) for value in parts)
            call = (self._component, self.name, number, asked, begun, at, came, outcome, error)
            self._trace.note(ModelCall(*call, step=self._trace.step()))

        asked = large_and_frozen(request)
        if asked is None:
            tell("begun", asked=request_digest(request))
        else:
            self._trace.note(
                ModelAsked(
                    self._component, self.name, number, "", begun, begun, (), "begun",
                    step=self._trace.step(), asked=asked,
                )
            )  # fmt: skip
        try:
            yield tell
        except Exception as error:
            from sensorium.workers.pool.faults import describe

            tell("failed", **describe(self.name, error))
            raise
        except BaseException:  # GeneratorExit, too: the parts are read no further
            tell("cancelled")
            raise
