"""Aligning: ours is exact, and the peers do what their descriptions say."""

from __future__ import annotations

import pytest

from sensorium import Text
from sensorium.events import NS_PER_MS, Event
from sensorium_benchmarks.align import ros, ros_sync, sensorium_join
from sensorium_benchmarks.align.streams import case
from sensorium_benchmarks.runner import installed_version

MS = NS_PER_MS
needs_ros = pytest.mark.skipif(
    not installed_version("message-filters"), reason="apt install python3-message-filters"
)


def message(stream: int, time: float) -> Event[Text]:
    return Event(f"s{stream}", Text(""), round(time * MS), 0, f"s{stream}", round(time))


@pytest.mark.parametrize("ordered", [False, True])
def test_ours_is_exact_and_waits_no_longer_than_it_must(ordered: bool) -> None:
    figures = sensorium_join.align(1500, ordered)
    assert figures["exact"] == 100.0
    assert figures["over_limit"] == 0.0


@pytest.mark.parametrize("peer", [ros, pytest.param(ros_sync, marks=needs_ros)])
def test_a_peer_finds_most_sets(peer: object) -> None:
    figures = peer.align(1500, True)  # type: ignore[attr-defined]
    assert 50 < figures["exact"] <= 100


def test_the_policy_finds_the_set_that_spans_least() -> None:
    policy = ros.ApproximateTime(2)
    sets = []
    for stream, time in ((0, 0), (1, 19), (0, 20), (1, 40), (0, 41), (1, 60), (0, 61)):
        sets += policy.add(stream, message(stream, time))
    found = [tuple(one.sequence for one in each) for each in sets]
    assert found[:2] == [(20, 19), (41, 40)]


def test_a_case_holds_what_it_says() -> None:
    made = case(3000, ordered=False)
    order = [event.sequence for _, stream, event in made.arrivals if stream == 1]
    assert order != sorted(order)
    assert len(made.arrivals) < 3000 * 0.97
    assert len(made.right) > 500
