"""What is recorded: pictures with a camera's noise, and small percepts."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from sensorium.events import NS_PER_MS, AnyEvent, Event
from sensorium.payloads import Image, Percept
from sensorium_benchmarks.stopwatch import Stopwatch

HEIGHT, WIDTH = 480, 640
START = 1_700_000_000_000_000_000
PICTURES = 10
NOISE = 4.0  # standard deviation, of 256 levels: a webcam by daylight
MEMORY = Path("/dev/shm")

Write = Callable[[Path, list[AnyEvent]], None]


def pictures() -> list[Image]:
    """Smooth shades and a few shapes under noise."""
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    shades = np.stack([rows / 3, columns / 4, (rows + columns) / 6], axis=2)
    shades[100:300, 200:400] = (200, 60, 40)
    made = []
    for _ in range(PICTURES):
        noisy = shades + random.normal(0, NOISE, shades.shape)
        made.append(Image(np.clip(noisy, 0, 255).astype(np.uint8)))
    return made


def camera_events(count: int) -> list[AnyEvent]:
    """Pictures at 30 Hz."""
    made = pictures()
    return [_event("camera/image", made[n % PICTURES], n, 33 * NS_PER_MS) for n in range(count)]


def small_events(count: int) -> list[AnyEvent]:
    """Percepts at 1 kHz, each with a parent."""
    return [
        _event("world/percept", _percept(n), n, NS_PER_MS, root=f"camera#{n}", parent=f"camera#{n}")
        for n in range(count)
    ]


def timed(events: list[AnyEvent], write: Write) -> dict[str, float]:
    """Rate and bytes of writing ``events`` to a new file, closing it included."""
    with folder() as place:
        path = place / "bench"
        with Stopwatch() as watch:
            write(path, events)
        size = path.stat().st_size
    return {"rate": len(events) / watch.seconds, "size": size / len(events)}


@contextmanager
def folder() -> Iterator[Path]:
    """A temporary folder, in memory where the system has one there."""
    where = MEMORY if MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(dir=where) as name:
        yield Path(name)


def _percept(number: int) -> Percept:
    return Percept("seen", "a cup", 0.5 + number * 1e-6, "camera", START + number)


def _event(
    topic: str, payload: Any, number: int, period: int, root: str = "", parent: str = ""
) -> AnyEvent:
    at = START + number * period
    parents = (parent,) if parent else ()
    return Event(topic, payload, at, at + 5 * NS_PER_MS, "bench", number, root, parents)
