"""McNemar's exact test."""

from __future__ import annotations

import pytest

from sensorium.errors import BadInput
from sensorium_models.policies.doom.paired import compare


def test_what_both_or_neither_won_does_not_count() -> None:
    found = compare([1, 1, 0, 0] * 5, [1, 1, 0, 0] * 5)
    assert (found.first_only, found.second_only, found.p_value) == (0, 0, 1.0)


def test_p_is_that_of_the_binomial() -> None:
    found = compare([1] * 9 + [0], [0] * 9 + [1])  # 9 against 1
    assert (found.first_only, found.second_only) == (9, 1)
    assert found.p_value == pytest.approx(2 * (1 + 10) / 1024)
    assert compare([0] * 9 + [1], [1] * 9 + [0]).p_value == pytest.approx(found.p_value)
    assert compare([1] * 4000, [0] * 4000).p_value < 1e-300


def test_other_episodes_are_refused() -> None:
    with pytest.raises(BadInput, match="3 and 2 episodes"):
        compare([1, 1, 1], [1, 1])
