"""The chart's things: what was seen where, how it looks, and what was heard from there."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sensorium_models.policies.avworld.hearing import DIRECTIONS, DOORS, MAPS, RING_M
from sensorium_models.policies.avworld.percepts import Percept, Seen
from sensorium_models.policies.avworld.sight import COLOURS
from sensorium_sims.avworld.moving import COS, HEADINGS, SIN
from sensorium_sims.avworld.seeing import SIZE
from sensorium_sims.avworld.vocabulary import TYPES

F32 = NDArray[np.float32]
MOST = 24
"""Things that are kept; the least sure are forgotten."""
FORGET = 0.75
"""Weight of what was seen before, where a thing is seen again: things may move."""
ZONES_M = (1.3, 3.0)
"""Heard from near, from the middle, from afar: each is counted by itself."""
ZONES = len(ZONES_M) + 1
LEAST = 1e-3
_KINDS = len(TYPES)


@dataclass(slots=True)
class Track:
    """One thing."""

    x: float
    y: float
    weight: float
    sure: float
    """Sum of how sure each sight of it was."""
    colour: F32
    """(6,) mean of the logs of the chances, weighted by nearness."""
    kind: F32
    """(5,)"""
    looked: float
    """Weight of those means."""
    nearest: float
    """Metres from which it was seen best."""
    missed: float = 0.0
    """Times that it should have been in the picture, and was not."""
    heard: F32 = field(default_factory=lambda: np.zeros((ZONES, MAPS), np.float32))
    """Sum of the logs of the odds that each sound comes from there, by distance."""
    listened: F32 = field(default_factory=lambda: np.zeros(ZONES, np.float32))
    """Number of moments in those sums."""
    beside: float = 0.0
    """Steps spent within reach of it."""

    def colours(self) -> F32:
        """(6,) chances."""
        return _chances(self.colour, self.looked)

    def kinds(self) -> F32:
        """(5,) chances."""
        return _chances(self.kind, self.looked)

    def flat(self) -> F32:
        """All of it in a row, for :meth:`of`."""
        single = [self.x, self.y, self.weight, self.sure, self.looked, self.nearest, self.missed]
        return np.concatenate(
            [[*single, self.beside], self.colour, self.kind, self.listened, self.heard.ravel()]
        ).astype(np.float32)

    @classmethod
    def of(cls, flat: F32) -> Track:
        """From :meth:`flat`."""
        x, y, weight, sure, looked, nearest, missed, beside = map(float, flat[:8])
        ends = np.cumsum([8, COLOURS, _KINDS, ZONES])
        _, colour, kind, listened, heard = np.split(flat, ends)
        return cls(
            x, y, weight, sure, colour.copy(), kind.copy(), looked, nearest, missed,
            heard.reshape(ZONES, MAPS).copy(), listened.copy(), beside,
        )  # fmt: skip


def watch(tracks: list[Track], percept: Percept, x: float, y: float, heading: int) -> None:
    """Take what one picture shows into the list: seen again, seen first, or gone."""
    if percept.depth is None:
        return
    cos, sin = COS[heading], SIN[heading]
    matched: set[int] = set()
    for seen in sorted(percept.things, key=lambda thing: -thing.sure):
        at = x + seen.ahead * cos - seen.left * sin, y + seen.ahead * sin + seen.left * cos
        known = _same(tracks, seen, at, matched)
        if known is None:
            tracks.append(_new(seen, at))
            matched.add(len(tracks) - 1)
        else:
            _again(tracks[known], seen, at)
            matched.add(known)
    for index, track in enumerate(tracks):
        if index not in matched and _expected(tracks, track, percept.depth, x, y, heading):
            track.missed += 1
    tracks[:] = [t for t in tracks if t.missed <= 1.5 + 0.4 * t.sure]
    if len(tracks) > MOST:
        tracks.sort(key=lambda track: -track.sure)
        del tracks[MOST:]


def listen(track: Track, heard: F32, x: float, y: float, usual: F32, *, in_sight: bool) -> None:
    """Add up the odds that each sound comes from where the thing is.

    ``heard`` (9, 24, 5) is turned so that direction 0 is the chart's; ``usual`` (9, 24, 5) says
    how likely that is without knowing anything. Behind walls nothing is added.
    """
    apart = math.hypot(track.x - x, track.y - y)
    if apart < 1.0:
        track.beside += 1
    if not in_sight:
        return
    found = np.clip(at_place(heard, math.atan2(track.y - y, track.x - x), apart), LEAST, 0.98)
    zone = int(np.searchsorted(ZONES_M, apart))
    track.heard[zone] += np.log(found / (1 - found)) - usual
    track.listened[zone] += 1


def at_place(heard: F32, direction: float, apart: float) -> F32:
    """(9,) chance that each sound comes from there: the directions around it taken together, and
    the ring that it is in, or the next one where it is near the edge."""
    around = direction_shares(heard, direction)  # (9, 5)
    rings = {int(np.searchsorted(RING_M, apart * scale, side="right")) for scale in (0.85, 1.15)}
    return np.asarray(around[:, sorted(rings)].sum(1), np.float32)


def direction_shares(heard: F32, direction: float) -> F32:
    """(9, 5): the two directions beside it whole, the next ones by how near they are."""
    at = direction % (2 * math.pi) / (2 * math.pi) * DIRECTIONS - 0.5
    first = math.floor(at)
    part = at - first
    columns = [(first + step) % DIRECTIONS for step in (-1, 0, 1, 2)]
    weights = np.array([1 - part, 1.0, 1.0, part], np.float32)
    return np.asarray(np.einsum("mdr,d->mr", heard[:, columns], weights), np.float32)


def _same(
    tracks: list[Track], seen: Seen, at: tuple[float, float], matched: set[int]
) -> int | None:
    """The track that this is a sight of."""
    far = math.hypot(seen.ahead, seen.left)
    gate = 0.35 + 0.14 * far
    best, known = gate, None
    for index, track in enumerate(tracks):
        apart = math.hypot(track.x - at[0], track.y - at[1])
        if index in matched or apart > gate:
            continue
        alike = float(seen.colour @ track.colours()) * float(seen.kind @ track.kinds()) ** 0.5
        if alike < 0.05 and apart > 0.5 * gate:
            continue
        score = apart + 0.3 * gate * (1 - alike)
        if score < best:
            best, known = score, index
    return known


def _trust(seen: Seen) -> float:
    return 1 / max(0.5, math.hypot(seen.ahead, seen.left)) ** 2


def _new(seen: Seen, at: tuple[float, float]) -> Track:
    trust = _trust(seen)
    far = math.hypot(seen.ahead, seen.left)
    return Track(
        at[0], at[1], trust, seen.sure,
        (np.log(np.maximum(seen.colour, LEAST)) * trust).astype(np.float32),
        (np.log(np.maximum(seen.kind, LEAST)) * trust).astype(np.float32), trust, far,
    )  # fmt: skip


def _again(track: Track, seen: Seen, at: tuple[float, float]) -> None:
    trust = _trust(seen)
    track.weight *= FORGET
    total = track.weight + trust
    track.x += (at[0] - track.x) * trust / total
    track.y += (at[1] - track.y) * trust / total
    track.weight = total
    track.sure += seen.sure
    track.colour += np.log(np.maximum(seen.colour, LEAST)) * trust
    track.kind += np.log(np.maximum(seen.kind, LEAST)) * trust
    track.looked += trust
    track.nearest = min(track.nearest, math.hypot(seen.ahead, seen.left))
    track.missed = max(0.0, track.missed - 1)


def _expected(
    tracks: list[Track], track: Track, depth: F32, x: float, y: float, heading: int
) -> bool:
    """Whether the thing should have been in the picture, in plain view."""
    ahead, column = _project(track, x, y, heading)
    if not (0.5 < ahead < 5 and 3 <= column < SIZE - 3) or depth[int(column)] < ahead + 0.3:
        return False
    half = SIZE / 2 * 0.3 / ahead
    for other in tracks:
        if other is not track:
            before, middle = _project(other, x, y, heading)
            reach = SIZE / 2 * 0.3 / max(before, 0.1)
            if 0.1 < before < ahead + 0.3 and abs(middle - column) < half + reach:
                return False
    return True


def _project(track: Track, x: float, y: float, heading: int) -> tuple[float, float]:
    """Metres ahead, and the column of the picture."""
    dx, dy = track.x - x, track.y - y
    cos, sin = COS[heading], SIN[heading]
    ahead = dx * cos + dy * sin
    left = dy * cos - dx * sin
    return ahead, SIZE / 2 * (1 - left / max(ahead, 0.05))


def _chances(logs: F32, weight: float) -> F32:
    mean = logs / max(weight, 1e-6) * min(3.0, 1 + weight)  # surer where it was seen from near
    shares = np.exp(mean - mean.max())
    return np.asarray(shares / shares.sum(), np.float32)


def turned(heard: F32, heading: int) -> F32:
    """``heard`` with directions of the chart, for a head that faces ``heading``."""
    return np.roll(heard, heading * DIRECTIONS // HEADINGS, axis=1)


def prior() -> F32:
    """(9,) usual log odds that a sound comes from one place: what evidence is measured against."""
    likely = np.full(MAPS, 0.02, np.float32)
    likely[-1] = 0.12
    return np.asarray(np.log(likely / (1 - likely)), np.float32)


__all__ = ["DOORS", "Track", "at_place", "direction_shares", "listen", "prior", "turned", "watch"]
