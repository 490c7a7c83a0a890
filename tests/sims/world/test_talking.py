from __future__ import annotations

import numpy as np
import pytest

from sensorium.errors import BadInput
from sensorium_sims.world.face import MOUTHS, mouth_track, sample_identity, talk
from sensorium_sims.world.lips import Camera, filmed
from sensorium_sims.world.pronunciation import (
    COMMAND_SLOTS,
    COMMAND_WORDS,
    VISEMES,
    phones_of,
    sample_command,
    viseme_of,
)
from sensorium_sims.world.speech import Phone, Speech, speak, timed, transposed

RATE = 16_000


def tone(text: str) -> Speech:
    """A voice of the test: a pitch a word, 0.2 s each, 0.1 s of silence at both ends."""
    parts = [np.zeros(RATE // 10)]
    for word in text.split():
        t = np.arange(RATE // 5) / RATE
        parts.append(0.3 * np.sin(2 * np.pi * (180 + 10 * len(word)) * t))
    return Speech(np.concatenate([*parts, parts[0]]).astype(np.float32), RATE)


def pitch(speech: Speech) -> float:
    spectrum = np.abs(np.fft.rfft(speech.samples, 1 << 17))
    return float(spectrum.argmax() * speech.sample_rate / (1 << 17))


def test_commands_are_those_of_grid() -> None:
    rng = np.random.default_rng(0)
    assert len(COMMAND_WORDS) == len(set(COMMAND_WORDS)) == 51
    heard = {word for _ in range(400) for word in sample_command(rng).split()}
    assert heard == set(COMMAND_WORDS)
    words = sample_command(rng).split()
    assert all(word in slot for word, slot in zip(words, COMMAND_SLOTS, strict=True))


@pytest.mark.parametrize(
    "word", [*COMMAND_WORDS, "purple", "diamond", "triangle", "striped", "Yes!"]
)
def test_every_word_has_sounds_and_every_sound_a_mouth(word: str) -> None:
    phones = phones_of(word)
    assert phones
    assert all(viseme_of(phone) in VISEMES for phone in phones)


def test_p_b_and_m_look_alike_and_ipa_is_understood() -> None:
    assert {viseme_of(p) for p in ("P", "B", "M", "p", "b", "m")} == {"PP"}
    assert viseme_of("AA1") == viseme_of("ɑː") == "aa"  # noqa: RUF001
    with pytest.raises(BadInput, match="no viseme"):
        viseme_of("¿")


def test_phones_fill_the_voiced_part_in_order() -> None:
    speech = timed("set blue", tone("set blue"))
    assert [phone.symbol for phone in speech.phones] == ["S", "EH", "T", "B", "L", "UW"]
    assert speech.phones[0].start == pytest.approx(0.1, abs=0.02)
    assert speech.phones[-1].stop == pytest.approx(speech.seconds - 0.1, abs=0.02)
    for one, other in zip(speech.phones, speech.phones[1:], strict=False):
        assert one.stop == pytest.approx(other.start)


def test_phones_that_a_speaker_knows_are_kept() -> None:
    known = Speech(tone("a").samples, RATE, (Phone("EY", 0.1, 0.3),))
    assert timed("a", known) is known


def test_silence_and_no_words_are_refused() -> None:
    with pytest.raises(BadInput, match="silent"):
        timed("set", Speech(np.zeros(RATE, np.float32), RATE))
    with pytest.raises(BadInput, match="no word"):
        timed("...", tone("a"))
    with pytest.raises(BadInput, match="shorter"):
        timed("set", Speech(np.ones(9, np.float32), RATE))


def test_a_transposed_voice_is_higher_and_faster() -> None:
    high = transposed(tone, 1.2)("one")
    assert pitch(high) == pytest.approx(1.2 * pitch(tone("one")), rel=0.02)
    assert high.seconds == pytest.approx(tone("one").seconds / 1.2, rel=0.01)
    with pytest.raises(BadInput, match=r"0\.7 to 1\.4"):
        transposed(tone, 3.0)


def test_captions_are_spoken_by_every_voice() -> None:
    voices = {"low": transposed(tone, 0.8), "high": transposed(tone, 1.2)}
    said = list(speak(["a red star"] * 30, voices, np.random.default_rng(0)))
    assert {item.voice for item in said} == {"low", "high"}
    for item in said:
        assert pitch(item.speech) == pytest.approx(pitch(voices[item.voice](item.text)), rel=0.01)
    with pytest.raises(BadInput, match="at least one voice"):
        next(speak(["a"], {}, np.random.default_rng(0)))


def test_the_mouth_shuts_for_m_and_opens_for_a() -> None:
    phones = [Phone("M", 0.0, 0.2), Phone("AA", 0.2, 0.5), Phone("M", 0.5, 0.7)]
    track = mouth_track(phones, 18, 25.0)
    opening = track[:, 0]
    assert opening[2] < 0.15
    assert opening[8] > 0.7
    assert opening[15] < 0.15
    assert set(MOUTHS) == set(VISEMES)


def test_a_talk_is_as_long_as_its_speech_and_moves_its_lips() -> None:
    rng = np.random.default_rng(1)
    said = talk("bin blue at a one now", tone, sample_identity(rng), rng, size=64)
    assert len(said.frames) == round(said.speech.seconds * said.fps)
    assert said.frames.shape[1:] == (64, 64, 3)
    lips = said.lips(24)
    assert lips.shape == (len(said.frames), 24, 24, 3)
    # Dark inside the open mouth: more of it the wider it opens.
    track = mouth_track(said.speech.phones, len(said.frames), said.fps)[:, 0]
    dark = (lips.astype(int).sum(axis=3) < lips.astype(int).sum(axis=3).max() * 0.45).mean((1, 2))
    assert np.corrcoef(track, dark)[0, 1] > 0.7
    with pytest.raises(BadInput, match="48 pixels"):
        talk("a", tone, sample_identity(rng), rng, size=16)


def test_people_differ_and_a_seed_gives_the_same_talk() -> None:
    people = {sample_identity(np.random.default_rng(seed)) for seed in range(30)}
    assert len(people) == 30
    films = [
        talk("set red", tone, sample_identity(rng), rng, size=48).frames
        for rng in (np.random.default_rng(4), np.random.default_rng(4))
    ]
    assert (films[0] == films[1]).all()


def test_a_poor_camera_takes_detail_away() -> None:
    rng = np.random.default_rng(2)
    lips = talk("bin blue at a one now", tone, sample_identity(rng), rng, size=64).lips(24)
    perfect = filmed(lips, Camera(detail=24, blur=0, noise=0, shake=0, lost=0), rng)
    # Light and gain only: a straight line from the drawn values to the filmed ones.
    assert np.corrcoef(perfect.ravel().astype(float), lips.ravel())[0, 1] > 0.999
    still = filmed(lips, Camera(detail=24, blur=0, noise=0, shake=0, lost=1.0), rng)
    assert (still == still[0]).all()
    coarse = filmed(lips, Camera(detail=4, blur=0, noise=0, shake=0, lost=0), rng)
    sharp = lambda film: np.abs(np.diff(film.astype(float), axis=2)).mean()  # noqa: E731
    assert sharp(coarse) < 0.6 * sharp(perfect)
