"""The default agent with its real models: it sees, reads, hears, answers, and is understood."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from sensorium.settings import load_settings
from sensorium_agents.composition import fed_by_hand, load, plugins_for
from sensorium_agents.conversation import Conversation, conversation
from sensorium_models.metrics.wer import word_error_rate

pytestmark = pytest.mark.models

ROOT = Path(__file__).parents[2]
SETTINGS = ROOT / "settings.toml"
SCENE = ROOT / "agents" / "sensorium_agents" / "scene"
PICTURES = ROOT / "tests" / "data" / "pictures"
MAIN = "from sensorium.cli import main; main()"
LONG = "Explain in detail how a bicycle works and why it stays upright, please."


@asynccontextmanager
async def talking(voice: Path) -> AsyncIterator[Conversation]:
    """The agent of the shipped settings, its voice in the WAV file ``voice``."""
    layer = {
        "text_out": {"enabled": False},
        "speech": {"options": {"to": "file", "path": str(voice)}},
    }
    plain = load(SETTINGS)
    plugins = plugins_for(plain)
    settings = load(SETTINGS, fed_by_hand(plain, plugins), {"components": layer})
    async with conversation(settings, plugins) as talk:
        yield talk


def read_back(voice: Path, said: str) -> float:
    """The word error rate of what a recogniser makes of the spoken reply."""
    import soundfile

    from sensorium_models.speech.whisper import SpeechToText

    sound, rate = soundfile.read(voice, dtype="float32")
    at = np.arange(int(len(sound) * 16_000 / rate)) * rate / 16_000
    listener = SpeechToText()
    listener.load("cpu")
    audio = np.interp(at, np.arange(len(sound)), sound).astype(np.float32)
    heard = listener.infer([{"audio": audio}])[0]["text"]
    return word_error_rate([said], [heard]).wer


def couple(tmp_path: Path) -> Path:
    """A picture of two people."""
    with PIL.Image.open(PICTURES / "astronaut.jpg") as picture:
        one = picture.convert("RGB")
    both = PIL.Image.new("RGB", (2 * one.width, one.height))
    both.paste(one, (0, 0))
    both.paste(one.transpose(PIL.Image.Transpose.FLIP_LEFT_RIGHT), (one.width, 0))
    both.save(tmp_path / "couple.png")
    return tmp_path / "couple.png"


async def test_a_conversation_about_what_is_shown_and_heard(tmp_path: Path) -> None:
    voice = tmp_path / "reply.wav"
    async with talking(voice) as talk:
        await talk.show(SCENE / "cat.jpg")
        cat = await talk.ask("What is in this picture?")
        assert re.search(r"\bcat\b", cat.reply)
        assert not re.search(r"\b(dog|person|people)\b", cat.reply)
        assert "cat" in {thing["label"] for thing in cat.seen}
        dog = await talk.ask("Is there a dog in the picture?")
        assert re.search(r"\bno\b|\bnot\b", dog.reply)

        await talk.show(couple(tmp_path))
        people = await talk.ask("What do you see?")
        assert re.search(r"\b(people|person)\b", people.reply)
        assert not re.search(r"\bcat\b", people.reply)

        await talk.show(SCENE / "page.png")
        words = await talk.hear(SCENE / "what-does-the-page-say.flac")
        page = await talk.ask(words, spoken=True)
        assert page.read[0] == "Region-based segmentation"
        assert "Region-based segmentation" in page.reply
        assert page.latency_ms()["speech_to_text"] > 0

        assert "Go forward" in await talk.hear(SCENE / "go-forward.flac")
        heard = await talk.ask("What did you hear?")
        assert "Go forward" in heard.reply
        assert "page" not in heard.reply  # a question is no news

        long = await talk.ask(LONG)
    assert long.reply.count(" ") > 10
    assert 0 < long.first_sound < long.last_part  # it speaks before it has thought to the end
    assert read_back(voice, long.reply) <= 0.10


def run(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", MAIN, *map(str, arguments)],
        capture_output=True, text=True, check=False, timeout=100,
        env={**os.environ, "OMP_NUM_THREADS": "1"}, **options,
    )  # fmt: skip


def test_ask_gives_one_json_object_and_speaks(tmp_path: Path) -> None:
    voice = tmp_path / "reply.wav"
    asked = ["--audio", SCENE / "what-is-in-this-picture.flac", "--image", SCENE / "cat.jpg"]
    ended = run("ask", *asked, "--reply-audio", voice, "--json", "--settings", SETTINGS)
    answer = json.loads(ended.stdout)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert answer["heard"] == "What is in this picture?"
    assert "cat" in answer["reply"]
    assert "cat" in {thing["label"] for thing in answer["seen"]}
    assert answer["reply_audio"] == str(voice)
    assert read_back(voice, answer["reply"]) <= 0.10


@pytest.fixture
def no_devices() -> None:
    from sensorium_agents.composition import sources, without_missing_devices

    settings = load_settings(SETTINGS)
    layer, _ = without_missing_devices(settings)
    if sources(load(SETTINGS, layer), plugins_for(settings)):
        pytest.skip("this machine has a camera or a microphone: run would use them")


def test_a_run_without_sensors_or_terminal_plays_the_scene_and_ends(
    tmp_path: Path, no_devices: None
) -> None:
    ended = run("run", "--settings", SETTINGS, stdin=subprocess.DEVNULL, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert "No live sensors here, so the bundled scene plays" in ended.stderr
    shown = ended.stdout
    assert re.search(r"sees  cat\.jpg\n.*“What is in this picture\?”\n.*says  .*\bcat\b", shown)
    assert re.search(r"says  .*\bperson\b", shown)
    assert re.search(r"says  .*Region-based segmentation", shown)
    assert re.search(r"says  .*Go forward", shown)
    assert len(list((tmp_path / "out").glob("reply-*.wav"))) == 4
