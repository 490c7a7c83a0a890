"""The recorder's queue: bounded, shed in the stated order, every event accounted for."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from recorded import START, event, picture, sound, spots

from sensorium.payloads import Interrupted, Metric, Payload, Text, UserTurn
from sensorium.recording.queue import BASE_BYTES, HARD, RecordQueue, payload_bytes
from sensorium.trace import ClockRead

METRIC = Metric("load", 1.0, "")
READ = ClockRead("a", START)


def put(queue: RecordQueue, *payloads: Payload) -> None:
    for number, payload in enumerate(payloads):
        queue.put_event(event(payload, number))


def topics(queue: RecordQueue) -> list[str]:
    taken = [slot.topic for slot in queue.take(0)]
    queue.done([])
    return taken


def test_gives_up_telemetry_then_video_then_audio_then_what_is_derived() -> None:
    queue = RecordQueue(1 << 30, 5)
    put(queue, spots(), sound(), picture(), METRIC, UserTurn("hello"))
    lost = []
    for _ in range(5):
        put(queue, UserTurn("more"))
        lost.append(dict(queue.statistics().given_up))
    assert lost == [
        {"metric": 1},
        {"metric": 1, "image": 1},
        {"metric": 1, "image": 1, "audio": 1},
        {"metric": 1, "image": 1, "audio": 1, "detections": 1},
        {"metric": 1, "image": 1, "audio": 1, "detections": 1},
    ]
    assert topics(queue) == ["user_turn"] * 6


def test_the_oldest_of_its_kind_goes_and_order_stays() -> None:
    queue = RecordQueue(1 << 30, 3)
    for number in range(5):
        queue.put_event(event(picture(number), number, f"camera/{number}"))
    assert topics(queue) == ["camera/2", "camera/3", "camera/4"]
    assert queue.statistics().given_up == {"camera/0": 1, "camera/1": 1}


def test_what_is_shed_first_does_not_push_out_what_is_shed_later() -> None:
    queue = RecordQueue(1 << 30, 2)
    put(queue, sound(), sound(), picture())
    assert topics(queue) == ["audio", "audio"]
    assert queue.statistics().given_up == {"image": 1}


def test_bytes_count() -> None:
    queue = RecordQueue(3 * (BASE_BYTES + picture().data.nbytes), 1000)
    put(queue, *(picture(number) for number in range(5)))
    assert queue.statistics().pending == 3
    put(queue, Text("x" * 10_000))  # not what it says on the tin, but what it weighs
    assert topics(queue) == ["text"]


def test_one_that_is_larger_than_all_of_it_comes_through_alone() -> None:
    queue = RecordQueue(1024, 1000)
    put(queue, picture(0, 200, 200))
    assert topics(queue) == ["image"]


def test_control_and_traces_have_a_hard_limit_too() -> None:
    queue = RecordQueue(1 << 30, 10)
    for _ in range(HARD * 10):
        queue.put(READ, "$trace/clock")
    assert queue.statistics().given_up == {}
    queue.put(READ, "$trace/clock")
    put(queue, Interrupted("stop"), picture())
    assert queue.statistics().given_up == {"$trace/clock": 1, "interrupted": 1, "image": 1}


def test_after_it_was_abandoned_everything_is_given_up() -> None:
    queue = RecordQueue(1 << 30, 100)
    put(queue, *(Text(str(number)) for number in range(6)))
    assert len(queue.take(0)) == 6
    put(queue, Text("late"))
    queue.abandon(4, ["text"], Counter({"text": 2}))
    put(queue, Text("later"), UserTurn("later"))
    assert queue.statistics().given_up == {"text": 7, "user_turn": 1}
    assert queue.statistics().written == 1
    assert_adds_up(queue)


def test_taking_waits_for_what_comes_and_for_the_end() -> None:
    queue = RecordQueue(1 << 30, 100)
    found: list[Any] = []

    def take() -> None:
        while slots := queue.take(None):
            found.extend(slot.topic for slot in slots)
            queue.done([])

    thread = threading.Thread(target=take)
    thread.start()
    put(queue, Text("a"))
    put(queue, sound())
    queue.close()
    thread.join(10)
    assert not thread.is_alive()
    assert found == ["text", "audio"]
    put(queue, Text("after the end"))
    assert queue.statistics().published == 2


def test_weight_of_payloads() -> None:
    assert payload_bytes(sound(0, 100)) == 400
    assert payload_bytes(Text("abc")) == 3
    assert payload_bytes(spots()) == 16 + 8 + len("cup") + 8


def assert_adds_up(queue: RecordQueue) -> None:
    counts = queue.statistics()
    given_up = sum(counts.given_up.values())
    assert counts.published == counts.written + given_up + counts.pending
    assert min(counts.written, counts.pending, counts.pending_bytes) >= 0


KINDS = {
    "metric": METRIC, "image": picture(), "audio": sound(), "text": Text("a"),
    "user_turn": UserTurn("a"),
}  # fmt: skip
steps = st.lists(st.sampled_from([*KINDS, "take", "take", "trace"]), max_size=80)


@given(steps, st.integers(1, 12), st.integers(1, 20))
def test_whatever_happens_it_adds_up(does: list[str], count: int, kilobytes: int) -> None:
    queue = RecordQueue(kilobytes * 1024, count)
    taken: list[int] = []
    for number, step in enumerate(does):
        if step == "take":
            taken += [slot.record.sequence for slot in queue.take(0) if hasattr(slot.record, "id")]
            queue.done([])
        elif step == "trace":
            queue.put(READ, "$trace/clock")
        else:
            before = queue.statistics()
            queue.put_event(event(KINDS[step], number))
            if queue.statistics().given_up.get("user_turn", 0) > before.given_up.get(
                "user_turn", 0
            ):
                assert before.pending >= HARD * min(count, kilobytes)
        assert_adds_up(queue)
    assert taken == sorted(taken)
    rest = len(queue.take(0))
    queue.done([])
    assert queue.statistics().pending == queue.statistics().pending_bytes == 0
    assert rest <= 256
