"""A tiny world for the store: one model, its carrier built here, and a download that is a copy."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sensorium_models.store import Carrier, Manifest, ModelStore, parse_manifest

if TYPE_CHECKING:
    from collections.abc import Callable

WEIGHTS = bytes(range(256)) * 40
CONFIG = b'{"layers": 2}'


def wheel(path: Path, members: dict[str, bytes]) -> Path:
    """Write a wheel-like zip of ``members``."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, content in members.items():
            bundle.writestr(name, content)
    return path


def file_table(name: str, content: bytes, *members: str, package: str = "tiny-carrier") -> str:
    """One ``[[models.files]]`` table of a manifest."""
    parts = ", ".join(f'{{ package = "{package}", member = "{member}" }}' for member in members)
    return f"""
[[models.files]]
name = "{name}"
size = {len(content)}
sha256 = "{hashlib.sha256(content).hexdigest()}"
parts = [{parts}]
"""


def manifest_text(files: str, name: str = "tiny", more: str = "") -> str:
    """A manifest of one carrier model."""
    return f"""
version = 1
[[models]]
name = "{name}"
description = "A model for tests"
task = "language"
licence = "MIT"
upstream = "https://example.org/tiny"
default = true
source = "carrier"
hub = "example/tiny"
{more}
[[models.carriers]]
package = "tiny-carrier"
version = "1.0"
download_size = 20000
{files}"""


class FakeFetch:
    """The download step without a network: copies ``archive``, counts and may fail."""

    def __init__(self, archive: Path) -> None:
        self.archive = archive
        self.calls: list[str] = []
        self.error: BaseException | None = None
        self.before: Callable[[], object] = lambda: None

    def __call__(self, carrier: Carrier, folder: Path, on_bytes: Callable[[int], None]) -> Path:
        self.calls.append(carrier.requirement)
        self.before()
        (folder / "half.tmp").write_bytes(b"half")
        on_bytes(carrier.download_size // 2)
        if self.error is not None:
            raise self.error
        return Path(shutil.copy(self.archive, folder / self.archive.name))


TINY_MEMBERS = {
    "tiny_carrier/__init__.py": b"raise SystemExit('a carrier must never be imported')",
    "tiny_carrier/weights.bin": WEIGHTS,
    "tiny_carrier/config.json": CONFIG,
}
TINY_MANIFEST = manifest_text(
    file_table("weights.bin", WEIGHTS, "tiny_carrier/weights.bin")
    + file_table("config.json", CONFIG, "tiny_carrier/config.json")
)


@pytest.fixture
def tiny_manifest() -> Manifest:
    return parse_manifest(TINY_MANIFEST)


@pytest.fixture
def tiny_wheel(tmp_path: Path) -> Path:
    return wheel(tmp_path / "tiny_carrier-1.0-py3-none-any.whl", TINY_MEMBERS)


@pytest.fixture
def fetch(tiny_wheel: Path) -> FakeFetch:
    return FakeFetch(tiny_wheel)


@pytest.fixture
def store(tmp_path: Path, tiny_manifest: Manifest, fetch: FakeFetch) -> ModelStore:
    return ModelStore(tmp_path / "root", manifest=tiny_manifest, local={}, fetch=fetch)


@pytest.fixture
def make_wheel() -> Callable[[Path, dict[str, bytes]], Path]:
    return wheel


@pytest.fixture
def make_manifest() -> Callable[..., Manifest]:
    """(files by name -> (content, members), more keys) -> a manifest of one model, ``tiny``."""

    def build(files: dict[str, tuple[bytes, tuple[str, ...]]]) -> Manifest:
        tables = "".join(file_table(n, c, *members) for n, (c, members) in files.items())
        return parse_manifest(manifest_text(tables))

    return build


@pytest.fixture
def tiny_manifest_text() -> str:
    return TINY_MANIFEST


@pytest.fixture
def weights() -> bytes:
    return WEIGHTS


@pytest.fixture
def leftovers(tmp_path: Path) -> Callable[[], list[Path]]:
    """Every path in the store but locks and the empty staging folder."""

    def look() -> list[Path]:
        root = tmp_path / "root"
        found = [path for path in root.rglob("*") if ".locks" not in path.parts]
        return sorted(path.relative_to(root) for path in found if path.name != ".staging")

    return look
