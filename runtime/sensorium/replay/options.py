"""How a recording is played."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """How a recording is played."""

    speed: float | None = None
    """Seconds of the recording in a second; as fast as can be if None."""
    until_s: float | None = None
    """Seconds from its beginning; to its end if None."""
    recompute: Callable[[str], bool] = lambda model: False
    """Which models answer anew, by name; the recording answers for the others."""
    act: bool = False
    """Whether actuators act. If not, what they did is played from the recording."""
    lossless: bool = True
    """False where the recording's pictures are not what the models saw."""
    whole: bool = True
    """False where the recording was cut off, perhaps before a model's answer came."""
