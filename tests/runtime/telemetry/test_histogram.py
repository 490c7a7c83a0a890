"""Histograms: every quantile within the stated error of a recorded value."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.telemetry.histogram import ERROR, LARGEST, Histogram

values = st.lists(st.integers(0, LARGEST), min_size=1, max_size=200)


def filled(numbers: list[int]) -> Histogram:
    histogram = Histogram()
    for number in numbers:
        histogram.record(number)
    return histogram


@given(values, st.floats(0, 1))
def test_a_quantile_is_within_the_stated_error(numbers: list[int], share: float) -> None:
    exact = sorted(numbers)[max(1, math.ceil(share * len(numbers))) - 1]
    told = filled(numbers).quantile(share)
    assert told is not None
    assert abs(told - exact) <= ERROR * exact


@given(values)
def test_powers_of_two_are_counted_exactly(numbers: list[int]) -> None:
    for bound, below in filled(numbers).below(range(3, 41)):
        assert below == sum(number <= bound for number in numbers)


@given(values)
def test_count_sum_mean_and_largest_are_exact(numbers: list[int]) -> None:
    held = filled(numbers)
    assert (held.count, held.total, held.largest) == (len(numbers), sum(numbers), max(numbers))
    assert held.mean == sum(numbers) / len(numbers)


def test_an_empty_one_knows_nothing() -> None:
    held = Histogram()
    assert (held.quantile(0.5), held.mean, held.count) == (None, None, 0)


@pytest.mark.parametrize(("value", "told"), [(-5, 0.0), (0, 0.0), (7, 7.0), (8, 8.0), (15, 15.0)])
def test_small_values_are_exact_and_negative_ones_are_0(value: int, told: float) -> None:
    assert filled([value]).quantile(1.0) == told


def test_what_is_too_large_counts_as_the_largest() -> None:
    held = filled([LARGEST * 8])
    assert held.count == sum(held.counts) == 1
    assert held.quantile(0.5) is not None
