"""The voice starts before the model is through: what real models answer about pictures, or else.

Run with ``-s`` to see each reply and its times.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sensorium_agents.composition import fed_by_hand, load, plugins_for
from sensorium_agents.conversation import Conversation, conversation
from sensorium_agents.turn import Turn

pytestmark = pytest.mark.models

ROOT = Path(__file__).parents[2]
SETTINGS = ROOT / "settings.toml"
SCENE = ROOT / "agents" / "sensorium_agents" / "scene"
PICTURES = ROOT / "tests" / "data" / "pictures"
CAT, PAGE = SCENE / "cat.jpg", SCENE / "page.png"
ASTRONAUT, COFFEE = PICTURES / "astronaut.jpg", PICTURES / "coffee.jpg"
PAIRS: list[tuple[Path, str | Path]] = [
    (CAT, "What is the capital of France?"),
    (CAT, "What is water made of?"),
    (CAT, "Why is the sky blue?"),
    (CAT, "What is in this picture?"),
    (CAT, "Is there a dog in the picture?"),
    (CAT, "Is there a cat?"),
    (CAT, "Where is the cat?"),
    (CAT, SCENE / "what-is-in-this-picture.flac"),
    (ASTRONAUT, "What do you see?"),
    (ASTRONAUT, "Who is there?"),
    (ASTRONAUT, SCENE / "how-many-people.flac"),
    (COFFEE, "What is this?"),
    (COFFEE, SCENE / "what-do-you-see.flac"),
    (PAGE, "What does the page say?"),
    (PAGE, SCENE / "what-does-the-page-say.flac"),
]
MODELS = (
    "voice_activity", "speech_to_text", "object_detection", "face_detection", "image_classes",
    "ocr", "language_model", "text_to_speech",
)  # fmt: skip


@asynccontextmanager
async def talking(placement: str, voice: Path) -> AsyncIterator[Conversation]:
    """The agent of the shipped settings, with its models in ``placement``."""
    layer = {
        "components": {
            "text_out": {"enabled": False},
            "speech": {"options": {"to": "file", "path": str(voice)}},
        },
        "models": {name: {"placement": placement} for name in MODELS},
    }
    plain = load(SETTINGS)
    plugins = plugins_for(plain)
    settings = load(SETTINGS, fed_by_hand(plain, plugins), layer)
    async with conversation(settings, plugins) as talk:
        yield talk


async def ask_all(talk: Conversation, pairs: list[tuple[Path, str | Path]]) -> list[Turn]:
    """Show each picture once, and ask; prints a line for each answer."""
    turns, shown = [], None
    for picture, question in pairs:
        if picture != shown:
            await talk.show(picture)
            shown = picture
        spoken = isinstance(question, Path)
        words = await talk.hear(question) if isinstance(question, Path) else question
        turn = await talk.ask(words, spoken=spoken)
        took = turn.latency_ms()
        print(
            f"{picture.name:14} {words:31} sound {took['first_sound']:7} ms"
            f"  last token {took['last_token']:7} ms  {turn.reply}"
        )
        turns.append(turn)
    return turns


@pytest.mark.parametrize(("placement", "pairs"), [("thread", PAIRS), ("worker", PAIRS[::3])])
async def test_the_first_sound_of_an_answer_comes_before_its_last_token(
    tmp_path: Path, placement: str, pairs: list[tuple[Path, str | Path]]
) -> None:
    async with talking(placement, tmp_path / "reply.wav") as talk:
        turns = await ask_all(talk, pairs)
    late = [turn.question for turn in turns if not 0 < turn.first_sound < turn.last_part]
    assert len(late) <= len(pairs) // 10, late  # a busy machine may delay one voice
