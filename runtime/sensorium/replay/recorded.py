"""A recording file as something to play: its agent, its records, and what has changed since."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from pydantic import ValidationError

from sensorium.errors import SettingsError
from sensorium.events import AnyEvent
from sensorium.plugins.manager import Plugins
from sensorium.recording.about import plugin_facts, session_facts
from sensorium.recording.reader import PassedOver, Recording
from sensorium.recording.records import COUNTS, KINDS, DropCounts, count_records
from sensorium.settings import Settings, load_settings
from sensorium.trace import TraceRecord

LOSSY = "jpeg"
PLUGIN = "sensorium.plugin."


def recorded_settings(recording: Recording, instead: Path | None = None) -> Settings:
    """The settings that the recording was made with, or those of the file ``instead``.

    Raises :class:`SettingsError` when it holds none that this version can read.
    """
    if instead is not None:
        return load_settings(instead)
    text = recording.metadata.get("sensorium.settings", {}).get("json")
    if text is None:
        raise SettingsError(
            f"{recording.path} does not say with which settings it was made: name the agent's"
            " with --settings FILE"
        )
    try:
        return Settings.model_validate(json.loads(text))
    except (ValueError, ValidationError) as error:
        raise SettingsError(
            f"{recording.path} was made with settings that this version cannot read ({error}):"
            " name others with --settings FILE"
        ) from error


class RecordedFile:
    """The records of a recording, as :func:`sensorium.replay.player.replay` wants them."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording

    def events(self) -> Iterator[tuple[int, AnyEvent]]:
        """Each event with its place among events and trace records, of which only the events are
        read."""
        place = 0
        for message in self._recording.messages():
            kind = message.channel.kind
            if kind == "event":
                self._recording.knows(message)
                yield place, self._recording.decode(message)
                place += 1
            elif kind != COUNTS.name:
                place += count_records(KINDS[kind], message.data)

    def without(
        self, topics: Callable[[str], bool]
    ) -> Iterator[AnyEvent | TraceRecord | PassedOver]:
        """Events and trace records in order, where events on ``topics`` are only counted."""
        for record in self._recording.records_but(lambda channel: topics(channel.topic)):
            if not isinstance(record, DropCounts):
                yield record


def is_lossless(recording: Recording) -> bool:
    """Whether the recorded pictures are, to the last bit, those that the models saw."""
    return recording.metadata.get("sensorium.session", {}).get("images") != LOSSY


def changes(recording: Recording, settings: Settings, plugins: Plugins) -> list[str]:
    """What is not as it was when the recording was made, in words: versions and plugins."""
    found = []
    then, now = recording.metadata, dict(session_facts(settings, 0)) | dict(plugin_facts(plugins))
    for key in ("sensorium", "python"):
        old, new = (facts.get("sensorium.session", {}).get(key) for facts in (then, now))
        if old and old != new:
            found.append(f"{key} was {old} and is {new}")
    for name, facts in then.items():
        plugin = name.removeprefix(PLUGIN)
        if plugin == name or not facts.get("source_sha256"):
            continue
        if name not in now:
            found.append(f"plugin {plugin} is missing")
        elif facts["source_sha256"] != now[name].get("source_sha256"):
            found.append(f"plugin {plugin} has changed")
    return found
