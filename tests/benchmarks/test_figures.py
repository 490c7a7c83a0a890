"""Medians, spreads and ratios."""

from __future__ import annotations

import pytest

from sensorium_benchmarks.figures import Summary, ratios
from sensorium_benchmarks.stopwatch import Stopwatch, percentile


def test_a_summary_is_the_median_and_the_spread() -> None:
    summary = Summary((5.0, 1.0, 2.0))
    assert (summary.median, summary.low, summary.high) == (2.0, 1.0, 5.0)
    with pytest.raises(ValueError, match="at least one"):
        Summary(())


def test_ratios_divide_round_by_round() -> None:
    # the machine was three times slower in the last two rounds: the ratio does not notice
    ratio = ratios([30.0, 10.0, 10.0], [15.0, 5.0, 5.0])
    assert ratio == Summary((2.0, 2.0, 2.0))


def test_ratios_without_meaning() -> None:
    assert ratios([1.0], [0.0]) is None
    assert ratios([], []) is None
    with pytest.raises(ValueError, match="2 rounds of ours against 1"):
        ratios([1.0, 2.0], [1.0])


@pytest.mark.parametrize(("share", "value"), [(0.0, 1), (0.5, 51), (0.99, 100), (1.0, 100)])
def test_percentile_is_the_nearest_rank(share: float, value: float) -> None:
    assert percentile([float(number) for number in range(100, 0, -1)], share) == value


def test_the_stopwatch_counts_collections() -> None:
    with Stopwatch() as watch:
        kept = [[number] for number in range(5000)]  # lists: what the collector looks at
    assert len(kept) == 5000
    assert watch.collections > 0
    assert watch.seconds > 0
