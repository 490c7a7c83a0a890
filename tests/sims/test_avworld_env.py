from __future__ import annotations

import time
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from sensorium.errors import BadInput
from sensorium_sims import AVWORLD
from sensorium_sims.avworld.env import AVWorld
from sensorium_sims.avworld.oracle import BearingFollower, Oracle
from sensorium_sims.avworld.sounds import CHUNK, SAMPLE_RATE
from sensorium_sims.avworld.speech import SPEECH_RMS, speak, with_noise
from sensorium_sims.avworld.vocabulary import WORDS
from sensorium_sims.avworld.world import Act


def made(**options: Any) -> AVWorld:
    return AVWorld(**options)


@pytest.mark.parametrize("name", AVWORLD)
def test_gymnasium_s_checker_has_nothing_to_say(name: str) -> None:
    env = gymnasium.make(f"sensorium_sims:{name}", render_mode="rgb_array")
    check_env(env.unwrapped)  # its warnings are errors here
    assert env.unwrapped.task == AVWORLD[name]  # type: ignore[attr-defined]
    env.close()


@pytest.mark.parametrize("name", AVWORLD)
def test_a_seed_gives_the_same_episode_to_the_last_sample(name: str) -> None:
    def played() -> list[bytes]:
        env = gymnasium.make(name)
        rng, said = np.random.default_rng(1), []
        observation, _ = env.reset(seed=7)
        for _ in range(25):
            said += [observation["camera"].tobytes(), observation["audio"].tobytes()]
            said.append(observation["mission"].encode())
            observation = env.step(int(rng.integers(5)))[0]
        return said

    assert played() == played()


def test_vector_environments_play_the_same_episodes() -> None:
    vector = gymnasium.make_vec("sensorium/AVWorld-Refer-v0", 2, vectorization_mode="sync")
    single = gymnasium.make("sensorium/AVWorld-Refer-v0")
    together, _ = vector.reset(seed=[3, 4])
    alone, _ = single.reset(seed=4)
    for action in (2, 2, 0, 2):
        np.testing.assert_array_equal(together["audio"][1], alone["audio"])
        np.testing.assert_array_equal(together["camera"][1], alone["camera"])
        together, *_ = vector.step(np.array([1, action]))
        alone, *_ = single.step(action)
    vector.close()
    single.close()


def test_the_end_tells_what_the_measures_need() -> None:
    env = made()
    env.reset(seed=5)
    assert env.world is not None
    oracle = Oracle(env.world)
    terminated = False
    while not terminated:
        _, reward, terminated, truncated, info = env.step(oracle.act())
    assert info["is_success"]
    assert not truncated
    assert reward == pytest.approx(1 - 0.9 * info["actions"] / env.max_steps)
    assert info["shortest_actions"] == info["actions"]
    assert info["path_length"] > 0.8 * info["shortest_path"]
    assert info["way_left"] == pytest.approx(0, abs=0.01)


def test_time_runs_out() -> None:
    env = made(max_steps=3)
    env.reset(seed=0)
    ends = [env.step(Act.LEFT)[2:4] for _ in range(3)]
    assert ends == [(False, False), (False, False), (False, True)]


def test_sound_stops_in_silent_after_and_only_there() -> None:
    def levels(task: str) -> list[float]:
        env = made(task=task, silent_after=3)
        observation, _ = env.reset(seed=2)
        found = []
        for _ in range(7):
            found.append(float(np.std(observation["audio"])))
            observation, *_ = env.step(Act.LEFT)
        return found

    silent, going_on = levels("SilentAfter"), levels("Refer")
    assert silent[:3] == going_on[:3]
    assert min(going_on) > 0.003
    assert max(silent[4:]) < 0.001


def test_taking_a_sense_away_leaves_the_others_alone() -> None:
    whole = made().reset(seed=3)[0]
    for sense, empty in [("camera", 0), ("audio", 0), ("mission", "")]:
        observation = made(without=(sense,)).reset(seed=3)[0]
        for key, value in observation.items():
            assert np.all(np.asarray(value) == (empty if key == sense else whole[key]))


def test_a_spoken_mission_is_heard_and_not_read() -> None:
    written, spoken = made(), made(task="Spoken", snr_db=60)
    written.reset(seed=1)
    observation, info = spoken.reset(seed=1)
    assert observation["mission"] == ""
    said = with_noise(speak(info["mission"]), 60, 0)
    chunks = [observation["audio"]]
    for _ in range(len(said) // CHUNK + 3):
        chunks.append(spoken.step(Act.LEFT)[0]["audio"])
    heard = np.concatenate(chunks, axis=1)[0]
    match = np.correlate(heard[: len(said)], said, "valid") / np.linalg.norm(said)
    assert match[0] / np.linalg.norm(heard[: len(said)]) > 0.7
    assert np.std(heard[len(said) + CHUNK :]) < np.std(heard[: len(said)])


@pytest.mark.parametrize("snr_db", [20, 10, 0])
def test_noise_is_as_loud_as_asked(snr_db: int) -> None:
    speech = np.concatenate([speak("find the humming red box")] * 4)
    noisy = with_noise(speech, snr_db, 3)
    clean = speech * SPEECH_RMS / np.sqrt(np.mean(speech**2))
    noise = noisy - clean
    assert 10 * np.log10(np.mean(clean**2) / np.mean(noise**2)) == pytest.approx(snr_db, abs=1)


def test_every_word_can_be_said_and_none_else() -> None:
    for word in WORDS:
        assert 0.15 < len(speak(word)) / SAMPLE_RATE < 1.2
    with pytest.raises(BadInput, match="cannot say 'unicorn'"):
        speak("find the unicorn")


def test_a_speaker_of_one_s_own() -> None:
    said = []

    def beep(text: str) -> Any:
        said.append(text)
        return np.sin(np.arange(8000) / 5).astype(np.float32)

    env = made(task="Spoken", speaker=beep)
    _, info = env.reset(seed=0)
    assert said == [info["mission"]]
    broken = made(task="Spoken", speaker=lambda text: np.zeros((2, 8), np.float32))
    with pytest.raises(BadInput, match="speaker returns"):
        broken.reset(seed=0)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"task": "Sing"}, "task"),
        ({"rooms": 3}, "rooms"),
        ({"maps": "old"}, "maps"),
        ({"sounds": "loud"}, "sounds"),
        ({"without": ["smell"]}, "without"),
        ({"render_mode": "human"}, "render_mode"),
        ({"max_steps": 0}, "max_steps"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], word: str) -> None:
    with pytest.raises(BadInput, match=word):
        made(**options)


@pytest.mark.parametrize("action", [6, -1, 1.5, "left", None])
def test_actions_outside_the_space_are_refused(action: Any) -> None:
    env = made()
    with pytest.raises(BadInput, match="reset"):
        env.step(0)
    env.reset(seed=0)
    with pytest.raises(BadInput, match="is not one of 0 to 5"):
        env.step(action)


def test_the_picture_for_people_shows_the_camera_and_the_map() -> None:
    env = made(render_mode="rgb_array")
    observation, _ = env.reset(seed=0)
    frame = env.render()
    assert frame is not None
    assert frame.shape == (256, 512, 3)
    np.testing.assert_array_equal(frame[::4, :256:4], observation["camera"])
    env.step(Act.LEFT)
    assert (env.render() != frame).any()
    assert made().render() is None


def test_following_the_sound_beats_nothing_and_not_the_oracle() -> None:
    """By ear alone one finds a sounding thing where there is one: a baseline, not a solution."""
    won = 0
    for seed in range(12):
        env = made(task="AudioGoal", rooms=1)
        observation, _ = env.reset(seed=seed)
        agent, over = BearingFollower(), False
        while not over:
            act = agent.act(observation["audio"], barred=bool(observation["touch"]))
            observation, _, terminated, truncated, info = env.step(act)
            over = terminated or truncated
        won += info["is_success"]
    assert won >= 4


def test_the_world_is_quick_enough_to_learn_in() -> None:
    """800 steps a second of one core, in the best of a few runs: other work must not count."""
    env = made()
    rng = np.random.default_rng(0)

    def rate(steps: int = 120) -> float:
        env.reset(seed=1)
        begin = time.process_time()
        for _ in range(steps):
            env.step(int(rng.integers(3)))
        return steps / (time.process_time() - begin)

    assert max(rate() for _ in range(5)) >= 800
