"""Ctrl-C during training: the step is finished and everything saved first."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class TrainingStopped(KeyboardInterrupt):
    """Ctrl-C ended training. All of it is in the folder; the message says how to go on."""


class Wish:
    """Whether somebody pressed Ctrl-C."""

    stop = False


@contextmanager
def interruptible() -> Iterator[Wish]:
    """The first Ctrl-C in the block sets ``stop``; the second one is as usual.

    In a thread other than the main one nothing changes: only the main one gets signals.
    """
    wish = Wish()
    if threading.current_thread() is not threading.main_thread():
        yield wish
        return
    usual = signal.getsignal(signal.SIGINT)

    def pressed(number: int, frame: Any) -> None:
        wish.stop = True
        signal.signal(signal.SIGINT, usual)

    signal.signal(signal.SIGINT, pressed)
    try:
        yield wish
    finally:
        signal.signal(signal.SIGINT, usual)
