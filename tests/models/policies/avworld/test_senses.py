"""Learned senses: what they are taught with, and what comes out of them."""

from __future__ import annotations

import math

import numpy as np
import torch

from sensorium_models.policies.avworld.hearing import (
    ANY,
    DIRECTIONS,
    DOORS,
    MAPS,
    RINGS,
    Hearing,
    direction_of,
    ring_of,
)  # fmt: skip
from sensorium_models.policies.avworld.percepts import perceive
from sensorium_models.policies.avworld.reading import (
    BEFORE,
    LISTENS,
    SpeechReader,
    examples,
    numbers_of,
)  # fmt: skip
from sensorium_models.policies.avworld.scenes import made_up, moments, paced, sounding
from sensorium_models.policies.avworld.sensing import Senses, SensesTask
from sensorium_models.policies.avworld.sight import OUTPUTS, Sight
from sensorium_models.policies.avworld.slots import BLANKS, Slots, truth_of
from sensorium_models.training import Draw
from sensorium_sims.avworld import sounds
from sensorium_sims.avworld.env import AVWorld
from sensorium_sims.avworld.sounds import CHUNK
from sensorium_sims.avworld.vocabulary import SOUNDS


def test_moments_are_the_same_for_the_same_numbers_and_others_for_others() -> None:
    first, again, other = (moments(np.random.default_rng(seed), 10) for seed in (1, 1, 2))
    assert np.array_equal(first.pictures, again.pictures)
    assert np.array_equal(first.heard, again.heard)
    assert not np.array_equal(first.sound, other.sound)


def test_the_truth_about_what_is_seen_agrees_with_the_picture() -> None:
    drawn = moments(np.random.default_rng(3), 64)
    assert np.isfinite(drawn.depth).all()
    assert drawn.centre.sum() > 20
    rows, columns = np.nonzero(drawn.centre)
    covered = drawn.kinds[rows, 0, columns] >= 0
    assert covered.mean() > 0.8  # a thing hidden in its middle shows at its side
    off = np.abs(drawn.about[rows, 1, columns])[covered] * 8
    assert (off <= 0.5 + 1e-5).mean() > 0.9
    red = (drawn.kinds[:, 0] == 0) & (drawn.about[:, 0] < math.log(2))
    at, column = np.nonzero(red)
    lower = drawn.pictures[at, 40, column].astype(int)  # below the middle: the thing itself
    assert (lower[:, 0] > lower[:, 2]).mean() > 0.7


def test_the_truth_about_what_is_heard() -> None:
    env = AVWorld("Refer")
    env.reset(seed=4)
    assert env.world is not None
    truth = sounding(env.world)
    named = {thing.sound for thing in env.world.episode.things if thing.sound}
    assert truth.shape == (MAPS, DIRECTIONS, RINGS)
    assert {SOUNDS[row] for row in np.flatnonzero(truth[:ANY].any((1, 2)))} == named
    assert np.array_equal(truth[ANY], truth[:ANY].max(0))


def test_directions_and_rings() -> None:
    assert direction_of(0.01) == 0
    assert direction_of(-0.01) == DIRECTIONS - 1
    assert direction_of(math.pi / 2 + 0.01) == DIRECTIONS // 4
    assert [ring_of(far, 0) for far in (0.5, 1.5, 3.0, 9.0)] == [0, 1, 2, 3]
    assert ring_of(0.5, 1) == DOORS


def test_sounds_at_another_pace_are_higher_and_as_loud() -> None:
    plain, faster = sounds.tape("beeping", 0)[0], paced("beeping", 0, 1.06)[0]
    peaks = [np.abs(np.fft.rfft(tape[: sounds.LOOP])).argmax() for tape in (plain, faster)]
    assert 1.04 < peaks[1] / peaks[0] < 1.08
    for tape in (faster, made_up(3)[0], made_up(17)[0]):
        assert 0.5 < np.sqrt(np.mean(tape**2)) / sounds.RMS < 1.3


def test_networks_take_what_they_say() -> None:
    senses = Senses().eval()
    pictures = torch.zeros(2, 64, 64, 3, dtype=torch.uint8)
    assert Sight()(pictures).shape == (2, OUTPUTS, 64)
    assert Hearing().eval()(torch.zeros(2, 2, CHUNK)).shape == (2, MAPS, DIRECTIONS, RINGS)
    first, second = perceive(senses, [None, np.zeros((64, 64, 3), np.uint8)],
                             [np.zeros((2, CHUNK), np.float32), None])  # fmt: skip
    assert first.depth is None
    assert first.things == ()
    assert first.heard is not None
    assert second.heard is None
    assert second.depth is not None


def test_a_few_steps_of_training_lower_the_losses_on_the_same_moments() -> None:
    torch.manual_seed(0)
    task = SensesTask()
    batch = task.batch(Draw(0, 16, 5))
    network = task.build(0)
    optimiser = torch.optim.Adam(network.parameters(), 3e-3)
    totals = []
    for _ in range(6):
        total = torch.stack(list(task.losses(network, batch).values())).sum()
        totals.append(float(total.detach()))
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
    assert totals[-1] < 0.8 * totals[0]


def test_the_blanks_of_instructions() -> None:
    found = truth_of("find the humming red box")
    assert BLANKS["sound"][found["sound"]] == "humming"
    assert BLANKS["type"][found["type"]] == "box"
    assert found["key"] == len(BLANKS["key"])
    found = truth_of("bring the red key to the buzzing box")
    assert BLANKS["key"][found["key"]] == "red"
    assert found["colour"] == len(BLANKS["colour"])
    assert BLANKS["sound"][found["sound"]] == "buzzing"
    slots = Slots.of(np.arange(29, dtype=np.float32))
    assert np.array_equal(slots.flat(), np.arange(29))


def test_words_that_nobody_taught_and_no_words_are_read_as_unknown() -> None:
    assert numbers_of(["find the sofa", ""]).tolist()[1][0] == 1
    assert numbers_of(["find the sofa"])[0, 2] == 1


def test_hearing_speech_step_by_step_is_hearing_it_at_once() -> None:
    torch.manual_seed(0)
    reader = SpeechReader().eval()
    sound = examples(np.random.default_rng(1), 2, snr_db=10.0)["sound"]
    with torch.no_grad():
        whole = reader(sound)
        found = None
        for step in range(LISTENS):
            found = reader(sound[:, step * CHUNK : step * CHUNK + BEFORE + CHUNK], found)
    assert found is not None
    assert torch.allclose(whole, found, atol=1e-3)
