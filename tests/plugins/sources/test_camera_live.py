"""Cameras behind HTTP, with a server of the standard library that goes away and comes back."""

from __future__ import annotations

import http.server
import queue
import socket
import threading
from contextlib import contextmanager, suppress
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import PIL.Image
import pytest

from sensorium_plugins.sources import camera, live
from sensorium_plugins.sources.http import masked

from .conftest import SCENE, WatchedClock, failure, play, running, until

if TYPE_CHECKING:
    from collections.abc import Iterator

IMAGE = "camera/it/image"
STATE = "system/source_state"
START = 1_700_000_000_000_000_000


def jpeg(colour: str, size: tuple[int, int] = (32, 24)) -> bytes:
    out = BytesIO()
    PIL.Image.new("RGB", size, colour).save(out, "JPEG", quality=95)
    return out.getvalue()


class Server:
    """One camera's address: MJPEG at /stream, a still at /still, and what else a test sets."""

    def __init__(self, port: int = 0) -> None:
        self.parts: queue.Queue[bytes | None] = queue.Queue()  # of /stream; None hangs up
        self.still = jpeg("red")
        self.lengths = True  # whether parts say their length
        self.ranges = True  # whether /desk.mp4 can be read from the middle
        self.asked: list[str | None] = []  # the Authorization of each request
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                owner.asked.append(self.headers.get("Authorization"))
                answers = {
                    "/stream": owner.push, "/still": owner.answer, "/page": owner.page,
                    "/desk.mp4": owner.film,
                }  # fmt: skip
                answers.get(self.path, owner.miss)(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = False  # so that closing waits for them
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def url(self, path: str, user: str = "") -> str:
        return f"http://{user}127.0.0.1:{self.port}{path}"

    def push(self, to: Any) -> None:
        to.send_response(200)
        to.send_header("Content-Type", 'multipart/x-mixed-replace; boundary="frame"')
        to.end_headers()
        while (part := self.parts.get()) is not None:
            length = f"Content-Length: {len(part)}\r\n" if self.lengths else ""
            head = f"--frame\r\nContent-Type: image/jpeg\r\n{length}\r\n".encode()
            try:
                to.wfile.write(head + part + b"\r\n" + (b"" if self.lengths else b"--frame\r\n"))
            except OSError:
                return

    def answer(self, to: Any) -> None:
        self.reply(to, "image/jpeg", self.still)

    def page(self, to: Any) -> None:
        self.reply(to, "text/html; charset=utf-8", b"<html>log in</html>")

    @staticmethod
    def reply(to: Any, kind: str, body: bytes) -> None:
        to.send_response(200)
        to.send_header("Content-Type", kind)
        to.send_header("Content-Length", str(len(body)))
        to.end_headers()
        to.wfile.write(body)

    def film(self, to: Any) -> None:
        """A file by HTTP/1.1 range requests (RFC 9110, section 14), as web servers do."""
        film = (SCENE / "desk.mp4").read_bytes()
        asked = to.headers.get("Range", "bytes=0-") if self.ranges else "bytes=0-"
        begin = int(asked.removeprefix("bytes=").partition("-")[0])
        to.send_response(206 if self.ranges else 200)
        to.send_header("Content-Type", "video/mp4")
        to.send_header("Content-Length", str(len(film) - begin))
        if self.ranges:
            to.send_header("Content-Range", f"bytes {begin}-{len(film) - 1}/{len(film)}")
        to.end_headers()
        with suppress(OSError):  # FFmpeg hangs up to ask for another range
            to.wfile.write(film[begin:])

    @staticmethod
    def miss(to: Any) -> None:
        to.send_error(404)

    def close(self) -> None:
        self.parts.put(None)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def serving(port: int = 0) -> Iterator[Server]:
    server = Server(port)
    try:
        yield server
    finally:
        server.close()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


def is_colour(data: np.ndarray[Any, Any], colour: tuple[int, int, int]) -> bool:
    return bool(np.abs(data.astype(int) - colour).max() < 6)


@pytest.mark.parametrize("lengths", [True, False])
async def test_mjpeg_gives_frames_with_the_time_they_came(lengths: bool) -> None:
    clock = WatchedClock(START)
    with serving() as server:
        server.lengths = lengths
        server.parts.put(jpeg("red"))
        async with running("camera", {"source": server.url("/stream")}, clock) as it:
            first = await it.next(IMAGE)
            assert first.originating_time == START
            assert is_colour(first.payload.data, (255, 0, 0))
            await clock.advance(0.25)
            server.parts.put(jpeg("blue"))
            second = await it.next(IMAGE)
            assert second.originating_time == START + 250_000_000
            assert is_colour(second.payload.data, (0, 0, 255))
            server.parts.put(None)


async def test_mjpeg_that_goes_away_is_lost_retried_with_backoff_and_restored() -> None:
    clock = WatchedClock(START)
    with serving() as server:
        port = server.port
        server.parts.put(jpeg("red"))
        options = {"source": server.url("/stream"), "reconnect_max_s": 1.5}
        async with running("camera", options, clock) as it:
            await it.next(IMAGE)
            server.close()
            waits, at = [], clock.now()
            for _ in range(4):
                woken = await clock.wake_source()
                waits.append((woken - at) / 1e9)
                at = woken
            assert waits == [0.5, 1.0, 1.5, 1.5]
            await until(lambda: "it running" in clock.sleeping)
            with serving(port) as again:
                again.parts.put(jpeg("lime"))
                at = await clock.wake_source()
                back = await it.next(IMAGE)
                again.parts.put(None)
            assert back.originating_time == at
            assert is_colour(back.payload.data, (0, 255, 0))
            states = [e.payload.state for e in it.on(STATE)]
            assert states[:7] == ["lost"] + ["retrying"] * 5 + ["restored"]
            assert all(f":{port}/stream" in e.payload.detail for e in it.on(STATE)[:6])


async def test_a_lost_stream_fails_at_once_without_reconnect() -> None:
    with serving() as server:
        server.parts.put(jpeg("red"))
        options = {"source": server.url("/stream"), "reconnect": False}
        async with running("camera", options, WatchedClock()) as it:
            await it.next(IMAGE)
            server.parts.put(None)
            failed = (await it.next("system/component_failed")).payload
            assert failed.kind == "SourceUnavailable"
            assert [e.payload.state for e in it.on(STATE)] == ["lost"]


async def test_a_broken_picture_in_a_stream_is_passed_over() -> None:
    with serving() as server:
        for part in (jpeg("red"), b"no picture at all", jpeg("blue")):
            server.parts.put(part)
        async with running("camera", {"source": server.url("/stream")}, WatchedClock()) as it:
            while not is_colour((await it.next(IMAGE)).payload.data, (0, 0, 255)):
                pass
            assert not it.on(STATE)
            server.parts.put(None)


async def test_still_address_is_asked_on_a_grid_and_restored() -> None:
    clock = WatchedClock(START)
    with serving() as server:
        port = server.port
        async with running("camera", {"source": server.url("/still"), "fps": 4}, clock) as it:
            assert (await it.next(IMAGE)).originating_time == START
            for tick in (1, 2, 3):
                assert await clock.wake_source() == START + tick * 250_000_000
                await it.next(IMAGE)
            server.still = server.still[:200]
            await clock.wake_source()
            bad = (await it.next("system/component_failed")).payload
            assert (bad.kind, bad.action) == ("BadInput", "skip")
            server.close()
            await clock.wake_source()
            assert (await it.next(STATE)).payload.state == "lost"
            with serving(port):
                await clock.wake_source()
                assert (await it.next(IMAGE)).payload.width == 32
            assert [e.payload.state for e in it.on(STATE)] == ["lost", "retrying", "restored"]


async def test_password_is_sent_to_the_camera_and_shown_to_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with serving() as server:
        url = server.url("/still", user="me:s%40cret@")
        async with running("camera", {"source": url}, WatchedClock()) as it:
            await it.next(IMAGE)
        assert server.asked == ["Basic bWU6c0BjcmV0"]  # me:s@cret
        failed = await failure("camera", {"source": server.url("/gone", user="me:s%40cret@")})
    assert "404" in failed.error
    assert "cret" not in failed.error + caplog.text
    assert masked("rtsp://me:secret@host:554/a?b=1") == "rtsp://host:554/a?b=1"


async def test_what_is_no_camera_is_told_at_the_start() -> None:
    with serving() as server:
        page = await failure("camera", {"source": server.url("/page")})
        assert (page.kind, "text/html" in page.error) == ("BadInput", True)
        server.parts.put(jpeg("red", (300, 300)))
        large = await failure("camera", {"source": server.url("/stream"), "max_pixels": 1000})
        assert (large.kind, "300 x 300" in large.error) == ("BadInput", True)
        gone = server.url("/stream")
        server.parts.put(None)
    nobody = await failure("camera", {"source": gone})
    assert (nobody.kind, gone in nobody.error) == ("SourceUnavailable", True)


async def test_rtsp_without_a_server_is_unavailable(capfd: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    failed = await failure("camera", {"source": f"rtsp://me:secret@127.0.0.1:{port}/live"})
    assert failed.kind == "SourceUnavailable"
    assert "secret" not in failed.error
    assert not capfd.readouterr().err


async def test_a_video_behind_http_plays_like_a_file() -> None:
    with serving() as server:
        options = {"source": server.url("/desk.mp4"), "pace": "fast", "fps": 5}
        events = await play("camera", options, WatchedClock(START))
    times = [e.originating_time for e in events if e.topic == IMAGE]
    assert times == [START + k * 200_000_000 for k in range(40)]


async def test_a_video_that_cannot_be_read_over_http_is_bad_input() -> None:
    with serving() as server:
        server.ranges = False  # its index stands at its end, which nobody can get at then
        failed = await failure("camera", {"source": server.url("/desk.mp4")})
    assert (failed.kind, "holds no frame" in failed.error) == ("BadInput", True)


class FakeDevice:
    """What OpenCV gives for a webcam: frames until it is unplugged."""

    def __init__(self) -> None:
        self.frames: queue.Queue[Any] = queue.Queue()
        self.made_in = threading.get_ident()
        self.released_in = 0
        self.grabs = 0

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return True

    def set(self, *_: object) -> bool:
        return True

    def grab(self) -> bool:
        self.grabs += 1
        self.frame = self.frames.get()
        return self.frame is not None

    def retrieve(self) -> tuple[bool, Any]:
        return True, self.frame

    def release(self) -> None:
        self.released_in = threading.get_ident()


async def test_a_device_is_released_in_the_thread_that_reads_it_and_opened_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[FakeDevice] = []
    cv2 = live.quiet_cv2()
    plugged = True

    def open_device(number: int, backend: int) -> FakeDevice:
        assert number == 3
        device = FakeDevice()
        if not plugged:
            monkeypatch.setattr(device, "isOpened", lambda: False)
        made.append(device)
        return device

    monkeypatch.setattr(cv2, "VideoCapture", open_device)
    bgr = np.zeros((4, 6, 3), np.uint8)
    bgr[..., 2] = 200  # red
    clock = WatchedClock(START)
    async with running("camera", {"source": "3"}, clock) as it:
        made[0].frames.put(bgr)
        assert (await it.next(IMAGE)).payload.data[0, 0].tolist() == [200, 0, 0]
        plugged = False
        made[0].frames.put(None)
        assert (await it.next(STATE)).payload.state == "lost"
        await clock.wake_source()
        await until(lambda: "it running" in clock.sleeping)
        plugged = True
        await clock.wake_source()
        await until(lambda: len(made) == 3)
        made[2].frames.put(bgr)
        await it.next(IMAGE)
        states = [e.payload.state for e in it.on(STATE)]
        assert states == ["lost", "retrying", "retrying", "restored"]
        assert threading.get_ident() not in {device.made_in for device in made}
        made[2].frames.put(None)  # the driver comes back from its wait while closing
    assert made[0].released_in == made[0].made_in
    assert made[2].released_in == made[2].made_in


async def test_frames_that_nobody_took_in_time_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    device = FakeDevice()
    monkeypatch.setattr(live.quiet_cv2(), "VideoCapture", lambda *_: device)
    handed: list[int] = []
    put = camera.Handover.put

    def counted(self: Any, item: Any) -> None:
        put(self, item)
        handed.append(1)

    monkeypatch.setattr(camera.Handover, "put", counted)
    async with running("camera", {"source": 0}, WatchedClock()) as it:
        device.frames.put(np.zeros((2, 2, 3), np.uint8))
        await it.next(IMAGE)
        handed.clear()
        for _ in range(5):
            device.frames.put(np.zeros((2, 2, 3), np.uint8))
        while len(handed) < 5:  # the loop is kept from turning while all five arrive
            pass
        await it.next(IMAGE)
        device.frames.put(None)
        dropped = [e.payload for e in it.on("system/events_dropped")]
        assert [d.subscription for d in dropped] == ["it.capture"]
        assert dropped[0].dropped == {"superseded": 4}


async def test_fps_limits_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    device = FakeDevice()
    monkeypatch.setattr(live.quiet_cv2(), "VideoCapture", lambda *_: device)
    clock = WatchedClock(START)
    async with running("camera", {"source": 0, "fps": 2}, clock) as it:
        for index in range(20):  # a frame every 100 ms, where one every 500 ms is wanted
            device.frames.put(np.full((2, 2, 3), index, np.uint8))
            await until(lambda count=index + 2: device.grabs == count)
            await clock.advance(0.1)
        device.frames.put(None)
        await it.next(STATE)
        seen = [(e.originating_time - START, e.payload.data[0, 0, 0]) for e in it.on(IMAGE)]
    assert seen == [(k * 500_000_000, k * 5) for k in range(4)]
