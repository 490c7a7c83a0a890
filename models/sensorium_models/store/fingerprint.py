"""What a model's answers depend on: its weight files, each by its sha256. Recordings hold it."""

from __future__ import annotations

from pathlib import Path

from sensorium.errors import SensoriumError
from sensorium_models.store.files import sha256_of
from sensorium_models.store.store import ModelStore, paths_from_environment

LARGEST = 1 << 30  # bytes; a larger file is named by its size: hashing it takes seconds


def weights_of(weights: str | Path, *files: str) -> dict[str, str]:
    """sha256 by file of a store name, or of a file or folder of the user's own.

    ``files`` are those that are used, all of them by default. A store's hashes are its manifest's,
    which it checks when it installs; the user's own files are read. What is missing is left out.
    """
    path = Path(weights).expanduser()
    if path.exists():
        return _hashed(path)
    store, name = ModelStore(), str(weights)
    try:
        entry = store.entry(name)
        if name in paths_from_environment():
            return _hashed(store.path(name))
    except SensoriumError:
        return {}
    found: dict[str, str] = {}
    for file in entry.files:
        if not files or file.name in files:
            found |= {f"{name}/{file.name}": file.sha256} if file.sha256 else {}
    return found


def _hashed(path: Path) -> dict[str, str]:
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return {str(file.relative_to(path.parent)): _sha256(file) for file in files if file.is_file()}


def _sha256(path: Path) -> str:
    size = path.stat().st_size
    if size > LARGEST:
        return f"{size} bytes, not hashed"
    return sha256_of(path)
