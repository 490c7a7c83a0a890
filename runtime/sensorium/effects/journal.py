"""The journal: the ledger's memory from one session to the next, a line of JSON an entry.

A line is in the file, and on the disk, before what it speaks of begins.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from typing import IO

from sensorium.errors import BadInput, OutputFailed, PayloadError
from sensorium.payloads.acting import Effect
from sensorium.payloads.codec import payload_from_json, payload_to_json

SPARE_LINES = 10_000  # more than is remembered: then the file is written anew


class Journal:
    """A file that one session at a time appends to."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser()
        self._file: IO[bytes] | None = None
        self._lock = threading.Lock()  # lines are written in threads

    def open(self, remember: int) -> list[Effect]:
        """Open the file; returns the newest entry of each of the last ``remember`` effects.

        The beginning of a line that a crash left unfinished is taken out. Raises
        :class:`BadInput` naming the line that is no entry, or when another session has it open,
        and :class:`OutputFailed` when the file cannot be opened.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._locked()
        except BlockingIOError:
            self.close()
            raise BadInput(
                f"the effects journal {self.path} is open in another session; give this one"
                " another: [effects] journal"
            ) from None
        except OSError as error:
            self.close()
            raise OutputFailed(f"cannot open the effects journal {self.path}: {error}") from error
        try:
            entries = self._read(self._file, remember)
        except BadInput:
            self.close()
            raise
        except OSError as error:
            self.close()
            raise OutputFailed(f"cannot read the effects journal {self.path}: {error}") from error
        return entries

    def write(self, entry: Effect) -> None:
        """Append an entry and wait until the disk has it.

        Raises :class:`OutputFailed`; nothing of the entry is then in the file.
        """
        with self._lock:
            if self._file is None:
                raise OutputFailed(f"the effects journal {self.path} is closed")
            end = os.fstat(self._file.fileno()).st_size
            try:
                _write_all(self._file, _line(entry))
            except OSError as error:
                with suppress(OSError):  # half a line would run into the next one
                    self._file.truncate(end)
                what = f"cannot write the effects journal {self.path}: {error}"
                raise OutputFailed(what) from error

    def close(self) -> None:
        """Let go of the file, once what is being written is there."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def _locked(self) -> IO[bytes]:
        """The file, which nobody else has. Raises BlockingIOError when somebody has."""
        while True:
            file = self.path.open("ab+", buffering=0)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.path.samestat(os.fstat(file.fileno()), self.path.stat()):
                    return file
            except FileNotFoundError:
                pass
            except BaseException:
                file.close()
                raise
            file.close()  # another session put a new file into its place: take that one

    def _read(self, file: IO[bytes], remember: int) -> list[Effect]:
        file.seek(0)
        lines = file.read().split(b"\n")
        unfinished = lines.pop()
        entries: OrderedDict[str, Effect] = OrderedDict()
        for number, line in enumerate(lines, 1):
            entry = self._entry(line, number)
            entries[entry.effect_id] = entry
            entries.move_to_end(entry.effect_id)
        old = list(entries.values())
        kept = [entry for entry in old[:-remember] if entry.state == "started"] + old[-remember:]
        if unfinished:
            file.truncate(file.tell() - len(unfinished))
        if len(lines) > len(kept) + SPARE_LINES:
            with suppress(OSError):  # no room for both: then it stays as long as it is
                self._rewrite(kept)
        return kept

    def _entry(self, line: bytes, number: int) -> Effect:
        try:
            entry = payload_from_json(Effect, line)
        except PayloadError as error:
            raise BadInput(
                f"line {number} of the effects journal {self.path} is no entry ({error}): mend"
                " it, or move the file away and forget what was done"
            ) from None
        assert isinstance(entry, Effect)
        return entry

    def _rewrite(self, entries: list[Effect]) -> None:
        """Put only ``entries`` into the file, in one step: a crash leaves the old or the new."""
        beside = self.path.with_name(self.path.name + ".new")
        beside.unlink(missing_ok=True)
        new = beside.open("ab+", buffering=0)
        try:
            fcntl.flock(new, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _write_all(new, b"".join(_line(entry) for entry in entries))
            beside.replace(self.path)
        except OSError:
            new.close()
            beside.unlink(missing_ok=True)
            raise
        old, self._file = self._file, new
        if old is not None:
            old.close()


def _write_all(file: IO[bytes], data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]
    os.fsync(file.fileno())


def _line(entry: Effect) -> bytes:
    return json.dumps(payload_to_json(entry)).encode() + b"\n"
