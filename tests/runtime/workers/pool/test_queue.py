"""The order in which waiting requests are sent, and who takes whose place."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.errors import Cancelled
from sensorium.workers.options import PoolModel
from sensorium.workers.pool.entries import Entry
from sensorium.workers.pool.requests import Deadlines, Inbox, Request, RequestQueue

ENTRY = Entry("m", PoolModel(use="m"))


@pytest.fixture
def loop() -> asyncio.AbstractEventLoop:
    made = asyncio.new_event_loop()
    made.close()
    return made


def request(
    loop: asyncio.AbstractEventLoop, number: int, priority: int = 0, key: str = "", size: int = 0
) -> Request:
    special = priority != 0 or key != ""
    outcome: asyncio.Future[object] = asyncio.Future(loop=loop)
    return Request(number, ENTRY, None, size, outcome, special, priority=priority, supersede=key)


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
    queue.push(Request(5, ENTRY, None, 0, Inbox(), True))
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
    assert not queue.put_back(lost)
    assert isinstance(lost.outcome.exception(), Cancelled)  # type: ignore[union-attr]
    assert numbers(queue.take(9, 1000)) == [2]


@given(
    st.lists(
        st.tuples(st.sampled_from("pppdtb"), st.integers(0, 3), st.sampled_from(["", "", "a"])),
        max_size=60,
    ),
    st.booleans(),
)
def test_each_request_is_taken_once_or_discarded(
    steps: list[tuple[str, int, str]], plain: bool
) -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    queue, waiting, number = RequestQueue(), {}, 0
    sent: list[Request] = []
    for what, choice, key in steps:
        if what == "p":
            number += 1
            made = request(loop, number, 0 if plain else choice, "" if plain else key)
            old = queue.push(made)
            waiting[number] = made
            if old is not None:
                old.outcome.exception()  # type: ignore[union-attr]
                del waiting[old.number]
        elif what == "d" and waiting:
            gone = waiting.pop(sorted(waiting)[choice % len(waiting)])
            gone.abandon()
            queue.discard(gone)
            queue.discard(gone)
        elif what == "b" and sent:
            back = sent.pop(choice % len(sent))
            newer = [r for r in waiting.values() if r.supersede and r.number > back.number]
            assert queue.put_back(back) == (not back.supersede or not newer)
            if back.done:
                back.outcome.exception()  # type: ignore[union-attr]
            else:
                waiting[back.number] = back
        else:
            order = sorted(waiting.values(), key=lambda r: (-r.priority, r.number))[:choice]
            assert queue.take(choice, 10**6) == order
            for taken in order:
                del waiting[taken.number]
            sent += [taken for taken in order if not taken.supersede or taken.number == number]
        assert len(queue) == len(waiting)
    assert set(numbers(queue.drain())) == set(waiting)
    assert len(queue) == 0


def test_what_was_discarded_takes_no_memory(loop: asyncio.AbstractEventLoop) -> None:
    queue = RequestQueue()
    for number in range(10_000):
        made = request(loop, number)
        queue.push(made)
        queue.discard(made)
    assert sum(map(len, queue._lines.values())) < 200


class Clock:
    """An event loop's clock and its one timer, moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[Timer] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, call: Callable[[], None]) -> Timer:
        self.timers.append(Timer(when, call))
        return self.timers[-1]

    def move(self, to: float) -> None:
        self.now = to
        for timer in [t for t in self.timers if t.when <= to]:
            self.timers.remove(timer)
            timer.call()


@dataclass(eq=False)
class Timer:
    when: float
    call: Callable[[], None]

    def cancel(self) -> None:
        self.when = math.inf


@given(st.lists(st.tuples(st.sampled_from("aaadm"), st.integers(1, 40)), max_size=80))
def test_each_deadline_is_told_once_when_it_has_passed(steps: list[tuple[str, int]]) -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    clock, told, waiting = Clock(), list[int](), dict[int, Request]()

    def expire(request: Request) -> None:
        told.append(request.number)
        del waiting[request.number]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio, "get_running_loop", lambda: clock)
        deadlines = Deadlines(lambda: list(waiting.values()), expire)
    due = {}
    for number, (what, amount) in enumerate(steps):
        if what == "a":
            made = request(loop, number)
            made.deadline = clock.now + amount
            waiting[number] = made
            due[number] = made.deadline
            if made.deadline < deadlines.next:
                deadlines.look_at(made.deadline)
        elif what == "d" and waiting:
            gone = waiting.pop(sorted(waiting)[amount % len(waiting)])
            gone.abandon()
            del due[gone.number]
        else:
            clock.move(clock.now + amount)
            passed = {n for n, when in due.items() if when <= clock.now}
            assert set(told) == passed
    assert len(told) == len(set(told))
    deadlines.look_at(math.inf)
    clock.move(1e9)
    assert len(told) == len(set(told)) <= len(due)
