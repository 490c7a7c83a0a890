"""Looks: what one glance at one picture found, and what several glances found together."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from sensorium.errors import BadInput
from sensorium.events import AnyEvent
from sensorium.payloads import Classes, Detections, Percept, TextLines

KINDS = {"objects": "seen", "faces": "face", "classes": "class", "text": "read",
         "answer": "answer"}  # fmt: skip
"""Kinds of percept by the input they come by."""


@dataclass(eq=False, slots=True)
class Look:
    """What was found of one kind in one picture, or in the pictures of a while."""

    origin: str
    """The camera."""
    kind: str
    time: int
    """Originating time in ns: of the newest picture."""
    percepts: tuple[Percept, ...]
    outdated: bool = False
    """Its source has begun a new life: whatever comes next replaces it."""

    @property
    def key(self) -> tuple[str, str]:
        """Looks of one key replace each other."""
        return self.origin, self.kind


def look_of(name: str, event: AnyEvent, origin: str) -> Look:
    """The look that ``event`` holds, which came by the input of that name."""
    kind, time = KINDS[name], event.originating_time
    found: Iterable[tuple[str, float, tuple[float, float, float, float] | None]]
    match event.payload:
        case Detections(labels, scores, boxes):
            places = [(float(a), float(b), float(c), float(d)) for a, b, c, d in boxes]
            found = zip(labels, scores, places, strict=True)
        case Classes(texts, scores) | TextLines(texts, scores, _):
            found = ((text, score, None) for text, score in zip(texts, scores, strict=True))
        case other:
            raise BadInput(f"nothing can be seen in a {other.type_name}")
    percepts = tuple(Percept(kind, text, score, origin, time, box) for text, score, box in found)
    return Look(origin, kind, time, percepts)


def seen_during(looks: Iterable[Look], share: float) -> dict[tuple[str, str], Look]:
    """What the looks of a while found together, one look for each camera and kind.

    Each thing is told as the look with most of its kind shows it (the newest of those); what
    fewer than ``share`` of the looks found is left out.
    """
    groups: dict[tuple[str, str], list[Look]] = defaultdict(list)
    for look in looks:
        groups[look.key].append(look)
    return {key: _together(group, share) for key, group in groups.items()}


def _together(looks: list[Look], share: float) -> Look:
    best: dict[str, list[Percept]] = {}
    times: Counter[str] = Counter()
    for look in sorted(looks, key=lambda look: look.time):
        alike: dict[str, list[Percept]] = defaultdict(list)
        for percept in look.percepts:
            alike[percept.text].append(percept)
        for text, percepts in alike.items():
            times[text] += 1
            if len(percepts) >= len(best.get(text, ())):
                best[text] = percepts
    enough = share * len(looks)
    kept = tuple(p for text, ps in best.items() if times[text] >= enough for p in ps)
    newest = max(looks, key=lambda look: look.time)
    return Look(newest.origin, newest.kind, newest.time, kept)
