"""The ledger and its journal when things go wrong: full disks, and stops at every point."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from sensorium.clocks import VirtualClock
from sensorium.effects import Effects, Ledger
from sensorium.effects.journal import SPARE_LINES, Journal
from sensorium.errors import BadInput, EffectRefused, OutputFailed
from sensorium.payloads import Effect
from sensorium.payloads.codec import payload_from_json

pytestmark = pytest.mark.usefixtures("no_leaks", "no_tasks")


class Book:
    """A ledger, and the entries it made known."""

    def __init__(self, path: Path | None = None, remember: int = 100) -> None:
        self.said: list[tuple[str, str]] = []
        self.sources: list[str] = []
        self.clock = VirtualClock(start=1000)
        journal = None if path is None else Journal(path)
        self.ledger = Ledger(self.clock, self._publish, remember=remember, journal=journal)
        self.effects = Effects(self.ledger, "arm")
        self.wait: asyncio.Future[None] | None = None

    async def _publish(self, effect: Effect, cause: Any, source: str = "") -> None:
        self.said.append((effect.effect_id, effect.state))
        self.sources.append(source)
        if self.wait is not None and effect.state != "cancelled":
            await self.wait


def states(path: Path) -> list[tuple[str, str]]:
    entries = [payload_from_json(Effect, line) for line in path.read_bytes().splitlines()]
    return [(entry.effect_id, entry.state) for entry in entries if isinstance(entry, Effect)]


async def test_an_effect_that_is_stopped_before_it_begins_was_not_done() -> None:
    book = Book()
    book.wait = asyncio.get_running_loop().create_future()
    entered = False

    async def act() -> None:
        nonlocal entered
        async with book.effects.perform("1", "lamp/on", {}):
            entered = True

    acting = asyncio.create_task(act())
    await asyncio.sleep(0)
    acting.cancel()
    await asyncio.wait([acting])
    assert acting.cancelled()
    assert not entered
    assert book.said == [("1", "requested"), ("1", "cancelled")]


async def test_a_stop_while_the_journal_is_written_leaves_its_lines_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "effects.jsonl"
    book = Book(path)
    await book.ledger.open()
    entered, go = threading.Event(), threading.Event()
    write = Journal.write

    def slow(journal: Journal, entry: Effect) -> None:
        if entry.state == "started":
            entered.set()
            assert go.wait(5)
        write(journal, entry)

    monkeypatch.setattr(Journal, "write", slow)
    beginning = asyncio.create_task(book.ledger.begin("arm", "1", "lamp/on", {}))
    await asyncio.to_thread(entered.wait, 5)
    beginning.cancel()
    await asyncio.sleep(0)
    go.set()
    await asyncio.wait([beginning])
    assert beginning.cancelled()
    await book.ledger.close()
    assert states(path) == [("1", "started"), ("1", "cancelled")]


async def test_what_is_under_way_is_not_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "effects.jsonl"
    book = Book(path, remember=2)
    await book.ledger.open()
    await book.ledger.begin("arm", "old", "lamp/on", {})
    for name in "abc":
        async with book.effects.perform(name, "x", {}):
            pass
    with pytest.raises(EffectRefused, match="its state is started"):
        await book.ledger.begin("arm", "old", "lamp/on", {})
    await book.ledger.close()
    again = Book(path, remember=2)
    await again.ledger.open()
    assert ("old", "unknown") in again.said
    assert again.sources == ["session"]  # not the component's: a replay does not expect it of that
    await again.ledger.close()


async def test_a_full_disk_refuses_the_effect_and_leaves_the_journal_whole(tmp_path: Path) -> None:
    path = tmp_path / "effects.jsonl"
    book = Book(path)
    await book.ledger.open()
    async with book.effects.perform("1", "lamp/on", {}):
        pass
    whole = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 20, hard))
    entered = False
    try:
        with pytest.raises(
            OutputFailed, match=r"cannot write the effects journal .*effects\.jsonl"
        ):
            async with book.effects.perform("2", "lamp/on", {}):
                entered = True
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    assert not entered
    assert path.read_bytes() == whole  # and not half a line more
    assert book.said[-1] == ("2", "failed")
    async with book.effects.perform("3", "lamp/on", {}):
        pass
    await book.ledger.close()
    again = Book(path)
    await again.ledger.open()
    assert [entry.effect_id for entry in again.ledger.entries] == ["1", "3"]
    await again.ledger.close()


async def test_no_room_to_write_a_long_journal_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "effects.jsonl"
    book = Book(path)
    await book.ledger.open()
    async with book.effects.perform("1", "lamp/on", {}):
        pass
    await book.ledger.close()
    path.write_bytes(path.read_bytes() * SPARE_LINES)
    size = path.stat().st_size

    def full(*_: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("sensorium.effects.journal._write_all", full)
    again = Book(path)
    await again.ledger.open()
    assert path.stat().st_size == size
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    with pytest.raises(BadInput, match="open in another session"):
        await Book(path).ledger.open()
    await again.ledger.close()


ACTING = """
import asyncio, sys
from pathlib import Path
from sensorium.clocks import WallClock
from sensorium.effects import Effects, Ledger
from sensorium.effects.journal import Journal
from sensorium.errors import EffectRefused

async def publish(effect, cause, source=""):
    print(effect.state, flush=True)

async def main(path, did):
    ledger = Ledger(WallClock(), publish, journal=Journal(Path(path)))
    await ledger.open()
    effects = Effects(ledger, "arm")
    for number in range(10_000):
        try:
            async with effects.perform(str(number), "write", {}):
                did.write(f"{number}\\n")
                did.flush()
        except EffectRefused:
            pass

with open(sys.argv[2], "a") as did:
    asyncio.run(main(sys.argv[1], did))
"""


def test_killed_at_every_point_nothing_is_done_twice(tmp_path: Path) -> None:
    """SIGKILL between any two of: requested, started, done, ended; then on with the same ids."""
    journal, did = tmp_path / "effects.jsonl", tmp_path / "did"
    for lines in range(1, 13):
        command = [sys.executable, "-c", ACTING, str(journal), str(did)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            for _ in range(lines):
                assert child.stdout.readline()
            with suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGKILL)
            child.stdout.read()
        assert child.returncode == -signal.SIGKILL
    done = did.read_text().split()
    assert len(done) > 12
    assert len(done) == len(set(done))
