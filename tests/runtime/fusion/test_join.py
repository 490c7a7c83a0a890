"""The join against brute force: what comes out depends on the data, not on how it arrives."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace

import pytest
from fusion_cases import JITTER, Case, best, case, delayed, event, oracle, play, said, unique
from hypothesis import given
from hypothesis import strategies as st

from sensorium.events import NS_PER_MS
from sensorium.fusion import Aligned, Join, JoinPlan, Match, Mode, Outcome, StreamPlan

CASES = 1000
MS = NS_PER_MS


def consistent(join: Join) -> None:
    """Nothing is lost that is not counted."""
    counts = join.statistics()
    assert counts.received == (
        counts.duplicates + counts.late + counts.released + counts.dropped
        + counts.cancelled + counts.pending
    )  # fmt: skip
    assert sum(counts.outcomes.values()) == counts.released
    for held in counts.streams.values():
        assert held.received == (
            held.duplicates + held.used + held.unused + held.evicted + held.held
        )
        assert held.matched + held.unmatched == counts.released + counts.dropped
        assert held.held_bytes >= 0


@pytest.mark.parametrize("block", range(10))
def test_it_equals_brute_force_in_any_order_of_arrival(block: int) -> None:
    """80 ms of jitter, reordering, 5 % loss, 50 ppm drift, equal times, events that come twice."""
    sets = 0
    for seed in range(block * CASES // 10, (block + 1) * CASES // 10):
        one = case(seed)
        join, made = play(one.plan, one.arrivals)
        got = [said(aligned) for aligned in made]
        assert got == oracle(one), f"case {seed}"
        for other in (seed + CASES, seed + 2 * CASES):
            _, again = play(one.plan, one.shuffled(other))
            assert [said(aligned) for aligned in again] == got, f"case {seed}, order {other}"
        consistent(join)
        late = [held.late for held in join.statistics().streams.values()]
        assert late == [0, 0]  # nobody broke the promise of ``lateness``
        sets += len(got)
    assert sets > CASES // 10 * 10


@pytest.mark.parametrize("match", list(Match))
@given(seed=st.integers(0, 10**9))
def test_each_match_equals_brute_force(match: Match, seed: int) -> None:
    one = case(seed, match)
    _, made = play(one.plan, one.arrivals)
    assert [said(aligned) for aligned in made] == oracle(one)


@given(seed=st.integers(0, 10**9))
def test_it_waits_no_longer_than_it_must(seed: int) -> None:
    """A set is given out at the very arrival after which no order of what is to come could
    change it: giving the rest at the worst moment shows that one arrival earlier it could."""
    one = case(seed, Match.NEAREST)
    plan = replace(one.plan, others=tuple(replace(o, equal_times="first") for o in one.plan.others))
    join = Join(plan)
    newest = dict.fromkeys(range(3), -(1 << 60))
    for now, stream, arrived in one.arrivals:
        before = dict(newest)
        newest[stream] = max(newest[stream], arrived.originating_time)
        for aligned in join.push(stream, arrived, now):
            assert _needed(aligned, plan, newest)
            assert aligned.primary is arrived or not _needed(aligned, plan, before) or stream == 0


def _needed(aligned: Aligned, plan: JoinPlan, newest: dict[int, int]) -> bool:
    """Whether with these newest times nothing better could still come."""
    t = aligned.primary.originating_time
    if newest[0] - JITTER <= t:
        return False
    for index, (spec, match) in enumerate(zip(plan.others, aligned.matches, strict=True), 1):
        mark = newest[index] - JITTER  # nothing before this will come
        far = 1 << 61 if spec.tolerance is None else spec.tolerance
        if match is None:
            if mark <= t + far:
                return False
        elif (distance := abs(match.originating_time - t)) and mark < t + distance:
            return False
    return True


# --- the mode available -----------------------------------------------------------------------


@pytest.mark.parametrize("wait", [0, 20, 70, 400])
@given(seed=st.integers(0, 10**9))
def test_available_takes_the_best_there_is_and_waits_no_longer_than_allowed(
    seed: int, wait: int
) -> None:
    one = case(seed)
    plan = replace(one.plan, mode=Mode.AVAILABLE, wait=wait * MS)
    join = Join(plan)
    here: list[list] = [[], [], []]
    complete = {key[0]: key for key in oracle(one)}
    made: list[Aligned] = []

    def check(released: Iterable[Aligned], now: int, events: list[list]) -> None:
        lines = [unique(line, o) for line, o in zip(events[1:], plan.others, strict=True)]
        for aligned in released:
            made.append(aligned)
            pairs = zip(lines, plan.others, strict=True)
            assert said(aligned)[1:] == tuple(best(aligned.primary, *pair) for pair in pairs)
            assert aligned.waited <= wait * MS
            if aligned.outcome is Outcome.COMPLETE:
                assert said(aligned) == complete[aligned.primary.id]

    for now, stream, arrived in one.arrivals:
        while (due := join.deadline) is not None and due <= now:
            check(join.flush(due), due, here)
        here[stream].append(arrived)
        check(join.push(stream, arrived, now), now, here)
    while (due := join.deadline) is not None:
        check(join.flush(due), due, here)
    assert join.pending == 0
    times = [aligned.primary.originating_time for aligned in made]
    assert times == sorted(times)
    consistent(join)


def test_the_output_is_in_the_order_of_the_primaries_whatever_the_jitter() -> None:
    for seed in range(50):
        one: Case = case(seed)
        _, made = play(one.plan, one.arrivals)
        keys = [(a.primary.originating_time, a.primary.sequence) for a in made]
        assert keys == sorted(keys)


# --- small cases, to be read ------------------------------------------------------------------


def two(match: Match = Match.NEAREST, **options: int) -> JoinPlan:
    other = StreamPlan("b", match=match, tolerance=options.pop("tolerance", 20) * MS, **options)
    return JoinPlan(StreamPlan("a"), (other,))


def test_the_earlier_of_two_equally_near_counts() -> None:
    join = Join(two())
    assert join.push(0, event("a", 100 * MS, 0), 1) == []
    early, late = event("b", 95 * MS, 0), event("b", 105 * MS, 1)
    join.push(1, early, 2)
    (aligned,) = join.push(1, late, 3)
    assert aligned["b"] is early
    assert aligned.events == (aligned.primary, early)


def test_a_match_at_the_very_time_is_given_out_at_once() -> None:
    join = Join(two(lateness=80 * MS))
    join.push(0, event("a", 100 * MS, 0), 1)
    (aligned,) = join.push(1, event("b", 100 * MS, 0), 2)
    assert (aligned.outcome, aligned.waited) == (Outcome.COMPLETE, 1)


def test_progress_is_as_good_as_an_event() -> None:
    join = Join(two())
    join.push(0, event("a", 100 * MS, 0), 1)
    assert list(join.progress(1, 120 * MS, 2)) == []
    (aligned,) = join.progress(1, 120 * MS + 1, 3)
    assert (aligned["b"], aligned.unmatched) == (None, ("b",))


def test_a_stream_that_goes_on_after_its_end_is_waited_for_again() -> None:
    join = Join(two())
    join.end(1, 0)
    assert len(join.push(0, event("a", 100 * MS, 0), 1)) == 1
    join.push(1, event("b", 110 * MS, 0), 2)
    assert list(join.push(0, event("a", 200 * MS, 1), 3)) == []
    assert join.statistics().streams["b"].state == "live"


def test_an_unknown_stream_is_named() -> None:
    join = Join(two())
    join.end(1, 0)
    (aligned,) = join.push(0, event("a", 0, 0), 1)
    with pytest.raises(KeyError, match="no stream 'c' in this join; there are: b"):
        aligned["c"]


def test_delays_really_reorder_the_events_of_a_stream() -> None:
    """The cases would prove little if they did not."""
    one = case(3)
    order = [arrived.sequence for _, stream, arrived in one.arrivals if stream == 1]
    assert order != sorted(order)
    assert delayed(one.events, random.Random(1)) != one.arrivals
