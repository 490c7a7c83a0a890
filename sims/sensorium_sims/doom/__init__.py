"""ViZDoom: its ids, and the sound that it goes without in silence when OpenAL is missing."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

import vizdoom.gymnasium_wrapper  # noqa: F401 - importing it makes the ids known to Gymnasium

from sensorium.errors import MissingDependency

OPENAL = "libopenal.so.1"


def check(environment: str) -> None:
    """:func:`need_sound` for those of ViZDoom's own ids that have sound."""
    if "Audio" in environment:
        need_sound(environment)


def need_sound(environment: str) -> None:
    """Refuse an environment with sound where ViZDoom would give silence and say nothing.

    Raises :class:`MissingDependency`. Also keeps OpenAL from its effects, with which the version
    that Debian has aborts the game; your own ``ALSOFT_CONF`` stands.
    """
    try:
        ctypes.CDLL(OPENAL)
    except OSError:
        raise MissingDependency(
            f"the sound of {environment}", f"the system library {OPENAL}",
            "Without it every sample is silent. Run: sudo apt install libopenal1",
        ) from None  # fmt: skip
    os.environ.setdefault("ALSOFT_CONF", str(Path(__file__).with_name("alsoft.conf")))
