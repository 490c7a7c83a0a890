"""The bundled routes: health, metrics, statistics, and the live page."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import AsyncGenerator
from importlib.resources import files
from typing import TYPE_CHECKING

from sensorium.telemetry.snapshot import Rates, snapshot

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from sensorium.web.app import WebApp

SHORTEST_S, LONGEST_S = 0.1, 60.0  # seconds between two messages of a stream
FRESH_S = 0.05  # for so long several streams are told the same
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline';"
    " connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'"
)


def add_routes(app: WebApp) -> None:
    """``/``, ``/health``, ``/metrics``, ``/statistics`` and ``/statistics/stream``."""
    bundled = _Bundled(app)
    app.add_route("/", bundled.page)
    app.add_route("/health", bundled.health)
    app.add_route("/metrics", bundled.metrics)
    app.add_route("/statistics", bundled.statistics)
    app.add_route("/statistics/stream", bundled.stream)


class _Bundled:
    def __init__(self, app: WebApp) -> None:
        self._app = app
        self._session = app.session
        self._rates = Rates()
        self._last = ""
        self._fresh_until = 0.0

    async def page(self, request: Request) -> Response:
        """The graph, live, in one page that needs nothing else."""
        from starlette.responses import HTMLResponse

        text = files("sensorium.web").joinpath("page.html").read_text(encoding="utf-8")
        return HTMLResponse(text, headers={"content-security-policy": POLICY})

    async def health(self, request: Request) -> Response:
        """200 while the session runs and no component has failed for good, else 503."""
        from starlette.responses import JSONResponse

        runners = self._session.runners
        failed = {n: str(r.failure) for n, r in runners.items() if r.failure is not None}
        starting = not self._session.started.is_set()
        status = "starting" if starting else "failing" if failed else "ok"
        said = {"status": status, "agent": self._session.settings.agent.name, "failed": failed}
        return JSONResponse(said, 200 if status == "ok" else 503)

    async def metrics(self, request: Request) -> Response:
        """In the text format of Prometheus, or OpenMetrics where that is asked for."""
        from starlette.responses import Response

        from sensorium.web.prometheus import exposition

        body, kind = await exposition(self._session, request.headers.get("accept", ""))
        return Response(body, headers={"content-type": kind})

    async def statistics(self, request: Request) -> Response:
        """The session as one JSON value."""
        from starlette.responses import JSONResponse

        return JSONResponse(snapshot(self._session, self._rates))

    async def stream(self, request: Request) -> Response:
        """The same again and again, as server-sent events; ``?interval=`` in seconds."""
        from starlette.exceptions import HTTPException
        from starlette.responses import StreamingResponse

        try:
            interval = float(request.query_params.get("interval", "1"))
        except ValueError:
            interval = math.nan
        if not SHORTEST_S <= interval <= LONGEST_S:
            raise HTTPException(
                400, f"interval is a number of seconds from {SHORTEST_S} to {LONGEST_S}"
            )
        return StreamingResponse(self._snapshots(interval), media_type="text/event-stream")

    def _look(self) -> str:
        """The session as JSON, made at most once in :data:`FRESH_S` however many streams want it:
        the loop that it takes is the agent's."""
        now = time.monotonic()
        if now >= self._fresh_until:
            self._last = json.dumps(snapshot(self._session, self._rates))
            self._fresh_until = now + FRESH_S
        return self._last

    async def _snapshots(self, interval_s: float) -> AsyncGenerator[str, None]:
        closing = self._app.closing
        while not closing.is_set():
            yield f"data: {self._look()}\n\n"
            try:
                async with asyncio.timeout(interval_s):
                    await closing.wait()
            except TimeoutError:
                continue
        yield "event: end\ndata: {}\n\n"
