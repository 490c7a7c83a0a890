"""Traces: every span linked to the one that its event was made in, across a worker process."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from session_parts import Counting, Picky, Shouting, send

from sensorium.clocks import WallClock
from sensorium.components import Fuser, Input, Output, Perceiver
from sensorium.errors import OutputFailed
from sensorium.payloads import Interrupted, Text
from sensorium.session import Session
from sensorium.settings import load_settings
from sensorium.telemetry.context import CURRENT, SpanId
from sensorium.telemetry.snapshot import pools, snapshot
from sensorium.telemetry.spans import Spans
from sensorium.web.prometheus import exposition
from sensorium.workers.model import Model

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

FAKES = Path(__file__).parent / "traced_models.py"


class Echoing(Perceiver):
    takes = {"loud": Input("loud/+", Text)}
    gives = {"echo": Output("echo/{name}", Text)}

    async def process(self, event: Any, emit: Any) -> None:
        await emit(event.payload)


def tree(exporter: InMemorySpanExporter) -> dict[str, str]:
    """The parent of each span, by name; "" for none. Names are those of one trace."""
    spans = exporter.get_finished_spans()
    names = {span.context.span_id: span.name for span in spans}
    assert len(set(names.values())) == len(spans), [span.name for span in spans]
    assert len({span.context.trace_id for span in spans}) == 1
    return {span.name: names[span.parent.span_id] if span.parent else "" for span in spans}


def named(exporter: InMemorySpanExporter, name: str) -> ReadableSpan:
    (span,) = [span for span in exporter.get_finished_spans() if span.name == name]
    return span


async def test_spans_of_a_chain_of_components(running: Any, exporter: Any) -> None:
    components = {"shouting": Shouting, "echoing": Echoing}
    async with running(components, exporter=exporter, clock=WallClock()) as session:
        await send(session, "hello")
        await session.settled()
    assert tree(exporter) == {
        "test text/test": "",
        "shouting text/test": "test text/test",
        "echoing loud/shouting": "shouting text/test",
    }
    for span in exporter.get_finished_spans():
        assert span.start_time <= span.end_time
    attributes = dict(named(exporter, "echoing loud/shouting").attributes)
    assert attributes["sensorium.event"].startswith("shouting#")
    assert attributes["sensorium.wait_ms"] >= 0
    assert exporter.get_finished_spans()[0].resource.attributes["service.name"] == "agent"


async def test_a_session_in_virtual_time_has_spans_in_real_time(
    running: Any, exporter: Any
) -> None:
    before = time.time_ns()
    async with running({"shouting": Shouting}, exporter=exporter) as session:
        await send(session, "hello")
        await session.settled()
    for span in exporter.get_finished_spans():
        assert before <= span.start_time <= span.end_time <= time.time_ns()


async def test_each_source_event_begins_a_trace_of_its_own(running: Any, exporter: Any) -> None:
    async with running({"counting": Counting, "shouting": Shouting}, exporter=exporter) as session:
        await session.wait()
    spans = exporter.get_finished_spans()
    assert len({span.context.trace_id for span in spans}) == 3
    assert len({span.context.span_id for span in spans}) == len(spans)
    assert sorted(span.name for span in spans) == (
        ["counting text/counting"] * 3 + ["shouting text/counting"] * 3
    )


async def test_an_event_of_two_parents_links_to_the_other(running: Any, exporter: Any) -> None:
    class Pairing(Fuser):
        takes = {"loud": Input("loud/+", Text)}
        gives = {"pair": Output("pair/{name}", Text)}

        async def setup(self) -> None:
            self.first: Any = None

        async def process(self, event: Any, emit: Any) -> None:
            if self.first is not None:
                await emit(Text("both"), parents=(event, self.first))
            self.first = event

    class Last(Perceiver):
        takes = {"pair": Input("pair/+", Text)}

        async def process(self, event: Any, emit: Any) -> None:
            pass

    components = {"shouting": Shouting, "pairing": Pairing, "last": Last}
    async with running(components, exporter=exporter) as session:
        await send(session, "a", "b")
        await session.settled()
    pairing = [s for s in exporter.get_finished_spans() if s.name.startswith("pairing")]
    last = named(exporter, "last pair/pairing")
    assert last.parent.span_id == pairing[1].context.span_id
    assert [link.context.span_id for link in last.links] == [pairing[0].context.span_id]


async def test_errors_and_cancellations_show(running: Any, exporter: Any) -> None:
    begun = asyncio.Event()

    class Slow(Perceiver):
        interruptible = True
        takes = {"text": Input("text/+", Text)}

        async def process(self, event: Any, emit: Any) -> None:
            begun.set()
            await asyncio.get_running_loop().create_future()

    settings = {"components": {"picky": {"on_error": {"action": "skip"}}, "slow": {}}}
    async with running({"picky": Picky, "slow": Slow}, settings, exporter=exporter) as session:
        await send(session, "bad")
        await begun.wait()
        await session.announce(Interrupted("enough"))
        await session.settled()
    picky, slow = named(exporter, "picky text/test"), named(exporter, "slow text/test")
    assert picky.status.status_code is StatusCode.ERROR
    assert picky.status.description == "BadInput: not to my taste"
    assert slow.status.status_code is StatusCode.UNSET
    assert slow.attributes["sensorium.cancelled"] is True


class Asking(Perceiver):
    takes = {"text": Input("text/+", Text)}
    gives = {"answer": Output("answer/{name}", Text)}

    async def process(self, event: Any, emit: Any) -> None:
        said = await self.model("echo").infer(event.payload.text)
        async with self.model("echo").stream(event.payload.text) as parts:
            said += "".join([part async for part in parts])
        await emit(Text(said))


class Echo(Model[str, str]):
    def load(self, device: str) -> None:
        pass

    def infer(self, batch: Any) -> Any:
        return list(batch)

    def stream(self, request: str) -> Any:
        yield from request


async def test_a_model_call_is_a_child_of_who_asked(running: Any, exporter: Any) -> None:
    async with running({"asking": Asking}, models={"echo": Echo}, exporter=exporter) as session:
        await send(session, "hi")
        await session.settled()
        assert session.telemetry.models.meters["echo"].requests == 2
    asking = named(exporter, "asking text/test")
    calls = [span for span in exporter.get_finished_spans() if span.name == "model echo"]
    assert [call.parent.span_id for call in calls] == [asking.context.span_id] * 2
    assert calls[1].attributes["sensorium.parts"] == 2
    assert CURRENT.get() is None


async def test_spans_link_across_a_real_worker_process(running: Any, exporter: Any) -> None:
    settings = {
        "models": {"echo": {"placement": "worker"}},
        "workers": {"devices": ["cpu"], "spare": "none", "installed": False, "threads": 1},
        "plugins": {"modules": [str(FAKES)]},
    }
    async with running(
        {"asking": Asking}, settings, models={"echo": Echo}, exporter=exporter, clock=WallClock()
    ) as session:
        answers = session.bus.subscribe("answer/+")
        await send(session, "hi")
        answer = await answers.get()
        await session.settled()
        (pool,) = pools(session)
        (worker,) = pool.statistics().workers
        (model,) = snapshot(session)["models"]
        metrics, _ = await exposition(session)
    assert (model["where"], model["requests"], model["batch_sizes"]) == ("worker", 2, {"1": 2})
    assert b'sensorium_model_batch_size_bucket{le="1.0",model="echo"} 2.0' in metrics
    said, pid = answer.payload.text.removesuffix("hi").split()
    assert (said, int(pid)) == ("hi", worker.pid)  # it was that process that answered
    asking = named(exporter, "asking text/test")
    spans = {span.context.span_id: span for span in exporter.get_finished_spans()}
    inside = [span for span in spans.values() if span.name == "cpu echo"]
    assert len(inside) == 2
    for span in inside:
        call = spans[span.parent.span_id]
        assert call.name == "model echo"
        assert call.parent.span_id == asking.context.span_id
        assert span.context.trace_id == call.context.trace_id == asking.context.trace_id
        assert span.attributes["sensorium.worker"] == "cpu"
        assert span.attributes["sensorium.batch"] == 1
        assert call.start_time <= span.start_time <= span.end_time <= call.end_time


def test_times_of_a_worker_whose_clock_is_wrong_stay_within_the_call(exporter: Any) -> None:
    spans = Spans("agent", exporter)
    token = CURRENT.set(SpanId(7, 8))
    call = spans.model_call("m")
    CURRENT.reset(token)
    assert call is not None
    assert call.traceparent.startswith(f"00-{7:032x}-")
    call.ran("far", 10**18, 10**18 + 5_000, 3)  # decades ago
    call.ran("far", 2 * 10**18, 2 * 10**18 + 5_000, 3)  # decades ahead
    call.end(None, parts=0, left=False)
    spans._provider.shutdown()
    *ran, own = exporter.get_finished_spans()
    for span in ran:
        assert own.start_time <= span.start_time <= span.end_time <= own.end_time


async def test_a_trace_is_sampled_whole_or_not_at_all(running: Any, exporter: Any) -> None:
    settings = {"telemetry": {"sample": 0.5}}
    components = {"shouting": Shouting, "echoing": Echoing}
    async with running(components, settings, exporter=exporter) as session:
        await send(session, *map(str, range(200)))
        await session.settled()
    spans = exporter.get_finished_spans()
    traces: dict[int, int] = {}
    for span in spans:
        traces[span.context.trace_id] = traces.get(span.context.trace_id, 0) + 1
    assert set(traces.values()) == {3}
    assert 50 < len(traces) < 150  # 10 standard deviations


async def test_traces_in_a_file(tmp_path: Path, running: Any) -> None:
    path = tmp_path / "new" / "traces.jsonl"
    settings = {"telemetry": {"traces": "file", "path": str(path)}}
    async with running({"shouting": Shouting}, settings) as session:
        await send(session, "hello")
        await session.settled()
    spans = [json.loads(line) for line in path.read_text().splitlines()]
    assert {span["name"] for span in spans} == {"test text/test", "shouting text/test"}


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "traces.jsonl"
    overrides = {"telemetry": {"traces": "file", "path": str(path)}}
    with pytest.raises(OutputFailed, match="traces cannot be written"):
        Session(load_settings(environ={}, overrides=overrides))
