"""Traces over OTLP, to a collector that is a few lines of a test."""

from __future__ import annotations

import asyncio
import gzip
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from session_parts import Shouting, send

from sensorium.errors import SettingsError
from sensorium.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LINE = b"\r\n"


@asynccontextmanager
async def collector() -> AsyncIterator[tuple[str, list[ExportTraceServiceRequest]]]:
    """Its address, and what it was sent."""
    heard: list[ExportTraceServiceRequest] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(2 * LINE)
        assert head.startswith(b"POST /v1/traces HTTP/1.1")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(LINE)[1:] if line)
        body = await reader.readexactly(int(fields[b"content-length"]))
        if fields.get(b"content-encoding") == b"gzip":
            body = gzip.decompress(body)
        heard.append(ExportTraceServiceRequest.FromString(body))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/v1/traces", heard


@pytest.mark.parametrize("proxied", [False, True])
async def test_spans_arrive_and_no_proxy_sees_those_that_stay_here(
    running: Any, monkeypatch: pytest.MonkeyPatch, proxied: bool
) -> None:
    if proxied:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
    async with collector() as (endpoint, heard):
        settings = {"telemetry": {"traces": "otlp", "endpoint": endpoint}}
        async with running({"shouting": Shouting}, settings) as session:
            await send(session, "hello")
            await session.settled()
    resources = [resource for request in heard for resource in request.resource_spans]
    spans = [s for r in resources for scope in r.scope_spans for s in scope.spans]
    by_name = {span.name: span for span in spans}
    assert by_name.keys() == {"test text/test", "shouting text/test"}
    assert by_name["shouting text/test"].parent_span_id == by_name["test text/test"].span_id


async def test_no_collector_holds_nobody_up(running: Any, caplog: pytest.LogCaptureFixture) -> None:
    settings = {
        "telemetry": {"traces": "otlp", "endpoint": "http://127.0.0.1:1/v1/traces"},
        "shutdown": {"cancel_s": 10.0},
    }
    with caplog.at_level(logging.CRITICAL, logger="opentelemetry"):
        async with running({"shouting": Shouting}, settings) as session:
            await send(session, "hello")
            await session.settled()
    assert "could not be exported" not in caplog.text


@pytest.mark.parametrize("endpoint", ["localhost:4318", "grpc://localhost:4317", ""])
def test_an_endpoint_that_is_none(endpoint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(environ={}, overrides={"telemetry": {"endpoint": endpoint}})
    assert caught.value.key == "telemetry.endpoint"
