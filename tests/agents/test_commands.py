"""The commands as a user runs them: in a process of their own, on a terminal or in a pipe."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

SEA = "The sea is wide, and it is deep. Ships cross it."
LIMIT_S = 10
Command = Callable[..., "subprocess.Popen[str]"]
Media = dict[str, Path]


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=LIMIT_S)
    return process.returncode, out, err


def test_one_json_object_on_stdout_and_nothing_else(
    command: Command, media: Media, tmp_path: Path
) -> None:
    reply = tmp_path / "reply.wav"
    asking = ["--image", media["cat"], "--image", media["people"], "--audio", media["remark"]]
    process = command("ask", "What is in this picture?", *asking, "--reply-audio", reply, "--json")
    status, out, err = finish(process)
    answer = json.loads(out)
    assert (status, err, out.count("\n")) == (0, "", 1)
    assert set(answer) == {"heard", "seen", "read", "reply", "reply_audio", "latency_ms"}
    assert answer["heard"] == "Go forward ten meters."
    assert sorted(thing["label"] for thing in answer["seen"]) == ["cat", *["person"] * 3]
    assert answer["seen"][0]["box"] == [0.0, 1.0, 2.0, 3.0]
    assert "cat" in answer["reply"]
    assert answer["reply_audio"] == str(reply)
    assert reply.stat().st_size > 1000
    latency = answer["latency_ms"]
    assert set(latency) == {"speech_to_text", "first_token", "first_sound", "last_token", "total"}
    assert latency["first_token"] <= latency["first_sound"] <= latency["total"]


def test_a_spoken_question_is_answered_in_words(command: Command, media: Media) -> None:
    process = command("ask", "--audio", media["question"], "--image", media["cat"])
    status, out, err = finish(process)
    assert (status, err) == (0, "")
    assert "cat" in out


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ([""], 1, "the question is empty"),
        ([], 2, "nothing is asked"),
        (["hello", "--image", "{tmp}/gone.png"], 1, "there is no file {tmp}/gone.png"),
        (["hello", "--audio", "{tmp}/settings.toml"], 1, "is not sound that can be read"),
        (["hello", "--reply-audio", "{tmp}/no folder/r.wav"], 1, "no folder"),
        (["hello", "--reply-audio", "{tmp}"], 1, "it is a folder"),
        (["hello", "--settings", "{tmp}/gone.toml"], 1, "gone.toml does not exist"),
        (["--audio", "{silence}"], 1, "no words could be made out in"),
        (["Please break."], 1, "out of memory"),
    ],
)
def test_what_cannot_be_answered_ends_with_a_clear_error(
    command: Command, media: Media, tmp_path: Path,
    arguments: list[str], status: int, message: str,
) -> None:  # fmt: skip
    filled = [word.format(tmp=tmp_path, silence=media["silence"]) for word in arguments]
    ended, out, err = finish(command("ask", *filled, "--json"))
    assert (ended, out) == (status, "")
    assert message.format(tmp=tmp_path) in err
    assert "Traceback" not in err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_reply_that_cannot_be_written_is_answered_and_reported(command: Command) -> None:
    status, out, err = finish(command("ask", "The sea?", "--reply-audio", "/dev/full", "--json"))
    answer = json.loads(out)
    assert (answer["reply"], answer["reply_audio"]) == (SEA, None)
    assert status == 1
    assert "error: the reply was not written to /dev/full" in err
    assert "Traceback" not in err


def test_a_file_that_may_not_grow_is_reported_too(command: Command, tmp_path: Path) -> None:
    reply = tmp_path / "reply.wav"

    def small_files() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000))

    process = command("ask", "The sea?", "--reply-audio", reply, "--json", preexec_fn=small_files)
    status, out, err = finish(process)
    assert (json.loads(out)["reply"], status) == (SEA, 1)
    assert reply.stat().st_size <= 5_000 < 2 * 240 * len(SEA)  # it really could not be written
    assert f"cannot write {reply}" in err


def test_interrupting_an_answer_ends_at_once_without_a_traceback(command: Command) -> None:
    process = command("ask", "Talk slowly.")
    assert process.stderr is not None
    assert process.stderr.readline() == "talking\n"  # it is under way, and would never end
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    status, out, err = finish(process)
    assert (status, out, err.strip()) == (130, "", "stopped talking")
    assert time.monotonic() - began < 5


def test_chatting_in_a_pipe(command: Command, media: Media) -> None:
    lines = f"The sea?\n\n/image {media['cat']}\nWhat is in this picture?\n/nonsense\n/history"
    process = command("chat")
    out, err = process.communicate(lines, timeout=LIMIT_S)
    assert process.returncode == 0
    first, second = out.splitlines()
    assert first == SEA
    assert "cat" in second
    assert "there is no /nonsense; there are /image, /audio" in err
    assert err.index("seen; ask about it") < err.index("there is no /nonsense")
    assert re.search(r"you\s+The sea\?\nagent The sea is wide", err)


def test_leaving_a_chat_that_waits_for_a_pipe(command: Command) -> None:
    process = command("chat")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("The sea?\n")
    process.stdin.flush()
    assert process.stdout.readline() == f"{SEA}\n"
    while process.poll() is None:  # the first may still meet the answer's end
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.5)
    status, _, err = finish(process)
    assert status == 130
    assert "Traceback" not in err
    assert "Fatal" not in err


# --- on a terminal ------------------------------------------------------------------------------


class Terminal:
    """A command on a pseudo-terminal: what it shows, and what is typed."""

    def __init__(self, command: Command, *arguments: object) -> None:
        self._ours, theirs = pty.openpty()
        self.process = command(
            *arguments, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # so that Ctrl-C is a signal
        )  # fmt: skip
        os.close(theirs)
        self._shown = ""

    def type(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def until(self, pattern: str) -> str:
        """Wait until ``pattern`` is shown; returns everything up to it."""
        end = time.monotonic() + LIMIT_S
        while (found := re.search(pattern, self._shown)) is None:
            assert time.monotonic() < end, f"no {pattern!r} in {self._shown[-500:]!r}"
            assert self._read(), f"ended without {pattern!r}: {self._shown[-500:]!r}"
        shown, self._shown = self._shown[: found.end()], self._shown[found.end() :]
        return shown

    def rest(self) -> str:
        """Wait for the end; returns what was still shown."""
        end = time.monotonic() + LIMIT_S
        while self._read():
            assert time.monotonic() < end, f"did not end: {self._shown[-500:]!r}"
        self.process.wait(LIMIT_S)
        return self._shown

    def _read(self) -> bool:
        ready, _, _ = select.select([self._ours], [], [], LIMIT_S)
        assert ready, f"nothing more came after {self._shown[-500:]!r}"
        try:
            data = os.read(self._ours, 65_536)
        except OSError:  # Linux's way to say that the other side has closed
            return False
        self._shown += re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", data.decode(errors="replace"))
        return bool(data)

    def close(self) -> None:
        os.close(self._ours)
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


@pytest.fixture
def terminal(command: Command) -> Iterator[Callable[..., Terminal]]:
    made: list[Terminal] = []

    def start(*arguments: object) -> Terminal:
        made.append(Terminal(command, *arguments))
        return made[-1]

    yield start
    for held in made:
        held.close()


def test_a_chat_on_a_terminal(terminal: Callable[..., Terminal], media: Media) -> None:
    chat = terminal("chat")
    chat.until("you ")
    chat.type(f"/image {media['cat']}\r")
    chat.until("seen; ask about it")
    chat.type("What is in this picture?\r")
    chat.until(r"picture\?\s*\n.*cat")
    chat.type("/say on\r")
    chat.until("replies are spoken")
    chat.type("The sea?\r")
    chat.until("Ships cross it.")
    chat.until(r"reply-1\.wav")
    chat.type("/say off\r")
    chat.until("replies are silent")

    chat.type("Talk slowly.\r")
    chat.until("on and on, on and on")  # it is under way
    chat.type("\x03")
    chat.until("… stopped")
    chat.type("/history\r")
    shown = chat.until(r"Talk slowly\.\s+agent on and on")
    assert "The sea?" in shown

    chat.type("/quit\r")
    assert "Traceback" not in chat.rest()
    assert chat.process.returncode == 0


def test_a_second_ctrl_c_leaves(terminal: Callable[..., Terminal]) -> None:
    chat = terminal("chat")
    chat.until("you ")
    chat.type("Talk slowly.\r")
    chat.until("on and on, on and on")
    began = time.monotonic()
    chat.type("\x03")
    chat.until("stopped talking")  # two signals at once would be one: the kernel does not count
    chat.type("\x03")
    left = chat.rest()  # its terminal is closed: nobody holds it any more
    assert time.monotonic() - began < 5
    assert "Traceback" not in left
    assert chat.process.returncode in (0, 130)


@pytest.mark.parametrize("key", ["\x03", "\x04"])
def test_ctrl_c_and_ctrl_d_leave_at_the_prompt(terminal: Callable[..., Terminal], key: str) -> None:
    chat = terminal("chat")
    chat.until("you ")
    chat.type(key)
    assert "Traceback" not in chat.rest()
    assert chat.process.returncode == 0


# --- run ------------------------------------------------------------------------------------------


def test_a_run_on_files_ends_with_them(command: Command, media: Media, settings_file: Path) -> None:
    environment = {
        "SENSORIUM__COMPONENTS__CAMERA__OPTIONS__SOURCE": str(media["cat"]),
        "SENSORIUM__COMPONENTS__MICROPHONE__OPTIONS__SOURCE": str(media["question"]),
        "SENSORIUM__COMPONENTS__SPEECH__ENABLED": "false",
    }
    status, out, err = finish(command("run", env=environment))
    assert status == 0, err
    assert "cat" in out
    assert "every source reached its end" in err
