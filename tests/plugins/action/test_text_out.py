from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sensorium.payloads import Reply, ReplyPart
from sensorium.testing import Harness, run_component
from sensorium_plugins.action.text_out import TextOut


async def reply(harness: Harness, *parts: str, finished: bool = True) -> None:
    for part in parts:
        await harness.send("reply/part", ReplyPart("t#1", part))
    await harness.send("reply/text", Reply("t#1", "".join(parts), finished))
    await harness.settled()


@pytest.mark.parametrize("to", ["stdout", "stderr"])
async def test_words_are_written_as_they_come(to: str, capsys: Any) -> None:
    async with run_component(TextOut, options={"to": to, "prefix": "> "}) as harness:
        await harness.send("reply/part", ReplyPart("t#1", "The sea"))
        await harness.settled()
        assert getattr(capsys.readouterr(), to.removeprefix("std")) == "> The sea"
        await reply(harness, " is wide.")
        await reply(harness, "So it is.")
        assert getattr(capsys.readouterr(), to.removeprefix("std")) == " is wide.\n> So it is.\n"


async def test_an_answer_that_was_stopped_shows(capsys: Any) -> None:
    async with run_component(TextOut) as harness:
        await reply(harness, "The sea", finished=False)
        await reply(harness, finished=False)  # stopped before its first word: nothing to end
    assert capsys.readouterr().out == "The sea …\n"


async def test_a_file_is_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "replies.txt"
    path.write_text("before\n")
    async with run_component(TextOut, options={"to": str(path)}) as harness:
        await reply(harness, "Größe: ", "3 m")
    assert path.read_text(encoding="utf-8") == "before\nGröße: 3 m\n"


async def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    path = tmp_path / "no folder" / "replies.txt"
    async with run_component(TextOut, options={"to": str(path)}) as harness:
        await harness.send("reply/part", ReplyPart("t#1", "hello"))
        await harness.settled()
        (failure,) = harness.failures
    assert failure.kind == "OutputFailed"
    assert str(path) in failure.error
