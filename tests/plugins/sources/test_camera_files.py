from __future__ import annotations

import struct
import threading
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import PIL.Image
import pytest

from sensorium import VirtualClock
from sensorium_plugins.sources.opencv import quiet_cv2

from .conftest import SCENE, WatchedClock, failure, play, running

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from sensorium.events import AnyEvent

VIDEO = SCENE / "desk.mp4"  # 640x360, 15 frames/s, 120 frames
CAT = SCENE / "cat.jpg"
START = 1_700_000_000_000_000_000
IMAGE = "camera/it/image"


def images(events: Sequence[AnyEvent]) -> list[AnyEvent]:
    return [event for event in events if event.topic == IMAGE]


def write_video(path: Path, colours: list[tuple[int, int, int]], fps: float = 10.0) -> Path:
    cv2 = quiet_cv2()
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, (64, 48))
    for red, green, blue in colours:
        writer.write(np.full((48, 64, 3), (blue, green, red), np.uint8))
    writer.release()
    return path


def png_header(width: int, height: int) -> bytes:
    """A PNG that says its size and holds no pixels: a bomb needs no more."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))
        + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    )  # fmt: skip


def is_colour(data: NDArray[np.uint8], colour: tuple[int, int, int]) -> bool:
    return bool(np.abs(data.astype(int) - colour).max() < 12)  # lossy codecs


async def test_video_plays_fast_with_the_times_of_the_media() -> None:
    seen = images(await play("camera", {"source": str(VIDEO), "pace": "fast"}, VirtualClock(START)))
    assert len(seen) == 120
    expected = [START + round(i * 1e9 / 15) for i in range(120)]
    assert [e.originating_time for e in seen] == expected
    assert seen[0].payload.data.shape == (360, 640, 3)
    assert seen[0].payload.data.dtype == np.uint8
    assert len({e.payload.data.tobytes() for e in seen}) > 60  # it moves


async def test_video_in_real_time_gives_each_frame_at_its_time_without_drift(
    tmp_path: Path,
) -> None:
    path = write_video(tmp_path / "v.avi", [(255, 0, 0), (0, 255, 0), (0, 0, 255)] * 4, fps=30.0)
    clock = WatchedClock(START)
    async with running("camera", {"source": str(path)}, clock) as live:
        first = await live.next(IMAGE)
        assert first.originating_time == first.creation_time == START
        for index in range(1, 12):
            woken = await clock.wake_source()
            event = await live.next(IMAGE)
            assert abs(woken - (START + round(index * 1e9 / 30))) <= 1
            assert event.originating_time == event.creation_time == woken
        await live.rest()
    assert is_colour(live.on(IMAGE)[0].payload.data, (255, 0, 0))  # RGB, not BGR
    assert is_colour(live.on(IMAGE)[2].payload.data, (0, 0, 255))


async def test_fps_leaves_frames_out_and_keeps_their_times() -> None:
    options = {"source": str(VIDEO), "pace": "fast", "fps": 5}
    seen = images(await play("camera", options, VirtualClock()))
    assert [e.originating_time for e in seen] == [k * 200_000_000 for k in range(40)]


async def test_loop_goes_on_in_time_at_the_end(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.avi", [(255, 0, 0), (0, 255, 0)], fps=10.0)
    options = {"source": str(path), "pace": "fast", "loop": True}
    async with running("camera", options, VirtualClock()) as live:
        times = [(await live.next(IMAGE)).originating_time for _ in range(6)]
    assert times == [k * 100_000_000 for k in range(6)]


async def test_reading_happens_in_a_thread_of_its_own(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.avi", [(1, 2, 3)] * 5)
    options = {"source": str(path), "pace": "fast", "loop": True}
    async with running("camera", options, VirtualClock()) as live:
        await live.next(IMAGE)
        assert "camera-it" in {thread.name for thread in threading.enumerate()}


async def test_folder_is_sorted_and_paced_by_fps(tmp_path: Path) -> None:
    for name, colour in (("b", (0, 255, 0)), ("c", (0, 0, 255)), ("a", (255, 0, 0))):
        PIL.Image.new("RGB", (8, 6), colour).save(tmp_path / f"{name}.png")
    (tmp_path / "notes.txt").write_text("not a picture")
    clock = WatchedClock(START)
    async with running("camera", {"source": str(tmp_path), "fps": 2}, clock) as live:
        await live.next(IMAGE)
        for index in (1, 2):
            assert await clock.wake_source() == START + index * 500_000_000
            await live.next(IMAGE)
        events = images(await live.rest())
    assert [tuple(e.payload.data[0, 0]) for e in events] == [(255, 0, 0), (0, 255, 0), (0, 0, 255)]


async def test_bad_picture_in_a_folder_is_announced_and_passed_over(tmp_path: Path) -> None:
    PIL.Image.new("RGB", (8, 6), "red").save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"")
    PIL.Image.new("RGB", (8, 6), "blue").save(tmp_path / "c.png")
    events = await play("camera", {"source": str(tmp_path), "pace": "fast"}, VirtualClock())
    assert [e.originating_time for e in images(events)] == [0, 2_000_000_000]
    (failed,) = [e.payload for e in events if e.topic == "system/component_failed"]
    assert failed.action == "skip"
    assert "b.png is empty" in failed.error


async def test_folder_of_nothing_but_bad_pictures_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"nonsense")
    events = await play("camera", {"source": str(tmp_path), "loop": True}, VirtualClock())
    last = [e.payload for e in events if e.topic == "system/component_failed"][-1]
    assert (last.kind, last.action) == ("BadInput", "disable")
    assert "not one of the 1 pictures" in last.error


async def test_exif_orientation_turns_a_picture_upright(tmp_path: Path) -> None:
    picture = PIL.Image.new("RGB", (40, 20), "black")
    picture.paste("red", (0, 0, 10, 20))  # stored left edge
    exif = picture.getexif()
    exif[0x0112] = 6  # to be shown turned a quarter clockwise: the left edge goes to the top
    picture.save(tmp_path / "p.jpg", exif=exif, quality=95)
    (event,) = images(await play("camera", {"source": str(tmp_path / "p.jpg")}, VirtualClock()))
    data = event.payload.data
    assert data.shape == (40, 20, 3)
    assert is_colour(data[1:8], (255, 0, 0))
    assert is_colour(data[12:], (0, 0, 0))


async def test_large_picture_is_shrunk_and_keeps_its_aspect(tmp_path: Path) -> None:
    PIL.Image.new("RGB", (4000, 1000), "teal").save(tmp_path / "wide.jpg")
    (event,) = images(await play("camera", {"source": str(tmp_path / "wide.jpg")}, VirtualClock()))
    assert event.payload.data.shape == (480, 1920, 3)
    small = {"source": str(CAT), "max_side": 64}
    (event,) = images(await play("camera", small, VirtualClock()))
    assert max(event.payload.data.shape) == 64


async def test_a_hair_thin_picture_keeps_a_pixel(tmp_path: Path) -> None:
    PIL.Image.new("RGB", (20_000, 1), "teal").save(tmp_path / "thin.jpg")
    (event,) = images(await play("camera", {"source": str(tmp_path / "thin.jpg")}, VirtualClock()))
    assert event.payload.data.shape == (1, 1920, 3)


async def test_large_video_is_shrunk() -> None:
    options = {"source": str(VIDEO), "pace": "fast", "max_side": 160, "fps": 1}
    seen = images(await play("camera", options, VirtualClock()))
    assert {e.payload.data.shape for e in seen} == {(90, 160, 3)}


@pytest.mark.parametrize("size", [(20_000, 20_000), (10_000, 5_001)])
async def test_picture_over_the_limit_is_refused_before_it_is_decoded(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    path = tmp_path / "huge.png"
    path.write_bytes(png_header(*size))
    failed = await failure("camera", {"source": str(path)})
    assert failed.kind == "BadInput"
    for part in (str(path), f"{size[0]} x {size[1]}", "50,000,000", "max_pixels"):
        assert part in failed.error


async def test_video_over_the_limit_is_refused() -> None:
    failed = await failure("camera", {"source": str(VIDEO), "max_pixels": 1000})
    assert failed.kind == "BadInput"
    assert "640 x 360" in failed.error


@pytest.mark.parametrize(
    ("mode", "pixel", "expected"),
    [
        ("L", 90, (90, 90, 90)),
        ("RGBA", (0, 0, 0, 0), (255, 255, 255)),
        ("RGBA", (10, 20, 30, 255), (10, 20, 30)),
        ("I;16", 0x8000, (128, 128, 128)),
        ("1", 1, (255, 255, 255)),
        ("P", 0, (0, 0, 0)),
    ],
)
async def test_every_kind_of_pixel_becomes_rgb(
    tmp_path: Path,
    mode: str,
    pixel: int | tuple[int, ...],
    expected: tuple[int, int, int],
) -> None:
    PIL.Image.new(mode, (5, 4), pixel).save(tmp_path / "p.png")
    (event,) = images(await play("camera", {"source": str(tmp_path / "p.png")}, VirtualClock()))
    assert event.payload.data.shape == (4, 5, 3)
    assert (event.payload.data == expected).all()


async def test_broken_files_are_named_with_what_is_wrong(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = CAT.read_bytes()
    cases = {
        "empty.jpg": (b"", "is empty (0 bytes)"),
        "text.jpg": (b"this is only text", "is not a picture"),
        "cut.jpg": (whole[: len(whole) // 2], "truncated"),
        "empty.mp4": (b"", "is empty (0 bytes)"),
        "text.mp4": (b"this is only text" * 100, "is not a picture or a video"),
        "cut.mp4": (VIDEO.read_bytes()[:2000], "is not a picture or a video"),
    }
    for name, (content, reason) in cases.items():
        path = tmp_path / name
        path.write_bytes(content)
        failed = await failure("camera", {"source": str(path)})
        assert failed.kind == "BadInput", failed.error
        assert str(path) in failed.error
        assert reason in failed.error
    assert "OpenCV" not in capfd.readouterr().err  # its chatter is off; ours names the file


async def test_video_without_frames_is_bad_input(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.avi", [])
    failed = await failure("camera", {"source": str(path)})
    assert failed.kind == "BadInput"
    assert str(path) in failed.error


async def test_video_that_is_cut_short_ends_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = write_video(tmp_path / "v.avi", [(k * 8, 0, 0) for k in range(30)]).read_bytes()
    (tmp_path / "v.avi").write_bytes(whole[: len(whole) // 2])
    options = {"source": str(tmp_path / "v.avi"), "pace": "fast"}
    seen = images(await play("camera", options, VirtualClock()))
    assert 0 < len(seen) < 30
    assert "of 30 frames: it may be cut" in caplog.text


async def test_missing_file_is_unavailable_and_named(tmp_path: Path) -> None:
    for name in ("none.mp4", "none.jpg", "nowhere"):
        failed = await failure("camera", {"source": str(tmp_path / name)})
        assert failed.kind == "SourceUnavailable"
        assert str(tmp_path / name) in failed.error


async def test_folder_without_pictures_is_bad_input(tmp_path: Path) -> None:
    failed = await failure("camera", {"source": str(tmp_path)})
    assert failed.kind == "BadInput"
    assert "holds no picture" in failed.error


async def test_missing_device_says_what_there_is_and_who_can_help(
    capfd: pytest.CaptureFixture[str],
) -> None:
    for source in (99, "99", "/dev/video99"):
        failed = await failure("camera", {"source": source})
        assert failed.kind == "SourceUnavailable"
        assert "99" in failed.error
        assert "/dev/video" in failed.error
        assert "sensorium doctor" in failed.error
    assert not capfd.readouterr().err
