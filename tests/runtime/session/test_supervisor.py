"""The supervisor by itself: decisions and the pace of restarts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.errors import (
    MissingDependency,
)
from sensorium.events import NS_PER_S
from sensorium.plugins import ErrorAction
from sensorium.session.supervision import Supervisor
from sensorium.settings import ErrorSettings


@given(
    st.lists(st.integers(0, 30), max_size=40),
    st.integers(0, 4),
    st.integers(1, 40),
)
def test_never_more_restarts_than_allowed_within_the_window(
    gaps: list[int], allowed: int, window: int
) -> None:
    supervisor = Supervisor(ErrorSettings(max_restarts=allowed, window_s=window, backoff_s=0))
    now, restarts = 0, []
    for gap in gaps:
        now += gap * NS_PER_S
        recent = [at for at in restarts if at >= now - window * NS_PER_S]
        action = supervisor.decide(RuntimeError(), during="run", now=now)
        assert (action is ErrorAction.RESTART) is (len(recent) < allowed)
        if action is ErrorAction.RESTART:
            supervisor.backoff(now)
            restarts.append(now)


def test_the_wait_has_a_limit_however_many_restarts() -> None:
    supervisor = Supervisor(ErrorSettings(max_restarts=5000, backoff_s=0.1, max_backoff_s=8))
    waits = [supervisor.backoff(0) for _ in range(2000)]
    assert waits[:8] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 8]
    assert set(waits[7:]) == {8}


@pytest.mark.parametrize("during", ["setup", "run", "process", "close"])
@pytest.mark.parametrize("action", list(ErrorAction))
def test_a_missing_library_stops_only_where_that_was_asked(
    during: str, action: ErrorAction
) -> None:
    supervisor = Supervisor(ErrorSettings(action=action))
    error = MissingDependency("a", "b", "c")
    decided = supervisor.decide(error, during=during, now=0)
    stop = action is ErrorAction.STOP
    assert decided is (ErrorAction.STOP if stop else ErrorAction.DISABLE)
