"""The telemetry of one session: made when settings ask for it, and else not there at all."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any

from sensorium.bus import EventBus, Subscription
from sensorium.events import AnyEvent
from sensorium.payloads import SpeechDone
from sensorium.telemetry.context import CURRENT
from sensorium.telemetry.edges import MeteredSubscription, meter_of
from sensorium.telemetry.models import MeteredExecutor
from sensorium.telemetry.options import TelemetryOptions
from sensorium.telemetry.spans import Spans, exporter_of
from sensorium.telemetry.turns import TurnTimer
from sensorium.workers.executor import Executor

if TYPE_CHECKING:
    from sensorium.session.session import Session

log = logging.getLogger("sensorium.telemetry")

Work = Callable[[], Coroutine[Any, Any, None]]


class Telemetry:
    """Measures one session.

    Mailboxes that are opened after :meth:`instrument` measure; what goes through
    :meth:`metered` and :meth:`measured` is timed, and traced if traces are wanted.
    """

    def __init__(
        self, options: TelemetryOptions, agent: str, now: Callable[[], int] = time.time_ns
    ) -> None:
        """``now`` is the session's time (ns).

        Raises :class:`MissingDependency` or :class:`OutputFailed` when traces cannot go there.
        """
        self.options = options
        self.models: MeteredExecutor | None = None
        self.turns: TurnTimer | None = None
        self._spans: Spans | None = None
        if options.traces != "off":
            self._spans = Spans(agent, exporter_of(options), options.sample, now)

    def instrument(self, bus: EventBus) -> None:
        """Let the mailboxes of ``bus`` that are opened from now on measure."""
        if self.options.enabled:
            bus.subscription_class = MeteredSubscription

    def metered(self, executor: Executor) -> Executor:
        """``executor``, timed."""
        self.models = MeteredExecutor(executor, self._spans)
        return self.models

    def measured(
        self, work: Work, component: str, event: AnyEvent, subscription: Subscription
    ) -> Work:
        """``work``, which is what ``component`` does with ``event``, timed."""
        return partial(self._measure, work, component, event, subscription)

    def start(self, session: Session) -> None:
        """Begin to follow the session's turns."""
        if not self.options.enabled:
            return

        def speaks() -> bool:
            return any(
                issubclass(output.payload_type, SpeechDone)
                for runner in session.runners.values()
                if not runner.ended.is_set()
                for output in runner.outputs.values()
            )

        self.turns = TurnTimer(session.bus, speaks, self.options.turns)
        session.scope.spawn(self.turns.run(), name="turn timings")

    async def close(self, timeout_s: float) -> None:
        """Export what is left of the traces."""
        if self._spans is not None and not await self._spans.close(timeout_s):
            log.warning("the last traces could not be exported within %s s", timeout_s)

    async def _measure(
        self, work: Work, component: str, event: AnyEvent, subscription: Subscription
    ) -> None:
        meter, spans = meter_of(subscription), self._spans
        span = spans.of(component, event) if spans is not None else None
        token = CURRENT.set(span)
        at = time.time_ns() if span is not None else 0
        begun, error = time.perf_counter_ns(), None
        try:
            await work()
        except BaseException as raised:
            error = raised
            raise
        finally:
            if meter is not None:
                meter.processing.record(time.perf_counter_ns() - begun)
            CURRENT.reset(token)
            if spans is not None and span is not None:
                spans.processed(span, component, event, at, error)


def telemetry_of(options: TelemetryOptions, agent: str, bus: EventBus) -> Telemetry | None:
    """The telemetry that the settings ask for, at work on ``bus``; None when all of it is off."""
    if not options.enabled and options.traces == "off":
        return None
    telemetry = Telemetry(options, agent, bus.clock.now)
    telemetry.instrument(bus)
    return telemetry
