from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from sensorium_sims.avworld.maps import UNSEEN_FROM, make_map
from sensorium_sims.avworld.moving import TOUCH_M
from sensorium_sims.avworld.oracle import Oracle, way_left
from sensorium_sims.avworld.tasks import TASKS, Episode, Task, make_episode
from sensorium_sims.avworld.vocabulary import STRANGE_SOUNDS, WORDS
from sensorium_sims.avworld.world import REACH_M, Act, World

SQUARES: tuple[Task, ...] = ("Refer", "Spoken", "SilentAfter", "MovingSource")


def episode(task: Task, seed: int, rooms: int = 4, maps: str = "seen") -> Episode:
    return make_episode(task, np.random.default_rng(seed), rooms, maps, "heard")  # type: ignore[arg-type]


@pytest.mark.parametrize("task", SQUARES)
def test_no_sense_can_be_left_out(task: Task) -> None:
    for seed in range(40):
        made = episode(task, seed)
        target = made.things[made.target]
        looks = [thing for thing in made.things if str(thing.look) == str(target.look)]
        assert sorted(bool(thing.sound) for thing in looks) == [False, True]
        same_sound = [thing for thing in made.things if thing.sound == target.sound]
        assert len(same_sound) == 2
        assert len({thing.look.colour for thing in same_sound}) == 2
        assert any(
            thing.look.colour == target.look.colour
            and thing.look.kind != target.look.kind
            and thing.sound not in ("", target.sound)
            for thing in made.things
        )
        # Without the words: things that sound and have a silent look-alike are alike.
        silent = Counter(str(thing.look) for thing in made.things if not thing.sound)
        candidates = [t for t in made.things if t.sound and silent[str(t.look)]]
        assert len(candidates) == 2
        verb = "follow" if task == "MovingSource" else "find"
        assert made.mission == f"{verb} the {target.sound} {target.look}"


def test_the_places_of_target_and_look_alikes_tell_nothing() -> None:
    """The oracle's way to the target is as long as to its look-alike, on average."""
    ways = []
    for seed in range(150):
        world = World(episode("Refer", seed))
        target, twin = world.places[0], world.places[4]
        ways.append([math.hypot(place.x - world.x, place.y - world.y) for place in (target, twin)])
    to_target, to_twin = np.mean(ways, axis=0)
    assert abs(to_target - to_twin) < 4 * np.std(ways) / math.sqrt(len(ways)) * math.sqrt(2)


def test_audio_goal_has_one_sound_and_unheard_sounds_have_no_word() -> None:
    for seed in range(20):
        made = episode("AudioGoal", seed)
        assert [bool(thing.sound) for thing in made.things].count(True) == 1
        rng = np.random.default_rng(seed)
        strange = make_episode("AudioGoal", rng, 4, "seen", "unheard")
        assert strange.things[0].sound in STRANGE_SOUNDS


def test_fetch_has_two_keys_and_boxes_with_look_alikes() -> None:
    for seed in range(20):
        made = episode("Fetch", seed)
        assert [thing.look.kind for thing in made.things] == ["box"] * 4 + ["key"] * 2
        assert made.things[4].look.colour != made.things[5].look.colour
        assert str(made.things[0].look) == str(made.things[2].look)
        assert made.mission.startswith(f"bring the {made.things[4].look.colour} key to the ")


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("rooms", [1, 2, 4, 6])
def test_things_stand_apart_and_in_rooms(task: Task, rooms: int) -> None:
    for seed in range(10):
        made = episode(task, seed, rooms)
        assert set(made.mission.split()) <= set(WORDS)
        for index, thing in enumerate(made.things):
            assert made.world.room_at(thing.x, thing.y) >= 0
            for other in made.things[:index]:
                assert math.hypot(thing.x - other.x, thing.y - other.y) > 2 * TOUCH_M
        assert made.world.room_at(*made.start[:2]) >= 0


def test_seen_and_unseen_maps_are_different_maps() -> None:
    assert all(episode("Refer", seed).map_seed < 512 for seed in range(30))
    unseen = [episode("Refer", seed, maps="unseen").map_seed for seed in range(30)]
    assert all(seed >= UNSEEN_FROM for seed in unseen)
    assert make_map(5, 4) is make_map(5, 4)


@pytest.mark.parametrize("task", TASKS)
def test_the_oracle_succeeds(task: Task) -> None:
    for seed in range(12):
        world = World(episode(task, seed))
        oracle, shortest = Oracle(world), way_left(world)
        while not world.stopped:
            world.act(oracle.act())
            assert world.steps < 150, f"seed {seed}"
        assert world.success, f"seed {seed}"
        assert not world.wrong_object
        assert way_left(world) == pytest.approx(0, abs=0.01)
        if task not in ("MovingSource",):
            assert world.path_m > 0.8 * shortest


@pytest.mark.parametrize("task", ["Refer", "Fetch"])
def test_the_oracle_can_take_over_from_anybody(task: Task) -> None:
    rng = np.random.default_rng(0)
    for seed in range(6):
        world = World(episode(task, seed))
        for _ in range(60):
            world.act(int(rng.integers(5)))  # anything but stop
        oracle = Oracle(world)
        while not world.stopped:
            world.act(oracle.act())
            assert world.steps < 300
        assert world.success


def at(world: World, index: int) -> World:
    """The agent half a reach west of a thing, looking at it."""
    place = world.places[index]
    world.x, world.y, world.heading = place.x - REACH_M / 2, place.y, 0
    world.room = place.room
    return world


def test_stopping_at_another_thing_is_wrong_and_nowhere_is_neither() -> None:
    for index in range(1, 6):
        world = at(World(episode("Refer", 1)), index)
        world.act(Act.STOP)
        assert (world.success, world.wrong_object, world.chosen) == (False, True, index)
    world = at(World(episode("Refer", 1)), 0)
    world.act(Act.STOP)
    assert world.success
    made = World(episode("Refer", 1))
    made.act(Act.STOP)
    assert made.stopped
    assert not made.success
    assert not made.wrong_object


def test_fetching_the_wrong_key_or_to_the_wrong_box_fails() -> None:
    for key, box, success in [(4, 0, True), (5, 0, False), (4, 1, False), (4, 2, False)]:
        world = at(World(episode("Fetch", 2)), key)
        world.act(Act.PICK_UP)
        assert world.carrying == key
        at(world, box).act(Act.DROP)
        world.act(Act.STOP)
        assert world.success is success
        assert world.wrong_object is not success


def test_walls_and_things_stand_in_the_way_and_keys_do_not() -> None:
    world = World(episode("Fetch", 2))
    at(world, 0).act(Act.FORWARD)
    assert math.hypot(world.x - world.places[0].x, world.y - world.places[0].y) >= 0.49
    assert world.path_m == 0
    assert world.barred
    at(world, 4).act(Act.FORWARD)
    assert not world.barred
    before = world.x, world.y
    for _ in range(60):
        world.act(Act.FORWARD)
    width, depth = world.episode.world.size
    assert (world.x, world.y) != before
    assert 0.2 <= world.x <= width - 0.2
    assert 0.2 <= world.y <= depth - 0.2


def test_in_moving_source_everything_wanders_and_nothing_collides() -> None:
    world = World(episode("MovingSource", 4))
    begin = [(place.x, place.y) for place in world.places]
    for _ in range(60):
        world.act(Act.LEFT)
        for place in world.places:
            assert math.hypot(place.x - world.x, place.y - world.y) > TOUCH_M
    moved = [math.dist(a, (p.x, p.y)) for a, p in zip(begin, world.places, strict=True)]
    assert sum(m > 0.2 for m in moved) >= 4
