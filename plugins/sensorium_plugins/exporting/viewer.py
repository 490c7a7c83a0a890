"""A recording as a Rerun recording (``.rrd``), to look at in Rerun's viewer.

Times are the originating times (``originating``) and the creation times (``created``). Pictures,
boxes, words and numbers become what the viewer draws; what it has no form for becomes its JSON.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sensorium.errors import MissingDependency, OutputFailed
from sensorium.events import AnyEvent, Event
from sensorium.payloads.acting import State
from sensorium.payloads.media import Audio, Image
from sensorium.payloads.percepts import Detections, TextLines
from sensorium.payloads.system import Metric
from sensorium.recording.reader import Message, Recording

PICTURES_REMEMBERED = 4096
LATEST = 2**63 - 1  # ns since the epoch
LONGEST_TEXT = 4000  # characters of JSON for what has no other form


def export_rerun(recording: Recording, path: Path, topics: Sequence[str] = ()) -> int:
    """Write every topic under the patterns (all, by default) to ``path``; returns how many events.

    Raises :class:`OutputFailed` when the file exists, :class:`MissingDependency` without rerun-sdk.
    """
    if path.exists():
        raise OutputFailed(f"{path} exists already, and an export overwrites nothing")
    rerun = _library()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("xb").close()  # rerun itself only logs that it cannot write
    except OSError as error:
        raise OutputFailed(f"{path} cannot be written: {error}") from error
    stream = _Stream(rerun, path)
    count = 0
    try:
        for message in recording.messages(topics):
            if message.channel.kind == "event" and recording.knows(message):
                stream.add(message, recording.decode(message))
                count += 1
    finally:
        stream.close()
    return count


Place = list[str]


class _Stream:
    def __init__(self, rerun: Any, path: Path) -> None:
        self._rr = rerun
        self._recording = rerun.RecordingStream("sensorium", recording_id=path.stem)
        self._recording.save(path)
        self._pictures: OrderedDict[str, str] = OrderedDict()

    def add(self, message: Message, event: AnyEvent) -> None:
        for name, at in (("originating", message.publish_time), ("created", message.log_time)):
            self._recording.set_time(name, timestamp=np.datetime64(min(at, LATEST), "ns"))
        for place, thing in self._things(message, event):
            self._recording.log(place, thing)

    def close(self) -> None:
        self._recording.flush()
        self._recording.disconnect()

    def _things(self, message: Message, event: Event[Any]) -> list[tuple[Place, Any]]:
        """Where, and what to draw there."""
        rr, payload, topic = self._rr, event.payload, _place(event.topic)
        if isinstance(payload, Image):
            self._remember(event)
            return [(topic, rr.Image(np.ascontiguousarray(payload.data)))]
        if isinstance(payload, Audio):
            power = np.square(payload.samples, dtype=np.float64)
            level = float(np.sqrt(np.mean(power))) if power.size else 0.0
            return [([*topic, "level"], rr.Scalars(level))]
        if isinstance(payload, Detections):
            boxes = rr.Boxes2D(
                array=payload.boxes, array_format=rr.Box2DFormat.XYXY, labels=list(payload.labels)
            )
            return [(self._over_picture(event), boxes)]
        if isinstance(payload, TextLines):
            lines = rr.LineStrips2D(list(payload.boxes), labels=list(payload.lines))
            return [
                (self._over_picture(event), lines),
                (topic, rr.TextLog("\n".join(payload.lines))),
            ]
        if isinstance(payload, Metric):
            return [([*topic, payload.name], rr.Scalars(payload.value))]
        if isinstance(payload, State):
            return [([*topic, name], self._value(value)) for name, value in payload.values.items()]
        text = getattr(payload, "text", None)
        if not isinstance(text, str):
            text = message.data[:LONGEST_TEXT].decode("utf-8", "replace")
        return [(topic, rr.TextLog(text))]

    def _value(self, value: Any) -> Any:
        if isinstance(value, bool | int | float):
            return self._rr.Scalars(float(value))
        return self._rr.TextLog(str(value))

    def _remember(self, event: AnyEvent) -> None:
        self._pictures[event.id] = event.topic
        if len(self._pictures) > PICTURES_REMEMBERED:
            self._pictures.popitem(last=False)

    def _over_picture(self, event: AnyEvent) -> Place:
        """A place on top of the picture that the event is about, if it is about one."""
        for parent in event.parents:
            if parent in self._pictures:
                return [*_place(self._pictures[parent]), *_place(event.topic)]
        return _place(event.topic)


def _place(topic: str) -> Place:
    """A topic as the parts of a Rerun entity path, which may hold any letters then."""
    return [level for level in topic.split("/") if level] or ["_"]


def _library() -> Any:
    try:
        import rerun
    except ImportError:
        raise MissingDependency(
            "exporting to Rerun", "rerun-sdk", "pip install 'sensorium[rerun]'"
        ) from None
    return rerun
