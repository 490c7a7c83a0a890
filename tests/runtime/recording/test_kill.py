"""Killed at a random moment: the file opens and holds all but the last two seconds.

``SENSORIUM_KILLS=50`` kills fifty times instead of five.
"""

from __future__ import annotations

import os
import random
import signal
import struct
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from mcap.exceptions import EndOfFile
from mcap.records import Message
from mcap.stream_reader import StreamReader

from sensorium.payloads import PayloadRegistry
from sensorium.recording.reader import open_recording

KILLS = int(os.environ.get("SENSORIUM_KILLS", "5"))
AT_ONCE = 5
LOST_NS = 2_000_000_000
SCRIPT = Path(__file__).parents[2] / "support" / "records_until_killed.py"


@dataclass
class Victim:
    """A process that records, and what it had published by the time it was killed."""

    path: Path
    process: subprocess.Popen[str]
    dies_after: int
    """ns after its first event."""
    published: list[tuple[int, int]]
    killed_at: int = 0

    def kill(self) -> None:
        assert self.process.stdout is not None
        _, first = self.process.stdout.readline().split()
        while (now := time.time_ns()) < int(first) + self.dies_after:
            number, created = self.process.stdout.readline().split()
            self.published.append((int(number), int(created)))
        self.process.send_signal(signal.SIGKILL)
        self.killed_at = now
        self.process.wait(30)
        for line in self.process.stdout.read().splitlines():
            number, _, created = line.partition(" ")
            if len(created) == len(first):  # the last line may be half a line
                self.published.append((int(number), int(created)))

    def end(self) -> None:
        """Leave no process behind, however the test went."""
        assert self.process.stdout is not None
        self.process.kill()
        self.process.wait(30)
        self.process.stdout.close()


@pytest.mark.timeout(KILLS * 10 + 60)
def test_killed_at_a_random_moment(tmp_path: Path) -> None:
    chance = random.Random(KILLS)
    for begin in range(0, KILLS, AT_ONCE):
        moments = sorted(
            chance.randrange(2_050_000_000, 4_000_000_000)
            for _ in range(min(AT_ONCE, KILLS - begin))
        )
        victims = [_start(tmp_path / f"{begin}-{moment}.mcap", moment) for moment in moments]
        try:
            for victim in victims:
                victim.kill()
                _check(victim)
                victim.path.unlink()
        finally:
            for victim in victims:
                victim.end()


def _start(path: Path, dies_after: int) -> Victim:
    command = [sys.executable, str(SCRIPT), str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    return Victim(path, process, dies_after, [])


def _check(victim: Victim) -> None:
    assert victim.process.returncode == -signal.SIGKILL
    with open_recording(victim.path, payloads=PayloadRegistry()) as recording:
        assert not recording.whole
        found = [one.sequence for one in recording.events() if one.source == "talker"]
    safe = [n for n, created in victim.published if created <= victim.killed_at - LOST_NS]
    assert safe, "it was killed too early to prove anything"
    assert found == list(range(found[0], found[-1] + 1)), "something is missing in between"
    assert set(safe) <= set(found)
    assert found[0] == 0  # that it is ready
    theirs: list[object] = []
    with victim.path.open("rb") as file, suppress(EndOfFile, struct.error):
        theirs.extend(StreamReader(file, validate_crcs=True).records)
    assert sum(isinstance(one, Message) for one in theirs) >= len(found)
