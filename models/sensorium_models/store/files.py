"""Files on disk against what they should be: cheap by size, fully by sha256."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

CHUNK = 1 << 20


class State(StrEnum):
    """How a model stands in the store."""

    MISSING = "missing"
    PARTIAL = "partial"
    CORRUPT = "corrupt"
    OK = "ok"


@dataclass(frozen=True, slots=True)
class Located:
    """One file of a model: its name, where it belongs, its size in bytes and hash if known.

    ``path`` is None where the package that should hold it is not installed.
    """

    name: str
    path: Path | None
    size: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one file of one model. ``state`` is MISSING or CORRUPT."""

    model: str
    file: str
    state: State
    detail: str

    def __str__(self) -> str:
        return f"{self.model}/{self.file}: {self.detail}"


def sha256_of(path: Path) -> str:
    """The sha256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while chunk := handle.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def check(model: str, file: Located, *, full: bool) -> Problem | None:
    """What is wrong with ``file``: absent, of another size or, when ``full``, of another hash."""
    if file.path is None or not file.path.is_file():
        where = f" (expected at {file.path})" if file.path else ""
        return Problem(model, file.name, State.MISSING, f"missing{where}")
    size = file.path.stat().st_size
    if file.size is not None and size != file.size:
        detail = f"is {size} bytes, expected {file.size} ({file.path})"
        return Problem(model, file.name, State.CORRUPT, detail)
    if full and file.sha256 is not None:
        actual = sha256_of(file.path)
        if actual != file.sha256:
            detail = f"sha256 is {actual}, expected {file.sha256} ({file.path})"
            return Problem(model, file.name, State.CORRUPT, detail)
    return None


def problems_of(model: str, files: Iterable[Located], *, full: bool) -> list[Problem]:
    """The problems of all ``files``, in their order."""
    checked = (check(model, file, full=full) for file in files)
    return [problem for problem in checked if problem is not None]


def state_of(files: Sequence[Located], problems: Sequence[Problem]) -> State:
    """Sum the problems of ``files`` up in one word; corrupt outweighs partial."""
    if any(problem.state is State.CORRUPT for problem in problems):
        return State.CORRUPT
    if not problems:
        return State.OK
    return State.MISSING if len(problems) == len(files) else State.PARTIAL
