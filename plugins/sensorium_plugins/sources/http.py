"""Cameras that speak HTTP: a still picture behind a URL, or MJPEG (multipart/x-mixed-replace)."""

from __future__ import annotations

import base64
import http.client
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from sensorium.errors import BadInput, SourceUnavailable

MAX_BODY = 64 * 2**20
"""Bytes of one encoded picture; no camera sends more, an endless answer would."""
MAX_LINE = 8192
BROKEN = (OSError, http.client.HTTPException, ValueError)
"""What reading from a connection that goes away may raise."""


def masked(url: str) -> str:
    """The URL without user and password: for messages and logs."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def open_url(url: str, timeout_s: float) -> Any:
    """Begin a GET request; returns the response, to be closed by the caller.

    User and password in the URL are sent as basic authentication, to that host alone. Raises
    :class:`SourceUnavailable`.
    """
    parts = urlsplit(url)
    try:
        request = urllib.request.Request(masked(url))
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            token = base64.b64encode(pair.encode()).decode()
            request.add_unredirected_header("Authorization", f"Basic {token}")
        return urllib.request.urlopen(request, timeout=timeout_s)
    except urllib.error.HTTPError as error:
        error.close()
        raise SourceUnavailable(f"{masked(url)} answers {error.code} {error.reason}") from error
    except BROKEN as error:
        reason = getattr(error, "reason", None) or error or type(error).__name__
        raise SourceUnavailable(f"cannot reach {masked(url)}: {reason}") from error


def media_type(response: Any) -> str:
    """``image/jpeg`` and the like, in lower case."""
    return str(response.headers.get_content_type())


def read_body(response: Any, url: str) -> bytes:
    """The whole answer. Raises :class:`SourceUnavailable`, or :class:`BadInput` if endless."""
    try:
        body: bytes = response.read(MAX_BODY + 1)
    except BROKEN as error:
        raise SourceUnavailable(f"{masked(url)} broke off: {error}") from error
    if len(body) > MAX_BODY:
        raise BadInput(f"{masked(url)} sends over {MAX_BODY} bytes for one picture")
    return body


class MjpegStream:
    """The parts of a ``multipart/x-mixed-replace`` answer (RFC 2046, section 5.1)."""

    def __init__(self, response: Any, url: str) -> None:
        self._response = response
        self._name = masked(url)
        boundary = response.headers.get_param("boundary") or ""
        # some cameras already write the two dashes into the header
        self._boundary = b"--" + str(boundary).strip('"').encode().removeprefix(b"--")

    def next_part(self) -> bytes:
        """One encoded picture. Raises :class:`SourceUnavailable` when the stream ends."""
        try:
            length = self._skip_to_body()
            body = self._until_boundary() if length is None else self._response.read(length)
        except BROKEN as error:
            raise SourceUnavailable(f"{self._name} went away: {error}") from error
        if length is not None and len(body) < length:
            raise SourceUnavailable(f"{self._name} broke off inside a picture")
        return bytes(body)

    def close(self) -> None:
        """Hang up."""
        self._response.close()

    def _line(self) -> bytes:
        line: bytes = self._response.readline(MAX_LINE)
        if not line:
            raise SourceUnavailable(f"{self._name} ended the stream")
        return line

    def _skip_to_body(self) -> int | None:
        """Read boundary and headers of a part; returns its length in bytes, where given."""
        length = None
        in_headers = False
        while True:
            line = self._line().strip()
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
                if not 0 < length <= MAX_BODY:
                    raise SourceUnavailable(f"{self._name} announces a picture of {length} bytes")
            if line and not line.startswith(b"--"):
                in_headers = True
            elif not line and in_headers:
                return length

    def _until_boundary(self) -> bytes:
        body = bytearray()
        while not (line := self._line()).startswith(self._boundary):
            body += line
            if len(body) > MAX_BODY:
                raise SourceUnavailable(f"{self._name} sends a picture without end")
        return bytes(body).removesuffix(b"\n").removesuffix(b"\r")
