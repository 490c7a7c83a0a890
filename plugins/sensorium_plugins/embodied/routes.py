"""The shortest way through what is known of a grid world, in actions.

Dijkstra's algorithm over places and headings: a turn or a step costs 1, a closed door one more
(it is opened on the way), a thing in the way what it takes to put it aside.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sensorium_plugins.embodied.gridmap import (
    AHEAD,
    BALL,
    BOX,
    CLOSED,
    DOOR,
    KEY,
    LOCKED,
    OPEN,
    UNSEEN,
    WALL,
    Cell,
    GridMap,
)

ASIDE = 8
"""Actions that putting a thing aside costs, about."""
Pose = tuple[int, int, int]
"""Column, row, heading."""


Arrived = Callable[[Pose], bool]


@dataclass(frozen=True, slots=True)
class Route:
    """Where to go, and how."""

    end: Pose
    steps: tuple[str, ...]
    """Actions up to the end, or up to what is in the way."""
    cost: int
    barrier: Cell | None = None
    """A thing that lies on the way, or a locked door that stands there; the steps end before it,
    facing it."""


def find(
    known: GridMap,
    arrived: Arrived,
    *,
    clearing: bool = True,
    opening: bool = True,
    keys: frozenset[int] = frozenset(),
) -> Route | None:
    """The cheapest way to a pose that has ``arrived``, or None.

    ``clearing``: things in the way may be put aside. ``opening``: closed doors may be opened.
    ``keys``: colours of locked doors that can be unlocked.
    """
    start: Pose = (*known.at, known.heading)
    costs: dict[Pose, int] = {start: 0}
    came: dict[Pose, tuple[Pose, tuple[str, ...]]] = {}
    queue: list[tuple[int, Pose]] = [(0, start)]
    while queue:
        cost, pose = heapq.heappop(queue)
        if cost > costs[pose]:
            continue
        if arrived(pose):
            return _told(known, came, start, pose, cost)
        for extra, after, actions in _moves(known, pose, clearing, opening, keys):
            if cost + extra < costs.get(after, 1 << 30):
                costs[after] = cost + extra
                came[after] = pose, actions
                heapq.heappush(queue, (cost + extra, after))
    return None


def _moves(
    known: GridMap, pose: Pose, clearing: bool, opening: bool, keys: frozenset[int]
) -> Iterator[tuple[int, Pose, tuple[str, ...]]]:
    x, y, heading = pose
    yield 1, (x, y, (heading - 1) % 4), ("left",)
    yield 1, (x, y, (heading + 1) % 4), ("right",)
    dx, dy = AHEAD[heading]
    ahead = x + dx, y + dy
    if known.can_enter(ahead):
        yield 1, (*ahead, heading), ("forward",)
        return
    seen = known.cells.get(ahead)
    if seen is None or seen.kind in (UNSEEN, WALL):
        return
    if seen.kind == DOOR:
        if (opening and seen.state == CLOSED) or (seen.state == LOCKED and seen.color in keys):
            yield 2, (*ahead, heading), ("toggle", "forward")
    elif clearing and seen.kind in (KEY, BALL, BOX):
        yield 1 + ASIDE, (*ahead, heading), ("forward",)


def _told(
    known: GridMap,
    came: dict[Pose, tuple[Pose, tuple[str, ...]]],
    start: Pose,
    end: Pose,
    cost: int,
) -> Route:
    legs: list[tuple[Pose, tuple[str, ...]]] = []
    pose = end
    while pose != start:
        before, actions = came[pose]
        legs.append((pose, actions))
        pose = before
    steps: list[str] = []
    for (x, y, _), actions in reversed(legs):
        if actions[-1] == "forward":
            seen = known.cells[x, y]
            locked = seen.kind == DOOR and seen.state == LOCKED
            if locked or (seen.kind in (KEY, BALL, BOX)):
                return Route(end, tuple(steps), cost, (x, y))
        steps += actions
    return Route(end, tuple(steps), cost)


def facing(places: set[Cell]) -> Arrived:
    """Poses that face one of ``places``."""

    def arrived(pose: Pose) -> bool:
        dx, dy = AHEAD[pose[2]]
        return (pose[0] + dx, pose[1] + dy) in places

    return arrived


def unknown_ahead(known: GridMap, within: set[Cell] | None = None) -> Arrived:
    """Poses from which something new comes into view: it lies ahead, or beside what is ahead, with
    nothing between. ``within``: only what borders on these cells counts."""
    fresh: dict[Pose, bool] = {}

    def arrived(pose: Pose) -> bool:
        if pose not in fresh:
            fresh[pose] = _sees_new(known, pose, within)
        return fresh[pose]

    return arrived


def _sees_new(known: GridMap, pose: Pose, within: set[Cell] | None) -> bool:
    x, y, heading = pose
    dx, dy = AHEAD[heading]
    for _ in range(known.reach):
        x, y = x + dx, y + dy
        if known.kind((x, y)) == UNSEEN:
            return within is None or (x - dx, y - dy) in within
        if not _seen_past(known, (x, y)):
            return False
        for side in (-1, 1):
            beside = x - dy * side, y + dx * side
            if known.kind(beside) == UNSEEN and (within is None or (x, y) in within):
                return True
    return False


def _seen_past(known: GridMap, place: Cell) -> bool:
    seen = known.cells[place]
    return seen.kind != WALL and not (seen.kind == DOOR and seen.state != OPEN)


def near(known: GridMap, place: Cell) -> Iterator[Cell]:
    """The four cells beside one."""
    for dx, dy in AHEAD:
        yield place[0] + dx, place[1] + dy


def good_for_dropping(known: GridMap, place: Cell, keep_free: set[Cell]) -> bool:
    """Whether a thing dropped there is in nobody's way: bare floor, no door beside it, and the
    cells around it still hang together."""
    seen = known.cells.get(place)
    if seen is None or seen != (1, 0, 0) or place in keep_free or place == known.at:
        return False
    if any(known.kind(beside) == DOOR for beside in near(known, place)):
        return False
    return _still_connected(known, place)


def _still_connected(known: GridMap, place: Cell) -> bool:
    x, y = place
    ring = [(-1, -1), (0, -1), (1, -1), (1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0)]
    free = [known.can_enter((x + dx, y + dy)) for dx, dy in ring]
    return sum(free[n] and not free[n - 1] for n in range(8)) <= 1
