"""Captioned sounds and narrated videos: AudioCaps, HowTo100M."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sensorium.errors import BadInput
from sensorium_models.data.corpora import (
    Missing,
    corpus_file,
    media,
    read_csv,
    read_json,
    reading,
)

CLIP_S = 10.0
"""Length of every clip of AudioCaps, in seconds."""
SOUND_ENDINGS = (".wav", ".flac", ".mp3", ".ogg")
VIDEO_ENDINGS = (".mp4", ".webm", ".mkv")


@dataclass(frozen=True, slots=True)
class CaptionedSound:
    """A file with ten seconds of sound, and what people wrote about it."""

    youtube_id: str
    start: float
    audio: Path
    captions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Narration:
    """What is said in a video from second ``start`` to ``stop``."""

    start: float
    stop: float
    text: str


@dataclass(frozen=True, slots=True)
class NarratedVideo:
    """A video of a task, its categories, and its narrations by time."""

    id: str
    video: Path
    categories: tuple[str, str]
    task_id: int
    narrations: tuple[Narration, ...]


def audiocaps(
    folder: Path, split: str = "test", *, missing: Missing = "raise"
) -> list[CaptionedSound]:
    """AudioCaps (Kim et al., 2019): ``<split>.csv``, sounds in ``<split>/`` or ``audio/``.

    AudioCaps publishes no sound, so files go by the names that downloaders give:
    ``<youtube_id>``, ``Y<youtube_id>``, ``<youtube_id>_<start>`` or ``<audiocap_id>``, as wav,
    flac, mp3 or ogg. Rows of one clip (five in test and val) become one item.
    """
    path = corpus_file(folder, f"{split}.csv", f"dataset/{split}.csv", corpus="AudioCaps")
    clips: dict[tuple[str, float], tuple[list[str], list[str]]] = {}
    with reading(path):
        for row in read_csv(path, ("audiocap_id", "youtube_id", "start_time", "caption")):
            key = (row["youtube_id"], float(row["start_time"]))
            numbers, captions = clips.setdefault(key, ([], []))
            numbers.append(row["audiocap_id"])
            captions.append(row["caption"].strip())
    sounds = folder / split if (folder / split).is_dir() else folder / "audio"
    items = []
    for (youtube_id, start), (numbers, captions) in clips.items():
        stems = [f"{youtube_id}_{start:g}", f"Y{youtube_id}_{start:g}", youtube_id,
                 f"Y{youtube_id}", *numbers]  # fmt: skip
        names = [stem + ending for stem in stems for ending in SOUND_ENDINGS]
        audio = media(sounds, names, missing, "AudioCaps", f"clip {youtube_id}")
        if audio is not None:
            items.append(CaptionedSound(youtube_id, start, audio, tuple(captions)))
    return items


def howto100m(folder: Path, *, missing: Missing = "raise") -> Iterator[NarratedVideo]:
    """HowTo100M (Miech et al., 2019): ``HowTo100M_v1.csv`` and videos in ``videos/``.

    Narrations come from ``raw_caption_superclean.json``, ``raw_caption.json`` or
    ``caption.json``, else from ``howto100m_captions/<video_id>.csv``.
    """
    path = corpus_file(folder, "HowTo100M_v1.csv", corpus="HowTo100M")
    spoken = _spoken(folder)
    for row in read_csv(path, ("video_id", "category_1", "category_2", "task_id")):
        name = row["video_id"]
        names = [name + ending for ending in VIDEO_ENDINGS]
        video = media(folder / "videos", names, missing, "HowTo100M", f"video {name}")
        if video is None:
            continue
        narrations = _narrations_of(folder, spoken, name)
        if narrations is None:
            if missing == "skip":
                continue
            raise BadInput(f'HowTo100M: nothing is said in {name}; pass missing="skip"')
        with reading(path):
            task = int(row["task_id"])
        yield NarratedVideo(name, video, (row["category_1"], row["category_2"]), task, narrations)


def _spoken(folder: Path) -> dict[str, tuple[Narration, ...]] | None:
    """The narrations of one JSON file for all videos, or None when each has its own CSV."""
    if (folder / "howto100m_captions").is_dir():
        return None
    path = corpus_file(
        folder, "raw_caption_superclean.json", "raw_caption.json", "caption.json",
        corpus="HowTo100M",
    )  # fmt: skip
    data = read_json(path)
    with reading(path):
        return {
            name: tuple(
                Narration(float(start), float(stop), str(text))
                for start, stop, text in zip(
                    entry["start"], entry["end"], entry["text"], strict=True
                )
            )
            for name, entry in data.items()
        }


def _narrations_of(
    folder: Path, spoken: dict[str, tuple[Narration, ...]] | None, name: str
) -> tuple[Narration, ...] | None:
    if spoken is not None:
        return spoken.get(name)
    path = folder / "howto100m_captions" / f"{name}.csv"
    if not path.is_file():
        return None
    with reading(path):
        return tuple(
            Narration(float(row["start"]), float(row["end"]), row["text"])
            for row in read_csv(path, ("start", "end", "text"))
        )
