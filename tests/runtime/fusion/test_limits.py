"""What a join does with streams that stall, die, flood, repeat themselves or come late."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fusion_cases import event

from sensorium import Image
from sensorium.errors import SettingsError
from sensorium.events import NS_PER_MS, NS_PER_S
from sensorium.fusion import Join, JoinPlan, Match, Mode, Outcome, StreamPlan

MS, S = NS_PER_MS, NS_PER_S
PERIOD = 33 * MS


def plan(mode: Mode = Mode.REPRODUCIBLE, *, primary: Any = None, **other: Any) -> JoinPlan:
    streams = (StreamPlan("b", **({"tolerance": 20 * MS} | other)),)
    return JoinPlan(StreamPlan("a", **(primary or {})), streams, mode, wait=100 * MS)


def picture() -> Image:
    return Image(np.zeros((100, 100, 3), np.uint8))


def test_a_dead_stream_holds_primaries_up_until_it_counts_as_stalled() -> None:
    join = Join(plan(stall=2 * S))
    join.push(1, event("b", 0, 0), 0)
    made = [list(join.push(0, event("a", k * PERIOD, k), k * PERIOD)) for k in range(200)]
    counts = [len(some) for some in made]
    first = next(k for k, count in enumerate(counts) if count > 1)
    # the first of them matched the one event there was; the second waited for 2 s
    assert counts[:2] == [1, 0]
    assert first * PERIOD == pytest.approx(PERIOD + 2 * S, abs=PERIOD)
    assert counts[first] == first
    assert set(counts[first + 1 :]) == {1}  # from then on nobody waits
    assert made[first][0].outcome is Outcome.STALLED
    (notice,) = join.notices
    assert (notice.stream, notice.state, notice.waiting) == ("b", "stalled", first)
    assert notice.silent >= 2 * S


def test_a_stalled_stream_recovers_and_is_waited_for_again() -> None:
    join = Join(plan(stall=S))
    join.push(0, event("a", 0, 0), 0)
    assert join.deadline == S
    assert [a.outcome for a in join.flush(S)] == [Outcome.STALLED]
    join.push(1, event("b", 5 * S, 0), 5 * S)
    assert [(n.stream, n.state) for n in join.notices] == [("b", "stalled"), ("b", "recovered")]
    assert join.notices[1].silent == 5 * S
    assert list(join.push(0, event("a", 5 * S + 30 * MS, 1), 5 * S)) == []
    (aligned,) = join.push(1, event("b", 5 * S + 40 * MS, 1), 5 * S)
    assert aligned["b"].sequence == 1
    counts = join.statistics().streams["b"]
    assert (counts.stalled, counts.state, counts.unmatched, counts.matched) == (1, "live", 1, 1)


def test_silence_counts_from_when_somebody_waited_unless_time_is_short() -> None:
    for mode, waits in ((Mode.REPRODUCIBLE, True), (Mode.AVAILABLE, False)):
        join = Join(plan(mode, stall=S))
        join.push(1, event("b", 0, 0), 0)
        released = join.push(0, event("a", 10 * S, 0), 10 * S)  # both were away for 10 s
        assert (released == []) is waits


def test_a_dead_stream_costs_available_mode_its_wait_once_and_then_nothing() -> None:
    join = Join(plan(Mode.AVAILABLE, stall=S))
    join.push(1, event("b", -S, 0), 0)
    waited = []
    for k in range(1, 60):
        now = k * PERIOD
        while (due := join.deadline) is not None and due <= now:
            waited += [a.waited for a in join.flush(due)]
        waited += [a.waited for a in join.push(0, event("a", now, k), now)]
    assert max(waited) == 100 * MS
    assert waited[-20:] == [0] * 20


def test_memory_is_bounded_when_a_stream_dies_in_a_flood() -> None:
    limits = {"limit": 50}
    join = Join(plan(primary=limits, limit=40, stall=1 << 60, tolerance=None))
    released = 0
    for k in range(10_000):
        released += len(join.push(0, event("a", k * MS, k), k * MS))
        assert join.pending <= 50
    assert released == 10_000 - 50
    assert join.statistics().outcomes["full"] == released


def test_memory_is_bounded_when_the_primaries_die() -> None:
    join = Join(plan(limit=40))
    for k in range(10_000):
        join.push(1, event("b", k * MS, k), k * MS)
        assert join.statistics().streams["b"].held <= 40
    counts = join.statistics().streams["b"]
    assert counts.evicted == 10_000 - 40
    assert [(n.stream, n.state) for n in join.notices] == [("a", "stalled")]
    join.push(0, event("a", 10 * S, 0), 10 * S)
    assert [(n.stream, n.state) for n in join.notices][1:] == [("a", "recovered")]


def test_what_waits_too_long_for_a_primary_is_forgotten_before_limits_are_met() -> None:
    join = Join(plan(keep=S))
    for k in range(1000):
        join.push(1, event("b", k * PERIOD, k), k * PERIOD)
    counts = join.statistics().streams["b"]
    assert counts.held <= S // PERIOD + 17  # it looks every 16 events
    assert (counts.evicted, counts.unused) == (0, 1000 - counts.held)
    assert join.notices == []  # a primary that is rare is no trouble


@pytest.mark.parametrize("stream", [0, 1])
def test_large_payloads_are_bounded_by_bytes(stream: int) -> None:
    size = picture().data.nbytes
    limits = {"limit_bytes": 5 * size}
    join = Join(plan(primary=limits, limit_bytes=5 * size, stall=1 << 60))
    for k in range(100):
        join.push(stream, event("ab"[stream], k * MS, k, payload=picture()), k * MS)
        assert join.pending <= 5
        assert join.statistics().streams["b"].held_bytes <= 5 * size
    counts = join.statistics()
    gone = counts.outcomes["full"] if stream == 0 else counts.streams["b"].evicted
    assert gone == 95


def test_events_that_come_twice_count_once() -> None:
    join = Join(plan())
    for _ in range(2):
        join.push(1, event("b", 0, 0), 0)
        join.push(1, event("b", 0, 7), 0)  # another event of the same time
    made = [join.push(0, event("a", 0, 0), 0) for _ in range(2)]
    assert [len(released) for released in made] == [1, 0]
    assert made[0][0]["b"].sequence == 0
    counts = join.statistics()
    assert (counts.duplicates, counts.streams["b"].duplicates) == (1, 3)


def test_a_waiting_primary_that_comes_twice_counts_once() -> None:
    join = Join(plan())
    for _ in range(3):
        join.push(0, event("a", 0, 0), 0)
    assert join.pending == 1
    assert join.statistics().duplicates == 2


def test_events_of_one_time_may_be_different_events() -> None:
    join = Join(plan(equal_times="all"))
    join.push(1, event("b", 0, 7), 0)
    join.push(0, event("a", 0, 0), 0)
    assert join.pending == 1  # another one of that time may come, and come before it in order
    join.push(1, event("b", 0, 3), 0)
    (aligned,) = join.push(1, event("b", MS, 8), 0)
    assert aligned["b"].sequence == 3
    assert join.statistics().streams["b"].duplicates == 0


@pytest.mark.parametrize(
    ("match", "time", "late"),
    [
        (Match.NEAREST, 101, True), (Match.NEAREST, 109, True), (Match.NEAREST, 91, True),
        (Match.NEAREST, 110, False), (Match.NEAREST, 89, False),
        (Match.LAST, 95, True), (Match.LAST, 100, True), (Match.LAST, 89, False),
        (Match.EXACT, 100, True), (Match.EXACT, 99, False),
        (Match.WINDOW, 80, True), (Match.WINDOW, 79, False),
        (Match.INTERPOLATE, 91, True), (Match.INTERPOLATE, 109, True),
        (Match.INTERPOLATE, 89, False), (Match.INTERPOLATE, 121, False),
    ],
)  # fmt: skip
def test_an_event_is_late_if_it_would_have_changed_a_decision(
    match: Match, time: int, late: bool
) -> None:
    """A primary at 100 with neighbours at 90 and 110 is decided; then comes one from ``time``."""
    numbers = {"interpolation": lambda before, after, fraction: before}
    join = Join(plan(match=match, before=20 * MS, after=5 * MS, tolerance=20 * MS, **numbers))
    for number, at in enumerate((90, 110, 200)):
        join.push(1, event("b", at * MS, number), 0)
    assert len(join.push(0, event("a", 100 * MS, 0), 0)) == 1
    join.push(1, event("b", time * MS, 9), 0)
    assert join.statistics().streams["b"].late == late


def test_a_late_event_still_serves_primaries_that_are_not_decided() -> None:
    join = Join(plan())
    join.push(1, event("b", 90 * MS, 0), 0)
    join.push(1, event("b", 200 * MS, 1), 0)
    assert len(join.push(0, event("a", 100 * MS, 0), 0)) == 1
    join.push(1, event("b", 101 * MS, 2), 0)
    (aligned,) = join.push(0, event("a", 102 * MS, 1), 0)
    assert aligned["b"].sequence == 2
    assert join.statistics().streams["b"].late == 1


@pytest.mark.parametrize("in_order", [True, False])
def test_a_primary_that_comes_too_late_is_dropped_or_given_out_at_once(in_order: bool) -> None:
    streams = (StreamPlan("b", tolerance=20 * MS),)
    join = Join(JoinPlan(StreamPlan("a"), streams, in_order=in_order))
    join.push(1, event("b", 0, 0), 0)
    join.push(1, event("b", S, 1), 0)
    assert len(join.push(0, event("a", 500 * MS, 1), 0)) == 1
    made = list(join.push(0, event("a", 5 * MS, 0), 0))
    counts = join.statistics()
    if in_order:
        assert (made, counts.late) == ([], 1)
    else:
        assert [(a.outcome, a["b"].sequence) for a in made] == [(Outcome.LATE, 0)]
        assert (counts.late, counts.released) == (0, 2)


def test_primaries_without_a_required_match_are_dropped_and_counted() -> None:
    join = Join(plan(required=True))
    for number, at in enumerate((0, 50, 100)):
        join.push(1, event("b", at * MS, number), 0)
    made = [len(join.push(0, event("a", at * MS, at), 0)) for at in (5, 25, 60)]
    assert made == [1, 0, 1]
    counts = join.statistics()
    assert (counts.released, counts.dropped, counts.streams["b"].unmatched) == (2, 1, 1)


def test_primaries_that_nobody_wants_any_more_are_cancelled() -> None:
    join = Join(plan(Mode.AVAILABLE))
    join.push(0, event("a", 0, 0), 0)
    join.cancel()
    assert (join.pending, join.deadline, list(join.flush(10 * S))) == (0, None, [])
    assert join.statistics().cancelled == 1
    join.push(0, event("a", S, 1), 0)
    assert join.pending == 1


def test_a_source_that_begins_again_may_go_back_in_time() -> None:
    join = Join(plan())
    join.push(1, event("b", 100 * S, 0), 0)
    join.push(0, event("a", 100 * S, 0), 0)
    assert len(join.push(0, event("a", 101 * S, 1), 0)) == 0
    assert len(join.begin_again(0, 0)) == 1  # what waited is given out
    join.begin_again(1, 0)
    join.push(1, event("b", S, 1), 0)
    (aligned,) = join.push(0, event("a", S, 2), 0)
    assert aligned["b"].sequence == 1
    assert join.statistics().late == 0


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: JoinPlan(StreamPlan("a"), ()), "at least one stream"),
        (lambda: JoinPlan(StreamPlan("a"), (StreamPlan("a"),)), "different names"),
        (lambda: JoinPlan(StreamPlan("a"), (StreamPlan("b"),), wait=-1), "not negative"),
        (lambda: StreamPlan("a", tolerance=-1), "negative"),
        (lambda: StreamPlan("a", limit=0), "at least 1"),
        (lambda: StreamPlan("a", equal_times="some"), "first or all"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(make: Any, word: str) -> None:
    with pytest.raises(SettingsError, match=word):
        make()
