from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import soundfile

from sensorium import Fuser, Input, Output, Text
from sensorium.errors import BadInput, ComponentError, SourceUnavailable
from sensorium.payloads import ReplyPart, UserTurn
from sensorium_agents.conversation import conversation

SEA = "The sea is wide, and it is deep. Ships cross it."
Talking = Callable[..., Any]
Media = dict[str, Path]


@pytest.fixture(autouse=True)
def _tidy(no_leaks: None, no_tasks: None) -> None:
    """Every conversation gives back all it took."""


async def test_a_question_about_a_picture_is_answered_from_it(
    talking: Talking, media: Media
) -> None:
    async with talking() as talk:
        await talk.show(media["cat"])
        turn = await talk.ask("What is in this picture?")
    assert "cat" in turn.reply
    assert turn.finished
    assert turn.seen == [{"label": "cat", "score": 0.9, "box": [0.0, 1.0, 2.0, 3.0]}]
    assert (turn.read, turn.problems, turn.error) == ([], {}, None)


async def test_nothing_is_claimed_that_is_not_seen(talking: Talking, media: Media) -> None:
    async with talking() as talk:
        blank = await talk.ask("What do you see?")
        await talk.show(media["people"])
        street = await talk.ask("How many people are there?")
        none = await talk.ask("Is there a cat in the picture?")
    assert blank.seen == []
    assert "nothing" in blank.reply
    assert "3" in street.reply or "three" in street.reply.lower()
    assert "not" in none.reply or "no " in none.reply.lower()


async def test_a_new_picture_replaces_the_old_and_another_name_stands_beside_it(
    talking: Talking, media: Media
) -> None:
    async with talking() as talk:
        await talk.show(media["cat"])
        await talk.show(media["people"])
        assert {thing["label"] for thing in (await talk.ask("And now?")).seen} == {"person"}
        await talk.show(media["cat"], name="another")
        assert {thing["label"] for thing in (await talk.ask("Now?")).seen} == {"person", "cat"}


async def test_writing_is_read_when_a_question_asks_for_it(talking: Talking, media: Media) -> None:
    async with talking() as talk:
        await talk.show(media["sign"])
        assert (await talk.ask("What do you see?")).read == []
        turn = await talk.ask("What does the sign say?")
    assert turn.read == ["EXIT", "Push bar"]
    assert "EXIT" in turn.reply


async def test_writing_in_several_pictures_is_all_read_before_the_answer(
    talking: Talking, media: Media
) -> None:
    async with talking() as talk:
        await talk.show(media["cat"], name="one")
        await talk.show(media["sign"], name="two")
        assert (await talk.ask("Read it, please.")).read == ["EXIT", "Push bar"]


async def test_a_reader_that_fails_costs_the_reading_and_nothing_else(
    talking: Talking, media: Media
) -> None:
    async with talking() as talk:
        await talk.show(media["broken"])
        async with asyncio.timeout(5):  # and not the 15 s that reading may take
            turn = await talk.ask("What does it say?")
        assert "the reader broke" in turn.problems["ocr"]
        assert turn.read == []
        await talk.show(media["sign"])
        assert (await talk.ask("What does it say?")).read == ["EXIT", "Push bar"]


async def test_what_is_heard_is_remembered_and_a_spoken_question_answered(
    talking: Talking, media: Media
) -> None:
    async with talking() as talk:
        await talk.show(media["cat"])
        assert await talk.hear(media["remark"]) == "Go forward ten meters."
        words = await talk.hear(media["question"])
        turn = await talk.ask(words, spoken=True)
    assert words == turn.question == "What is in this picture?"
    assert "cat" in turn.reply
    assert [p.text for p in turn.percepts if p.kind == "heard"] == ["Go forward ten meters."]
    assert turn.latency_ms()["speech_to_text"] >= 0


@pytest.mark.parametrize("name", ["silence", "murmur"])
async def test_a_recording_without_words(talking: Talking, media: Media, name: str) -> None:
    async with talking() as talk:
        assert await talk.hear(media[name]) == ""
        assert (await talk.ask("Tell me about the sea.")).reply == SEA


async def test_latencies_are_in_order(talking: Talking, media: Media, tmp_path: Path) -> None:
    speech = {"enabled": True, "options": {"to": "file", "path": str(tmp_path / "r.wav")}}
    async with talking(speech=speech) as talk:
        turn = await talk.ask("Tell me about the sea.")
        silent = await talk.ask("🙂")
    latency = turn.latency_ms()
    steps = ["first_token", "first_sound", "total"]
    assert [latency[step] for step in steps] == sorted(latency[step] for step in steps)
    assert 0 <= latency["first_token"] <= latency["last_token"] <= latency["total"]
    assert latency["speech_to_text"] is None
    assert turn.reply_audio == str(tmp_path / "r.wav")
    assert soundfile.info(turn.reply_audio).frames == 240 * (len(SEA) - 2)  # the cuts are blanks
    assert silent.finished


async def test_the_first_sound_comes_before_the_last_token(
    talking: Talking, tmp_path: Path
) -> None:
    speech = {"enabled": True, "options": {"to": "nowhere"}}
    async with talking(speech=speech) as talk:
        sound = talk.session.bus.subscribe("speech/reply", name="test")
        async with sound:
            asking = asyncio.ensure_future(talk.ask("Talk slowly."))
            async with asyncio.timeout(10):
                await sound.get()  # the model is talking still: it never stops by itself
            assert not asking.done()
            await talk.interrupt()
            turn = await asking
    assert not turn.finished
    assert turn.first_part <= turn.first_sound <= turn.last_part


# --- stopping -----------------------------------------------------------------------------------


async def test_an_answer_can_be_stopped_and_the_next_question_is_answered(
    talking: Talking,
) -> None:
    async with talking() as talk:
        parts = talk.session.bus.subscribe("reply/part", name="test")
        async with parts:
            asking = asyncio.ensure_future(talk.ask("Talk slowly."))
            async with asyncio.timeout(10):
                said: ReplyPart = (await parts.get()).payload
            await talk.interrupt()
            turn = await asking
        assert not turn.finished
        assert turn.reply.startswith(said.text)
        assert (await talk.ask("Tell me about the sea.")).reply == SEA


async def test_a_question_can_be_stopped_while_it_waits_for_reading(talking: Talking) -> None:
    # nobody reads in these settings, so the turn waits its 15 seconds
    async with talking(ocr={"enabled": False}) as talk:
        asking = asyncio.ensure_future(talk.ask("What does it say?"))
        waiting = talk.session.bus.subscribe("chat/turn", name="test")
        async with waiting, asyncio.timeout(10):
            await waiting.get()
        await talk.session.settled()
        await talk.interrupt()
        async with asyncio.timeout(5):
            turn = await asking
        assert (turn.reply, turn.finished) == ("", False)
        assert (await talk.ask("Tell me about the sea.")).reply == SEA


async def test_leaving_in_the_middle_of_an_answer_takes_no_time(talking: Talking) -> None:
    parts = None

    async def chat() -> None:
        nonlocal parts
        async with talking() as talk:
            parts = talk.session.bus.subscribe("reply/part", name="test")
            await talk.ask("Talk slowly.")

    leaving = asyncio.ensure_future(chat())
    async with asyncio.timeout(10):
        while parts is None:
            await asyncio.sleep(0.001)
        await parts.get()
        leaving.cancel()
    async with asyncio.timeout(2):  # the model would talk for ever
        await asyncio.wait([leaving])
    assert leaving.cancelled()
    parts.close()


# --- what goes wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "  \n"])
async def test_an_empty_question_is_refused(talking: Talking, text: str) -> None:
    async with talking() as talk:
        with pytest.raises(BadInput, match="question is empty"):
            await talk.ask(text)


async def test_a_question_that_is_no_text_is_refused(talking: Talking) -> None:
    async with talking() as talk:
        with pytest.raises(BadInput, match="not UTF-8"):
            await talk.ask("caf\udce9")


async def test_a_model_that_breaks_is_an_error_of_that_question_alone(talking: Talking) -> None:
    async with talking() as talk:
        for _ in range(7):  # more often than a component may be restarted
            with pytest.raises(ComponentError, match=r"'chat'.*out of memory"):
                await talk.ask("Please break.")
        assert (await talk.ask("Tell me about the sea.")).reply == SEA


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("gone.png", None, SourceUnavailable),
        ("empty.png", b"", BadInput),
        ("text.jpg", b"hello, this is text\n" * 50, BadInput),
        ("video.mp4", b"hello, this is text\n" * 50, BadInput),
    ],
)
async def test_a_picture_that_is_none_is_named_and_nothing_else_stops(
    talking: Talking, media: Media, tmp_path: Path, name: str, content: bytes | None, error: Any
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    async with talking() as talk:
        with pytest.raises(error, match=name):
            await talk.show(path)
        await talk.show(media["cat"])
        assert "cat" in (await talk.ask("What is in this picture?")).reply


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("gone.wav", None, SourceUnavailable),
        ("empty.wav", b"", BadInput),
        ("text.wav", b"hello, this is text\n" * 50, BadInput),
    ],
)
async def test_a_recording_that_is_none_is_named_and_nothing_else_stops(
    talking: Talking, media: Media, tmp_path: Path, name: str, content: bytes | None, error: Any
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    async with talking() as talk:
        with pytest.raises(error, match=name):
            await talk.hear(path)
        assert await talk.hear(media["question"]) == "What is in this picture?"


@pytest.mark.parametrize("feed", ["show", "hear"])
async def test_what_never_ends_is_refused(talking: Talking, tmp_path: Path, feed: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    async with talking() as talk:
        for path, error in [
            (tmp_path / "pipe", BadInput),
            (Path("/dev/zero"), BadInput),
            (Path("0"), SourceUnavailable),
            (Path("http://127.0.0.1:9/x.jpg"), SourceUnavailable),
        ]:
            with pytest.raises(error, match=path.name):
                await getattr(talk, feed)(path)


@pytest.mark.parametrize("missing", ["turns", "world", "chat"])
async def test_settings_that_cannot_answer_say_so_at_once(talking: Talking, missing: str) -> None:
    async with talking(**{missing: {"enabled": False}}) as talk:
        async with asyncio.timeout(5):
            with pytest.raises(ComponentError, match="nothing leads from chat/text to reply/text"):
                await talk.ask("Hello?")


async def test_a_planner_that_cannot_start_says_why(talking: Talking) -> None:
    async with talking(chat={"options": {"model": "no_such_model"}}) as talk:
        with pytest.raises(Exception, match="no_such_model"):
            await talk.ask("Hello?")


class Broken(Fuser):
    takes = {"text": Input("chat/text", Text)}
    gives = {"turn": Output("chat/turn", UserTurn)}

    async def process(self, event: Any, emit: Any) -> None:
        raise RuntimeError("no turn of mine")


async def test_a_fuser_that_loses_the_question_is_an_error_not_a_wait(
    compose: Callable[..., Any],
) -> None:
    settings, plugins = compose({"speech": {"enabled": False}})
    plugins.kinds["fuser"].add("broken", Broken)
    spec = settings.components["turns"].model_copy(update={"use": "broken", "options": {}})
    components = {**settings.components, "turns": spec}
    async with conversation(
        settings.model_copy(update={"components": components}), plugins
    ) as talk:
        async with asyncio.timeout(5):
            with pytest.raises(ComponentError, match=r"'turns'.*no turn of mine"):
                await talk.ask("Hello?")
