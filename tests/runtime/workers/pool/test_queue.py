"""The order in which waiting requests are sent, and who takes whose place."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.errors import Cancelled
from sensorium.workers.pool.protocol import pack
from sensorium.workers.pool.requests import Inbox, Request, RequestQueue


@pytest.fixture
def loop() -> asyncio.AbstractEventLoop:
    made = asyncio.new_event_loop()
    made.close()
    return made


def request(
    loop: asyncio.AbstractEventLoop, number: int, priority: int = 0, key: str = "", size: int = 0
) -> Request:
    return Request(number, pack(bytes(size)), asyncio.Future(loop=loop), priority, key)


def numbers(batch: list[Request]) -> list[int]:
    return [held.number for held in batch]


def test_higher_priority_first_then_in_order(loop: asyncio.AbstractEventLoop) -> None:
    queue = RequestQueue()
    for number, priority in enumerate([0, 5, 0, 5, -1]):
        queue.push(request(loop, number, priority))
    assert numbers(queue.take(3, 1000)) == [1, 3, 0]
    assert numbers(queue.take(9, 1000)) == [2, 4]
    assert queue.take(9, 1000) == []


def test_a_batch_is_limited_by_bytes_but_never_empty(loop: asyncio.AbstractEventLoop) -> None:
    queue = RequestQueue()
    for number, size in enumerate([40, 40, 40, 500, 10]):
        queue.push(request(loop, number, size=size))
    assert numbers(queue.take(9, 100)) == [0, 1]
    assert numbers(queue.take(9, 100)) == [2]
    assert numbers(queue.take(9, 100)) == [3]
    assert numbers(queue.take(9, 100)) == [4]


def test_a_stream_goes_by_itself(loop: asyncio.AbstractEventLoop) -> None:
    queue = RequestQueue()
    for number in range(5):
        queue.push(request(loop, number))
    queue.push(Request(5, pack(None), Inbox()))
    queue.push(request(loop, 6))
    assert numbers(queue.take(9, 1000)) == [0, 1, 2, 3, 4]
    assert numbers(queue.take(9, 1000)) == [5]
    assert numbers(queue.take(9, 1000)) == [6]


def test_a_newer_request_takes_the_place_of_an_older_one(loop: asyncio.AbstractEventLoop) -> None:
    queue = RequestQueue()
    old, new, other = (request(loop, n, key=k) for n, k in ((1, "eye"), (2, "eye"), (3, "ear")))
    assert queue.push(old) is None
    assert queue.push(new) is old
    assert queue.push(other) is None
    assert isinstance(old.outcome.exception(), Cancelled)  # type: ignore[union-attr]
    assert numbers(queue.take(9, 1000)) == [2, 3]
    assert queue.push(request(loop, 4, key="eye")) is None  # the other one was sent


def test_a_lost_request_does_not_push_a_newer_one_out(loop: asyncio.AbstractEventLoop) -> None:
    queue = RequestQueue()
    lost, new = request(loop, 1, key="eye"), request(loop, 2, key="eye")
    queue.push(new)
    assert queue.push(lost) is lost
    assert isinstance(lost.outcome.exception(), Cancelled)  # type: ignore[union-attr]
    assert numbers(queue.take(9, 1000)) == [2]


@given(
    st.lists(
        st.tuples(st.sampled_from("pppdt"), st.integers(0, 3), st.sampled_from(["", "a"])),
        max_size=60,
    )
)
def test_each_request_is_taken_once_or_discarded(steps: list[tuple[str, int, str]]) -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    queue, waiting, number = RequestQueue(), {}, 0
    for what, choice, key in steps:
        if what == "p":
            number += 1
            made = request(loop, number, choice, key)
            old = queue.push(made)
            waiting[number] = made
            if old is not None:
                old.outcome.exception()  # type: ignore[union-attr]
                del waiting[old.number]
        elif what == "d" and waiting:
            gone = waiting.pop(sorted(waiting)[choice % len(waiting)])
            queue.discard(gone)
            queue.discard(gone)
        else:
            order = sorted(waiting.values(), key=lambda r: (-r.priority, r.number))[:choice]
            assert queue.take(choice, 10**6) == order
            for taken in order:
                del waiting[taken.number]
        assert len(queue) == len(waiting)
    assert set(numbers(queue.drain())) == set(waiting)
    assert len(queue) == 0


def test_what_was_discarded_takes_no_memory(loop: asyncio.AbstractEventLoop) -> None:
    queue = RequestQueue()
    for number in range(10_000):
        made = request(loop, number)
        queue.push(made)
        queue.discard(made)
    assert len(queue._heap) < 200
