"""An agent that hears with its camera: the example's settings, played a film of talking faces."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from sensorium.errors import BadInput, ComponentError, OutputFailed, SettingsError
from sensorium_agents.commands.evaluate import evaluate
from sensorium_agents.listening import listen, playing
from sensorium_models.audio_visual_speech.films import Film, Said, write_film

pytest.importorskip("espeakng_loader", reason="voices to listen to")
ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "avspeech.toml"
MAIN = "from sensorium.cli import main; main()"


def test_a_film_is_what_it_says(tmp_path: Path) -> None:
    import av

    film = write_film(tmp_path / "film", 2, snr_db=0.0)
    again = write_film(tmp_path / "again", 2, snr_db=0.0)
    assert film.said == again.said
    sound, rate = soundfile.read(film.sound)
    with av.open(str(film.video)) as container:
        shown = [float(frame.time) for frame in container.decode(video=0)]
    assert len(sound) / rate == pytest.approx(len(shown) / 25)
    np.testing.assert_allclose(shown, np.arange(len(shown)) / 25, atol=1e-3)
    first, second = film.said
    assert len(first.text.split()) == 6
    between = sound[int(first.stop * rate) : int(second.start * rate)]
    assert len(between) == rate
    assert not between.any()  # so that it is clear where an utterance ends
    assert first.text in (tmp_path / "film" / "film.txt").read_text()


def test_a_film_that_cannot_be_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="0 commands"):
        write_film(tmp_path, 0)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputFailed, match="file"):
        write_film(tmp_path / "file", 1)


def test_an_agent_that_cannot_listen_is_named(tmp_path: Path) -> None:
    film = Film(tmp_path / "a.mp4", tmp_path / "a.wav", (Said("bin red", 0, 1),))
    with pytest.raises(SettingsError, match="'audio_visual_speech'"):
        playing(ROOT / "settings.toml", film, camera=True)


@pytest.mark.models
def test_an_agent_whose_model_is_missing_is_no_deaf_one(tmp_path: Path) -> None:
    film = Film(tmp_path / "a.mp4", tmp_path / "a.wav", (Said("bin red", 0, 1),))
    missing = str(tmp_path / "no.safetensors")
    with pytest.raises(ComponentError, match="audio_visual_speech"):
        asyncio.run(listen(EXAMPLE, film, camera=False, weights=missing))


def test_unplugged_is_a_setting(tmp_path: Path) -> None:
    film = Film(tmp_path / "a.mp4", tmp_path / "a.wav", (Said("bin red", 0, 1),))
    components = playing(EXAMPLE, film, camera=False)["components"]
    assert components["camera"] == {"enabled": False}
    assert components["microphone"]["options"]["source"].endswith("a.wav")


@pytest.mark.models
def test_with_its_camera_it_hears_better_in_babble() -> None:
    line = ["avspeech", "--agent", str(EXAMPLE), "--clips", "5", "--snr", "0", "--json"]
    done = CliRunner().invoke(evaluate, line, catch_exceptions=False)
    found = json.loads(done.stdout)
    seeing, blind = found["with camera"], found["without"]
    assert seeing["words"] == blind["words"] == 30
    assert len(seeing["heard"]) == 5
    assert seeing["wer"] < 0.8 * blind["wer"]
    assert found["command"].startswith("sensorium evaluate avspeech --agent")


@pytest.mark.models
def test_what_it_hears_depends_on_the_film_alone(tmp_path: Path) -> None:
    film = write_film(tmp_path, 1, snr_db=0.0, first=3)
    once, again = (asyncio.run(listen(EXAMPLE, film, camera=True)) for _ in range(2))
    assert once == again
    assert len(once[0].split()) >= 4


@pytest.mark.models
def test_the_example_runs_and_its_transcript_comes_out(tmp_path: Path) -> None:
    film = write_film(tmp_path / "out" / "talking", 1, first=3)
    line = [sys.executable, "-c", MAIN, "run", "--settings", str(EXAMPLE), "--show", "speech/#"]
    done = subprocess.run(
        line, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    )
    (transcript,) = (row for row in done.stdout.splitlines() if "speech/transcript" in row)
    said = film.said[0].text.split()
    assert sum(word in transcript for word in said) >= 4
    assert "'audio', 'lips'" in done.stdout
