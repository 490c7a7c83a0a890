from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from sensorium_sims.avworld import sounds
from sensorium_sims.avworld.hearing import Arrival, Voice, arrival, in_sight
from sensorium_sims.avworld.maps import Map, make_map
from sensorium_sims.avworld.sounds import CHUNK, LOOP, SAMPLE_RATE
from sensorium_sims.avworld.vocabulary import SOUNDS, STRANGE_SOUNDS

ALL = (*SOUNDS, *STRANGE_SOUNDS)


def heard(where: Arrival, word: str = "hissing", chunks: int = 2) -> Any:
    """(2, CHUNK): the last chunk of a sound that stays where it is."""
    voice = Voice(sounds.tape(word, 0), 0)
    for _ in range(chunks):
        out = np.zeros((2, CHUNK), np.float32)
        voice.play(where, out)
    return out


def lag(ears: Any) -> float:
    """Milliseconds by which the left ear hears sooner, from the peak of the correlation."""
    left, right = (np.fft.rfft(ear, 16 * CHUNK) for ear in ears)
    correlation = np.fft.irfft(right * np.conj(left), 16 * CHUNK * 8)
    reach = 8 * 20
    near = np.concatenate([correlation[-reach:], correlation[: reach + 1]])
    return (int(near.argmax()) - reach) / 8 / SAMPLE_RATE * 1000


def loudness(ears: Any) -> tuple[float, float]:
    left, right = np.sqrt(np.mean(ears.astype(float) ** 2, axis=1))
    return float(left), float(right)


@pytest.mark.parametrize("degrees", [-90, -60, -30, 0, 30, 60, 90])
def test_the_near_ear_hears_sooner_and_louder(degrees: int) -> None:
    ears = heard(Arrival(math.radians(degrees), 1.0, 0))
    angle = math.radians(degrees)
    assert lag(ears) == pytest.approx(0.0875 / 343 * 1000 * (angle + math.sin(angle)), abs=0.02)
    left, right = loudness(ears)
    if degrees == 0:
        assert left == pytest.approx(right)
    else:
        assert (left > right * 1.1) == (degrees > 0)
        assert (right > left * 1.1) == (degrees < 0)


@pytest.mark.parametrize("word", ALL)
def test_twice_as_far_is_half_as_loud(word: str) -> None:
    near, far = heard(Arrival(0.0, 1.0, 0), word), heard(Arrival(0.0, 2.0, 0), word)
    assert loudness(far)[0] == pytest.approx(loudness(near)[0] / 2, rel=1e-3)


def test_behind_a_door_and_behind_the_head_is_duller() -> None:
    def brightness(where: Arrival) -> float:
        power = np.abs(np.fft.rfft(heard(where, "crackling", 2)[0].astype(float))) ** 2
        return float(power[CHUNK // 8 :].sum() / power.sum())

    ahead = brightness(Arrival(0.0, 2.0, 0))
    assert brightness(Arrival(math.pi, 2.0, 0)) < ahead
    assert brightness(Arrival(0.0, 2.0, 1)) < brightness(Arrival(math.pi, 2.0, 0))
    assert loudness(heard(Arrival(0.0, 2.0, 1))) < loudness(heard(Arrival(0.0, 2.0, 0)))


def test_a_sound_goes_on_without_a_seam_and_moves_without_a_click() -> None:
    voice = Voice(sounds.tape("humming", 0), LOOP - 5 * CHUNK // 2)
    chunks = []
    for turn in (0.0, 0.0, 0.0, 1.5, 1.5, -1.5):
        out = np.zeros((2, CHUNK), np.float32)
        voice.play(Arrival(turn, 1.0, 0), out)
        chunks.append(out)
    voice.play(None, last := np.zeros((2, CHUNK), np.float32))
    wave = np.concatenate([*chunks, last], axis=1)
    jumps = np.abs(np.diff(wave, axis=1)).max(axis=1)
    within = np.abs(np.diff(sounds.loop("humming", 0))).max()
    assert (jumps < 1.2 * within).all()
    assert not last[:, CHUNK // 4 :].any()


def two_rooms() -> tuple[Map, tuple[float, float]]:
    world = make_map(3, 2)
    (door,) = world.doors.tolist()
    return world, (door[0], door[1])


def test_through_a_door_the_sound_comes_from_the_door() -> None:
    world, door = two_rooms()
    x, y = door[0] - 1.5, 0.5 if door[1] > 2 else world.size[1] - 0.5
    source = door[0] + 1.5, y  # beside each other, with the wall between
    assert not in_sight(world, x, y, *source)
    way = arrival(world, (x, y, 0.0), 0, source, 1)
    assert way.doors == 1
    assert way.bearing == pytest.approx(math.atan2(door[1] - y, door[0] - x))
    whole = math.hypot(door[0] - x, door[1] - y) + math.hypot(source[0] - door[0], y - door[1])
    assert way.distance == pytest.approx(whole)


def test_in_sight_through_the_door_is_heard_directly() -> None:
    world, door = two_rooms()
    x, y = door[0] - 1.0, door[1]
    way = arrival(world, (x, y, math.pi / 2), 0, (door[0] + 1.0, door[1]), 1)
    assert way == Arrival(pytest.approx(-math.pi / 2), pytest.approx(2.0), 0)


@pytest.mark.parametrize("seed", range(5))
def test_the_way_is_the_same_both_ways(seed: int) -> None:
    world = make_map(seed, 6)
    middles = [((r[0] + r[2]) / 2 + 0.1, (r[1] + r[3]) / 2) for r in world.rooms.tolist()]
    for a, there in enumerate(middles):
        for b, back in enumerate(middles):
            one = arrival(world, (*there, 0.0), a, back, b)
            other = arrival(world, (*back, 0.0), b, there, a)
            assert one.distance == pytest.approx(other.distance)
            assert one.doors == other.doors
            assert one.distance >= math.dist(there, back) - 1e-9


@pytest.mark.parametrize("word", ALL)
def test_loops_are_seamless_bounded_and_equally_loud(word: str) -> None:
    for variant in range(sounds.HEARD + sounds.UNHEARD):
        wave = sounds.loop(word, variant)
        assert wave.shape == (LOOP,)
        assert np.abs(wave).max() <= 1
        assert np.sqrt(np.mean(wave**2)) == pytest.approx(sounds.RMS, rel=0.1)
        seam = abs(float(wave[0]) - float(wave[-1]))
        assert seam <= 1.5 * np.abs(np.diff(wave)).max()


def test_heard_and_unheard_variants_differ() -> None:
    spectra = []
    for word in SOUNDS:
        for variant in range(sounds.HEARD + sounds.UNHEARD):
            spectra.append(sounds.loop(word, variant).tobytes())
    assert len(set(spectra)) == len(spectra)
