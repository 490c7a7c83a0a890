"""Who may ask: everybody on this machine, or whoever shows the token."""

from __future__ import annotations

import base64
import binascii
import hmac
import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sensorium.errors import SettingsError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from sensorium.web.options import WebOptions

SHORTEST = 16  # characters of a token
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


def token_of(options: WebOptions) -> str:
    """The token that requests have to show; "" for none.

    Raises :class:`SettingsError` when its environment variable is empty or too short.
    """
    name = options.token_env
    if not name:
        return ""
    token = os.environ.get(name, "")
    if len(token) < SHORTEST:
        said = "is not set" if not token else f"holds fewer than {SHORTEST} characters"
        raise SettingsError(
            f"[web] token_env: the environment variable {name} {said};"
            " `openssl rand -hex 16` makes a token",
            key="web.token_env",
        )
    return token


class Guard:
    """ASGI middleware. With a token: ``Authorization: Bearer TOKEN``, or Basic with the token as
    the password, which browsers ask for. Without one: only requests that name this machine, so
    that no website can reach the server through a name of its own (DNS rebinding). With or without:
    none that a browser sends for a page of another website, which could have it press buttons here.
    """

    def __init__(self, app: ASGIApp, token: str, host: str) -> None:
        self._app = app
        self._token = token.encode()
        self._hosts = _LOCAL | {host}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401 or 403, or hand the request on."""
        if scope["type"] != "http":
            return

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"x-content-type-options", b"nosniff"),
                    (b"cache-control", b"no-store"),
                ]
            await send(message)

        headers = dict(scope["headers"])
        if self._token and not self._knows(headers.get(b"authorization", b"")):
            await _refuse(sealed, 401, b"show the token: Authorization: Bearer TOKEN\n")
        elif not self._token and _host_of(headers.get(b"host", b"")) not in self._hosts:
            await _refuse(sealed, 403, b"this server answers only to names of this machine\n")
        elif not _from_here(headers):
            await _refuse(sealed, 403, b"this server takes no requests from other websites\n")
        else:
            await self._app(scope, receive, sealed)

    def _knows(self, shown: bytes) -> bool:
        scheme, _, value = shown.partition(b" ")
        value = value.strip()
        if scheme.lower() == b"basic":
            try:
                value = base64.b64decode(value, validate=True).partition(b":")[2]
            except binascii.Error:
                return False
        elif scheme.lower() != b"bearer":
            return False
        return hmac.compare_digest(value, self._token)


def _from_here(headers: dict[bytes, bytes]) -> bool:
    """Whether no browser says that a page from elsewhere has sent the request."""
    origin = headers.get(b"origin")
    if origin is None:
        return True
    return origin.partition(b"://")[2].lower() == headers.get(b"host", b"").lower()


def _host_of(header: bytes) -> str:
    try:
        return urlsplit(f"//{header.decode('ascii')}").hostname or ""
    except (UnicodeDecodeError, ValueError):
        return ""


async def _refuse(send: Send, status: int, words: bytes) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    if status == 401:
        headers += [
            (b"www-authenticate", b'Bearer realm="sensorium"'),
            (b"www-authenticate", b'Basic realm="sensorium", charset="UTF-8"'),
        ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": words})
