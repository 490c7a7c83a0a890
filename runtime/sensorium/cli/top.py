"""``sensorium top``: a running session, live, from another terminal."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

import click

from sensorium.errors import BadInput, SourceUnavailable
from sensorium.web.discovery import Running, running_sessions
from sensorium.web.options import DEFAULT_PORT

PATIENCE_S = 10.0  # seconds without a word after which a session counts as stuck
FIRST_LOOKS = 2  # snapshots that rates need
REMEDY = (
    "Start one with [telemetry] enabled = true in its settings, or with"
    " SENSORIUM__TELEMETRY__ENABLED=true sensorium run; --url names one elsewhere"
)


@click.command()
@click.option("--url", help="Address of the session's server, such as http://127.0.0.1:7866.")
@click.option(
    "--token-env",
    default="",
    metavar="NAME",
    help="Environment variable with the server's token (known by itself for sessions found here).",
)
@click.option(
    "--interval",
    type=click.FloatRange(0.1, 60),
    default=1.0,
    show_default=True,
    help="Seconds between two looks.",
)
@click.option("--once", is_flag=True, help="Look once and leave.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a look, one a line.")
def top(url: str | None, token_env: str, interval: float, once: bool, as_json: bool) -> None:
    """Show a running session: its edges, models, workers and last turns. Ctrl-C leaves."""
    looks = _looks(_found(url, token_env), interval)
    if once:
        looks = iter([_last_of_first(looks)])
    if as_json:
        for look in looks:
            click.echo(json.dumps(look))
    elif once:
        from sensorium.cli.top_view import on_paper, view

        paper = on_paper()
        for look in looks:
            paper.print(view(look))
    else:
        _live(looks)


def _live(looks: Iterator[dict[str, Any]]) -> None:
    from rich.live import Live

    from sensorium.cli.top_view import view

    with Live(auto_refresh=False, screen=True, vertical_overflow="crop") as live:
        for look in looks:
            live.update(view(look), refresh=True)
    click.echo("the session has ended", err=True)


def _found(url: str | None, token_env: str) -> Running:
    """The session to look at."""
    if url is not None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadInput(f"--url {url!r} is no address such as http://127.0.0.1:{DEFAULT_PORT}")
        return Running(url.rstrip("/"), 0, "", 0.0, token_env)
    running = running_sessions()
    if not running:
        return Running(f"http://127.0.0.1:{DEFAULT_PORT}", 0, "", 0.0, token_env)
    if len(running) > 1:
        others = ", ".join(f"{r.agent} (--url {r.url})" for r in running[1:])
        click.echo(f"the newest of {len(running)} sessions; the others: {others}", err=True)
    newest = running[0]
    return Running(newest.url, newest.pid, newest.agent, 0.0, token_env or newest.token_env)


def _last_of_first(looks: Iterator[dict[str, Any]]) -> dict[str, Any]:
    """The second look, which knows rates; the first if the session ends before it."""
    first = list(islice(looks, FIRST_LOOKS))
    if not first:
        raise SourceUnavailable("the session ended before it could be looked at")
    return first[-1]


def _looks(running: Running, interval_s: float) -> Iterator[dict[str, Any]]:
    """What the session says of itself, again and again until it ends."""
    path, patience_s = f"/statistics/stream?interval={interval_s}", PATIENCE_S + interval_s
    with _opened(running, path, patience_s) as answer:
        try:
            for line in answer:
                if line.startswith(b"event: end"):
                    return
                if line.startswith(b"data: "):
                    yield json.loads(line.removeprefix(b"data: "))
        except TimeoutError as error:
            raise SourceUnavailable(
                f"{running.url} has said nothing for {patience_s:g} s: its session is"
                " stuck, or gone"
            ) from error
        except (OSError, HTTPException, ValueError):  # it ended without a good-bye
            return


@contextmanager
def _opened(running: Running, path: str, patience_s: float) -> Iterator[Any]:
    request = urllib.request.Request(running.url + path)
    if running.token_env:
        token = os.environ.get(running.token_env)
        if not token:
            raise BadInput(f"the environment variable {running.token_env} holds no token")
        request.add_header("Authorization", f"Bearer {token}")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        answer = opener.open(request, timeout=patience_s)
    except urllib.error.HTTPError as error:
        with error:
            words = error.read(200).decode(errors="replace").strip()
        if error.code == 401:
            words += "; --token-env names the environment variable that holds it"
        elif error.code == 404:
            words = "this is no Sensorium server, or one without the bundled routes"
        raise SourceUnavailable(f"{running.url} answers {error.code}: {words}") from error
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise SourceUnavailable(
            f"there is no running session at {running.url} ({reason}). {REMEDY}"
        ) from error
    with answer:
        yield answer
