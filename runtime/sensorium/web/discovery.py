"""Finding the servers of running sessions: each leaves a small file while it runs."""

from __future__ import annotations

import json
import logging
import os
import stat
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

log = logging.getLogger("sensorium.web")


@dataclass(frozen=True, slots=True)
class Running:
    """The server of one running session."""

    url: str
    pid: int
    agent: str
    started: float
    """s since the epoch."""
    token_env: str = ""
    """The environment variable that holds its token; the token itself is written nowhere."""


def folder() -> Path:
    """Where the files are: ``$XDG_RUNTIME_DIR/sensorium``, or a private folder in ``/tmp``."""
    given = os.environ.get("XDG_RUNTIME_DIR")
    if given:
        return Path(given) / "sensorium"
    return Path(tempfile.gettempdir()) / f"sensorium-{os.getuid()}"


def announce(running: Running) -> Path | None:
    """Leave a file; None, and a line in the log, where that cannot be done."""
    place = folder()
    path = place / f"{running.pid}-{running.url.rpartition(':')[2]}.json"
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _is_ours(place):
            raise PermissionError(f"{place} belongs to somebody else")
        unfinished = path.with_suffix(".part")
        unfinished.write_text(json.dumps(asdict(running)), encoding="utf-8")
        unfinished.rename(path)
    except OSError as error:
        log.warning("`sensorium top` needs --url %s to find this session: %s", running.url, error)
        return None
    return path


def running_sessions() -> list[Running]:
    """Those that run now, the newest first. Files of processes that are gone are removed."""
    place = folder()
    if not place.is_dir() or not _is_ours(place):
        return []
    found = []
    for path in place.glob("*.json"):
        try:
            running = Running(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            continue
        if _lives(running.pid):
            found.append(running)
        else:
            with suppress(OSError):
                path.unlink()
    return sorted(found, key=lambda running: running.started, reverse=True)


def _is_ours(place: Path) -> bool:
    """Whether nobody else can have written there."""
    held = place.lstat()
    mine = held.st_uid == os.getuid() and stat.S_ISDIR(held.st_mode)
    return mine and not held.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError, TypeError):
        return True
    return True
