"""An episode in one picture: frames with what was done, and how loud it was."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

HEIGHT = 132
CAPTION = 15
BAR = 7
PADDING = 6
MOST = 8
PER_ROW = 4
LOUD_DB, SILENT_DB = -6.0, -60.0
_INK, _PAPER, _SOUND = (25, 25, 25), (255, 255, 255), (217, 95, 2)


@dataclass(frozen=True)
class Filmed:
    """A film taken apart."""

    frames: list[NDArray[np.uint8]]
    """(H, W, 3) each: what a reset showed, then one a step."""
    levels: list[float]
    """Of the sound of each frame, in dB of full scale; empty without sound."""


def read_film(path: Path) -> Filmed:
    """Decode a film that an environment's ``video`` option made."""
    import av

    with av.open(str(path)) as film:
        frames: list[Any] = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
        rate = float(film.streams.video[0].average_rate or 10)
    with av.open(str(path)) as film:
        if not film.streams.audio:
            return Filmed(frames, [])
        sound = np.concatenate([frame.to_ndarray() for frame in film.decode(audio=0)], axis=1)
        each = film.streams.audio[0].rate / rate
    heard = [sound[:, round(n * each) : round((n + 1) * each)] for n in range(len(frames))]
    return Filmed(frames, [_level(part) for part in heard])


def draw_strip(filmed: Filmed, actions: tuple[str, ...], words: str, path: Path) -> None:
    """Up to eight frames, evenly spread, in rows of four; the first and the last among them.

    Above them the ``words``; under each its step, the action that led to it and, as a bar from
    -60 to -6 dB, how loud it was.
    """
    count = len(filmed.frames)
    chosen = sorted({round(n) for n in np.linspace(0, count - 1, min(MOST, count))})
    pictures = [_scaled(filmed.frames[number]) for number in chosen]
    width = max(picture.width for picture in pictures)
    across = min(PER_ROW, len(chosen))
    tall = HEIGHT + CAPTION + (BAR + 3 if filmed.levels else 0) + PADDING
    rows = -(-len(chosen) // across)
    sheet = Image.new(
        "RGB", (across * (width + PADDING) + PADDING, CAPTION + 2 * PADDING + rows * tall), _PAPER
    )
    pen = ImageDraw.Draw(sheet)
    pen.text((PADDING, PADDING), words, fill=_INK)
    for place, (number, picture) in enumerate(zip(chosen, pictures, strict=True)):
        left = PADDING + (place % across) * (width + PADDING)
        top = CAPTION + 2 * PADDING + (place // across) * tall
        sheet.paste(picture, (left, top))
        done = actions[number - 1] if 0 < number <= len(actions) else "start"
        pen.text((left, top + HEIGHT + 1), f"{number}: {done}"[: width // 6], fill=_INK)
        if filmed.levels:
            share = (filmed.levels[number] - SILENT_DB) / (LOUD_DB - SILENT_DB)
            bar = top + HEIGHT + CAPTION
            pen.rectangle((left, bar, left + width - 1, bar + BAR), outline=(200, 200, 200))
            filled = left + round(min(1.0, max(0.0, share)) * (width - 1))
            pen.rectangle((left, bar, filled, bar + BAR), fill=_SOUND)
    sheet.quantize(128).save(path, optimize=True)


def _scaled(frame: NDArray[np.uint8]) -> Image.Image:
    picture = Image.fromarray(frame)
    width = max(1, round(picture.width * HEIGHT / picture.height))
    return picture.resize((width, HEIGHT), Image.Resampling.LANCZOS)


def _level(sound: NDArray[np.float32]) -> float:
    loudness = float(np.sqrt(np.mean(np.square(sound)))) if sound.size else 0.0
    return 20 * float(np.log10(max(loudness, 1e-6)))
