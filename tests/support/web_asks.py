"""A tiny HTTP client on the test's own loop: it leaves no thread behind."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass
class Answer:
    """What a server said."""

    status: int
    headers: dict[str, str]
    body: str

    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)


@asynccontextmanager
async def opened(
    url: str, headers: Mapping[str, str] | None = None, method: str = "GET"
) -> AsyncIterator[tuple[int, dict[str, str], asyncio.StreamReader]]:
    """Status, headers and a reader of the body, which HTTP/1.0 ends with the connection."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        sent = {"Host": parts.netloc} | dict(headers or {})
        lines = [f"{method} {path} HTTP/1.0", *(f"{k}: {v}" for k, v in sent.items()), "", ""]
        writer.write("\r\n".join(lines).encode())
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        held = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        yield int(head[0].split()[1]), held, reader
    finally:
        writer.close()
        await writer.wait_closed()


async def ask(url: str, headers: Mapping[str, str] | None = None, method: str = "GET") -> Answer:
    """One request, one whole answer."""
    async with opened(url, headers, method) as (status, held, reader):
        return Answer(status, held, (await reader.read()).decode())
