from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium_sims.metrics import mean, quantile, sna, soft_spl, spl, wilson


@pytest.mark.parametrize(
    ("won", "of", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662), (1, 1, 0.2065, 1.0)],
)
def test_wilson_gives_the_published_intervals(won: int, of: int, low: float, high: float) -> None:
    assert wilson(won, of) == pytest.approx((low, high), abs=1e-4)


@given(st.integers(1, 2000), st.data())
def test_wilson_holds_the_rate_and_stays_within_bounds(trials: int, data: st.DataObject) -> None:
    won = data.draw(st.integers(0, trials))
    low, high = wilson(won, trials)
    assert 0 <= low <= won / trials + 1e-12
    assert won / trials - 1e-12 <= high <= 1
    assert low < high


def test_no_trials_say_nothing() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    with pytest.raises(ValueError, match="3 successes in 2 trials"):
        wilson(3, 2)


def test_path_measures() -> None:
    assert spl(True, 4.0, 8.0) == 0.5
    assert spl(False, 4.0, 4.0) == 0.0
    assert spl(True, 4.0, 3.0) == 1.0  # shorter than the shortest is no better than it
    assert soft_spl(10.0, 5.0, 20.0) == 0.25
    assert soft_spl(10.0, 12.0, 10.0) == 0.0
    assert soft_spl(0.0, 0.0, 0.0) == 1.0
    assert sna(True, 10, 40) == 0.25
    assert sna(False, 10, 10) == 0.0


def test_means_and_quantiles() -> None:
    assert mean([1.0, None, 3.0]) == 2.0
    assert mean([None]) is None
    assert quantile([3, 1, 2], 0.5) == 2
    assert quantile([1, 2, 3, 4], 0.99) == 4
    assert math.isnan(quantile([], 0.5))
