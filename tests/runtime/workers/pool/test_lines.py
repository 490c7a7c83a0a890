"""Lines: what goes in comes out, however it is cut; and a pool works with them and without."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.errors import PayloadError
from sensorium.workers.pool import lines
from sensorium.workers.pool.lines import Assembler, Line, LineEnd, Trunk, TrunkEnd, framed

from .conftest import until

if TYPE_CHECKING:
    from .conftest import Stand

MESSAGES = st.lists(st.lists(st.binary(max_size=40), min_size=1, max_size=4), max_size=6)


def plain(messages: list[list[Any]]) -> list[list[bytes]]:
    return [[bytes(frame) for frame in frames] for frames in messages]


@given(MESSAGES, st.lists(st.integers(1, 60), min_size=1))
def test_messages_come_out_however_they_are_cut(
    messages: list[list[bytes]], cuts: list[int]
) -> None:
    data = b"".join(bytes(part) for frames in messages for part in framed(frames))
    assembler, found, start, turn = Assembler(), [], 0, 0
    while start < len(data):
        end = start + cuts[turn % len(cuts)]
        found += plain(assembler.feed(data[start:end]))
        start, turn = end, turn + 1
    assert found == messages


@given(st.binary(max_size=100))
def test_any_bytes_are_messages_or_refused(data: bytes) -> None:
    assembler = Assembler()
    try:
        assembler.feed(data)
    except PayloadError:
        return
    assert lines.CHUNK <= assembler.wanted <= lines.MOST_AT_ONCE


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ((0).to_bytes(4, "little"), "0 frames"),
        ((2**31).to_bytes(4, "little"), "2147483648 frames"),
        ((1).to_bytes(4, "little") + (2**40).to_bytes(8, "little"), "frame of 1099511627776"),
    ],
)
def test_what_would_take_all_memory_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(PayloadError, match=words):
        Assembler().feed(data)


async def test_more_than_fits_is_sent_when_there_is_room(no_leaks: None) -> None:
    ours, theirs = socket.socketpair()
    got: list[list[Any]] = []
    line, end = Line(ours, got.append, pytest.fail), LineEnd(theirs)
    large = [b"head", *(bytes([n]) * 30_000 for n in range(200))]  # 6 MB
    assert line.send([b"first"])
    assert line.send(large)
    assert line.send([b"last"])  # behind what waits
    received: list[list[Any]] = []

    def read() -> None:
        received.extend(end.receive() for _ in range(3))
        end.send([b"seen", *large[1:]])

    thread = threading.Thread(target=read)
    thread.start()
    await until(lambda: bool(got))
    thread.join()
    assert plain(received) == [[b"first"], large, [b"last"]]
    assert plain(got) == [[b"seen", *large[1:]]]
    line.close()
    end.close()


async def test_who_sends_no_message_is_cut_off_and_told_of_once(no_leaks: None) -> None:
    ours, theirs = socket.socketpair()
    told: list[str] = []
    line = Line(ours, pytest.fail, told.append)
    theirs.sendall(b"\0" * 100)
    await until(lambda: bool(told))
    assert told == ["it sent a message of 0 frames"]
    assert line.closed
    assert not line.send([b"x"])
    theirs.close()


async def test_a_line_ends_with_either_side(no_leaks: None) -> None:
    ours, theirs = socket.socketpair()
    line, end = Line(ours, pytest.fail, pytest.fail), LineEnd(theirs)
    end.close()
    await until(lambda: line.closed)
    ours, theirs = socket.socketpair()
    Line(ours, pytest.fail, pytest.fail).close()
    end = LineEnd(theirs)
    with pytest.raises(EOFError):
        end.receive()
    with pytest.raises(EOFError):
        end.send([b"x"])
    end.close()


async def test_a_trunk_hands_out_lines_and_sends_the_rest_elsewhere(no_leaks: None) -> None:
    got: list[list[Any]] = []
    elsewhere: list[bytes] = []

    def otherwise(address: bytes, _: list[Any]) -> bool:
        elsewhere.append(address)
        return True

    trunk = Trunk(got.append, pytest.fail, otherwise)
    theirs = TrunkEnd(trunk.theirs.detach())
    trunk.open(1, b"one")
    trunk.open(2, b"two")
    second, first = theirs.take(2), theirs.take(1)
    assert theirs.take(3) is None
    assert first is not None
    assert second is not None
    assert trunk.send(b"two", [b"x"])
    assert trunk.send(b"control", [b"x"])
    assert elsewhere == [b"control"]
    assert plain([second.receive()]) == [[b"x"]]
    first.send([b"y"])
    await until(lambda: bool(got))
    assert plain(got) == [[b"one", b"y"]]
    first.close()
    second.close()
    theirs._socket.close()
    trunk.close()


async def test_lanes_of_a_worker_here_have_lines(stand: Stand) -> None:
    async with stand.pool("echo", "sums") as pool:
        await asyncio.gather(pool.load("echo"), pool.load("sums"))
        (life,) = pool._supervisor.lives.values()
        assert life.trunk is not None
        assert set(life.trunk._lines) == {lane.address for lane in life.lanes.values()}
        assert await pool.infer("echo", "x" * 1_000_000) == "x" * 1_000_000
        for _ in range(3):
            await pool.unload("sums")
            await pool.load("sums")
        lines_left = life.trunk._lines
        assert len(lines_left) <= 3  # those of lanes that are gone go
        await until(lambda: sum(not line.closed for line in lines_left.values()) == 2)


async def test_a_lane_without_a_line_does_without(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where there are no descriptors left."""
    monkeypatch.setattr(Trunk, "open", lambda *_: None)
    async with stand.pool("echo", "streamer") as pool:
        image = np.arange(200_000)
        back = await pool.infer("echo", {"image": image})
        np.testing.assert_array_equal(back["image"], image)
        assert [part async for part in pool.stream("streamer", {"parts": 40})] == list(range(40))
        (life,) = pool._supervisor.lives.values()
        assert life.trunk is not None
        assert not life.trunk._lines


async def test_a_worker_that_sends_nonsense_over_its_line_is_replaced(stand: Stand) -> None:
    async with stand.pool("echo") as pool:
        pid = await pool.infer("echo", "pid")
        (life,) = pool._supervisor.lives.values()
        assert life.trunk is not None
        (line,) = life.trunk._lines.values()
        line._assembler.feed((1).to_bytes(4, "little"))  # what follows is not understood
        line._assembler._held = [(2**31).to_bytes(4, "little")]
        assert await pool.infer("echo", "pid", deadline=20.0) != pid
        assert pool.statistics().lost == 1
