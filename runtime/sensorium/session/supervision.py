"""What happens to a component that raises: the decision, and the pace of restarts."""

from __future__ import annotations

from collections import deque

from sensorium.errors import (
    BadInput,
    MissingDependency,
    PayloadError,
    RecordingFailed,
    SettingsError,
)
from sensorium.events import NS_PER_S
from sensorium.plugins.hookspecs import ErrorAction
from sensorium.settings import ErrorSettings

PERMANENT = (MissingDependency, RecordingFailed, SettingsError)
"""Errors that come back however often a component is restarted."""

MAX_DOUBLINGS = 64  # a float holds no more than 1023 of them


class Supervisor:
    """Keeps one component's record of failures and decides by type, setting and record."""

    def __init__(self, settings: ErrorSettings) -> None:
        self._settings = settings
        self._restarts: deque[int] = deque()

    def decide(self, error: Exception, *, during: str, now: int) -> ErrorAction:
        """What to do about ``error`` at time ``now`` (ns).

        A bad event is left out; an error that a restart cannot mend disables the component; any
        other follows the settings, and more than ``max_restarts`` within the window disables.
        """
        if isinstance(error, BadInput | PayloadError):
            return ErrorAction.SKIP if during == "process" else ErrorAction.DISABLE
        if isinstance(error, PERMANENT):
            return self._settings.action if self._is(ErrorAction.STOP) else ErrorAction.DISABLE
        if not self._is(ErrorAction.RESTART):
            return self._settings.action
        self._forget_before(now)
        if len(self._restarts) >= self._settings.max_restarts:
            return ErrorAction.DISABLE
        return ErrorAction.RESTART

    def backoff(self, now: int) -> float:
        """Record a restart at ``now`` (ns); returns how long to wait first, in seconds."""
        self._forget_before(now)
        doublings = min(len(self._restarts), MAX_DOUBLINGS)
        self._restarts.append(now)
        return min(self._settings.backoff_s * 2.0**doublings, self._settings.max_backoff_s)

    def _forget_before(self, now: int) -> None:
        window = round(self._settings.window_s * NS_PER_S)
        while self._restarts and self._restarts[0] < now - window:
            self._restarts.popleft()

    def _is(self, action: ErrorAction) -> bool:
        return self._settings.action is action
