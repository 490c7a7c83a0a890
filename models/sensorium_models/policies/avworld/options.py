"""Where one could go now: things on the chart, and places where it ends. Each as numbers.

The numbers (:data:`FEATURES` of each option) are all that the choice is made by: how far it is,
how well what was seen fits the instruction, what was heard from there and from that direction.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensorium_models.policies.avworld import ground as grounds
from sensorium_models.policies.avworld.ground import Ground, Plan
from sensorium_models.policies.avworld.hearing import ANY, DOORS, RINGS
from sensorium_models.policies.avworld.slots import Slots
from sensorium_models.policies.avworld.tracks import ZONES, Track, direction_shares
from sensorium_sims.avworld.moving import CELL_M, HEADINGS
from sensorium_sims.avworld.vocabulary import TYPES

F32 = NDArray[np.float32]
BLOCK = 5
"""Cells of the chart's edge are taken together by blocks of so many, both ways."""
EDGES = 8
"""Places at the chart's edge, the nearest; and the least cells of a block."""
FEWEST = 2
DOUBT = 1.5
"""Moments of no evidence that are added to those of evidence."""
OFF_WAY = 30.0
"""What counts as the way to where no way is known."""
FEATURES = 7 + 2 * (RINGS + 2) + 10 + 7 + 4 * ZONES + 3


@dataclass(frozen=True, slots=True)
class Want:
    """What to go to now: the instruction, less what is done of it."""

    sound: F32
    """(9,) weights of the words and of whatever sounds; all 0: it is silent."""
    colour: F32
    """(6,) chances, and"""
    colour_said: float
    """how likely any was said."""
    kind: F32
    kind_said: float
    is_key: bool

    @classmethod
    def of(cls, slots: Slots, carrying: bool) -> Want:
        """From what was read; in Fetch the key comes first."""
        if slots.fetches > 0.5 and not carrying:
            kind = np.zeros(len(TYPES), np.float32)
            kind[TYPES.index("key")] = 1
            silent = np.zeros(len(slots.sound), np.float32)
            return cls(silent, slots.key[:-1], float(1 - slots.key[-1]), kind, 1.0, True)
        return cls(
            slots.sound, slots.colour[:-1], float(1 - slots.colour[-1]),
            slots.type[:-1], float(1 - slots.type[-1]), False,
        )  # fmt: skip

    def fits(self, track: Track) -> tuple[float, float]:
        """How well its colour and its type fit: chances."""
        colour = float(self.colour @ track.colours()) + 1 - self.colour_said
        kind = float(self.kind @ track.kinds()) + 1 - self.kind_said
        return min(colour, 1.0), min(kind, 1.0)


@dataclass(frozen=True, slots=True)
class Option:
    """One place to go to."""

    x: float
    y: float
    track: int | None
    """Index of the thing, or None for the chart's edge."""
    away: float
    """Metres to walk, or :data:`OFF_WAY`."""
    cells: int = 0


@dataclass(frozen=True, slots=True)
class Moment:
    """All that an option's numbers are made of."""

    ground: Ground
    plan: Plan
    tracks: Sequence[Track]
    recent: F32
    """(9, 24, 5) what was heard lately, by directions of the chart."""
    want: Want
    x: float
    y: float
    heading: int
    step: int


def options_of(moment: Moment) -> list[Option]:
    """The things, then the edges of the chart."""
    plan = moment.plan
    found = []
    for index, track in enumerate(moment.tracks):
        near = plan.away[plan.discs(track.x, track.y, 0.95)]
        away = float(near.min()) if near.size else math.inf
        found.append(Option(track.x, track.y, index, min(away, OFF_WAY)))
    return found + _edges(plan)


def _edges(plan: Plan) -> list[Option]:
    """Where one can stand beside the unknown."""
    unknown = plan.unknown
    beside = np.zeros_like(unknown)
    beside[1:] |= unknown[:-1]
    beside[:-1] |= unknown[1:]
    beside[:, 1:] |= unknown[:, :-1]
    beside[:, :-1] |= unknown[:, 1:]
    rows, columns = np.nonzero(beside & np.isfinite(plan.away))
    if not len(rows):
        return []
    block = (rows + plan.row) // BLOCK * 1000 + (columns + plan.column) // BLOCK
    edges = []
    for number in np.unique(block):
        inside = np.flatnonzero(block == number)
        if len(inside) < FEWEST:
            continue
        r, c = rows[inside], columns[inside]
        middle = int(((r - r.mean()) ** 2 + (c - c.mean()) ** 2).argmin())
        row, column = int(r[middle]), int(c[middle])
        x, y = plan.place(row, column)
        edges.append(Option(x, y, None, float(plan.away[row, column]), len(inside)))
    edges.sort(key=lambda edge: edge.away)
    return edges[:EDGES]


def numbers(moment: Moment, options: Sequence[Option]) -> F32:
    """(K, :data:`FEATURES`) of the options."""
    fits = [moment.want.fits(track) for track in moment.tracks]
    looks = [colour * kind for colour, kind in fits]
    shared = _shared(moment, looks)
    rows = [_row(moment, option, fits, shared) for option in options]
    return np.stack(rows).astype(np.float32)


def _shared(moment: Moment, looks: list[float]) -> list[float]:
    want, recent = moment.want, moment.recent
    wanted = np.tensordot(want.sound, recent.sum(1), 1)  # (5,)
    return [
        moment.step / 100, len(moment.tracks) / 6, max(looks, default=0.0),
        min(sum(looks), 3.0), float(want.sound[:ANY].sum()), want.colour_said, want.kind_said,
        float(want.is_key), float(wanted[:DOORS].sum()), float(wanted[DOORS]),
    ]  # fmt: skip


def _row(
    moment: Moment, option: Option, fits: list[tuple[float, float]], shared: list[float]
) -> list[float]:
    x, y = moment.x, moment.y
    dx, dy = option.x - x, option.y - y
    apart = math.hypot(dx, dy)
    straight = moment.ground.in_sight(x, y, option.x, option.y)
    first = (option.x, option.y) if straight else _first_in_sight(moment, option)
    direction = math.atan2(first[1] - y, first[0] - x)
    turn = (direction - moment.heading * 2 * math.pi / HEADINGS + math.pi) % (2 * math.pi) - math.pi
    around = direction_shares(moment.recent, direction)  # (9, 5)
    wanted = moment.want.sound @ around
    row = [
        float(option.track is not None), option.away / 5, float(option.away >= OFF_WAY), apart / 5,
        float(straight), abs(turn) / math.pi, option.cells / 10,
    ]  # fmt: skip
    row += [*wanted.tolist(), float(wanted[:DOORS].sum()), float(wanted.sum())]
    row += [*around[ANY].tolist(), float(around[ANY, :DOORS].sum()), float(around[ANY].sum())]
    row += shared
    if option.track is None:
        return row + [0.0] * (FEATURES - len(row))
    row += _of_track(moment, option.track, fits)
    assert len(row) == FEATURES, (len(row), FEATURES)
    return row


def _of_track(moment: Moment, index: int, fits: list[tuple[float, float]]) -> list[float]:
    track, want = moment.tracks[index], moment.want
    colour, kind = fits[index]
    mean = track.heard / (track.listened + DOUBT)[:, None]  # (3, 9)
    others = np.delete(mean, ANY, 1) - 1e9 * (want.sound[:ANY] > 0.5)
    row = [
        colour, kind, colour * kind, min(track.sure, 10.0) / 5, track.nearest / 3,
        track.missed / 2, min(track.beside, 8.0) / 4,
    ]  # fmt: skip
    row += (mean @ want.sound / 3).tolist()
    row += (mean[:, ANY] / 3).tolist()
    row += (np.maximum(others.max(1), -8) / 3).tolist()
    row += np.log1p(track.listened).tolist()
    total = track.heard.sum(0) @ want.sound / (track.listened.sum() + DOUBT)
    best = max(
        (float((t.heard.sum(0) @ want.sound) / (t.listened.sum() + DOUBT))
         for i, t in enumerate(moment.tracks) if i != index and fits[i][0] * fits[i][1] > 0.4),
        default=-3.0,
    )  # fmt: skip
    row += [float(total) / 3, best / 3, float(total - best) / 3]
    return row


def _first_in_sight(moment: Moment, option: Option) -> tuple[float, float]:
    """The farthest place of the way there that is in sight."""
    plan = moment.plan
    if option.away >= OFF_WAY:
        return option.x, option.y
    row, column = plan.cell(option.x, option.y)
    if option.track is not None:
        near = np.where(plan.discs(option.x, option.y, 0.95), plan.away, np.inf)
        row, column = (int(at) for at in np.unravel_index(int(near.argmin()), near.shape))
    for count in range(80):
        place = plan.place(row, column)
        if count % 2 == 0 and moment.ground.in_sight(moment.x, moment.y, *place):
            return place
        top, left = max(row - 1, 0), max(column - 1, 0)
        patch = plan.away[top : row + 2, left : column + 2]
        step = int(patch.argmin())
        down, right = divmod(step, patch.shape[1])
        if (top + down, left + right) == (row, column):
            return place
        row, column = top + down, left + right
    return option.x, option.y


__all__ = ["CELL_M", "FEATURES", "Moment", "Option", "Want", "grounds", "numbers", "options_of"]
