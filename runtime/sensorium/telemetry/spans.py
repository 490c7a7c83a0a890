"""OpenTelemetry traces: one trace for all that came of one event, across workers.

A trace is named after the event at its head (:attr:`Event.trace_id`) and a component's span after
the component and the event it processed. So a span knows its parent, the span in which its event
was made, from the event alone: nothing has to be carried along, looked up or kept.

Times are the machine's own, whatever clock the session has: those of events are moved there.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sensorium.errors import MissingDependency, OutputFailed
from sensorium.events import AnyEvent
from sensorium.telemetry.context import CURRENT, SpanId
from sensorium.web.options import is_loopback

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span

    from sensorium.telemetry.options import TelemetryOptions

ROOTS_REMEMBERED = 4096  # traces whose first span has been made
EXPORT_S = 3.0  # seconds that one export to a collector may take
_MASK = 2**64 - 1


class Spans:
    """Makes spans and hands them to an exporter, which works in a thread of its own."""

    def __init__(
        self,
        agent: str,
        exporter: SpanExporter,
        sample: float = 1.0,
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        """``sample`` is the share of traces that is exported, ``now`` the session's time (ns)."""
        self._now = now
        sdk = _sdk()
        self._api = sdk.api
        self._empty = sdk.empty
        self._ids = sdk.ids()
        self._provider = sdk.provider(
            resource=sdk.resource.create({"service.name": agent}),
            id_generator=self._ids,
            sampler=sdk.always_on,
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(sdk.processor(exporter))
        self._tracer = self._provider.get_tracer("sensorium")
        self._flags = sdk.api.TraceFlags(sdk.api.TraceFlags.SAMPLED)
        self._salt = f"{agent}/{time.time_ns()}/{random.getrandbits(64)}/".encode()
        self._threshold = round(sample * 2**64)
        self._roots: OrderedDict[str, None] = OrderedDict()

    def of(self, component: str, event: AnyEvent) -> SpanId | None:
        """The span of ``component`` processing ``event``; None when its trace is left out."""
        trace = self._digest(event.trace_id.encode(), 16)
        if trace & _MASK >= self._threshold:
            return None
        return SpanId(trace, self._span_of(component, event.id))

    def processed(
        self, span: SpanId, component: str, event: AnyEvent, begun: int, error: BaseException | None
    ) -> None:
        """``component`` took from ``begun`` (ns since the epoch) until now for ``event``."""
        parents = event.parents or (f"{event.id} itself",)
        first, *others = (SpanId(span.trace, self._span_of(event.source, p)) for p in parents)
        ahead = 0 if self._now is time.time_ns else time.time_ns() - self._now()
        if not event.parents:
            self._root(first, event, ahead)
        attributes = {
            "sensorium.component": component,
            "sensorium.event": event.id,
            "sensorium.topic": event.topic,
            "sensorium.payload": event.payload.type_name,
            "sensorium.wait_ms": max(0, begun - event.creation_time - ahead) / 1e6,
        }
        made = self._make(f"{component} {event.topic}", span, first, begun, attributes, others)
        self._end(made, time.time_ns(), error)

    def model_call(self, model: str) -> ModelSpan | None:
        """A call of ``model`` begins, in the span that is current."""
        parent = CURRENT.get()
        if parent is None:
            return None  # not for an event, or for one whose trace is left out
        return ModelSpan(self, model, parent)

    async def close(self, timeout_s: float) -> bool:
        """Export what is left; says whether that was possible in time."""
        closing = asyncio.get_running_loop().run_in_executor(None, self._provider.shutdown)
        done, _ = await asyncio.wait([closing], timeout=timeout_s)
        return bool(done)

    def _root(self, span: SpanId, event: AnyEvent, ahead: int) -> None:
        """The span of what began a trace: from the sensor to the event. Made once a trace.

        ``ahead`` is by how much (ns) the machine's time is ahead of the session's.
        """
        if event.id in self._roots:
            return
        self._roots[event.id] = None
        if len(self._roots) > ROOTS_REMEMBERED:
            self._roots.popitem(last=False)
        begun = min(event.originating_time, event.creation_time) + ahead
        attributes = {"sensorium.event": event.id, "sensorium.topic": event.topic}
        made = self._make(f"{event.source} {event.topic}", span, None, begun, attributes)
        self._end(made, event.creation_time + ahead, None)

    def _make(
        self,
        name: str,
        span: SpanId,
        parent: SpanId | None,
        begun: int,
        attributes: dict[str, Any],
        links: Any = (),
    ) -> Span:
        api = self._api
        context = self._empty
        if parent is not None:
            context = api.set_span_in_context(api.NonRecordingSpan(self._context(parent)))
        self._ids.next = span
        return self._tracer.start_span(  # type: ignore[no-any-return]
            name,
            context=context,
            start_time=begun,
            attributes=attributes,
            links=[api.Link(self._context(link)) for link in links],
        )

    def _end(self, made: Span, ended: int, error: BaseException | None) -> None:
        if isinstance(error, asyncio.CancelledError):
            made.set_attribute("sensorium.cancelled", True)
        elif error is not None:
            said = f"{type(error).__name__}: {error}"
            made.set_status(self._api.Status(self._api.StatusCode.ERROR, said))
        made.end(ended)

    def _context(self, span: SpanId) -> Any:
        return self._api.SpanContext(span.trace, span.span, False, self._flags)

    def _span_of(self, component: str, event: str) -> int:
        return self._digest(f"{component}\0{event}".encode(), 8)

    def _digest(self, text: bytes, size: int) -> int:
        made = blake2b(self._salt + text, digest_size=size).digest()
        return int.from_bytes(made, "big") or 1  # 0 is no valid id


class ModelSpan:
    """A model call that is traced (:class:`sensorium.telemetry.context.Call`)."""

    __slots__ = ("_begun", "_id", "_model", "_parent", "_spans", "traceparent")

    def __init__(self, spans: Spans, model: str, parent: SpanId) -> None:
        self._spans = spans
        self._model = model
        self._parent = parent
        self._id = SpanId(parent.trace, random.getrandbits(64) or 1)
        self.traceparent = self._id.traceparent
        self._begun = time.time_ns()

    def ran(self, worker: str, begun: int, ended: int, batch: int) -> None:
        """A worker computed it; its clock may be another machine's, and then be wrong."""
        now = time.time_ns()
        took = max(0, ended - begun)
        latest = max(self._begun, now - took)
        begun = min(max(begun, self._begun), latest)
        attributes = {"sensorium.worker": worker, "sensorium.batch": batch}
        span = SpanId(self._id.trace, random.getrandbits(64) or 1)
        name = f"{worker} {self._model}"
        made = self._spans._make(name, span, self._id, begun, attributes)
        self._spans._end(made, min(begun + took, now), None)

    def end(self, error: BaseException | None, *, parts: int, left: bool) -> None:
        """It was answered, or failed; or its reader ``left``, having read so many parts."""
        attributes: dict[str, Any] = {"sensorium.model": self._model}
        if parts:
            attributes["sensorium.parts"] = parts
        if left:
            attributes["sensorium.left"] = True
        name = f"model {self._model}"
        made = self._spans._make(name, self._id, self._parent, self._begun, attributes)
        self._spans._end(made, time.time_ns(), error)


def exporter_of(options: TelemetryOptions) -> SpanExporter:
    """The exporter that the settings name.

    Raises :class:`MissingDependency`, and :class:`OutputFailed` when the file cannot be written.
    """
    _sdk()
    from opentelemetry.sdk.trace.export import ConsoleSpanExporter

    if options.traces == "otlp":
        return _otlp(options.endpoint)
    if options.traces == "console":
        return ConsoleSpanExporter(out=sys.stderr, formatter=_line)
    path = Path(options.path).expanduser()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        out = path.open("a", encoding="utf-8")
    except OSError as error:
        raise OutputFailed(f"traces cannot be written to {path}: {error}") from error

    class FileSpanExporter(ConsoleSpanExporter):
        """Appends to a file, which it closes."""

        def shutdown(self) -> None:
            out.close()

    return FileSpanExporter(out=out, formatter=_line)


def _otlp(endpoint: str) -> SpanExporter:
    import requests
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    session = requests.Session()
    # A proxy of the environment is no way to this machine, and would see what stays here.
    session.trust_env = not is_loopback(urlsplit(endpoint).hostname or "")
    return OTLPSpanExporter(endpoint=endpoint, timeout=EXPORT_S, session=session)


def _line(span: Any) -> str:
    text: str = span.to_json(indent=None)
    return text + "\n"


class _Sdk:
    """What is used of the OpenTelemetry SDK, imported when traces are wanted."""

    def __init__(self) -> None:
        from opentelemetry import trace
        from opentelemetry.context import Context
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.id_generator import IdGenerator
        from opentelemetry.sdk.trace.sampling import ALWAYS_ON

        class Ids(IdGenerator):
            """Gives each span the id that was made for it."""

            next = SpanId(1, 1)

            def generate_span_id(self) -> int:
                return self.next.span

            def generate_trace_id(self) -> int:
                return self.next.trace

        self.api: Any = trace
        self.empty = Context()
        self.ids = Ids
        self.provider: Any = TracerProvider
        self.processor: Any = BatchSpanProcessor
        self.resource: Any = Resource
        self.always_on = ALWAYS_ON


def _sdk() -> _Sdk:
    try:
        return _Sdk()
    except ImportError as error:
        raise MissingDependency(
            "[telemetry] traces", "opentelemetry-sdk", "pip install 'sensorium[otel]'"
        ) from error
