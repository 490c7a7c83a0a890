"""Drawn faces that talk: the mouth follows the visemes of what is said.

Neighbouring sounds bend one another's mouth (coarticulation), and mouths differ from person to
person, so lips tell much, though not all, of what is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput
from sensorium_sims.world.libraries import cv2
from sensorium_sims.world.pronunciation import Viseme, viseme_of
from sensorium_sims.world.sampling import Rng
from sensorium_sims.world.speech import Phone, Speaker, Speech, timed

U8 = NDArray[np.uint8]
F64 = NDArray[np.float64]
RGB = tuple[int, int, int]
FPS = 25.0
"""As GRID and LRS3."""
FINE = 2
"""Faces are drawn at FINE times their size and averaged down."""

SKINS: tuple[RGB, ...] = (
    (255, 224, 196), (241, 194, 150), (224, 172, 105), (198, 134, 66), (141, 85, 36), (92, 58, 33),
)  # fmt: skip
HAIRS: tuple[RGB, ...] = (
    (40, 30, 26), (92, 58, 30), (160, 110, 50), (220, 190, 110), (150, 60, 30), (190, 190, 195),
)  # fmt: skip


class _Oval(Protocol):
    """Draws a filled ellipse, or its upper half; lengths in shares of the side."""

    def __call__(
        self, x: float, y: float, w: float, h: float, rgb: Sequence[float], span: int = 360
    ) -> None: ...


class Mouth(NamedTuple):
    """``opening`` and ``width`` from 0 to 1; how much of the teeth and the tongue shows."""

    opening: float
    width: float
    teeth: float
    tongue: float


MOUTHS: dict[Viseme, Mouth] = {
    "sil": Mouth(0.02, 0.50, 0.0, 0.0),
    "PP": Mouth(0.00, 0.45, 0.0, 0.0),
    "FF": Mouth(0.12, 0.50, 1.0, 0.0),
    "TH": Mouth(0.22, 0.52, 0.6, 1.0),
    "DD": Mouth(0.28, 0.55, 0.7, 0.4),
    "kk": Mouth(0.34, 0.52, 0.4, 0.1),
    "CH": Mouth(0.30, 0.28, 0.9, 0.0),
    "SS": Mouth(0.18, 0.66, 1.0, 0.0),
    "nn": Mouth(0.30, 0.54, 0.5, 0.7),
    "RR": Mouth(0.30, 0.34, 0.3, 0.3),
    "aa": Mouth(0.95, 0.58, 0.3, 0.3),
    "E": Mouth(0.58, 0.72, 0.5, 0.2),
    "ih": Mouth(0.34, 0.88, 0.6, 0.1),
    "oh": Mouth(0.68, 0.28, 0.0, 0.1),
    "ou": Mouth(0.34, 0.12, 0.0, 0.0),
}


@dataclass(frozen=True, slots=True)
class Identity:
    """How one face looks and moves its lips; ``vigour`` scales how far the mouth opens."""

    skin: RGB
    hair: RGB
    lips: RGB
    backdrop: RGB
    wide: float
    long: float
    mouth: float
    fringe: float
    bun: bool
    brows: float
    vigour: float


def sample_identity(rng: Rng) -> Identity:
    """Somebody. Held-out faces are those of another split's generator."""
    skin = SKINS[rng.integers(len(SKINS))]
    jitter = rng.integers(-10, 11, 3)
    red, green, blue = (int(v) for v in np.clip(np.array(skin) + jitter, 0, 255))
    tone = rng.uniform(90, 220)
    backdrop = np.clip(tone + rng.uniform(-35, 35, 3), 0, 255).astype(int)
    return Identity(
        skin=(red, green, blue),
        hair=HAIRS[rng.integers(len(HAIRS))],
        lips=(int(red * 0.82), int(green * rng.uniform(0.5, 0.62)), int(blue * 0.6)),
        backdrop=(int(backdrop[0]), int(backdrop[1]), int(backdrop[2])),
        wide=float(rng.uniform(0.29, 0.35)),
        long=float(rng.uniform(0.38, 0.43)),
        mouth=float(rng.uniform(0.105, 0.14)),
        fringe=float(rng.uniform(0.05, 0.16)),
        bun=bool(rng.random() < 0.4),
        brows=float(rng.uniform(0.012, 0.024)),
        vigour=float(rng.uniform(0.75, 1.1)),
    )


@dataclass(frozen=True, slots=True)
class Talk:
    """A face saying something: ``frames`` (T, H, W, 3) uint8 at ``fps``, with its ``speech``.

    ``mouths`` (T, 4): x0, y0, x1, y1 in pixels of a square around the lips.
    """

    text: str
    frames: U8
    mouths: NDArray[np.int64]
    speech: Speech
    identity: Identity
    fps: float

    def lips(self, size: int = 24) -> U8:
        """(T, size, size, 3): the lips alone."""
        return np.stack(
            [
                cv2.resize(frame[y0:y1, x0:x1], (size, size), interpolation=cv2.INTER_AREA)
                for frame, (x0, y0, x1, y1) in zip(self.frames, self.mouths.tolist(), strict=True)
            ]
        )


def talk(
    text: str, speaker: Speaker, identity: Identity, rng: Rng, *, size: int = 96, fps: float = FPS
) -> Talk:
    """Have somebody say a text: its speech, and a film as long as the speech."""
    if size < 48:
        raise BadInput(f"size is {size}: lips need faces of 48 pixels or more")
    speech = timed(text, speaker(text))
    count = max(1, round(speech.seconds * fps))
    shapes = mouth_track(speech.phones, count, fps)
    sway = _sway(count, fps, rng)
    blinks = _blinks(count, fps, rng)
    drawn = [
        draw_face(identity, Mouth(*shape), size, (float(x), float(y)), float(lid))
        for shape, (x, y), lid in zip(shapes.tolist(), sway, blinks, strict=True)
    ]
    frames, mouths = zip(*drawn, strict=True)
    return Talk(text, np.stack(frames), np.array(mouths), speech, identity, fps)


def mouth_track(phones: Sequence[Phone], count: int, fps: float) -> F64:
    """(count, 4): the mouth at each frame, as if each sound pulled at it around its middle."""
    times = (np.arange(count) + 0.5) / fps
    shape = np.array(MOUTHS["sil"])
    pulls = np.full((count, 1), 0.05)
    total = pulls * shape
    for phone in phones:
        viseme = viseme_of(phone.symbol)
        middle, half = (phone.start + phone.stop) / 2, max(0.03, (phone.stop - phone.start) / 2)
        # Lips must close for p, b and m and touch for f and v: those pull harder.
        strength = 3.0 if viseme in ("PP", "FF", "ou") else 1.0
        pull = strength * np.exp(-(((times - middle) / (1.1 * half)) ** 2))[:, None]
        total += pull * np.array(MOUTHS[viseme])
        pulls += pull
    return np.asarray(total / pulls)


def _sway(count: int, fps: float, rng: Rng) -> F64:
    """(count, 2): the head drifts slowly, in shares of the picture."""
    times = np.arange(count)[:, None] / fps
    speed, start = rng.uniform(1.0, 2.2, 2), rng.uniform(0, 6.28, 2)
    return np.asarray(np.sin(times * speed + start) * rng.uniform(0.008, 0.022, 2))


def _blinks(count: int, fps: float, rng: Rng) -> F64:
    """(count,): 1 is shut; a blink of 0.2 s every few seconds."""
    times = np.arange(count) / fps
    shut = np.zeros(count)
    moment = rng.uniform(0.2, 3.0)
    while moment < count / fps:
        shut = np.maximum(shut, 1 - np.abs(times - moment) / 0.1)
        moment += rng.uniform(1.5, 4.5)
    return np.clip(shut, 0, 1)


def draw_face(
    who: Identity, mouth: Mouth, size: int, sway: tuple[float, float] = (0.0, 0.0), lid: float = 0.0
) -> tuple[U8, tuple[int, int, int, int]]:
    """(size, size, 3), and the square around the lips."""
    side = size * FINE
    canvas = np.empty((side, side, 3), np.uint8)
    canvas[:] = who.backdrop
    cx, cy = 0.5 + sway[0], 0.52 + sway[1]

    def oval(x: float, y: float, w: float, h: float, rgb: Sequence[float], span: int = 360) -> None:
        axes = (max(1, round(w * side)), max(1, round(h * side)))
        place = (round(x * side), round(y * side))
        start = 180 if span == 180 else 0
        cv2.ellipse(canvas, place, axes, 0, start, start + span, tuple(rgb), -1, cv2.LINE_AA)

    dark = [v * 0.8 for v in who.skin]
    if who.bun:
        oval(cx, cy - 0.42, 0.12, 0.1, who.hair)
    oval(cx, cy + 0.58, 0.4, 0.24, [v * 0.55 for v in who.backdrop])  # shoulders
    oval(cx, cy + 0.36, 0.11, 0.2, dark)  # neck
    oval(cx, cy - 0.05, who.wide + 0.035, who.long + 0.03, who.hair)
    oval(cx, cy + 0.02, who.wide, who.long * 0.97, who.skin)
    oval(cx, cy - 0.2, who.wide + 0.01, who.long * 0.5, who.hair, 180)
    oval(cx, cy - 0.2, who.wide * 0.92, who.fringe, who.hair)
    _eyes(oval, who, cx, cy, lid)
    oval(cx, cy + 0.07, 0.03, 0.022, dark)  # nose
    my = cy + 0.215
    _lips(oval, who, mouth, cx, my)
    half = 0.17
    x0, y0 = round((cx - half) * size), round((my - half * 0.9) * size)
    edge = round(2 * half * size)
    box = (x0, y0, min(size, x0 + edge), min(size, y0 + edge))
    image = cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(image, np.uint8), box


def _eyes(oval: _Oval, who: Identity, cx: float, cy: float, lid: float) -> None:
    for side in (-1, 1):
        x, y = cx + side * 0.12, cy - 0.06
        oval(x, y - 0.075, 0.055, who.brows, who.hair)
        oval(x, y, 0.05, 0.032, (250, 250, 250))
        oval(x, y, 0.024, 0.028, (50, 60, 70))
        if lid > 0.05:
            oval(x, y - 0.034 * (1 - lid), 0.054, 0.036 * lid + 0.002, who.skin)


def _lips(oval: _Oval, who: Identity, mouth: Mouth, x: float, y: float) -> None:
    opening = mouth.opening * who.vigour * 0.085
    width = who.mouth * (0.55 + 0.6 * mouth.width)
    lip = 0.022
    oval(x, y, width + lip * 0.6, opening + lip, who.lips)
    if opening < 0.006:
        oval(x, y, width * 0.9, 0.004, [v * 0.5 for v in who.lips])
        return
    oval(x, y, width, opening, (60, 20, 24))
    if mouth.teeth > 0.15:
        oval(x, y - opening * 0.62, width * 0.8, opening * 0.36 * mouth.teeth, (244, 240, 232))
    if mouth.tongue > 0.15:
        oval(x, y + opening * 0.55, width * 0.6, opening * 0.42 * mouth.tongue, (206, 90, 96))
