"""Has an agent listen to a film of talking faces, with its camera and without."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sensorium import Session
from sensorium.errors import ComponentError, SettingsError
from sensorium.events import NS_PER_S
from sensorium.settings import Layer
from sensorium_agents.composition import components_using, load, plugins_for
from sensorium_models.audio_visual_speech.films import Film
from sensorium_models.metrics.wer import word_error_rate

NEEDED = ("camera", "microphone", "voice_activity", "audio_visual_speech")
ALL = "block(4096)"


def playing(settings: Path, film: Film, *, camera: bool, weights: str = "") -> Layer:
    """Overrides: the film in place of camera and microphone, as fast as it can be looked at.

    Nothing is dropped and the join waits for every picture, so that what comes out depends on the
    film alone. Raises SettingsError for an agent that lacks one of NEEDED.
    """
    plain = load(settings)
    layer: Layer = {}
    for use in NEEDED:
        if not list(components_using(plain, use)):
            raise SettingsError(f"{settings} has no component {use!r}, which listening needs")
    files = {"camera": film.video, "microphone": film.sound}
    for use, file in files.items():
        for name in components_using(plain, use):
            layer[name] = {"options": {"source": str(file.resolve()), "pace": "fast"}}
            if use == "camera" and not camera:
                layer[name] = {"enabled": False}
    for use, takes in (("voice_activity", ("audio",)), ("lips", ("image",)),
                       ("audio_visual_speech", ("utterance", "lips"))):  # fmt: skip
        for name in components_using(plain, use):
            layer[name] = {"takes": {of: {"policy": ALL} for of in takes}}
            if use == "audio_visual_speech":
                layer[name]["options"] = {"mode": "reproducible"}
    models: Layer = {"audio_visual_speech": {"options": {"weights": weights}}} if weights else {}
    return {"components": layer, "models": models}


async def listen(settings: Path, film: Film, *, camera: bool, weights: str = "") -> list[str]:
    """What the agent wrote down during each command of ``film``; "" for what it did not hear.

    Raises ComponentError where a component cannot be set up.
    """
    layered = load(settings, playing(settings, film, camera=camera, weights=weights))
    heard: list[tuple[int, str]] = []
    began: list[int] = []
    async with Session(layered, plugins_for(layered)) as session:
        for name in session.failures:  # the log says why; without it the rest would mean nothing
            raise ComponentError(name, "it could not be set up, so the agent cannot listen")
        said = session.bus.subscribe("speech/transcript", name="listening")
        sound = session.bus.subscribe("microphone/+/audio", name="beginning")
        async with said, sound:
            ending = asyncio.ensure_future(session.wait())
            noted = asyncio.ensure_future(_note(said, heard))
            first = asyncio.ensure_future(_first(sound, began))
            try:
                await ending
                await session.settled()
            finally:
                for task in (ending, noted, first):
                    task.cancel()
                await asyncio.wait([ending, noted, first])
    return _by_command(film, began[0] if began else 0, heard)


async def _note(events: Any, heard: list[tuple[int, str]]) -> None:
    async for event in events:
        middle = (event.originating_time + event.payload.end_time) // 2
        heard.append((middle, event.payload.text))


async def _first(events: Any, began: list[int]) -> None:
    async for event in events:
        began[:] = began or [event.originating_time]


def _by_command(film: Film, began: int, heard: Sequence[tuple[int, str]]) -> list[str]:
    words: list[list[str]] = [[] for _ in film.said]
    for middle, text in sorted(heard):
        at = (middle - began) / NS_PER_S
        nearest = min(range(len(words)), key=lambda k: abs(at - _middle(film, k)))
        words[nearest].append(text)
    return [" ".join(each) for each in words]


def _middle(film: Film, at: int) -> float:
    return (film.said[at].start + film.said[at].stop) / 2


def compare(settings: Path, film: Film, *, weights: str = "") -> dict[str, Any]:
    """Word error rates of one agent with its camera and without, and what each wrote down."""
    told = [one.text for one in film.said]
    found: dict[str, Any] = {"said": told}
    for name, camera in (("with camera", True), ("without", False)):
        heard = asyncio.run(listen(settings, film, camera=camera, weights=weights))
        rate = word_error_rate(told, heard)
        found[name] = {"wer": rate.wer, "ci95": list(rate.ci95), "words": rate.n_words,
                       "utterances": rate.n_utterances, "heard": heard}  # fmt: skip
    return found
