from __future__ import annotations

import asyncio
import os
import pty
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sensorium import Text, VirtualClock
from sensorium.errors import BadInput
from sensorium_plugins.sources.text import MAX_LINE, Lines

from .conftest import failure, play, running

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sensorium.events import AnyEvent

TOPIC = "chat/text"


def texts(events: Sequence[AnyEvent]) -> list[str]:
    return [event.payload.text for event in events if event.topic == TOPIC]


async def test_file_gives_its_lines_and_ends(tmp_path: Path) -> None:
    path = tmp_path / "said.txt"
    path.write_bytes("\ufeffHello.\r\n\n   \n Wie geht's, Ärger? \nlast".encode())
    events = await play("text", {"source": str(path)}, VirtualClock(7))
    assert texts(events) == ["Hello.", "Wie geht's, Ärger?", "last"]
    assert {e.originating_time for e in events} == {7}


async def test_long_file_is_whole_across_blocks(tmp_path: Path) -> None:
    lines = [f"{k} " + "ü" * 99 for k in range(3000)]
    (tmp_path / "long.txt").write_text("\n".join(lines), encoding="utf-8")
    assert texts(await play("text", {"source": str(tmp_path / "long.txt")})) == lines


@pytest.mark.parametrize("source", ["terminal", "-"])
async def test_a_terminal_is_read_while_the_loop_goes_on(
    monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    keyboard, terminal = pty.openpty()
    with os.fdopen(terminal, "r") as standard_input, os.fdopen(keyboard, "wb", 0) as typed:
        monkeypatch.setattr(sys, "stdin", standard_input)
        async with running("text", {"source": source}) as live:
            typed.write(b"hello\n\nhow are you?\n")
            assert [(await live.next(TOPIC)).payload.text for _ in range(2)] == [
                "hello",
                "how are you?",
            ]
            assert not [t for t in threading.enumerate() if t.name.startswith("text-")]
            typed.write(b"\x04")  # Ctrl-D
            await live.rest()


async def test_a_session_ends_while_nobody_types(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "r") as standard_input, os.fdopen(writing, "wb", 0):
        monkeypatch.setattr(sys, "stdin", standard_input)
        async with asyncio.timeout(2), running("text", {}):
            pass
        os.fstat(standard_input.fileno())  # left open: it is not the source's


async def test_standard_input_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_bytes(b"one\ntwo \xff\n")
    with (tmp_path / "in.txt").open() as standard_input:
        monkeypatch.setattr(sys, "stdin", standard_input)
        assert texts(await play("text", {"source": "-"})) == ["one", "two \ufffd"]


async def test_a_named_pipe_without_a_writer_keeps_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    async with running("text", {"source": str(tmp_path / "pipe")}) as live:
        with (tmp_path / "pipe").open("wb", buffering=0) as writer:
            writer.write(b"through the pipe\n")
            assert (await live.next(TOPIC)).payload.text == "through the pipe"
        await live.rest()


async def test_what_cannot_be_read_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    missing = await failure("text", {"source": str(tmp_path / "none.txt")})
    assert (missing.kind, "none.txt" in missing.error) == ("SourceUnavailable", True)
    folder = await failure("text", {"source": str(tmp_path)})
    assert (folder.kind, "is a folder" in folder.error) == ("BadInput", True)
    (tmp_path / "binary.txt").write_bytes(b"good line\n\xff\xfe\x00\n")
    binary = await failure("text", {"source": str(tmp_path / "binary.txt")})
    assert (binary.kind, "binary.txt is not UTF-8" in binary.error) == ("BadInput", True)
    monkeypatch.setattr(sys, "stdin", None)
    nothing = await failure("text", {})
    assert nothing.kind == "SourceUnavailable"


def test_a_line_without_end_is_refused() -> None:
    lines = Lines("it", forgiving=False)
    with pytest.raises(BadInput, match="line of over"):
        lines.push(b"x" * (MAX_LINE + 1))


async def test_a_program_publishes_its_own_words(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    async with running("text", {"source": str(tmp_path / "pipe")}) as live:
        await live.session.bus.publish(TOPIC, Text("from a program"), source="me")
        assert (await live.next(TOPIC)).payload.text == "from a program"
