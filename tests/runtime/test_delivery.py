"""Delivery policies as settings write them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.delivery import SLOWEST_HZ, DeliveryPolicy, WhenFull
from sensorium.errors import SettingsError

rates = st.floats(SLOWEST_HZ, 1e300)
ages = st.floats(0, 1e300, exclude_min=True)
policies = st.builds(
    DeliveryPolicy,
    st.sampled_from(WhenFull),
    st.integers(1, 10**9),
    st.none() | ages,
    st.none() | rates,
)


@given(policies)
def test_a_policy_reads_back_as_it_was_written(policy: DeliveryPolicy) -> None:
    assert DeliveryPolicy.parse(str(policy)) == policy


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("block", DeliveryPolicy.block()),
        ("block(3)", DeliveryPolicy.block(3)),
        ("drop_oldest(32)", DeliveryPolicy.drop_oldest(32)),
        ("latest", DeliveryPolicy.latest()),
        ("max_age(200)", DeliveryPolicy.max_age(200)),
        ("throttle(2.5)", DeliveryPolicy.throttle(2.5)),
        ("latest + max_age(200)", DeliveryPolicy(WhenFull.DROP_OLDEST, 1, max_age_ms=200)),
        ("block(4)+throttle(10)", DeliveryPolicy(WhenFull.BLOCK, 4, throttle_hz=10)),
        (
            "max_age(1)+throttle(2)+drop_oldest(3)",
            DeliveryPolicy(WhenFull.DROP_OLDEST, 3, max_age_ms=1, throttle_hz=2),
        ),
    ],
)
def test_the_syntax(text: str, policy: DeliveryPolicy) -> None:
    assert DeliveryPolicy.parse(text) == policy


@pytest.mark.parametrize(
    "text",
    [
        "", "+", "latst", "block(0)", "block(-1)", "block(1.5)", "block()", "latest(3)", "max_age",
        "max_age(0)", "throttle(0)", "throttle(0.0000000001)", "throttle(.)", "latest++block",
        "max_age(" + "9" * 400 + ")", "block(" + "9" * 5000 + ")", "block(1)block(2)",
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_a_settings_error_that_quotes_it(text: str) -> None:
    with pytest.raises(SettingsError) as raised:
        DeliveryPolicy.parse(text)
    assert repr(text) in str(raised.value)


@given(st.text(max_size=20))
def test_any_text_is_a_policy_or_a_settings_error(text: str) -> None:
    try:
        policy = DeliveryPolicy.parse(text)
    except SettingsError:
        return
    assert DeliveryPolicy.parse(str(policy)) == policy


@pytest.mark.parametrize("number", [0, -1, math.inf, math.nan])
def test_a_rate_or_age_that_is_no_positive_number_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="throttle is a rate"):
        DeliveryPolicy.throttle(number)
    with pytest.raises(ValueError, match="max_age is a positive number"):
        DeliveryPolicy.max_age(number)


def test_a_mailbox_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one event"):
        DeliveryPolicy.block(0)


def test_a_guarantee_leaves_the_rest_of_the_policy_as_it_is() -> None:
    policy = DeliveryPolicy.latest().guaranteeing(lambda event: True)
    assert str(policy) == "latest"
    assert policy.guarantee is not None
