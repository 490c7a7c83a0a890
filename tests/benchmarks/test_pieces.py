"""What the contenders of frames, freshness, hops and barge-in share: it counts right."""

from __future__ import annotations

import asyncio

import pytest

from sensorium_benchmarks.barge_in.interruptions import Stages, tokens
from sensorium_benchmarks.bus.note import Note
from sensorium_benchmarks.frames.frame import Camera, delays, look, rate
from sensorium_benchmarks.freshness.scene import Pace, account
from sensorium_benchmarks.hops.row import Exit


def test_a_frame_carries_its_number_and_its_time() -> None:
    camera = Camera(64, 48, window=1)
    first, second = camera.frame(), camera.frame()
    assert first.shape == (48, 64, 3)
    (number, sent, now), (later, sent_later, _) = look(first), look(second)
    assert (number, later) == (0, 1)
    assert sent <= sent_later <= now


def test_a_frame_that_is_overwritten_under_way_is_noticed() -> None:
    camera = Camera(64, 48, window=1)
    frame = camera.frame().copy()
    frame.reshape(-1)[-1] += 1
    with pytest.raises(RuntimeError, match="frame 0 was overwritten"):
        look(frame)


def test_a_live_camera_writes_the_whole_frame() -> None:
    camera = Camera(64, 48, window=1, live=True)
    frame = camera.frame()
    middle = frame[24].copy()
    frame[24] = 0
    for _ in range(4):  # it has four buffers
        again = camera.frame()
    assert again is not None
    assert (frame[24] == middle).all()


def test_frames_that_never_came_are_counted_and_the_rate_is_of_those_that_did() -> None:
    seen = [(number, number * 1_000_000, number * 1_000_000) for number in range(20)]
    assert rate(seen, 20) == {"rate": 18 / 0.017, "lost": 0.0}  # the first two do not count
    assert rate(seen[:-5], 20)["lost"] == 5.0


def test_the_way_there_is_part_of_the_way_there_and_back() -> None:
    seen = [(number, 0, 2_000) for number in range(10)]
    assert delays(seen, [5_000] * 10) == {"p50": 2.0, "p99": 2.0, "round_trip": 5.0}


def test_what_is_neither_used_nor_counted_is_left() -> None:
    seen = [(0, 1.0), (3, 3.0), (9, 100.0)]
    figures = account(seen, sent=10, dropped=5)
    assert (figures["sent"], figures["used"], figures["left"]) == (10, 3, 2)
    assert figures["p99"] == figures["last"] == 3.0  # the very last frame waited for no other
    with pytest.raises(RuntimeError, match="3 used and 8 dropped of 10 sent"):
        account(seen, sent=10, dropped=8)


def test_the_pace_of_a_camera_does_not_drift() -> None:
    pace, now = Pace(10, 0.0), 0.0
    for _ in range(10):
        now += pace.wait_s(now) + 0.01  # it always wakes up late
    assert now == pytest.approx(1.01)


def test_the_exit_of_a_row_wants_every_note_in_order() -> None:
    out = Exit()
    out.expect(2)
    out(Note("", 0))
    with pytest.raises(RuntimeError, match="note 2 came out when 1 was due"):
        out(Note("", 2))


async def test_stages_that_still_work_are_noticed() -> None:
    stages = Stages(1)

    async def nothing() -> None: ...

    task = asyncio.create_task(stages.work(nothing))
    await stages.all_busy()
    with pytest.raises(RuntimeError, match="1 stages are still busy and 3 events wait"):
        stages.check(3)
    task.cancel()
    await asyncio.wait([task])
    stages.check(0)


def test_a_generation_notes_when_it_is_closed() -> None:
    closed: list[int] = []
    parts = tokens(0.0, closed)
    assert [next(parts), next(parts)] == [0, 1]
    assert closed == []
    parts.close()
    assert len(closed) == 1
