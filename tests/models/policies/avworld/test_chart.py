"""The chart: ground, things, options, and a mind that acts by them."""

from __future__ import annotations

import math

import numpy as np

from sensorium_models.policies.avworld.ground import Ground, can_step, survey, towards, value
from sensorium_models.policies.avworld.hearing import ANY, MAPS
from sensorium_models.policies.avworld.mind import AROUND, Mind
from sensorium_models.policies.avworld.options import FEATURES, Moment, Want, numbers, options_of
from sensorium_models.policies.avworld.percepts import SILENCE, Percept, Seen
from sensorium_models.policies.avworld.slots import SIZES, Slots, truth_of
from sensorium_models.policies.avworld.tracks import Track, at_place, listen, prior, turned, watch
from sensorium_sims.avworld.world import Act

FAR = np.full(64, 3.0, np.float32)


def slots_of(mission: str) -> Slots:
    truth = truth_of(mission)
    return Slots(*(np.eye(SIZES[name], dtype=np.float32)[truth[name]] for name in SIZES))


def thing(ahead: float, left: float = 0.0, colour: int = 0, kind: int = 0) -> Seen:
    eye = np.eye(6, dtype=np.float32)[colour], np.eye(5, dtype=np.float32)[kind]
    return Seen(ahead, left, 0.9, *eye)


def room() -> Ground:
    """Seen all round from its middle: walls three metres away."""
    ground = Ground()
    for heading in range(0, 12, 3):
        for _ in range(3):
            ground.look(0.0, 0.0, heading, FAR)
    ground.stand(0.0, 0.0)
    return ground


def test_a_wall_that_was_seen_bars_sight_and_steps() -> None:
    ground = room()
    assert ground.in_sight(0, 0, 2.5, 0.5)
    assert not ground.in_sight(0, 0, 4.0, 0.5)
    assert can_step(ground, [], 0, 0, 0)
    assert not can_step(ground, [], 2.7, 0.0, 0)
    assert not can_step(ground, [(0.8, 0.0)], 0, 0, 0)


def test_the_way_leads_round_a_thing() -> None:
    ground, things = room(), [(1.25, 0.0)]
    plan = survey(ground, 0.0, 0.0, things)
    field = plan.field(plan.discs(2.4, 0.0, 0.3))
    assert 2.2 < value(field, plan, 0.0, 0.0) < 4.0
    x, y, heading, steps = 0.0, 0.0, 0, 0
    while math.hypot(x - 2.4, y) > 0.5 and steps < 40:
        turn = towards(ground, plan, field, things, x, y, heading, set())
        assert turn is not None
        if turn:
            heading = (heading + int(np.sign(turn))) % 12
        else:
            x, y = (
                x + 0.5 * math.cos(heading * math.pi / 6),
                y + 0.5 * math.sin(heading * math.pi / 6),
            )
            assert math.hypot(x - 1.25, y) > 0.45
        steps += 1
    assert steps < 40


def test_things_are_seen_again_and_forgotten_when_they_are_gone() -> None:
    tracks: list[Track] = []
    there = Percept(np.full(64, 6.0, np.float32), (thing(2.0), thing(3.0, 1.5, colour=2)), None)
    for _ in range(3):
        watch(tracks, there, 0, 0, 0)
    assert len(tracks) == 2
    assert abs(tracks[0].x - 2) < 0.01
    watch(tracks, Percept(there.depth, (thing(1.5), thing(2.5, 1.5, colour=2)), None), 0.5, 0, 0)
    assert len(tracks) == 2
    gone = Percept(there.depth, (thing(3.0, 1.5, colour=2),), None)
    for _ in range(8):
        watch(tracks, gone, 0, 0, 0)
    assert [int(track.colours().argmax()) for track in tracks] == [2]


def test_a_track_comes_back_from_its_numbers() -> None:
    tracks: list[Track] = []
    watch(tracks, Percept(FAR, (thing(2.0, kind=3),), None), 0, 0, 0)
    listen(tracks[0], np.full((MAPS, 24, 5), 0.1, np.float32), 0, 0, prior(), in_sight=True)
    again = Track.of(tracks[0].flat())
    assert np.allclose(again.flat(), tracks[0].flat())
    assert again.listened.sum() == 1


def test_what_is_heard_turns_with_the_head() -> None:
    heard = SILENCE.copy()
    heard[2, 0, 1] = 1  # ahead, a little left, 1 to 2 m
    for heading in (0, 3, 7):
        chart = turned(heard, heading)
        direction = heading * math.pi / 6 + math.radians(7.5)
        assert at_place(chart, direction, 1.5)[2] == 1
        assert at_place(chart, direction + math.pi, 1.5)[2] == 0


def test_what_sounds_is_told_from_its_silent_look_alike_by_the_numbers() -> None:
    ground, tracks = room(), []
    watch(tracks, Percept(FAR, (thing(2.0, 1.5), thing(2.0, -1.5)), None), 0, 0, 0)
    heard = SILENCE + np.float32(0.002)
    heard[[0, ANY], 2] = 0.8  # 30 to 45 degrees to the left
    for track in tracks:
        listen(track, heard, 0, 0, prior(), in_sight=True)
    want = Want.of(slots_of("find the humming red box"), carrying=False)
    plan = survey(ground, 0, 0, [(t.x, t.y) for t in tracks])
    moment = Moment(ground, plan, tracks, heard, want, 0, 0, 0, 12)
    options = options_of(moment)
    table = numbers(moment, options)
    assert table.shape == (len(options), FEATURES)
    assert [option.track for option in options[:2]] == [0, 1]
    assert np.isfinite(table).all()
    by_sound = table[:2, -1]  # total evidence, less that of the best other one
    assert by_sound[0] > 0.5 > -0.5 > by_sound[1]


def test_fetch_wants_the_key_first_and_then_the_box() -> None:
    slots = slots_of("bring the blue key to the buzzing box")
    key, box = Want.of(slots, carrying=False), Want.of(slots, carrying=True)
    assert key.is_key
    assert key.sound.sum() == 0
    assert not box.is_key
    assert box.colour_said == 0
    assert box.sound.argmax() == 3


def test_a_mind_looks_round_first_and_comes_back_from_its_pack() -> None:
    mind, slots = Mind(), slots_of("find the humming red box")
    percept = Percept(FAR, (thing(2.0, 0.5),), SILENCE + np.float32(0.01))

    def choose(options: np.ndarray) -> np.ndarray:
        return np.where(options[:, 0] > 0, -0.1, -3.0).astype(np.float32)

    acts = []
    for _ in range(AROUND):
        acts.append(mind.act(percept, slots, 0, False, choose))
        mind = Mind.of(mind.pack())
    assert set(acts) == {Act.LEFT}
    twin = Mind.of(mind.pack())
    for _ in range(4):
        assert mind.act(percept, slots, 0, False, choose) == twin.act(
            percept, slots, 0, False, choose
        )
        twin = Mind.of(twin.pack())
        assert np.array_equal(mind.ground.odds, twin.ground.odds)


def test_a_barred_step_is_not_tried_again() -> None:
    mind, slots = Mind(step=AROUND), slots_of("find the humming red box")
    percept = Percept(np.full(64, 6.0, np.float32), (thing(4.0),), None)

    def choose(options: np.ndarray) -> np.ndarray:
        return np.where(options[:, 0] > 0, -0.1, -9.0).astype(np.float32)

    first = mind.act(percept, slots, 0, False, choose)
    assert first == Act.FORWARD
    mind.act(percept, slots, 0, True, choose)
    assert (mind.x, mind.y) == (0.0, 0.0)
    assert (0.0, 0.0, 0) in mind.barred
    assert mind.last != Act.FORWARD or mind.heading != 0
