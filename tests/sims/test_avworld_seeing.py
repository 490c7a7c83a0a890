from __future__ import annotations

import math

import numpy as np
import pytest

from sensorium_sims.avworld.maps import make_map
from sensorium_sims.avworld.moving import CELL_M, Ground
from sensorium_sims.avworld.seeing import SIZE, Eye
from sensorium_sims.avworld.vocabulary import COLOURS, TYPES, Look, look_of


def centre_of(picture: np.ndarray, colour: str) -> float | None:
    """Mean column of the pixels of a colour, or None."""
    wanted = np.array(COLOURS[colour], float)
    pixels = picture.astype(float)
    norms = np.linalg.norm(pixels, axis=2) * np.linalg.norm(wanted) + 1e-9
    columns = np.nonzero((pixels @ wanted) / norms > 0.999)[1]
    return float(columns.mean()) if len(columns) else None


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("degrees", [-30, 0, 30])
def test_a_thing_is_seen_where_it_is(kind: str, degrees: int) -> None:
    world = make_map(0, 1)
    x, y = world.size[0] / 2, world.size[1] / 2
    angle = math.radians(degrees)
    thing = Look("red", kind), x + 1.2 * math.cos(angle), y + 1.2 * math.sin(angle)
    picture = Eye(world).look(x, y, 0.0, [thing])
    assert picture.shape == (SIZE, SIZE, 3)
    assert picture.dtype == np.uint8
    expected = SIZE / 2 - math.tan(angle) * SIZE / 2  # left of the agent is left in the picture
    assert centre_of(picture, "red") == pytest.approx(expected, abs=4)
    assert centre_of(Eye(world).look(x, y, math.pi, [thing]), "red") is None


def test_types_look_different_and_nearer_is_larger() -> None:
    world = make_map(0, 1)
    eye, x, y = Eye(world), world.size[0] / 2, world.size[1] / 2
    pictures = {k: eye.look(x, y, 0.0, [(Look("green", k), x + 1.2, y)]) for k in TYPES}
    assert len({picture.tobytes() for picture in pictures.values()}) == len(TYPES)
    empty = eye.look(x, y, 0.0, [])
    near = (pictures["box"] != empty).any(axis=2).sum()
    far = (eye.look(x, y, 0.0, [(Look("green", "box"), x + 1.8, y)]) != empty).any(axis=2).sum()
    assert near > 1.5 * far


def test_walls_and_nearer_things_hide_what_is_behind() -> None:
    world = make_map(3, 2)
    ((door_x, door_y),) = world.doors.tolist()
    y = 0.6 if door_y > 2 else world.size[1] - 0.6
    eye = Eye(world)
    thing = Look("blue", "ball"), door_x + 1.0, y
    assert centre_of(eye.look(door_x - 1.0, y, 0.0, [thing]), "blue") is None
    through = Look("blue", "ball"), door_x + 1.0, door_y
    assert centre_of(eye.look(door_x - 1.0, door_y, 0.0, [through]), "blue") is not None
    before = Look("red", "box"), door_x - 0.2, door_y
    both = eye.look(door_x - 1.0, door_y, 0.0, [through, before])
    assert (both == eye.look(door_x - 1.0, door_y, 0.0, [before, through])).all()
    assert centre_of(both, "red") is not None


def test_every_look_has_a_code_of_its_own() -> None:
    looks = [Look(colour, kind) for colour in COLOURS for kind in TYPES]
    assert sorted(look.code for look in looks) == list(range(1, 31))
    assert [look_of(look.code) for look in looks] == looks
    assert look_of(0) is None


@pytest.mark.parametrize("seed", range(3))
def test_distances_are_those_of_dijkstra(seed: int) -> None:
    """Against a plain search over the same moves, one cell at a time."""
    import heapq

    world = make_map(seed, 4)
    ground = Ground(world)
    things = [(world.size[0] / 4, world.size[1] / 4)]
    goal = np.zeros(ground.free.shape, bool)
    goal[-4, -4] = True
    field = ground.distances(goal, things)
    x, y = ground.xs[None, :], ground.ys[:, None]
    free = ground.free & ((x - things[0][0]) ** 2 + (y - things[0][1]) ** 2 > 0.25)
    best = np.full(free.shape, np.inf)
    queue = [(0.0, free.shape[0] - 4, free.shape[1] - 4)]
    while queue:
        length, r, c = heapq.heappop(queue)
        if length >= best[r, c]:
            continue
        best[r, c] = length
        for dr in range(-2, 3):
            for dc in range(-2, 3):
                if (dr, dc) == (0, 0) or {abs(dr), abs(dc)} in ({2}, {0, 2}):
                    continue
                to, cells = (r + dr, c + dc), [(r + dr, c + dc)]
                if abs(dr) == abs(dc) == 1:
                    cells += [(r + dr, c), (r, c + dc)]
                elif abs(dr) == 2:
                    cells += [(r + dr // 2, c), (r + dr // 2, c + dc)]
                elif abs(dc) == 2:
                    cells += [(r, c + dc // 2), (r + dr, c + dc // 2)]
                inside = all(0 <= i < free.shape[0] and 0 <= j < free.shape[1] for i, j in cells)
                if inside and all(free[cell] for cell in cells):
                    heapq.heappush(queue, (length + math.hypot(dr, dc) * CELL_M, *to))
    assert np.isfinite(best).sum() > 500
    np.testing.assert_allclose(field, best)
