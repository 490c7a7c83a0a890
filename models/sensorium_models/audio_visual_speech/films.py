"""Films of talking faces: a camera's and a microphone's file, to try a whole agent on.

Commands of the synthetic world, one after the other, each by another voice with another face;
between two of them nobody speaks and all is quiet.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput, MissingDependency, OutputFailed
from sensorium_models.audio_visual_speech.corpus import FPS, crowd, say
from sensorium_models.audio_visual_speech.espeak import Split
from sensorium_models.speech.waveform import SAMPLE_RATE
from sensorium_sims.world.noise import mixed

STRIDE = round(SAMPLE_RATE / FPS)
"""Samples a picture."""
AROUND, BETWEEN = 8, 25
"""Pictures before and after a command, in its noise, and from that to the next command."""
FACE, WIDTH, HEIGHT = 200, 320, 240
"""Pixels."""
VIDEO, SOUND, TEXT = "film.mp4", "film.wav", "film.txt"


@dataclass(frozen=True, slots=True)
class Said:
    """One command of a film, from ``start`` to ``stop`` in seconds."""

    text: str
    start: float
    stop: float


@dataclass(frozen=True, slots=True)
class Film:
    """Its two files, and what is said in it."""

    video: Path
    sound: Path
    said: tuple[Said, ...]


def write_film(
    folder: Path,
    count: int,
    *,
    snr_db: float | None = None,
    split: Split = "test",
    first: int = 0,
    seed: int = 0,
) -> Film:
    """Write ``count`` commands of a split into ``folder``: film.mp4, film.wav and film.txt.

    ``snr_db``: of the babble of a crowd; quiet if None. Raises BadInput for no command,
    OutputFailed where the folder cannot be written to, MissingDependency without eSpeak NG or PyAV.
    """
    if count < 1:
        raise BadInput(f"a film of {count} commands: give 1 or more")
    babble = None if snr_db is None else crowd(split, 12, 4, seed=seed + 1)
    pictures: list[NDArray[np.uint8]] = []
    sounds: list[NDArray[np.float32]] = []
    said = []
    for number in range(first, first + count):
        talk, _, rng = say(split, number, seed=seed, size=FACE)
        length = len(talk.frames) + 2 * AROUND
        wave = np.zeros(length * STRIDE, np.float32)
        spoken = talk.speech.samples[: len(wave) - AROUND * STRIDE]
        wave[AROUND * STRIDE :][: len(spoken)] = spoken
        if babble is not None and snr_db is not None:
            track = babble[int(rng.integers(len(babble)))]
            start = int(rng.integers(len(track) - len(wave)))
            wave = mixed(wave, track[start : start + len(wave)], snr_db)
        begin = len(pictures) / FPS
        said.append(Said(talk.text, begin, begin + length / FPS))
        shown = _framed(talk.frames)
        pictures += [shown[0]] * AROUND + list(shown) + [shown[-1]] * (AROUND + BETWEEN)
        sounds += [wave, np.zeros(BETWEEN * STRIDE, np.float32)]
    return _written(folder, pictures, np.concatenate(sounds), said)


def _framed(faces: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(T, HEIGHT, WIDTH, 3): the face in the middle, its backdrop around it."""
    top, left = (HEIGHT - FACE) // 2, (WIDTH - FACE) // 2
    sides = ((0, 0), (top, HEIGHT - FACE - top), (left, WIDTH - FACE - left), (0, 0))
    return np.pad(faces, sides, mode="edge")


def _written(
    folder: Path, pictures: list[NDArray[np.uint8]], sound: NDArray[np.float32], said: list[Said]
) -> Film:
    av, soundfile = _libraries()
    film = Film(folder / VIDEO, folder / SOUND, tuple(said))
    lines = [f"{one.start:7.2f} {one.stop:7.2f}  {one.text}\n" for one in said]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / TEXT).write_text("".join(lines), encoding="utf-8")
        soundfile.write(film.sound, sound, SAMPLE_RATE, subtype="PCM_16")
        with av.open(str(film.video), "w") as container:
            stream = container.add_stream("libx264", rate=Fraction(FPS), options={"crf": "20"})
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            for picture in pictures:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())
    except OSError as error:  # PyAV's and libsndfile's errors on files among them
        raise OutputFailed(f"a film cannot be written to {folder}: {error}") from error
    return film


def _libraries() -> tuple[Any, Any]:
    try:
        import av
        import soundfile
    except ModuleNotFoundError as error:
        raise MissingDependency(
            "films of talking faces", str(error.name), 'Run: pip install "sensorium[vision,audio]"'
        ) from error
    return av, soundfile
