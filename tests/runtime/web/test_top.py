"""``sensorium top``, in a process of its own beside a running session."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import pytest
from session_parts import Shouting, send

from sensorium.cli.top_view import on_paper, view
from sensorium.payloads import TurnTiming
from sensorium.telemetry.snapshot import snapshot
from sensorium.web import discovery
from sensorium.web.discovery import Running, announce, running_sessions

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "not-a-very-good-secret"


async def begun(*arguments: str) -> asyncio.subprocess.Process:
    """The command, with a terminal's width but no terminal."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from sensorium.cli import main; main()", "top", *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"COLUMNS": "200"},
    )  # fmt: skip


async def told(*arguments: str) -> tuple[int | None, str, str]:
    process = await begun(*arguments)
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_it_finds_the_session_by_itself(serving: Any) -> None:
    async with serving({"shouting": Shouting}) as session:
        await send(session, "a", "b")
        status, out, err = await told("--once", "--json", "--interval", "0.1")
        assert (status, err) == (0, "")
        look = json.loads(out)
        assert look["pid"] == os.getpid()
        (edge,) = [edge for edge in look["edges"] if edge["name"] == "shouting.text"]
        assert (edge["published"], edge["age"]["count"]) == (2, 2)
        assert edge["rate"] == 0  # a second look knows it


async def test_it_shows_tables(serving: Any) -> None:
    async with serving({"shouting": Shouting}) as session:
        await send(session, "a", "b")
        status, out, _ = await told("--once", "--interval", "0.1")
    assert status == 0
    assert "components: 1 ready" in out
    (row,) = [line for line in out.splitlines() if line.startswith("shouting.text")]
    assert row.split()[:3] == ["shouting.text", "text/+", "block(64)"]


async def test_no_session_is_said_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    status, out, err = await told("--url", "http://127.0.0.1:1")
    assert (status, out) == (1, "")
    assert "there is no running session at http://127.0.0.1:1" in err
    assert "SENSORIUM__TELEMETRY__ENABLED=true" in err
    assert "Traceback" not in err


async def test_it_takes_the_token_from_the_environment(
    serving: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEB_TOKEN", TOKEN)
    async with serving({}, {"web": {"token_env": "WEB_TOKEN"}}) as session:
        status, out, _ = await told("--once", "--json", "--interval", "0.1")
        assert (status, json.loads(out)["agent"]) == (0, "agent")
        status, _, err = await told("--url", session.console.url, "--once")
        assert status == 1
        assert "answers 401" in err
        assert "--token-env" in err
        assert TOKEN not in err


async def test_it_ends_with_the_session(serving: Any) -> None:
    async with serving() as session:
        process = await begun("--json", "--interval", "0.1")
        assert process.stdout is not None
        assert json.loads(await process.stdout.readline())["agent"] == "agent"
        await session.stop()
        _, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")


async def test_ctrl_c_leaves_cleanly(serving: Any) -> None:
    async with serving():
        process = await begun("--json", "--interval", "0.1")
        assert process.stdout is not None
        await process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = await process.communicate()
    assert (process.returncode, err.strip()) == (130, b"")


def test_the_newest_session_comes_first_and_dead_ones_are_forgotten(runtime_folder: Path) -> None:
    mine = os.getpid()
    announce(Running("http://127.0.0.1:1111", mine, "old", 1.0))
    announce(Running("http://127.0.0.1:2222", mine, "new", 2.0, "TOKEN"))
    gone = announce(Running("http://127.0.0.1:3333", 2**22 + 1, "gone", 3.0))
    assert gone is not None
    (runtime_folder / "broken.json").write_text("{")
    assert [running.agent for running in running_sessions()] == ["new", "old"]
    assert not gone.exists()
    assert runtime_folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_others_can_write_is_not_believed(
    runtime_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    runtime_folder.mkdir()
    runtime_folder.chmod(0o777)
    assert announce(Running("http://127.0.0.1:1", os.getpid(), "a", 1.0)) is None
    assert "needs --url http://127.0.0.1:1" in caplog.text
    (runtime_folder / "planted.json").write_text(
        json.dumps({"url": "http://127.0.0.1:6", "pid": os.getpid(), "agent": "x", "started": 9.0})
    )
    assert running_sessions() == []


def test_without_a_runtime_folder_one_of_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert discovery.folder().name == f"sensorium-{os.getuid()}"


async def test_turns_models_and_workers_are_drawn(serving: Any) -> None:
    async with serving({"shouting": Shouting}) as session:
        parts = {"heard": 5_000_000, "planned": 20_000_000, "finished": 75_000_000}
        timing = TurnTiming("t#1", "who is there?", False, 0, parts)
        session.telemetry.turns.last.append(timing)
        look = snapshot(session)
    assert sum(look["turns"][0]["parts"].values()) == look["turns"][0]["whole"] == 100
    times = {"count": 3, "mean": 1.0, "p50": 1.25, "p99": 23.0, "max": 23.0}
    look["models"] = [
        {
            "name": "detector", "where": "worker", "requests": 12, "waiting": 4, "in_flight": 2,
            "failures": 1, "cancelled": 0, "batches": 3, "mean_batch": 4.0,
            "batch_sizes": {"1": 1, "8": 2}, "latency": times, "first_part": None,
        }
    ]  # fmt: skip
    look["workers"] = [
        {
            "name": "cpu", "device": "cpu", "state": "ready", "pid": 77, "epoch": 2,
            "rss": 300 * 2**20, "outstanding": 5,
        }
    ]  # fmt: skip
    look["edges"][0]["dropped"] = {"superseded": 9}
    paper = on_paper()
    with paper.capture() as captured:
        paper.print(view(look))
    text = captured.get()
    for words in ("who is there?", "100", "1:1  8:2", "1.25", "300 MiB", "superseded 9"):
        assert words in text, words
